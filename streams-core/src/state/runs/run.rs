//! One key's rows, side by side in the order of time.

use crate::state::cached_row::CachedRow;
use crate::state::row_key::{KeyBuffer, RowKey};

use super::Place;

/// The rows of a key, of which all are there that the store has and that can still be seen.
pub(super) struct Run<P, V> {
    pub(super) key: RowKey,
    pub(super) hash: u32,
    /// In the order of their places. A row without a value is deleted, and dirty.
    pub(super) rows: Vec<CachedRow<V, P>>,
    /// How many of them are dirty.
    pub(super) dirty: usize,
    /// Whether a record has used it since the hand came by last.
    pub(super) used: bool,
    /// Whether a key has this slot.
    pub(super) taken: bool,
}

impl<P: Place, V> Run<P, V> {
    pub(super) fn new(key: &KeyBuffer) -> Self {
        Self { key: RowKey::new(key), hash: key.hash(), rows: Vec::new(), dirty: 0, used: true, taken: true }
    }

    /// What a run costs without its rows.
    pub(super) fn own_bytes(&self) -> usize {
        size_of::<Self>() + self.key.allocated()
    }

    /// The index of a row, or where it would have to be put.
    pub(super) fn search(&self, place: P) -> Result<usize, usize> {
        self.rows.binary_search_by(|row| row.key.cmp(&place))
    }
}
