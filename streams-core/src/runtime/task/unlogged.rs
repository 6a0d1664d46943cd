//! Stores without a changelog under exactly-once.
//!
//! State is written after its transaction is committed. If the process ends in between, or never learns the
//! transaction's outcome, the local state lacks changes. A changelog still has them, but in a store without one they
//! would be missing unnoticed. So a marker is kept with the state while a transaction is being ended. If a task finds
//! the marker when it is opened, it empties these stores with a warning. Kafka Streams empties them after every
//! crash.
//!
//! The marker is as durable as the state itself: it survives the process, but not a power failure before the
//! operating system has written it to disk.

use super::{Task, TaskStore};
use crate::runtime::AppError;
use crate::state::{META, Store, StoreBatch, StoreError};

/// The key of the marker.
const KEY: &[u8] = b"transaction-ending";

impl Task {
    /// Call this before committing the transaction: sets the marker.
    pub(crate) fn begin_ending_transaction(&mut self) -> Result<(), AppError> {
        if !self.stores.iter().any(is_unlogged) || !self.needs_commit() {
            return Ok(());
        }
        self.is_transaction_ending = true;
        self.write_note(|batch| batch.put(META, KEY, []))
    }

    /// Call this when the transaction was definitely not committed: removes the marker.
    pub(crate) fn transaction_not_committed(&mut self) -> Result<(), AppError> {
        if !std::mem::take(&mut self.is_transaction_ending) {
            return Ok(());
        }
        self.write_note(|batch| batch.delete(META, KEY))
    }

    /// Removes the marker in the batch that holds the committed transaction's state.
    pub(super) fn end_transaction(&mut self, batch: &mut StoreBatch) {
        if std::mem::take(&mut self.is_transaction_ending) {
            batch.delete(META, KEY);
        }
    }

    fn write_note(&self, note: impl FnOnce(&mut StoreBatch)) -> Result<(), AppError> {
        let mut batch = StoreBatch::default();
        note(&mut batch);
        self.state.borrow_mut().committed().write(batch).map_err(|error| AppError::Store { task: self.id, error })
    }
}

/// Whether the store's contents exist only in the local state.
pub(super) const fn is_unlogged(store: &TaskStore) -> bool {
    store.changelog.is_none()
}

/// Whether stores without a changelog may lack committed changes.
pub(super) fn may_have_a_hole(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.get(META, KEY)?.is_some())
}

/// Removes the marker once the stores are empty.
pub(super) fn forget_hole(store: &mut dyn Store) -> Result<(), StoreError> {
    let mut batch = StoreBatch::default();
    batch.delete(META, KEY);
    store.write(batch)
}
