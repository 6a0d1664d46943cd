//! Finds the rows that one key has in several windows.
//!
//! A window store is ordered by time first, so the rows of other keys are between those of one key. The search skips
//! them: it costs at most two short scans for each window that has rows of any key.

use std::cmp::Ordering;
use std::ops::Bound;

use super::fresh_rows::FreshRows;
use super::key_range::{KeyRange, behind};
use super::rows::RowError;
use super::window_key;
use crate::record::Timestamp;

/// Takes a window's start, the key in the store and the row, and returns whether to continue.
pub(crate) type Visit<'a> = dyn FnMut(Timestamp, &[u8], &[u8]) -> bool + 'a;

/// Calls `each` with the windows' starts, the keys in the store and the rows of a key, in ascending order from one start
/// to another (both included), until it returns `false`. `each` must not write to the task's state.
///
/// # Errors
/// As [`FreshRows::scan`].
pub(crate) fn fetch(
    rows: &mut dyn FreshRows,
    key: &[u8],
    (from, to): (Timestamp, Timestamp),
    each: &mut Visit<'_>,
) -> Result<(), RowError> {
    let end = behind(&window_key::start(to));
    let mut next = Some(from).filter(|from| *from <= to);
    while let Some(start) = next {
        let sought = [&window_key::start(start)[..], key].concat();
        let (mut first, mut goes_on) = (None, true);
        let range = KeyRange::between(Bound::Included(&sought), end.as_ref().map(Vec::as_slice));
        rows.scan(range, &mut |found, row| {
            first = window_key::split(found).map(|(at, other)| (at, other.cmp(key)));
            if let Some((at, Ordering::Equal)) = first {
                goes_on = each(at, found, row);
            }
            false
        })?;
        next = match first {
            // A later window starts with a smaller key: this key's row may come later.
            Some((at, Ordering::Less)) => Some(at),
            Some((at, _)) if goes_on => at.0.checked_add(1).map(Timestamp).filter(|next| *next <= to),
            _ => None,
        };
    }
    Ok(())
}
