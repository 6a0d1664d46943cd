//! Rows as they are stored, for those who know how to read them, such as a [tile](crate::topology::TileFacts).

use futures::Stream;

use super::live::{Live, follow};
use super::rows::Read;
use super::{JsonStore, QueryError};
use crate::record::Timestamp;
use crate::state::KeyOrder;
use crate::state::kinds::StoredRow;
use crate::state::selection::{Keys, PageRow, Selection};
use crate::windows::Window;

/// A row as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredBytes {
    /// The key's own bytes.
    pub key: Box<[u8]>,
    /// The row's window, if it has one.
    pub window: Option<Window>,
    /// When it was last changed, if the store knows.
    pub timestamp: Option<Timestamp>,
    /// The value's bytes.
    pub value: Box<[u8]>,
}

impl StoredBytes {
    /// The same without owning it.
    #[must_use]
    pub const fn as_row(&self) -> StoredRow<'_> {
        StoredRow { key: &self.key, window: self.window, timestamp: self.timestamp, value: &self.value }
    }
}

impl JsonStore {
    /// All rows and from then on each that changes, as [`JsonStore::live`], but as bytes. What tells rows apart are the bytes
    /// of their places in the store.
    pub fn live_bytes(
        &self,
    ) -> impl Stream<Item = Result<Live<Box<[u8]>, StoredBytes>, QueryError>> + Send + Unpin + use<> {
        let selection = Selection { keys: Keys::All, times: None, order: KeyOrder::Ascending, after: None };
        let read = Read { key: |_, row: &PageRow| Ok(row.place.clone()), value: |_, row| Ok(stored(row)) };
        Box::pin(follow(self.asked().clone(), Some(selection), read))
    }
}

fn stored(row: PageRow) -> StoredBytes {
    let timestamp = row.timestamp.filter(|time| *time != Timestamp::UNKNOWN);
    StoredBytes { key: row.key, window: row.window, timestamp, value: row.value }
}
