//! What a store holds, wherever its rows are: each task has those of its partitions, a global table's stand
//! beside all tasks.

use std::cell::RefCell;
use std::ops::Bound;
use std::rc::Rc;
use std::sync::Arc;

use crate::state::changelog_layout::split_timestamped;
use crate::state::{GlobalStore, StoreError, StoreIndex, TaskState};
use crate::topology::StoreKind;

/// The rows of one store.
pub(super) struct Rows {
    pub(super) kind: StoreKind,
    pub(super) shares: Vec<Share>,
}

/// A key's and its value's bytes.
type Pair = (Vec<u8>, Vec<u8>);

/// Where some of a store's rows are.
pub(super) enum Share {
    /// In a task's state.
    Task(Rc<RefCell<TaskState>>, StoreIndex),
    /// In a global table.
    Global(Arc<GlobalStore>),
}

impl Rows {
    /// The bytes of a key's value.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        for share in &self.shares {
            let row = match share {
                Share::Task(state, index) => state.borrow().get(*index, key)?.map(|row| self.value_of(&row).to_vec()),
                Share::Global(store) => store.get(key)?.map(|row| self.value_of(&row).to_vec()),
            };
            if row.is_some() {
                return Ok(row);
            }
        }
        Ok(None)
    }

    /// The bytes of all keys and values.
    pub(super) fn all(&self) -> Result<Vec<Pair>, StoreError> {
        let mut rows = Vec::new();
        let mut take = |key: &[u8], row: &[u8]| {
            rows.push((key.to_vec(), self.value_of(row).to_vec()));
            true
        };
        for share in &self.shares {
            match share {
                Share::Task(state, index) => {
                    state.borrow().scan(*index, Bound::Unbounded, Bound::Unbounded, &mut take)?
                }
                Share::Global(store) => store.scan(&mut take)?,
            }
        }
        Ok(rows)
    }

    fn value_of<'a>(&self, row: &'a [u8]) -> &'a [u8] {
        match self.kind {
            StoreKind::PlainKeyValue => row,
            StoreKind::KeyValue | StoreKind::Window { .. } => split_timestamped(row).map_or(row, |(_, value)| value),
        }
    }
}
