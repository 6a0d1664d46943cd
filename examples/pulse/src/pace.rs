//! The run's clock: the time since the traffic began.
//!
//! It stands still while the process does (a suspended laptop, `kill -STOP`): there are no visits then, and the visitors
//! do not catch up afterwards.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// If the clock is not read for this long, the process stood still.
const GAP_MAX: Duration = Duration::from_secs(5);

/// Measures the time since the traffic began.
#[derive(Default)]
pub struct Pace(Mutex<Option<State>>);

#[derive(Clone, Copy)]
struct State {
    began_ms: i64,
    asked: Instant,
    passed: Duration,
}

impl Pace {
    /// Starts the clock. Returns the wall-clock time in milliseconds since the Unix epoch.
    pub fn begin(&self) -> i64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let began_ms = i64::try_from(now.as_millis()).unwrap_or(i64::MAX);
        *self.lock() = Some(State { began_ms, asked: Instant::now(), passed: Duration::ZERO });
        began_ms
    }

    /// Whether the traffic has begun.
    pub fn has_begun(&self) -> bool {
        self.lock().is_some()
    }

    /// The time since the traffic began; zero before that.
    pub fn passed(&self) -> Duration {
        self.ask(Instant::now()).map_or(Duration::ZERO, |state| state.passed)
    }

    /// The timestamp of an event that happens now, in milliseconds since the Unix epoch; `None` before the traffic
    /// begins.
    pub fn event_time_ms(&self) -> Option<i64> {
        let state = self.ask(Instant::now())?;
        Some(state.began_ms + i64::try_from(state.passed.as_millis()).unwrap_or(0))
    }

    fn ask(&self, now: Instant) -> Option<State> {
        let mut state = self.lock();
        let state = state.as_mut()?;
        let gap = now.saturating_duration_since(state.asked);
        state.asked = now;
        if gap < GAP_MAX {
            state.passed += gap;
        }
        Some(*state)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_stands_still_while_nobody_asks() {
        let pace = Pace::default();
        assert_eq!(pace.passed(), Duration::ZERO);
        assert_eq!(pace.event_time_ms(), None);
        pace.begin();
        let begin = pace.lock().expect("it has begun").asked;
        let seconds = |seconds| pace.ask(begin + Duration::from_secs(seconds)).expect("it has begun").passed.as_secs();
        assert_eq!([2, 4, 3_600, 3_603].map(seconds), [2, 4, 4, 7]);
    }
}
