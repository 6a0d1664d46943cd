//! Sliding windows: one for each set of records that are near each other in time.

use std::time::Duration;

use super::{LENGTH_MAX_MS, millis};

/// Sliding windows: all records of a key that are at most a difference apart are in a window together. Unlike hopping
/// windows, they are not aligned to the epoch: there is one that ends with each record, and one that begins just after it as
/// soon as there is a record in it.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// let ten_seconds = Sliding::of(Duration::from_secs(10)).grace(Duration::from_secs(5));
/// assert!(ten_seconds.validate().is_ok());
/// ```
#[doc(alias("ofTimeDifferenceAndGrace", "ofTimeDifferenceWithNoGrace"))]
#[derive(Debug, Clone, Copy)]
#[must_use = "windows are described for `windowed_by(..)`"]
pub struct Sliding {
    difference: Duration,
}

impl Sliding {
    /// Windows of records whose timestamps differ by at most that much, in whole milliseconds. A window's start and its
    /// end are both part of it.
    pub const fn of(difference: Duration) -> Self {
        Self { difference }
    }

    /// How late records may be: a window takes records until stream time is more than `grace` after its end.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> SlidingWindows {
        SlidingWindows { difference_ms: millis(self.difference), grace_ms: millis(grace) }
    }

    /// A window takes no records once stream time is after its end.
    #[must_use]
    pub const fn no_grace(self) -> SlidingWindows {
        self.grace(Duration::ZERO)
    }
}

/// [`Sliding`] windows with their grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlidingWindows {
    /// The time from a window's start to its end, at least 1.
    pub difference_ms: i64,
    /// How long after its end a window still takes records, by stream time.
    pub grace_ms: i64,
}

impl SlidingWindows {
    /// Checks the numbers.
    ///
    /// # Errors
    /// A sentence that says which number is wrong and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        let Self { difference_ms, grace_ms } = *self;
        if difference_ms < 1 {
            return Err(
                "the records of a sliding window must be allowed to differ by a millisecond at least".to_owned()
            );
        }
        if grace_ms < 0 {
            return Err("a window's grace cannot be negative".to_owned());
        }
        if difference_ms > LENGTH_MAX_MS / 2 || grace_ms > LENGTH_MAX_MS {
            return Err(format!(
                "a sliding window of {difference_ms} ms with a grace of {grace_ms} ms is longer than time itself"
            ));
        }
        Ok(())
    }

    /// The minimum time for which a window's row must be kept, in milliseconds from the window's start. A new window may
    /// need the rows of those before it, so that is twice the difference and the grace.
    #[must_use]
    pub const fn retention_min_ms(&self) -> i64 {
        self.difference_ms.saturating_mul(2).saturating_add(self.grace_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sliding_windows_that_cannot_be_are_refused() {
        let ms = Duration::from_millis;
        for (windows, expected) in [
            (Sliding::of(ms(1)).no_grace(), None),
            (Sliding::of(ms(10)).grace(ms(5)), None),
            (Sliding::of(ms(0)).no_grace(), Some("a millisecond at least")),
            (Sliding::of(Duration::MAX).no_grace(), Some("longer than time")),
            (Sliding::of(ms(1)).grace(Duration::MAX), Some("longer than time")),
        ] {
            match (windows.validate(), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
                (found, expected) => panic!("{windows:?}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
