//! State in memory: an ordered map per store.
//!
//! What it holds ends with the process; a restart fills it again from the changelogs, all of them. It
//! is the state of tests, of the quick start, and of applications whose state is small.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;

use super::{
    StateBackend, Store, StoreBatch, StoreChange, StoreError, StoreErrorKind, StoreIndex, StorePairs, bounds_cross,
};

/// Keeps state in memory. The folder given to [`StateBackend::open`] is not touched.
///
/// ```
/// use std::ops::Bound;
/// use std::path::Path;
/// use streams_core::state::{Memory, StateBackend, StoreBatch, StoreIndex};
///
/// let mut store = Memory.open(Path::new("unused"), &["totals".to_owned()])?;
/// let mut batch = StoreBatch::default();
/// batch.put(StoreIndex(1), "u1", "7");
/// store.write(batch)?;
/// assert_eq!(store.get(StoreIndex(1), b"u1")?, Some(b"7".to_vec()));
/// assert_eq!(store.range(StoreIndex(1), Bound::Unbounded, Bound::Unbounded).count(), 1);
/// # Ok::<(), streams_core::state::StoreError>(())
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
        Ok(Box::new(MemoryStore { maps: vec![BTreeMap::new(); stores.len() + 1] }))
    }
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// One task's stores; the position in `maps` is the store's number.
struct MemoryStore {
    maps: Vec<Map>,
}

impl MemoryStore {
    fn map(&self, store: StoreIndex) -> Result<&Map, StoreError> {
        self.maps.get(usize::from(store.0)).ok_or_else(|| not_opened(store))
    }

    fn pairs(
        &self,
        store: StoreIndex,
        from: Bound<&[u8]>,
        to: Bound<&[u8]>,
    ) -> Result<std::collections::btree_map::Range<'_, Vec<u8>, Vec<u8>>, StoreError> {
        let map = self.map(store)?;
        // `BTreeMap::range` panics on crossed bounds; these are in order and hold nothing.
        let nothing: (Bound<&[u8]>, Bound<&[u8]>) = (Bound::Unbounded, Bound::Excluded(&[]));
        let bounds = if bounds_cross(from, to) { nothing } else { (from, to) };
        Ok(map.range::<[u8], _>(bounds))
    }
}

impl Store for MemoryStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.map(store)?.get(key).cloned())
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

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        let changes = batch.into_changes();
        // All or nothing: what can be refused is refused before anything changes.
        for change in &changes {
            self.map(change.store())?;
        }
        for change in changes {
            match change {
                StoreChange::Put(store, key, value) => {
                    self.maps[usize::from(store.0)].insert(key, value);
                }
                StoreChange::Delete(store, key) => {
                    self.maps[usize::from(store.0)].remove(&key);
                }
                StoreChange::DeleteRange(store, from, to) if from < to => {
                    let map = &mut self.maps[usize::from(store.0)];
                    let doomed: Vec<Vec<u8>> = map.range(from..to).map(|(key, _)| key.clone()).collect();
                    for key in doomed {
                        map.remove(&key);
                    }
                }
                StoreChange::DeleteRange(..) => {}
                StoreChange::Clear(store) => self.maps[usize::from(store.0)].clear(),
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StoreError> {
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
