//! The log of a running application, through its port: topics can be looked at and created, records read and written.
//!
//! It is no place for an application to run on: it has no groups and no transactions of its own.

use std::sync::Arc;

use streams_core::log::{
    Admin, Consumer, ConsumerOptions, Doorbell, Log, LogError, LogErrorKind, Member, MemberOptions, Producer,
    ProducerOptions,
};

use super::{CallError, Found};
use admin::AdminOfRunning;
use consumer::ConsumerOfRunning;
use producer::ProducerOfRunning;

mod admin;
mod consumer;
mod producer;

/// The log of a running application.
#[derive(Debug, Clone)]
pub(crate) struct LogOfRunning(pub(crate) Found);

impl Log for LogOfRunning {
    fn describe(&self) -> String {
        self.0.log.clone()
    }

    fn consumer(&self, _: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        Ok(Box::new(ConsumerOfRunning::new(Arc::clone(&self.0.caller), doorbell)))
    }

    fn producer(&self, options: ProducerOptions, _: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        match options.transactional_id {
            None => Ok(Box::new(ProducerOfRunning::new(Arc::clone(&self.0.caller)))),
            Some(_) => Err(self.not_here("transactions")),
        }
    }

    fn member(&self, _: MemberOptions, _: Doorbell) -> Result<Box<dyn Member>, LogError> {
        Err(self.not_here("groups"))
    }

    fn admin(&self, _: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(AdminOfRunning(self.0.clone())))
    }

    fn commits_at_once(&self) -> bool {
        true
    }
}

impl LogOfRunning {
    fn not_here(&self, what: &str) -> LogError {
        let Found { application_id, log, .. } = &self.0;
        let message =
            format!("{log} is the running application's own, `{application_id}`: stop it to use {what} there");
        LogError::new(LogErrorKind::InUse, message)
    }
}

impl From<CallError> for LogError {
    fn from(error: CallError) -> Self {
        let (message, ended) = (error.to_string(), "the application that runs the log has ended or cannot be reached");
        let kind = match &error {
            // There is nothing to wait for.
            CallError::Unreachable(reason) => return Self::new(LogErrorKind::Other, format!("{ended}: {reason}")),
            CallError::Refused { code, .. } if code == "not_running" => return Self::new(LogErrorKind::Other, ended),
            CallError::Refused { code, .. } => match code.as_str() {
                "unknown_topic" => LogErrorKind::UnknownTopic,
                "topic_exists" => LogErrorKind::TopicExists,
                "too_large" => LogErrorKind::TooLarge,
                "busy" | "log_silent" => LogErrorKind::Unavailable,
                "denied" => LogErrorKind::Denied,
                "bad_request" | "refused" | "internal" => LogErrorKind::Invalid,
                _ => LogErrorKind::Other,
            },
        };
        Self::new(kind, message)
    }
}

/// What is missing in an answer. The server is of another version.
fn incomplete(what: &str) -> LogError {
    let message = format!("the running application does not say {what}: is it of another version than this program?");
    LogError::new(LogErrorKind::Other, message)
}
