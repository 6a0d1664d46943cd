//! The only place that reads the time.
//!
//! Everything that needs the time takes a [`Clock`]. Wall-clock time is for people and for wall-clock punctuation;
//! monotonic time is for timers, deadlines and intervals.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::record::Timestamp;

/// Tells wall-clock and monotonic time.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time. It may jump when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// The time since an arbitrary fixed moment. It never goes back.
    fn monotonic(&self) -> Duration;
}

/// A clock that every part of an application can share.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// A clock whose monotonic time starts with this call.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }

    /// As [`SystemClock::new`], ready to share.
    #[must_use]
    pub fn shared() -> SharedClock {
        Arc::new(Self::new())
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    fn monotonic(&self) -> Duration {
        self.started.elapsed()
    }
}

/// A clock that moves only when told to, for tests and simulations.
///
/// ```
/// use millstream::clock::{Clock, ManualClock};
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// let clock = ManualClock::at(Timestamp(1_000));
/// clock.advance(Duration::from_millis(5));
/// assert_eq!(clock.now(), Timestamp(1_005));
/// assert_eq!(clock.monotonic(), Duration::from_millis(5));
/// ```
#[derive(Debug, Clone)]
pub struct ManualClock {
    started_ms: i64,
    now_ms: Arc<AtomicI64>,
}

impl ManualClock {
    /// A clock that shows `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { started_ms: start.0, now_ms: Arc::new(AtomicI64::new(start.0)) }
    }

    /// Moves the clock forward, and all its clones with it.
    pub fn advance(&self, by: Duration) {
        let ms = i64::try_from(by.as_millis()).unwrap_or(i64::MAX);
        self.now_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.now_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        let ms = self.now_ms.load(Ordering::SeqCst) - self.started_ms;
        Duration::from_millis(u64::try_from(ms).unwrap_or(0))
    }
}
