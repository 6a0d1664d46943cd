//! What a task does with a record with which something fails, or has failed before.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use super::buffer::Input;
use super::{Task, record_error};
use crate::config::{OnError, OnFuture};
use crate::log::RecordRef;
use crate::operators::{Context, DropReason, OperatorError, RecordPosition, TaskParts};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::failures::{Cause, DeadLetters, Failures, Fate, Letter, Stage};
use crate::state::TaskState;

/// What a task needs to deal with failures.
pub(crate) struct Failing {
    pub(crate) failures: Failures,
    /// `None` if the application has no topic for dead letters.
    pub(crate) dead_letters: Option<DeadLetters>,
    /// Whether the work since the last commit can be undone without a trace.
    pub(crate) is_exactly_once: bool,
}

/// What a task had done before the record in hand. If it is the same when the record fails, the record can be left out
/// on the spot.
#[derive(Debug, Default)]
pub(super) struct Traces {
    sent: u64,
    writes: u64,
    cached: u64,
    times: Vec<Timestamp>,
}

impl Traces {
    /// Notes what was done so far. Costs nothing if records that fail end the application anyway.
    #[inline]
    pub(super) fn note(
        &mut self,
        failures: &Failures,
        context: &Context,
        parts: &TaskParts,
        state: &RefCell<TaskState>,
    ) {
        if failures.policy.may_go_on() {
            (self.sent, self.writes, self.cached) = counts(context, parts, state);
            self.times.clear();
            self.times.extend(parts.stream_times.iter().map(|(_, time)| time.get()));
        }
    }

    fn are_as_noted(&self, context: &Context, parts: &TaskParts, state: &RefCell<TaskState>) -> bool {
        (self.sent, self.writes, self.cached) == counts(context, parts, state)
            && parts.stream_times.iter().map(|(_, time)| time.get()).eq(self.times.iter().copied())
    }
}

fn counts(context: &Context, parts: &TaskParts, state: &RefCell<TaskState>) -> (u64, u64, u64) {
    (context.sent(), state.borrow().writes(), parts.cache_budget.changes())
}

/// The record of this position is in hand from now on.
pub(super) fn set_position(context: &mut Context, input: &Input, offset: Offset) {
    match &mut context.position {
        Some(position) if Arc::ptr_eq(&position.topic, &input.partition.topic) => position.offset = offset,
        position => {
            *position = Some(RecordPosition {
                topic: Arc::clone(&input.partition.topic),
                partition: input.partition.partition,
                offset,
            });
        }
    }
}

/// Gives a record the clock's time if it is too far ahead of it, or refuses it, as the settings say.
pub(super) fn guard_future(
    failures: &Failures,
    input: &Input,
    record: &mut RecordRef<'_>,
    wall_clock: Timestamp,
) -> Option<OperatorError> {
    let (ahead, max) = input.too_far_ahead(record.timestamp, wall_clock)?;
    if failures.policy.settings.future == OnFuture::Clamp {
        record.timestamp = wall_clock;
        return None;
    }
    Some(OperatorError::TooFarAhead { timestamp: record.timestamp, ahead, max })
}

impl Task {
    /// Does what was decided about the next record of an input when it failed before. Returns whether it is left out now,
    /// `false` if it has to wait, and `None` if it is to be processed.
    pub(super) fn meet_its_fate(&mut self, index: usize, now: Duration) -> Result<Option<bool>, AppError> {
        if !self.failures.set_aside.is_used() {
            return Ok(None);
        }
        if self.awaits_commit {
            return Ok(Some(false));
        }
        let Some(input) = self.inputs.get(index) else { return Ok(None) };
        let Some(offset) = input.head().map(|record| record.offset) else { return Ok(None) };
        match self.failures.set_aside.fate(&input.partition, offset) {
            None => Ok(None),
            Some(Fate::Again(at)) => Ok((now < at).then_some(false)),
            Some(Fate::LeftOut { error, is_dead_letter }) => {
                self.leave_out(index, &error, is_dead_letter)?;
                // Otherwise, the next record that is undone would bring this one's dead letter once more.
                self.awaits_commit = !self.is_exactly_once;
                self.context.commit_requested |= self.awaits_commit;
                Ok(Some(true))
            }
        }
    }

    /// Decides about a record with which something has just failed. Returns whether it is left out; `false` if it comes
    /// again.
    #[cold]
    pub(super) fn take_failure(
        &mut self,
        index: usize,
        (time_before, now): (Timestamp, Duration),
        error: OperatorError,
    ) -> Result<bool, AppError> {
        self.context.take_wanted_drop();
        let Some(input) = self.inputs.get(index) else { return Ok(false) };
        let Some(record) = input.head() else { return Ok(false) };
        let offset = record.offset;
        let attempts = self.failures.set_aside.attempts(&input.partition, offset);
        let cause =
            Cause { task: self.id, partition: &input.partition, offset, record: Some(record), error: &error, attempts };
        let is_skipped_anyway =
            matches!(error, OperatorError::NegativeTimestamp(_)) && input.skips_negative_timestamps();
        let answer = match (&error, self.failures.policy.settings.future) {
            _ if is_skipped_anyway => OnError::Skip,
            (OperatorError::TooFarAhead { .. }, OnFuture::Skip) => OnError::Skip,
            (OperatorError::TooFarAhead { .. }, OnFuture::DeadLetter) => OnError::DeadLetter,
            _ => self.failures.policy.answer(&cause),
        };
        // What cannot be read has done nothing. Under at-least-once, what the record has done so far stays done: to undo it
        // would double the work of all others since the last commit.
        let is_on_the_spot = !self.is_exactly_once
            || !matches!(Stage::of(&error), Some(Stage::Processing | Stage::Production))
            || self.traces.are_as_noted(&self.context, &self.parts, &self.state);
        match answer {
            OnError::Skip | OnError::DeadLetter if is_on_the_spot => {
                self.context.stream_time = time_before;
                self.leave_out(index, &error, answer == OnError::DeadLetter)?;
                Ok(true)
            }
            OnError::Retry(after) if is_on_the_spot => {
                self.context.stream_time = time_before;
                tell_retry(self.id, &input.partition, offset, after, &error);
                self.failures.set_aside.decide(&input.partition, offset, Fate::Again(now + after));
                Ok(false)
            }
            _ => {
                self.answer = Some(answer);
                Err(record_error(self.id, input, offset, error))
            }
        }
    }

    /// Leaves out the next record of an input.
    fn leave_out(&mut self, index: usize, error: &OperatorError, is_dead_letter: bool) -> Result<(), AppError> {
        let Some(input) = self.inputs.get_mut(index) else { return Ok(()) };
        let Some(record) = input.head() else { return Ok(()) };
        let (context, offset) = (&mut self.context, record.offset);
        set_position(context, input, offset);
        let reason = match (error, Stage::of(error)) {
            (OperatorError::TooFarAhead { .. }, _) => DropReason::Future,
            (_, Some(stage)) => stage.reason(error),
            (_, None) => DropReason::Failed,
        };
        if is_dead_letter && let Some(dead_letters) = &self.dead_letters {
            let written = dead_letters.failed(context, letter(&record), (error, reason), &input.node);
            written.map_err(|error| record_error(self.id, input, offset, error))?;
        }
        context.skip_record(reason, error);
        input.skip();
        Ok(())
    }

    /// Writes the next record of an input, which a node has dropped, as a dead letter.
    pub(super) fn write_dropped(&mut self, index: usize, node: &str, reason: DropReason) -> Result<(), AppError> {
        let (Some(dead_letters), Some(input)) = (&self.dead_letters, self.inputs.get(index)) else { return Ok(()) };
        let Some(record) = input.head() else { return Ok(()) };
        let written = dead_letters.dropped(&mut self.context, letter(&record), (node, reason));
        written.map_err(|error| record_error(self.id, input, record.offset, error))
    }

    /// Writes the dead letters of what was not made of the record in hand.
    pub(super) fn write_lost(&mut self) -> Result<(), AppError> {
        let (lost, given_up) = (self.context.take_lost(), self.context.take_given_up());
        let is_nothing = lost.is_empty() && given_up.is_empty();
        let Some(dead_letters) = self.dead_letters.as_ref().filter(|_| !is_nothing) else { return Ok(()) };
        let written = lost.iter().try_for_each(|lost| dead_letters.lost(&mut self.context, lost));
        let given_up =
            || given_up.into_iter().try_for_each(|given_up| dead_letters.given_up(&mut self.context, given_up));
        let written = written.and_then(|()| given_up());
        written.map_err(|error| AppError::Operator { task: self.id, error })
    }

    /// What the application says about a record that has failed and cannot be left out on the spot.
    pub(crate) fn answer(&mut self, partition: &TopicPartition, offset: Offset, error: &OperatorError) -> OnError {
        if let Some(answer) = self.answer.take() {
            return answer;
        }
        let input = self.inputs.iter().find(|input| input.partition == *partition);
        let record = input.and_then(Input::head).filter(|record| record.offset == offset);
        let attempts = self.failures.set_aside.attempts(partition, offset);
        self.failures.policy.answer(&Cause { task: self.id, partition, offset, record, error, attempts })
    }
}

fn letter<'a>(record: &RecordRef<'a>) -> Letter<'a> {
    Letter { key: record.key, value: record.value, timestamp: record.timestamp, headers: record.headers() }
}

/// Says that a record will be processed again.
pub(crate) fn tell_retry(
    task: TaskId,
    partition: &TopicPartition,
    offset: Offset,
    after: Duration,
    error: &OperatorError,
) {
    tracing::warn!(%task, %partition, offset = offset.0, ?after, %error, "a record has failed and will be processed again");
}
