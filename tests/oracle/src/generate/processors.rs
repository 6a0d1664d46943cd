//! Processors and their stores.

use super::Arms;
use super::draft::{Draft, ReadAs, Sort};
use super::sources::some_stream;
use super::vocabulary::{key_map, predicate, value_map};
use crate::behaviour::{Behaviour, Clock, Read};
use crate::case::StoreType;
use crate::functions::ValueMap;
use crate::step::{Step, StepId, StoreKind, Windows};

/// All of them.
pub(super) const ARMS: Arms = &[
    (10, plain),
    (3, tick),
    (3, hold),
    (4, key_value),
    (3, timestamped),
    (1, table_row),
    (3, global_store),
    (3, window),
    (2, session),
    (2, versioned),
    (1, version_of_table),
    (2, row_of_window),
    (1, shelf),
    (1, shared),
    (1, to_child),
];

/// A processor after a stream; `store` is what it uses.
fn process(draft: &mut Draft, does: Behaviour, store: Option<String>, may_keep_key: bool) -> StepId {
    let input = some_stream(draft);
    process_of(draft, input, does, store, may_keep_key)
}

fn process_of(draft: &mut Draft, input: StepId, does: Behaviour, store: Option<String>, may_keep_key: bool) -> StepId {
    let stores = store.map(|store| vec![store]);
    let name = draft.name();
    let step = if may_keep_key && draft.random.percent(50) {
        Step::ProcessValues { input, does, stores, name }
    } else {
        Step::Process { input, does, stores, name }
    };
    draft.add(step, Sort::Stream, &[input])
}

fn plain(draft: &mut Draft) -> Option<()> {
    let input = some_stream(draft);
    let has_ticks = draft.has_ticks(input);
    let random = &mut draft.random;
    let mut keeps_key = true;
    let header = random.one_of("h", &["g"]).to_owned();
    let does = match random.between(0, 12) {
        0 => Behaviour::Same {},
        1 => Behaviour::Twice {},
        2 | 12 => Behaviour::Only { r#where: predicate(random) },
        3 => {
            keeps_key = false;
            Behaviour::Rekey { key: key_map(random) }
        }
        4 => Behaviour::Value { value: value_map(random) },
        5 if !has_ticks => Behaviour::Shift { by: random.one_of(0, &[1, 10, 1_000]) },
        6 => Behaviour::Clock {},
        7 => Behaviour::Commit {},
        8 => Behaviour::Farewell {},
        9 => Behaviour::AddHeader { name: header, text: random.one_of("x", &["", "yy"]).to_owned() },
        10 => Behaviour::DropHeader { name: header },
        _ => Behaviour::ReadHeader { name: header },
    };
    process_of(draft, input, does, None, keeps_key);
    Some(())
}

fn every(draft: &mut Draft) -> u64 {
    let every = draft.random.one_of(10, &[1, 7, 100, 1_000]);
    draft.remember([every]);
    every
}

fn start(draft: &mut Draft) -> Option<i64> {
    draft.random.percent(60).then(|| i64::try_from(draft.random.between(0, 2_000)).unwrap_or(0))
}

fn tick(draft: &mut Draft) -> Option<()> {
    let (every, start) = (every(draft), start(draft));
    let random = &mut draft.random;
    let clock = random.percent(40).then_some(Clock::Wall);
    let times = random.percent(40).then(|| random.between(1, 4));
    let late = random.percent(40).then_some(true);
    process(draft, Behaviour::Tick { every, clock, start, times, late }, None, false);
    Some(())
}

/// Adds a processors' store.
fn store(draft: &mut Draft, kind: StoreKind) -> String {
    let name = draft.store_name();
    let (mut size, mut retention, mut duplicates) = (None, None, None);
    let keeps = [60_000, 100_000, 120_000, 240_001, 600_000];
    if matches!(kind, StoreKind::Window | StoreKind::TimestampedWindow) {
        let kept = draft.random.one_of(keeps[0], &keeps);
        (size, retention) = (Some(draft.random.one_of(1, &[10, 1_000])), Some(kept));
        duplicates = draft.random.percent(30).then_some(true);
        draft.remember([kept, kept / 2]);
    }
    if kind == StoreKind::Session {
        let kept = draft.random.one_of(keeps[0], &keeps);
        retention = Some(kept);
        draft.remember([kept]);
    }
    if kind == StoreKind::Versioned {
        let kept = draft.random.one_of(10, HISTORIES);
        retention = Some(kept);
        draft.remember([kept, kept + 1]);
    }
    let logging = draft.random.percent(10).then_some(false);
    let many = matches!(kind, StoreKind::Window | StoreKind::TimestampedWindow | StoreKind::Session);
    let in_memory = draft.random.percent(20).then_some(StoreType::Memory);
    let r#type = if many { Some(StoreType::Rocksdb) } else { in_memory.filter(|_| kind != StoreKind::Versioned) };
    // What is over is found in Java's caches, so only rows that are kept for good are in one.
    let may_be_cached = matches!(kind, StoreKind::KeyValue | StoreKind::Timestamped);
    let caching = (may_be_cached && draft.random.percent(50)).then_some(true);
    let step = Step::Store { kind, name: name.clone(), logging, caching, size, retention, duplicates, r#type };
    draft.add(step, Sort::Nothing, &[]);
    name
}

fn hold(draft: &mut Draft) -> Option<()> {
    let (every, start) = (every(draft), start(draft));
    let store = store(draft, StoreKind::KeyValue);
    let does = if draft.random.percent(45) {
        Behaviour::Hold { store: None, every, start }
    } else {
        Behaviour::HoldWall { store: None, every, start }
    };
    process(draft, does, Some(store), false);
    Some(())
}

fn text(draft: &mut Draft, of: &[&str]) -> Option<String> {
    draft.random.percent(70).then(|| draft.random.pick(of).map(|text| (*text).to_owned())).flatten()
}

const BOUNDS: &[&str] = &["", "a", "k", "k1", "k10", "k2", "z"];

/// Something to do with a store of values.
pub(super) fn with_key_value(draft: &mut Draft) -> Behaviour {
    let store = None;
    match draft.random.between(0, 13) {
        0..=1 => Behaviour::Tally { store },
        2..=3 => Behaviour::KvPutIfAbsent { store },
        4..=5 => Behaviour::KvDelete { store, r#where: predicate(&mut draft.random) },
        6..=7 => Behaviour::KvLookup { store },
        8..=9 => Behaviour::Keep { store },
        _ => {
            let read =
                draft.random.one_of(Read::All, &[Read::ReverseAll, Read::Range, Read::ReverseRange, Read::Prefix]);
            let (mut from, mut to, mut prefix) = (None, None, None);
            if matches!(read, Read::Range | Read::ReverseRange) {
                (from, to) = (text(draft, BOUNDS), text(draft, BOUNDS));
            }
            if read == Read::Prefix {
                prefix = Some(draft.random.one_of("k", &["k1", "a"]).to_owned());
            }
            let read = Some(read);
            Behaviour::KvPut { store, read, from, to, prefix }
        }
    }
}

/// As [`with_key_value`], with that store. Backwards, Java's caches find rows that are deleted (DIFFERENCES.md).
fn with_key_value_in(draft: &mut Draft, store: &str) -> Behaviour {
    let mut does = with_key_value(draft);
    let is_cached =
        |step: &Step| matches!(step, Step::Store { name, caching: Some(true), .. } if name.as_str() == store);
    if let Behaviour::KvPut { read: Some(read), .. } = &mut does
        && draft.steps.iter().any(is_cached)
    {
        *read = match *read {
            Read::ReverseAll => Read::All,
            Read::ReverseRange => Read::Range,
            forward => forward,
        };
    }
    does
}

fn key_value(draft: &mut Draft) -> Option<()> {
    let store = store(draft, StoreKind::KeyValue);
    let does = with_key_value_in(draft, &store);
    process(draft, does, Some(store), true);
    Some(())
}

/// Counts in a store of its own kind.
fn shelf(draft: &mut Draft) -> Option<()> {
    let name = draft.store_name();
    let (kind, logging) = (StoreKind::Shelf, Some(false));
    let (caching, size, retention, duplicates, r#type) = (None, None, None, None, None);
    let step = Step::Store { kind, name: name.clone(), logging, caching, size, retention, duplicates, r#type };
    draft.add(step, Sort::Nothing, &[]);
    process(draft, Behaviour::Shelve { store: None }, Some(name), true);
    Some(())
}

/// Two processors with one store.
fn shared(draft: &mut Draft) -> Option<()> {
    let store = store(draft, StoreKind::KeyValue);
    let does = with_key_value_in(draft, &store);
    let first = process(draft, does, Some(store.clone()), true);
    let does = with_key_value_in(draft, &store);
    process_of(draft, first, does, Some(store), true);
    Some(())
}

fn timestamped(draft: &mut Draft) -> Option<()> {
    let store = store(draft, StoreKind::Timestamped);
    let does = match draft.random.between(0, 5) {
        0..=1 => Behaviour::TsKeep { store: None },
        2..=3 => Behaviour::TsLookup { store: None },
        _ => Behaviour::TsPut { store: None },
    };
    process(draft, does, Some(store), true);
    Some(())
}

/// Fills a global store, and looks at it.
fn global_store(draft: &mut Draft) -> Option<()> {
    let (topic, name, source) = (draft.unread_topic(), draft.store_name(), draft.name());
    let store = Some(name.clone());
    let kept = draft.random.one_of(60_000, &[100_000, 240_001]);
    let period = draft.random.one_of(10_i64, &[0, 1_000, 60_000]);
    let (mut size, mut retention, mut r#type) = (None, None, None);
    let (kind, does, looks) = match draft.random.between(0, 7) {
        0 => {
            (size, retention, r#type) = (Some(10), Some(kept), Some(StoreType::Rocksdb));
            let read = draft.random.one_of(Read::Point, &[Read::Fetch, Read::BackwardFetch]);
            let does = Behaviour::TsWindowList { store: None, size: period, read: Read::Fetch, from: None, to: None };
            (StoreKind::TimestampedWindow, does, Behaviour::TsWindowLookup { store, size: period, read })
        }
        1 => {
            (retention, r#type) = (Some(kept), Some(StoreType::Rocksdb));
            let read = draft.random.one_of(Read::Fetch, &[Read::BackwardFetch, Read::Find, Read::BackwardFind]);
            let size = matches!(read, Read::Find | Read::BackwardFind).then_some(period);
            let does = Behaviour::SessionPut { store: None, gap: period };
            (StoreKind::Session, does, Behaviour::SessionLookup { store, read, size })
        }
        2 => {
            let kept = draft.random.one_of(10, HISTORIES);
            retention = Some(kept);
            draft.remember([kept, kept + 1]);
            let back = draft.random.percent(70).then_some(period);
            let does = Behaviour::VersionedPut { store: None, back: None };
            (StoreKind::Versioned, does, Behaviour::VersionedLookup { store, back })
        }
        number if number % 2 == 0 => {
            (StoreKind::Timestamped, Behaviour::TsPut { store: None }, Behaviour::TsLookup { store })
        }
        _ => (StoreKind::Timestamped, Behaviour::TsKeep { store: None }, Behaviour::TsLookup { store }),
    };
    draft.remember(retention);
    draft.remember([period.unsigned_abs()]);
    let step = Step::GlobalStore { topic: topic.clone(), does, source, kind, name, size, retention, r#type };
    draft.add_source(step, Sort::Nothing, ReadAs::GlobalTable, vec![topic]);
    let input = some_stream(draft);
    process_of(draft, input, looks, None, true);
    Some(())
}

/// Looks at a table's store.
fn table_row(draft: &mut Draft) -> Option<()> {
    let stored = draft.steps.iter().filter_map(|step| step.stored_as().map(str::to_owned));
    let stored: Vec<_> = stored.collect();
    let store = match draft.random.pick(&stored) {
        Some(store) => store.clone(),
        None => {
            let stored = crate::step::Stored { name: Some(draft.store_name()), ..Default::default() };
            super::sources::table_stored(draft, Some(stored.clone()));
            stored.name?
        }
    };
    let input = some_stream(draft);
    // A global store is not connected.
    let is_global = |step: &Step| matches!(step, Step::GlobalTable { .. }) && step.stored_as() == Some(&store);
    if draft.steps.iter().any(is_global) {
        let does = Behaviour::TsLookup { store: Some(store) };
        process_of(draft, input, does, None, true);
    } else {
        process_of(draft, input, Behaviour::TsLookup { store: None }, Some(store), true);
    }
    Some(())
}

fn window(draft: &mut Draft) -> Option<()> {
    let with_times = draft.random.percent(30);
    let store = store(draft, if with_times { StoreKind::TimestampedWindow } else { StoreKind::Window });
    let has_duplicates = matches!(draft.steps.last(), Some(Step::Store { duplicates: Some(true), .. }));
    let size = draft.random.one_of(10_i64, &[0, 1_000, 60_000, 200_000]);
    draft.remember([size.unsigned_abs()]);
    let reads = [
        Read::Fetch,
        Read::BackwardFetch,
        Read::Keys,
        Read::BackwardKeys,
        Read::FetchAll,
        Read::BackwardFetchAll,
        Read::All,
        Read::BackwardAll,
    ];
    // One row of a store with duplicates is another in Java (DIFFERENCES.md).
    let mut read = draft.random.one_of(Read::Point, &reads);
    if has_duplicates && read == Read::Point {
        read = Read::Fetch;
    }
    let (mut from, mut to) = (None, None);
    if matches!(read, Read::Keys | Read::BackwardKeys) {
        (from, to) = (text(draft, BOUNDS), text(draft, BOUNDS));
    }
    let does = if with_times {
        Behaviour::TsWindowList { store: None, size, read, from, to }
    } else if draft.random.percent(45) {
        Behaviour::WindowPut { store: None, size }
    } else {
        Behaviour::WindowList { store: None, size, read, from, to }
    };
    process(draft, does, Some(store), true);
    Some(())
}

fn session(draft: &mut Draft) -> Option<()> {
    let store = store(draft, StoreKind::Session);
    let gap = draft.random.one_of(10_i64, &[1, 1_000, 30_000]);
    draft.remember([gap.unsigned_abs()]);
    let does = if draft.random.percent(50) {
        Behaviour::SessionPut { store: None, gap }
    } else {
        let read = draft.random.one_of(
            Read::Fetch,
            &[Read::BackwardFetch, Read::Keys, Read::BackwardKeys, Read::Find, Read::BackwardFind],
        );
        let (mut from, mut to) = (None, None);
        if matches!(read, Read::Keys | Read::BackwardKeys) {
            (from, to) = (text(draft, BOUNDS), text(draft, BOUNDS));
        }
        let size =
            matches!(read, Read::Find | Read::BackwardFind).then(|| draft.random.one_of(0, &[10, 1_000, 100_000]));
        Behaviour::SessionList { store: None, gap, read, from, to, size }
    };
    process(draft, does, Some(store), true);
    Some(())
}

/// How long versions are kept.
const HISTORIES: &[u64] = &[0, 1, 100, 1_000, 60_000, 600_000];

fn back(draft: &mut Draft) -> Option<i64> {
    let back = draft.random.one_of(0, &[1, 10, 100, 1_000]);
    draft.remember([back]);
    draft.random.percent(70).then_some(i64::try_from(back).unwrap_or(0))
}

fn versioned(draft: &mut Draft) -> Option<()> {
    let versions = store(draft, StoreKind::Versioned);
    let does = if draft.random.percent(30) {
        Behaviour::VersionedDelete { store: None, r#where: predicate(&mut draft.random) }
    } else {
        Behaviour::VersionedPut { store: None, back: back(draft) }
    };
    let written = process(draft, does, Some(versions.clone()), true);
    if draft.random.percent(30) {
        let back = back(draft);
        process_of(draft, written, Behaviour::VersionedLookup { store: None, back }, Some(versions), true);
    }
    Some(())
}

/// Looks at what a table's row was.
fn version_of_table(draft: &mut Draft) -> Option<()> {
    if draft.has_cache() {
        return None;
    }
    let stored: Vec<_> =
        draft.steps.iter().filter_map(|step| step.versioned_as().map(|(name, _)| name.to_owned())).collect();
    let store = match draft.random.pick(&stored) {
        Some(store) => store.clone(),
        None => {
            let name = draft.store_name();
            let history = draft.random.one_of(10, HISTORIES);
            let versioned = (Some(name.clone()), Some(history));
            let stored = crate::step::Stored { name: versioned.0, versioned: versioned.1, ..Default::default() };
            super::sources::table_stored(draft, Some(stored));
            name
        }
    };
    let input = some_stream(draft);
    let back = back(draft);
    process_of(draft, input, Behaviour::VersionedLookup { store: None, back }, Some(store), true);
    Some(())
}

/// Looks at the rows of a windowed table.
fn row_of_window(draft: &mut Draft) -> Option<()> {
    // Java's caches keep what is over.
    if draft.has_cache() {
        return None;
    }
    let mut stored: Vec<_> = windowed(draft);
    if stored.is_empty() {
        super::windows::stored_reduce(draft);
        stored = windowed(draft);
    }
    let (store, windows) = draft.random.pick(&stored).cloned()?;
    let size = draft.random.one_of(10_i64, &[0, 1, 100, 1_000, 60_000]);
    draft.remember([size.unsigned_abs()]);
    let does = if matches!(windows, Windows::Session { .. }) {
        let read = draft.random.one_of(Read::Fetch, &[Read::BackwardFetch, Read::Find, Read::BackwardFind]);
        let size = matches!(read, Read::Find | Read::BackwardFind).then_some(size);
        Behaviour::SessionLookup { store: None, read, size }
    } else {
        let read = draft.random.one_of(Read::Point, &[Read::Fetch, Read::BackwardFetch]);
        Behaviour::TsWindowLookup { store: None, size, read }
    };
    process(draft, does, Some(store), true);
    Some(())
}

/// The stores of windowed tables that have names.
fn windowed(draft: &Draft) -> Vec<(String, Windows)> {
    let stored = draft.steps.iter().filter_map(Step::windowed_as);
    stored.map(|(name, windows)| (name.to_owned(), windows)).collect()
}

/// A processor that chooses a child for each record.
fn to_child(draft: &mut Draft) -> Option<()> {
    let children = vec![draft.certain_name(), draft.certain_name()];
    let chosen = process(draft, Behaviour::ToChild { children: children.clone() }, None, true);
    for name in children {
        let value = ValueMap::Append { text: "!".to_owned() };
        let step = Step::MapValues { input: chosen, value, with_key: None, name: Some(name), stored: None };
        draft.add(step, Sort::Stream, &[chosen]);
    }
    Some(())
}
