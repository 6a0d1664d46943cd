//! The application that most tests run, and helpers to inspect the log.

use std::path::Path;

use streams_core::dsl::StreamsBuilder;
use streams_core::log::{Admin, Doorbell, Embedded, Log, NewTopic};
use streams_core::record::{Offset, TopicPartition};
use streams_core::runtime::{App, AppError};
use streams_core::state::{KeyValueStore, StateBackend, Store, StoreBatch, StoreError, StoreIndex};
use streams_core::testing::KeptState;
use streams_core::topic::Topic;
use streams_core::topology::Topology;

pub(crate) const LINES: Topic<String, String> = Topic::new("lines");
pub(crate) const COUNTS: Topic<String, i64> = Topic::new("counts");
pub(crate) const STORE: KeyValueStore<String, i64> = KeyValueStore::new("word-counts");

/// Tasks `0_n` read `lines` and write `ID-by-word-repartition`; tasks `1_n` count what comes from there in
/// `word-counts`, whose changelog is `ID-word-counts-changelog`.
pub(crate) fn word_count() -> Topology {
    topology(|builder| {
        let words = builder.stream(LINES).group_by(|_, word| word.clone()).named("by-word");
        words.count().stored_as(STORE).to_stream().to(COUNTS);
    })
}

/// The topology that `write` builds.
pub(crate) fn topology(write: impl FnOnce(&StreamsBuilder)) -> Topology {
    let builder = StreamsBuilder::new();
    write(&builder);
    builder.build().unwrap()
}

/// A log whose topic `lines` has that many partitions and contains these words.
pub(crate) fn log_with_lines(partitions: u32, words: &[&str]) -> Embedded {
    let log = Embedded::in_memory();
    log.create_topic(LINES.name(), partitions).unwrap();
    send_lines(&log, words);
    log
}

pub(crate) fn send_lines(log: &Embedded, words: &[&str]) {
    for word in words {
        log.send(&LINES, *word, *word).unwrap();
    }
}

/// The error that ends an application that must process everything; `None` if it succeeds.
pub(crate) fn error_of(app: App, log: &Embedded) -> Option<AppError> {
    app.run_until_idle(log.clone()).err()
}

/// The same error as text; fails the test if there is none.
pub(crate) fn message_of(app: App, log: &Embedded) -> String {
    error_of(app, log).unwrap_or_else(|| panic!("the application should have failed")).to_string()
}

pub(crate) fn admin(log: &Embedded) -> std::sync::Arc<dyn Admin> {
    log.admin(Doorbell::new()).unwrap()
}

pub(crate) fn delete_topic(log: &Embedded, name: &str) {
    let answers = admin(log).delete_topics(vec![name.to_owned()]).wait().unwrap().unwrap();
    assert_eq!(answers, [Ok(())], "{name}");
}

pub(crate) fn create_topic_with(log: &Embedded, name: &str, partitions: u32, settings: &[(&str, &str)]) {
    let configs = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let topic = NewTopic { name: name.to_owned(), partitions, replication: None, configs };
    assert_eq!(admin(log).create_topics(vec![topic]).wait().unwrap().unwrap(), [Ok(())], "{name}");
}

/// Kept state with the contents of a state folder on a disk: a lock, metadata and a folder for each task.
#[derive(Clone)]
pub(crate) struct InFolders(pub(crate) KeptState);

impl StateBackend for InFolders {
    fn name(&self) -> &'static str {
        self.0.name()
    }

    fn is_persistent(&self) -> bool {
        self.0.is_persistent()
    }

    fn open(&self, folder: &Path, stores: &[String]) -> Result<Box<dyn Store>, StoreError> {
        assert!(folder.is_dir(), "{} was not created", folder.display());
        self.0.open(folder, stores)
    }
}

/// Writes to the store of the task with that folder name, behind the application's back.
pub(crate) fn spoil(state: &KeptState, folder: &str, store: StoreIndex, key: &[u8], value: &[u8]) {
    let mut batch = StoreBatch::default();
    batch.put(store, key, value);
    state.write(folder, batch).unwrap();
}

/// The names of all topics in the log.
pub(crate) fn topics(log: &Embedded) -> Vec<String> {
    admin(log).topics(None).wait().unwrap().unwrap().into_iter().map(|topic| topic.name).collect()
}

/// The committed position of a group in partition 0 of a topic.
pub(crate) fn committed(log: &Embedded, group: &str, topic: &str) -> Option<i64> {
    let partition = TopicPartition::new(topic, 0);
    let committed = admin(log).committed(group, vec![partition]).wait().unwrap().unwrap();
    committed.into_iter().next().flatten().map(|committed| committed.offset.0)
}

/// Deletes the records of partition 0 before an offset.
pub(crate) fn delete_before(log: &Embedded, topic: &str, offset: i64) {
    admin(log).delete_records(vec![(TopicPartition::new(topic, 0), Offset(offset))]).wait().unwrap().unwrap();
}
