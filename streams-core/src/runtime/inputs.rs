//! Checks whether the topics that tasks read still exist.
//!
//! The group assigns no tasks of a deleted topic. If it takes them away before their worker notices that the topic is
//! missing, nobody else would notice either. So every assignment is followed by this check.

use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::inquiry::Inquiry;
use super::plan::Plan;
use crate::log::{Admin, LogError, LogErrorKind, TopicInfo};

/// Looks up the topics of the group's tasks.
pub(super) struct InputCheck {
    admin: Arc<dyn Admin>,
    topics: Vec<String>,
    inquiry: Inquiry<Vec<TopicInfo>>,
}

impl InputCheck {
    /// Topics that are read because they match a pattern may be deleted.
    pub(super) fn new(admin: Arc<dyn Admin>, plan: &Plan) -> Self {
        let topics = plan.group.topics();
        let topics = topics.iter().filter(|topic| !plan.matched.contains(topic)).map(ToString::to_string).collect();
        Self { admin, topics, inquiry: Inquiry::idle() }
    }

    /// Starts over: an outstanding answer may be outdated.
    pub(super) fn begin(&mut self, now: Duration) {
        self.inquiry.begin(now);
    }

    /// Advances the check. The error names the missing topic.
    pub(super) fn step(&mut self, now: Duration) -> Result<(), AppError> {
        match self.inquiry.step(now, || self.admin.topics(Some(self.topics.clone()))) {
            Some(Ok(found)) => self.check(&found, now),
            Some(Err(_)) => {
                self.inquiry.again(now);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn check(&mut self, found: &[TopicInfo], now: Duration) -> Result<(), AppError> {
        match self.topics.iter().find(|topic| found.iter().all(|found| found.name != **topic)) {
            Some(gone) if self.inquiry.believes_a_miss(now) => {
                let error = LogError::new(LogErrorKind::UnknownTopic, "it does not exist");
                Err(AppError::log(format!("reading topic `{gone}`"), error))
            }
            Some(_) | None => Ok(()),
        }
    }
}
