//! A global table's store: written by one thread, read by every task of the process.

use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use super::{Store, StoreBatch, StoreError, StoreIndex};

/// The store of a global table.
pub struct GlobalStore {
    name: String,
    index: StoreIndex,
    store: RwLock<Box<dyn Store>>,
}

impl GlobalStore {
    /// The store numbered `index` and named `name` within `store`.
    #[must_use]
    pub fn new(name: impl Into<String>, index: StoreIndex, store: Box<dyn Store>) -> Self {
        Self { name: name.into(), index, store: RwLock::new(store) }
    }

    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store's number within the [`Store`] that holds it.
    #[must_use]
    pub const fn index(&self) -> StoreIndex {
        self.index
    }

    /// The value of a key.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).get(self.index, key)
    }

    /// The value of a key in any store held together with this one, such as [`super::META`].
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_in(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).get(store, key)
    }

    /// Calls `each` with every key and value, ordered by the keys' bytes, until it returns `false`.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn scan(&self, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), StoreError> {
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        for pair in store.range(self.index, Bound::Unbounded, Bound::Unbounded) {
            let (key, value) = pair?;
            if !each(&key, &value) {
                break;
            }
        }
        Ok(())
    }

    /// Applies the whole batch atomically.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write(&self, batch: StoreBatch) -> Result<(), StoreError> {
        self.store.write().unwrap_or_else(PoisonError::into_inner).write(batch)
    }
}
