//! Instances whose control and worker are stepped by hand, to reproduce what threads do only by chance.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{ManualClock, SharedClock};
use crate::log::{Embedded, Log};
use crate::record::Timestamp;
use crate::runtime::control::{Control, ControlTurn, Status};
use crate::runtime::worker::{Turn, Worker};
use crate::runtime::{App, AppError, AppState};

/// One instance with one worker.
pub(super) struct Instance {
    pub(super) control: Control,
    pub(super) worker: Option<Worker>,
    pub(super) status: Arc<Status>,
}

/// A log with a clock that moves only when told to.
pub(super) fn log() -> (Embedded, ManualClock) {
    let clock = ManualClock::at(Timestamp(0));
    (Embedded::with_clock(Arc::new(clock.clone())), clock)
}

impl Instance {
    pub(super) fn start(app: App, log: impl Log, clock: &ManualClock) -> Self {
        Self::start_with(app, log, Arc::new(clock.clone()))
    }

    pub(super) fn start_with(app: App, log: impl Log, clock: SharedClock) -> Self {
        let (parts, _) = app.clock(clock).into_parts(Arc::new(log)).expect("settings that fit");
        let status = Status::new();
        let control = Control::new(parts, Arc::clone(&status)).expect("a control");
        Self { control, worker: None, status }
    }

    pub(super) fn state(&self) -> AppState {
        *self.status.state.borrow()
    }

    pub(super) fn error(&self) -> Option<AppError> {
        self.status.error()
    }

    /// One step of the control.
    pub(super) fn step_control(&mut self) {
        if let ControlTurn::Spawn(seeds) = self.control.step() {
            let seed = seeds.into_iter().next().expect("one worker");
            self.worker = Some(Worker::new(seed).expect("a worker"));
        }
    }

    /// One step of the worker.
    pub(super) fn step_worker(&mut self) -> Turn {
        self.worker.as_mut().map_or(Turn::Idle(Duration::ZERO), Worker::run_once)
    }

    /// Steps control and worker in turn until `done` returns true.
    pub(super) fn step_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..100_000 {
            if done(self) {
                return;
            }
            self.step_control();
            self.step_worker();
        }
        panic!("it does not get there: {:?}, {:?}", self.state(), self.error());
    }

    /// Steps control and worker in turn, often enough to do everything there is to do.
    pub(super) fn settle(&mut self) {
        for _ in 0..200 {
            self.step_control();
            self.step_worker();
        }
    }

    pub(super) fn running_tasks(&self) -> usize {
        self.worker.as_ref().map_or(0, |worker| worker.slots().running().count())
    }
}
