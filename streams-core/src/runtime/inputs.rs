//! Checks whether the topics that tasks read still exist.
//!
//! The group assigns no tasks of a deleted topic. If it takes them away before their worker notices that the topic is
//! missing, nobody else would notice either. So every assignment is followed by this check.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::AppError;
use crate::log::{Admin, GroupPlan, LogError, LogErrorKind, Reply, TopicInfo};

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How often a broker may report a topic as missing: it may not know yet about one that was just created.
const MISSES_MAX: u32 = 5;

/// Looks up the topics of the group's tasks.
pub(super) struct InputCheck {
    admin: Arc<dyn Admin>,
    topics: Vec<String>,
    question: Question,
    misses: u32,
}

enum Question {
    None,
    /// The next request is due at that time.
    Due(Duration),
    Asked(Reply<Result<Vec<TopicInfo>, LogError>>),
}

impl InputCheck {
    pub(super) fn new(admin: Arc<dyn Admin>, plan: &GroupPlan) -> Self {
        let topics = plan.topics().iter().map(ToString::to_string).collect();
        Self { admin, topics, question: Question::None, misses: 0 }
    }

    /// Starts over: an outstanding answer may be outdated.
    pub(super) fn begin(&mut self, now: Duration) {
        self.question = Question::Due(now);
        self.misses = 0;
    }

    /// Advances the check. The error names the missing topic.
    pub(super) fn step(&mut self, now: Duration) -> Result<(), AppError> {
        if matches!(self.question, Question::Due(at) if now >= at) {
            self.question = Question::Asked(self.admin.topics(Some(self.topics.clone())));
        }
        let Question::Asked(reply) = &mut self.question else { return Ok(()) };
        let Poll::Ready(answer) = reply.poll() else { return Ok(()) };
        let Some(Ok(found)) = answer else {
            self.question = Question::Due(now + RETRY_AFTER);
            return Ok(());
        };
        self.question = Question::None;
        match self.topics.iter().find(|topic| found.iter().all(|found| found.name != **topic)) {
            Some(_) if self.misses < MISSES_MAX => {
                self.misses += 1;
                self.question = Question::Due(now + RETRY_AFTER);
                Ok(())
            }
            Some(gone) => {
                let error = LogError::new(LogErrorKind::UnknownTopic, "it does not exist");
                Err(AppError::log(format!("reading topic `{gone}`"), error))
            }
            None => Ok(()),
        }
    }
}
