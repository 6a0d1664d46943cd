//! Reads a task's committed state from other threads while the task keeps running.
//!
//! A [`StoreReader`] may be kept for any length of time. Each read sees the state as one commit left it, whatever is
//! committed meanwhile. When the store is closed because its task moves, reads in progress are finished and later
//! ones are refused.

use std::ops::Bound;
use std::sync::{Arc, PoisonError, RwLock};

use super::{StoreError, StoreErrorKind, StoreIndex, StorePairs};

/// Reads the committed state of one task from any thread. [`Store::reader`](super::Store::reader) creates it.
pub trait StoreReader: Send + Sync {
    /// Calls `look` once with the state as of the last commit. Closing the store waits until `look` returns.
    ///
    /// # Errors
    /// [`StoreErrorKind::Closed`] when the store is closed; `look` is then not called.
    fn look(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError>;

    /// The same for a look that is over in no time, such as for a single row. The store may be kept from being written
    /// meanwhile, so `look` must not wait for that.
    ///
    /// # Errors
    /// As [`StoreReader::look`].
    fn glance(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError> {
        self.look(look)
    }
}

/// A task's state as one commit left it.
pub trait StoreSnapshot {
    /// As [`Store::get`](super::Store::get).
    ///
    /// # Errors
    /// As [`Store::get`](super::Store::get).
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// As [`Store::range`](super::Store::range).
    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a>;

    /// As [`Store::range_reverse`](super::Store::range_reverse).
    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a>;
}

/// What a store shares with its readers until it is closed; for backends.
#[derive(Debug)]
pub struct ReaderGate<T>(Arc<RwLock<Option<T>>>);

impl<T> ReaderGate<T> {
    /// An open gate in front of `shared`.
    #[must_use]
    pub fn open(shared: T) -> Self {
        Self(Arc::new(RwLock::new(Some(shared))))
    }

    /// Calls `look` with the shared value. The gate stays open until `look` returns.
    ///
    /// # Errors
    /// [`StoreErrorKind::Closed`] when the gate is closed.
    pub fn enter<R>(&self, look: impl FnOnce(&T) -> R) -> Result<R, StoreError> {
        match &*self.0.read().unwrap_or_else(PoisonError::into_inner) {
            Some(shared) => Ok(look(shared)),
            None => {
                let message = "the store was closed, because its task has moved or the application has ended";
                Err(StoreError::new(StoreErrorKind::Closed, message))
            }
        }
    }

    /// Changes the shared value when nobody is reading it. Does nothing once the gate is closed.
    pub fn change(&self, change: impl FnOnce(&mut T)) {
        if let Some(shared) = &mut *self.0.write().unwrap_or_else(PoisonError::into_inner) {
            change(shared);
        }
    }

    /// Waits for reads in progress, then refuses all others.
    pub fn close(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl<T> Clone for ReaderGate<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
