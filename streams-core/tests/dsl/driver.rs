//! The test driver: its clock, and its view of stores and topics.

use std::time::Duration;

use streams_core::record::{Headers, Record, Timestamp};
use streams_core::state::{KeyValueStore, WindowStore};
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::windows::Tumbling;

use crate::{A, B, OUT, topology};

/// Copies `a` to `out`, so that the timestamps of its records can be seen.
fn copy() -> streams_core::topology::Topology {
    topology(|builder| _ = builder.stream(A).to(OUT))
}

/// The timestamps of the output.
fn times(driver: &mut TestDriver) -> Vec<i64> {
    driver.read_records(&OUT).into_iter().map(|record| record.timestamp.0).collect()
}

#[test]
fn the_clock_stands_where_it_was_set_and_moves_when_told() {
    for (start, mut driver) in [
        (0, TestDriver::new(copy())),
        (1_700_000_000_000, TestDriver::configure(copy()).start_at(Timestamp(1_700_000_000_000)).start()),
    ] {
        driver.pipe(&A, "k", "first");
        driver.pipe(&A, "k", "at the same time");
        driver.advance_wall_clock(Duration::from_millis(5));
        driver.pipe(&A, "k", "later");
        assert_eq!(times(&mut driver), [start, start, start + 5]);
    }
}

#[test]
fn the_clock_moves_at_a_restart_only_if_a_member_died() {
    let mut driver = TestDriver::new(copy());
    driver.stop();
    driver.restart();
    driver.pipe(&A, "k", "after a stop");
    driver.kill();
    driver.restart();
    driver.pipe(&A, "k", "after a kill");
    driver.restart();
    driver.pipe(&A, "k", "after a restart in its place");
    driver.stop();
    driver.restart();
    driver.pipe(&A, "k", "after a stop");
    assert_eq!(times(&mut driver), [0, 60_000, 120_000, 120_000]);
}

#[test]
fn a_global_tables_rows_are_seen() {
    const ROWS: KeyValueStore<String, String> = KeyValueStore::new("rows");
    let global = topology(|builder| {
        let table = builder.global_table(B).stored_as(ROWS);
        builder.stream(A).join_global(table, |_, value| value.clone(), |_, row| row).to(OUT);
    });
    let mut driver = TestDriver::configure(global).partitions(2).start();
    for (key, value) in [("x", "old"), ("y", "other"), ("x", "new")] {
        driver.pipe(&B, key, value);
    }
    assert_eq!(driver.get(&ROWS, "x"), Some("new".to_owned()));
    assert_eq!(driver.get(&ROWS, "z"), None);
    assert_eq!(driver.rows(&ROWS), [("x", "new"), ("y", "other")].map(|(key, row)| (key.to_owned(), row.to_owned())));
}

/// Regression: rows that a cache held back were not there for whoever read the store.
#[test]
fn rows_are_read_as_they_are_although_a_cache_holds_them_back() {
    const COUNTS: Topic<String, i64> = Topic::new("counts");
    const ROWS: KeyValueStore<String, i64> = KeyValueStore::new("rows");
    const WINDOWS: WindowStore<String, i64> = WindowStore::new("windows");
    let counting = topology(|builder| {
        let values = builder.stream(A).group_by_key();
        values.count().stored_as(ROWS).to_stream().to(COUNTS);
        let windows = Tumbling::of(Duration::from_millis(10)).grace(Duration::from_secs(1));
        values
            .windowed_by(windows)
            .count()
            .stored_as(WINDOWS)
            .to_stream()
            .map(|key, count| (key.key, count))
            .to(COUNTS);
    });
    let mut driver = TestDriver::configure(counting).commit_by_hand().start();
    let text = str::to_owned;
    driver.pipe_at(&A, "b", "", Timestamp(5));
    driver.pipe_at(&A, "d", "", Timestamp(5));
    driver.commit();
    assert_eq!(driver.read(&COUNTS).len(), 4);
    for (key, time) in [("c", 15), ("b", 16), ("a", 17), ("b", 25)] {
        driver.pipe_at(&A, key, "", Timestamp(time));
    }
    let rows = [("a", 1), ("b", 3), ("c", 1), ("d", 1)];
    assert_eq!(driver.rows(&ROWS), rows.map(|(key, count)| (text(key), count)));
    assert_eq!(rows.map(|(key, _)| driver.get(&ROWS, text(key))), rows.map(|(_, count)| Some(count)));
    let windows = [("b", 0, 1), ("d", 0, 1), ("a", 10, 1), ("b", 10, 1), ("c", 10, 1), ("b", 20, 1)];
    assert_eq!(driver.windows(&WINDOWS), windows.map(|(key, start, count)| (text(key), Timestamp(start), count)));
    let of_b = |from, to| driver.windows_with_key(&WINDOWS, text("b"), Timestamp(from)..Timestamp(to));
    assert_eq!(of_b(0, 20), [(Timestamp(0), 1), (Timestamp(10), 1)]);
    assert_eq!(of_b(1, 21), [(Timestamp(10), 1), (Timestamp(20), 1)]);
    assert_eq!(driver.windows_with_key(&WINDOWS, text("a"), ..), [(Timestamp(10), 1)]);
    assert_eq!(driver.read(&COUNTS), [], "reading forwards nothing");
    driver.commit();
    let mut forwarded = driver.read(&COUNTS);
    forwarded.sort();
    let expected = [("a", 1), ("a", 1), ("b", 1), ("b", 1), ("b", 3), ("c", 1), ("c", 1)];
    assert_eq!(forwarded, expected.map(|(key, count)| (text(key), count)));
}

#[test]
fn records_without_a_key_go_to_the_partitions_in_turn_and_keep_their_headers() {
    const KEYLESS: Topic<(), String> = Topic::new("keyless");
    const PASSED: Topic<(), String> = Topic::new("passed");
    let passes = topology(|builder| _ = builder.stream(KEYLESS).to(PASSED));
    let mut driver = TestDriver::configure(passes).partitions(2).start();
    for value in ["a", "b", "c"] {
        let mut headers = Headers::new();
        headers.push("was", value);
        driver.pipe_record(&KEYLESS, Record { key: (), value: value.to_owned(), timestamp: Timestamp(7), headers });
    }
    let inputs = driver.log().read(&KEYLESS).unwrap();
    let seen: Vec<_> = inputs.iter().map(|record| (record.value.as_str(), record.timestamp.0)).collect();
    assert_eq!(seen, [("a", 7), ("c", 7), ("b", 7)], "partition by partition");
    assert!(inputs.iter().all(|record| record.headers.len() == 1));
}

#[test]
fn other_instances_get_a_share_of_the_tasks_and_give_it_back() {
    const COUNTS: Topic<String, i64> = Topic::new("counts");
    const ROWS: KeyValueStore<String, i64> = KeyValueStore::new("rows");
    let counting =
        topology(|builder| _ = builder.stream(A).group_by_key().count().stored_as(ROWS).to_stream().to(COUNTS));
    let setup = TestDriver::configure(counting).partitions(3).commit_by_hand();
    let mut driver = setup.with(|app| app.exactly_once().cache_bytes(0)).start();
    let pipe = |driver: &mut TestDriver| {
        for key in ["a", "b", "c", "d", "e"] {
            driver.pipe(&A, key, "");
        }
    };
    pipe(&mut driver);
    driver.start_another();
    pipe(&mut driver);
    driver.start_another();
    // What the dead instance has not committed is done again.
    pipe(&mut driver);
    driver.kill_another();
    pipe(&mut driver);
    driver.stop_another();
    pipe(&mut driver);
    driver.commit();
    let counts = ["a", "b", "c", "d", "e"].map(|key| (key.to_owned(), 5));
    let mut rows = driver.rows(&ROWS);
    rows.sort();
    assert_eq!(rows, counts);
    let mut sent = driver.read(&COUNTS);
    sent.sort();
    let each_once = counts.iter().flat_map(|(key, _)| (1..=5).map(|count| (key.clone(), count)));
    assert_eq!(sent, each_once.collect::<Vec<_>>());
}

#[test]
#[should_panic(expected = "the topology does not read `typo`, and there is no such topic; it reads `a`")]
fn a_topic_that_the_program_does_not_have_is_named() {
    const TYPO: Topic<String, String> = Topic::new("typo");
    TestDriver::new(copy()).pipe(&TYPO, "k", "v");
}

#[test]
#[should_panic(expected = "the application is not running; call restart() first")]
fn rows_of_an_application_that_does_not_run_are_not_taken_for_missing() {
    const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
    let mut driver = TestDriver::new(topology(|builder| {
        _ = builder.stream(A).group_by_key().count().stored_as(COUNTS);
    }));
    driver.pipe(&A, "k", "v");
    assert_eq!(driver.get(&COUNTS, "k"), Some(1));
    driver.kill();
    _ = driver.get(&COUNTS, "k");
}
