//! How far the application is behind its inputs. What is not known is not shown, and is counted instead.

use std::collections::BTreeMap;

use prometheus::proto::MetricType;

use super::Family;
use super::sample::{Labels, Sample, number, summed};
use super::snapshot::{Snapshot, seconds};
use crate::lag::InputLag;

pub(super) const FAMILIES: &[Family] = &[
    Family {
        name: "kstream_consumer_lag",
        help: "Offsets between this instance's positions and the ends of its inputs, which is about the number of records.",
        kind: MetricType::GAUGE,
        samples: |snapshot| known(snapshot, |input| input.records().map(number), |one, other| one + other),
    },
    Family {
        name: "kstream_consumer_lag_seconds",
        help: "Age in seconds of the next record, of the partition where it is the oldest. It is 0 if there is none.",
        kind: MetricType::GAUGE,
        samples: |snapshot| known(snapshot, |input| input.time.map(seconds), f64::max),
    },
    Family {
        name: "kstream_consumer_lag_unknown_partitions",
        help: "Number of input partitions of which it is not known where they end.",
        kind: MetricType::GAUGE,
        samples: |snapshot| {
            let unknown = |input: &InputLag| (topic(input), u64::from(input.end.is_none()));
            summed(snapshot.lags.iter().map(unknown))
        },
    },
];

fn topic(input: &InputLag) -> Labels {
    vec![("topic", input.partition.topic.to_string())]
}

/// Values by topic, or by partition if those are shown. If the value of one partition is not known, neither is that of its
/// topic.
fn known(snapshot: &Snapshot, of: fn(&InputLag) -> Option<f64>, join: fn(f64, f64) -> f64) -> Vec<Sample> {
    let mut values: BTreeMap<Labels, Option<f64>> = BTreeMap::new();
    for input in &snapshot.lags {
        let mut labels = topic(input);
        labels.extend(snapshot.partition(input.partition.partition));
        let value = of(input);
        let joined = |so_far: &mut Option<f64>| *so_far = so_far.zip(value).map(|(one, other)| join(one, other));
        values.entry(labels).and_modify(joined).or_insert(value);
    }
    values.into_iter().filter_map(|(labels, value)| Some(Sample::new(labels, value?))).collect()
}
