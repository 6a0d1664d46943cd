//! The backend: what all databases of a process share, and how one of them is opened.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use rocksdb::{Cache, ColumnFamilyDescriptor, DB, Options, WriteBufferManager};
use streams_core::state::{OpeningStore, StateBackend, StateMemory, Store, StoreError, StoreErrorKind, StoreProperty};

use crate::error::{open_error, path_error};
use crate::folder::Folder;
use crate::options::{database_options, family_options};
use crate::store::RocksDbStore;

/// The column family for the task's metadata. No store can have this name, because names contain no colon.
pub(crate) const META_FAMILY: &str = ":meta";

/// RocksDB always has this column family. A store named `default` is kept in it.
const UNUSED_FAMILY: &str = "default";

const CACHE_BYTES: usize = 128 << 20;
const WRITE_BUFFER_BYTES: usize = 128 << 20;
const WRITE_BUFFER_BYTES_MIN: usize = 1 << 20;

/// Keeps state in RocksDB. Clones share their memory, so create one value per process.
#[derive(Clone)]
pub struct RocksDb {
    cache: Cache,
    write_buffers: WriteBufferManager,
    sizes: Arc<Sizes>,
}

/// The sizes of the cache and of the write buffers, in bytes. All clones have the same.
struct Sizes {
    cache: AtomicUsize,
    write_buffers: AtomicUsize,
    are_set: AtomicBool,
}

impl Default for RocksDb {
    /// 128 MiB of block cache and 128 MiB of write buffers, shared by all tasks.
    fn default() -> Self {
        let sizes = Sizes {
            cache: AtomicUsize::new(CACHE_BYTES),
            write_buffers: AtomicUsize::new(WRITE_BUFFER_BYTES),
            are_set: AtomicBool::new(false),
        };
        Self {
            cache: Cache::new_lru_cache(CACHE_BYTES),
            write_buffers: write_buffers(WRITE_BUFFER_BYTES),
            sizes: Arc::new(sizes),
        }
    }
}

impl RocksDb {
    /// Sets the approximate size of the cache for data, indexes and filters, in bytes, for all tasks together.
    #[must_use]
    pub fn with_cache_bytes(self, bytes: usize) -> Self {
        self.resize(bytes, self.write_buffer_bytes());
        self.sizes.are_set.store(true, Ordering::Relaxed);
        self
    }

    /// Sets the approximate size of the buffers that hold writes until they go to sorted files, in bytes, for all tasks
    /// together; at least 1 MiB.
    #[must_use]
    pub fn with_write_buffer_bytes(self, bytes: usize) -> Self {
        self.resize(self.cache_bytes(), bytes);
        self.sizes.are_set.store(true, Ordering::Relaxed);
        self
    }

    fn resize(&self, cache: usize, write_buffers: usize) {
        let write_buffers = write_buffers.max(WRITE_BUFFER_BYTES_MIN);
        // A handle to the same cache.
        self.cache.clone().set_capacity(cache);
        self.write_buffers.set_buffer_size(write_buffers);
        self.sizes.cache.store(cache, Ordering::Relaxed);
        self.sizes.write_buffers.store(write_buffers, Ordering::Relaxed);
    }

    /// The size of the block cache in bytes.
    #[must_use]
    pub fn cache_bytes(&self) -> usize {
        self.sizes.cache.load(Ordering::Relaxed)
    }

    /// The size of the write buffers in bytes.
    #[must_use]
    pub fn write_buffer_bytes(&self) -> usize {
        self.sizes.write_buffers.load(Ordering::Relaxed)
    }

    /// The number of bytes of the block cache and of the write buffers that are in use, for metrics.
    #[must_use]
    pub fn used_bytes(&self) -> (usize, usize) {
        (self.cache.get_usage(), self.write_buffers.get_usage())
    }

    pub(crate) fn open_store(&self, folder: &Path, stores: &[String]) -> Result<RocksDbStore, StoreError> {
        let named = family_names(folder, stores)?;
        let folder = Folder::claim(folder)?;
        let database = folder.database();

        // All families in the files have to be opened, including those of stores that are not named now.
        let present = if folder.has_database()? {
            DB::list_cf(&Options::default(), &database).map_err(|error| open_error(folder.path(), &error))?
        } else {
            Vec::new()
        };
        let all: BTreeSet<&str> = named.iter().chain(&present).map(String::as_str).chain([UNUSED_FAMILY]).collect();
        let families = all.into_iter().map(|name| {
            let is_store = name != META_FAMILY && (name != UNUSED_FAMILY || named.iter().any(|store| store == name));
            let options = family_options(&self.cache, self.write_buffer_bytes(), is_store);
            ColumnFamilyDescriptor::new(name, options)
        });
        let options = database_options(&self.write_buffers, self.write_buffer_bytes());
        let db = DB::open_cf_descriptors(&options, &database, families)
            .map_err(|error| open_error(folder.path(), &error))?;
        tracing::debug!(folder = %folder.path().display(), stores = stores.len(), "opened state");
        Ok(RocksDbStore::new(db, folder, named))
    }
}

impl std::fmt::Debug for RocksDb {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RocksDb")
            .field("cache_bytes", &self.cache_bytes())
            .field("write_buffer_bytes", &self.write_buffer_bytes())
            .finish()
    }
}

/// Never stalls a writer, because that would stop all tasks of its worker.
fn write_buffers(bytes: usize) -> WriteBufferManager {
    WriteBufferManager::new_write_buffer_manager(bytes, false)
}

impl StateBackend for RocksDb {
    fn name(&self) -> &'static str {
        "rocksdb"
    }

    fn is_persistent(&self) -> bool {
        true
    }

    /// A snapshot neither waits for the thread that writes nor holds it up.
    fn reads_beside_writing(&self) -> bool {
        true
    }

    fn memory(&self) -> Option<StateMemory> {
        let bytes = self.cache_bytes() + self.write_buffer_bytes();
        Some(StateMemory { bytes, is_set: self.sizes.are_set.load(Ordering::Relaxed) })
    }

    fn properties(&self) -> Vec<StoreProperty> {
        let property = |(name, bytes): (&'static str, usize)| StoreProperty { name, value: bytes as u64 };
        let properties = [
            ("rocksdb.block-cache-usage", self.cache.get_usage()),
            ("rocksdb.block-cache-pinned-usage", self.cache.get_pinned_usage()),
            ("rocksdb.block-cache-capacity", self.cache_bytes()),
            ("rocksdb.write-buffer-usage", self.write_buffers.get_usage()),
            ("rocksdb.write-buffer-capacity", self.write_buffer_bytes()),
        ];
        properties.map(property).into()
    }

    /// Half for the cache, half for the write buffers, as the defaults are. All clones of this value have it.
    fn limit_memory(&self, bytes: usize) {
        self.resize(bytes / 2, bytes / 2);
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        Ok(Box::new(self.open_store(folder, stores)?))
    }

    /// On a thread, because after a crash RocksDB replays its write-ahead log, which may take seconds.
    fn begin_to_open(&self, folder: &Path, stores: &[String]) -> OpeningStore {
        let (answer, opening) = OpeningStore::later();
        let (backend, path, names) = (self.clone(), folder.to_owned(), stores.to_vec());
        let thread = std::thread::Builder::new().name("rocksdb-open".to_owned());
        // If nobody takes the answer, nobody waits for the store any more, and it is closed again.
        let spawned = thread.spawn(move || answer.send(backend.open(&path, &names)).is_ok());
        match spawned {
            Ok(_) => opening,
            Err(_) => OpeningStore::done(self.open(folder, stores)),
        }
    }
}

/// The column families by store number; `META` is 0.
fn family_names(folder: &Path, stores: &[String]) -> Result<Vec<String>, StoreError> {
    let mut distinct = BTreeSet::from([META_FAMILY]);
    for store in stores {
        // RocksDB accepts no name with a zero byte; a topology's names never contain one.
        if !distinct.insert(store) || store.contains('\0') {
            let message = format!("two stores cannot both be named {store:?}: give one of them another name");
            return Err(path_error(StoreErrorKind::Other, folder, &message));
        }
    }
    Ok(std::iter::once(META_FAMILY.to_owned()).chain(stores.iter().cloned()).collect())
}

#[cfg(test)]
mod tests {
    use streams_core::state::{
        StateBackend, StateMemory, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex, StoreProperty,
    };

    use super::RocksDb;
    use crate::store::PROPERTIES;

    fn names<const N: usize>(names: [&str; N]) -> Vec<String> {
        names.map(str::to_owned).to_vec()
    }

    /// `DB::open_cf` would open all families with RocksDB's defaults: no shared cache, no filters.
    #[test]
    fn every_family_uses_the_shared_cache_whoever_named_it() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = RocksDb::default().with_cache_bytes(3 << 20);
        drop(backend.open(folder.path(), &names(["a", "left over"]))?);
        let store = backend.open_store(folder.path(), &names(["a", "b"]))?;
        for family in ["default", ":meta", "a", "b", "left over"] {
            let handle = store.db().cf_handle(family).expect("every family is open");
            let capacity = store.db().property_int_value_cf(handle, "rocksdb.block-cache-capacity");
            assert_eq!(capacity, Ok(Some(3 << 20)), "family {family}");
        }
        Ok(())
    }

    #[test]
    fn a_budget_holds_for_all_clones_and_gives_way_to_what_was_set() -> Result<(), StoreError> {
        let backend = RocksDb::default();
        assert_eq!(backend.memory(), Some(StateMemory { bytes: 256 << 20, is_set: false }));
        let clone = backend.clone();
        clone.limit_memory(6 << 20);
        assert_eq!((backend.cache_bytes(), backend.write_buffer_bytes()), (3 << 20, 3 << 20));
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = backend.open_store(folder.path(), &names(["a"]))?;
        let handle = store.db().cf_handle("a").expect("it is open");
        let capacity = store.db().property_int_value_cf(handle, "rocksdb.block-cache-capacity");
        assert_eq!(capacity, Ok(Some(3 << 20)));
        let set = RocksDb::default().with_cache_bytes(1 << 20);
        assert_eq!(set.memory(), Some(StateMemory { bytes: 129 << 20, is_set: true }));
        Ok(())
    }

    #[test]
    fn write_buffers_of_all_tasks_count_together_and_stay_bounded() -> Result<(), StoreError> {
        let folders = [(); 3].map(|()| tempfile::tempdir().expect("a temporary folder"));
        let backend = RocksDb::default().with_write_buffer_bytes(1 << 20);
        let mut stores = Vec::new();
        for folder in &folders {
            stores.push(backend.open(folder.path(), &names(["a"]))?);
        }
        let mut put = |number: u32| {
            let mut batch = StoreBatch::default();
            batch.put(StoreIndex(1), number.to_be_bytes(), [7_u8; 1024]);
            stores[number as usize % 3].write(batch)
        };
        for number in 0..300 {
            put(number)?;
        }
        assert!(backend.used_bytes().1 > 300 << 10, "all three databases count: {:?}", backend.used_bytes());
        for number in 300..24 << 10 {
            put(number)?;
        }
        // 24 MiB were written. Full buffers wait for the disk, but RocksDB stalls writers when a family has three full
        // ones: here three of about 1 MiB in each of three databases.
        assert!(backend.used_bytes().1 <= 12 << 20, "still in memory: {:?}", backend.used_bytes());
        Ok(())
    }

    /// A name that RocksDB does not know would be missing without a word.
    #[test]
    fn every_property_that_is_listed_has_a_value() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let backend = RocksDb::default().with_cache_bytes(3 << 20).with_write_buffer_bytes(2 << 20);
        let mut store = backend.open_store(folder.path(), &names(["a", "b"]))?;
        for number in 0..1_000_u32 {
            let mut batch = StoreBatch::default();
            batch.put(StoreIndex(1), number.to_be_bytes(), [7_u8; 100]);
            store.write(batch)?;
        }
        let family = store.db().cf_handle("a").expect("it is open");
        store.db().flush_cf(family).expect("there is space");
        let value = |properties: &[StoreProperty], name: &str| {
            properties.iter().find(|property| property.name == name).map(|property| property.value)
        };
        let (full, empty) = (store.properties(StoreIndex(1)), store.properties(StoreIndex(2)));
        assert_eq!((full.len(), empty.len()), (PROPERTIES.len(), PROPERTIES.len()), "{full:?}");
        assert_eq!(value(&full, "rocksdb.num-files-at-level0"), Some(1));
        assert_eq!(value(&empty, "rocksdb.num-files-at-level0"), Some(0));
        let bytes = value(&full, "rocksdb.live-sst-files-size").unwrap_or(0);
        assert!((1_000..=200_000).contains(&bytes), "{bytes}");
        assert_eq!(store.size(StoreIndex(1))?.rows, Some(1_000));
        let shared = backend.properties();
        assert_eq!(value(&shared, "rocksdb.block-cache-capacity"), Some(3 << 20));
        assert_eq!(value(&shared, "rocksdb.write-buffer-capacity"), Some(2 << 20));
        assert!(value(&shared, "rocksdb.write-buffer-usage") > Some(0), "{shared:?}");
        Ok(())
    }

    #[test]
    fn two_stores_of_one_name_are_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for stores in [names(["a", "a"]), names([":meta"]), names(["a\0b"])] {
            let error = RocksDb::default().open(folder.path(), &stores).err().expect("an error");
            assert_eq!(error.kind, StoreErrorKind::Other, "{error}");
        }
    }

    /// Provokes a real `ENOSPC` without mounting anything: the next write-ahead logs that RocksDB creates are links to
    /// `/dev/full`.
    #[test]
    #[cfg(target_os = "linux")]
    fn a_full_disk_is_told_from_other_errors_and_loses_nothing() -> Result<(), StoreError> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut store = RocksDb::default().open_store(folder.path(), &names(["a"]))?;
        put(&mut store, "k", "before")?;

        let entries = std::fs::read_dir(folder.path().join("db")).expect("the database's folder");
        let numbers = entries.filter_map(|entry| entry.ok()?.path().file_stem()?.to_str()?.parse::<u64>().ok());
        let next = numbers.max().expect("a write-ahead log");
        let full: Vec<_> =
            (next + 1..next + 20).map(|number| folder.path().join(format!("db/{number:06}.log"))).collect();
        for log in &full {
            std::os::unix::fs::symlink("/dev/full", log).expect("a link");
        }
        // Once the write buffer is switched, a new log starts.
        let _ = store.db().flush_cf(store.db().cf_handle("a").expect("the family is open"));
        let error = put(&mut store, "k", "after").expect_err("the disk is full");
        assert_eq!(error.kind, StoreErrorKind::Full, "{error}");
        assert!(error.message.contains("free some space"), "{error}");
        assert!(error.message.contains(&folder.path().display().to_string()), "{error}");
        drop(store);

        for log in &full {
            std::fs::remove_file(log).ok();
        }
        let mut store = RocksDb::default().open(folder.path(), &names(["a"]))?;
        assert_eq!(store.get(StoreIndex(1), b"k")?, Some(b"before".to_vec()));
        put(&mut *store, "k", "after")
    }

    fn put(store: &mut dyn Store, key: &str, value: &str) -> Result<(), StoreError> {
        let mut batch = StoreBatch::default();
        batch.put(StoreIndex(1), key, value);
        store.write(batch)
    }
}
