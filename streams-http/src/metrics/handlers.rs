//! What is measured of handlers, by their names.

use prometheus::proto::MetricType;
use streams_core::dsl::handler::HandlerMetrics;

use super::Family;
use super::sample::{Labels, Sample, summed};
use super::snapshot::Snapshot;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kstream_handler_records_total",
        help: "Records of handlers: accepted, succeeded, retried, or moved to a retry topic.",
        kind: MetricType::COUNTER,
        samples: |snapshot| {
            total(snapshot, |handler| {
                vec![
                    ("outcome", "accepted", handler.accepted),
                    ("outcome", "succeeded", handler.succeeded),
                    ("outcome", "retried", handler.retried),
                    ("outcome", "moved", handler.moved_to_topics),
                ]
            })
        },
    },
    Family {
        name: "kstream_handler_given_up_total",
        help: "Records that handlers have given up, by what the last attempt ended with.",
        kind: MetricType::COUNTER,
        samples: |snapshot| {
            total(snapshot, |handler| {
                handler.given_up.iter().map(|(reason, count)| ("reason", *reason, *count)).collect()
            })
        },
    },
    Family {
        name: "kstream_handler_in_flight",
        help: "Records that handlers work on (running) or that wait for them (waiting).",
        kind: MetricType::GAUGE,
        samples: |snapshot| {
            let tasks = snapshot.assigned.values().flat_map(|task| &task.handlers);
            summed(tasks.flat_map(|(name, handler)| {
                [("running", handler.running), ("waiting", handler.waiting)]
                    .map(|(state, count)| (labels(name, "state", state), count))
            }))
        },
    },
];

fn labels(handler: &str, kind: &'static str, value: &str) -> Labels {
    vec![("handler", handler.to_owned()), (kind, value.to_owned())]
}

fn total(snapshot: &Snapshot, of: fn(&HandlerMetrics) -> Vec<(&'static str, &'static str, u64)>) -> Vec<Sample> {
    let tasks = snapshot.tasks.values().flat_map(|task| &task.handlers);
    summed(tasks.flat_map(|(name, handler)| {
        of(handler).into_iter().map(|(kind, value, count)| (labels(name, kind, value), count))
    }))
}
