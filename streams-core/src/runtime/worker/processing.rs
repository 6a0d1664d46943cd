//! Processing: every task in turn processes some of its records until the round's time is up.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::pace::round_time;
use super::{Worker, panic_message};
use crate::operators::{OperatorError, PunctuationTime};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::runtime::AppError;
use crate::runtime::alignment::Alignment;
use crate::runtime::task::{Task, writing_failed};
use crate::runtime::voice::unguarded;

/// How many cached rows are looked at between two looks at the clock and the producer.
const ROWS_PER_LOOK: usize = 256;

/// What a round did, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Work {
    Nothing,
    /// Only punctuators fired. That is no reason to put off what is done when there are no records.
    Punctuators,
    Records,
}

impl Worker {
    /// Lets the tasks process some records, and fires punctuators. If the time runs out, the next round starts with the
    /// next task.
    pub(super) fn process(&mut self) -> Result<Work, AppError> {
        let paused = self.seed.common.is_paused();
        let began = self.seed.common.clock.monotonic();
        let is_resting = self.rest.left(began).is_some();
        if paused || is_resting || self.failed || self.standing.is_ending() {
            self.hold_nobody_up();
            return Ok(Work::Nothing);
        }
        let drained = self.collector.borrow_mut().drain();
        if !drained.map_err(|error| writing_failed(error, self.slots.running()))? {
            return Ok(Work::Nothing);
        }
        let round = round_time(self.shortest_interval());
        let work = match self.seed.common.alignment {
            Some(_) => self.process_by_event_time(began, round)?,
            None => self.process_in_turn(began, round)?,
        };
        Ok(if self.make_room(round)? { Work::Records } else { work })
    }

    /// Lets one task after the other process records until the round's time is up.
    fn process_in_turn(&mut self, began: Duration, round: Duration) -> Result<Work, AppError> {
        let (mut work, wall_clock) = (Work::Nothing, self.seed.common.clock.now());
        for id in self.slots.running_from(self.next_task) {
            if let Some(task) = self.slots.running_task(id).filter(|task| task.is_idle()) {
                task.pass_time(wall_clock);
                continue;
            }
            work = work.max(self.process_task(id, began, round, None)?);
            if self.seed.common.clock.monotonic() >= began + round {
                self.next_task = self.slots.after(id);
                break;
            }
        }
        Ok(work)
    }

    /// The shortest interval in which something falls due.
    fn shortest_interval(&self) -> Duration {
        let settings = &self.seed.common.settings;
        let mut shortest = settings.commit_interval();
        if self.is_exactly_once() {
            shortest = shortest.min(settings.transaction_timeout());
        }
        self.slots.running().filter_map(Task::wall_clock_interval).fold(shortest, Duration::min)
    }

    /// Lets one task process records, those up to `limit` if there is one, and fire due punctuators.
    pub(super) fn process_task(
        &mut self,
        id: TaskId,
        began: Duration,
        round: Duration,
        limit: Option<(Timestamp, &Alignment)>,
    ) -> Result<Work, AppError> {
        let shared = Arc::clone(&self.seed.common);
        let settings = &shared.settings;
        let (held, bytes_max) = (self.buffered.clone(), self.input_buffer_bytes());
        let (mut processed, mut handled) = (0, 0);
        let mut looked = shared.clock.monotonic();
        loop {
            let Some(task) = self.slots.running_task(id) else { return Ok(work_of(processed + handled, false)) };
            let records = self.pace.records().min(settings.records_per_round - processed);
            let wall_clock = shared.clock.now();
            task.context.wall_clock = wall_clock;
            let collector = &self.collector;
            self.seed.pulse.at_work(Some(task.in_hand()));
            let timings = &mut self.timings.punctuate;
            let work = || {
                let attended = task.attend(looked, true)?;
                let done = match limit {
                    None => task.process(records, looked, settings.task_idle, collector)?,
                    Some(limit) => task.process_until(limit, (records, looked), &shared, collector)?,
                };
                let is_due = task.next_wall_clock_punctuation().is_some_and(|due| due <= wall_clock);
                let began = is_due.then(|| shared.clock.monotonic());
                let punctuated = task.punctuate(PunctuationTime::WallClock, wall_clock)?;
                if let Some(began) = began {
                    timings.note(shared.clock.monotonic().saturating_sub(began));
                }
                Ok::<_, AppError>((done, attended, punctuated))
            };
            let piece = unguarded(|| catch_unwind(AssertUnwindSafe(work)));
            self.seed.pulse.at_work(None);
            let (done, attended, punctuated) =
                piece.unwrap_or_else(|panic| Err(task.panicked(panic_message(&*panic))))?;
            for input in &mut task.inputs {
                // An empty one goes on in any case: others may wait for it.
                let has_room = input.buffered() == 0 || held.get() * 2 <= bytes_max;
                if input.paused
                    && has_room
                    && input.due(wall_clock).is_none()
                    && input.buffered() * 2 <= settings.buffered_records
                {
                    input.paused = false;
                    self.consumer.resume(&input.partition);
                }
            }
            let now = shared.clock.monotonic();
            let took = now.saturating_sub(looked);
            self.pace.note(done, took, round);
            self.check_slowness(id, done, took)?;
            looked = now;
            processed += done;
            handled += attended;
            if done < records || processed >= settings.records_per_round || now >= began + round {
                return Ok(work_of(processed + handled, punctuated));
            }
        }
    }

    /// A record that takes longer than a transaction may stay open would be repeated for ever, so it is an error the
    /// second time. A record that was merely delayed is quicker when it is repeated.
    fn check_slowness(&mut self, id: TaskId, records: usize, took: Duration) -> Result<(), AppError> {
        let limit = self.seed.common.settings.transaction_timeout();
        if records != 1 || !self.is_exactly_once() || took <= limit {
            return Ok(());
        }
        let Some(position) = self.slots.running_task(id).and_then(|task| task.context.position.clone()) else {
            return Ok(());
        };
        let partition = TopicPartition { topic: position.topic, partition: position.partition };
        let record: (TopicPartition, Offset) = (partition, position.offset);
        if self.slow_record.as_ref() == Some(&record) {
            let (partition, offset) = (record.0, record.1.0);
            return Err(AppError::Record {
                task: id,
                partition,
                offset,
                error: OperatorError::TooSlow { took, limit },
            });
        }
        tracing::warn!(task = %id, partition = %record.0, offset = record.1.0, ?took, ?limit,
            "a record took longer than a transaction may be open (`transaction.timeout.ms`): it is done again");
        self.slow_record = Some(record);
        Ok(())
    }

    /// Makes room in the caches if they hold more than they may, in all tasks alike, for no longer than a round and
    /// only as long as the producer keeps up. Suspended tasks are included: nobody uses their rows, which are all
    /// written. Returns whether there may be more to do: not if all rows left are in use, as when a single key needs more
    /// than the caches may hold.
    fn make_room(&mut self, round: Duration) -> Result<bool, AppError> {
        if !self.cache_budget.is_exceeded() {
            return Ok(false);
        }
        let held = self.cache_budget.held();
        let end = self.seed.common.clock.monotonic() + round;
        let ids = self.slots.open_from(self.next_to_make_room);
        // The first time round, rows may be in use, and the caches of the first task were not begun with.
        for id in ids.iter().cycle().take(ids.len() * 3) {
            let Some((task, is_suspended)) = self.slots.open_task(*id) else { continue };
            self.next_to_make_room = Some(*id);
            loop {
                if !self.cache_budget.has_to_free() || self.collector.borrow().is_backed_up() {
                    return Ok(true);
                }
                let was_last = if is_suspended {
                    task.drop_clean_rows(ROWS_PER_LOOK)
                } else {
                    let made = catch_unwind(AssertUnwindSafe(|| task.make_room(ROWS_PER_LOOK)));
                    made.unwrap_or_else(|panic| Err(task.panicked(panic_message(&*panic))))?
                };
                if self.seed.common.clock.monotonic() >= end {
                    return Ok(true);
                }
                if was_last {
                    break;
                }
            }
        }
        Ok(self.cache_budget.held() != held)
    }
}

const fn work_of(records: usize, punctuated: bool) -> Work {
    match (records, punctuated) {
        (0, false) => Work::Nothing,
        (0, true) => Work::Punctuators,
        _ => Work::Records,
    }
}
