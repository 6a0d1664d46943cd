//! Processors with versioned stores: what they find, what is refused, and what is there after a crash.

use std::time::Duration;

use streams_core::dsl::processor::{Version, Written};
use streams_core::record::Timestamp;
use streams_core::runtime::DropReason;
use streams_core::state::{KeyValueStore, VersionedStore};
use streams_core::testing::{KeptState, TestDriver, TopologyTestDriver};
use streams_core::topology::{Topology, TopologyError};

use crate::{A, B, OUT, topology};

const HISTORY: VersionedStore<String, String> = VersionedStore::new("history", Duration::from_millis(100));

fn shown(version: Option<Version<String>>) -> String {
    let Some(Version { value, from, until }) = version else { return "-".to_owned() };
    format!("{value}@{}..{}", from.0, until.map_or_else(String::new, |until| until.0.to_string()))
}

/// A value `name` is put at the record's time, `-` deletes, and `?n` asks for the version that was valid at `n`.
fn history() -> Topology {
    topology(|builder| {
        let processed = builder.stream(A).process(HISTORY, |mut history, key, value: String, out| {
            let now = out.timestamp();
            let said = match value.strip_prefix('?') {
                Some("") => shown(history.get(key)),
                Some(time) => shown(history.get_as_of(key, Timestamp(time.parse().unwrap()))),
                None if value == "-" => shown(history.delete(key, now)),
                None => match history.put(key, value, now) {
                    Written::Refused => "refused".to_owned(),
                    Written::Latest => "latest".to_owned(),
                    Written::Until(until) => format!("until {}", until.0),
                },
            };
            out.send(key.clone(), said);
        });
        _ = processed.to(OUT);
    })
}

/// Times and values for the key `k`, and what is said.
const STEPS: [(i64, &str, &str); 18] = [
    (50, "a", "latest"),
    (80, "b", "latest"),
    (60, "c", "until 80"),
    (90, "?", "b@80.."),
    (90, "?79", "c@60..80"),
    (90, "?60", "c@60..80"),
    (90, "?59", "a@50..60"),
    (90, "?49", "-"),
    (70, "-", "c@60..80"),
    (90, "?75", "-"),
    (90, "?69", "c@60..70"),
    (200, "-", "b@80.."),
    (90, "?", "-"),
    (90, "?150", "b@80..200"),
    (99, "d", "refused"),
    (99, "-", "-"),
    (90, "?99", "-"),
    (100, "e", "until 200"),
];

#[test]
fn versions_are_found_by_time_and_what_is_too_old_is_refused_and_counted() {
    let mut driver = TopologyTestDriver::new(history()).unwrap();
    let said: Vec<_> = STEPS
        .iter()
        .map(|(time, value, _)| {
            driver.pipe_at(&A, "k", *value, Timestamp(*time)).unwrap();
            let sent = driver.take_sent().into_iter().filter(|sent| &*sent.topic == "out");
            sent.map(|sent| String::from_utf8(sent.value.unwrap()).unwrap()).collect::<String>()
        })
        .collect();
    assert_eq!(said, STEPS.map(|(_, _, expected)| expected));
    let dropped: Vec<_> = driver.dropped().into_iter().collect();
    assert_eq!(dropped, [(("KSTREAM-PROCESSOR-0000000001".to_owned(), DropReason::Expired), 2)]);
}

/// Each step in a run of its own, after a crash, with the state lost or kept.
#[test]
fn versions_and_the_stores_time_survive_crashes() {
    for keeps in [false, true] {
        let setup = TestDriver::configure(history()).with(|app| app.exactly_once());
        let mut driver = if keeps { setup.state_in(KeptState::default()).start() } else { setup.start() };
        for (step, (time, value, expected)) in STEPS.into_iter().enumerate() {
            driver.pipe_at(&A, "k", value, Timestamp(time));
            driver.commit();
            let said: Vec<_> = driver.read(&OUT).into_iter().map(|(_, said)| said).collect();
            assert_eq!(said, [expected], "step {step}, state is kept: {keeps}");
            driver.kill();
            driver.restart();
        }
    }
}

/// The table's rows, and a stream that asks for those of some time.
fn table() -> Topology {
    topology(|builder| {
        builder.table(B).stored_as(HISTORY);
        let processed = builder.stream(A).process(HISTORY.read_only(), |history, key, value: String, out| {
            let version = match value.parse() {
                Ok(time) => history.get_as_of(key, Timestamp(time)),
                Err(_) => history.get(key),
            };
            out.send(key.clone(), shown(version));
        });
        _ = processed.to(OUT);
    })
}

#[test]
fn a_processor_reads_what_the_rows_of_a_table_were() {
    let mut driver = TestDriver::new(table());
    for (time, value) in [(10, "a"), (30, "b"), (20, "c")] {
        driver.pipe_at(&B, "k", value, Timestamp(time));
    }
    for asked in ["9", "10", "20", "29", "30", "latest"] {
        driver.pipe_at(&A, "k", asked, Timestamp(30));
    }
    let said: Vec<_> = driver.read(&OUT).into_iter().map(|(_, said)| said).collect();
    assert_eq!(said, ["-", "a@10..20", "c@20..30", "c@20..30", "b@30..", "b@30.."]);
}

#[test]
fn a_versioned_store_is_not_read_as_one_of_values() {
    const VALUES: KeyValueStore<String, String> = KeyValueStore::new("history");
    let builder = streams_core::dsl::StreamsBuilder::new();
    builder.table(B).stored_as(HISTORY);
    let read = builder.stream(A).process(VALUES.read_only(), |_, key, value: String, out| out.send(key.clone(), value));
    _ = read.to(OUT);
    let error = builder.build().unwrap_err();
    assert!(matches!(&error, TopologyError::StoreRead { .. }), "{error}");
    let said = error.to_string();
    assert!(said.contains("reads the store `history` as a `KeyValueStore`, but it is a `VersionedStore`"), "{said}");
}
