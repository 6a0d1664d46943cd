//! Decides what becomes of a record with which something has failed: the application's handler, if it has one, and
//! otherwise the settings.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use crate::config::{ErrorSettings, OnError};
use crate::log::{BatchBuilder, LogErrorKind, RecordRef};
use crate::operators::{Contained, DropReason, Judged, OperatorError, Verdict};
use crate::record::{Headers, Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::AppError;

/// What was being done with a record when it failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Stage {
    /// Its bytes were read (`deserialization.exception.handler`).
    Deserialization,
    /// The application's code ran (`processing.exception.handler`).
    Processing,
    /// What was made of it was encoded or sent (`production.exception.handler`).
    Production,
}

impl Stage {
    /// The stage of an error about which the application may decide; `None` if going on would not be safe, because not a
    /// record but a store, a topic or the log is at fault.
    pub(crate) const fn of(error: &OperatorError) -> Option<Self> {
        match error {
            OperatorError::Decode { .. } | OperatorError::NegativeTimestamp(_) => Some(Self::Deserialization),
            OperatorError::NoTimestamp { .. }
            | OperatorError::NoTopic { .. }
            | OperatorError::Partition { .. }
            | OperatorError::NoChild { .. }
            | OperatorError::Schedule { .. }
            | OperatorError::TooSlow { .. }
            | OperatorError::Refused { .. }
            | OperatorError::Invalid { .. }
            | OperatorError::Panic { .. } => Some(Self::Processing),
            OperatorError::Encode { .. } => Some(Self::Production),
            OperatorError::Send { error, .. } => match error.kind {
                LogErrorKind::TooLarge | LogErrorKind::Timestamp(_) => Some(Self::Production),
                _ => None,
            },
            // Of a record that is too far ahead, a setting of its own has decided that it is an error.
            // Of one that a handler has given up, everything is decided.
            OperatorError::TooFarAhead { .. }
            | OperatorError::Store { .. }
            | OperatorError::BufferFull { .. }
            | OperatorError::GivenUp { .. } => None,
        }
    }

    /// As what a record is counted that is left out.
    pub(crate) const fn reason(self, error: &OperatorError) -> DropReason {
        match (self, error) {
            (Self::Deserialization, OperatorError::NegativeTimestamp(_)) => DropReason::NegativeTimestamp,
            (Self::Deserialization, _) => DropReason::Undecodable,
            (Self::Processing, OperatorError::Invalid { .. }) => DropReason::Invalid,
            (Self::Processing, _) => DropReason::Failed,
            (Self::Production, _) => DropReason::Unwritable,
        }
    }
}

/// A record with which something has failed, for the application's handler
/// ([`App::handle_errors`](crate::runtime::App::handle_errors)).
#[derive(Debug)]
pub struct FailedRecord<'a> {
    task: TaskId,
    partition: &'a TopicPartition,
    offset: Offset,
    record: Option<RecordRef<'a>>,
    stage: Stage,
    error: &'a OperatorError,
    attempts: u32,
    answer: OnError,
}

impl<'a> FailedRecord<'a> {
    /// The task that processes the record.
    #[must_use]
    pub const fn task(&self) -> TaskId {
        self.task
    }

    /// The record's topic.
    #[must_use]
    pub fn topic(&self) -> &'a str {
        &self.partition.topic
    }

    /// The record's partition.
    #[must_use]
    pub const fn partition(&self) -> &'a TopicPartition {
        self.partition
    }

    /// The record's offset.
    #[must_use]
    pub const fn offset(&self) -> Offset {
        self.offset
    }

    /// The record's timestamp; `None` if the record is not at hand any more, as when it took too long.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        self.record.as_ref().map(|record| record.timestamp)
    }

    /// The bytes of the record's key; `None` if it is null, or if the record is not at hand any more.
    #[must_use]
    pub fn key(&self) -> Option<&'a [u8]> {
        self.record.as_ref()?.key
    }

    /// The bytes of the record's value; `None` if it is null, or if the record is not at hand any more.
    #[must_use]
    pub fn value(&self) -> Option<&'a [u8]> {
        self.record.as_ref()?.value
    }

    /// The record's headers.
    #[must_use]
    pub fn headers(&self) -> Headers {
        self.record.as_ref().map_or_else(Headers::new, RecordRef::headers)
    }

    /// What was being done.
    #[must_use]
    pub const fn stage(&self) -> Stage {
        self.stage
    }

    /// The node with which it failed, if it was a node.
    #[must_use]
    pub fn node(&self) -> Option<&'a str> {
        self.error.node()
    }

    /// What has failed.
    #[must_use]
    pub const fn error(&self) -> &'a OperatorError {
        self.error
    }

    /// How often it was tried again before.
    #[must_use]
    pub const fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What the settings say.
    #[must_use]
    pub const fn answer(&self) -> OnError {
        self.answer
    }
}

/// Where a failure came from.
#[derive(Debug)]
pub(crate) struct Cause<'a> {
    pub(crate) task: TaskId,
    pub(crate) partition: &'a TopicPartition,
    pub(crate) offset: Offset,
    /// `None` if it is not at hand any more.
    pub(crate) record: Option<RecordRef<'a>>,
    pub(crate) error: &'a OperatorError,
    pub(crate) attempts: u32,
}

/// The application's handler.
pub(crate) type Handler = Arc<dyn Fn(&FailedRecord<'_>) -> OnError + Send + Sync>;

/// What becomes of a worker with an error that no other handler has taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Uncaught {
    /// The instance ends with the error, and its tasks go to others. (Java: `SHUTDOWN_CLIENT`)
    #[default]
    StopInstance,
    /// The worker begins again: its tasks are opened again, and do the work since the last commit again. There is a pause
    /// before that, which is longer each time as long as nothing can be committed. (Java: `REPLACE_THREAD`)
    RestartWorker,
    /// The instance ends with the error, and so do all others of the application that are members of its group now, with
    /// [`AppError::StoppedByMember`]: they commit, leave, and stay away until they are started again. (Java:
    /// `SHUTDOWN_APPLICATION`)
    ///
    /// They learn it from the group within seconds, if they may describe it; an instance that is cut off from the log
    /// at that moment does not. One that is started meanwhile is not meant.
    StopApplication,
}

/// The application's decision about errors that no other handler takes.
pub(crate) type UncaughtHandler = Arc<dyn Fn(&AppError) -> Uncaught + Send + Sync>;

/// The settings and the handlers.
#[derive(Clone, Default)]
pub(crate) struct ErrorPolicy {
    pub(crate) settings: ErrorSettings,
    pub(crate) handler: Option<Handler>,
    pub(crate) uncaught: Option<UncaughtHandler>,
}

impl fmt::Debug for ErrorPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ErrorPolicy").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ErrorPolicy {
    /// The settings alone.
    pub(crate) const fn of(settings: ErrorSettings) -> Self {
        Self { settings, handler: None, uncaught: None }
    }

    /// Whether the application may go on after a record with which its code fails, or of which something unwritable is made.
    pub(crate) fn may_go_on(&self) -> bool {
        let ErrorSettings { processing, production, retries, .. } = &self.settings;
        self.handler.is_some() || *retries > 0 || *processing != OnError::Fail || *production != OnError::Fail
    }

    /// What becomes of a record. Whether it is processed again does not depend on what has failed.
    pub(crate) fn answer(&self, cause: &Cause<'_>) -> OnError {
        let Some(stage) = Stage::of(cause.error) else { return OnError::Fail };
        let answer = match cause.error {
            // Its value stays the same.
            OperatorError::Invalid { .. } => self.last_word(stage),
            _ => self.setting(stage, cause.attempts),
        };
        let answer = match &self.handler {
            None => answer,
            Some(handler) => handler(&FailedRecord {
                task: cause.task,
                partition: cause.partition,
                offset: cause.offset,
                record: cause.record,
                stage,
                error: cause.error,
                attempts: cause.attempts,
                answer,
            }),
        };
        self.possible(answer)
    }

    /// Without a topic for them there are no dead letters.
    fn possible(&self, answer: OnError) -> OnError {
        if answer == OnError::DeadLetter && self.settings.dead_letter_topic.is_none() {
            tracing::error!(
                "a handler wants a dead letter, but `errors.dead.letter.queue.topic.name` is not set: it counts as a failure"
            );
            return OnError::Fail;
        }
        answer
    }

    /// What becomes of a record with which an asynchronous handler has failed, if it does not say that itself. The
    /// application's handler of errors sees it as the input record that it was made of.
    pub(crate) fn judge(&self, task: TaskId, judged: &Judged<'_>) -> Verdict {
        let Judged { accepted, error, may_retry } = *judged;
        let again = accepted.attempts.saturating_sub(1);
        let answer = if may_retry { self.setting(Stage::Processing, again) } else { self.settings.processing };
        let answer = match (&self.handler, &accepted.position) {
            (Some(handler), Some(position)) => {
                let partition = TopicPartition { topic: Arc::clone(&position.topic), partition: position.partition };
                let mut batch = BatchBuilder::default();
                let (key, value) = (accepted.key.as_deref(), accepted.value.as_deref());
                batch.push(position.offset, accepted.timestamp, key, value, &accepted.headers);
                let batch = batch.finish(position.offset.next());
                handler(&FailedRecord {
                    task,
                    partition: &partition,
                    offset: position.offset,
                    record: batch.get(0),
                    stage: Stage::Processing,
                    error,
                    attempts: again,
                    answer,
                })
            }
            _ => answer,
        };
        match self.possible(answer) {
            OnError::Fail => Verdict::Fail,
            OnError::Skip => Verdict::Skip,
            OnError::DeadLetter => Verdict::DeadLetter,
            OnError::Retry(pause) => Verdict::Again(pause),
        }
    }

    /// What becomes of something that no record can be left out for. The handler is not asked, because it decides about
    /// records.
    pub(crate) fn contained(&self, error: &OperatorError) -> Option<Contained> {
        let stage = Stage::of(error)?;
        let is_dead_letter = match self.last_word(stage) {
            OnError::Fail | OnError::Retry(_) => return None,
            OnError::Skip => false,
            OnError::DeadLetter => true,
        };
        Some(Contained { reason: stage.reason(error), is_dead_letter })
    }

    /// What becomes of a worker with an error. A handler that panics has not decided.
    pub(crate) fn uncaught(&self, error: &AppError) -> Uncaught {
        let decided = self.uncaught.as_ref().map(|decide| catch_unwind(AssertUnwindSafe(|| decide(error))));
        decided.and_then(Result::ok).unwrap_or_default()
    }

    fn setting(&self, stage: Stage, attempts: u32) -> OnError {
        if stage == Stage::Processing && attempts < self.settings.retries {
            return OnError::Retry(self.backoff(attempts));
        }
        self.last_word(stage)
    }

    const fn last_word(&self, stage: Stage) -> OnError {
        match stage {
            Stage::Deserialization => self.settings.undecodable,
            Stage::Processing => self.settings.processing,
            Stage::Production => self.settings.production,
        }
    }

    /// The pause before a record is processed for the next time.
    fn backoff(&self, attempts: u32) -> Duration {
        let doubled = 2_u32.checked_pow(attempts).and_then(|times| self.settings.retry_backoff.checked_mul(times));
        doubled.unwrap_or(Duration::MAX).min(self.settings.retry_backoff_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::LogError;
    use crate::record::Partition;
    use crate::state::{StoreError, StoreErrorKind};

    const TASK: TaskId = TaskId { subtopology: 0, partition: Partition(1) };

    fn refused() -> OperatorError {
        OperatorError::Refused { node: "CHECK".into(), reason: "no price".into() }
    }

    fn send(kind: LogErrorKind) -> OperatorError {
        OperatorError::Send { node: "SINK".into(), error: LogError::new(kind, "no") }
    }

    fn answer(policy: &ErrorPolicy, error: &OperatorError, attempts: u32) -> OnError {
        let partition = TopicPartition::new("in", 1);
        policy.answer(&Cause { task: TASK, partition: &partition, offset: Offset(7), record: None, error, attempts })
    }

    #[test]
    fn each_stage_has_its_setting_and_what_is_no_records_fault_always_fails() {
        let settings = ErrorSettings {
            undecodable: OnError::Skip,
            processing: OnError::DeadLetter,
            production: OnError::Skip,
            dead_letter_topic: Some("dead".into()),
            ..ErrorSettings::default()
        };
        let policy = ErrorPolicy::of(settings);
        let store = StoreError::new(StoreErrorKind::Other, "full");
        for (error, expected, reason) in [
            (OperatorError::NegativeTimestamp(-1), OnError::Skip, Some(DropReason::NegativeTimestamp)),
            (refused(), OnError::DeadLetter, Some(DropReason::Failed)),
            (OperatorError::Panic { node: None, message: "no".into() }, OnError::DeadLetter, Some(DropReason::Failed)),
            (send(LogErrorKind::TooLarge), OnError::Skip, Some(DropReason::Unwritable)),
            (send(LogErrorKind::Denied), OnError::Fail, None),
            (send(LogErrorKind::Unavailable), OnError::Fail, None),
            (OperatorError::Store { node: "SUM".into(), error: store }, OnError::Fail, None),
        ] {
            assert_eq!(answer(&policy, &error, 0), expected, "{error}");
            let contained = policy.contained(&error);
            assert_eq!(contained.map(|contained| contained.reason), reason, "{error}");
            assert_eq!(contained.is_some_and(|contained| contained.is_dead_letter), expected == OnError::DeadLetter);
        }
    }

    #[test]
    fn a_record_is_tried_again_after_longer_and_longer_pauses_before_the_setting_has_the_last_word() {
        let ms = Duration::from_millis;
        let settings = ErrorSettings {
            processing: OnError::Skip,
            retries: 5,
            retry_backoff: ms(100),
            retry_backoff_max: ms(500),
            ..ErrorSettings::default()
        };
        let policy = ErrorPolicy::of(settings);
        let answers: Vec<_> = (0..7).map(|attempts| answer(&policy, &refused(), attempts)).collect();
        let pause = |millis| OnError::Retry(ms(millis));
        assert_eq!(answers, [pause(100), pause(200), pause(400), pause(500), pause(500), OnError::Skip, OnError::Skip]);
        assert_eq!(answer(&policy, &OperatorError::NegativeTimestamp(-1), 0), OnError::Fail, "the bytes stay the same");
        assert_eq!(policy.backoff(u32::MAX), ms(500));
    }

    #[test]
    fn a_handler_decides_knowing_what_the_settings_say_and_cannot_have_dead_letters_without_a_topic() {
        let handler: Handler = Arc::new(|failed| {
            assert_eq!((failed.task(), failed.topic(), failed.offset()), (TASK, "in", Offset(7)));
            assert_eq!((failed.key(), failed.timestamp(), failed.answer()), (None, None, OnError::Fail));
            match (failed.stage(), failed.node(), failed.attempts()) {
                (Stage::Processing, Some("CHECK"), 0) => OnError::Retry(Duration::ZERO),
                (Stage::Processing, ..) => OnError::Skip,
                _ => OnError::DeadLetter,
            }
        });
        let mut policy = ErrorPolicy { handler: Some(handler), ..ErrorPolicy::default() };
        assert_eq!(answer(&policy, &refused(), 0), OnError::Retry(Duration::ZERO));
        assert_eq!(answer(&policy, &refused(), 1), OnError::Skip);
        assert_eq!(answer(&policy, &send(LogErrorKind::TooLarge), 0), OnError::Fail);
        assert_eq!(answer(&policy, &send(LogErrorKind::Denied), 0), OnError::Fail, "it is not asked");
        policy.settings.dead_letter_topic = Some("dead".into());
        assert_eq!(answer(&policy, &send(LogErrorKind::TooLarge), 0), OnError::DeadLetter);
    }

    #[test]
    fn who_does_not_decide_about_an_error_that_nobody_takes_ends_the_instance() {
        let error = AppError::NotRead { topic: "in".into(), reads: Vec::new() };
        let of =
            |decide: fn(&AppError) -> Uncaught| ErrorPolicy { uncaught: Some(Arc::new(decide)), ..Default::default() };
        assert_eq!(ErrorPolicy::default().uncaught(&error), Uncaught::StopInstance);
        assert_eq!(of(|_| Uncaught::RestartWorker).uncaught(&error), Uncaught::RestartWorker);
        assert_eq!(of(|error| panic!("{error}")).uncaught(&error), Uncaught::StopInstance);
    }
}
