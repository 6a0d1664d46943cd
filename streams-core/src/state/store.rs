//! The state port: an ordered map of bytes with atomic batches.
//!
//! One [`Store`] belongs to one task and holds that task's named stores side by side, so that one
//! [`StoreBatch`] can change all of them, and [`META`], in one atomic step. It holds committed data
//! only: uncommitted writes wait in the overlay above it.

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use super::StoreReader;

use super::OpeningStore;

/// Opens tasks' stores.
pub trait StateBackend: Send + Sync + 'static {
    /// One word for people: `memory`, `rocksdb`.
    fn name(&self) -> &'static str;

    /// Whether what is written survives the process.
    fn is_persistent(&self) -> bool;

    /// Opens the store of one task in `folder`, which exists, is empty or was written by this backend,
    /// and is held by no other process. Store `n` of `stores` gets [`StoreIndex`] `n + 1`; stores that
    /// are in the folder but not named here are left alone.
    ///
    /// # Errors
    /// Names the folder, and what to do about it.
    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError>;

    /// Begins to open a store as [`StateBackend::open`] does. A backend for which that may take long does it on a
    /// thread, so that whoever asks can go on with something else; others are done when this returns.
    fn begin_to_open(&self, folder: &Path, stores: &[String]) -> OpeningStore {
        OpeningStore::done(self.open(folder, stores))
    }
}

/// Which of a task's stores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreIndex(pub u16);

/// The task's own notes: changelog offsets, stream times, format. Not a store of the user's.
pub const META: StoreIndex = StoreIndex(0);

/// Keys and values in ascending (or descending) order of the keys' bytes.
pub type StorePairs<'a> = Box<dyn Iterator<Item = Result<(Box<[u8]>, Box<[u8]>), StoreError>> + 'a>;

/// One task's stores. Written on one thread; a global table's is read from many.
pub trait Store: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// When the disk or the files do not allow it.
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The pairs whose keys lie between the bounds, ascending. Empty when the bounds cross.
    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a>;

    /// The same pairs, descending.
    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a>;

    /// Applies all of the batch or none of it, also across a crash of the process.
    ///
    /// # Errors
    /// When the disk or the files do not allow it; nothing of the batch is applied then.
    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError>;

    /// A way to read what is committed from other threads, which may outlive the store.
    ///
    /// # Errors
    /// When the disk or the files do not allow it.
    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError>;

    /// Makes everything written so far survive a power cut, as far as the machine can.
    ///
    /// # Errors
    /// When the disk does not allow it.
    fn flush(&mut self) -> Result<(), StoreError>;
}

/// Changes to be applied together. Of several changes to one key the last wins.
#[derive(Debug, Default, Clone)]
pub struct StoreBatch {
    changes: Vec<StoreChange>,
}

/// One change of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreChange {
    /// Sets a key's value.
    Put(StoreIndex, Vec<u8>, Vec<u8>),
    /// Deletes a key, if it is there.
    Delete(StoreIndex, Vec<u8>),
    /// Deletes every key from the first (inclusive) to the second (exclusive).
    DeleteRange(StoreIndex, Vec<u8>, Vec<u8>),
    /// Deletes every key of the store, also those that earlier changes of the batch set.
    Clear(StoreIndex),
}

impl StoreChange {
    /// The store it changes.
    #[must_use]
    pub const fn store(&self) -> StoreIndex {
        match self {
            Self::Put(store, ..) | Self::Delete(store, ..) | Self::DeleteRange(store, ..) | Self::Clear(store) => {
                *store
            }
        }
    }
}

impl StoreBatch {
    /// Sets a key's value.
    pub fn put(&mut self, store: StoreIndex, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.push(StoreChange::Put(store, key.into(), value.into()));
    }

    /// Deletes a key, if it is there.
    pub fn delete(&mut self, store: StoreIndex, key: impl Into<Vec<u8>>) {
        self.changes.push(StoreChange::Delete(store, key.into()));
    }

    /// Deletes every key from `from` (inclusive) to `to` (exclusive).
    pub fn delete_range(&mut self, store: StoreIndex, from: impl Into<Vec<u8>>, to: impl Into<Vec<u8>>) {
        self.changes.push(StoreChange::DeleteRange(store, from.into(), to.into()));
    }

    /// Deletes every key of a store, whatever their number, at the cost of one change.
    pub fn clear(&mut self, store: StoreIndex) {
        self.changes.push(StoreChange::Clear(store));
    }

    /// How many changes there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is nothing to apply.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in order, for a backend to apply.
    #[must_use]
    pub fn into_changes(self) -> Vec<StoreChange> {
        self.changes
    }
}

/// What kind of trouble with state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The disk is full.
    Full,
    /// The disk or the system refuses: rights, input/output errors.
    Io,
    /// The files are damaged.
    Corrupt,
    /// The files were written by another version, or by something else.
    Format,
    /// Somebody else holds the folder.
    InUse,
    /// Stored bytes cannot be read as the type they should be.
    Decode,
    /// The store was closed while somebody still wanted to read it.
    Closed,
    /// Anything else.
    Other,
}

/// An error of the state, naming the folder or store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What kind of trouble.
    pub kind: StoreErrorKind,
    /// What happened, where, and what to do about it.
    pub message: String,
}

impl StoreError {
    /// An error of that kind.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

/// Whether no key can lie between the bounds because they cross or touch. For backends: ordered maps tend
/// to panic on such bounds, and [`Store::range`] must answer with no pairs.
#[must_use]
pub fn bounds_cross(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
        | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
