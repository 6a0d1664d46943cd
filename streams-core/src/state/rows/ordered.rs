//! Ordered reads of rows: those that a cache holds back are merged with stored ones.
//!
//! Nothing is flushed for a read. Dirty rows stay dirty, none is logged or forwarded, and none counts as used, so that a
//! scan of a large table does not push the rows in use out of the cache.

use std::borrow::Cow;
use std::sync::Arc;

use super::{Row, RowError, RowLayout, Rows};
use crate::record::Timestamp;
use crate::state::layered::Layered;
use crate::state::timestamped::RowBuffer;
use crate::state::{FreshRows, KeyRange};
use crate::wire::Value;

/// The next row of an ordered read.
enum FreshRow<'a, V> {
    /// A dirty row, of which the store has an older version or none.
    Dirty(&'a V, Timestamp),
    /// A row in the store.
    Stored(Cow<'a, [u8]>),
}

impl<L: RowLayout, V: Value> Rows<L, V> {
    /// Calls `each` with the keys and rows in a range until it returns `false`. `each` must not write to the task's
    /// state. Apart from rows that have been deleted since, at most one row is read from the store that `each` does not
    /// get. The first read after a flush sorts the keys of the dirty rows; see [`crate::state::dirty_order`].
    fn scan_fresh(
        &mut self,
        range: KeyRange<'_>,
        each: &mut dyn FnMut(&[u8], FreshRow<'_, V>) -> bool,
    ) -> Result<(), RowError> {
        let range = range.not_below(&self.floor);
        if range.is_empty() {
            return Ok(());
        }
        if let Some(cache) = &mut self.cache {
            cache.order_dirty();
        }
        let dirty = self.cache.as_ref().into_iter().flat_map(|cache| cache.dirty_in(range));
        let dirty = dirty.map(|cached| {
            let row = cached.row.as_ref().map(|row| FreshRow::Dirty(row, cached.timestamp));
            (cached.key.key(), row)
        });
        let (state, index) = self.access.state();
        let stored = state.range(index, range).map(|pair| pair.map(|(key, row)| (key, FreshRow::Stored(row))));
        for pair in Layered::new(dirty, stored, range.order) {
            let (key, row) = pair?;
            if !each(&key, row) {
                break;
            }
        }
        Ok(())
    }

    /// As [`FreshRows::scan`], with the rows as values: calls `each` with the keys, as they are in the store, and the
    /// rows in a range until it returns `false`. `each` must not write to the task's state.
    ///
    /// # Errors
    /// When the store fails or contains anything but such rows.
    pub(crate) fn scan_rows(
        &mut self,
        range: KeyRange<'_>,
        each: &mut dyn FnMut(&[u8], Row<V>) -> bool,
    ) -> Result<(), RowError> {
        let mut unreadable = None;
        self.scan_fresh(range, &mut |key, row| match row {
            FreshRow::Dirty(row, timestamp) => each(key, (row.clone(), timestamp)),
            FreshRow::Stored(bytes) => match Self::read(key, &bytes) {
                Ok(row) => each(key, row),
                Err(reason) => {
                    unreadable = Some(reason);
                    false
                }
            },
        })?;
        unreadable.map_or(Ok(()), |reason| Err(self.unreadable("row", &reason)))
    }
}

impl<L: RowLayout, V: Value> FreshRows for Rows<L, V> {
    fn name(&self) -> &Arc<str> {
        Self::name(self)
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        let mut row = Vec::new();
        Ok(self.append(key, &mut row)?.then_some(row))
    }

    fn append(&mut self, key: &[u8], bytes: &mut Vec<u8>) -> Result<bool, RowError> {
        let mut buffer = self.key_buffer();
        buffer.take_stored(key, L::PREFIX);
        let Some((row, timestamp)) = self.peek(&buffer)? else { return Ok(false) };
        self.encoded.encode(timestamp, Some(&row))?;
        bytes.extend_from_slice(L::stored(&self.encoded));
        Ok(true)
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        let (mut buffer, mut encoded) = (RowBuffer::new(), Ok(()));
        self.scan_fresh(range, &mut |key, row| match row {
            FreshRow::Stored(row) => each(key, &row),
            FreshRow::Dirty(row, timestamp) => {
                encoded = buffer.encode(timestamp, Some(row));
                encoded.is_ok() && each(key, L::stored(&buffer))
            }
        })?;
        Ok(encoded?)
    }
}
