//! One task's stores in one database.

use std::collections::BTreeMap;
use std::ops::Bound;

use rocksdb::{ColumnFamily, DB, Direction, IteratorMode, ReadOptions, WriteBatch};
use streams_core::state::{Store, StoreBatch, StoreChange, StoreError, StoreErrorKind, StoreIndex, StorePairs};

use crate::error::{path_error, use_error};
use crate::folder::Folder;

/// An open database. Fields are dropped in order: the folder is released when RocksDB has closed its files.
pub(crate) struct RocksDbStore {
    db: DB,
    point_reads: ReadOptions,
    folder: Folder,
    /// Names of the families by store number.
    families: Vec<String>,
}

impl RocksDbStore {
    pub(crate) fn new(db: DB, folder: Folder, families: Vec<String>) -> Self {
        Self { db, point_reads: ReadOptions::default(), folder, families }
    }

    #[cfg(test)]
    pub(crate) const fn db(&self) -> &DB {
        &self.db
    }

    fn family(&self, store: StoreIndex) -> Result<&ColumnFamily, StoreError> {
        self.families.get(usize::from(store.0)).and_then(|name| self.db.cf_handle(name)).ok_or_else(|| {
            let message = format!("store number {} was not named when it was opened", store.0);
            path_error(StoreErrorKind::Other, self.folder.path(), &message)
        })
    }

    fn read_error(&self, store: StoreIndex, error: &rocksdb::Error) -> StoreError {
        let name = self.families.get(usize::from(store.0)).map_or("?", String::as_str);
        use_error(self.folder.path(), &format!("store `{name}` cannot be read"), error)
    }

    fn pairs<'a>(
        &'a self,
        store: StoreIndex,
        (from, to): (Bound<&[u8]>, Bound<&[u8]>),
        direction: Direction,
    ) -> StorePairs<'a> {
        let family = match self.family(store) {
            Ok(family) => family,
            Err(error) => return Box::new(std::iter::once(Err(error))),
        };
        let (lower, upper) = (lower_inclusive(from), upper_exclusive(to));
        if upper.as_ref().is_some_and(|upper| *upper <= lower) {
            return Box::new(std::iter::empty());
        }
        let mut options = ReadOptions::default();
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

const ALL: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Unbounded);

/// Where in a batch stores are cleared for the last time: what comes before need not be written, and the range to
/// be deleted ends with the last key that the database has.
fn clears(changes: &[StoreChange]) -> BTreeMap<StoreIndex, usize> {
    let clears = changes.iter().zip(0..).filter(|(change, _)| matches!(change, StoreChange::Clear(_)));
    clears.map(|(change, place)| (change.store(), place)).collect()
}

/// The smallest key within the bound.
fn lower_inclusive(from: Bound<&[u8]>) -> Vec<u8> {
    match from {
        Bound::Unbounded => Vec::new(),
        Bound::Included(key) => key.to_vec(),
        Bound::Excluded(key) => successor(key),
    }
}

/// The smallest key beyond the bound, if there is a bound.
fn upper_exclusive(to: Bound<&[u8]>) -> Option<Vec<u8>> {
    match to {
        Bound::Unbounded => None,
        Bound::Included(key) => Some(successor(key)),
        Bound::Excluded(key) => Some(key.to_vec()),
    }
}

/// The key right after this one: no key lies between them.
fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend_from_slice(key);
    next.push(0);
    next
}

impl Store for RocksDbStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let family = self.family(store)?;
        self.db.get_cf_opt(family, key, &self.point_reads).map_err(|error| self.read_error(store, &error))
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.pairs(store, (from, to), Direction::Forward)
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.pairs(store, (from, to), Direction::Reverse)
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        if batch.is_empty() {
            return Ok(());
        }
        let changes = batch.into_changes();
        let clears = clears(&changes);
        let mut writes = WriteBatch::default();
        for (place, change) in changes.into_iter().enumerate() {
            let family = self.family(change.store())?;
            if clears.get(&change.store()).is_some_and(|clear| place < *clear) {
                continue;
            }
            match change {
                StoreChange::Put(_, key, value) => writes.put_cf(family, key, value),
                StoreChange::Delete(_, key) => writes.delete_cf(family, key),
                StoreChange::DeleteRange(_, from, to) if from < to => writes.delete_range_cf(family, from, to),
                StoreChange::DeleteRange(..) => {}
                StoreChange::Clear(store) => {
                    if let Some(last) = self.pairs(store, ALL, Direction::Reverse).next() {
                        writes.delete_range_cf(family, Vec::new(), successor(&last?.0));
                    }
                }
            }
        }
        self.db.write(writes).map_err(|error| use_error(self.folder.path(), "cannot be written to", &error))
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.db.flush_wal(true).map_err(|error| use_error(self.folder.path(), "cannot be synced", &error))
    }
}
