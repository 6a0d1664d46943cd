//! Stores that are kept in memory although the application keeps its state on disk.

use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{ProcessorSessionStore, ProcessorWindowStore};
use streams_core::log::Embedded;
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::{KeyValueStore, SessionStore, StoreIndex, VersionedStore, WindowStore};
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topology::Topology;
use streams_core::windows::{DistinctWindows, JoinWindows, Sessions, Tumbling};

use crate::{A, B, OUT, topology};

const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// How many records are read again at a restart, and what the program answers afterwards.
fn after_restart(program: &dyn Fn() -> Topology, records: &[(i64, &str, &str)]) -> (u64, Vec<String>) {
    let driver = TestDriver::configure(program()).with(|app| app.cache_bytes(0));
    let mut driver = driver.state_in(KeptState::default()).start();
    let (before, after) = records.split_at(records.len() / 2);
    let pipe = |driver: &mut TestDriver, records: &[(i64, &str, &str)]| {
        for (time, key, value) in records {
            let topic = if value.starts_with('b') { B } else { A };
            driver.pipe_at(&topic, *key, *value, Timestamp(*time));
        }
    };
    pipe(&mut driver, before);
    driver.restart();
    let restored = driver.tasks().values().map(|task| task.restored).sum();
    pipe(&mut driver, after);
    (restored, driver.read(&OUT).into_iter().map(|(key, value)| format!("{key}={value}")).collect())
}

/// In memory, everything is restored from changelogs, and the answers are the same.
#[track_caller]
fn check(program: impl Fn(&StreamsBuilder, bool), records: &[(i64, &str, &str)], logged: u64) {
    let on_disk = after_restart(&|| topology(|b| program(b, false)), records);
    let in_memory = after_restart(&|| topology(|b| program(b, true)), records);
    assert_eq!((on_disk.0, in_memory.0), (0, logged), "records read again");
    assert_eq!(on_disk.1, in_memory.1);
    assert!(!in_memory.1.is_empty());
}

#[test]
fn a_table_in_memory_is_restored_and_one_on_disk_is_not() {
    let program = |b: &StreamsBuilder, in_memory: bool| {
        let counts = b.stream(A).group_by_key().count();
        let counts = if in_memory { counts.in_memory() } else { counts };
        counts.to_stream().map_values(|count| count.map(|count| count.to_string()).unwrap_or_default()).to(OUT);
    };
    check(program, &[(1, "k", ""), (2, "k", ""), (3, "j", ""), (4, "k", ""), (5, "j", ""), (6, "i", "")], 3);
}

#[test]
fn the_windows_of_an_aggregation_are_in_memory() {
    let program = |b: &StreamsBuilder, in_memory: bool| {
        let windows = Tumbling::of(millis(10)).grace(millis(20));
        let counts = b.stream(A).group_by_key().windowed_by(windows).count();
        let counts = if in_memory { counts.in_memory() } else { counts };
        let sessions = b.stream(B).group_by_key().windowed_by(Sessions::gap(millis(5)).no_grace()).count();
        let sessions = if in_memory { sessions.in_memory() } else { sessions };
        let shown = |start: i64, count: Option<i64>| format!("{start}:{}", count.unwrap_or(-1));
        counts.to_stream().map(move |key, count| (key.key.clone(), shown(key.window.start.0, count))).to(OUT);
        sessions.to_stream().map(move |key, count| (key.key.clone(), shown(key.window.start.0, count))).to(OUT);
    };
    let records = [(1, "k", ""), (2, "k", "b"), (11, "k", ""), (3, "k", "b"), (4, "k", "b"), (15, "k", "")];
    check(program, &records, 3);
}

#[test]
fn the_stores_of_a_join_are_in_memory() {
    let program = |b: &StreamsBuilder, in_memory: bool| {
        let other = b.stream(B).within(JoinWindows::of(millis(10)).no_grace());
        let other = if in_memory { other.in_memory() } else { other };
        b.stream(A).join(other, |one, other| format!("{one}{other}")).to(OUT);
    };
    check(program, &[(1, "k", "a1"), (2, "k", "b1"), (3, "k", "a2"), (4, "k", "b2")], 2);
}

#[test]
fn what_was_seen_is_in_memory() {
    let program = |b: &StreamsBuilder, in_memory: bool| {
        let once = b.stream(A).distinct(DistinctWindows::of(millis(10)).no_grace());
        _ = (if in_memory { once.in_memory() } else { once }).to(OUT);
    };
    check(program, &[(1, "k", "a1"), (2, "j", "a2"), (3, "k", "a3"), (4, "i", "a4")], 2);
}

#[test]
fn the_stores_of_processors_are_in_memory() {
    const VALUES: KeyValueStore<String, String> = KeyValueStore::new("values");
    const WINDOWS: ProcessorWindowStore<String, String> = ProcessorWindowStore::new("windows", millis(10), millis(100));
    const SESSIONS: ProcessorSessionStore<String, String> = ProcessorSessionStore::new("sessions", millis(100));
    const VERSIONS: VersionedStore<String, String> = VersionedStore::new("versions", millis(100));
    let program = |b: &StreamsBuilder, in_memory: bool| {
        if in_memory {
            b.store(VALUES).in_memory();
            b.store(WINDOWS).in_memory();
            b.store(SESSIONS).in_memory();
            b.store(VERSIONS).in_memory();
        }
        let stores = (VALUES, WINDOWS, SESSIONS, VERSIONS);
        let read =
            b.stream(A).process(stores, |(mut values, mut windows, mut sessions, mut versions), key, value, out| {
                let now = out.timestamp();
                let found = (
                    values.get(key),
                    windows.fetch(key, Timestamp(0)..=now).len(),
                    sessions.fetch(key).len(),
                    versions.get(key).map(|version| version.value),
                );
                out.send(key.clone(), format!("{found:?}"));
                values.put(key, value.clone());
                windows.put(key, value.clone(), now);
                sessions.put(key, streams_core::windows::Window { start: now, end: now }, value.clone());
                versions.put(key, value, now);
            });
        _ = read.to(OUT);
    };
    check(program, &[(1, "k", "a1"), (2, "k", "a2"), (3, "k", "a3"), (4, "k", "a4")], 8);
}

/// Beside stores on disk, whose rows are still there.
#[test]
fn only_the_stores_that_say_so_are_in_memory() {
    const WINDOWS: WindowStore<String, i64> = WindowStore::new("windows");
    const SESSIONS: SessionStore<String, i64> = SessionStore::new("sessions");
    let program = topology(|b| {
        let stream = b.stream(A).group_by_key();
        stream.count().stored_as(COUNTS);
        stream.windowed_by(Tumbling::of(millis(10)).no_grace()).count().stored_as(WINDOWS).in_memory();
        stream.windowed_by(Sessions::gap(millis(10)).no_grace()).count().stored_as(SESSIONS);
    });
    let state = KeptState::default();
    let mut driver = TestDriver::configure(program).state_in(state.clone()).start();
    for time in [1, 2, 33] {
        driver.pipe_at(&A, "k", "", Timestamp(time));
    }
    driver.kill();
    let rows = |number| state.rows("0_0", StoreIndex(number)).unwrap();
    assert_eq!([rows(1), rows(2), rows(3)], [1, 0, 2]);
    driver.restart();
    assert_eq!(driver.rows(&COUNTS), [("k".to_owned(), 3)]);
    assert_eq!(driver.windows(&WINDOWS).len(), 2);
    assert_eq!(driver.tasks().values().map(|task| task.restored).sum::<u64>(), 3);
}

#[test]
fn without_a_changelog_memory_begins_empty() {
    let program = topology(|b| _ = b.stream(A).group_by_key().count().stored_as(COUNTS).in_memory().not_logged());
    let mut driver = TestDriver::configure(program).state_in(KeptState::default()).start();
    driver.pipe(&A, "k", "");
    assert_eq!(driver.get(&COUNTS, "k"), Some(1));
    driver.restart();
    assert_eq!(driver.get(&COUNTS, "k"), None);
    driver.pipe(&A, "k", "");
    assert_eq!(driver.get(&COUNTS, "k"), Some(1));
}

/// A program's next version may keep a store elsewhere. What is on the disk, or was not, is not taken for the truth.
#[test]
fn a_store_moves_from_disk_to_memory_and_back_between_runs() {
    let (log, state) = (Embedded::in_memory(), KeptState::default());
    let mut rows = Vec::new();
    for (in_memory, key) in [(false, "a"), (true, "a"), (true, "b"), (false, "a"), (false, "b")] {
        let program = topology(|b| {
            let counts = b.stream(A).group_by_key().count().stored_as(COUNTS);
            let counts = if in_memory { counts.in_memory() } else { counts };
            counts.to_stream().map_values(|count| count.map(|count| count.to_string()).unwrap_or_default()).to(OUT);
        });
        log.send_at(&A, key, "", Timestamp(1)).unwrap();
        App::new("moving", program).state_in(state.clone()).quiet().run_until_idle(log.clone()).unwrap();
        rows.push(state.rows("0_0", StoreIndex(1)).unwrap());
    }
    let counts: Vec<_> = log.read(&OUT).unwrap().into_iter().map(|row| format!("{}={}", row.key, row.value)).collect();
    assert_eq!(counts, ["a=1", "a=2", "b=1", "a=3", "b=2"]);
    assert_eq!(rows, [1, 0, 0, 2, 2]);
}

#[test]
fn a_global_table_in_memory_is_read_again() {
    for (in_memory, rows) in [(false, 1), (true, 0)] {
        let program = topology(|b| {
            let names = b.global_table(B).stored_as(KeyValueStore::<String, String>::new("names"));
            let names = if in_memory { names.in_memory() } else { names };
            b.stream(A).join_global(names, |_, value| value.clone(), |value, name| format!("{value}{name}")).to(OUT);
        });
        let state = KeptState::default();
        let mut driver = TestDriver::configure(program).state_in(state.clone()).start();
        driver.pipe(&B, "x", "y");
        driver.restart();
        driver.pipe(&A, "k", "x");
        assert_eq!(driver.read(&OUT), [("k".to_owned(), "xy".to_owned())]);
        assert_eq!(state.rows("names", StoreIndex(1)).unwrap_or(0), rows, "in memory: {in_memory}");
    }
}
