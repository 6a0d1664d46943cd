//! State folders whose files are damaged: they are moved aside and the state is built anew, if anything else has it.
//! `streams-rocksdb/tests/damaged.rs` does the same with RocksDB's files.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use streams_core::log::Embedded;
use streams_core::runtime::{App, Running};
use streams_core::state::{
    KeyValueStore, StateBackend, Store, StoreBatch, StoreError, StoreErrorKind, StoreIndex, StorePairs, StoreReader,
};
use streams_core::testing::KeptState;
use streams_core::topology::Topology;

use crate::world::{COUNTS, LINES, error_of, log_with_lines, message_of, send_lines, topology, word_count};

/// State whose folders have a file that says how it is: nothing, damaged as soon as it is opened, or once it is read.
#[derive(Clone, Default)]
struct Damageable(Arc<Mutex<BTreeMap<PathBuf, KeptState>>>);

const FILE: &str = "data";

impl StateBackend for Damageable {
    fn name(&self) -> &'static str {
        "damageable"
    }

    fn is_persistent(&self) -> bool {
        true
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        let file = folder.join(FILE);
        let mut kept = self.0.lock().unwrap();
        if !file.exists() {
            std::fs::write(&file, "sound").unwrap();
            kept.insert(folder.to_owned(), KeptState::default());
        }
        if std::fs::read_to_string(&file).unwrap() == "damaged" {
            return Err(damage(folder));
        }
        let inner = kept.get(folder).unwrap().open(folder, stores)?;
        Ok(Box::new(DamageableStore { inner, folder: folder.to_owned() }))
    }
}

fn damage(folder: &Path) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, format!("state in {}: a checksum is wrong", folder.display()))
}

struct DamageableStore {
    inner: Box<dyn Store>,
    folder: PathBuf,
}

impl Store for DamageableStore {
    fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let is_row = store != streams_core::state::META;
        match std::fs::read_to_string(self.folder.join(FILE)).unwrap().as_str() {
            "unreadable" if is_row => Err(damage(&self.folder)),
            _ => self.inner.get(store, key),
        }
    }

    fn range<'a>(
        &'a self,
        store: StoreIndex,
        from: std::ops::Bound<&[u8]>,
        to: std::ops::Bound<&[u8]>,
    ) -> StorePairs<'a> {
        self.inner.range(store, from, to)
    }

    fn range_reverse<'a>(
        &'a self,
        store: StoreIndex,
        from: std::ops::Bound<&[u8]>,
        to: std::ops::Bound<&[u8]>,
    ) -> StorePairs<'a> {
        self.inner.range_reverse(store, from, to)
    }

    fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        self.inner.write(batch)
    }

    fn reader(&self) -> Result<Arc<dyn StoreReader>, StoreError> {
        self.inner.reader()
    }

    fn flush(&mut self) -> Result<(), StoreError> {
        self.inner.flush()
    }
}

fn unlogged_count() -> Topology {
    topology(|builder| {
        let words = builder.stream(LINES).group_by(|_, word| word.clone()).named("by-word");
        words.count().stored_as(KeyValueStore::new("word-counts")).not_logged().to_stream().to(COUNTS);
    })
}

fn damaged_folders(root: &Path) -> usize {
    let names = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("1_0.corrupt-")).count()
}

fn last_counts(log: &Embedded) -> BTreeMap<String, i64> {
    log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).collect()
}

fn rebuilt(running: &Running) -> u64 {
    running.tasks().values().filter_map(|task| task.rebuilt.get("corrupt")).sum()
}

/// Regression: the application ended, and so did every start after that.
#[test]
fn damaged_state_is_moved_aside_and_built_anew_from_its_changelog() {
    for (how, exactly_once) in [("damaged", false), ("damaged", true), ("unreadable", false), ("unreadable", true)] {
        let (log, state, folder) =
            (log_with_lines(1, &["a", "b", "a"]), Damageable::default(), tempfile::tempdir().unwrap());
        let app = || {
            let app = App::new("words", word_count()).cache_bytes(0).state_in(state.clone()).state_dir(folder.path());
            if exactly_once { app.exactly_once() } else { app.at_least_once() }
        };
        assert_eq!(error_of(app(), &log), None);
        let root = folder.path().join("words");
        std::fs::write(root.join("1_0").join(FILE), how).unwrap();
        send_lines(&log, &["a", "b"]);
        let running = app().start(log.clone()).unwrap();
        let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
        while log.read(&COUNTS).unwrap().len() < 5 || rebuilt(&running) == 0 {
            assert!(std::time::Instant::now() < patience && running.error().is_none(), "{:?}", running.error());
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        assert_eq!((rebuilt(&running), damaged_folders(&root)), (1, 1), "{how}, {exactly_once}");
        running.close().unwrap();
        let counts: Vec<_> = log.read(&COUNTS).unwrap().into_iter().map(|record| record.value).collect();
        assert_eq!(counts, [1, 1, 2, 3, 2], "{how}, exactly once: {exactly_once}");
        assert_eq!(last_counts(&log), [("a".to_owned(), 3), ("b".to_owned(), 2)].into());
        assert_eq!(error_of(app(), &log), None, "what was built anew is sound");
    }
}

#[test]
fn damaged_state_that_nothing_else_has_is_an_error_and_stays_where_it_is() {
    let (log, state, folder) = (log_with_lines(1, &["a"]), Damageable::default(), tempfile::tempdir().unwrap());
    let app = || App::new("words", unlogged_count()).state_in(state.clone()).state_dir(folder.path());
    assert_eq!(error_of(app(), &log), None);
    let root = folder.path().join("words");
    std::fs::write(root.join("1_0").join(FILE), "damaged").unwrap();
    let message = message_of(app(), &log);
    for part in ["task 1_0", "a checksum is wrong", "word-counts", "without a changelog"] {
        assert!(message.contains(part), "{part}: {message}");
    }
    assert_eq!(damaged_folders(&root), 0);
}
