//! What runs in the world: each record has a unique id, and a key's row is the list of the ids seen, so that every
//! single record can be tracked and not just a count. Some records are flawed, and become dead letters.

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
use crate::windows::{Tumbling, Window};

/// Ids by number; the value is `word id`, or `word id flaw`.
pub(super) const EVENTS: Topic<u32, String> = Topic::new("events");

/// The same, as bytes.
const RAW_EVENTS: Topic<u32, Vec<u8>> = Topic::new("events");

/// Records that were left out.
pub(super) const DEAD: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("dead");

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
    pub(super) flaw: Option<Flaw>,
}

/// Why a record is left out, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flaw {
    /// Its value is no text.
    Unreadable,
    /// It is refused before the repartition topic.
    RefusedFirst,
    /// It is refused behind the repartition topic.
    RefusedThen,
    /// The aggregation panics with it.
    Panic,
    /// It is refused after it was aggregated, which must be undone. Under at-least-once that stays.
    RefusedLate,
}

impl Flaw {
    pub(super) const ALL: [Self; 5] =
        [Self::Unreadable, Self::RefusedFirst, Self::RefusedThen, Self::Panic, Self::RefusedLate];

    /// Whether something that was sent already may be sent again because of it, under at-least-once.
    pub(super) fn repeats_work(self) -> bool {
        self == Self::Panic
    }

    fn of(event: &str) -> Option<Self> {
        let name = event.split(' ').nth(2)?;
        Self::ALL.into_iter().find(|flaw| format!("{flaw:?}") == name)
    }

    /// Refuses what has this flaw.
    fn refuse(self, event: String) -> Result<String, String> {
        if Self::of(&event) == Some(self) { Err(format!("{self:?}")) } else { Ok(event) }
    }
}

impl Event {
    pub(super) fn send(&self, log: &Embedded) -> Result<(), LogError> {
        let mut value = format!("w{} {}", self.word, self.id).into_bytes();
        if let Some(flaw) = self.flaw {
            value.extend(format!(" {flaw:?}").bytes());
            value.extend((flaw == Flaw::Unreadable).then_some(0xff));
        }
        log.send_at(&RAW_EVENTS, self.id, value, Timestamp(self.at)).map(drop)
    }
}

/// The id of the record that a dead letter is.
pub(super) fn id_of(dead: Option<&[u8]>) -> Option<u32> {
    let text = String::from_utf8_lossy(dead?);
    text.split(' ').nth(1)?.parse().ok()
}

impl Workload {
    pub(super) fn topology(self) -> Topology {
        let builder = StreamsBuilder::new();
        let first = builder.stream(EVENTS).try_map_values(|event| Flaw::RefusedFirst.refuse(event));
        let spread = first.select_key(|_, event| word_of(event).to_owned()).repartition().named("words");
        let spread = spread.try_map_values(|event| Flaw::RefusedThen.refuse(event));
        let words = spread.group_by_key();
        let note = |ids: &mut String, event: String| {
            assert_ne!(Flaw::of(&event), Some(Flaw::Panic), "this is a test");
            if !ids.is_empty() {
                ids.push(',');
            }
            ids.push_str(event.split(' ').nth(1).unwrap_or_default());
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
        spread.try_for_each(|_, event| Flaw::RefusedLate.refuse(event.clone()).map(drop));
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

    /// The name of a row, by its key and window.
    pub(super) fn name_of(self, key: &[u8], window: Option<Window>) -> String {
        let word = String::from_utf8(key.to_vec()).expect("text");
        window.map_or_else(|| word.clone(), |window| name(&word, window.start))
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
