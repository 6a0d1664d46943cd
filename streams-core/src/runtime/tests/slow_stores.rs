//! Tests of stores that take a while to open.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex};

use super::by_hand::{Instance, log};
use super::{LINES, word_count};
use crate::runtime::{App, AppState, TaskPhase};
use crate::state::{Memory, Opened, OpeningStore, StateBackend, Store, StoreError};

/// A backend that opens stores when told to.
#[derive(Clone, Default)]
struct Slow(Arc<Mutex<VecDeque<Request>>>);

type Request = (PathBuf, Vec<String>, Sender<Opened>);

impl Slow {
    /// Opens the first requested store in that task's folder. Returns whether anybody still wants it.
    fn open_next(&self, task: &str) -> bool {
        let mut requests = self.0.lock().expect("no panic");
        let place = requests.iter().position(|(folder, ..)| folder.ends_with(task)).expect("it was asked for");
        let (folder, stores, answer) = requests.remove(place).expect("it is there");
        answer.send(Memory.open(&folder, &stores)).is_ok()
    }

    fn asked(&self) -> usize {
        self.0.lock().expect("no panic").len()
    }
}

impl StateBackend for Slow {
    fn name(&self) -> &'static str {
        "slow"
    }

    fn is_persistent(&self) -> bool {
        true
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        Memory.open(folder, stores)
    }

    fn begin_to_open(&self, folder: &Path, stores: &[String]) -> OpeningStore {
        let (answer, opening) = OpeningStore::later();
        self.0.lock().expect("no panic").push_back((folder.to_owned(), stores.to_vec(), answer));
        opening
    }
}

/// Regression: a long write-ahead log was replayed on the worker's thread, and its other tasks stood still.
#[test]
fn a_store_that_takes_long_to_open_holds_nobody_up() {
    let (log, clock) = log();
    log.create_topic("lines", 1).expect("a topic");
    let (folder, slow) = (tempfile::tempdir().expect("a folder"), Slow::default());
    let app = App::new("slow", word_count()).state_in(slow.clone()).state_dir(folder.path());
    let mut instance = Instance::start(app, log.clone(), &clock);
    instance.step_until(|_| slow.asked() == 2);
    assert!(slow.open_next("0_0"));
    log.send(&LINES, (), "to").expect("sent");
    instance.settle();
    instance.worker.as_mut().expect("a worker").publish_now();
    let tasks: Vec<_> =
        instance.status.metrics.snapshot().into_values().map(|task| (task.phase, task.processed)).collect();
    assert_eq!(tasks, [(TaskPhase::Running, 1), (TaskPhase::Opening, 0)]);
    assert!(slow.open_next("1_0"));
    instance.step_until(|instance| instance.state() == AppState::Running);
}

/// The task's next owner must not find a store that is still opening.
#[test]
fn a_folder_is_free_when_nobody_opens_its_store_any_more() {
    let (log, clock) = log();
    log.create_topic("lines", 1).expect("a topic");
    let (folder, slow) = (tempfile::tempdir().expect("a folder"), Slow::default());
    let app = App::new("given-up", word_count()).state_in(slow.clone()).state_dir(folder.path());
    let mut instance = Instance::start(app, log, &clock);
    instance.step_until(|_| slow.asked() == 2);
    // The tasks are lost for long enough that others may have had them, then they come back.
    clock.advance(std::time::Duration::from_secs(60));
    instance.settle();
    assert_eq!(slow.asked(), 2, "their folders are not free yet");
    for task in ["0_0", "1_0"] {
        assert!(slow.open_next(task), "the store is taken, and closed");
    }
    instance.step_until(|_| slow.asked() == 2);
    for task in ["0_0", "1_0"] {
        assert!(slow.open_next(task));
    }
    instance.step_until(|instance| instance.state() == AppState::Running);
}
