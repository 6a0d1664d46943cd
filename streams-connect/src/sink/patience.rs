//! When to try again what has failed for now.

use std::time::{Duration, Instant};

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(10);

/// The pauses between attempts, which get longer up to a limit, and differ a little from process to process.
pub(super) struct Patience {
    pauses: ExponentialBackoff,
    again_at: Option<Instant>,
}

impl Patience {
    pub(super) fn new() -> Self {
        let builder = ExponentialBuilder::default()
            .with_min_delay(FIRST)
            .with_max_delay(LONGEST)
            .without_max_times()
            .with_jitter();
        Self { pauses: builder.build(), again_at: None }
    }

    /// An attempt has failed. Returns how long the pause is.
    pub(super) fn lost(&mut self) -> Duration {
        // The iterator never ends.
        let pause = self.pauses.next().unwrap_or(LONGEST);
        self.again_at = Some(Instant::now() + pause);
        pause
    }

    /// An attempt has succeeded.
    pub(super) fn regained(&mut self) {
        if self.again_at.is_some() {
            *self = Self::new();
        }
    }

    /// How long to wait before the next attempt; `None` if there is no reason to.
    pub(super) fn left(&self) -> Option<Duration> {
        let left = self.again_at?.saturating_duration_since(Instant::now());
        (!left.is_zero()).then_some(left)
    }
}

#[cfg(test)]
mod tests {
    use super::{FIRST, LONGEST, Patience};

    #[test]
    fn pauses_grow_up_to_a_limit_and_begin_anew_after_a_success() {
        let mut patience = Patience::new();
        assert_eq!(patience.left(), None);
        let pauses: Vec<_> = (0..12).map(|_| patience.lost()).collect();
        // Jitter adds up to one pause.
        assert!(pauses[0] >= FIRST && pauses[0] <= 2 * FIRST, "{pauses:?}");
        assert!(pauses[11] >= LONGEST && pauses[11] <= 2 * LONGEST, "{pauses:?}");
        assert!(patience.left().is_some());
        patience.regained();
        assert_eq!(patience.left(), None);
        assert!(patience.lost() <= 2 * FIRST);
    }
}
