//! Stores without a changelog under exactly-once.
//!
//! The state of an interval is written after its transaction is committed. If the process ends in between, or never
//! learns how the transaction ended, a changelog has what the local state lacks; a store without one has a hole that
//! nobody would see. So a note stands beside the state while a transaction is being ended. Whoever finds it empties
//! these stores, and says so: Kafka Streams empties them after every crash.
//!
//! The note is as durable as the state itself: it survives the process, but not a power cut before the system has
//! written it to the disk.

use super::{Task, TaskStore};
use crate::runtime::AppError;
use crate::state::{META, Store, StoreBatch, StoreError};

/// Where it is noted that a transaction is being ended.
const KEY: &[u8] = b"transaction-ending";

impl Task {
    /// The transaction with the work since the last commit is about to be committed.
    pub(crate) fn begin_ending_transaction(&mut self) -> Result<(), AppError> {
        if !self.stores.iter().any(is_unlogged) || !self.needs_commit() {
            return Ok(());
        }
        self.is_transaction_ending = true;
        self.write_note(|batch| batch.put(META, KEY, []))
    }

    /// The transaction was certainly not committed.
    pub(crate) fn transaction_not_committed(&mut self) -> Result<(), AppError> {
        if !std::mem::take(&mut self.is_transaction_ending) {
            return Ok(());
        }
        self.write_note(|batch| batch.delete(META, KEY))
    }

    /// The state of the committed transaction is in this batch.
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

/// Whether nothing but the local state has what is in the store.
pub(super) const fn is_unlogged(store: &TaskStore) -> bool {
    store.changelog.is_none()
}

/// Whether nobody knows if the stores without a changelog hold all that was committed.
pub(super) fn may_have_a_hole(store: &dyn Store) -> Result<bool, StoreError> {
    Ok(store.get(META, KEY)?.is_some())
}

/// Takes the note away, once the stores are empty.
pub(super) fn forget_hole(store: &mut dyn Store) -> Result<(), StoreError> {
    let mut batch = StoreBatch::default();
    batch.delete(META, KEY);
    store.write(batch)
}
