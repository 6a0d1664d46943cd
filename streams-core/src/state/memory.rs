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
    StoreReader, StoreSnapshot, bounds_cross,
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

type Map = BTreeMap<KeyBytes, ValueBytes>;

/// One task's stores, indexed by store number. A clone shares the maps until either side changes them.
#[derive(Clone, Default)]
struct Maps(Vec<Arc<Map>>);

impl Maps {
    fn map(&self, store: StoreIndex) -> Result<&Map, StoreError> {
        self.0.get(usize::from(store.0)).map(|map| &**map).ok_or_else(|| not_opened(store))
    }

    fn pairs(
        &self,
        store: StoreIndex,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> Result<std::collections::btree_map::Range<'_, KeyBytes, ValueBytes>, StoreError> {
        let map = self.map(store)?;
        // `BTreeMap::range` panics on crossed bounds; these do not cross, and no key lies between them.
        let nothing: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Excluded(&[]));
        let bounds = if bounds_cross(from, to) { nothing } else { (from, to) };
        Ok(map.range::<[u8], _>(bounds))
    }

    /// Every change must name a store that exists.
    fn apply(&mut self, batch: &StoreBatch) {
        for change in batch.changes() {
            let Some(map) = self.0.get_mut(usize::from(change.store().0)).map(Arc::make_mut) else { continue };
            match change {
                StoreChange::Put(_, key, value) => {
                    map.insert(KeyBytes::from_slice(key), ValueBytes::from_slice(value));
                }
                StoreChange::Delete(_, key) => {
                    map.remove(key);
                }
                StoreChange::DeleteRange(_, from, to) if from < to => {
                    let mut rest = map.split_off(from);
                    map.append(&mut rest.split_off(to));
                }
                StoreChange::DeleteRange(..) => {}
                StoreChange::Clear(_) => map.clear(),
            }
        }
    }
}

impl StoreSnapshot for Maps {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.map(store)?.get(key).map(|value| value.to_vec()))
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
            self.maps.map(change.store())?;
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
}

fn not_opened(store: StoreIndex) -> StoreError {
    StoreError::new(StoreErrorKind::Other, format!("store number {} was not named when this state was opened", store.0))
}

#[cfg(test)]
mod tests {
    use super::Memory;

    crate::store_contract!(Memory, tempfile::tempdir().expect("a temporary folder"));
}
