//! Processors' stores whose changes are logged at commits.

use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{ProcessorSessionStore, ProcessorWindowStore};
use streams_core::record::Timestamp;
use streams_core::state::{KeyValueStore, Timestamped, VersionedStore};
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::Window;

use crate::{A, OUT, topology};

const VALUES: KeyValueStore<String, String> = KeyValueStore::new("values");
const LOGGED: Topic<String, Option<String>> = Topic::new("test-values-changelog");

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Keeps the last value of each key, and sends the one before; an empty value deletes.
fn last(options: impl Fn(&StreamsBuilder)) -> Topology {
    topology(|b| {
        options(b);
        let before = b.stream(A).process(VALUES, |mut values, key, value: String, out| {
            out.send(key.clone(), values.get(key).unwrap_or_default());
            if value.is_empty() { values.delete(key) } else { values.put(key, value) }
        });
        _ = before.to(OUT);
    })
}

const RECORDS: [(i64, &str, &str); 6] =
    [(1, "k", "1"), (2, "j", "2"), (3, "k", "3"), (9, "i", "4"), (5, "i", ""), (6, "h", "")];

fn logged(driver: &mut TestDriver) -> Vec<String> {
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    let logged = driver.read_records(&LOGGED).into_iter();
    logged.map(|record| format!("{}={}@{}", record.key, shown(record.value), record.timestamp.0)).collect()
}

fn pipe(driver: &mut TestDriver, records: &[(i64, &str, &str)]) {
    for (time, key, value) in records {
        driver.pipe_at(&A, *key, *value, Timestamp(*time));
    }
}

/// Kafka Streams' caches find deleted rows where they are read backwards.
#[test]
fn deleted_rows_are_not_found_in_either_direction() {
    for is_cached in [false, true] {
        let program = topology(|b| {
            if is_cached {
                b.store(VALUES).cached();
            }
            let found = b.stream(A).process(VALUES, |mut values, key, value: String, out| {
                if value.is_empty() {
                    values.delete(key)
                } else {
                    values.put(key, value)
                }
                let names = |rows: Vec<(String, String)>| rows.into_iter().map(|(key, _)| key).collect::<String>();
                out.send(key.clone(), format!("{} {}", names(values.range(..)), names(values.range_reverse(..))));
            });
            _ = found.to(OUT);
        });
        let mut driver = TestDriver::configure(program).caching(1 << 20).start();
        pipe(&mut driver, &[(1, "b", "1"), (2, "c", ""), (3, "d", "1"), (4, "d", ""), (5, "a", "1"), (6, "b", "")]);
        let found: Vec<_> = driver.read(&OUT).into_iter().map(|(_, found)| found).collect();
        assert_eq!(found, ["b b", "b b", "bd db", "b b", "ab ba", "a a"], "cached: {is_cached}");
    }
}

#[test]
fn a_row_that_changes_often_is_logged_once_per_commit() {
    let each = ["k=1@1", "j=2@2", "k=3@3", "i=4@9", "i=-@5", "h=-@6"];
    let last_ones = ["j=2@2", "k=3@3", "i=-@5", "h=-@6"];
    for (is_cached, bytes, expected) in
        [(false, 1 << 20, &each[..]), (true, 1 << 20, &last_ones), (true, 0, &each), (true, 1, &each)]
    {
        let program = last(|b| {
            if is_cached {
                b.store(VALUES).cached();
            }
        });
        let mut driver = TestDriver::configure(program).caching(bytes).start();
        pipe(&mut driver, &RECORDS);
        let mut all = logged(&mut driver);
        let early = all.len();
        driver.commit();
        all.extend(logged(&mut driver));
        assert_eq!(driver.read(&OUT).len(), RECORDS.len(), "every record is answered");
        assert_eq!(all, expected, "cached: {is_cached}, {bytes} bytes");
        if is_cached && bytes > 1 {
            assert_eq!(early, 0);
        }
    }
}

/// Reads see what is not logged yet, also in ranges; and a restart restores what was committed.
#[test]
fn what_is_not_logged_yet_is_read_and_what_was_committed_is_restored() {
    let mut answers = Vec::new();
    for (is_cached, crashes) in [(false, false), (true, false), (true, true)] {
        let program = topology(|b| {
            if is_cached {
                b.store(VALUES).cached();
            }
            let all = b.stream(A).process(VALUES, |mut values, key, value: String, out| {
                if value.is_empty() {
                    values.delete(key)
                } else {
                    values.put(key, value)
                }
                out.send(key.clone(), format!("{:?}", values.all()));
            });
            _ = all.to(OUT);
        });
        let mut driver = TestDriver::configure(program).caching(1 << 20).start();
        for (number, record) in RECORDS.iter().enumerate() {
            pipe(&mut driver, &[*record]);
            if crashes && number % 2 == 1 {
                driver.commit();
                driver.kill();
                driver.restart();
            }
        }
        driver.commit();
        answers.push(driver.read(&OUT));
    }
    assert_eq!(answers[0].last().unwrap().1, r#"[("j", "2"), ("k", "3")]"#);
    assert_eq!(answers[0], answers[1], "with a cache");
    assert_eq!(answers[0], answers[2], "after crashes");
}

#[test]
fn windows_and_sessions_are_logged_once_too() {
    const WINDOWS: ProcessorWindowStore<String, String> = ProcessorWindowStore::new("windows", millis(10), millis(100));
    const SESSIONS: ProcessorSessionStore<String, String> = ProcessorSessionStore::new("sessions", millis(100));
    const TIMED: KeyValueStore<String, Timestamped<String>> = KeyValueStore::new("timed");
    let program = |is_cached: bool| {
        topology(|b| {
            if is_cached {
                b.store(WINDOWS).cached();
                b.store(SESSIONS).cached();
                b.store(TIMED).cached().expire_after(millis(50));
            }
            let stores = (WINDOWS, SESSIONS, TIMED);
            let found =
                b.stream(A).process(stores, |(mut windows, mut sessions, mut timed), key, value: String, out| {
                    let start = Timestamp(out.timestamp().0 / 10 * 10);
                    windows.put(key, value.clone(), start);
                    let session = Window { start, end: start };
                    sessions.put(key, session, value.clone());
                    timed.put(key, Timestamped { value, timestamp: out.timestamp() });
                    let found = (windows.all().len(), sessions.fetch(key).len(), timed.get(key).is_some());
                    out.send(key.clone(), format!("{found:?}"));
                });
            _ = found.to(OUT);
        })
    };
    let mut answers = Vec::new();
    for (is_cached, expected) in [(false, 4), (true, 3)] {
        let mut driver = TestDriver::configure(program(is_cached)).caching(1 << 20).start();
        pipe(&mut driver, &[(1, "k", "1"), (2, "k", "2"), (12, "k", "3"), (12, "j", "4")]);
        driver.commit();
        answers.push(driver.read(&OUT));
        for (store, expected) in
            [("windows", expected), ("sessions", expected), ("timed", if is_cached { 2 } else { 4 })]
        {
            let topic = Topic::<Vec<u8>, Option<Vec<u8>>>::named(format!("test-{store}-changelog")).unwrap();
            assert_eq!(driver.read(&topic).len(), expected, "{store}, cached: {is_cached}");
        }
    }
    assert_eq!(answers[0], answers[1]);
}

#[test]
fn stores_that_cannot_be_cached_say_so() {
    const VERSIONS: VersionedStore<String, String> = VersionedStore::new("versions", millis(100));
    const SEVERAL: ProcessorWindowStore<String, String> =
        ProcessorWindowStore::new("several", millis(10), millis(100)).with_duplicates();
    let refused = |write: fn(&StreamsBuilder)| {
        let builder = StreamsBuilder::new();
        write(&builder);
        builder.build().unwrap_err().to_string()
    };
    let error = refused(|b| {
        b.store(VERSIONS).cached();
        _ = b.stream(A).process(VERSIONS, |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
    });
    assert!(error.contains(".cached()") && error.contains("every version is logged"), "{error}");
    let error = refused(|b| {
        b.store(SEVERAL).cached();
        _ = b.stream(A).process(SEVERAL, |_, key, value: String, out| out.send(key.clone(), value)).to(OUT);
    });
    assert!(error.contains(".cached()") && error.contains("no row is ever changed"), "{error}");
}
