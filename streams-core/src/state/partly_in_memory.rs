//! A task's stores of which some are kept in memory, beside others on disk.
//!
//! Metadata stays on disk, so whoever opens the stores has to forget how far those in memory had followed their changelogs,
//! because they begin empty.

use std::collections::BTreeSet;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};

use super::{
    Memory, StateBackend, Store, StoreBatch, StoreChange, StoreError, StoreIndex, StorePairs, StoreProperty,
    StoreReader, StoreSize, StoreSnapshot,
};

/// Stores on disk and in memory, which look like stores of one sort.
pub(crate) struct PartlyInMemory {
    disk: Box<dyn Store>,
    memory: Box<dyn Store>,
    in_memory: Arc<BTreeSet<StoreIndex>>,
    /// Held while a batch is written to both, and until a reader sees both.
    writing: Arc<RwLock<()>>,
}

impl PartlyInMemory {
    /// Keeps some of so many stores, which are open on disk, in memory instead.
    ///
    /// # Errors
    /// Never; memory can always be opened.
    pub(crate) fn over(
        disk: Box<dyn Store>,
        stores: usize,
        in_memory: BTreeSet<StoreIndex>,
    ) -> Result<Self, StoreError> {
        let memory = Memory.open(Path::new(""), &vec![String::new(); stores])?;
        Ok(Self { disk, memory, in_memory: Arc::new(in_memory), writing: Arc::default() })
    }

    fn of(&self, store: StoreIndex) -> &dyn Store {
        if self.in_memory.contains(&store) { &*self.memory } else { &*self.disk }
    }
}

impl Store for PartlyInMemory {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.of(store).get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.of(store).range(store, from, to)
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.of(store).range_reverse(store, from, to)
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        if !batch.changes().any(|change| self.in_memory.contains(&change.store())) {
            return self.disk.write(batch);
        }
        let (mut disk, mut memory) = (StoreBatch::default(), StoreBatch::default());
        for change in batch.changes() {
            let is_in_memory = self.in_memory.contains(&change.store());
            if is_in_memory {
                add(&mut memory, change);
            }
            // Of a store that was on disk before, rows may be left there.
            if !is_in_memory || matches!(change, StoreChange::Clear(_)) {
                add(&mut disk, change);
            }
        }
        // Nobody panics while holding the lock, so there is nothing in it that could be damaged.
        let _writing = self.writing.write().unwrap_or_else(PoisonError::into_inner);
        // Memory accepts everything, so if the disk does, all of it is written.
        self.disk.write(disk)?;
        self.memory.write(memory)
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        let (disk, memory) = (self.disk.reader()?, self.memory.reader()?);
        let (in_memory, writing) = (Arc::clone(&self.in_memory), Arc::clone(&self.writing));
        Ok(Arc::new(Reader { disk, memory, in_memory, writing }))
    }

    fn size(&self, store: StoreIndex) -> Result<StoreSize, StoreError> {
        self.of(store).size(store)
    }

    fn properties(&self, store: StoreIndex) -> Vec<StoreProperty> {
        self.of(store).properties(store)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.disk.flush()
    }
}

fn add(batch: &mut StoreBatch, change: StoreChange<'_>) {
    match change {
        StoreChange::Put(store, key, value) => batch.put(store, key, value),
        StoreChange::Delete(store, key) => batch.delete(store, key),
        StoreChange::DeleteRange(store, from, to) => batch.delete_range(store, from, to),
        StoreChange::Clear(store) => batch.clear(store),
    }
}

/// Reads both, as of the same commit.
struct Reader {
    disk: Arc<dyn StoreReader>,
    memory: Arc<dyn StoreReader>,
    in_memory: Arc<BTreeSet<StoreIndex>>,
    writing: Arc<RwLock<()>>,
}

impl StoreReader for Reader {
    fn look(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        let mut not_writing = Some(self.writing.read().unwrap_or_else(PoisonError::into_inner));
        self.disk.look(&mut |disk| {
            outcome = self.memory.look(&mut |memory| {
                // Both are seen as of now, so the next batch need not wait.
                not_writing.take();
                look(&Snapshot { disk, memory, in_memory: &self.in_memory });
            });
        })?;
        outcome
    }

    fn glance(&self, look: &mut dyn FnMut(&dyn StoreSnapshot)) -> Result<(), StoreError> {
        let mut outcome = Ok(());
        let _not_writing = self.writing.read().unwrap_or_else(PoisonError::into_inner);
        self.disk.glance(&mut |disk| {
            outcome = self.memory.glance(&mut |memory| look(&Snapshot { disk, memory, in_memory: &self.in_memory }));
        })?;
        outcome
    }
}

struct Snapshot<'a> {
    disk: &'a dyn StoreSnapshot,
    memory: &'a dyn StoreSnapshot,
    in_memory: &'a BTreeSet<StoreIndex>,
}

impl Snapshot<'_> {
    fn of(&self, store: StoreIndex) -> &dyn StoreSnapshot {
        if self.in_memory.contains(&store) { self.memory } else { self.disk }
    }
}

impl StoreSnapshot for Snapshot<'_> {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.of(store).get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.of(store).range(store, from, to)
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.of(store).range_reverse(store, from, to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A backend that keeps each task's first store in memory of its own.
    struct Mixed;

    impl StateBackend for Mixed {
        fn name(&self) -> &'static str {
            "mixed"
        }

        fn is_persistent(&self) -> bool {
            false
        }

        fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
            let disk = Memory.open(folder, stores)?;
            Ok(Box::new(PartlyInMemory::over(disk, stores.len(), BTreeSet::from([StoreIndex(1)]))?))
        }
    }

    crate::store_contract!(Mixed, tempfile::tempdir().expect("a temporary folder"));
}
