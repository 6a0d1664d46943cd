//! A table's typed rows by key, as aggregations and tables keep them.

use std::marker::PhantomData;

use super::row_key::KeyBuffer;
use super::rows::{Cause, Changed, Row, RowError, RowLayout, Rows};
use super::{CacheBudget, FreshRows, StoreAccess, StoreView};
use crate::record::Timestamp;
use crate::windows::WindowSize;
use crate::wire::encoded_key::AsKey;
use crate::wire::{DecodeError, Key, Value};

/// A table's rows by key. The store and the changelog both use the key's own bytes.
pub(crate) struct TableStore<K: Key, V> {
    rows: Rows<ByKey<K>, V>,
    key: KeyBuffer,
}

impl<K: Key, V: Value> TableStore<K, V> {
    /// Rows in `access`, with a cache on that budget unless it is off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, budget: CacheBudget) -> Self {
        let rows = Rows::new(access, budget);
        let key = rows.key_buffer();
        Self { rows, key }
    }

    pub(crate) const fn rows(&self) -> &Rows<ByKey<K>, V> {
        &self.rows
    }

    pub(crate) const fn rows_mut(&mut self) -> &mut Rows<ByKey<K>, V> {
        &mut self.rows
    }

    /// A key's row, including changes that are not flushed yet.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub(crate) fn get(&mut self, key: &K) -> Result<Option<Row<V>>, RowError> {
        self.key.encode(key)?;
        self.rows.row(&self.key)
    }

    /// A key's row as of the last flush.
    ///
    /// # Errors
    /// As [`TableStore::get`].
    pub(crate) fn get_forwarded(&mut self, key: &K) -> Result<Option<Row<V>>, RowError> {
        self.key.encode(key)?;
        if self.rows.is_dirty(&self.key) { self.rows.flushed(&self.key) } else { self.rows.row(&self.key) }
    }

    /// As [`Rows::update`].
    ///
    /// # Errors
    /// As [`Rows::update`].
    #[inline]
    pub(crate) fn update(
        &mut self,
        key: &impl AsKey<K>,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        self.key.encode(key)?;
        self.rows.update(&self.key, cause, update)
    }

    /// As [`Rows::set`].
    ///
    /// # Errors
    /// As [`Rows::set`].
    #[inline]
    pub(crate) fn set(&mut self, key: &K, cause: Cause<'_>, row: Option<V>) -> Result<Option<Changed<V>>, RowError> {
        self.key.encode(key)?;
        self.rows.set(&self.key, cause, row)
    }
}

impl<K: Key, V: Value> StoreView for TableStore<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        &mut self.rows
    }
}

/// The layout of [`TableStore`].
pub(crate) struct ByKey<K>(PhantomData<fn() -> K>);

impl<K: Key> RowLayout for ByKey<K> {
    type Key = K;

    fn typed_key(key: &[u8], windows: &[WindowSize]) -> Result<K, DecodeError> {
        let mut key = K::decode(key)?;
        key.set_window_sizes(windows);
        Ok(key)
    }

    fn changelog_key(store_key: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(store_key);
    }
}
