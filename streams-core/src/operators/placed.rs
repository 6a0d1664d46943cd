//! Where an operator on a table is in its topology, as far as that decides what it does.

use super::StoreId;

/// An operator on a table: whether its result is kept, and whether its rows have versions (KIP-914).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Placed {
    /// Where the result is kept, if it is.
    pub(crate) store: Option<StoreId>,
    /// Whether the table before it tells of versions that are not the latest.
    pub(crate) takes_versions: bool,
    /// Whether the result does. If not, every change counts as the latest from there on.
    pub(crate) gives_versions: bool,
}

impl From<Option<StoreId>> for Placed {
    fn from(store: Option<StoreId>) -> Self {
        Self { store, ..Self::default() }
    }
}

impl Placed {
    /// Whether a result is the latest version, if the row that it was made of is.
    pub(super) const fn is_latest(self, is_latest: bool) -> bool {
        is_latest || !self.gives_versions
    }
}
