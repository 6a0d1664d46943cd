//! Global stores that the program's own code fills: what it finds there, who reads them, and what is there after crashes.

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::Timestamped;
use streams_core::record::{Record, Timestamp};
use streams_core::runtime::{DropReason, ErrorSettings, OnError, Settings};
use streams_core::state::KeyValueStore;
use streams_core::testing::{KeptState, TestDriver, TopologyTestDriver};
use streams_core::topic::Topic;
use streams_core::topology::{Topology, TopologyError};

use crate::{A, OUT, topology};

const G: Topic<String, String> = Topic::new("g");
/// How often each value came, and when it came last.
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// Counts values; `-x` takes the value `x` out. What a record of `A` names is looked up.
fn counts() -> Topology {
    topology(|builder| {
        builder.global_store(G, COUNTS, |counts, record| match record.value.strip_prefix('-') {
            Some(value) => counts.delete(&value.to_owned()),
            None => counts.put(&record.value, counts.get(&record.value).unwrap_or(0) + 1),
        });
        let looked_up = builder.stream(A).process(COUNTS.read_only(), |counts, key, value: String, out| {
            let row = counts.get_timestamped(&value).map(|row| format!("{}@{}", row.value, row.timestamp.0));
            out.send(key.clone(), row.unwrap_or_else(|| "-".to_owned()));
        });
        _ = looked_up.to(OUT);
    })
}

fn look_up(driver: &mut TestDriver, values: &[&str]) -> Vec<String> {
    for value in values {
        driver.pipe(&A, "k", *value);
    }
    driver.commit();
    driver.read(&OUT).into_iter().map(|(_, found)| found).collect()
}

#[test]
fn the_code_finds_what_it_has_written_and_every_processor_does() {
    for partitions in [1, 3] {
        let mut driver = TestDriver::configure(counts()).partitions(partitions).start();
        for (time, value) in [(1, "a"), (2, "b"), (3, "a"), (4, "c"), (5, "-b"), (6, "c"), (7, "-c"), (8, "c")] {
            driver.pipe_at(&G, value, value, Timestamp(time));
        }
        assert_eq!(look_up(&mut driver, &["a", "b", "c"]), ["2@3", "-", "1@8"]);
        assert_eq!(driver.rows(&COUNTS), [("a".to_owned(), 2), ("c".to_owned(), 1)]);
    }
}

/// Several records that arrive at once are one batch, whose rows are not written before its end.
#[test]
fn records_of_one_batch_find_each_others_rows() {
    const LARGEST: KeyValueStore<String, String> = KeyValueStore::new("largest");
    let mut driver = TestDriver::new(topology(|builder| {
        builder.global_store(G, LARGEST, |largest, record| {
            let there: Vec<_> = largest.range("b".to_owned()..).into_iter().map(|(key, _)| key).collect();
            largest.put_timestamped(&record.key, Timestamped { value: there.join(" "), timestamp: Timestamp(7) });
            if record.value == "out" {
                largest.delete(&record.key);
            }
        });
        _ = builder.stream(A).to(OUT);
    }));
    for (key, value) in [("b", "in"), ("a", "in"), ("c", "in"), ("b", "out"), ("d", "in")] {
        driver.log().send_at(&G, key, value, Timestamp(1)).unwrap();
    }
    driver.run();
    let rows = [("a", "b"), ("c", "b"), ("d", "c")].map(|(key, found)| (key.to_owned(), found.to_owned()));
    assert_eq!(driver.rows(&LARGEST), rows);
}

#[test]
fn each_record_changes_the_store_once_whatever_happens() {
    for keeps in [false, true] {
        for (batch, kills) in [(1, 3), (4, 1)] {
            let setup = TestDriver::configure(counts()).partitions(2).with(|app| app.exactly_once());
            let mut driver = if keeps { setup.state_in(KeptState::default()).start() } else { setup.start() };
            let mut sent = 0;
            for number in 0..24 {
                let key = format!("k{number}");
                driver.log().send_at(&G, key, ["a", "b"][number % 2], Timestamp(number as i64)).unwrap();
                sent += 1;
                if sent % batch == 0 {
                    driver.run();
                }
                if sent % kills == 0 {
                    driver.kill();
                    driver.restart();
                }
            }
            driver.run();
            let counts: Vec<_> = driver.rows(&COUNTS);
            assert_eq!(
                counts,
                [("a".to_owned(), 12), ("b".to_owned(), 12)],
                "state is kept: {keeps}, {batch}, {kills}"
            );
        }
    }
}

#[test]
fn nulls_come_if_the_topics_types_allow_them_and_others_are_undecodable() {
    const NULLABLE: Topic<Option<String>, Option<String>> = Topic::new("g");
    const SEEN: KeyValueStore<String, String> = KeyValueStore::new("seen");
    let build = || {
        topology(|builder| {
            builder.global_store(NULLABLE, SEEN, |seen, Record { key, value, .. }| {
                let seen_before = seen.get(&"all".to_owned()).unwrap_or_default();
                seen.put(&"all".to_owned(), format!("{seen_before}{key:?}={value:?} "));
            });
            _ = builder.stream(A).to(OUT);
        })
    };
    let mut driver = TestDriver::new(build());
    driver.pipe(&NULLABLE, None::<String>, Some("v".to_owned()));
    driver.pipe(&NULLABLE, Some("k".to_owned()), None::<String>);
    assert_eq!(driver.get(&SEEN, "all"), Some(r#"None=Some("v") Some("k")=None "#.to_owned()));

    let mut driver = TestDriver::new(counts());
    let error = driver.error_after(&NULLABLE, &Record::new(None, Some("v".to_owned()), Timestamp(1))).unwrap();
    let text = error.to_string();
    assert!(text.contains("offset 0 of g-") && text.contains("the key cannot be read"), "{text}");

    let skips = Settings {
        errors: ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() },
        ..Settings::default()
    };
    let mut driver = TestDriver::configure(counts()).with(move |app| app.settings(skips.clone())).start();
    driver.pipe(&NULLABLE, None::<String>, Some("v".to_owned()));
    driver.pipe(&G, "k", "v");
    assert_eq!(driver.rows(&COUNTS), [("v".to_owned(), 1)]);
    let dropped: u64 =
        driver.tasks().values().filter_map(|task| task.dropped.get(DropReason::Undecodable.label())).sum();
    assert_eq!(dropped, 1);
}

#[test]
fn a_panic_of_the_code_ends_the_application_and_names_the_node_and_the_record() {
    let mut driver = TestDriver::new(topology(|builder| {
        builder.global_store(G, COUNTS, |_, record| assert!(record.value != "bad", "it is bad")).named("fills");
        _ = builder.stream(A).to(OUT);
    }));
    driver.pipe(&G, "k", "good");
    let error = driver.error_after(&G, &Record::new("k".to_owned(), "bad".to_owned(), Timestamp(1))).unwrap();
    let text = error.to_string();
    assert!(text.contains("offset 1 of g-0") && text.contains("fills") && text.contains("it is bad"), "{text}");
}

/// `TopologyTestDriver.pipeInput` for the topic of a global store.
#[test]
fn rows_are_written_with_each_record_and_have_its_time() {
    let mut driver = TopologyTestDriver::new(counts()).unwrap();
    for (time, value) in [(-3, "a"), (5, "b"), (4, "a")] {
        driver.pipe_at(&G, "k", value, Timestamp(time)).unwrap();
    }
    let rows = driver.rows().unwrap().into_iter().map(|row| (row.key, row.timestamp));
    let expected = [("a", 4), ("b", 5)].map(|(key, time)| (key.as_bytes().to_vec(), Some(Timestamp(time))));
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    driver.pipe(&A, "k", "a").unwrap();
    let found: Vec<_> = driver.take_sent().into_iter().map(|sent| sent.value.unwrap()).collect();
    assert_eq!(found, [b"2@4"], "nothing else is sent: the topic is the changelog");
}

#[test]
fn a_global_store_has_one_writer() {
    let refused = |build: fn(&StreamsBuilder)| {
        let builder = StreamsBuilder::new();
        builder.global_store(G, COUNTS, |_, _| {});
        build(&builder);
        builder.build().unwrap_err()
    };
    let error = refused(|builder| _ = builder.stream(A).process(COUNTS, |_, _, _, _: &mut Nothing<'_>| {}).to(NOTHING));
    assert!(matches!(error, TopologyError::DuplicateStore { .. }), "{error}");
    let error = refused(|builder| _ = builder.global_store(Topic::<String, String>::new("h"), COUNTS, |_, _| {}));
    assert!(matches!(error, TopologyError::DuplicateStore { .. }), "{error}");
}

type Nothing<'a> = streams_core::dsl::processor::Forward<'a, String, String>;
const NOTHING: Topic<String, String> = OUT;
