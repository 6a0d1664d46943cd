//! A place in which an instance can run, with its own state folder and its own view of the log.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::followers::Followers;
use super::operations::Part;
use crate::clock::ManualClock;
use crate::record::TaskId;
use crate::runtime::AppState;
use crate::runtime::tests::by_hand::Instance;
use crate::runtime::tests::faulty_log::Faults;
use crate::runtime::tests::tally::{Happening, Tally};
use crate::state::TaskState;
use crate::testing::KeptState;

pub(super) struct Seat {
    pub(super) number: usize,
    pub(super) state: KeptState,
    pub(super) faults: Faults,
    pub(super) instance: Option<Instance>,
    /// Whether something happened that may legitimately end the running instance.
    pub(super) hindered: bool,
    pub(super) control: Sleep,
    pub(super) worker: Sleep,
    /// The tasks that the instance has had.
    tasks: BTreeMap<TaskId, Seen>,
    pub(super) followers: Followers,
}

/// When one of an instance's threads runs.
#[derive(Default)]
pub(super) struct Sleep {
    pub(super) until: Duration,
    pub(super) stepped_at: Duration,
}

/// A task, known by its state, which is another one when the task is opened again.
struct Seen {
    state: Weak<RefCell<TaskState>>,
    runs: bool,
}

impl Sleep {
    /// Notes that the thread is stepped, if it is awake. Returns how long it was not.
    pub(super) fn step(&mut self, now: Duration) -> Option<Duration> {
        (now >= self.until).then(|| now - std::mem::replace(&mut self.stepped_at, now))
    }
}

impl Seat {
    pub(super) fn new(number: usize, clock: &ManualClock, tally: &Tally) -> Self {
        Self {
            number,
            state: KeptState::default(),
            faults: Faults::noting(clock, tally),
            instance: None,
            hindered: false,
            control: Sleep::default(),
            worker: Sleep::default(),
            tasks: BTreeMap::new(),
            followers: Followers::default(),
        }
    }

    pub(super) fn begin(&mut self, instance: Instance, now: Duration) {
        self.hindered = self.faults.any();
        self.faults.begin_member();
        self.control = Sleep { until: Duration::ZERO, stepped_at: now };
        self.worker = Sleep { until: Duration::ZERO, stepped_at: now };
        self.tasks.clear();
        self.followers.begin(&instance.status);
        self.instance = Some(instance);
    }

    /// The instance stands still from now on, or one of its threads does.
    pub(super) fn pause(&mut self, part: Part, until: Duration) {
        self.hindered = true;
        if part != Part::Worker {
            self.control.until = until;
        }
        if part != Part::Control {
            self.worker.until = until;
        }
    }

    pub(super) fn wake(&mut self) {
        self.control.until = Duration::ZERO;
        self.worker.until = Duration::ZERO;
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.instance.as_ref().is_none_or(|instance| instance.status.stop.load(Ordering::SeqCst))
    }

    pub(super) fn stop(&self) {
        if let Some(instance) = &self.instance {
            instance.status.stop.store(true, Ordering::SeqCst);
        }
    }

    /// Removes the instance if it has ended. An error that nothing explains fails the run.
    pub(super) fn bury(&mut self) -> Result<bool, String> {
        let Some(instance) = self.instance.take_if(|instance| instance.state().is_final()) else { return Ok(false) };
        match instance.error() {
            None => Ok(false),
            Some(error) => {
                let text = error.to_string();
                let in_vain = [
                    "committing before the end: ",
                    "reading the group's positions: ",
                    "asking where topics begin and end: ",
                ];
                match self.hindered && in_vain.iter().any(|doing| text.contains(doing)) {
                    true => Ok(true),
                    false => Err(format!("instance {} ended: {text}", self.number)),
                }
            }
        }
    }

    /// Checks what the instance says about itself: when it is running, all its tasks are.
    pub(super) fn check_state(&self) -> Result<(), String> {
        let Some(instance) = &self.instance else { return Ok(()) };
        let (running, owned) = (instance.running_tasks(), instance.status.desk.owners().len());
        match instance.state() == AppState::Running && running < owned {
            true => Err(format!("instance {} says that it is running; {running} of {owned} tasks are", self.number)),
            false => Ok(()),
        }
    }

    /// Looks at the running tasks, and returns them.
    pub(super) fn look_at_tasks(&mut self) -> Vec<TaskId> {
        let Some(instance) = &self.instance else { return Vec::new() };
        let tally = &self.faults.tally;
        let ran: Vec<_> = self.tasks.iter().filter(|(_, seen)| seen.runs).map(|(id, _)| *id).collect();
        self.tasks.values_mut().for_each(|seen| seen.runs = false);
        let mut ids = Vec::new();
        for task in instance.workers().flat_map(|worker| worker.slots().running()) {
            ids.push(task.id);
            let state = Rc::downgrade(&task.state);
            let is_same = self.tasks.get(&task.id).map(|seen| Weak::ptr_eq(&seen.state, &state));
            if is_same == Some(true) {
                if !ran.contains(&task.id) {
                    tally.note(Happening::TaskResumed);
                }
                self.tasks.entry(task.id).and_modify(|seen| seen.runs = true);
                continue;
            }
            if is_same == Some(false) {
                tally.note(Happening::TaskReopened);
            }
            if task.metrics.restored > 0 {
                tally.note(Happening::StateRestored);
            }
            self.tasks.insert(task.id, Seen { state, runs: true });
        }
        ids
    }
}
