//! State in memory: an ordered map per store.
//!
//! The contents are lost when the process ends, and a restart restores them from the changelogs in full. It suits
//! tests, the quick start, and applications with little state.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use super::small_bytes::{KeyBytes, ValueBytes};
use super::{
    ReaderGate, StateBackend, Store, StoreBatch, StoreChange, StoreError, StoreErrorKind, StoreIndex, StorePairs,
    StoreReader, StoreSize, StoreSnapshot, bounds_cross,
};

/// Keeps state in memory. The folder passed to [`StateBackend::open`] is not used.
///
/// ```
/// use millstream::state::{Memory, StateBackend, StoreBatch, StoreIndex};
/// use std::ops::Bound;
/// use std::path::Path;
///
/// let mut store = Memory.open(Path::new("unused"), &["totals".to_owned()])?;
/// let mut batch = StoreBatch::default();
/// batch.put(StoreIndex(1), "u1", "7");
/// store.write(batch)?;
/// assert_eq!(store.get(StoreIndex(1), b"u1")?, Some(b"7".to_vec()));
/// assert_eq!(store.range(StoreIndex(1), Bound::Unbounded, Bound::Unbounded).count(), 1);
/// # Ok::<(), millstream::state::StoreError>(())
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct Memory;

impl StateBackend for Memory {
    fn name(&self) -> &'static str {
        "memory"
    }

    fn is_persistent(&self) -> bool {
        false
    }

    fn open(&self, _folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        // One more for `META`, which is number 0.
        let maps = Maps(vec![Arc::default(); stores.len() + 1]);
        Ok(Box::new(MemoryStore { maps, readers: OnceLock::new() }))
    }
}

/// The rows of a store, and how many bytes their keys and values have.
#[derive(Clone, Default)]
struct Rows {
    map: BTreeMap<KeyBytes, ValueBytes>,
    bytes: usize,
}

impl Rows {
    fn put(&mut self, key: &[u8], value: &[u8]) {
        match self.map.insert(KeyBytes::from_slice(key), ValueBytes::from_slice(value)) {
            Some(replaced) => self.bytes -= replaced.len(),
            None => self.bytes += key.len(),
        }
        self.bytes += value.len();
    }

    fn delete(&mut self, key: &[u8]) {
        if let Some(value) = self.map.remove(key) {
            self.bytes -= key.len() + value.len();
        }
    }

    fn delete_range(&mut self, from: &[u8], to: &[u8]) {
        if from < to {
            let mut deleted = self.map.split_off(from);
            self.map.append(&mut deleted.split_off(to));
            self.bytes -= deleted.iter().map(|(key, value)| key.len() + value.len()).sum::<usize>();
        }
    }
}

/// One task's stores, indexed by store number. A clone shares the maps until either side changes them.
#[derive(Clone, Default)]
struct Maps(Vec<Arc<Rows>>);

impl Maps {
    fn rows(&self, store: StoreIndex) -> Result<&Rows, StoreError> {
        self.0.get(usize::from(store.0)).map(|rows| &**rows).ok_or_else(|| not_opened(store))
    }

    fn pairs(
        &self,
        store: StoreIndex,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> Result<std::collections::btree_map::Range<'_, KeyBytes, ValueBytes>, StoreError> {
        let map = &self.rows(store)?.map;
        // `BTreeMap::range` panics on crossed bounds; these do not cross, and no key lies between them.
        let nothing: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Excluded(&[]));
        let bounds = if bounds_cross(from, to) { nothing } else { (from, to) };
        Ok(map.range::<[u8], _>(bounds))
    }

    /// Every change must name a store that exists.
    fn apply(&mut self, batch: &StoreBatch) {
        for change in batch.changes() {
            let Some(rows) = self.0.get_mut(usize::from(change.store().0)).map(Arc::make_mut) else { continue };
            match change {
                StoreChange::Put(_, key, value) => rows.put(key, value),
                StoreChange::Delete(_, key) => rows.delete(key),
                StoreChange::DeleteRange(_, from, to) => rows.delete_range(from, to),
                StoreChange::Clear(_) => *rows = Rows::default(),
            }
        }
    }
}

impl StoreSnapshot for Maps {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.rows(store)?.map.get(key).map(|value| value.to_vec()))
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        match self.pairs(store, from, to) {
            Ok(pairs) => Box::new(pairs.map(|(key, value)| Ok((key.as_slice().into(), value.as_slice().into())))),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        match self.pairs(store, from, to) {
            Ok(pairs) => Box::new(pairs.rev().map(|(key, value)| Ok((key.as_slice().into(), value.as_slice().into())))),
            Err(error) => Box::new(std::iter::once(Err(error))),
        }
    }
}

struct MemoryStore {
    maps: Maps,
    /// What readers see; set when the first reader is made.
    readers: OnceLock<ReaderGate<Maps>>,
}

impl Store for MemoryStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.maps.get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.maps.range(store, from, to)
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.maps.range_reverse(store, from, to)
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        // A batch is all or nothing, so check everything before changing anything.
        for change in batch.changes() {
            self.maps.rows(change.store())?;
        }
        let Some(readers) = self.readers.get() else {
            self.maps.apply(&batch);
            return Ok(());
        };
        readers.change(|seen| {
            // A shared map is copied when it changes. Let go of the readers' clone first, so that a copy is made only
            // for a read in progress.
            *seen = Maps::default();
            self.maps.apply(&batch);
            *seen = self.maps.clone();
        });
        Ok(())
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        let gate = self.readers.get_or_init(|| ReaderGate::open(self.maps.clone()));
        Ok(Arc::new(MemoryReader(gate.clone())))
    }

    /// Exact; the bytes are those of keys and rows alone.
    fn size(&self, store: StoreIndex) -> Result<StoreSize, StoreError> {
        let Rows { map, bytes } = self.maps.rows(store)?;
        Ok(StoreSize { rows: Some(map.len() as u64), bytes: Some(*bytes as u64) })
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        if let Some(readers) = self.readers.get() {
            readers.close();
        }
    }
}

struct MemoryReader(ReaderGate<Maps>);

impl StoreReader for MemoryReader {
    fn look(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError> {
        // Read a clone, so that the store can be written meanwhile.
        let maps = self.0.enter(Maps::clone)?;
        look(&maps);
        Ok(())
    }

    /// To keep a clone would make the next write copy all rows.
    fn glance(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError> {
        self.0.enter(|maps| look(maps))
    }
}

fn not_opened(store: StoreIndex) -> StoreError {
    StoreError::new(StoreErrorKind::Other, format!("store number {} was not named when this state was opened", store.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    crate::store_contract!(Memory, tempfile::tempdir().expect("a temporary folder"));

    #[test]
    fn rows_and_bytes_are_counted_exactly_whatever_changes() -> Result<(), StoreError> {
        type Change = dyn Fn(&mut StoreBatch);
        const A: StoreIndex = StoreIndex(1);
        let mut store = Memory.open(Path::new(""), &["a".to_owned()])?;
        let steps: [(&Change, (u64, u64)); 8] = [
            (&|batch| batch.put(A, "a", "12345"), (1, 6)),
            (&|batch| batch.put(A, "a", "1"), (1, 2)),
            (&|batch| ["b", "bb", "c"].iter().for_each(|key| batch.put(A, key, "")), (4, 6)),
            (&|batch| batch.delete(A, "nothing"), (4, 6)),
            (&|batch| batch.delete_range(A, "b", "c"), (2, 3)),
            (&|batch| batch.delete_range(A, "c", "b"), (2, 3)),
            (&|batch| batch.delete(A, "a"), (1, 1)),
            (&|batch| batch.clear(A), (0, 0)),
        ];
        for (number, (change, (rows, bytes))) in steps.into_iter().enumerate() {
            let mut batch = StoreBatch::default();
            change(&mut batch);
            store.write(batch)?;
            assert_eq!(store.size(A)?, StoreSize { rows: Some(rows), bytes: Some(bytes) }, "step {number}");
        }
        Ok(())
    }
}
