//! Records that cannot be read, lack what an operator needs, or make the program's own code fail.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{Forward, Processor, PunctuationId, PunctuationTime, Refs, Schedule};
use streams_core::log::Embedded;
use streams_core::record::{Headers, Record, Timestamp};
use streams_core::runtime::{App, ErrorSettings, Guarantee, OnError, Settings};
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::{Tumbling, Windowed};
use streams_core::wire::json::Json;
use streams_core::wire::msgpack::MessagePack;
use streams_core::wire::{Codec, DecodeError, EncodeError, Value};

use crate::world::{committed, create_topic_with, error_of, message_of, topology};

const NUMBERS: Topic<i64, i64> = Topic::new("numbers");
/// The same topic, for writing anything.
const RAW: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("numbers");
const OUT: Topic<i64, i64> = Topic::new("out");
const MAYBE: Topic<Option<String>, Option<String>> = Topic::new("maybe");
const TABLE: Topic<String, Option<String>> = Topic::new("table");
const TEXTS: Topic<Option<String>, Option<String>> = Topic::new("texts");

/// The eight bytes of a number.
fn number(number: i64) -> Option<Vec<u8>> {
    Some(number.to_be_bytes().to_vec())
}

fn bytes(text: &[u8]) -> Option<Vec<u8>> {
    Some(text.to_vec())
}

fn copy() -> Topology {
    topology(|builder| _ = builder.stream(NUMBERS).to(OUT))
}

/// The ways to run: with each guarantee, failing on undecodable records or skipping them.
fn settings(guarantee: Guarantee, undecodable: OnError) -> Settings {
    let commit_interval = Some(Duration::from_millis(100));
    let errors = ErrorSettings { undecodable, ..ErrorSettings::default() };
    Settings { guarantee: Some(guarantee), errors, commit_interval, cache_bytes: 0, ..Settings::default() }
}

const GUARANTEES: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];

/// The bytes of a key and a value.
type Raw = (Option<Vec<u8>>, Option<Vec<u8>>);

/// Records that are not pairs of numbers, with their errors.
fn undecodable() -> Vec<(Raw, Vec<&'static str>)> {
    vec![
        ((bytes(b"key"), number(2)), vec!["the key cannot be read", "type i64", "first bytes: 6b6579"]),
        ((number(2), bytes(b"value")), vec!["the value cannot be read", "type i64", "first bytes: 76616c7565"]),
        ((number(2), bytes(b"")), vec!["the value cannot be read", "type i64"]),
        ((None, number(2)), vec!["the key cannot be read", "it is null", "Option<i64>"]),
        ((number(2), None), vec!["the value cannot be read", "it is null", "Option<i64>"]),
        ((number(2), Some(vec![0xff; 5_000])), vec!["the value cannot be read", "(first bytes: "]),
    ]
}

#[test]
fn an_undecodable_record_stops_the_application_in_front_of_it_and_says_what_it_is() {
    for guarantee in GUARANTEES {
        for ((key, value), parts) in undecodable() {
            let log = Embedded::in_memory();
            log.send(&RAW, number(1), number(1)).unwrap();
            log.send(&RAW, key, value).unwrap();
            log.send(&RAW, number(3), number(3)).unwrap();

            let app = || App::new("copy", copy()).settings(settings(guarantee, OnError::Fail));
            for run in 1..=2 {
                let message = message_of(app(), &log);
                let place =
                    ["task 0_0 failed at offset 1 of numbers-0", "`deserialization.exception.handler`", "`skip`"];
                for part in place.iter().chain(&parts) {
                    assert!(message.contains(part), "{guarantee:?}, run {run}: {part} is not in: {message}");
                }
                assert!(message.len() < 600, "the payload is not in the message: {message}");
                check_nothing_beyond(&log, guarantee);
            }

            let app = App::new("copy", copy()).settings(settings(guarantee, OnError::Skip));
            assert_eq!(error_of(app, &log), None);
            assert_eq!(committed(&log, "copy", "numbers"), Some(3));
            let mut values = log.read(&OUT).unwrap().into_iter().map(|record| record.value).collect::<Vec<_>>();
            if guarantee == Guarantee::AtLeastOnce {
                values.dedup();
            }
            assert_eq!(values, [1, 3], "{guarantee:?}");
        }
    }
}

/// Nothing after the bad record is committed; with exactly-once, only the output of committed records is visible.
fn check_nothing_beyond(log: &Embedded, guarantee: Guarantee) {
    let position = committed(log, "copy", "numbers").unwrap_or(0);
    assert!(position <= 1, "position {position} is behind the bad record");
    let values: Vec<_> = log.read(&OUT).unwrap().into_iter().map(|record| record.value).collect();
    assert!(values.iter().all(|value| *value == 1), "{values:?}: only the record before may have come out");
    if guarantee == Guarantee::ExactlyOnce {
        assert_eq!(i64::try_from(values.len()).unwrap(), position, "output and position are committed as one");
    }
}

#[test]
fn skipped_records_are_counted_by_their_reason_and_the_rest_is_processed() {
    for guarantee in GUARANTEES {
        let setup = TestDriver::configure(copy());
        let mut driver = setup.with(move |app| app.settings(settings(guarantee, OnError::Skip))).start();
        let raw =
            |key, value, timestamp| Record { key, value, timestamp: Timestamp(timestamp), headers: Headers::new() };
        for record in [
            raw(number(1), number(1), 0),
            raw(bytes(b"key"), number(2), 0),
            raw(number(2), bytes(b"value"), 0),
            raw(number(2), None, 0),
            raw(number(2), number(2), -1),
            raw(number(2), number(2), i64::MIN),
            raw(bytes(b"key"), number(2), -1),
            raw(number(3), number(3), 0),
        ] {
            driver.pipe_record(&RAW, record);
        }
        assert_eq!(driver.read(&OUT), [(1, 1), (3, 3)]);
        let dropped = driver.tasks().into_values().map(|task| task.dropped).collect::<Vec<_>>();
        assert_eq!(dropped, [BTreeMap::from([("undecodable", 3), ("negative-timestamp", 3)])]);
        assert_eq!(committed(driver.log(), "test", "numbers"), Some(8), "{guarantee:?}");
    }
}

#[test]
fn a_record_with_a_negative_timestamp_stops_the_application_in_front_of_it() {
    for guarantee in GUARANTEES {
        let setup = TestDriver::configure(copy());
        let mut driver = setup.with(move |app| app.settings(settings(guarantee, OnError::Fail))).start();
        driver.pipe_at(&NUMBERS, 1, 1, Timestamp(0));
        let bad = Record { key: 2, value: 2, timestamp: Timestamp(-1), headers: Headers::new() };
        let message = driver.error_after(&NUMBERS, &bad).unwrap().to_string();
        for part in ["offset 1 of numbers-0", "timestamp is -1", "`deserialization.exception.handler`", "`skip`"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(committed(driver.log(), "test", "numbers"), Some(1), "{guarantee:?}");
        assert_eq!(driver.read(&OUT), [(1, 1)]);
    }
}

/// Outputs stream time whenever it has advanced by a second.
struct Clock;

impl Processor<i64, i64, i64, i64> for Clock {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_secs(1), PunctuationTime::Stream);
    }

    fn process(&mut self, (): Refs<'_, ()>, _: Record<i64, i64>, _: &mut Forward<'_, i64, i64>) {}

    fn punctuate(&mut self, _: PunctuationId, time: Timestamp, (): Refs<'_, ()>, out: &mut Forward<'_, i64, i64>) {
        out.send(0, time.0);
    }
}

/// Undecodable records must not count for stream time: one that is dated far ahead would fire punctuations, even after a
/// restart.
#[test]
fn a_skipped_record_does_not_move_stream_time() {
    let clock = topology(|builder| _ = builder.stream(NUMBERS).process_with((), || Clock).to(OUT));
    let setup = TestDriver::configure(clock);
    let skip = || settings(Guarantee::AtLeastOnce, OnError::Skip);
    let mut driver = setup.with(move |app| app.settings(skip())).start();
    let pipe = |driver: &mut TestDriver, value: Option<Vec<u8>>, timestamp: i64| {
        let timestamp = Timestamp(timestamp);
        driver.pipe_record(&RAW, Record { key: number(0), value, timestamp, headers: Headers::new() });
    };
    pipe(&mut driver, number(1), 0);
    driver.read(&OUT);
    pipe(&mut driver, bytes(b"garbage"), 9_000_000);
    assert_eq!(driver.read(&OUT), [], "nothing is known to have happened");
    driver.stop();
    driver.restart();
    pipe(&mut driver, number(1), 1_500);
    let ticks: Vec<_> = driver.read(&OUT).into_iter().map(|(_, time)| time).collect();
    assert!(ticks.iter().all(|time| *time <= 1_500), "{ticks:?}");
}

/// A program that reads `maybe`, whose records may have no key or value, and what is counted as dropped.
type NullCase = (&'static str, fn(&StreamsBuilder), [&'static [&'static str]; 2]);

/// The programs, with what is dropped for a record with a null key, and for one with a null value.
const NULL_CASES: &[NullCase] = &[
    ("filter", |b| _ = b.stream(MAYBE).filter(|_, _| true).to(TEXTS), [&[], &[]]),
    ("count", |b| _ = b.stream(MAYBE).group_by_key().count(), [&["null-key"], &["null-value"]]),
    ("reduce", |b| _ = b.stream(MAYBE).group_by_key().reduce(|a, _| a), [&["null-key"], &["null-value"]]),
    ("group by key, then by value", |b| _ = b.stream(MAYBE).group_by(|_, v| v.clone()).count(), [&[], &["null-key"]]),
    (
        "windowed count",
        |b| {
            let window = Tumbling::of(Duration::from_secs(1)).no_grace();
            let _: streams_core::dsl::KTable<'_, Windowed<String>, _> =
                b.stream(MAYBE).group_by_key().windowed_by(window).count();
        },
        // As in Java, null values are counted here.
        [&["null-key"], &[]],
    ),
    ("table", |b| _ = b.table(MAYBE).stored_as(KeyValueStore::new("rows")), [&["null-key"], &[]]),
    ("join", |b| _ = b.stream(MAYBE).join(b.table(TABLE), |v, _| v).to(TEXTS), [&["null-key"], &["null-value"]]),
    ("left join", |b| _ = b.stream(MAYBE).left_join(b.table(TABLE), |v, _| v).to(TEXTS), [&[], &["null-value"]]),
];

#[test]
fn records_without_what_an_operator_needs_are_dropped_and_counted_by_their_reason() {
    for (name, write, expected) in NULL_CASES {
        let null_key = (None, Some("v".to_owned()));
        let null_value = (Some("k".to_owned()), None);
        for ((key, value), expected) in [null_key, null_value].into_iter().zip(expected) {
            let mut driver = TestDriver::new(topology(write));
            driver.pipe(&MAYBE, key.clone(), value.clone());
            driver.pipe(&MAYBE, Some("k".to_owned()), Some("v".to_owned()));
            let mut dropped = BTreeMap::new();
            for (reason, count) in driver.tasks().into_values().flat_map(|task| task.dropped) {
                *dropped.entry(reason).or_insert(0) += count;
            }
            let expected: BTreeMap<_, _> = expected.iter().map(|reason| (*reason, 1_u64)).collect();
            assert_eq!(dropped, expected, "{name}: {key:?}, {value:?}");
            assert_eq!(committed(driver.log(), "test", "maybe"), Some(2), "{name}: the position is behind both");
        }
    }
}

/// JSON of any shape.
#[derive(Clone)]
struct Document(serde_json::Value);

impl Value for Document {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Json::encode(&self.0, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Json::decode(bytes).map(Self)
    }
}

/// Texts in MessagePack.
#[derive(Clone)]
struct Packed(Vec<String>);

impl Value for Packed {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        MessagePack::encode(&self.0, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        MessagePack::decode(bytes).map(Self)
    }
}

/// Nesting must not exhaust the stack (which nothing can catch), and an announced length must not exhaust the memory.
#[test]
fn documents_made_to_exhaust_the_machine_are_records_like_any_other_undecodable_one() {
    const DOCUMENTS: Topic<(), Document> = Topic::new("documents");
    const PACKED: Topic<(), Packed> = Topic::new("documents");
    const BYTES: Topic<(), Vec<u8>> = Topic::new("documents");
    let json = || topology(|builder| _ = builder.stream(DOCUMENTS).for_each(|_, _| {}));
    let packed = || topology(|builder| _ = builder.stream(PACKED).for_each(|_, _| {}));
    let arrays = "[".repeat(100_000) + &"]".repeat(100_000);
    let objects = r#"{"a":"#.repeat(100_000);
    for (topology, document) in [
        (json(), arrays.into_bytes()),
        (json(), objects.into_bytes()),
        (packed(), vec![0xdd, 0xff, 0xff, 0xff, 0xff]),
        (packed(), vec![0x91, 0xdb, 0xff, 0xff, 0xff, 0xff]),
        (packed(), vec![0x91; 100_000]),
    ] {
        let mut driver = TestDriver::new(topology);
        let record = Record { key: (), value: document, timestamp: Timestamp(0), headers: Headers::new() };
        let message = driver.error_after(&BYTES, &record).unwrap().to_string();
        for part in ["offset 0 of documents-0", "the value cannot be read", "first bytes: "] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(committed(driver.log(), "test", "documents"), None);
    }
}

#[test]
fn a_panic_in_the_programs_code_stops_the_application_in_front_of_the_record() {
    for guarantee in GUARANTEES {
        let log = Embedded::in_memory();
        for n in 1..=3 {
            log.send(&NUMBERS, n, n).unwrap();
        }
        let gives_up = topology(|builder| {
            let checked = builder.stream(NUMBERS).map_values(|n| if n == 2 { panic!("no {n}") } else { n });
            checked.to(OUT);
        });
        let app = App::new("copy", gives_up).settings(settings(guarantee, OnError::Skip));
        let message = message_of(app, &log);
        let expected = "task 0_0 failed at offset 1 of numbers-0: KSTREAM-MAPVALUES-0000000001: the application's code \
                        panicked: no 2; the record is not committed, so the next start processes it again: mend the \
                        code, or what sends such records, or set `processing.exception.handler` to `skip` or \
                        `dead-letter`";
        assert_eq!(message, expected);
        check_nothing_beyond(&log, guarantee);
    }
}

/// Rows are kept as bytes: if they were not checked, a task would fail much later, when it looks one up.
#[test]
fn an_undecodable_record_of_a_global_table_is_treated_like_any_other() {
    const RAW_TABLE: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("rows");
    const ROWS: Topic<i64, i64> = Topic::new("rows");
    let joined = || {
        topology(|builder| {
            let rows = builder.global_table(ROWS);
            builder.stream(NUMBERS).join_global(rows, |key, _| *key, |left, right| left + right).to(OUT);
        })
    };
    for guarantee in GUARANTEES {
        for ((key, value), parts) in undecodable() {
            // Nulls are valid in a table: they delete rows, or are dropped.
            if key.is_none() || value.is_none() {
                continue;
            }
            let log = Embedded::in_memory();
            for (key, value) in [(number(1), number(10)), (key, value), (None, number(30)), (number(3), number(30))] {
                log.send(&RAW_TABLE, key, value).unwrap();
            }
            log.send(&NUMBERS, 1, 1).unwrap();
            log.send(&NUMBERS, 3, 3).unwrap();

            let message = message_of(App::new("g", joined()).settings(settings(guarantee, OnError::Fail)), &log);
            for part in ["offset 1 of rows-0", "`deserialization.exception.handler`"].iter().chain(&parts) {
                assert!(message.contains(part), "{part}: {message}");
            }
            assert_eq!(committed(&log, "g", "numbers"), None, "nothing is joined with half a table");

            let app = App::new("g", joined()).settings(settings(guarantee, OnError::Skip));
            let running = app.start(log.clone()).unwrap();
            running.wait_until_running().unwrap();
            let dropped: Vec<_> = running.tasks().into_values().flat_map(|task| task.dropped).collect();
            running.close().unwrap();
            assert_eq!(dropped, [("null-key", 1), ("undecodable", 1)]);
            let app = App::new("g", joined()).settings(settings(guarantee, OnError::Skip));
            assert_eq!(error_of(app, &log), None);
            let values: Vec<_> = log.read(&OUT).unwrap().into_iter().map(|record| record.value).collect();
            assert_eq!(values, [11, 33]);
        }
    }
}

/// Regression: the broker refuses it long after the record was processed, and the error named only the topic.
#[test]
fn a_result_whose_time_a_topic_does_not_take_is_told_with_its_input() {
    const FUTURE: Timestamp = Timestamp(4_102_444_800_000);
    let after = ("message.timestamp.after.max.ms", "3600000");
    let before = ("message.timestamp.before.max.ms", "3600000");
    let counted = || topology(|builder| _ = builder.stream(NUMBERS).group_by_key().count().stored_as(COUNTED));
    const COUNTED: KeyValueStore<i64, i64> = KeyValueStore::new("counted");
    for guarantee in GUARANTEES {
        for (limit, what, topic, time, topology) in [
            (after, "after", "out", FUTURE, copy()),
            (before, "before", "out", Timestamp(7), copy()),
            (after, "after", "times-counted-changelog", FUTURE, counted()),
        ] {
            let log = Embedded::in_memory();
            log.create_topic("numbers", 1).unwrap();
            let policy = ("cleanup.policy", if topic == "out" { "delete" } else { "compact" });
            create_topic_with(&log, topic, 1, &[limit, policy]);
            for number in 0..3 {
                log.send(&NUMBERS, number, number).unwrap();
            }
            log.send_at(&NUMBERS, 3, 3, time).unwrap();
            log.send(&NUMBERS, 4, 4).unwrap();
            let app = App::new("times", topology).settings(settings(guarantee, OnError::Fail));
            let message = message_of(app, &log);
            let setting = format!("`message.timestamp.{what}.max.ms`");
            let input = "task 0_0 made it from offset 3 of numbers-0, which has that timestamp";
            for part in [&format!("{topic}-0"), &time.0.to_string(), &setting, input] {
                assert!(message.contains(part), "{part:?} in {message}");
            }
        }
    }
}
