//! Spans of time: they divide time without gaps, and all rows of a store whose time is in the same span begin with the
//! span.
//!
//! A store that is ordered by span, then key, then time has the rows of a key in a period in one short range for each
//! span, and what has expired is still one range, the oldest spans. A span is as long as one of Kafka Streams' segments,
//! so two to four of them are live at once.

use std::ops::Bound;
use std::time::Duration;

use super::key_range::behind;
use super::selection::{Area, Keys};
use crate::record::Timestamp;

/// The size of a prefix.
pub(crate) const SPAN: usize = size_of::<i64>();
/// Flips the sign bit, so that big-endian bytes sort as the signed numbers do.
const SIGN: i64 = i64::MIN;
const LENGTH_MIN_MS: i64 = 60_000;

/// Spans of a certain length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spans {
    length_ms: i64,
}

impl Spans {
    /// The spans of a store that keeps rows for that long. Their length depends on it, so a store whose retention changes is
    /// restored from its changelog; see [`StoreKind::layout`](super::StoreKind::layout).
    pub(crate) fn of(retention: Duration) -> Self {
        let retention_ms = i64::try_from(retention.as_millis()).unwrap_or(i64::MAX);
        Self { length_ms: (retention_ms / 2).max(LENGTH_MIN_MS) }
    }

    /// How long each is.
    pub(crate) const fn length_ms(self) -> i64 {
        self.length_ms
    }

    /// The number of the span with a time.
    pub(crate) const fn number(self, time: Timestamp) -> i64 {
        time.0.div_euclid(self.length_ms)
    }

    /// The first and the last time of the span with a time.
    pub(crate) const fn around(self, time: Timestamp) -> (Timestamp, Timestamp) {
        let first = self.number(time).saturating_mul(self.length_ms);
        (Timestamp(first), Timestamp(first.saturating_add(self.length_ms - 1)))
    }

    /// Where the rows with these keys and a time between these two lie.
    pub(crate) fn area(self, (from, to): (Timestamp, Timestamp), keys: &Keys) -> Area {
        Area::by_time(Bound::Included(self.rows(from).to_vec()), behind(&self.rows(to)), keys)
    }

    /// The prefix of the rows of the span with a time.
    pub(crate) const fn rows(self, time: Timestamp) -> [u8; SPAN] {
        rows_of(self.number(time))
    }
}

/// The prefix of the rows of a span.
pub(crate) const fn rows_of(span: i64) -> [u8; SPAN] {
    (span ^ SIGN).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_in_the_order_of_time() {
        let spans = Spans::of(Duration::from_secs(600));
        let at = |time| spans.rows(Timestamp(time));
        assert_eq!(at(0), at(299_999), "half of the retention");
        assert!([at(i64::MIN), at(-1), at(0), at(300_000), at(i64::MAX)].is_sorted_by(|left, right| left < right));
    }

    #[test]
    fn a_span_is_a_minute_long_at_least() {
        let spans = Spans::of(Duration::from_secs(1));
        let around = |time| (spans.number(Timestamp(time)), spans.around(Timestamp(time)));
        let span = |number, first: i64, last: i64| (number, (Timestamp(first), Timestamp(last)));
        assert_eq!(around(59_999), span(0, 0, 59_999));
        assert_eq!(around(60_000), span(1, 60_000, 119_999));
        assert_eq!(around(-1), span(-1, -60_000, -1));
    }
}
