//! Named metrics per task, collected in one place that the whole process can read.
//!
//! Workers count in plain integers and publish them from time to time, so there is no lock on the record path.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::Histogram;
use super::timings::WorkerTimings;
use crate::operators::handler::HandlerMetrics;
use crate::operators::{InputMeter, SinkMeter};
use crate::record::{Offset, TaskId, Timestamp, TopicPartition};
use crate::state::{StoreProperty, StoreSize};

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
    /// What came in, by topic.
    pub received: BTreeMap<Arc<str>, ReceivedRecords>,
    /// What went out, by the node that has sent it.
    pub sent: BTreeMap<Arc<str>, SentRecords>,
    /// Dead letters, by the node that has failed, or has dropped the record, and the reason. Where no node was reached, it is
    /// the source.
    pub dead_letters: BTreeMap<(Arc<str>, &'static str), u64>,
    /// Changelog records read while restoring state.
    pub restored: u64,
    /// How long it has been restoring state.
    pub restoring: Duration,
    /// Changelog records that still have to be read before the task can run.
    pub restore_remaining: u64,
    /// How often one of its stores was emptied to be built anew, by the reason.
    pub rebuilt: BTreeMap<&'static str, u64>,
    /// The committed rows of its stores, by the stores' names, as they were some seconds ago at most.
    pub stores: BTreeMap<Arc<str>, StoreMetrics>,
    /// Completed commits.
    pub commits: u64,
    /// Input records that are fetched but not yet processed.
    pub buffered: u64,
    /// The next offset to process in each input partition.
    pub positions: BTreeMap<TopicPartition, Offset>,
    /// The timestamp of the next record of each input partition, as the log has it, where one is fetched.
    pub next_times: BTreeMap<TopicPartition, Timestamp>,
}

/// What the backend says about one of a task's stores.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StoreMetrics {
    /// How many rows there are, and how many bytes they take.
    pub size: StoreSize,
    /// Further numbers, under the backend's own names.
    pub properties: Vec<StoreProperty>,
}

impl StoreMetrics {
    pub(crate) const fn new(size: StoreSize, properties: Vec<StoreProperty>) -> Self {
        Self { size, properties }
    }
}

/// What a task has taken from one topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ReceivedRecords {
    /// The source that reads the topic.
    pub node: Arc<str>,
    /// How many records, also those that were left out.
    pub records: u64,
    /// How old they were when they were processed: the clock's time without the record's.
    pub ages: Histogram,
    /// How far they were behind the newest record before them, whose time is the task's stream time. Most are not.
    pub lateness: Histogram,
}

/// What a task's node has sent to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentRecords {
    /// The topic; `None` if the application chooses it for each record.
    pub topic: Option<Arc<str>>,
    /// How old the records were when they were sent: the clock's time without the record's.
    pub ages: Histogram,
}

impl ReceivedRecords {
    fn of(node: Arc<str>) -> Self {
        Self { node, records: 0, ages: Histogram::of_delays(), lateness: Histogram::of_delays() }
    }
}

impl SentRecords {
    /// How many records.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.ages.count()
    }
}

impl TaskMetrics {
    /// Adds what was counted of an input.
    pub(crate) fn count_input(&mut self, topic: &Arc<str>, node: &Arc<str>, counted: &InputMeter) {
        let received = self.received.entry(Arc::clone(topic)).or_insert_with(|| ReceivedRecords::of(Arc::clone(node)));
        received.records += counted.records;
        received.ages.add(&counted.ages);
        received.lateness.add(&counted.lateness);
    }

    /// Adds what was counted of a sink.
    pub(crate) fn count_sink(&mut self, sink: &SinkMeter) {
        let sent = self
            .sent
            .entry(Arc::clone(&sink.node))
            .or_insert_with(|| SentRecords { topic: sink.topic.clone(), ages: Histogram::of_delays() });
        sent.ages.add(&sink.take());
    }

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
