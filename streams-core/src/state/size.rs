//! How large stores are, as far as their backends know without reading them.

/// How large a store is. What a backend does not know is `None`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StoreSize {
    /// The number of rows. It may be an estimate.
    pub rows: Option<u64>,
    /// How many bytes they take, where the backend keeps them: in memory, or in files and write buffers.
    pub bytes: Option<u64>,
}

/// A number that a backend knows about itself or a store, under a name of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StoreProperty {
    /// The name, which says the unit.
    pub name: &'static str,
    /// The number at the moment.
    pub value: u64,
}
