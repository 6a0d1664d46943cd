//! How far apart in time two records may be to be joined.

use std::time::Duration;

use super::{LENGTH_MAX_MS, millis};
use crate::record::Timestamp;

/// How far apart in time the records of two streams may be to be joined.
///
/// Seen from a record of the stream that `join(..)` is called on, the other stream's record may have a timestamp from
/// `before` earlier to `after` later, both included.
///
/// ```
/// use millstream::prelude::*;
/// use std::time::Duration;
///
/// const SECOND: Duration = Duration::from_secs(1);
///
/// // At most five seconds apart, whichever came first.
/// let close = JoinWindows::of(5 * SECOND).grace(SECOND);
/// // A payment within an hour after its order.
/// let paid_soon = JoinWindows::of(3_600 * SECOND).before(Duration::ZERO).no_grace();
/// assert!(close.validate().is_ok() && paid_soon.validate().is_ok());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "windows are described for `within(..)`"]
pub struct JoinWindows {
    before_ms: i64,
    after_ms: i64,
}

impl JoinWindows {
    /// The other record may be that much earlier or later, in whole milliseconds.
    #[doc(alias("of_time_difference_and_grace", "of_time_difference_with_no_grace"))]
    pub const fn of(difference: Duration) -> Self {
        let difference = millis(difference);
        Self { before_ms: difference, after_ms: difference }
    }

    /// The other record may be at most that much earlier.
    pub const fn before(self, difference: Duration) -> Self {
        Self { before_ms: millis(difference), ..self }
    }

    /// The other record may be at most that much later.
    pub const fn after(self, difference: Duration) -> Self {
        Self { after_ms: millis(difference), ..self }
    }

    /// The other record must be at least that much earlier. Replaces [`JoinWindows::after`].
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const DAY: Duration = Duration::from_secs(24 * 60 * 60);
    ///
    /// // One to seven days earlier.
    /// let last_week = JoinWindows::of(7 * DAY).earlier_by(DAY).no_grace();
    /// assert_eq!(last_week.after_ms, -24 * 60 * 60 * 1_000);
    /// ```
    pub const fn earlier_by(self, difference: Duration) -> Self {
        Self { after_ms: -millis(difference), ..self }
    }

    /// The other record must be at least that much later. Replaces [`JoinWindows::before`].
    pub const fn later_by(self, difference: Duration) -> Self {
        Self { before_ms: -millis(difference), ..self }
    }

    /// How late records may be: a record waits that much longer for others, in stream time, than it would if all came
    /// in order.
    #[must_use]
    pub const fn grace(self, grace: Duration) -> JoinSpan {
        JoinSpan { before_ms: self.before_ms, after_ms: self.after_ms, grace_ms: millis(grace) }
    }

    /// A record waits only for others that come in order.
    #[must_use]
    pub const fn no_grace(self) -> JoinSpan {
        self.grace(Duration::ZERO)
    }
}

/// [`JoinWindows`] with their grace period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JoinSpan {
    /// How much earlier the other record may be; if negative, how much later it must be.
    pub before_ms: i64,
    /// How much later the other record may be; if negative, how much earlier it must be.
    pub after_ms: i64,
    /// How much longer records wait, by stream time.
    pub grace_ms: i64,
}

impl JoinSpan {
    /// Checks the numbers.
    ///
    /// # Errors
    /// A sentence that says which number is wrong and what it may be.
    pub fn validate(&self) -> Result<(), String> {
        let Self { before_ms, after_ms, grace_ms } = *self;
        if [before_ms, after_ms, grace_ms].iter().any(|length| length.abs() > LENGTH_MAX_MS) {
            return Err(format!(
                "a time from {before_ms} ms before to {after_ms} ms after with a grace of {grace_ms} ms is longer than \
                 time itself"
            ));
        }
        if self.size_ms() < 0 {
            return Err(format!(
                "no record is both at most {before_ms} ms earlier and at most {after_ms} ms later; the latest time must \
                 not be before the earliest one"
            ));
        }
        if grace_ms < 0 {
            return Err("a window's grace cannot be negative".to_owned());
        }
        if self.retention_ms() == 0 {
            return Err(
                "records are kept for 0 ms, so none would ever be joined; to join those with the same timestamp, \
                        give them a millisecond of grace"
                    .to_owned(),
            );
        }
        Ok(())
    }

    /// The time between the earliest and the latest record that one record can be joined with.
    #[must_use]
    pub const fn size_ms(&self) -> i64 {
        self.before_ms.saturating_add(self.after_ms)
    }

    /// How long records are kept, in stream time.
    #[must_use]
    pub const fn retention_ms(&self) -> i64 {
        self.size_ms().saturating_add(self.grace_ms)
    }

    /// The same, seen from the other stream.
    #[must_use]
    pub(crate) const fn reversed(self) -> Self {
        Self { before_ms: self.after_ms, after_ms: self.before_ms, ..self }
    }

    /// The first and the last time at which a record can be joined with one at `timestamp`. No time is before 0.
    pub(crate) fn around(&self, timestamp: Timestamp) -> (i64, i64) {
        let from = timestamp.0.saturating_sub(self.before_ms).max(0);
        (from, timestamp.0.saturating_add(self.after_ms).max(0))
    }
}

/// How far apart in time joined records may be, as `within(..)` accepts it.
#[diagnostic::on_unimplemented(
    message = "these windows do not say how long they wait for late records",
    label = "how late may a record be?",
    note = "choose `.grace(duration)` or `.no_grace()`"
)]
pub trait IntoJoinSpan {
    /// The time before and after, and the grace, as plain numbers.
    fn into_join_span(self) -> JoinSpan;
}

impl IntoJoinSpan for JoinSpan {
    fn into_join_span(self) -> JoinSpan {
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
    fn a_record_reaches_from_before_to_after_and_never_below_zero() {
        let asymmetric = JoinWindows::of(ms(10)).after(ms(3)).no_grace();
        let later = JoinWindows::of(ms(10)).later_by(ms(5)).no_grace();
        let earlier = JoinWindows::of(ms(10)).earlier_by(ms(5)).no_grace();
        for (span, timestamp, expected) in [
            (asymmetric, 100, (90, 103)),
            (asymmetric.reversed(), 100, (97, 110)),
            (asymmetric, 4, (0, 7)),
            (later, 100, (105, 110)),
            (later.reversed(), 100, (90, 95)),
            (later.reversed(), 2, (0, 0)),
            (earlier, 100, (90, 95)),
            (earlier.reversed(), 100, (105, 110)),
            (asymmetric, i64::MAX, (i64::MAX - 10, i64::MAX)),
        ] {
            assert_eq!(span.around(Timestamp(timestamp)), expected, "{span:?} at {timestamp}");
        }
        let JoinSpan { before_ms, after_ms, grace_ms } = JoinWindows::of(ms(1)).before(ms(2)).after(ms(3)).grace(ms(4));
        assert_eq!((before_ms, after_ms, grace_ms), (2, 3, 4));
    }

    #[test]
    fn windows_that_cannot_be_are_refused() {
        let long = Duration::MAX;
        for (span, expected) in [
            (JoinWindows::of(ms(1)).no_grace(), None),
            (JoinWindows::of(ms(0)).grace(ms(1)), None),
            (JoinWindows::of(ms(5)).later_by(ms(5)).grace(ms(1)), None),
            (JoinWindows::of(ms(0)).no_grace(), Some("records are kept for 0 ms")),
            (JoinWindows::of(ms(5)).later_by(ms(5)).no_grace(), Some("records are kept for 0 ms")),
            (JoinWindows::of(ms(5)).later_by(ms(6)).grace(ms(9)), Some("no record is both")),
            (JoinWindows::of(long).no_grace(), Some("longer than time")),
            (JoinWindows::of(ms(1)).earlier_by(long).no_grace(), Some("longer than time")),
            (JoinWindows::of(ms(1)).grace(long), Some("longer than time")),
        ] {
            match (span.validate(), expected) {
                (Ok(()), None) => {}
                (Err(error), Some(expected)) => assert!(error.contains(expected), "{error}"),
                (found, expected) => panic!("{span:?}: {found:?} instead of {expected:?}"),
            }
        }
    }
}
