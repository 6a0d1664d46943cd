//! Named metrics per task, collected in one place that the whole process can read.
//!
//! Workers count in plain integers and publish them from time to time, so there is no lock on the record path.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::timings::WorkerTimings;
use crate::operators::handler::HandlerMetrics;
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};

/// What the task is doing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TaskPhase {
    /// Its topics and positions are being looked up.
    #[default]
    Opening,
    /// Its state is being restored from changelogs.
    Restoring,
    /// Its disk is full; it is opened again from time to time, until there is space.
    WaitingForSpace,
    /// It is processing records.
    Running,
    /// It has committed, and waits for the group's decision whether it stays.
    Suspended,
    /// It no longer belongs to this instance.
    Closed,
}

impl TaskPhase {
    /// The phase's name in lower case.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opening => "opening",
            Self::Restoring => "restoring",
            Self::WaitingForSpace => "waiting for space",
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

/// What a task has done since the application started in this process. Totals never decrease.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TaskMetrics {
    /// The number of the worker that has the task, counted from 0.
    pub worker: usize,
    /// What the task is doing.
    pub phase: TaskPhase,
    /// Input records processed.
    pub processed: u64,
    /// Input records processed and not yet committed, and records with which handlers have ended since the last commit.
    pub uncommitted: u64,
    /// Records that were dropped on purpose, by reason (see
    /// [`DropReason::label`](crate::operators::DropReason::label)).
    pub dropped: BTreeMap<&'static str, u64>,
    /// What the handlers of [`KStream::handle`](crate::dsl::KStream::handle) have done and are doing, by their names.
    pub handlers: BTreeMap<Arc<str>, HandlerMetrics>,
    /// Changelog records read while restoring state.
    pub restored: u64,
    /// Changelog records that still have to be read before the task can run.
    pub restore_remaining: u64,
    /// How often one of its stores was emptied to be built anew, by the reason.
    pub rebuilt: BTreeMap<&'static str, u64>,
    /// Completed commits.
    pub commits: u64,
    /// Input records that are fetched but not yet processed.
    pub buffered: u64,
    /// The next offset to process in each input partition.
    pub positions: BTreeMap<TopicPartition, Offset>,
    /// The timestamp of the next record of each input partition, as the log has it, where one is fetched.
    pub next_times: BTreeMap<TopicPartition, Timestamp>,
}

impl TaskMetrics {
    /// Counts a store that is built anew.
    pub(crate) fn count_rebuild(&mut self, reason: &'static str) {
        *self.rebuilt.entry(reason).or_default() += 1;
    }

    /// Records that handlers work on, or that wait for them.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.handlers.values().map(HandlerMetrics::in_flight).sum()
    }

    /// The number of records dropped on purpose, for all reasons together.
    #[must_use]
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }
}

/// The metrics of all tasks, and the timings of all workers.
#[derive(Debug, Clone, Default)]
pub(crate) struct MetricsBoard(Arc<Mutex<BTreeMap<TaskId, TaskMetrics>>>, Arc<Mutex<Vec<WorkerTimings>>>);

impl MetricsBoard {
    /// Replaces a task's metrics.
    pub(crate) fn publish(&self, task: TaskId, metrics: TaskMetrics) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(task, metrics);
    }

    /// Replaces a worker's timings.
    pub(crate) fn publish_timings(&self, worker: usize, timings: WorkerTimings) {
        let mut workers = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        if workers.len() <= worker {
            workers.resize(worker + 1, WorkerTimings::default());
        }
        if let Some(of) = workers.get_mut(worker) {
            *of = timings;
        }
    }

    /// The timings of all workers, in their order.
    pub(crate) fn timings(&self) -> Vec<WorkerTimings> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A copy of all metrics.
    pub(crate) fn snapshot(&self) -> BTreeMap<TaskId, TaskMetrics> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A task's metrics so far; its totals continue from there when the task comes back.
    pub(crate) fn get(&self, task: TaskId) -> TaskMetrics {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&task).cloned().unwrap_or_default()
    }
}
