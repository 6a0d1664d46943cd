//! The tasks a worker has: one slot each.
//!
//! A slot says what its task is doing, in which membership the group gave it to this worker, and whether the
//! group has taken it away since. A task that was taken away waits in its slot: in a rebalance most tasks come
//! back at once, and their state is still there. It may go on only where nobody can have owned it in between
//! ([`GroupMetadata::directly_follows`]); otherwise somebody else has committed behind its back.

use std::collections::BTreeMap;
use std::ops::Bound;

use crate::log::GroupMetadata;
use crate::record::TaskId;
use crate::runtime::TaskMetrics;
use crate::runtime::task::{Opening, Task};

/// One task of a worker.
pub(crate) struct Slot {
    pub(super) phase: Phase,
    /// The membership in which the task is, or was, this worker's.
    given: GroupMetadata,
    /// Whether the group has taken it away since; then it neither processes nor commits.
    is_suspended: bool,
}

/// How far a task is.
pub(super) enum Phase {
    /// Its state is being opened and restored.
    Opening(Box<Opening>),
    /// It can process records.
    Open(Box<Task>),
}

impl Slot {
    /// A task that was just given.
    pub(super) fn opening(opening: Opening, given: GroupMetadata) -> Self {
        Self { phase: Phase::Opening(Box::new(opening)), given, is_suspended: false }
    }

    /// The membership in which the task is, or was, this worker's.
    pub(super) const fn given(&self) -> &GroupMetadata {
        &self.given
    }

    /// Whether the group has taken the task away.
    pub(super) const fn is_suspended(&self) -> bool {
        self.is_suspended
    }

    /// Whether the task, given again in `metadata`, may go on from where it is.
    pub(super) fn may_go_on(&self, metadata: &GroupMetadata) -> bool {
        match self.is_suspended {
            true => metadata.directly_follows(&self.given),
            // It was never taken away: whoever is put out of the group has a new name when it comes back.
            false => metadata.member_id == self.given.member_id,
        }
    }

    /// The task is this worker's in `metadata`.
    pub(super) fn give(&mut self, metadata: GroupMetadata) {
        self.given = metadata;
        self.is_suspended = false;
    }

    /// The task was this worker's up to `metadata`, which may still commit.
    pub(super) fn suspend(&mut self, metadata: GroupMetadata) {
        self.given = metadata;
        self.is_suspended = true;
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

    /// The tasks that process records.
    pub(crate) fn running(&self) -> impl Iterator<Item = &Task> {
        self.0.values().filter(|slot| !slot.is_suspended).filter_map(|slot| match &slot.phase {
            Phase::Open(task) => Some(&**task),
            Phase::Opening(_) => None,
        })
    }

    /// The tasks that process records.
    pub(crate) fn running_mut(&mut self) -> impl Iterator<Item = &mut Task> {
        self.0.values_mut().filter(|slot| !slot.is_suspended).filter_map(|slot| match &mut slot.phase {
            Phase::Open(task) => Some(&mut **task),
            Phase::Opening(_) => None,
        })
    }

    /// The numbers of the tasks that process records, that one first and those before it last.
    pub(super) fn running_from(&self, first: Option<TaskId>) -> Vec<TaskId> {
        let mut ids: Vec<_> = self.running().map(|task| task.id).collect();
        let before = first.map_or(0, |first| ids.partition_point(|id| *id < first));
        ids.rotate_left(before);
        ids
    }

    /// The slot behind that one.
    pub(super) fn after(&self, id: TaskId) -> Option<TaskId> {
        self.0.range((Bound::Excluded(id), Bound::Unbounded)).next().map(|(id, _)| *id)
    }

    /// The task of that number, if it processes records.
    pub(super) fn running_task(&mut self, id: TaskId) -> Option<&mut Task> {
        let slot = self.0.get_mut(&id).filter(|slot| !slot.is_suspended)?;
        match &mut slot.phase {
            Phase::Open(task) => Some(task),
            Phase::Opening(_) => None,
        }
    }

    /// The tasks on their way to running, suspended or not.
    pub(super) fn openings_mut(&mut self) -> impl Iterator<Item = &mut Opening> {
        self.0.values_mut().filter_map(|slot| match &mut slot.phase {
            Phase::Opening(opening) => Some(&mut **opening),
            Phase::Open(_) => None,
        })
    }

    /// Whether a task is on its way to running.
    pub(super) fn has_openings(&self) -> bool {
        self.0.values().any(|slot| matches!(slot.phase, Phase::Opening(_)))
    }

    /// Every task's counters.
    pub(super) fn metrics(&mut self) -> impl Iterator<Item = (TaskId, TaskMetrics)> {
        self.0.iter_mut().map(|(id, slot)| match &mut slot.phase {
            Phase::Open(task) => (*id, task.metrics()),
            Phase::Opening(opening) => (*id, opening.metrics.clone()),
        })
    }
}
