//! The freshest rows of a store, for code that knows its kind but not its types.
//!
//! A table's latest row may be in its cache, among the uncommitted writes, or in the store. Reading here changes nothing:
//! dirty rows stay dirty, none is logged or forwarded, and a scan does not count as use of a row.

use std::sync::Arc;

use super::StoreAccess;
use super::key_range::KeyRange;
use super::rows::RowError;
use crate::record::Timestamp;

/// A store's rows as of the last change, in the form in which they are or will be stored.
pub(crate) trait FreshRows {
    /// The store's name.
    fn name(&self) -> &Arc<str>;

    /// The row of a key.
    ///
    /// # Errors
    /// When the store fails, or a row cannot be encoded.
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError>;

    /// Appends the row of a key to some bytes. Returns whether there is one.
    ///
    /// # Errors
    /// As [`FreshRows::get`].
    fn append(&mut self, key: &[u8], bytes: &mut Vec<u8>) -> Result<bool, RowError> {
        let row = self.get(key)?;
        row.iter().for_each(|row| bytes.extend_from_slice(row));
        Ok(row.is_some())
    }

    /// Calls `each` with the keys and rows in a range until it returns `false`. It must not write to the task's state.
    ///
    /// # Errors
    /// As [`FreshRows::get`].
    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError>;
}

/// The store as a task's operators access it. The task keeps it, so that rows can be read from outside.
pub(crate) trait StoreView: 'static {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows;

    /// For rows that expire: the time of the newest that was ever written, which decides what is over. For sessions that
    /// is their end, for other windows their start.
    fn newest(&self) -> Option<Timestamp> {
        None
    }
}

/// Without a cache.
impl FreshRows for StoreAccess {
    fn name(&self) -> &Arc<str> {
        Self::name(self)
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(Self::get(self, key)?)
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        Ok(Self::scan(self, range, each)?)
    }
}
