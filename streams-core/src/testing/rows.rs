//! Reads a store's rows wherever they are: each task has those of its partitions, and a global table's rows are
//! outside all tasks.

use std::cell::RefCell;
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;

use crate::state::kinds::StoredRow;
use crate::state::{GlobalStore, StoreError, StoreErrorKind, StoreIndex, StoreKind, TaskState};
use crate::windows::WindowSizes;
use crate::wire::{DecodeError, Value};

/// The rows of one store.
pub(super) struct StoreRows {
    pub(super) kind: Arc<dyn StoreKind>,
    /// The sizes of the windows in the store's keys.
    pub(super) windows: WindowSizes,
    pub(super) shares: Vec<Share>,
}

/// A place that holds some of a store's rows.
pub(super) enum Share {
    Task(Rc<RefCell<TaskState>>, StoreIndex),
    Global(Arc<GlobalStore>),
}

impl StoreRows {
    /// A key's value as bytes.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        for share in &self.shares {
            let row = match share {
                Share::Task(state, index) => state.borrow().get(*index, key)?,
                Share::Global(store) => store.get(key)?,
            };
            if let Some(row) = row {
                return self.read(key, &row).map(|row| Some(row.value.to_vec()));
            }
        }
        Ok(None)
    }

    /// Maps every row with `look`.
    pub(super) fn all<T>(&self, mut look: impl FnMut(StoredRow<'_>) -> T) -> Result<Vec<T>, StoreError> {
        let (mut rows, mut outcome) = (Vec::new(), Ok(()));
        let mut take = |key: &[u8], row: &[u8]| {
            outcome = self.read(key, row).map(|row| rows.push(look(row)));
            outcome.is_ok()
        };
        for share in &self.shares {
            match share {
                Share::Task(state, index) => {
                    state.borrow().scan(*index, Bound::Unbounded, Bound::Unbounded, &mut take)?
                }
                Share::Global(store) => store.scan(&mut take)?,
            }
        }
        outcome.map(|()| rows)
    }

    /// Decodes a row's key, without the row's own window, and sets the sizes of any windows within it.
    pub(super) fn key<K: Value>(&self, row: &StoredRow<'_>) -> Result<K, DecodeError> {
        let windows = if row.window.is_some() { self.windows.inner() } else { self.windows };
        let mut key = K::decode(row.key)?;
        key.set_window_sizes(windows.as_slice());
        Ok(key)
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Result<StoredRow<'a>, StoreError> {
        let malformed = || format!("{} {} is no row of {:?}", key.escape_ascii(), row.escape_ascii(), self.kind);
        self.kind.read(key, row).ok_or_else(|| StoreError::new(StoreErrorKind::Decode, malformed()))
    }
}
