//! What runs in the world: each record has a unique id, and a key's row is the list of the ids seen, so that every
//! single record can be tracked and not just a count.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::dsl::StreamsBuilder;
use crate::log::{Embedded, LogError};
use crate::record::Timestamp;
use crate::runtime::worker::Worker;
use crate::state::timestamped::split_timestamped;
use crate::state::{KeyRange, KeyValueStore, StoreIndex, WindowStore, window_key};
use crate::topic::Topic;
use crate::topology::Topology;
use crate::windows::Tumbling;

/// Ids by number; the value is `word id`.
pub(super) const EVENTS: Topic<u32, String> = Topic::new("events");

/// A key's ids so far, separated by commas.
pub(super) const SEEN: Topic<String, String> = Topic::new("seen");

const KEYED: KeyValueStore<String, String> = KeyValueStore::new("ids");
const WINDOWED: WindowStore<String, String> = WindowStore::new("ids");

const WINDOW_MS: i64 = 10_000;

/// The index of the store in tasks that have one.
const ROWS: StoreIndex = StoreIndex(1);

/// What the application aggregates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Workload {
    /// Ids by word, through a repartition topic.
    Keyed,
    /// Ids by word and window of ten seconds, through a repartition topic. No record is late.
    Windowed,
}

/// One record of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) id: u32,
    pub(super) word: u8,
    pub(super) at: i64,
}

impl Event {
    pub(super) fn send(&self, log: &Embedded) -> Result<(), LogError> {
        log.send_at(&EVENTS, self.id, format!("w{} {}", self.word, self.id), Timestamp(self.at)).map(drop)
    }
}

impl Workload {
    pub(super) fn topology(self) -> Topology {
        let builder = StreamsBuilder::new();
        let words = builder.stream(EVENTS).group_by(|_, event| word_of(event).to_owned());
        let note = |ids: &mut String, event: String| {
            if !ids.is_empty() {
                ids.push(',');
            }
            ids.push_str(event.rsplit(' ').next().unwrap_or_default());
        };
        match self {
            Self::Keyed => {
                words.aggregate(String::new, note).stored_as(KEYED).to_stream().to(SEEN);
            }
            Self::Windowed => {
                let windows = Tumbling::of(Duration::from_millis(10_000)).grace(Duration::from_secs(3_600));
                let seen = words.windowed_by(windows).aggregate(String::new, note).stored_as(WINDOWED).to_stream();
                seen.map(|key, ids| (name(&key.key, key.window.start), ids)).to(SEEN);
            }
        }
        builder.build().expect("a topology")
    }

    /// The key of the row that must contain the event's id.
    pub(super) fn key_of(self, event: &Event) -> String {
        let word = format!("w{}", event.word);
        match self {
            Self::Keyed => word,
            Self::Windowed => name(&word, Timestamp(event.at / WINDOW_MS * WINDOW_MS)),
        }
    }

    /// The rows in the stores of the worker's tasks.
    pub(super) fn rows(self, worker: &Worker) -> BTreeMap<String, String> {
        let mut rows = BTreeMap::new();
        for task in worker.slots().running().filter(|task| !task.stores.is_empty()) {
            let mut take = |key: &[u8], row: &[u8]| {
                let (_, ids) = split_timestamped(row).expect("a row with its time");
                let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
                let key = match self {
                    Self::Keyed => text(key),
                    Self::Windowed => {
                        let (start, word) = window_key::split(key).expect("a window's key");
                        name(&text(word), start)
                    }
                };
                rows.insert(key, text(ids));
                true
            };
            task.state.borrow().scan(ROWS, KeyRange::ALL, &mut take).expect("readable");
        }
        rows
    }
}

fn word_of(event: &str) -> &str {
    event.split(' ').next().unwrap_or_default()
}

fn name(word: &str, start: Timestamp) -> String {
    format!("{word}@{}", start.0)
}
