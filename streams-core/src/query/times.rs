//! Ranges of times, as the first and the last millisecond in them.

use std::ops::{Bound, RangeBounds};

use crate::record::Timestamp;

/// The first and the last time in a range, unless it is empty.
pub(crate) fn first_and_last(times: &impl RangeBounds<Timestamp>) -> Option<(Timestamp, Timestamp)> {
    let first = match times.start_bound() {
        Bound::Included(first) => first.0,
        Bound::Excluded(before) => before.0.checked_add(1)?,
        Bound::Unbounded => i64::MIN,
    };
    let last = match times.end_bound() {
        Bound::Included(last) => last.0,
        Bound::Excluded(behind) => behind.0.checked_sub(1)?,
        Bound::Unbounded => i64::MAX,
    };
    (first <= last).then_some((Timestamp(first), Timestamp(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_a_first_and_a_last_millisecond_unless_it_is_empty() {
        let range = |from: Bound<i64>, to: Bound<i64>| {
            first_and_last(&(from.map(Timestamp), to.map(Timestamp))).map(|(first, last)| (first.0, last.0))
        };
        use Bound::{Excluded, Included, Unbounded};
        for (from, to, expected) in [
            (Included(1), Included(3), Some((1, 3))),
            (Excluded(1), Excluded(3), Some((2, 2))),
            (Included(3), Excluded(3), None),
            (Included(3), Included(2), None),
            (Unbounded, Unbounded, Some((i64::MIN, i64::MAX))),
            (Excluded(i64::MAX), Unbounded, None),
            (Unbounded, Excluded(i64::MIN), None),
        ] {
            assert_eq!(range(from, to), expected, "{from:?} {to:?}");
        }
    }
}
