//! Where a store's changes are logged, so that a lost store can be restored.

use super::StoreError;
use crate::record::{Headers, Timestamp};

/// The changelog of one store of one task: a sink with one method, which the runtime connects to a topic.
pub trait Changelog {
    /// Appends a change; `None` deletes the key. The bytes are in the changelog's layout, which is Java's and may
    /// differ from the store's.
    ///
    /// # Errors
    /// When the change can never be written.
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), StoreError>;
}
