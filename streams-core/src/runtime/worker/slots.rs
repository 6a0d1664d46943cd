//! A worker's tasks, in one slot each.
//!
//! A slot knows what its task is doing, in which membership the group assigned it to this worker, and whether it has
//! been revoked since. A revoked task waits in its slot, because in a rebalance most tasks come back at once and can
//! use the state they still have. It may continue only if nobody can have owned it in between
//! ([`GroupMetadata::directly_follows`]); otherwise another member may have committed in the meantime.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::log::GroupMetadata;
use crate::record::TaskId;
use crate::runtime::TaskMetrics;
use crate::runtime::task::{Opening, Task};

/// The slot of one task.
pub(crate) struct Slot {
    pub(super) phase: Phase,
    /// The membership in which the task is or was assigned to this worker.
    given: GroupMetadata,
    /// Whether the task has been revoked since. A suspended task neither processes nor commits.
    is_suspended: bool,
}

/// Whether a task is ready.
pub(super) enum Phase {
    /// Its state is being opened and restored.
    Opening(Box<Opening>),
    /// It can process records.
    Open(Box<Task>),
}

impl Slot {
    /// A slot for a task that was just assigned.
    pub(super) fn opening(opening: Opening, given: GroupMetadata) -> Self {
        Self { phase: Phase::Opening(Box::new(opening)), given, is_suspended: false }
    }

    /// The membership in which the task is or was assigned to this worker.
    pub(super) const fn given(&self) -> &GroupMetadata {
        &self.given
    }

    /// Whether the task has been revoked.
    pub(super) const fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Whether the task may continue from where it is when it is assigned again in `metadata`.
    pub(super) fn may_go_on(&self, metadata: &GroupMetadata) -> bool {
        match self.is_suspended {
            true => metadata.directly_follows(&self.given),
            // It was not revoked. If this member had been removed from the group, it would have a new id now.
            false => metadata.member_id == self.given.member_id,
        }
    }

    /// Assigns the task to this worker in `metadata`.
    pub(super) fn give(&mut self, metadata: GroupMetadata) {
        self.given = metadata;
        self.is_suspended = false;
        self.tell_readers();
    }

    /// Suspends the task. `metadata` is the last membership in which it was this worker's.
    pub(super) fn suspend(&mut self, metadata: GroupMetadata) {
        self.given = metadata;
        self.is_suspended = true;
        self.tell_readers();
    }

    /// Nobody reads the rows of a task that may be another instance's in a moment.
    fn tell_readers(&self) {
        if let Phase::Open(task) = &self.phase {
            task.set_current(!self.is_suspended);
        }
    }
}

/// A worker's slots.
#[derive(Default)]
pub(crate) struct Slots(BTreeMap<TaskId, Slot>);

impl Slots {
    pub(super) fn ids(&self) -> Vec<TaskId> {
        self.0.keys().copied().collect()
    }

    pub(super) fn get(&self, id: TaskId) -> Option<&Slot> {
        self.0.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: TaskId) -> Option<&mut Slot> {
        self.0.get_mut(&id)
    }

    pub(super) fn insert(&mut self, id: TaskId, slot: Slot) {
        self.0.insert(id, slot);
    }

    pub(super) fn remove(&mut self, id: TaskId) -> Option<Slot> {
        self.0.remove(&id)
    }

    /// The tasks that are open and not suspended.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Task> {
        self.0.values().filter(|slot| !slot.is_suspended).filter_map(|slot| match &slot.phase {
            Phase::Open(task) => Some(&**task),
            Phase::Opening(_) => None,
        })
    }

    /// The tasks that are open and not suspended.
    pub(crate) fn running_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.0.values_mut().filter(|slot| !slot.is_suspended).filter_map(|slot| match &mut slot.phase {
            Phase::Open(task) => Some(&mut **task),
            Phase::Opening(_) => None,
        })
    }

    /// The ids of the running tasks, starting with `first` and wrapping around.
    pub(super) fn running_from(&self, first: Option<TaskId>) -> Vec<TaskId> {
        starting_with(first, self.running().map(|task| task.id).collect())
    }

    /// The ids of the tasks that are open, suspended or not, starting with `first` and wrapping around.
    pub(super) fn open_from(&self, first: Option<TaskId>) -> Vec<TaskId> {
        let open = self.0.iter().filter(|(_, slot)| matches!(slot.phase, Phase::Open(_)));
        starting_with(first, open.map(|(id, _)| *id).collect())
    }

    /// The task with that id, if it is open, and whether it is suspended.
    pub(super) fn open_task(&mut self, id: TaskId) -> Option<(&mut Task, bool)> {
        let slot = self.0.get_mut(&id)?;
        match &mut slot.phase {
            Phase::Open(task) => Some((task, slot.is_suspended)),
            Phase::Opening(_) => None,
        }
    }

    /// The id of the next slot.
    pub(super) fn after(&self, id: TaskId) -> Option<TaskId> {
        self.0.range((Bound::Excluded(id), Bound::Unbounded)).next().map(|(id, _)| *id)
    }

    /// The task with that id, if it is running.
    pub(super) fn running_task(&mut self, id: TaskId) -> Option<&mut Task> {
        let slot = self.0.get_mut(&id).filter(|slot| !slot.is_suspended)?;
        match &mut slot.phase {
            Phase::Open(task) => Some(task),
            Phase::Opening(_) => None,
        }
    }

    /// The tasks that are being opened, suspended or not.
    pub(super) fn openings(&self) -> impl Iterator<Item = &Opening> {
        self.0.values().filter_map(|slot| match &slot.phase {
            Phase::Opening(opening) => Some(&**opening),
            Phase::Open(_) => None,
        })
    }

    /// The same, to go on with them.
    pub(super) fn openings_mut(&mut self) -> impl Iterator<Item = &mut Opening> {
        self.0.values_mut().filter_map(|slot| match &mut slot.phase {
            Phase::Opening(opening) => Some(&mut **opening),
            Phase::Open(_) => None,
        })
    }

    /// Whether any task is being opened.
    pub(super) fn has_openings(&self) -> bool {
        self.0.values().any(|slot| matches!(slot.phase, Phase::Opening(_)))
    }

    /// Every task's metrics.
    pub(super) fn metrics(&mut self) -> impl Iterator<Item = (TaskId, TaskMetrics)> {
        self.0.iter_mut().map(|(id, slot)| match &mut slot.phase {
            Phase::Open(task) => (*id, task.metrics()),
            Phase::Opening(opening) => (*id, opening.metrics.clone()),
        })
    }
}

/// Rotates ids, which are in order, so that they start with `first`.
fn starting_with(first: Option<TaskId>, mut ids: Vec<TaskId>) -> Vec<TaskId> {
    let before = first.map_or(0, |first| ids.partition_point(|id| *id < first));
    ids.rotate_left(before);
    ids
}
