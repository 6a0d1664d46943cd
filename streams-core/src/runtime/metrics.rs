//! Named counters per task, folded into one board that anybody in the process can read.
//!
//! Workers count in plain integers and publish them now and then: no lock on the record path.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::record::{Offset, TaskId, TopicPartition};

/// What a task is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskPhase {
    /// Its topics and positions are looked up.
    #[default]
    Opening,
    /// Its state is read from changelogs.
    Restoring,
    /// It processes records.
    Running,
    /// It has committed, and waits for the group to say whether it stays.
    Suspended,
    /// It is not this instance's any more.
    Closed,
}

impl TaskPhase {
    /// Its name, in small letters.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Restoring => "restoring",
            Self::Running => "running",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }
}

impl std::fmt::Display for TaskPhase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.as_str())
    }
}

/// What one task has done since the application started on this process. Totals only grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskMetrics {
    /// Which worker has the task, from 0.
    pub worker: usize,
    /// What the task is doing.
    pub phase: TaskPhase,
    /// Input records processed.
    pub processed: u64,
    /// Input records processed and not yet committed.
    pub uncommitted: u64,
    /// Records dropped on purpose, by reason (see [`DropReason::label`](crate::operators::DropReason::label)).
    pub dropped: BTreeMap<&'static str, u64>,
    /// Changelog records read to restore state.
    pub restored: u64,
    /// Changelog records that still have to be read before the task can run.
    pub restore_remaining: u64,
    /// Commits that were done.
    pub commits: u64,
    /// Fetched input records that wait.
    pub buffered: u64,
    /// The next offset to process in each input partition.
    pub positions: BTreeMap<TopicPartition, Offset>,
}

impl TaskMetrics {
    /// All records dropped on purpose.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// All tasks' counters.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricsBoard(Arc<Mutex<BTreeMap<TaskId, TaskMetrics>>>);

impl MetricsBoard {
    /// Replaces what is known of a task.
    pub(crate) fn publish(&self, task: TaskId, metrics: TaskMetrics) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(task, metrics);
    }

    /// A copy of everything.
    pub(crate) fn snapshot(&self) -> BTreeMap<TaskId, TaskMetrics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is known of a task; its totals go on from there when the task comes back.
    pub(crate) fn get(&self, task: TaskId) -> TaskMetrics {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned().unwrap_or_default()
    }
}
