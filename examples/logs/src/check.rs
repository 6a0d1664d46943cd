//! Compares what the application has found with the truth about the lines.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use millstream::aggregates::Quantiles;
use millstream::client::Client;
use millstream::log::{Doorbell, Isolation, Log};
use millstream::prelude::*;
use millstream::runtime::{AppState, Handle, TaskPhase};

use crate::Failure;
use crate::generator::{ServiceMinute, Truth, signatures};
use crate::topology::{
    ALERTS, Alert, DEAD_LETTERS, ERRORS_STORE, Kind, LATENCY_STORE, LINES, NOTICES, Notice, RETENTION,
};

/// How long to wait for an answer of a store, for instance while it is restored.
const PATIENCE: Duration = Duration::from_secs(60);

/// How far a percentile may be from the exact one. The sketch promises 1 %, and floats are rounded.
const ERROR: f64 = 0.010_001;

/// The percentiles that are compared.
const PARTS: [f64; 3] = [0.5, 0.95, 0.99];

/// What the application has found.
#[derive(Debug, Default)]
pub struct Found {
    /// Errors by service and minute.
    pub errors: BTreeMap<ServiceMinute, i64>,
    /// Latencies by service and minute.
    pub latencies: BTreeMap<ServiceMinute, Quantiles>,
    /// All alerts by service.
    pub alerts: BTreeMap<String, Vec<Alert>>,
    /// Those of which somebody was told.
    pub notices: BTreeMap<String, Vec<Notice>>,
    /// How many alerts wait to be told again, or were given up.
    pub untold: u64,
    /// Lines that are none.
    pub bad: BTreeMap<Vec<u8>, usize>,
}

impl Found {
    /// Asks the application and its topics.
    pub fn read(app: &Handle, client: &Client) -> Result<Self, Failure> {
        let errors = app.query(&ERRORS_STORE)?.waiting(PATIENCE).all(..).wait()?;
        let latencies = app.query(&LATENCY_STORE)?.waiting(PATIENCE).all(..).wait()?;
        let place = |window: Windowed<String>| (window.key, window.window.start.0);
        let mut found = Self {
            errors: errors.into_iter().map(|(window, count)| (place(window), count)).collect(),
            latencies: latencies.into_iter().map(|(window, sketch)| (place(window), sketch)).collect(),
            ..Self::default()
        };
        for received in client.records(&ALERTS)? {
            let record = received?.record;
            found.alerts.entry(record.key).or_default().push(record.value);
        }
        for received in client.records(&NOTICES)? {
            let record = received?.record;
            found.notices.entry(record.key).or_default().push(record.value);
        }
        let handlers = app.tasks().into_values().flat_map(|task| task.handlers.into_values());
        found.untold = handlers.map(|handler| handler.in_flight()).sum();
        for received in client.records(&DEAD_LETTERS)? {
            let record = received?.record;
            match record.headers.get("__streams.errors.topic") {
                Some(topic) if topic == LINES.name().as_bytes() => {
                    *found.bad.entry(record.value.unwrap_or_default()).or_default() += 1;
                }
                _ => found.untold += 1,
            }
        }
        Ok(found)
    }

    /// One line for each thing that is not as it should be.
    pub fn problems(&self, truth: &Truth) -> Vec<String> {
        [self.wrong_errors(truth), self.wrong_latencies(truth), self.wrong_alerts(truth), self.wrong_notices()]
            .into_iter()
            .flatten()
            .chain(wrong_lines(truth, &self.bad))
            .collect()
    }

    fn wrong_errors(&self, truth: &Truth) -> Vec<String> {
        let (expected, found) = (checked(&truth.errors, truth), checked(&self.errors, truth));
        let keys: BTreeSet<_> = expected.keys().chain(found.keys()).collect();
        let wrong = keys.into_iter().filter(|key| expected.get(*key) != found.get(*key));
        wrong.map(|key| format!("errors of {key:?}: {:?}, not {:?}", found.get(key), expected.get(key))).collect()
    }

    fn wrong_latencies(&self, truth: &Truth) -> Vec<String> {
        let mut wrong = Vec::new();
        for (key, exact) in checked(&truth.latencies, truth) {
            let mut exact = exact.clone();
            exact.sort_by(f64::total_cmp);
            let sketch = self.latencies.get(key).cloned().unwrap_or_default();
            if sketch.count() != exact.len() as u64 {
                wrong.push(format!("requests of {key:?}: {}, not {}", sketch.count(), exact.len()));
                continue;
            }
            for part in PARTS {
                let rank = (part * (exact.len() - 1) as f64) as usize;
                let (expected, found) = (exact.get(rank).copied().unwrap_or(0.0), sketch.quantile(part).unwrap_or(0.0));
                if (found - expected).abs() > expected * ERROR {
                    wrong.push(format!("{part} of latencies of {key:?}: {found}, not {expected}"));
                }
            }
        }
        wrong
    }

    /// Each kind of error has one alert, and there is none of a kind that does not exist.
    fn wrong_alerts(&self, truth: &Truth) -> Vec<String> {
        let mut told: BTreeMap<(String, String), usize> = BTreeMap::new();
        for (service, alerts) in &self.alerts {
            for alert in alerts {
                if let Kind::NewError { signature } = &alert.kind {
                    *told.entry((service.clone(), signature.clone())).or_default() += 1;
                }
            }
        }
        told.retain(|(service, _), _| !truth.strange.contains(service));
        let known = signatures();
        let silent = truth.signatures.iter().filter(|(service, _)| !truth.strange.contains(service));
        let silent = silent.filter(|key| !told.contains_key(*key)).map(|key| format!("no alert of {key:?}"));
        let wrong = told.iter().filter(|((_, signature), times)| **times != 1 || !known.contains(signature));
        silent.chain(wrong.map(|(key, times)| format!("{times} alerts of {key:?}"))).collect()
    }

    /// A service's notices are as far apart as they should be, and each alert is one of them or near enough to one.
    fn wrong_notices(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for (service, alerts) in &self.alerts {
            let mut notices = self.notices.get(service).cloned().unwrap_or_default();
            notices.sort_by_key(|notice| notice.alert.at);
            for pair in notices.windows(2) {
                if let [first, second] = pair
                    && second.alert.at - first.alert.at < silence(first).min(silence(second))
                {
                    wrong.push(format!("two notices of {service} in a time of silence: {first:?}, {second:?}"));
                }
            }
            let is_told = |alert: &Alert| {
                notices
                    .iter()
                    .any(|notice| (notice.alert.at - alert.at).abs() < silence(notice) || notice.alert == *alert)
            };
            // What waits for a webhook, or was given up, may silence others.
            if self.untold == 0 {
                let untold = alerts.iter().filter(|alert| !is_told(alert));
                wrong.extend(untold.map(|alert| format!("nobody was told of {alert:?} of {service}")));
            }
        }
        wrong
    }
}

fn silence(notice: &Notice) -> i64 {
    i64::try_from(notice.silence_ms).unwrap_or(i64::MAX)
}

fn wrong_lines(truth: &Truth, found: &BTreeMap<Vec<u8>, usize>) -> Vec<String> {
    let wrong = truth.bad.iter().filter(|(line, times)| found.get(*line) != Some(*times));
    wrong
        .map(|(line, times)| format!("{times} dead letters {:?}: {:?}", line.escape_ascii(), found.get(line)))
        .collect()
}

/// Minutes that are still kept, of services of which everything is known.
fn checked<'a, T>(minutes: &'a BTreeMap<ServiceMinute, T>, truth: &Truth) -> BTreeMap<&'a ServiceMinute, &'a T> {
    let kept = truth.latest - i64::try_from(RETENTION.as_millis()).unwrap_or(i64::MAX);
    let is_checked = |(service, start): &ServiceMinute| *start > kept && !truth.strange.contains(service);
    minutes.iter().filter(|(key, _)| is_checked(key)).collect()
}

/// Whether all that is in the topics has been processed and committed. Alerts may still wait for their webhook.
pub fn is_idle(app: &Handle, log: &dyn Log) -> Result<bool, Failure> {
    if app.state() != AppState::Running {
        return Ok(false);
    }
    let assigned = app.assignment().len();
    let mut tasks = app.tasks();
    tasks.retain(|_, task| task.phase != TaskPhase::Closed);
    if tasks.len() < assigned || tasks.values().any(|task| task.phase != TaskPhase::Running || task.uncommitted > 0) {
        return Ok(false);
    }
    let positions: Vec<_> = tasks.values().flat_map(|task| task.positions.clone()).collect();
    let partitions = positions.iter().map(|(partition, _)| partition.clone()).collect();
    match log.admin(Doorbell::new())?.end_offsets(partitions, Isolation::ReadUncommitted).wait() {
        Some(Ok(ends)) => Ok(ends.iter().zip(&positions).all(|(end, (_, position))| end <= position)),
        Some(Err(error)) if !error.is_transient() => Err(error.into()),
        _ => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::Meaning;

    fn alert(at: i64) -> Alert {
        Alert { kind: Kind::Burst { errors: 9 }, text: "many".to_owned(), at }
    }

    type Spoil = fn(&mut Found);

    /// A check that finds nothing is worth nothing.
    #[test]
    fn each_kind_of_problem_is_found() {
        let mut truth = Truth::default();
        let error = Some("disk sd<n> is full".to_owned());
        let line = Meaning::Line { service: "cart".to_owned(), at: 60_000, error, latency_ms: Some(100.0) };
        truth.add(b"disk sd7 is full", line);
        truth.add(b"what", Meaning::Bad);
        let minute = ("cart".to_owned(), 60_000);
        let sketch = |value| {
            let mut sketch = Quantiles::default();
            sketch.add(value);
            sketch
        };
        let new = |signature: &str| {
            let kind = Kind::NewError { signature: signature.to_owned() };
            Alert { kind, text: "disk sd7 is full".to_owned(), at: 60_000 }
        };
        let right = || Found {
            errors: [(minute.clone(), 1)].into(),
            latencies: [(minute.clone(), sketch(100.5))].into(),
            alerts: [("cart".to_owned(), vec![new("disk sd<n> is full"), alert(61_000)])].into(),
            notices: [("cart".to_owned(), vec![Notice { alert: new("disk sd<n> is full"), silence_ms: 5_000 }])].into(),
            bad: [(b"what".to_vec(), 1)].into(),
            untold: 0,
        };
        let spoilt = |spoil: Spoil| {
            let mut found = right();
            spoil(&mut found);
            found.problems(&truth)
        };
        assert_eq!(spoilt(|_| {}), Vec::<String>::new());
        let cases: [(Spoil, &str); 8] = [
            (|found| found.errors.values_mut().for_each(|count| *count = 2), "errors of"),
            (|found| found.errors.clear(), "errors of"),
            (|found| found.latencies.values_mut().for_each(|sketch| sketch.add(1.0)), "requests of"),
            (|found| found.bad.clear(), "dead letters"),
            (|found| found.alerts.clear(), "no alert of"),
            (|found| found.alerts.values_mut().for_each(|all| all.push(all[0].clone())), "2 alerts of"),
            (|found| found.notices.clear(), "nobody was told"),
            (
                |found| {
                    let second = Notice { alert: alert(61_000), silence_ms: 5_000 };
                    found.notices.values_mut().for_each(|all| all.push(second.clone()));
                },
                "in a time of silence",
            ),
        ];
        for (spoil, expected) in cases {
            let problems = spoilt(spoil);
            assert!(problems.first().is_some_and(|problem| problem.contains(expected)), "{expected}: {problems:?}");
        }
        let slow = Found { latencies: [(minute.clone(), sketch(103.0))].into(), ..right() };
        assert_eq!(slow.problems(&truth).len(), 3, "{:?}", slow.problems(&truth));
    }
}
