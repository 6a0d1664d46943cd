//! Within what time a record repeats another one.

use std::time::Duration;

use super::{LENGTH_MAX_MS, millis};
use crate::record::Timestamp;

/// Within what time a record repeats one that has the same id.
///
/// A record at 12:00 that was let through makes duplicates of those whose timestamps are less than that time before or after
/// 12:00.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// const HOUR: Duration = Duration::from_secs(3_600);
///
/// let day = DistinctWindows::of(24 * HOUR).grace(HOUR);
/// assert!(day.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "windows are described for `distinct(..)`"]
pub struct DistinctWindows {
    size_ms: i64,
}

impl DistinctWindows {
    /// Records less than that far apart may be duplicates, in whole milliseconds.
    pub const fn of(size: Duration) -> Self {
        Self { size_ms: millis(size) }
    }

    /// How late records may be, beyond the time within which they repeat others.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> DistinctSpan {
        DistinctSpan { size_ms: self.size_ms, grace_ms: millis(grace) }
    }

    /// Records may be late by the time within which they repeat others, and no more.
    #[must_use]
    pub const fn no_grace(self) -> DistinctSpan {
        self.grace(Duration::ZERO)
    }
}

/// [`DistinctWindows`] with their grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DistinctSpan {
    /// Records less than that far apart may be duplicates.
    pub size_ms: i64,
    /// How much later than that records may be, by stream time.
    pub grace_ms: i64,
}

impl DistinctSpan {
    /// Checks the numbers.
    ///
    /// # Errors
    /// A sentence that says which number is wrong and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        let Self { size_ms, grace_ms } = *self;
        if size_ms > LENGTH_MAX_MS || grace_ms > LENGTH_MAX_MS {
            return Err(format!("{size_ms} ms with a grace of {grace_ms} ms is longer than time itself"));
        }
        if size_ms < 1 {
            return Err(
                "within less than a millisecond nothing is a duplicate; give it a millisecond or more".to_owned()
            );
        }
        if grace_ms < 0 {
            return Err("a window's grace cannot be negative".to_owned());
        }
        Ok(())
    }

    /// How long ids are kept, in stream time: the earliest record that is not late may repeat one as much earlier again.
    #[must_use]
    pub const fn retention_ms(&self) -> i64 {
        self.size_ms.saturating_mul(2).saturating_add(self.grace_ms)
    }

    /// The first and the last time at which a record makes a duplicate of one at `timestamp`. No time is before 0.
    pub(crate) fn around(&self, timestamp: Timestamp) -> (i64, i64) {
        let reach = self.size_ms - 1;
        (timestamp.0.saturating_sub(reach).max(0), timestamp.0.saturating_add(reach).max(0))
    }

    /// Whether a record comes so late that ids which it may repeat are gone.
    pub(crate) const fn is_late(&self, timestamp: Timestamp, stream_time: Timestamp) -> bool {
        timestamp.0.saturating_add(self.size_ms).saturating_add(self.grace_ms) <= stream_time.0
    }
}

/// Within what time records are duplicates, as `distinct(..)` accepts it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say how late records may be that repeat others",
    label = "expected `DistinctWindows` with a grace",
    note = "`DistinctWindows::of(duration)`, and then `.grace(duration)` or `.no_grace()`"
)]
pub trait IntoDistinctSpan {
    /// The time and the grace, as plain numbers.
    fn into_distinct_span(self) -> DistinctSpan;
}

impl IntoDistinctSpan for DistinctSpan {
    fn into_distinct_span(self) -> DistinctSpan {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn a_record_reaches_less_far_than_the_size_in_both_directions() {
        let span = DistinctWindows::of(ms(10)).grace(ms(3));
        assert_eq!(span.around(Timestamp(100)), (91, 109));
        assert_eq!(DistinctWindows::of(ms(1)).no_grace().around(Timestamp(100)), (100, 100));
        assert_eq!(span.around(Timestamp(4)), (0, 13));
        assert_eq!(span.around(Timestamp(i64::MAX)).1, i64::MAX);
        assert_eq!(span.retention_ms(), 23);
        assert!(!span.is_late(Timestamp(88), Timestamp(100)) && span.is_late(Timestamp(87), Timestamp(100)));
    }

    #[test]
    fn numbers_that_make_no_sense_are_refused() {
        for (span, expected) in [
            (DistinctWindows::of(ms(0)).no_grace(), "within less than a millisecond nothing is a duplicate"),
            (DistinctWindows::of(Duration::MAX).no_grace(), "is longer than time itself"),
            (DistinctWindows::of(ms(1)).grace(Duration::MAX), "is longer than time itself"),
            (DistinctSpan { size_ms: 1, grace_ms: -1 }, "a window's grace cannot be negative"),
        ] {
            let reason = span.validate().expect_err("refused");
            assert!(reason.contains(expected), "{reason}");
        }
        assert_eq!(DistinctWindows::of(ms(1)).no_grace().validate(), Ok(()));
    }
}
