//! Where a store's changes go, so that they can be read back after the store is lost.

use super::StoreError;
use crate::record::{Headers, Timestamp};

/// The changelog of one store of one task: a one-method sink that the runtime connects to a topic.
pub trait Changelog {
    /// Appends a change; `None` deletes the key. The bytes are the changelog's layout, which is Java's
    /// and need not be the store's own.
    ///
    /// # Errors
    /// When the change will never be taken.
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), StoreError>;
}
