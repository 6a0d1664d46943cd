//! The state port: an ordered map of bytes with atomic batches.
//!
//! One [`Store`] belongs to one task and holds all of that task's named stores, so that one [`StoreBatch`] can change
//! all of them and [`META`] atomically. It holds committed data only; uncommitted writes wait in an overlay above it.
//!
//! Unlike the log's, a store's calls block: an operator needs a row before it can go on with its record. Only opening,
//! which may take long, can be waited for beside other work ([`StateBackend::begin_to_open`]).

use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;

use super::{OpeningStore, StatePlace, StoreBatch, StoreProperty, StoreReader, StoreSize};

/// Opens tasks' stores.
pub trait StateBackend: Send + Sync + 'static {
    /// The backend's name for people to read: `memory`, `rocksdb`.
    fn name(&self) -> &'static str;

    /// Whether written data survives the process.
    fn is_persistent(&self) -> bool;

    /// Whether other threads can read committed state without making the thread that writes wait or copy anything. Where they
    /// cannot, that thread answers them itself.
    fn reads_beside_writing(&self) -> bool {
        false
    }

    /// Where this backend keeps persistent state, if not in the application's state folder (`state.dir`). The runtime
    /// then creates and locks no folder, and the `folder` passed to [`StateBackend::open`] is only a name.
    fn place(&self) -> Option<Arc<dyn StatePlace>> {
        None
    }

    /// What it holds in memory at most, for all tasks together; `None` if that has no limit.
    fn memory(&self) -> Option<StateMemory> {
        None
    }

    /// What it knows about itself, for metrics: what its stores have in common.
    fn properties(&self) -> Vec<StoreProperty> {
        Vec::new()
    }

    /// Sets what it may hold in memory, in bytes. Called before the first store is opened, and not if
    /// [`StateMemory::is_set`].
    fn limit_memory(&self, _bytes: usize) {}

    /// Opens the store of one task in `folder`. The folder exists, is empty or was written by this backend, and is
    /// not in use by another process. Store `n` of `stores` gets [`StoreIndex`] `n + 1`. Stores in the folder that
    /// are not named here are left untouched.
    ///
    /// # Errors
    /// The message names the folder and says what to do.
    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError>;

    /// Begins to open a store as [`StateBackend::open`] does. A backend that may need time does the work on a thread,
    /// so that the caller can do something else; for any other the store is open when this returns.
    fn begin_to_open(&self, folder: &Path, stores: &[String]) -> OpeningStore {
        OpeningStore::done(self.open(folder, stores))
    }
}

/// What a backend holds in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StateMemory {
    /// The limit, in bytes.
    pub bytes: usize,
    /// Whether the user has set it.
    pub is_set: bool,
}

/// The number of a store within its task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreIndex(pub u16);

/// The task's own metadata: changelog offsets, stream times, format version. Not one of the user's stores.
pub const META: StoreIndex = StoreIndex(0);

/// Keys and values, ordered by the keys' bytes, ascending or descending.
pub type StorePairs<'a> = Box<dyn Iterator<Item = Result<(Box<[u8]>, Box<[u8]>), StoreError>> + 'a>;

/// One task's stores. Only one thread writes; a global table's store is read by many.
pub trait Store: Send + Sync {
    /// The value of a key.
    ///
    /// # Errors
    /// When the disk or the files prevent it.
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The pairs whose keys lie between the bounds, ascending. Empty when the bounds cross.
    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a>;

    /// The same pairs, descending.
    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a>;

    /// Applies all of the batch or none of it, even if the process crashes.
    ///
    /// # Errors
    /// When the disk or the files prevent it; no part of the batch is then applied.
    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError>;

    /// A reader of the committed state for other threads. It may outlive the store.
    ///
    /// # Errors
    /// When the disk or the files prevent it.
    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError>;

    /// How large a store is, as far as that is known without reading it. This is asked for some times a minute.
    ///
    /// # Errors
    /// When the files prevent it.
    fn size(&self, _store: StoreIndex) -> Result<StoreSize, StoreError> {
        Ok(StoreSize::default())
    }

    /// What else is known about a store, for metrics.
    fn properties(&self, _store: StoreIndex) -> Vec<StoreProperty> {
        Vec::new()
    }

    /// Makes everything written so far survive a power failure, as far as the hardware allows.
    ///
    /// # Errors
    /// When the disk prevents it.
    fn flush(&mut self) -> Result<(), StoreError>;
}

/// The kind of a [`StoreError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The disk is full.
    Full,
    /// The disk or the operating system refuses: permissions, I/O errors.
    Io,
    /// The files are damaged.
    Corrupt,
    /// The files were written by another version or by another program.
    Format,
    /// Another process is using the folder.
    InUse,
    /// Stored bytes cannot be decoded as the expected type.
    Decode,
    /// The store was closed before it was read.
    Closed,
    /// Anything else.
    Other,
}

/// A failure of the state; the message names the folder or store.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// The kind of failure, for code that has to react to it.
    pub kind: StoreErrorKind,
    /// What happened, where, and what to do about it.
    pub message: String,
}

crate::debug_says_what_display_says!(StoreError);

impl StoreError {
    /// Creates an error.
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Something in a store that is not what the program would have put there.
    pub(super) fn unreadable(store: &str, what: &str, reason: &str) -> Self {
        let message = format!(
            "store {store} holds a {what} that cannot be read: {reason}; if the type or its format has changed, give the \
             store a new name or reset the application"
        );
        Self::new(StoreErrorKind::Decode, message)
    }
}

/// Whether the bounds cross or touch, so that no key can lie between them. For backends: ordered maps tend to panic
/// on such bounds, whereas [`Store::range`] must return no pairs.
#[must_use]
pub fn bounds_cross(from: Bound<&[u8]>, to: Bound<&[u8]>) -> bool {
    match (from, to) {
        (Bound::Included(from), Bound::Included(to)) => from > to,
        (Bound::Included(from) | Bound::Excluded(from), Bound::Excluded(to))
        | (Bound::Excluded(from), Bound::Included(to)) => from >= to,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
