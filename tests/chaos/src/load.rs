//! The continuous load: events are written at a steady pace while processes are killed.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

use millstream_tests::records::{TopicOf, Writer};
use streams_core::record::Timestamp;

use crate::events::Events;

/// How often the pace is looked at.
const TICK: Duration = Duration::from_millis(50);

/// How far the load is, and how far it may go.
#[derive(Debug, Default)]
pub struct Pace {
    /// The last id that was written.
    pub written: AtomicI64,
    /// The last id that may be written.
    pub allowed: AtomicI64,
    /// Ends the load before all is written.
    pub is_over: AtomicBool,
}

/// Ends the load when it is dropped, even by a panic.
#[derive(Debug)]
pub struct Ending<'a>(pub &'a Pace);

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        self.0.is_over.store(true, Ordering::Relaxed);
    }
}

/// Writes events until all are written or it is over.
///
/// # Panics
/// When the brokers take none for a long time.
pub fn write(events: &Events, topics: &[TopicOf<'_>], records: i64, per_second: i64, pace: &Pace) {
    let mut writers: Vec<Writer> = topics.iter().map(Writer::new).collect();
    let per_tick = (per_second * i64::try_from(TICK.as_millis()).unwrap_or(1) / 1_000).max(1);
    let mut next = Instant::now();
    let mut id = 0;
    while id < records && !pace.is_over.load(Ordering::Relaxed) {
        let until = (id + per_tick).min(pace.allowed.load(Ordering::Relaxed)).min(records);
        while id < until {
            id += 1;
            let event = events.get(id);
            if let Some(writer) = writers.get_mut(event.input) {
                let (key, value) = (event.key.to_be_bytes(), event.id.to_be_bytes());
                writer.send_bytes(event.partition(), &key, &value, Timestamp(event.timestamp));
            }
        }
        pace.written.store(id, Ordering::Relaxed);
        // What could not be written in time is not made up for.
        next = (next + TICK).max(Instant::now());
        std::thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    writers.iter_mut().for_each(Writer::flush);
}
