//! A global table's store: written by one thread, read by every task of the process.

use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use super::{META, Store, StoreBatch, StoreError, StoreIndex};

/// The store of a global table.
pub struct GlobalStore {
    name: String,
    index: StoreIndex,
    store: RwLock<Box<dyn Store>>,
}

impl GlobalStore {
    /// Store `index`, called `name`, of what `store` holds.
    #[must_use]
    pub fn new(name: impl Into<String>, index: StoreIndex, store: Box<dyn Store>) -> Self {
        Self { name: name.into(), index, store: RwLock::new(store) }
    }

    /// The store's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store's number within what holds it.
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

    /// The value of a key of any store beside this one, such as [`super::META`].
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get_in(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.read().unwrap_or_else(PoisonError::into_inner).get(store, key)
    }

    /// Calls `each` with every key and value, in the order of the keys' bytes, until it returns false.
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

    /// Deletes every row, and these notes of [`super::META`], in one step.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn clear(&self, notes: impl IntoIterator<Item = Vec<u8>>) -> Result<(), StoreError> {
        let mut store = self.store.write().unwrap_or_else(PoisonError::into_inner);
        let mut batch = StoreBatch::default();
        batch.clear(self.index);
        notes.into_iter().for_each(|note| batch.delete(META, note));
        store.write(batch)
    }

    /// Applies a batch.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write(&self, batch: StoreBatch) -> Result<(), StoreError> {
        self.store.write().unwrap_or_else(PoisonError::into_inner).write(batch)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::state::StateBackend;
    use crate::testing::KeptState;

    #[test]
    fn a_global_table_is_emptied_by_one_change_however_many_rows_it_has() -> Result<(), StoreError> {
        let state = KeptState::default();
        let store = state.open(Path::new("global"), &["names".to_owned()])?;
        let mut rows = StoreBatch::default();
        (0..1_000_u16).for_each(|number| rows.put(StoreIndex(1), number.to_be_bytes(), "a row"));
        rows.put(META, "position", "7");
        rows.put(META, "format", "1");
        state.write("global", rows)?;
        let global = GlobalStore::new("names", StoreIndex(1), store);
        global.clear([b"position".to_vec()])?;
        assert_eq!(state.rows("global", StoreIndex(1)), Ok(0));
        assert_eq!((global.get_in(META, b"position")?, global.get_in(META, b"format")?), (None, Some(b"1".to_vec())));
        assert_eq!(state.largest_batch(), 2);
        Ok(())
    }
}
