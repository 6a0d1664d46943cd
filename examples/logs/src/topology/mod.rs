//! The actual program: lines in; errors, latencies and alerts out. Read and change this file first; each question has a file of
//! its own beside it.

use std::time::Duration;

use millstream::prelude::*;

use crate::line::{Entry, parse, time_of};
use crate::notify::Notifier;

mod alerts;
mod errors;
mod latency;
mod signatures;
#[cfg(test)]
mod tests;

pub use alerts::{ALERTS, ALERTS_TOTAL_STORE, Alert, Kind, NOTICES, Notice};
pub use errors::{ERRORS_PER_MINUTE, ERRORS_STORE, ERRORS_TOTAL_STORE};
pub use latency::{LATENCY_PER_MINUTE, LATENCY_STORE};

/// What is counted together.
pub const MINUTE: Duration = Duration::from_secs(60);

/// How late a line may be, by the time of the lines before it.
pub const GRACE: Duration = Duration::from_secs(600);

/// How long minutes are kept to be asked for.
pub const RETENTION: Duration = Duration::from_secs(3_600);

/// How far a line's time may be ahead of the clock. One of the far future would close all minutes before it.
pub const AHEAD_MAX: Duration = Duration::from_secs(60);

/// Input: lines, in any of the formats of [`line`](crate::line).
pub const LINES: Topic<(), String> = Topic::new("log-lines");
/// Output: lines that are none, and alerts that nobody took, as they were.
pub const DEAD_LETTERS: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("log-dead-letters");

/// When there are alerts, and who gets them.
#[derive(Debug, Clone)]
pub struct Alerting {
    /// So many errors of a service in a minute are an alert.
    pub burst: i64,
    /// After an alert, those of the same service are silenced so long.
    pub silence: Duration,
    /// How often an alert is tried to be told.
    pub attempts: u32,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Who is told.
    pub notifier: Notifier,
}

/// Logs of many services.
pub fn logs(alerting: &Alerting) -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    // Time is that of the lines. What has none keeps that of its record, and is refused by `parse`.
    let lines = builder.stream(LINES).timestamped_by(|line, _| time_of(&line.value).unwrap_or(line.timestamp));
    let entries = lines
        .try_map_values(|line| parse(&line))
        .named("parse")
        .select_key(|(), entry: &Entry| entry.service.clone())
        .named("service")
        .repartition()
        .named("by-service");

    let errors = entries.filter(|_, entry| entry.level >= crate::line::Level::Error).named("only-errors");
    let per_minute = errors::errors(errors);
    latency::latency(entries.into());
    let new = signatures::signatures(&builder, errors);
    alerts::alerts(&builder, (new, per_minute), alerting);
    builder.build()
}
