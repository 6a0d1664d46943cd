//! The settings about errors: what becomes of a record that cannot be read, processed or written, and of one that an
//! operator drops.

use std::collections::BTreeSet;
use std::time::Duration;

use super::parse::word;
use crate::drop_reason::DropReason;

/// What becomes of a record with which something has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnError {
    /// `fail`: nothing is committed, and the application ends with an error that names the record. The next start
    /// processes it again.
    #[default]
    Fail,
    /// `skip`: it is as if the record were not there. It is counted and logged.
    Skip,
    /// `dead-letter`: as `skip`, and the record is written to the dead letter topic, in the same transaction.
    DeadLetter,
    /// Processed again after this time, for the answers of handlers in code. A setting cannot say it;
    /// `processing.exception.retries` does.
    Retry(Duration),
}

/// What becomes of a record whose timestamp is too far ahead of the clock. Processed as it is, it would close all windows
/// before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnFuture {
    /// `fail`: the application ends with an error that names the record.
    #[default]
    Fail,
    /// `skip`: it is as if the record were not there. It is counted and logged.
    Skip,
    /// `clamp`: it is processed with the clock's time.
    Clamp,
    /// `dead-letter`: as `skip`, and the record is written to the dead letter topic, in the same transaction.
    DeadLetter,
}

/// What becomes of records that cannot be read, processed or written, and of those that operators drop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ErrorSettings {
    /// `deserialization.exception.handler`: for a record whose bytes cannot be read, or that has no valid timestamp.
    pub undecodable: OnError,
    /// `processing.exception.handler`: for a record with which the application's code fails or panics.
    pub processing: OnError,
    /// `production.exception.handler`: for a record of which something is made that cannot be encoded, or that its topic
    /// does not accept.
    pub production: OnError,
    /// `processing.exception.retries`, which Java does not have: how often a record with which the application's code
    /// fails is processed again, before the handler has the last word. Default 0.
    pub retries: u32,
    /// `processing.exception.retry.backoff.ms`: the pause before the first time. Each further pause is twice as long.
    /// Default 100 milliseconds.
    pub retry_backoff: Duration,
    /// `processing.exception.retry.backoff.max.ms`: the longest pause. Default 10 seconds.
    pub retry_backoff_max: Duration,
    /// `errors.dead.letter.queue.topic.name`: where dead letters are written. It must exist.
    pub dead_letter_topic: Option<String>,
    /// `errors.dead.letter.queue.drops`, which Java does not have (KIP-1328): records that are dropped for these reasons
    /// become dead letters, too. Default: none.
    pub dead_letter_drops: BTreeSet<DropReason>,
    /// `timestamp.future.max.ms`, which Java does not have: how far ahead of the clock a record's timestamp may be. `None`
    /// (`off`), the default, is Java's rule: any time is valid.
    pub future_max: Option<Duration>,
    /// `timestamp.future.handler`: for a record that is further ahead.
    pub future: OnFuture,
}

impl Default for ErrorSettings {
    fn default() -> Self {
        Self {
            undecodable: OnError::Fail,
            processing: OnError::Fail,
            production: OnError::Fail,
            retries: 0,
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(10),
            dead_letter_topic: None,
            dead_letter_drops: BTreeSet::new(),
            future_max: None,
            future: OnFuture::Fail,
        }
    }
}

impl ErrorSettings {
    /// The setting that asks for dead letters, if one does.
    pub(crate) fn wants_dead_letters(&self) -> Option<&'static str> {
        let handlers = [
            ("deserialization.exception.handler", self.undecodable == OnError::DeadLetter),
            ("processing.exception.handler", self.processing == OnError::DeadLetter),
            ("production.exception.handler", self.production == OnError::DeadLetter),
            ("timestamp.future.handler", self.future == OnFuture::DeadLetter),
            ("errors.dead.letter.queue.drops", !self.dead_letter_drops.is_empty()),
        ];
        handlers.into_iter().find(|(_, wants)| *wants).map(|(setting, _)| setting)
    }
}

pub(super) const ANSWERS: &[(&str, OnError)] =
    &[("fail", OnError::Fail), ("skip", OnError::Skip), ("dead-letter", OnError::DeadLetter)];

pub(super) const FUTURES: &[(&str, OnFuture)] = &[
    ("fail", OnFuture::Fail),
    ("skip", OnFuture::Skip),
    ("clamp", OnFuture::Clamp),
    ("dead-letter", OnFuture::DeadLetter),
];

/// Java takes a class here; for its built-in classes, the error says which word to write.
pub(super) fn answer(value: &str) -> Result<OnError, String> {
    let value = value.trim();
    let class = value.rsplit('.').next().unwrap_or(value);
    let instead = match class {
        "LogAndFailExceptionHandler" | "LogAndFailProcessingExceptionHandler" | "DefaultProductionExceptionHandler" => {
            "write `fail` instead of Java's class"
        }
        "LogAndContinueExceptionHandler" | "LogAndContinueProcessingExceptionHandler" => {
            "write `skip` or `dead-letter` instead of Java's class"
        }
        _ if value.contains('.') => {
            "Java classes cannot be used; write `fail`, `skip` or `dead-letter`, or give the application a handler with \
             `.handle_errors(..)`"
        }
        _ => return word(value, ANSWERS),
    };
    Err(instead.to_owned())
}

/// Reasons by their names, separated by commas.
pub(super) fn reasons(value: &str) -> Result<BTreeSet<DropReason>, String> {
    let named: Vec<_> = DropReason::DEAD_LETTERS.iter().map(|reason| (reason.label(), *reason)).collect();
    let words = value.split(',').map(str::trim).filter(|word| !word.is_empty());
    words.map(|one| word(one, &named)).collect()
}

/// As [`reasons`] reads them.
pub(super) fn show_reasons(reasons: &BTreeSet<DropReason>) -> String {
    reasons.iter().map(|reason| reason.label()).collect::<Vec<_>>().join(",")
}
