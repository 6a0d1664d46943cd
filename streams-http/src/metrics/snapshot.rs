//! What the application says at one moment, from which all metrics are made.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use streams_core::config::{Guarantee, RecordingLevel};
use streams_core::record::{Partition, TaskId};
use streams_core::runtime::{AppState, Histogram, StoreMetrics, TaskMetrics, Turns, WorkerTimings};
use streams_core::state::StoreProperty;

use super::sample::Labels;
use crate::lag::InputLag;
use crate::served::Served;

/// The application at one moment.
#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(super) application_id: String,
    pub(super) topology: u64,
    pub(super) guarantee: Guarantee,
    pub(super) level: RecordingLevel,
    pub(super) state: AppState,
    pub(super) is_paused: bool,
    pub(super) turns: Turns,
    pub(super) timings: Vec<WorkerTimings>,
    /// All tasks that this process has or has had: their totals count on.
    pub(super) tasks: BTreeMap<TaskId, TaskMetrics>,
    /// Those that it has.
    pub(super) assigned: BTreeMap<TaskId, TaskMetrics>,
    pub(super) lags: Vec<InputLag>,
    /// The stores of global tables.
    pub(super) globals: BTreeMap<Arc<str>, StoreMetrics>,
    /// What the backend of the state knows about itself.
    pub(super) backend: Vec<StoreProperty>,
    /// How long answers about stores took, by store and route.
    pub(super) asked: BTreeMap<(Arc<str>, &'static str), Histogram>,
    /// How many streams of events are open.
    pub(super) streams: usize,
}

impl Snapshot {
    pub(crate) async fn take(served: &Served) -> Self {
        let (app, about) = (&served.app, served.app.about());
        let tasks = app.tasks();
        let ends = served.lag.ends(&tasks).await;
        let own = app.assignment();
        let assigned: BTreeMap<_, _> =
            tasks.iter().filter(|(id, _)| own.contains_key(id)).map(|(id, task)| (*id, task.clone())).collect();
        Self {
            application_id: about.application_id().to_owned(),
            topology: about.topology().fingerprint().hash(),
            guarantee: about.guarantee(),
            level: about.recording_level(),
            state: app.state(),
            is_paused: app.is_paused(),
            streams: served.streams_max.saturating_sub(served.streams.available_permits()),
            globals: app.global_stores(),
            backend: about.backend_properties(),
            asked: served.asked.all(),
            turns: app.turns(),
            timings: app.timings(),
            lags: assigned.values().flat_map(|task| served.lag.of(task, &ends)).collect(),
            tasks,
            assigned,
        }
    }

    /// Where a task's value belongs.
    pub(super) fn place(&self, task: TaskId) -> Labels {
        let mut labels = vec![("subtopology", task.subtopology.to_string())];
        labels.extend(self.partition(task.partition));
        labels
    }

    /// The label of a partition, if partitions are shown.
    pub(super) fn partition(&self, partition: Partition) -> Option<(&'static str, String)> {
        (self.level >= RecordingLevel::Debug).then(|| ("partition", partition.0.to_string()))
    }
}

/// A duration as it is shown.
pub(super) fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64()
}
