//! State on a disk that is full for a while: its task pauses, the others go on, and nothing is lost or doubled.
//! `cargo xtask chaos --faults disk` does the same with RocksDB on a real disk.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use streams_core::log::{Doorbell, Embedded};
use streams_core::record::{Partition, TaskId};
use streams_core::runtime::{App, Running, TaskPhase};
use streams_core::state::{
    StateBackend, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex, StorePairs, StoreReader,
};
use streams_core::testing::KeptState;

use crate::world::{COUNTS, log_with_lines, send_lines, word_count};

/// The task whose disk is full.
const FULL: &str = "1_0";

const TASK: TaskId = TaskId { subtopology: 1, partition: Partition(0) };

/// More than any partitioner sends to one of two partitions.
const WORDS: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

/// State of which one task's is on another disk, and what happens there.
#[derive(Clone, Default)]
struct TwoDisks {
    kept: KeptState,
    disk: Arc<Disk>,
}

#[derive(Default)]
struct Disk {
    is_full: AtomicBool,
    /// Whether a store cannot even be opened then.
    cannot_open: bool,
    refused: AtomicU64,
}

impl Disk {
    fn has_space(&self) -> Result<(), StoreError> {
        if !self.is_full.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.refused.fetch_add(1, Ordering::SeqCst);
        Err(StoreError::new(StoreErrorKind::Full, "state in /data/1_0: no space left; free some space on this disk"))
    }
}

impl StateBackend for TwoDisks {
    fn name(&self) -> &'static str {
        self.kept.name()
    }

    fn is_persistent(&self) -> bool {
        self.kept.is_persistent()
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        let is_meant = folder.ends_with(FULL);
        if is_meant && self.disk.cannot_open {
            self.disk.has_space()?;
        }
        let inner = self.kept.open(folder, stores)?;
        Ok(if is_meant { Box::new(OnDisk { inner, disk: Arc::clone(&self.disk) }) } else { inner })
    }
}

struct OnDisk {
    inner: Box<dyn Store>,
    disk: Arc<Disk>,
}

impl Store for OnDisk {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(store, key)
    }

    fn range<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.inner.range(store, from, to)
    }

    fn range_reverse<'a>(&'a self, store: StoreIndex, from: Bound<&[u8]>, to: Bound<&[u8]>) -> StorePairs<'a> {
        self.inner.range_reverse(store, from, to)
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        self.disk.has_space()?;
        self.inner.write(batch)
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        self.inner.reader()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.disk.has_space()?;
        self.inner.flush()
    }
}

/// All counts of each word, in the order in which they were sent.
fn counts(log: &Embedded) -> BTreeMap<String, Vec<i64>> {
    let mut counts = BTreeMap::<_, Vec<i64>>::new();
    for record in log.read(&COUNTS).unwrap() {
        counts.entry(record.key).or_default().push(record.value);
    }
    counts
}

fn until(running: &Running, what: &str, is_so: impl Fn() -> bool) {
    let (bell, since) = (Doorbell::new(), Instant::now());
    while !is_so() {
        assert_eq!(running.error(), None, "until {what}");
        assert!(since.elapsed() < Duration::from_secs(120), "until {what}: {:?}", running.tasks());
        bell.wait(Duration::from_millis(5));
    }
}

fn phase(running: &Running) -> Option<TaskPhase> {
    running.tasks().get(&TASK).map(|task| task.phase)
}

/// How many words have been counted that often, or more.
fn words_at(log: &Embedded, wanted: i64) -> usize {
    counts(log).values().filter(|counts| counts.last().is_some_and(|last| *last >= wanted)).count()
}

/// Regression: the application ended.
#[test]
fn a_task_whose_disk_is_full_pauses_until_there_is_space_and_the_others_go_on() {
    for (exactly_once, cannot_open) in [(true, false), (true, true), (false, false), (false, true)] {
        let case = format!("exactly once: {exactly_once}, cannot be opened: {cannot_open}");
        let state = TwoDisks { disk: Arc::new(Disk { cannot_open, ..Disk::default() }), ..TwoDisks::default() };
        let log = log_with_lines(2, &WORDS);
        log.create_topic(COUNTS.name(), 2).unwrap();
        let folder = tempfile::tempdir().unwrap();
        // Each record's effect is one output, so that a doubled one is seen; commits are as frequent as under
        // exactly-once.
        let app = App::new("words", word_count()).cache_bytes(0).commit_interval(Duration::from_millis(20)).quiet();
        let app = app.state_in(state.clone()).state_dir(folder.path());
        let app = if exactly_once { app.exactly_once() } else { app.at_least_once() };
        let running = app.start(log.clone()).unwrap();
        until(&running, "all words are counted", || words_at(&log, 1) == WORDS.len());

        state.disk.is_full.store(true, Ordering::SeqCst);
        send_lines(&log, &WORDS);
        until(&running, "the task waits", || phase(&running) == Some(TaskPhase::WaitingForSpace));
        let refused = state.disk.refused.load(Ordering::SeqCst);
        send_lines(&log, &WORDS);
        until(&running, "it was tried again", || state.disk.refused.load(Ordering::SeqCst) > refused);
        until(&running, "the others go on", || words_at(&log, 3) > 0);
        assert!(words_at(&log, 3) < WORDS.len(), "{case}: {:?}", counts(&log));

        state.disk.is_full.store(false, Ordering::SeqCst);
        until(&running, "all words are counted again", || words_at(&log, 3) == WORDS.len());
        until(&running, "the task runs", || phase(&running) == Some(TaskPhase::Running));
        running.close().unwrap();
        // At least once, what was not committed is counted again.
        let counted = counts(&log);
        assert!(!exactly_once || counted.values().all(|counts| counts == &[1, 2, 3]), "{case}: {counted:?}");
    }
}

/// A stop must not take as long as a disk may be full.
#[test]
fn an_application_that_stops_while_a_disk_is_full_does_not_wait_for_space() {
    let state = TwoDisks::default();
    state.disk.is_full.store(true, Ordering::SeqCst);
    let log = log_with_lines(2, &WORDS);
    let folder = tempfile::tempdir().unwrap();
    let app = || App::new("words", word_count()).quiet().state_in(state.clone()).state_dir(folder.path());
    let running = app().start(log.clone()).unwrap();
    until(&running, "the task waits", || phase(&running) == Some(TaskPhase::WaitingForSpace));
    running.close().unwrap();
    state.disk.is_full.store(false, Ordering::SeqCst);
    app().run_until_idle(log.clone()).unwrap();
    assert_eq!(words_at(&log, 1), WORDS.len());
}

/// A pause is no end.
#[test]
fn a_batch_job_is_done_only_when_there_was_space() {
    let state = TwoDisks::default();
    let log = log_with_lines(2, &WORDS);
    let folder = tempfile::tempdir().unwrap();
    let app = App::new("words", word_count()).at_least_once().quiet().state_in(state.clone()).state_dir(folder.path());
    state.disk.is_full.store(true, Ordering::SeqCst);
    let disk = Arc::clone(&state.disk);
    let freed = std::thread::spawn(move || {
        while disk.refused.load(Ordering::SeqCst) < 3 {
            Doorbell::new().wait(Duration::from_millis(5));
        }
        disk.is_full.store(false, Ordering::SeqCst);
    });
    app.run_until_idle(log.clone()).unwrap();
    freed.join().unwrap();
    assert_eq!(words_at(&log, 1), WORDS.len());
}
