//! What is measured of records: how many came in and went out, and how old they were.
//!
//! Topics and nodes are those of the topology. Where the application chooses a topic for each record, its name is no label.

use prometheus::proto::MetricType;
use streams_core::record::TaskId;
use streams_core::runtime::{Histogram, TaskMetrics};

use super::Family;
use super::sample::{Labels, merged, summed};
use super::snapshot::Snapshot;

/// Stands for topics that the application chooses for each record. No topic can have this name.
const CHOSEN: &str = "(chosen)";

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kstream_topic_records_consumed_total",
        help: "Records taken from topics, also those that were left out.",
        kind: MetricType::COUNTER,
        samples: |snapshot| summed(of_tasks(snapshot, consumed)),
    },
    Family {
        name: "kstream_topic_records_produced_total",
        help: "Records that sinks have sent, by topic. Topics that are chosen for each record count as one.",
        kind: MetricType::COUNTER,
        samples: |snapshot| summed(of_tasks(snapshot, produced)),
    },
    Family {
        name: "kstream_record_lateness_seconds",
        help: "How many seconds records are behind the newest one that their task had processed before, 0 for those that are not.",
        kind: MetricType::HISTOGRAM,
        samples: |snapshot| merged(of_tasks(snapshot, lateness)),
    },
    Family {
        name: "kstream_record_e2e_seconds",
        help: "Age of records in seconds, from their timestamps until sources have processed them and until sinks send them.",
        kind: MetricType::HISTOGRAM,
        samples: |snapshot| merged(of_tasks(snapshot, ages)),
    },
    Family {
        name: "kstream_dlq_records_total",
        help: "Dead letters, by the node that has failed or has dropped the record, and the reason.",
        kind: MetricType::COUNTER,
        samples: |snapshot| summed(of_tasks(snapshot, dead_letters)),
    },
];

/// What `of` finds in each task, with the task's partition if partitions are shown.
fn of_tasks<T>(snapshot: &Snapshot, of: fn(&TaskMetrics) -> Vec<(Labels, T)>) -> impl Iterator<Item = (Labels, T)> {
    snapshot.tasks.iter().flat_map(move |(TaskId { partition, .. }, task)| {
        let partition = snapshot.partition(*partition);
        of(task).into_iter().map(move |(mut labels, value)| {
            labels.extend(partition.clone());
            (labels, value)
        })
    })
}

fn label(name: &'static str, value: &str) -> Labels {
    vec![(name, value.to_owned())]
}

fn consumed(task: &TaskMetrics) -> Vec<(Labels, u64)> {
    task.received.iter().map(|(topic, received)| (label("topic", topic), received.records)).collect()
}

fn produced(task: &TaskMetrics) -> Vec<(Labels, u64)> {
    let sent = task.sent.values();
    sent.map(|sent| (label("topic", sent.topic.as_deref().unwrap_or(CHOSEN)), sent.records())).collect()
}

fn lateness(task: &TaskMetrics) -> Vec<(Labels, Histogram)> {
    task.received.iter().map(|(topic, received)| (label("topic", topic), received.lateness)).collect()
}

fn ages(task: &TaskMetrics) -> Vec<(Labels, Histogram)> {
    let sources = task.received.values().map(|received| (label("node", &received.node), received.ages));
    let sinks = task.sent.iter().map(|(node, sent)| (label("node", node), sent.ages));
    sources.chain(sinks).collect()
}

fn dead_letters(task: &TaskMetrics) -> Vec<(Labels, u64)> {
    let written = task.dead_letters.iter();
    written
        .map(|((node, reason), count)| (vec![("node", node.to_string()), ("reason", (*reason).to_owned())], *count))
        .collect()
}
