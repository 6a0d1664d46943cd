//! `distinct`: duplicates, times, late records, and what survives a restart.

use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::record::{Record, Timestamp};
use streams_core::runtime::App;
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::windows::{DistinctSpan, DistinctWindows};

use crate::topology;

const IN: Topic<Option<String>, String> = Topic::new("in");
const OUT: Topic<Option<String>, String> = Topic::new("out");

/// Duplicates are less than 10 ms apart, and records may be 5 ms late beyond that.
const TEN: DistinctSpan = DistinctWindows::of(Duration::from_millis(10)).grace(Duration::from_millis(5));

fn pipe(driver: &mut TestDriver, (time, key, value): (i64, &str, &str)) {
    let key = (key != "-").then(|| key.to_owned());
    driver.pipe_record(&IN, Record::new(key, value.to_owned(), Timestamp(time)));
}

/// Pipes the records, and returns what comes out.
fn out_of(driver: &mut TestDriver, records: &[(i64, &str, &str)]) -> Vec<String> {
    records.iter().for_each(|record| pipe(driver, *record));
    driver.commit();
    let out = driver.read(&OUT).into_iter();
    out.map(|(key, value)| format!("{} {value}", key.unwrap_or_default())).collect()
}

fn dropped(driver: &mut TestDriver) -> u64 {
    driver.tasks().values().map(|task| task.dropped_total()).sum()
}

fn by_key(b: &StreamsBuilder) {
    b.stream(IN).distinct(TEN).to(OUT);
}

#[test]
fn a_record_repeats_one_with_its_key_that_went_through_less_than_the_window_away() {
    let mut driver = TestDriver::new(topology(by_key));
    let records = [
        (100, "a", "first"),
        (100, "a", "at the same time"),
        (109, "a", "just within"),
        (109, "b", "another key"),
        (110, "a", "the window is over, counted from the first and not from its duplicates"),
        (119, "a", "within the second"),
        (120, "a", "third"),
    ];
    let expected = [
        "a first",
        "b another key",
        "a the window is over, counted from the first and not from its duplicates",
        "a third",
    ];
    assert_eq!(out_of(&mut driver, &records), expected);
    assert_eq!(dropped(&mut driver), 0);
}

#[test]
fn late_records_and_those_without_a_key_are_dropped_and_counted() {
    let mut driver = TestDriver::new(topology(by_key));
    let records =
        [(100, "a", "newest"), (86, "b", "in time"), (85, "c", "late"), (100, "-", "no key"), (86, "c", "new")];
    assert_eq!(out_of(&mut driver, &records), ["a newest", "b in time", "c new"]);
    assert_eq!(dropped(&mut driver), 2);
    // A duplicate moves stream time as well.
    assert_eq!(out_of(&mut driver, &[(105, "a", "duplicate"), (90, "d", "late")]), [""; 0]);
    assert_eq!(dropped(&mut driver), 3);
}

#[test]
fn an_earlier_record_makes_a_duplicate_of_a_later_one_that_came_first() {
    let mut driver = TestDriver::new(topology(by_key));
    let records =
        [(100, "a", "first to come"), (90, "a", "far enough"), (95, "a", "between"), (99, "a", "between, too")];
    assert_eq!(out_of(&mut driver, &records), ["a first to come", "a far enough"]);
}

#[test]
fn an_id_belongs_to_its_key() {
    let mut driver = TestDriver::new(topology(|b| {
        b.stream(IN).distinct_by(TEN, |_, value| value.clone()).to(OUT);
    }));
    // The keys and ids of the last two are the same letters in a row.
    let records = [(1, "a", "bc"), (2, "a", "bc"), (3, "a", "b"), (4, "x", "bc"), (5, "ab", "c"), (6, "abc", "")];
    assert_eq!(out_of(&mut driver, &records), ["a bc", "a b", "x bc", "ab c", "abc "]);
}

#[test]
fn what_was_seen_survives_a_restart_with_its_state_and_without() {
    for keeps in [false, true] {
        for guarantee in [App::at_least_once as fn(App) -> App, App::exactly_once] {
            let driver = TestDriver::configure(topology(by_key)).with(guarantee);
            let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
            assert_eq!(out_of(&mut driver, &[(100, "a", "1"), (95, "b", "1"), (104, "a", "2")]), ["a 1", "b 1"]);
            driver.kill();
            driver.restart();
            let after = [(109, "a", "3"), (104, "b", "2"), (105, "b", "3"), (110, "a", "4"), (95, "c", "late")];
            assert_eq!(out_of(&mut driver, &after), ["b 3", "a 4"], "keeps {keeps}");
            assert_eq!(dropped(&mut driver), 1);
        }
    }
}

#[test]
fn records_of_a_new_key_meet_in_one_task() {
    let program = topology(|b| {
        let by_value = b.stream(IN).select_key(|_, value| value.clone()).distinct(TEN).named("once");
        by_value.map(|key, value| (Some(key), value)).to(OUT);
    });
    let description = program.describe();
    for part in ["Sink: once-repartition-sink (topic: once-repartition)", "Processor: once (stores: [once-store])"] {
        assert!(description.contains(part), "{description}");
    }
    let mut driver = TestDriver::configure(program).partitions(3).start();
    let records: Vec<_> = ["k", "l", "m", "n", "o"].map(|key| (1, key, "v")).to_vec();
    assert_eq!(out_of(&mut driver, &records), ["v v"]);
}

#[test]
fn windows_that_make_no_sense_are_an_error_with_the_place() {
    let builder = StreamsBuilder::new();
    builder.stream(IN).distinct(DistinctWindows::of(Duration::ZERO).no_grace()).named("none").to(OUT);
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("`none`") && error.contains("nothing is a duplicate"), "{error}");
}

#[test]
fn the_store_of_what_was_seen_has_the_options_of_other_stores() {
    let named = topology(|b| {
        b.stream(IN).distinct(TEN).named("once").store_named("seen").changelog_config("segment.bytes", "77").to(OUT);
    });
    assert!(named.describe().contains("Processor: once (stores: [seen])"), "{}", named.describe());
    assert_eq!(named.to_json()["stores"][0]["changelog"], "seen-changelog");
    let mut driver = TestDriver::new(named);
    assert_eq!(out_of(&mut driver, &[(100, "a", "1"), (101, "a", "2")]), ["a 1"]);

    let unlogged = topology(|b| _ = b.stream(IN).distinct_by(TEN, |_, value| value.clone()).not_logged().to(OUT));
    assert!(unlogged.to_json()["stores"][0]["changelog"].is_null());
    for (keeps, expected) in [(false, &["a 1"][..]), (true, &[])] {
        let driver = TestDriver::configure(unlogged.clone()).with(App::exactly_once);
        let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
        assert_eq!(out_of(&mut driver, &[(100, "a", "1")]), ["a 1"]);
        driver.kill();
        driver.restart();
        assert_eq!(out_of(&mut driver, &[(100, "a", "1")]), expected, "keeps {keeps}");
    }
}

#[test]
fn wrong_options_of_the_store_are_errors_with_the_place() {
    fn error(write: impl FnOnce(&StreamsBuilder)) -> String {
        let builder = StreamsBuilder::new();
        write(&builder);
        builder.build().map(drop).map_err(|error| error.to_string()).unwrap_err()
    }
    for (error, part) in [
        (error(|b| _ = b.stream(IN).distinct(TEN).store_named("a/b").to(OUT)), "a/b"),
        (error(|b| _ = b.stream(IN).distinct(TEN).store_named("a").store_named("b").to(OUT)), "`a`"),
        (
            error(|b| {
                b.stream(IN).distinct(TEN).store_named("seen").to(OUT);
                b.stream(OUT).distinct(TEN).store_named("seen").to(IN);
            }),
            "seen",
        ),
        (error(|b| _ = b.stream(IN).distinct(TEN).changelog_config("segment.byte", "1").to(OUT)), "segment.bytes"),
    ] {
        assert!(error.contains(part) && error.contains("distinct.rs:"), "{error}");
    }
}
