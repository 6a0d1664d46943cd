//! Since when the member was last polled, and whether it may have been removed from its group meanwhile.
//!
//! A member that stands still for long (its process was stopped, or its machine was busy) may have been removed from the group
//! without knowing it. Polling it does not tell: the group's answer is still on its way. Under at-least-once nothing stops such
//! a member from writing, and a row that it writes now would be the last record of that row in the changelog, behind those of
//! its successor. So its workers have to prove the membership first, see `worker/proving.rs`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The control writes it, the workers read it.
#[derive(Debug)]
pub(crate) struct Heard {
    /// In milliseconds of the clock's monotonic time.
    polled_ms: AtomicU64,
    /// How often the member has stood still.
    pauses: AtomicU64,
    /// The group may remove a member that it has not heard of for so long. It has heard of it some time before the last poll,
    /// so this is less than a session.
    limit: Duration,
}

impl Heard {
    /// A member that is polled now.
    pub(crate) fn new(now: Duration, session_timeout: Duration) -> Self {
        let polled_ms = AtomicU64::new(millis(now));
        Self { polled_ms, pauses: AtomicU64::new(0), limit: session_timeout / 2 }
    }

    /// The member was polled, and everything that came of it was passed on.
    pub(crate) fn polled(&self, now: Duration) {
        if !self.is_recent(now) {
            // Before the time, so that no worker sees only that.
            self.pauses.fetch_add(1, Ordering::SeqCst);
        }
        self.polled_ms.store(millis(now), Ordering::SeqCst);
    }

    /// Whether the member was polled so lately that the group has not removed it because of that.
    pub(crate) fn is_recent(&self, now: Duration) -> bool {
        let polled = Duration::from_millis(self.polled_ms.load(Ordering::SeqCst));
        now.saturating_sub(polled) < self.limit
    }

    /// How often the member has stood still.
    pub(crate) fn pauses(&self) -> u64 {
        self.pauses.load(Ordering::SeqCst)
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_was_not_polled_for_long_has_stood_still() {
        let seconds = Duration::from_secs;
        let heard = Heard::new(seconds(100), seconds(40));
        assert!(heard.is_recent(seconds(119)) && !heard.is_recent(seconds(120)));
        heard.polled(seconds(119));
        assert_eq!(heard.pauses(), 0);
        heard.polled(seconds(139));
        assert_eq!(heard.pauses(), 1);
        assert!(heard.is_recent(seconds(158)));
    }
}
