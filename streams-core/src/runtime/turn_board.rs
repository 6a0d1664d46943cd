//! When an application's loops have turned last, for those who ask whether it is alive.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::pulse::Pulse;

/// When the control has turned, and what the workers' pulses say.
#[derive(Debug, Default)]
pub(crate) struct TurnBoard {
    /// In milliseconds of the monotonic clock plus 1; 0 before the first turn.
    control_ms: AtomicU64,
    workers: Mutex<Vec<Arc<Pulse>>>,
    /// How many workers could not go on.
    failed: AtomicU64,
}

impl TurnBoard {
    /// The control turns.
    pub(crate) fn control_turns(&self, now: Duration) {
        let now = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        self.control_ms.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// From now on, these are the workers.
    pub(crate) fn workers_are(&self, pulses: impl Iterator<Item = Arc<Pulse>>) {
        *self.workers.lock().unwrap_or_else(PoisonError::into_inner) = pulses.collect();
    }

    /// When the control turned last.
    pub(crate) fn control(&self) -> Option<Duration> {
        self.control_ms.load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis)
    }

    /// A worker cannot go on.
    pub(crate) fn worker_fails(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    /// How many workers could not go on.
    pub(crate) fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    /// When each worker's step began, for those that are in one.
    pub(crate) fn workers(&self) -> Vec<Option<Duration>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner).iter().map(|pulse| pulse.began()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_known_from_the_first_one_on() {
        let board = TurnBoard::default();
        assert_eq!((board.control(), board.workers()), (None, Vec::new()));
        let pulse = Arc::new(Pulse::default());
        board.control_turns(Duration::ZERO);
        board.workers_are([Arc::clone(&pulse), Arc::default()].into_iter());
        pulse.begin(Duration::from_millis(7));
        assert_eq!(board.control(), Some(Duration::ZERO), "the clock may begin at 0");
        assert_eq!(board.workers(), [Some(Duration::from_millis(7)), None]);
    }
}
