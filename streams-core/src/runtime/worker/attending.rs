//! Handlers, as far as they concern the worker: what they need to run, and what becomes of them when it ends.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::{Worker, panic_message};
use crate::operators::handler::Handling;
use crate::runtime::AppError;
use crate::runtime::task::Task;

impl Worker {
    /// What handlers need to run.
    pub(super) fn handling(&self) -> Handling {
        let shared = &self.seed.common;
        Handling {
            executor: Arc::clone(&shared.executor),
            doorbell: self.seed.doorbell.clone(),
            random: Arc::clone(&shared.random),
            waits_for_commits: self.is_exactly_once(),
            budget: shared.in_flight.clone(),
        }
    }

    /// Called before the last commit, with which the worker's tasks, or some of them, end: hears of the handlers that have
    /// ended until now. Returns whether to wait for others, as a worker that stops does for a while. Those that are still
    /// running after that begin again at the next start.
    pub(super) fn awaits_handlers(&mut self, now: Duration) -> Result<bool, AppError> {
        if self.failed {
            return Ok(false);
        }
        for task in self.slots.running_mut() {
            let attended = catch_unwind(AssertUnwindSafe(|| task.attend(now, false)));
            attended.unwrap_or_else(|panic| Err(task.panicked(panic_message(&*panic))))?;
        }
        Ok(self.patience_with_handlers(now).is_some())
    }

    /// How long the worker may have to wait for handlers when it stops.
    pub(super) fn longest_wait_for_handlers(&self) -> Duration {
        let has_handlers = self.slots.running().any(Task::has_handlers);
        if has_handlers { self.seed.common.settings.handler_stop_timeout } else { Duration::ZERO }
    }

    /// How long to wait before there is something to do for handlers, unless the doorbell rings before.
    pub(super) fn next_attendance(&self, now: Duration) -> Option<Duration> {
        if self.standing.is_ending() {
            return self.patience_with_handlers(now);
        }
        if self.failed || self.rest.left(now).is_some() {
            return None;
        }
        self.slots.running().filter_map(|task| task.next_attendance(now)).min()
    }

    /// How long a worker that stops still waits for handlers, if it does.
    pub(super) fn patience_with_handlers(&self, now: Duration) -> Option<Duration> {
        let until = self.standing.stopping_since()?.saturating_add(self.seed.common.settings.handler_stop_timeout);
        let is_waiting = self.commit.is_none() && !self.failed && now < until;
        let has_running = || self.slots.running().map(Task::handlers_running).sum::<usize>() > 0;
        (is_waiting && has_running()).then(|| until - now)
    }
}
