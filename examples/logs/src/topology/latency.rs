//! How long do requests take? The median, p95 and p99 of each service in each minute.
//!
//! Percentiles cannot be added up, and to keep every value would take too much room. A sketch
//! ([`Quantiles`](millstream::aggregates::Quantiles)) takes some kilobytes however many values there are, can be merged with
//! others, and is right to 1 %.

use millstream::aggregates::Quantiles;
use millstream::prelude::*;
use serde::{Deserialize, Serialize};

use super::{GRACE, MINUTE, RETENTION};
use crate::line::Entry;

/// Output: the latencies of each service in each minute, again as they change.
pub const LATENCY_PER_MINUTE: Topic<Windowed<String>, Latency> =
    Topic::new("log-latency-per-minute").windows_of(MINUTE);

/// The sketches by service and minute.
pub const LATENCY_STORE: WindowStore<String, Quantiles> = WindowStore::new("latency-per-minute");

/// A minute of a service, in milliseconds.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
pub struct Latency {
    requests: u64,
    p50: f64,
    p95: f64,
    p99: f64,
}

pub(super) fn latency(entries: KStream<'_, String, Entry>) {
    let latencies = entries.map_values(|entry| entry.latency_ms).filter_some();
    let per_minute = latencies
        .group_by_key()
        .windowed_by(Tumbling::of(MINUTE).grace(GRACE))
        .aggregate(Quantiles::default, |sketch, latency| sketch.add(latency))
        .stored_as(LATENCY_STORE)
        .retention(RETENTION)
        .live(|tile| tile.bars("p95 in the last minute").by(|_, sketch| part(sketch, 0.95)).unit("ms"))
        .live(|tile| {
            tile.table("Latencies in milliseconds")
                .column("service", |window, _| window.key.clone())
                .column("minute", |window, _| window.window.start)
                .column("requests", |_, sketch| sketch.count())
                .column("p50", |_, sketch| tenths(part(sketch, 0.5)))
                .column("p95", |_, sketch| tenths(part(sketch, 0.95)))
                .column("p99", |_, sketch| tenths(part(sketch, 0.99)))
        });
    let told = |sketch: Quantiles| Latency {
        requests: sketch.count(),
        p50: part(&sketch, 0.5),
        p95: part(&sketch, 0.95),
        p99: part(&sketch, 0.99),
    };
    per_minute.to_stream().filter_some().map_values(told).to(LATENCY_PER_MINUTE);
}

fn part(sketch: &Quantiles, part: f64) -> f64 {
    sketch.quantile(part).unwrap_or(0.0)
}

/// More digits would not be right anyway.
fn tenths(milliseconds: f64) -> f64 {
    (milliseconds * 10.0).round() / 10.0
}
