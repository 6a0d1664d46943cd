//! What the lines mean, counted in the simplest way.

use std::collections::{BTreeMap, BTreeSet};

use millstream::client::Client;
use millstream::prelude::*;

use super::{HEADER, Meaning};
use crate::Failure;
use crate::line::parse;
use crate::topology::{LINES, MINUTE};

/// A service and the start of a minute, in milliseconds since the Unix epoch.
pub type ServiceMinute = (String, i64);

/// What the lines mean.
#[derive(Debug, Default)]
pub struct Truth {
    /// How many errors there were.
    pub errors: BTreeMap<ServiceMinute, i64>,
    /// How long requests took.
    pub latencies: BTreeMap<ServiceMinute, Vec<f64>>,
    /// What the errors of each service have in common.
    pub signatures: BTreeSet<(String, String)>,
    /// What is no line.
    pub bad: BTreeMap<Vec<u8>, usize>,
    /// Services of lines that nobody knows the truth about, because somebody else has sent them.
    pub strange: BTreeSet<String>,
    /// The latest time.
    pub latest: i64,
    lines: u64,
}

impl Truth {
    /// About all lines that are in the topic.
    pub fn read(client: &Client) -> Result<Self, Failure> {
        let mut truth = Self::default();
        for received in client.records(&Topic::<(), Vec<u8>>::named(LINES.name())?)? {
            let record = received?.record;
            match record.headers.get(HEADER).map(serde_json::from_slice).transpose() {
                Ok(Some(meaning)) => truth.add(&record.value, meaning),
                Ok(None) | Err(_) => truth.add_strange(&record.value),
            }
        }
        Ok(truth)
    }

    /// Whether there was no line.
    pub const fn is_empty(&self) -> bool {
        self.lines == 0
    }

    /// How many lines there were.
    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// One more line.
    pub fn add(&mut self, line: &[u8], meaning: Meaning) {
        self.lines += 1;
        let Meaning::Line { service, at, error, latency_ms } = meaning else {
            *self.bad.entry(line.to_vec()).or_default() += 1;
            return;
        };
        self.latest = self.latest.max(at);
        let length = i64::try_from(MINUTE.as_millis()).unwrap_or(i64::MAX);
        let minute = (service.clone(), at - at.rem_euclid(length));
        if let Some(latency) = latency_ms {
            self.latencies.entry(minute.clone()).or_default().push(latency);
        }
        if let Some(signature) = error {
            *self.errors.entry(minute).or_default() += 1;
            self.signatures.insert((service, signature));
        }
    }

    /// One more line of somebody else.
    pub fn add_strange(&mut self, line: &[u8]) {
        self.lines += 1;
        if let Some(entry) = str::from_utf8(line).ok().and_then(|line| parse(line).ok()) {
            self.strange.insert(entry.service);
        }
    }
}
