//! librdkafka's log lines, at most one warning every ten seconds per [`Kafka`](crate::Kafka).
//!
//! When a broker is down, every client complains several times a second. Errors reach the engine as values; the log only
//! has to show that something is wrong. Suppressed lines are logged at debug level.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const INTERVAL: Duration = Duration::from_secs(10);

/// Lets one line per interval through and counts the others.
#[derive(Debug, Default)]
pub(crate) struct LogLimit(Mutex<Admissions>);

#[derive(Debug, Default)]
struct Admissions {
    last: Option<Instant>,
    held_back: u64,
}

impl LogLimit {
    /// Logs a line of librdkafka's; `level` is syslog's, where 4 is a warning.
    pub(crate) fn log(&self, client: &str, level: i32, facility: &str, line: &str) {
        if level <= 4
            && let Some(held_back) = self.admit(Instant::now())
        {
            tracing::warn!(client, held_back, "{facility}: {line}");
        } else {
            tracing::debug!(client, level, "{facility}: {line}");
        }
    }

    /// If a line may be logged now, returns how many were suppressed since the last one.
    fn admit(&self, now: Instant) -> Option<u64> {
        let mut admissions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if admissions.last.is_some_and(|last| now.duration_since(last) < INTERVAL) {
            admissions.held_back += 1;
            return None;
        }
        admissions.last = Some(now);
        Some(std::mem::take(&mut admissions.held_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_in_ten_seconds_gets_through_and_tells_how_many_did_not() {
        let limit = LogLimit::default();
        let start = Instant::now();
        let admitted = [0, 1, 9_999, 10_000, 10_001, 25_000].map(|ms| limit.admit(start + Duration::from_millis(ms)));
        assert_eq!(admitted, [Some(0), None, None, Some(2), None, Some(1)]);
    }
}
