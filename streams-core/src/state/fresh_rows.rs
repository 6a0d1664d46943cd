//! The freshest rows of a store, for whoever knows its kind but not its types.
//!
//! A table's latest rows may be in its cache, then among what is not committed, then in the store. Reading them here
//! changes nothing: rows stay as dirty as they are, none is logged or forwarded, and a scan counts as no use of a row.

use std::sync::Arc;

use super::StoreAccess;
use super::key_range::KeyRange;
use super::rows::RowError;

/// A store's rows as of the last change, as the bytes that are in the store or will be.
pub(crate) trait FreshRows {
    /// The store's name.
    fn name(&self) -> &Arc<str>;

    /// The row of a key.
    ///
    /// # Errors
    /// When the store fails, or a row cannot be encoded.
    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError>;

    /// Calls `each` with the keys and rows in a range until it returns `false`. It must not write to the task's state.
    ///
    /// # Errors
    /// As [`FreshRows::get`].
    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError>;
}

/// What a task's operators access a store through. The task keeps it, to be asked for rows from outside.
pub(crate) trait StoreView: 'static {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows;
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
