//! A table's rows by key, typed: what aggregations and tables keep.

use std::marker::PhantomData;

use hashbrown::DefaultHashBuilder;

use super::rows::{Row, RowError, RowLayout, RowQuery, Rows, hash_of};
use crate::wire::{EncodeError, Key, Value};

/// A table's rows by key. In the store a key's bytes are the key's own, in the changelog too.
pub(crate) type TableStore<K, V> = Rows<ByKey<K>, V>;

/// The layout of [`TableStore`].
pub(crate) struct ByKey<K>(PhantomData<fn() -> K>);

impl<K: Key> RowLayout for ByKey<K> {
    type Key = K;

    fn store_key(key: &K, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        key.encode(out)
    }

    fn changelog_key(store_key: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(store_key);
    }
}

impl<K: Key> RowQuery<ByKey<K>> for &K {
    #[inline]
    fn hash(&self, hasher: &DefaultHashBuilder) -> u64 {
        hash_of(hasher, *self)
    }

    #[inline]
    fn is(&self, key: &K) -> bool {
        *self == key
    }

    fn to_key(&self) -> K {
        (*self).clone()
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        self.encode(out)
    }
}

impl<K: Key, V: Value> TableStore<K, V> {
    /// A row as of the last change, flushed or not.
    ///
    /// # Errors
    /// When the store fails, or holds something else.
    pub(crate) fn get(&mut self, key: &K) -> Result<Option<Row<V>>, RowError> {
        self.row(key)
    }
}
