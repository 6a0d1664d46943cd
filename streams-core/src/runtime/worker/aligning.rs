//! Processing by event time, if the application wants it: the task whose next record is the oldest goes first, and
//! none goes ahead of the others by more than the bound (see [`alignment`](crate::runtime::alignment)).

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Worker;
use super::processing::Work;
use crate::record::{TaskId, Timestamp};
use crate::runtime::AppError;
use crate::runtime::alignment::{Alignment, FETCH_PATIENCE};
use crate::runtime::task::{Next, Task, writing_failed};

/// How often tasks tell how far they are, if that need not wait for a commit.
pub(super) const TELL_INTERVAL: Duration = Duration::from_millis(100);

/// No record is that old: of a task with this limit, only what is not a record is done.
const NO_RECORDS: Timestamp = Timestamp(i64::MIN);

/// Where a worker's tasks are in event time.
struct Standings {
    /// The task whose next record is the oldest.
    first: Option<(Timestamp, TaskId)>,
    /// How far the slowest of the others is.
    others: Option<Timestamp>,
}

impl Worker {
    /// Tells the other workers that they need not wait for this one's tasks.
    pub(super) fn hold_nobody_up(&self) {
        if let Some(alignment) = &self.seed.common.alignment {
            alignment.board.set(self.seed.number, None);
        }
    }

    /// Sees how far tasks are, after records have arrived and before any is processed, and tells those who wait for it.
    pub(super) fn look_at_times(&mut self, now: Duration) -> Result<(), AppError> {
        let shared = Arc::clone(&self.seed.common);
        let Some(alignment) = &shared.alignment else { return Ok(()) };
        let is_paused = shared.paused.load(Ordering::Relaxed);
        self.slots.running_mut().for_each(|task| task.look_at_times(now, alignment, is_paused));
        if now.saturating_sub(self.last_told) < TELL_INTERVAL {
            return Ok(());
        }
        self.last_told = now;
        let tell = |task: &mut Task| if task.may_tell() { task.tell(&self.collector) } else { Ok(()) };
        let told = self.slots.running_mut().try_for_each(tell);
        told.map_err(|error| writing_failed(error, self.slots.running()))
    }

    /// Lets tasks process records in the order of event time until the round's time is up or the next record has to wait
    /// for another worker's task.
    pub(super) fn process_by_event_time(&mut self, began: Duration, round: Duration) -> Result<Work, AppError> {
        let shared = Arc::clone(&self.seed.common);
        let Some(alignment) = &shared.alignment else { return Ok(Work::Nothing) };
        let (mut work, mut processed) = (Work::Nothing, Vec::new());
        self.is_held_back = false;
        // As many pieces as there are records in a round without alignment.
        let tasks = self.slots.running().count();
        for _ in 0..shared.settings.records_per_round.saturating_mul(tasks) {
            let Standings { first, others } = self.standings(alignment);
            let own = first.map(|(time, _)| time).into_iter().chain(others).min();
            alignment.board.set(self.seed.number, own);
            let Some((time, id)) = first else { break };
            let slowest = others.into_iter().chain(alignment.board.others(self.seed.number)).min();
            let limit = slowest.map_or(Timestamp(i64::MAX), |slowest| alignment.limit(slowest));
            if time > limit {
                self.is_held_back = true;
                break;
            }
            let done = self.process_task(id, began, round, Some((limit, alignment)))?;
            processed.push(id);
            work = work.max(done);
            if done != Work::Records || shared.clock.monotonic() >= began + round || self.cache_budget.is_exceeded() {
                break;
            }
        }
        self.pass_time_without(alignment, &processed, began, round).map(|done| work.max(done))
    }

    /// Does what is due by the wall clock in the tasks that have processed nothing.
    fn pass_time_without(
        &mut self,
        alignment: &Alignment,
        processed: &[TaskId],
        began: Duration,
        round: Duration,
    ) -> Result<Work, AppError> {
        let (mut work, wall_clock) = (Work::Nothing, self.seed.common.clock.now());
        for id in self.slots.running_from(None) {
            if processed.contains(&id) {
                continue;
            }
            match self.slots.running_task(id).filter(|task| task.is_idle()) {
                Some(task) => task.pass_time(wall_clock),
                None => work = work.max(self.process_task(id, began, round, Some((NO_RECORDS, alignment)))?),
            }
        }
        Ok(work)
    }

    fn standings(&mut self, alignment: &Alignment) -> Standings {
        let (now, wall_clock) = (self.seed.common.clock.monotonic(), self.seed.common.clock.now());
        let idle = self.seed.common.settings.task_idle;
        let slower = |others: Option<Timestamp>, time| others.map_or(Some(time), |others| Some(others.min(time)));
        let is_opening = self.slots.openings_mut().any(|opening| opening.is_brief(now, FETCH_PATIENCE));
        let mut standings = Standings { first: None, others: is_opening.then_some(Timestamp::UNKNOWN) };
        for task in self.slots.running_mut() {
            task.context.wall_clock = wall_clock;
            match task.next_event(now, idle, alignment) {
                Next::At(time) => match standings.first {
                    Some((first, _)) if first <= time => standings.others = slower(standings.others, time),
                    before => {
                        standings.others = before.map_or(standings.others, |(time, _)| slower(standings.others, time));
                        standings.first = Some((time, task.id));
                    }
                },
                Next::Unknown(time) => standings.others = slower(standings.others, time),
                Next::Nothing => {}
            }
        }
        standings
    }
}
