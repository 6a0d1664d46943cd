//! Reads a key's rows in stores that are ordered by span, key and time.

use std::ops::Bound;

use super::{EachPlace, RunLayout};
use crate::record::Timestamp;
use crate::state::key_range::behind;
use crate::state::spans::{Spans, rows_of};
use crate::state::{KeyRange, StoreAccess, StoreError};

/// Calls `each` with the rows of a key whose times are between two others, both included and not negative. In the store's
/// form of a row's key, the span comes first, then the key, then the time.
pub(crate) fn read<L: RunLayout>(
    (access, spans): (&StoreAccess, Spans),
    key: &[u8],
    (from, to): (Timestamp, Timestamp),
    each: &mut EachPlace<'_, L::Place>,
) -> Result<(), StoreError> {
    let mut goes_on = true;
    for span in spans.number(from)..=spans.number(to) {
        let bound = |time: Timestamp| [&rows_of(span)[..], key, &time.0.to_be_bytes()].concat();
        let (from, to) = (bound(from), behind(&bound(to)));
        let range = KeyRange::between(Bound::Included(&from), to.as_ref().map(Vec::as_slice));
        access.scan(range, &mut |found, row| {
            // The rows of longer keys may lie in between.
            if let Some((_, place)) = L::split(found).filter(|(other, _)| *other == key) {
                goes_on = each(place, row);
            }
            goes_on
        })?;
        if !goes_on {
            break;
        }
    }
    Ok(())
}
