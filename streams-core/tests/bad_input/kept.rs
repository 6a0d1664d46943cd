//! State that outlives an application without a disk, so that a test can look into it and spoil it between runs.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::{Arc, Mutex};

use streams_core::state::{META, Memory, StateBackend, Store, StoreBatch, StoreError, StoreIndex, StorePairs};

type Shared = Arc<Mutex<Box<dyn Store>>>;

/// A persistent backend: what was written in a folder is there when the folder is opened again.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<Mutex<BTreeMap<String, Shared>>>);

impl Kept {
    /// Writes into the store of the task whose folder has that name, behind the application's back.
    pub(crate) fn spoil(&self, task: &str, store: StoreIndex, key: &[u8], value: &[u8]) {
        let mut batch = StoreBatch::default();
        batch.put(store, key, value);
        self.of(task).lock().unwrap().write(batch).unwrap();
    }

    /// A note beside a task's stores.
    pub(crate) fn note(&self, task: &str, key: &str) -> Option<Vec<u8>> {
        self.of(task).lock().unwrap().get(META, key.as_bytes()).unwrap()
    }

    /// How many rows a task's store holds.
    pub(crate) fn rows(&self, task: &str, store: StoreIndex) -> usize {
        self.of(task).lock().unwrap().range(store, Bound::Unbounded, Bound::Unbounded).count()
    }

    fn of(&self, task: &str) -> Shared {
        let folders = self.0.lock().unwrap();
        let found = folders.get(task).unwrap_or_else(|| panic!("no {task} in {:?}", folders.keys()));
        Arc::clone(found)
    }
}

impl StateBackend for Kept {
    fn name(&self) -> &'static str {
        "kept"
    }

    fn is_persistent(&self) -> bool {
        true
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        let task = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut folders = self.0.lock().unwrap();
        let store = match folders.get(&task) {
            Some(store) => Arc::clone(store),
            None => {
                let store = Arc::new(Mutex::new(Memory.open(folder, stores)?));
                folders.insert(task, Arc::clone(&store));
                store
            }
        };
        Ok(Box::new(KeptStore(store)))
    }
}

struct KeptStore(Shared);

impl Store for KeptStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.lock().unwrap().get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        let pairs: Vec<_> = self.0.lock().unwrap().range(store, from, to).collect();
        Box::new(pairs.into_iter())
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        let pairs: Vec<_> = self.0.lock().unwrap().range_reverse(store, from, to).collect();
        Box::new(pairs.into_iter())
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        self.0.lock().unwrap().write(batch)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.0.lock().unwrap().flush()
    }
}
