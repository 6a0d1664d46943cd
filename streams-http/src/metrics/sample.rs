//! One value of a metric, with its labels.

use std::collections::BTreeMap;

use prometheus::proto::{Bucket, Counter, Gauge, LabelPair, Metric, MetricType};
use streams_core::runtime::Histogram;

/// Names and values, in the order in which they are shown.
pub(super) type Labels = Vec<(&'static str, String)>;

/// A value with its labels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) labels: Labels,
    pub(super) value: Value,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Number(f64),
    Steps(Histogram),
}

impl Sample {
    pub(super) const fn new(labels: Labels, value: f64) -> Self {
        Self { labels, value: Value::Number(value) }
    }

    /// As the encoder wants it.
    pub(super) fn into_metric(self, kind: MetricType) -> Metric {
        let labels = self.labels.into_iter().map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name(name.to_owned());
            label.set_value(value);
            label
        });
        let mut metric = Metric::from_label(labels.collect());
        match self.value {
            Value::Number(value) if kind == MetricType::COUNTER => {
                let mut counter = Counter::default();
                counter.set_value(value);
                metric.set_counter(counter);
            }
            Value::Number(value) => {
                let mut gauge = Gauge::default();
                gauge.set_value(value);
                metric.set_gauge(gauge);
            }
            Value::Steps(steps) => metric.set_histogram(histogram(&steps)),
        }
        metric
    }
}

fn histogram(steps: &Histogram) -> prometheus::proto::Histogram {
    let buckets = steps.buckets().map(|(bound, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(bound.as_secs_f64());
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = prometheus::proto::Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(steps.count());
    histogram.set_sample_sum(steps.sum().as_secs_f64());
    histogram
}

/// Counts as they are shown. Beyond 2^53 they are no longer exact, which is 285 years of a million per second.
#[expect(clippy::cast_precision_loss, reason = "Prometheus knows only such numbers")]
pub(super) const fn number(count: u64) -> f64 {
    count as f64
}

/// Adds up what has the same labels.
pub(super) fn summed(values: impl IntoIterator<Item = (Labels, u64)>) -> Vec<Sample> {
    let mut sums: BTreeMap<Labels, u64> = BTreeMap::new();
    for (labels, value) in values {
        *sums.entry(labels).or_default() += value;
    }
    sums.into_iter().map(|(labels, sum)| Sample::new(labels, number(sum))).collect()
}

/// Adds up histograms that have the same labels.
pub(super) fn merged(values: impl IntoIterator<Item = (Labels, Histogram)>) -> Vec<Sample> {
    let mut sums: BTreeMap<Labels, Histogram> = BTreeMap::new();
    for (labels, value) in values {
        sums.entry(labels).and_modify(|sum| sum.merge(&value)).or_insert(value);
    }
    sums.into_iter().map(|(labels, sum)| Sample { labels, value: Value::Steps(sum) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_same_labels_is_added_up() {
        let labels = |topic: &str| vec![("topic", topic.to_owned())];
        let sums = summed([(labels("b"), 1), (labels("a"), 2), (labels("b"), 3)]);
        assert_eq!(sums, [Sample::new(labels("a"), 2.0), Sample::new(labels("b"), 4.0)]);
    }
}
