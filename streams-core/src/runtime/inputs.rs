//! Whether the topics that tasks read are still there.
//!
//! The group shares out no tasks of a topic that is gone. If it takes them away before their worker meets the
//! missing topic, nobody else would: so each assignment is followed by this question.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::AppError;
use crate::log::{Admin, GroupPlan, LogError, LogErrorKind, Reply, TopicInfo};

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// A broker may not have heard yet of a topic that was just created: so often it may say that there is none.
const MISSES_MAX: u32 = 5;

/// Asks for the topics of the group's tasks.
pub(super) struct InputCheck {
    admin: Arc<dyn Admin>,
    topics: Vec<String>,
    question: Question,
    misses: u32,
}

enum Question {
    None,
    /// To be asked from then on.
    Due(Duration),
    Asked(Reply<Result<Vec<TopicInfo>, LogError>>),
}

impl InputCheck {
    pub(super) fn new(admin: Arc<dyn Admin>, plan: &GroupPlan) -> Self {
        let topics = plan.topics().iter().map(ToString::to_string).collect();
        Self { admin, topics, question: Question::None, misses: 0 }
    }

    /// Begins anew: an answer that is on its way may be about the time before.
    pub(super) fn begin(&mut self, now: Duration) {
        self.question = Question::Due(now);
        self.misses = 0;
    }

    /// An error that names a topic that is gone.
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
