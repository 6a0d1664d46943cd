//! Topics that records are sent to although the topology does not name them: the application chooses them record by
//! record.
//!
//! The log is asked for such a topic when the first record goes to it. Where the log lets applications create their
//! output topics, a missing one is created; otherwise it is an error.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::inquiry::Inquiry;
use super::plan::Plan;
use crate::log::{Admin, LogError, LogErrorKind, NewTopic, Reply, TopicInfo};

/// The number of partitions of each topic that is known.
pub(crate) struct OutputTopics {
    known: BTreeMap<Arc<str>, u32>,
    asking: Asking,
}

enum Asking {
    /// Every topic exists, with one partition.
    Nobody,
    TheLog {
        admin: Arc<dyn Admin>,
        /// How many partitions a topic gets that does not exist; `None` if it is not created.
        creates: Option<u32>,
        question: Option<Question>,
    },
}

type CreatedReply = Reply<Result<Vec<Result<(), LogError>>, LogError>>;

/// The topic that is being looked up.
struct Question {
    topic: Arc<str>,
    inquiry: Inquiry<Vec<TopicInfo>>,
    creating: Option<CreatedReply>,
    created: bool,
}

impl OutputTopics {
    /// Asks the log for topics that are not in the plan.
    pub(crate) fn of(plan: &Plan, admin: Arc<dyn Admin>, creates: bool) -> Self {
        let creates = creates.then(|| plan.widest_input());
        Self { known: plan.partitions.clone(), asking: Asking::TheLog { admin, creates, question: None } }
    }

    /// Every topic exists and has one partition.
    pub(crate) const fn with_one_partition() -> Self {
        Self { known: BTreeMap::new(), asking: Asking::Nobody }
    }

    /// A topic's name and number of partitions, if they are known.
    pub(crate) fn known(&mut self, topic: &str) -> Option<(Arc<str>, u32)> {
        if let Asking::Nobody = self.asking {
            self.known.entry(topic.into()).or_insert(1);
        }
        self.known.get_key_value(topic).map(|(topic, partitions)| (Arc::clone(topic), *partitions))
    }

    /// Asks for a topic. Ready when it is known, or when it is certain that there is none.
    ///
    /// # Errors
    /// When the topic does not exist, or the log cannot say or create it.
    pub(crate) fn look_up(&mut self, topic: &Arc<str>, now: Duration) -> Poll<Result<(), LogError>> {
        if self.known(topic).is_some() {
            return Poll::Ready(Ok(()));
        }
        let Asking::TheLog { admin, creates, question } = &mut self.asking else { return Poll::Ready(Ok(())) };
        let is_new = question.as_ref().is_none_or(|question| question.topic != *topic);
        if is_new {
            *question = Some(Question::begin(topic, now));
        }
        let Some(asked) = question else { return Poll::Pending };
        match asked.step(&**admin, *creates, now) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(answer) => {
                *question = None;
                Poll::Ready(answer.map(|partitions| {
                    self.known.insert(Arc::clone(topic), partitions);
                }))
            }
        }
    }
}

impl Question {
    fn begin(topic: &Arc<str>, now: Duration) -> Self {
        let mut inquiry = Inquiry::idle();
        inquiry.begin(now);
        Self { topic: Arc::clone(topic), inquiry, creating: None, created: false }
    }

    /// The topic's number of partitions.
    fn step(&mut self, admin: &dyn Admin, creates: Option<u32>, now: Duration) -> Poll<Result<u32, LogError>> {
        if let Some(creating) = &mut self.creating {
            let Poll::Ready(answer) = creating.poll() else { return Poll::Pending };
            self.creating = None;
            let error = match answer {
                Some(Ok(mut topics)) => topics.pop().and_then(Result::err),
                Some(Err(error)) => Some(error),
                None => None,
            };
            if let Some(error) = error.filter(|error| !may_be_there(error)) {
                return Poll::Ready(Err(error));
            }
            self.inquiry.begin(now);
        }
        match self.inquiry.step(now, || admin.topics(Some(vec![self.topic.to_string()]))) {
            None => Poll::Pending,
            Some(Err(error)) if error.is_transient() => {
                self.inquiry.again(now);
                Poll::Pending
            }
            Some(Err(error)) => Poll::Ready(Err(error)),
            Some(Ok(found)) => match (found.iter().find(|topic| *topic.name == *self.topic), creates) {
                (Some(topic), _) => Poll::Ready(Ok(topic.partitions)),
                (None, Some(partitions)) if !std::mem::replace(&mut self.created, true) => {
                    tracing::info!(topic = &*self.topic, partitions, "output topic created");
                    let topic =
                        NewTopic { name: self.topic.to_string(), partitions, replication: None, configs: Vec::new() };
                    self.creating = Some(admin.create_topics(vec![topic]));
                    Poll::Pending
                }
                (None, _) if self.inquiry.believes_a_miss(now) => Poll::Ready(Err(self.missing())),
                (None, _) => Poll::Pending,
            },
        }
    }

    fn missing(&self) -> LogError {
        let message = format!("topic `{}` does not exist; create it, or choose another", self.topic);
        LogError::new(LogErrorKind::UnknownTopic, message)
    }
}

/// Whether a topic may be there although it was not created now.
fn may_be_there(error: &LogError) -> bool {
    error.kind == LogErrorKind::TopicExists || error.is_transient()
}
