//! Gives a client its brokers back.
//!
//! With each answer about topics, librdkafka forgets the brokers that the answer does not list, those from
//! `bootstrap.servers` included, and a broker that has just started may list none, not even itself (2.12.1,
//! `rd_kafka_metadata_decommission_unavailable_brokers`). A client without a broker has nobody to ask, nothing fails, so
//! it would never hear of one again. Whether that has happened cannot be asked. So the servers are added again a few times
//! after each trouble with connections; where they are not needed, the next answer removes them.

use std::ffi::CString;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use rdkafka::bindings as sys;

use super::Client;

/// The time from the last trouble to the first addition, and between additions, in milliseconds. While connections are
/// refused, there are brokers to connect to.
const FIRST_MS: u64 = 10_000;
const AGAIN_MS: u64 = 30_000;
/// The time after the last trouble in which servers are added.
const LAST_MS: u64 = 120_000;

/// When connections failed, and when the servers were added again.
#[derive(Debug)]
pub(super) struct Bootstrap {
    servers: CString,
    created: Instant,
    /// Milliseconds after `created`; 0 is never.
    trouble_ms: AtomicU64,
    added_ms: AtomicU64,
}

impl Bootstrap {
    pub(super) fn new(servers: CString) -> Self {
        Self { servers, created: Instant::now(), trouble_ms: AtomicU64::new(0), added_ms: AtomicU64::new(0) }
    }

    fn now_ms(&self) -> u64 {
        u64::try_from(self.created.elapsed().as_millis()).unwrap_or(u64::MAX).max(1)
    }

    /// A connection has failed.
    pub(super) fn note_trouble(&self) {
        self.trouble_ms.store(self.now_ms(), Ordering::Relaxed);
    }

    /// Whether to add the servers now; then that counts as done.
    fn is_due(&self) -> bool {
        let trouble = self.trouble_ms.load(Ordering::Relaxed);
        if trouble == 0 {
            return false;
        }
        let (now, added) = (self.now_ms(), self.added_ms.load(Ordering::Relaxed));
        if now.saturating_sub(trouble) > LAST_MS {
            // It is over, so from now on nobody has to look at the clock. A newer trouble stays.
            let _ = self.trouble_ms.compare_exchange(trouble, 0, Ordering::Relaxed, Ordering::Relaxed);
            return false;
        }
        let due = is_due(now, trouble, added);
        due && self.added_ms.compare_exchange(added, now, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }
}

fn is_due(now: u64, trouble: u64, added: u64) -> bool {
    let quiet = now.saturating_sub(trouble);
    let is_first = added <= trouble;
    (FIRST_MS..=LAST_MS).contains(&quiet) && (is_first || now.saturating_sub(added) >= AGAIN_MS)
}

impl Client {
    /// Adds the servers again, if that may be necessary. To be called now and then; it costs next to nothing.
    pub(super) fn tend(&self) {
        let bootstrap = &self.0.context.bootstrap;
        if bootstrap.is_due() {
            // SAFETY: a live client and a terminated string, which is copied.
            unsafe { sys::rd_kafka_brokers_add(self.rk(), bootstrap.servers.as_ptr()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_added_a_few_times_after_the_last_trouble() {
        let (mut added, mut times) = (0, Vec::new());
        for second in 1..400 {
            // Connections are refused for a minute.
            let trouble = 5_000 * (second.min(60) / 5);
            if trouble > 0 && is_due(1_000 * second, trouble, added) {
                added = 1_000 * second;
                times.push(second);
            }
        }
        assert_eq!(times, [70, 100, 130, 160]);
    }
}
