//! Finds out whether the log can be reached.
//!
//! A member without answers only knows that something is wrong: one broker of three may be down, or all of them. So a
//! small request is repeated until the log answers. Only the state that users see and what they are told depend on
//! the result; everything that needs the log does its own retries.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::outage::Outage;
use crate::log::{Admin, LogError, Reply, TopicInfo};

/// How long to wait before repeating the request.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Checks whether the log can be reached once there is doubt.
pub(crate) struct Reach {
    admin: Arc<dyn Admin>,
    question: Option<Reply<Result<Vec<TopicInfo>, LogError>>>,
    ask_at: Option<Duration>,
    topics: Vec<String>,
    outage: Outage,
}

impl Reach {
    /// When in doubt, looks up one of these topics. `log` describes the log for people.
    pub(crate) fn new(admin: Arc<dyn Admin>, log: String, topics: impl IntoIterator<Item = String>) -> Self {
        let topics = topics.into_iter().take(1).collect();
        Self { admin, question: None, ask_at: None, topics, outage: Outage::of(log) }
    }

    /// Call this when something could not reach the log at `now`.
    pub(crate) fn doubt(&mut self, now: Duration) {
        if self.question.is_none() {
            self.ask_at.get_or_insert(now);
        }
    }

    /// Whether the log is known to be out of reach.
    pub(crate) const fn is_lost(&self) -> bool {
        self.outage.lasts()
    }

    /// Sends the request if there is doubt, and handles the answer.
    pub(crate) fn step(&mut self, now: Duration) {
        if self.ask_at.is_some_and(|at| now >= at) {
            self.ask_at = None;
            self.question = Some(self.admin.topics(Some(self.topics.clone())));
        }
        let Some(question) = &mut self.question else { return };
        let Poll::Ready(answer) = question.poll() else { return };
        self.question = None;
        match answer {
            // Any other answer, even an error, shows that the log can be reached.
            Some(answer) if !answer.as_ref().is_err_and(LogError::is_transient) => {
                self.outage.is_over(now);
            }
            answer => {
                self.outage.goes_on(now, answer.and_then(Result::err).as_ref());
                self.ask_at = Some(now + ASK_AGAIN_AFTER);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{CommittedOffset, GroupMemberInfo, Isolation, LogErrorKind, NewTopic};
    use crate::record::{Offset, Timestamp, TopicPartition};
    use std::sync::atomic::{AtomicBool, Ordering};

    /// Answers lookups of topics unless it is switched off.
    struct There(AtomicBool);

    type Answer<T> = Reply<Result<T, LogError>>;

    fn nothing<T>() -> Answer<T> {
        Reply::ready(Err(LogError::new(LogErrorKind::Other, "nobody asks this")))
    }

    impl Admin for There {
        fn topics(&self, _: Option<Vec<String>>) -> Answer<Vec<TopicInfo>> {
            Reply::ready(match self.0.load(Ordering::SeqCst) {
                true => Ok(Vec::new()),
                false => Err(LogError::new(LogErrorKind::Unavailable, "no broker")),
            })
        }

        fn topic_configs(&self, _: &str) -> Answer<Vec<(String, String)>> {
            nothing()
        }

        fn create_topics(&self, _: Vec<NewTopic>) -> Answer<Vec<Result<(), LogError>>> {
            nothing()
        }

        fn delete_topics(&self, _: Vec<String>) -> Answer<Vec<Result<(), LogError>>> {
            nothing()
        }

        fn start_offsets(&self, _: Vec<TopicPartition>) -> Answer<Vec<Offset>> {
            nothing()
        }

        fn end_offsets(&self, _: Vec<TopicPartition>, _: Isolation) -> Answer<Vec<Offset>> {
            nothing()
        }

        fn offsets_at(&self, _: Vec<TopicPartition>, _: Timestamp) -> Answer<Vec<Offset>> {
            nothing()
        }

        fn delete_records(&self, _: Vec<(TopicPartition, Offset)>) -> Answer<()> {
            nothing()
        }

        fn committed(&self, _: &str, _: Vec<TopicPartition>) -> Answer<Vec<Option<CommittedOffset>>> {
            nothing()
        }

        fn group_members(&self, _: &str) -> Answer<Vec<GroupMemberInfo>> {
            nothing()
        }

        fn delete_group(&self, _: &str) -> Answer<()> {
            nothing()
        }
    }

    #[test]
    fn doubt_is_settled_by_asking_until_the_log_answers() {
        let log = Arc::new(There(AtomicBool::new(true)));
        let mut reach = Reach::new(Arc::clone(&log) as Arc<dyn Admin>, "a log".to_owned(), ["lines".to_owned()]);
        let mut lost_at = |there: bool, doubt: bool, ms: u64| {
            log.0.store(there, Ordering::SeqCst);
            let now = Duration::from_millis(ms);
            if doubt {
                reach.doubt(now);
            }
            reach.step(now);
            reach.is_lost()
        };
        assert!(!lost_at(false, false, 0), "nobody doubts, so nobody asks");
        assert!(!lost_at(true, true, 10), "one broker of three is away: the log is there");
        assert!(lost_at(false, true, 20));
        assert!(lost_at(true, true, 500), "asked again after a second, however often it is doubted");
        assert!(lost_at(false, false, 1_020));
        assert!(!lost_at(true, false, 2_020));
        assert!(!lost_at(false, false, 9_999), "there is no doubt any more");
    }
}
