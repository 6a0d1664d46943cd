//! Metrics in Prometheus' text format, made anew at each scrape from what the application's handle says.
//!
//! Names follow Kafka Streams' where it has one, with Prometheus' units. Each family is a row of a table: its name, what it
//! means, and a function from a [`Snapshot`] to samples. There is a file with a table for each thing that is measured.
//!
//! No label has unbounded values: no keys, no offsets, no names that a process makes up. Partitions are labels only with
//! `metrics.recording.level=DEBUG`; otherwise their values are added up. What a program adds (`own.rs`) is its own business.

use prometheus::proto::{MetricFamily, MetricType};
use prometheus::{Error, TextEncoder};

mod application;
mod handlers;
mod inputs;
pub(crate) mod own;
mod records;
mod sample;
mod snapshot;
mod stores;
mod tasks;
mod threads;

use sample::Sample;
pub(crate) use snapshot::Snapshot;

/// A metric with all its time series.
struct Family {
    name: &'static str,
    /// What it is, with its unit.
    help: &'static str,
    kind: MetricType,
    samples: fn(&Snapshot) -> Vec<Sample>,
}

/// All families, in the order in which they are shown.
fn families() -> impl Iterator<Item = &'static Family> {
    application::FAMILIES
        .iter()
        .chain(threads::FAMILIES)
        .chain(tasks::FAMILIES)
        .chain(records::FAMILIES)
        .chain(stores::FAMILIES)
        .chain(handlers::FAMILIES)
        .chain(inputs::FAMILIES)
}

/// The text that is sent, with the program's own metrics at its end.
pub(crate) fn render(snapshot: &Snapshot, own: Vec<MetricFamily>) -> Result<String, Error> {
    let families: Vec<MetricFamily> = families().filter_map(|family| family.at(snapshot)).chain(own).collect();
    TextEncoder::new().encode_to_string(&families)
}

impl Family {
    /// `None` if there is nothing to show.
    fn at(&self, snapshot: &Snapshot) -> Option<MetricFamily> {
        let samples = (self.samples)(snapshot);
        if samples.is_empty() {
            return None;
        }
        let mut family = MetricFamily::default();
        family.set_name(self.name.to_owned());
        family.set_help(self.help.to_owned());
        family.set_field_type(self.kind);
        family.set_metric(samples.into_iter().map(|sample| sample.into_metric(self.kind)).collect());
        Some(family)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The boards and rules in the repository.
    const SHIPPED: [(&str, &str); 2] = [
        ("dashboard.json", include_str!("../../grafana/dashboard.json")),
        ("alerts.yml", include_str!("../../grafana/alerts.yml")),
    ];

    #[test]
    fn names_and_helps_say_the_unit() {
        let mut names = BTreeSet::new();
        for Family { name, help, kind, .. } in families() {
            assert!(names.insert(*name), "{name} is there twice");
            assert!(name.starts_with("kstream_"), "{name}");
            assert_eq!(name.ends_with("_total"), *kind == MetricType::COUNTER, "{name}: counters end with _total");
            assert!(help.ends_with('.') && help.len() > 20, "{name}: {help}");
            assert_eq!(name.contains("seconds"), help.contains("seconds"), "{name}: {help}");
        }
    }

    /// The metrics that a text names, without the endings of histograms.
    fn named_in(text: &str) -> BTreeSet<&str> {
        let is_word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        let words = text.split(|letter| !is_word(letter)).filter(|word| word.starts_with("kstream_"));
        words
            .map(|word| {
                let histogram =
                    |name: &&str| families().any(|family| family.name == *name && family.kind == MetricType::HISTOGRAM);
                let endings = ["_bucket", "_sum", "_count"];
                endings.iter().find_map(|ending| word.strip_suffix(ending).filter(histogram)).unwrap_or(word)
            })
            .collect()
    }

    #[test]
    fn every_metric_that_the_dashboard_and_the_alerts_name_exists() {
        let known: BTreeSet<&str> = families().map(|family| family.name).collect();
        for (file, text) in SHIPPED {
            let named = named_in(text);
            assert!(named.len() > 5, "{file}: {named:?}");
            let unknown: Vec<_> = named.difference(&known).collect();
            assert!(unknown.is_empty(), "{file}: {unknown:?}");
        }
    }

    #[test]
    fn the_dashboard_shows_every_metric() {
        let [(_, dashboard), (_, alerts)] = SHIPPED;
        serde_json::from_str::<serde_json::Value>(dashboard).expect("JSON");
        let shown: BTreeSet<&str> = named_in(dashboard).union(&named_in(alerts)).copied().collect();
        let missing: Vec<_> = families().map(|family| family.name).filter(|name| !shown.contains(name)).collect();
        assert!(missing.is_empty(), "{missing:?}");
    }

    #[test]
    fn there_are_eight_alerts_and_each_says_what_to_do() {
        let [_, (_, alerts)] = SHIPPED;
        for (line, count) in [("- alert: ", 8), ("summary: ", 8), ("description: ", 8), ("expr: ", 8), ("for: ", 8)] {
            assert_eq!(alerts.lines().filter(|text| text.trim_start().starts_with(line)).count(), count, "{line}");
        }
    }
}
