//! Lines of a few services, so that nothing has to be installed, and the truth about each of them.
//!
//! A seed and the time of the start determine them. Each line carries what it means in a header, which the
//! application does not look at; so the [truth](Truth) is known after any crash, from the topic itself.

use std::time::{SystemTime, UNIX_EPOCH};

use chrono::{DateTime, SecondsFormat, Utc};
use fastrand::Rng;
use millstream::client::Client;
use millstream::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Failure;
use crate::topology::LINES;

mod messages;
mod truth;

pub use messages::signatures;
pub use truth::{ServiceMinute, Truth};

use messages::{ERRORS, FINE, SERVICES, filled};

/// The header that says what a line means.
pub const HEADER: &str = "truth";

/// Lines are sent in batches, and so not in the order of their times.
const DISORDER_MS: i64 = 3_000;

/// What there is before the first run: so long, and so many lines a second.
const HISTORY_SECONDS: i64 = 180;
const HISTORY_RATE: i64 = 20;

/// Errors of a new kind begin with each of these.
const NEW_KIND_EVERY_MS: i64 = 20_000;

/// What a line means.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Meaning {
    /// It is a line.
    Line {
        /// Whose.
        service: String,
        /// Its time, in milliseconds since the Unix epoch.
        at: i64,
        /// What errors of its kind have in common, if it is one.
        error: Option<String>,
        /// How long a request took.
        latency_ms: Option<f64>,
    },
    /// It is none.
    Bad,
}

/// Writes lines.
pub struct Generator {
    client: Client,
    random: Rng,
    /// When the first line was, or would have been.
    began: i64,
}

impl Generator {
    /// One whose lines begin now.
    pub fn begin(client: Client, seed: u64) -> Self {
        let now = now_ms();
        // So that no two runs on the same topic write the same.
        Self { client, random: Rng::with_seed(seed ^ now.unsigned_abs()), began: now }
    }

    /// Writes what there was before the first run, so that there is something to see at once.
    pub fn write_history(&mut self, truth: &mut Truth) -> Result<(), Failure> {
        let (length, count) = (HISTORY_SECONDS * 1_000, HISTORY_SECONDS * HISTORY_RATE);
        let first = self.began - length;
        self.began = first;
        let times: Vec<i64> = (0..count).map(|line| first + line * length / count).collect();
        self.send(&times, truth)
    }

    /// Writes so many lines of now, and waits until the log has them.
    pub fn write(&mut self, lines: u64, truth: &mut Truth) -> Result<(), Failure> {
        let now = now_ms();
        self.send(&(0..lines).map(|_| now).collect::<Vec<_>>(), truth)
    }

    fn send(&mut self, times: &[i64], truth: &mut Truth) -> Result<(), Failure> {
        let mut records = Vec::new();
        for time in times {
            let at = time - self.random.i64(0..DISORDER_MS);
            let (line, meaning) = self.line(at);
            let mut headers = Headers::new();
            headers.push(HEADER, serde_json::to_vec(&meaning)?);
            records.push((Record { key: (), value: line.clone(), timestamp: Timestamp(*time), headers }, None));
            truth.add(&line, meaning);
        }
        self.client.send_records(&Topic::<(), Vec<u8>>::named(LINES.name())?, records)?;
        Ok(())
    }

    fn line(&mut self, at: i64) -> (Vec<u8>, Meaning) {
        if self.random.u32(0..200) == 0 {
            return (self.bad_line(at), Meaning::Bad);
        }
        let which = self.random.usize(0..SERVICES.len());
        let service = SERVICES.get(which).copied().unwrap_or_default();
        let (error, message) = match self.random.u32(0..1_000) < errors_per_thousand(at, which) {
            true => {
                let known = ((at - self.began).max(0) / NEW_KIND_EVERY_MS + 1).min(ERRORS.len() as i64);
                let (message, signature) = ERRORS[self.random.usize(0..known as usize)];
                (Some(signature.to_owned()), filled(message, &mut self.random))
            }
            false => {
                let message = self.random.choice(FINE).copied().unwrap_or_default();
                (None, filled(message, &mut self.random))
            }
        };
        let latency_ms = (self.random.u32(0..10) > 0).then(|| self.latency(which));
        let line = if self.random.bool() {
            self.json_line(at, (service, error.is_some()), &message, latency_ms)
        } else {
            text_line(at, (service, error.is_some()), &message, latency_ms)
        };
        (line.into_bytes(), Meaning::Line { service: service.to_owned(), at, error, latency_ms })
    }

    /// Most requests are fast, a few are not, and services differ.
    fn latency(&mut self, which: usize) -> f64 {
        let fast = 5.0 * (which + 1) as f64;
        let slow = (-(1.0 - self.random.f64()).ln()).powi(2);
        ((fast * (0.5 + slow)) * 1_000.0).round() / 1_000.0
    }

    fn json_line(
        &mut self,
        at: i64,
        (service, is_error): (&str, bool),
        message: &str,
        latency_ms: Option<f64>,
    ) -> String {
        let level = if is_error { "error" } else { "info" };
        let trace = format!("{:016x}", self.random.u64(..));
        let mut line =
            json!({ "time": time(at), "level": level, "service": service, "message": message, "trace": trace });
        if let (Some(latency), Some(fields)) = (latency_ms, line.as_object_mut()) {
            fields.insert("latency_ms".to_owned(), json!(latency));
        }
        line.to_string()
    }

    /// No two of these are the same.
    fn bad_line(&mut self, at: i64) -> Vec<u8> {
        let number = self.random.u64(..);
        match self.random.u32(0..6) {
            0 => format!("Segmentation fault (core dumped) {number:x}").into_bytes(),
            1 => format!("{} LOUD cart something {number:x}", time(at)).into_bytes(),
            2 => format!(r#"{{"time":"{}","level":"info","service":"cart","mess{number:x}"#, time(at)).into_bytes(),
            3 => format!("{} INFO cart ok {number:x} latency_ms=quick", time(at)).into_bytes(),
            // A service whose clock is wrong.
            4 => format!("{} INFO mail sent {number:x}", time(at + 3 * 3_600_000)).into_bytes(),
            _ => [format!("{} ERROR mail sent {number:x} ", time(at)).as_bytes(), &[0xff, 0xfe]].concat(),
        }
    }
}

/// In ten seconds of each minute one service has many.
fn errors_per_thousand(at: i64, which: usize) -> u32 {
    let (minute, second) = (at.div_euclid(60_000), at.rem_euclid(60_000) / 1_000);
    let is_its_turn = minute.rem_euclid(SERVICES.len() as i64) == which as i64;
    if is_its_turn && (20..30).contains(&second) { 400 } else { 5 }
}

fn text_line(at: i64, (service, is_error): (&str, bool), message: &str, latency_ms: Option<f64>) -> String {
    let level = if is_error { "ERROR" } else { "INFO" };
    let latency = latency_ms.map(|latency| format!(" latency_ms={latency}")).unwrap_or_default();
    format!("{} {level} {service} {message}{latency} pod={service}-0", time(at))
}

fn time(at: i64) -> String {
    DateTime::<Utc>::from_timestamp_millis(at).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// The clock's time in milliseconds since the Unix epoch.
pub fn now_ms() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(now.as_millis()).unwrap_or(i64::MAX)
}
