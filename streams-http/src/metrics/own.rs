//! Metrics of the program's own, which are read at each scrape and shown behind this crate's.
//!
//! Names are checked when the server is made, so a program with a wrong one does not start. What is read later is not under
//! anybody's control: a closure may fail, panic, not come back, or give two values of the same labels, for which Prometheus
//! would refuse the whole scrape. Then that metric is left out, all others are not, and it is said.

use std::collections::BTreeSet;
use std::error::Error;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};
use streams_core::runtime::About;

use crate::HttpError;

/// How long a scrape waits for a metric.
const PATIENCE: Duration = Duration::from_secs(1);

/// The values of a metric, each with the values of its labels.
type Values = Vec<(Vec<String>, f64)>;

type Read = dyn Fn() -> BoxFuture<'static, Result<Values, String>> + Send + Sync;

/// A metric of the program's own.
#[derive(Clone)]
pub(crate) struct OwnMetric {
    name: String,
    help: String,
    kind: MetricType,
    labels: Vec<String>,
    read: Arc<Read>,
    /// Whether it could not be read at the last scrape, which has been said.
    is_missing: Arc<AtomicBool>,
}

impl OwnMetric {
    pub(crate) fn new<const N: usize, F, E>(
        kind: MetricType,
        (name, help): (String, String),
        labels: [&str; N],
        read: impl Fn() -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Vec<([String; N], f64)>, E>> + Send + 'static,
        E: Into<Box<dyn Error + Send + Sync>>,
    {
        let read = move || {
            let values = read();
            let values = async move {
                let values = values.await.map_err(|error| error.into().to_string())?;
                Ok(values.into_iter().map(|(labels, value)| (labels.to_vec(), value)).collect())
            };
            values.boxed()
        };
        let labels = labels.map(str::to_owned).to_vec();
        Self { name, help, kind, labels, read: Arc::new(read), is_missing: Arc::default() }
    }

    /// What Prometheus would not understand, or could take for something else.
    fn check(&self) -> Result<(), &'static str> {
        if !is_word(&self.name) {
            return Err("names have letters, digits and underscores, and do not begin with a digit");
        }
        if self.name.starts_with("kstream_") {
            return Err("names that begin with `kstream_` are Millstream's own");
        }
        if self.name.ends_with("_total") != (self.kind == MetricType::COUNTER) {
            return Err("the name of a counter ends with `_total`, and that of a gauge does not");
        }
        if self.help.trim().is_empty() {
            return Err("it needs a sentence that says what it is");
        }
        if !self.labels.iter().all(|label| is_word(label) && !label.starts_with("__")) {
            return Err("labels have letters, digits and underscores, and begin neither with a digit nor with `__`");
        }
        if self.labels.iter().collect::<BTreeSet<_>>().len() < self.labels.len() {
            return Err("two of its labels have the same name");
        }
        Ok(())
    }

    /// The metric with its values; `None` if it has none.
    async fn family(&self) -> Result<Option<MetricFamily>, String> {
        // The closure itself may panic as well as what it returns.
        let read = AssertUnwindSafe(async { (self.read)().await }).catch_unwind();
        let values = match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok(values)) => values?,
            Ok(Err(_)) => return Err("the code that reads it has panicked".to_owned()),
            Err(_) => return Err(format!("reading it takes longer than {PATIENCE:?}")),
        };
        let mut seen = BTreeSet::new();
        if let Some((labels, _)) = values.iter().find(|(labels, _)| !seen.insert(labels)) {
            return Err(format!("there are two values with the labels {labels:?}"));
        }
        if values.is_empty() {
            return Ok(None);
        }
        let mut family = MetricFamily::default();
        family.set_name(self.name.clone());
        family.set_help(self.help.clone());
        family.set_field_type(self.kind);
        family.set_metric(values.into_iter().map(|value| self.metric(value)).collect());
        Ok(Some(family))
    }

    fn metric(&self, (labels, value): (Vec<String>, f64)) -> Metric {
        let labels = self.labels.iter().zip(labels).map(|(name, value)| {
            let mut label = LabelPair::default();
            label.set_name(name.clone());
            label.set_value(value);
            label
        });
        let mut metric = Metric::from_label(labels.collect());
        if self.kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    }
}

/// Whether this is a name that Prometheus knows. Its colons are for rules.
fn is_word(name: &str) -> bool {
    let is_letter = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    name.starts_with(is_letter) && name.chars().all(|letter| is_letter(letter) || letter.is_ascii_digit())
}

/// Refuses metrics that could not be shown.
pub(crate) fn check(metrics: &[OwnMetric]) -> Result<(), HttpError> {
    let mut names = BTreeSet::new();
    for metric in metrics {
        let is_new = names.insert(&metric.name);
        let checked = if is_new { metric.check() } else { Err("there is one with that name already") };
        checked.map_err(|reason| HttpError::Metric { name: metric.name.clone(), reason })?;
    }
    Ok(())
}

/// Reads all of them at the same time.
pub(crate) async fn read(metrics: &[OwnMetric], about: &About) -> Vec<MetricFamily> {
    let families = join_all(metrics.iter().map(OwnMetric::family)).await;
    let read = metrics.iter().zip(families).filter_map(|(metric, family)| {
        let was_missing = metric.is_missing.swap(family.is_err(), Ordering::Relaxed);
        let name = &metric.name;
        match family {
            Ok(family) => {
                if was_missing {
                    about.heard(|| tracing::info!("the metric `{name}` is there again"));
                }
                family
            }
            Err(reason) => {
                if !was_missing {
                    about.heard(|| tracing::warn!("the metric `{name}` is left out of `/metrics`: {reason}"));
                }
                None
            }
        }
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(kind: MetricType, name: &str, help: &str) -> OwnMetric {
        OwnMetric::new(kind, (name.to_owned(), help.to_owned()), [], async || Ok::<_, String>(vec![([], 1.0)]))
    }

    fn labelled(labels: [&str; 2]) -> OwnMetric {
        let name = ("errors".to_owned(), "Errors.".to_owned());
        OwnMetric::new(MetricType::GAUGE, name, labels, async || Ok::<_, String>(Vec::new()))
    }

    #[test]
    fn names_that_prometheus_or_people_would_misread_are_refused() {
        let gauge = |name: &str| named(MetricType::GAUGE, name, "What it is.");
        let counter = |name: &str| named(MetricType::COUNTER, name, "What it is.");
        for (metrics, expected) in [
            (vec![gauge("errors"), counter("errors_total"), gauge("_p95_seconds")], None),
            (vec![gauge("")], Some("names have letters")),
            (vec![gauge("95th")], Some("names have letters")),
            (vec![gauge("errors per minute")], Some("names have letters")),
            (vec![gauge("errors:rate")], Some("names have letters")),
            (vec![gauge("kstream_errors")], Some("are Millstream's own")),
            (vec![gauge("errors_total")], Some("ends with `_total`")),
            (vec![counter("errors")], Some("ends with `_total`")),
            (vec![named(MetricType::GAUGE, "errors", " ")], Some("a sentence")),
            (vec![gauge("errors"), gauge("errors")], Some("that name already")),
            (vec![labelled(["service", "quantile"])], None),
            (vec![labelled(["service", "ser-vice"])], Some("labels have letters")),
            (vec![labelled(["service", "__name"])], Some("labels have letters")),
            (vec![labelled(["service", "service"])], Some("same name")),
        ] {
            let refused = check(&metrics).err().map(|error| error.to_string()).unwrap_or_default();
            assert!(expected.map_or(refused.is_empty(), |part| refused.contains(part)), "{expected:?}: {refused}");
        }
    }
}
