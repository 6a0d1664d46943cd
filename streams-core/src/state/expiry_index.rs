//! Which rows of a store expire next: its index, read in order of time.

use std::ops::Bound;
use std::time::Duration;

use super::kinds::expiring::{index_key, row_key, split_index};
use super::{KeyRange, StoreAccess, StoreError};
use crate::record::Timestamp;

/// The index of a store from which rows expire, and how much of it is known.
pub(super) struct ExpiryIndex {
    ttl_ms: i64,
    /// No row has an earlier timestamp. Unknown at first.
    oldest: Timestamp,
}

/// Entries of the index: the rows' timestamps and keys.
pub(super) type Entries = Vec<(Timestamp, Vec<u8>)>;

impl ExpiryIndex {
    /// That of rows which live for so long.
    pub(super) fn new(ttl: Duration) -> Self {
        Self { ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX), oldest: Timestamp(i64::MIN) }
    }

    /// Whether a row with that timestamp has expired when stream time is `now`.
    pub(super) const fn is_over(&self, time: Timestamp, now: Timestamp) -> bool {
        self.end(time).0 <= now.0
    }

    /// When a row with that timestamp expires.
    pub(super) const fn end(&self, time: Timestamp) -> Timestamp {
        Timestamp(time.0.saturating_add(self.ttl_ms))
    }

    /// A row with that timestamp was written.
    pub(super) fn add(&mut self, time: Timestamp) {
        self.oldest = self.oldest.min(time);
    }

    /// The first entries whose rows have expired when stream time is `now`, at most so many. The caller deletes them.
    ///
    /// # Errors
    /// When the store fails.
    pub(super) fn expired(
        &mut self,
        access: &StoreAccess,
        now: Timestamp,
        rows_max: usize,
    ) -> Result<Entries, StoreError> {
        if !self.is_over(self.oldest, now) {
            return Ok(Vec::new());
        }
        let (from, to) = (index_key(self.oldest, &[]), row_key(&[]));
        let (mut found, mut oldest) = (Vec::new(), Timestamp(i64::MAX));
        let range = KeyRange::between(Bound::Included(&from), Bound::Excluded(&to));
        access.scan(range, &mut |entry, _| {
            let Some((time, key)) = split_index(entry) else { return true };
            let takes = self.is_over(time, now) && found.len() < rows_max;
            if takes {
                found.push((time, key.to_vec()));
            } else {
                oldest = time;
            }
            takes
        })?;
        self.oldest = oldest;
        Ok(found)
    }
}
