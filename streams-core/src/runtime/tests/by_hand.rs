//! Instances whose control and worker are stepped by hand, to reproduce what threads do only by chance.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::{ManualClock, SharedClock};
use crate::log::{Embedded, Log};
use crate::record::Timestamp;
use crate::runtime::control::{Control, ControlTurn, Status};
use crate::runtime::worker::{Turn, Worker};
use crate::runtime::{App, AppError, AppState};

/// One instance, usually with one worker.
pub(super) struct Instance {
    pub(super) control: Control,
    pub(super) worker: Option<Worker>,
    pub(super) other_workers: Vec<Worker>,
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
        Self { control, worker: None, other_workers: Vec::new(), status }
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
            let mut workers = seeds.into_iter().map(|seed| Worker::new(seed).expect("a worker"));
            self.worker = workers.next();
            self.other_workers = workers.collect();
        }
    }

    /// All workers, once there are any.
    pub(super) fn workers(&self) -> impl Iterator<Item = &Worker> {
        self.worker.iter().chain(&self.other_workers)
    }

    /// One step of one worker, if there is one with that number.
    pub(super) fn step_one_worker(&mut self, number: usize) {
        let mut workers = self.worker.iter_mut().chain(&mut self.other_workers);
        if let Some(worker) = workers.nth(number) {
            worker.run_once();
        }
    }

    /// One step of each worker. Returns the first one's.
    pub(super) fn step_worker(&mut self) -> Turn {
        self.other_workers.iter_mut().for_each(|worker| _ = worker.run_once());
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
        self.workers().map(|worker| worker.slots().running().count()).sum()
    }
}
