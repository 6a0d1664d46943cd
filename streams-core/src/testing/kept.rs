//! In-memory state that outlives an application, so that a test can inspect and corrupt it between runs.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::state::{
    Memory, ReaderGate, StateBackend, StatePlace, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex,
    StorePairs, StoreReader, StoreSize, StoreSnapshot,
};

/// A persistent backend in memory: what was written to a folder is still there when the folder is opened again. Folders
/// are only names: nothing is created on disk.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::{KeptState, TestDriver};
///
/// const VIEWS: Topic<String, String> = Topic::new("views");
/// const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(VIEWS).group_by_key().count().stored_as(COUNTS);
/// let state = KeptState::default();
/// let mut driver = TestDriver::configure(builder.build()?).state_in(state.clone()).start();
/// driver.pipe(&VIEWS, "ada", "/cart");
/// driver.kill();
/// driver.restart();
/// assert_eq!(driver.get(&COUNTS, "ada"), Some(1));
/// assert_eq!(driver.tasks().values().map(|task| task.restored).sum::<u64>(), 0, "nothing is read again");
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Default)]
pub struct KeptState(Arc<Mutex<Folders>>);

#[derive(Default)]
struct Folders {
    stores: BTreeMap<String, SharedStore>,
    /// The applications that have locked the state.
    held: BTreeSet<String>,
    /// The texts stored with [`StatePlace::note`], by application and name.
    notes: BTreeMap<(String, String), String>,
    writes: BTreeMap<String, usize>,
    refusing: Option<String>,
    has_refused: bool,
    largest_batch: usize,
}

type SharedStore = Arc<Mutex<Box<dyn Store>>>;

/// Batches of up to this many changes hold only metadata, written when a task is opened; batches of rows are larger.
const NOTES_MAX: usize = 4;

impl KeptState {
    /// The value of a key in a store, which may be [`META`](crate::state::META). A task's folder is named after the
    /// task, for instance `0_1`.
    ///
    /// # Errors
    /// When there is no such folder or store.
    pub fn get(&self, folder: &str, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let shared = self.of(folder)?;
        guard(&shared).get(store, key)
    }

    /// Counts a store's rows.
    ///
    /// # Errors
    /// As [`KeptState::get`].
    pub fn rows(&self, folder: &str, store: StoreIndex) -> Result<usize, StoreError> {
        let shared = self.of(folder)?;
        let open = guard(&shared);
        let rows = open.range(store, Bound::Unbounded, Bound::Unbounded);
        rows.map(|row| row.map(|_| 1)).sum()
    }

    /// How many batches an application has written to a folder's stores.
    #[must_use]
    pub fn writes(&self, folder: &str) -> usize {
        guard(&self.0).writes.get(folder).copied().unwrap_or(0)
    }

    /// Writes to a folder's stores behind the application's back.
    ///
    /// # Errors
    /// As [`KeptState::get`].
    pub fn write(&self, folder: &str, batch: StoreBatch) -> Result<(), StoreError> {
        let shared = self.of(folder)?;
        guard(&shared).write(batch)
    }

    /// Makes the stores of one folder refuse rows from now on, as a full disk would; `None` ends this.
    pub fn refuse_rows(&self, folder: Option<&str>) {
        let mut folders = guard(&self.0);
        folders.refusing = folder.map(str::to_owned);
        folders.has_refused = false;
    }

    /// Whether rows have been refused since [`KeptState::refuse_rows`] was called.
    #[must_use]
    pub fn has_refused(&self) -> bool {
        guard(&self.0).has_refused
    }

    /// The number of changes in the largest batch that an application wrote.
    #[must_use]
    pub fn largest_batch(&self) -> usize {
        guard(&self.0).largest_batch
    }

    fn of(&self, folder: &str) -> Result<SharedStore, StoreError> {
        let folders = guard(&self.0);
        folders.stores.get(folder).cloned().ok_or_else(|| {
            let reason = format!("there is no folder {folder}; there are {:?}", folders.stores.keys());
            StoreError::new(StoreErrorKind::Other, reason)
        })
    }
}

impl StateBackend for KeptState {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn is_persistent(&self) -> bool {
        true
    }

    fn place(&self) -> Option<Arc<dyn StatePlace>> {
        Some(Arc::new(self.clone()))
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut folders = guard(&self.0);
        let store = match folders.stores.get(&name) {
            Some(store) => Arc::clone(store),
            None => Arc::new(Mutex::new(Memory.open(folder, stores)?)),
        };
        folders.stores.insert(name.clone(), Arc::clone(&store));
        Ok(Box::new(KeptStore { name, store, folders: self.clone(), readers: OnceLock::new() }))
    }
}

impl StatePlace for KeptState {
    fn hold(&self, application_id: &str) -> Option<Box<dyn Send + Sync>> {
        let is_free = guard(&self.0).held.insert(application_id.to_owned());
        is_free.then(|| Box::new(Hold(self.clone(), application_id.to_owned())) as Box<dyn Send + Sync>)
    }

    fn noted(&self, application_id: &str, name: &str) -> Option<String> {
        guard(&self.0).notes.get(&(application_id.to_owned(), name.to_owned())).cloned()
    }

    fn note(&self, application_id: &str, name: &str, text: &str) {
        guard(&self.0).notes.insert((application_id.to_owned(), name.to_owned()), text.to_owned());
    }
}

/// One application's lock on the state.
struct Hold(KeptState, String);

impl Drop for Hold {
    fn drop(&mut self) {
        guard(&self.0.0).held.remove(&self.1);
    }
}

struct KeptStore {
    name: String,
    store: SharedStore,
    folders: KeptState,
    /// A gate of its own, because the kept store's gate stays open when this store is closed.
    readers: OnceLock<ReaderGate<Arc<dyn StoreReader>>>,
}

impl Store for KeptStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        guard(&self.store).get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        let pairs: Vec<_> = guard(&self.store).range(store, from, to).collect();
        Box::new(pairs.into_iter())
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        let pairs: Vec<_> = guard(&self.store).range_reverse(store, from, to).collect();
        Box::new(pairs.into_iter())
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        let mut folders = guard(&self.folders.0);
        if folders.refusing.as_deref() == Some(&self.name) && batch.len() > NOTES_MAX {
            folders.has_refused = true;
            return Err(StoreError::new(StoreErrorKind::Other, "the disk is full"));
        }
        *folders.writes.entry(self.name.clone()).or_default() += 1;
        folders.largest_batch = folders.largest_batch.max(batch.len());
        guard(&self.store).write(batch)
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        let kept = guard(&self.store).reader()?;
        Ok(Arc::new(KeptReader(self.readers.get_or_init(|| ReaderGate::open(kept)).clone())))
    }

    fn size(&self, store: StoreIndex) -> Result<StoreSize, StoreError> {
        guard(&self.store).size(store)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        guard(&self.store).flush()
    }
}

impl Drop for KeptStore {
    fn drop(&mut self) {
        if let Some(readers) = self.readers.get() {
            readers.close();
        }
    }
}

struct KeptReader(ReaderGate<Arc<dyn StoreReader>>);

impl StoreReader for KeptReader {
    fn look(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError> {
        self.0.enter(|kept| kept.look(look))?
    }
}

fn guard<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::KeptState;

    // Leaves out the clauses about store names and about opening a folder twice, which this backend does not check.
    crate::store_contract!(@clauses KeptState::default(), tempfile::tempdir().expect("a temporary folder");
        a_value_is_read_back_until_it_is_deleted
        bounds_include_and_exclude_what_they_say
        of_several_changes_to_one_key_the_last_wins
        a_range_deletion_takes_its_start_and_leaves_its_end
        a_cleared_store_holds_what_was_put_afterwards
        one_batch_changes_every_store_it_names
        a_batch_that_is_refused_changes_nothing
        stores_are_isolated
        tasks_are_isolated
        committed_values_can_be_read_from_several_threads
        a_reader_sees_each_commit_whole_and_none_half_way
        a_reader_may_outlive_its_store
        a_backend_is_persistent_as_it_says
    );
}
