//! The stores of a task, in one database.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use rocksdb::{ColumnFamily, DB, Direction, IteratorMode, ReadOptions, WriteBatch};
use streams_core::state::{
    ReaderGate, Store, StoreBatch, StoreChange, StoreError, StoreErrorKind, StoreIndex, StorePairs, StoreProperty,
    StoreReader, StoreSize, StoreSnapshot,
};

use crate::error::{path_error, use_error};
use crate::folder::Folder;

const LIVE_SST_FILES_SIZE: &str = "rocksdb.live-sst-files-size";
const SIZE_ALL_MEM_TABLES: &str = "rocksdb.size-all-mem-tables";

/// What is told of a store, under RocksDB's own names. All of it is at hand; RocksDB reads no files for it.
pub(crate) const PROPERTIES: [&str; 10] = [
    LIVE_SST_FILES_SIZE,
    SIZE_ALL_MEM_TABLES,
    "rocksdb.estimate-live-data-size",
    "rocksdb.estimate-pending-compaction-bytes",
    "rocksdb.num-files-at-level0",
    "rocksdb.num-immutable-mem-table",
    "rocksdb.num-running-flushes",
    "rocksdb.num-running-compactions",
    "rocksdb.is-write-stopped",
    "rocksdb.background-errors",
];

/// An open database.
pub(crate) struct RocksDbStore {
    database: Arc<Database>,
    point_reads: ReadOptions,
    readers: ReaderGate<Arc<Database>>,
}

/// What a store shares with its readers. Fields are dropped in order, so the folder is released after RocksDB has closed
/// its files.
struct Database {
    db: DB,
    folder: Folder,
    /// The names of the column families by store number.
    families: Vec<String>,
}

impl RocksDbStore {
    pub(crate) fn new(db: DB, folder: Folder, families: Vec<String>) -> Self {
        let database = Arc::new(Database { db, folder, families });
        Self { readers: ReaderGate::open(Arc::clone(&database)), point_reads: ReadOptions::default(), database }
    }

    #[cfg(test)]
    pub(crate) fn db(&self) -> &DB {
        &self.database.db
    }
}

/// Waits for readers, so that the folder is free once the store has been dropped.
impl Drop for RocksDbStore {
    fn drop(&mut self) {
        self.readers.close();
    }
}

impl Database {
    fn family(&self, store: StoreIndex) -> Result<&ColumnFamily, StoreError> {
        self.families.get(usize::from(store.0)).and_then(|name| self.db.cf_handle(name)).ok_or_else(|| {
            let message = format!("store number {} was not named when the database was opened", store.0);
            path_error(StoreErrorKind::Other, self.folder.path(), &message)
        })
    }

    fn read_error(&self, store: StoreIndex, error: &rocksdb::Error) -> StoreError {
        let name = self.families.get(usize::from(store.0)).map_or("?", String::as_str);
        use_error(self.folder.path(), &format!("store `{name}` cannot be read"), error)
    }

    fn get(&self, store: StoreIndex, key: &[u8], options: &ReadOptions) -> Result<Option<Vec<u8>>, StoreError> {
        let family = self.family(store)?;
        self.db.get_cf_opt(family, key, options).map_err(|error| self.read_error(store, &error))
    }

    fn pairs(
        &self,
        store: StoreIndex,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
        mut options: ReadOptions,
    ) -> StorePairs<'_> {
        let family = match self.family(store) {
            Ok(family) => family,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let (lower, upper) = (lower_inclusive(from), upper_exclusive(to));
        if upper.as_ref().is_some_and(|upper| *upper <= lower) {
            return Box::new(std::iter::empty());
        }
        options.set_iterate_lower_bound(lower);
        if let Some(upper) = upper {
            options.set_iterate_upper_bound(upper);
        }
        let mode = match direction {
            Direction::Forward => IteratorMode::Start,
            Direction::Reverse => IteratorMode::End,
        };
        let pairs = self.db.iterator_cf_opt(family, options, mode);
        Box::new(pairs.map(move |pair| pair.map_err(|error| self.read_error(store, &error))))
    }
}

/// Reads committed rows.
struct Reader(ReaderGate<Arc<Database>>);

impl StoreReader for Reader {
    fn look(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError> {
        self.0.enter(|database| look(&Snapshot { database, seen: database.db.snapshot() }))
    }
}

/// The database as it was when the snapshot was taken.
struct Snapshot<'a> {
    database: &'a Database,
    seen: rocksdb::Snapshot<'a>,
}

impl Snapshot<'_> {
    fn options(&self) -> ReadOptions {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.seen);
        options
    }
}

impl StoreSnapshot for Snapshot<'_> {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.get(store, key, &self.options())
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.database.pairs(store, (from, to), Direction::Forward, self.options())
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.database.pairs(store, (from, to), Direction::Reverse, self.options())
    }
}

const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

/// The places in a batch where stores are cleared for the last time: earlier changes need not be written, and the range
/// to delete ends with the last key in the database.
fn clears(batch: &StoreBatch) -> BTreeMap<StoreIndex, usize> {
    let clears = batch.changes().zip(0..).filter(|(change, _)| matches!(change, StoreChange::Clear(_)));
    clears.map(|(change, place)| (change.store(), place)).collect()
}

/// The smallest key that the bound includes.
fn lower_inclusive(from: Bound<&[u8]>) -> Vec<u8> {
    match from {
        Bound::Unbounded => Vec::new(),
        Bound::Included(key) => key.to_vec(),
        Bound::Excluded(key) => successor(key),
    }
}

/// The smallest key after the bound, if there is a bound.
fn upper_exclusive(to: Bound<&[u8]>) -> Option<Vec<u8>> {
    match to {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(successor(key)),
        Bound::Excluded(key) => Some(key.to_vec()),
    }
}

/// The key directly after this one.
fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

impl Store for RocksDbStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.database.get(store, key, &self.point_reads)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.database.pairs(store, (from, to), Direction::Forward, ReadOptions::default())
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.database.pairs(store, (from, to), Direction::Reverse, ReadOptions::default())
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let database = &*self.database;
        let clears = clears(&batch);
        let mut writes = WriteBatch::default();
        for (place, change) in batch.changes().enumerate() {
            let family = database.family(change.store())?;
            if !clears.is_empty() && clears.get(&change.store()).is_some_and(|clear| place < *clear) {
                continue;
            }
            match change {
                StoreChange::Put(_, key, value) => writes.put_cf(family, key, value),
                StoreChange::Delete(_, key) => writes.delete_cf(family, key),
                StoreChange::DeleteRange(_, from, to) if from < to => writes.delete_range_cf(family, from, to),
                StoreChange::DeleteRange(..) => {}
                StoreChange::Clear(store) => {
                    let mut last = database.pairs(store, ALL, Direction::Reverse, ReadOptions::default());
                    if let Some(last) = last.next() {
                        writes.delete_range_cf(family, Vec::new(), successor(&last?.0));
                    }
                }
            }
        }
        database.db.write(writes).map_err(|error| use_error(database.folder.path(), "cannot be written to", &error))
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        Ok(Arc::new(Reader(self.readers.clone())))
    }

    /// Estimates: RocksDB counts entries and takes deletions off, and a row that was replaced may count twice until a
    /// compaction has merged its entries.
    fn size(&self, store: StoreIndex) -> Result<StoreSize, StoreError> {
        let family = self.database.family(store)?;
        let number = |name: &str| {
            let number = self.database.db.property_int_value_cf(family, name);
            number.map_err(|error| self.database.read_error(store, &error))
        };
        let (files, buffers) = (number(LIVE_SST_FILES_SIZE)?, number(SIZE_ALL_MEM_TABLES)?);
        let bytes = files.zip(buffers).map(|(files, buffers)| files.saturating_add(buffers));
        Ok(StoreSize { rows: number("rocksdb.estimate-num-keys")?, bytes })
    }

    fn properties(&self, store: StoreIndex) -> Vec<StoreProperty> {
        let Ok(family) = self.database.family(store) else { return Vec::new() };
        let number = |name: &&'static str| {
            let value = self.database.db.property_int_value_cf(family, *name).ok()??;
            Some(StoreProperty { name, value })
        };
        PROPERTIES.iter().filter_map(number).collect()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        let Database { db, folder, .. } = &*self.database;
        db.flush_wal(true).map_err(|error| use_error(folder.path(), "cannot be synced", &error))
    }
}
