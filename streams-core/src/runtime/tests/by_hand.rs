//! Instances whose control and worker are stepped one by one, to bring about what threads do by chance.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::clock::ManualClock;
use crate::log::{Embedded, Log};
use crate::record::Timestamp;
use crate::runtime::control::{Control, Status, Step};
use crate::runtime::worker::{Turn, Worker};
use crate::runtime::{App, AppError, AppState};
use crate::state::{Memory, StateBackend, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex, StorePairs};

/// One instance with one worker.
pub(super) struct Instance {
    pub(super) control: Control,
    pub(super) worker: Option<Worker>,
    pub(super) status: Arc<Status>,
}

/// A log whose clock stands still unless it is told to go on.
pub(super) fn log() -> (Embedded, ManualClock) {
    let clock = ManualClock::at(Timestamp(0));
    (Embedded::with_clock(Arc::new(clock.clone())), clock)
}

impl Instance {
    pub(super) fn start(app: App, log: impl Log, clock: &ManualClock) -> Self {
        let (parts, _) = app.clock(Arc::new(clock.clone())).into_parts(Arc::new(log)).expect("settings that fit");
        let status = Status::new();
        let control = Control::new(parts, Arc::clone(&status)).expect("a control");
        Self { control, worker: None, status }
    }

    pub(super) fn state(&self) -> AppState {
        *self.status.state.borrow()
    }

    pub(super) fn error(&self) -> Option<AppError> {
        self.status.error()
    }

    /// Lets the control do one piece of work.
    pub(super) fn step_control(&mut self) {
        if let Step::Spawn(seeds) = self.control.step() {
            let seed = seeds.into_iter().next().expect("one worker");
            self.worker = Some(Worker::new(seed).expect("a worker"));
        }
    }

    /// Lets the worker do one piece of work.
    pub(super) fn step_worker(&mut self) -> Turn {
        self.worker.as_mut().map_or(Turn::Idle(Duration::ZERO), Worker::run_once)
    }

    /// Both in turn, until `done`.
    pub(super) fn step_until(&mut self, done: impl Fn(&Self) -> bool) {
        for _ in 0..100_000 {
            if done(self) {
                return;
            }
            self.step_control();
            self.step_worker();
        }
        panic!("it does not get there: {:?}, {:?}", self.state(), self.error());
    }

    /// Both in turn, often enough for everything there is to do.
    pub(super) fn settle(&mut self) {
        for _ in 0..200 {
            self.step_control();
            self.step_worker();
        }
    }

    /// How many tasks process records.
    pub(super) fn running_tasks(&self) -> usize {
        self.worker.as_ref().map_or(0, |worker| worker.tasks().len())
    }
}

/// State that survives an instance without a disk, and can be made to refuse what is written.
#[derive(Clone, Default)]
pub(super) struct Kept(Arc<Mutex<Folders>>);

#[derive(Default)]
struct Folders {
    stores: std::collections::BTreeMap<String, Arc<Mutex<Box<dyn Store>>>>,
    refusing: Option<String>,
    has_refused: bool,
}

impl Kept {
    /// Lets the store in the folder of that name refuse rows from now on; with `None`, nothing is refused.
    pub(super) fn refuse_rows(&self, folder: Option<&str>) {
        let mut folders = self.0.lock().expect("lock");
        folders.refusing = folder.map(str::to_owned);
        folders.has_refused = false;
    }

    /// Whether something was refused.
    pub(super) fn has_refused(&self) -> bool {
        self.0.lock().expect("lock").has_refused
    }

    /// What is in a store.
    pub(super) fn get(&self, folder: &str, store: StoreIndex, key: &[u8]) -> Option<Vec<u8>> {
        let store_of = Arc::clone(self.0.lock().expect("lock").stores.get(folder).expect("a folder"));
        let found = store_of.lock().expect("lock").get(store, key);
        found.expect("readable")
    }

    /// How many rows a store has.
    pub(super) fn rows(&self, folder: &str, store: StoreIndex) -> usize {
        use std::ops::Bound::Unbounded;
        let store_of = Arc::clone(self.0.lock().expect("lock").stores.get(folder).expect("a folder"));
        let store_of = store_of.lock().expect("lock");
        store_of.range(store, Unbounded, Unbounded).count()
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
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut folders = self.0.lock().expect("lock");
        let store = match folders.stores.get(&name) {
            Some(store) => Arc::clone(store),
            None => Arc::new(Mutex::new(Memory.open(folder, stores)?)),
        };
        folders.stores.insert(name.clone(), Arc::clone(&store));
        Ok(Box::new(KeptStore { name, store, folders: self.clone() }))
    }
}

struct KeptStore {
    name: String,
    store: Arc<Mutex<Box<dyn Store>>>,
    folders: Kept,
}

type Bound<'a> = std::ops::Bound<&'a [u8]>;

impl Store for KeptStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.store.lock().expect("lock").get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<'_>, to: Bound<'_>) -> StorePairs<'a> {
        let pairs: Vec<_> = self.store.lock().expect("lock").range(store, from, to).collect();
        Box::new(pairs.into_iter())
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<'_>, to: Bound<'_>) -> StorePairs<'a> {
        let pairs: Vec<_> = self.store.lock().expect("lock").range_reverse(store, from, to).collect();
        Box::new(pairs.into_iter())
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        let mut folders = self.folders.0.lock().expect("lock");
        // What is noted at the opening is no row.
        if folders.refusing.as_deref() == Some(&self.name) && batch.len() > 4 {
            folders.has_refused = true;
            return Err(StoreError::new(StoreErrorKind::Other, "the disk is full"));
        }
        self.store.lock().expect("lock").write(batch)
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.store.lock().expect("lock").flush()
    }
}
