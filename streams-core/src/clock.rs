//! The only place that asks what time it is.
//!
//! Everything that needs a time takes a [`Clock`]. Wall-clock time is what people see and what
//! wall-clock punctuation runs on; monotonic time is what timers, deadlines and intervals run on.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::record::Timestamp;

/// Tells wall-clock and monotonic time.
pub trait Clock: Send + Sync + 'static {
    /// Wall-clock time, in milliseconds since the Unix epoch. May jump when the machine's clock is set.
    fn now(&self) -> Timestamp;

    /// Time since an arbitrary fixed moment. Never goes back.
    fn monotonic(&self) -> Duration;
}

/// A clock that can be handed to every part of an application.
pub type SharedClock = Arc<dyn Clock>;

/// The machine's own clock.
#[derive(Debug, Clone)]
pub struct SystemClock {
    started: Instant,
}

impl SystemClock {
    /// The machine's clock; monotonic time counts from this call.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now() }
    }

    /// The machine's clock, ready to share.
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

/// A clock that moves only when told to, for tests and simulation.
///
/// ```
/// use std::time::Duration;
/// use streams_core::clock::{Clock, ManualClock};
/// use streams_core::record::Timestamp;
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
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self { started_ms: start.0, now_ms: Arc::new(AtomicI64::new(start.0)) }
    }

    /// Moves the clock forward; every copy of it moves along.
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
