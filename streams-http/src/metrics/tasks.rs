//! What is measured of tasks: by sub-topology, and by partition if that is wanted.

use std::collections::BTreeMap;
use std::time::Duration;

use prometheus::proto::MetricType;
use streams_core::runtime::{TaskMetrics, TaskPhase};

use super::Family;
use super::sample::{Labels, Sample, number, summed};
use super::snapshot::{Snapshot, seconds};

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kstream_tasks",
        help: "Number of tasks that this instance has, by what they are doing.",
        kind: MetricType::GAUGE,
        samples: |snapshot| PHASES.iter().map(|phase| in_phase(snapshot, *phase)).collect(),
    },
    Family {
        name: "kstream_task_records_processed_total",
        help: "Input records processed.",
        kind: MetricType::COUNTER,
        samples: |snapshot| total(snapshot, |task| task.processed),
    },
    Family {
        name: "kstream_task_records_uncommitted",
        help: "Input records processed and not yet committed.",
        kind: MetricType::GAUGE,
        samples: |snapshot| now(snapshot, |task| task.uncommitted),
    },
    Family {
        name: "kstream_task_records_buffered",
        help: "Input records fetched and not yet processed.",
        kind: MetricType::GAUGE,
        samples: |snapshot| now(snapshot, |task| task.buffered),
    },
    Family {
        name: "kstream_task_commits_total",
        help: "Commits of tasks that the log has accepted.",
        kind: MetricType::COUNTER,
        samples: |snapshot| total(snapshot, |task| task.commits),
    },
    Family {
        name: "kstream_records_dropped_total",
        help: "Records dropped on purpose, by the reason.",
        kind: MetricType::COUNTER,
        samples: |snapshot| {
            by_reason(snapshot, |task| task.dropped.iter().map(|(reason, count)| (*reason, *count)).collect())
        },
    },
    Family {
        name: "kstream_restore_records_total",
        help: "Changelog records read to restore state.",
        kind: MetricType::COUNTER,
        samples: |snapshot| total(snapshot, |task| task.restored),
    },
    Family {
        name: "kstream_restore_seconds_total",
        help: "Time in seconds that tasks have spent on restoring state, all of them together.",
        kind: MetricType::COUNTER,
        samples: |snapshot| {
            let mut sums: BTreeMap<Labels, Duration> = BTreeMap::new();
            for (id, task) in &snapshot.tasks {
                *sums.entry(snapshot.place(*id)).or_default() += task.restoring;
            }
            sums.into_iter().map(|(labels, sum)| Sample::new(labels, seconds(sum))).collect()
        },
    },
    Family {
        name: "kstream_restore_remaining_records",
        help: "Changelog records still to be read before tasks can run.",
        kind: MetricType::GAUGE,
        samples: |snapshot| now(snapshot, |task| task.restore_remaining),
    },
    Family {
        name: "kstream_store_rebuilds_total",
        help: "Stores that were emptied to be built anew, by the reason.",
        kind: MetricType::COUNTER,
        samples: |snapshot| {
            by_reason(snapshot, |task| task.rebuilt.iter().map(|(reason, count)| (*reason, *count)).collect())
        },
    },
];

const PHASES: [TaskPhase; 5] =
    [TaskPhase::Opening, TaskPhase::Restoring, TaskPhase::WaitingForSpace, TaskPhase::Running, TaskPhase::Suspended];

fn in_phase(snapshot: &Snapshot, phase: TaskPhase) -> Sample {
    let count = snapshot.assigned.values().filter(|task| task.phase == phase).count();
    Sample::new(vec![("state", phase.to_string())], number(count as u64))
}

/// What all tasks together have ever done in this process.
fn total(snapshot: &Snapshot, of: fn(&TaskMetrics) -> u64) -> Vec<Sample> {
    summed(snapshot.tasks.iter().map(|(id, task)| (snapshot.place(*id), of(task))))
}

/// How the tasks are that this instance has.
fn now(snapshot: &Snapshot, of: fn(&TaskMetrics) -> u64) -> Vec<Sample> {
    summed(snapshot.assigned.iter().map(|(id, task)| (snapshot.place(*id), of(task))))
}

fn by_reason(snapshot: &Snapshot, of: fn(&TaskMetrics) -> Vec<(&'static str, u64)>) -> Vec<Sample> {
    summed(snapshot.tasks.iter().flat_map(|(id, task)| {
        of(task).into_iter().map(|(reason, count)| {
            let mut labels: Labels = snapshot.place(*id);
            labels.push(("reason", reason.to_owned()));
            (labels, count)
        })
    }))
}
