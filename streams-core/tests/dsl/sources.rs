//! How sources are read: which time records have, and where reading starts.

use std::time::Duration;

use streams_core::dsl::{KStream, StreamsBuilder};
use streams_core::log::Embedded;
use streams_core::record::{Headers, Offset, Record, Timestamp};
use streams_core::runtime::{App, ErrorSettings, OnError, Settings};
use streams_core::testing::{TestDriver, TopologyTestDriver};
use streams_core::topic::{OffsetReset, TimestampPolicy, Topic, TopicPattern};
use streams_core::topology::Topology;

use crate::topology;

const NUMBERS: Topic<String, i64> = Topic::new("numbers");
const OTHERS: Topic<String, i64> = Topic::new("others");
const RAW: Topic<Option<String>, Option<Vec<u8>>> = Topic::new("numbers");
const OUT: Topic<String, i64> = Topic::new("out");

/// What came out, as `value@timestamp`.
fn out(driver: &mut TestDriver) -> String {
    let records = driver.read_records(&OUT);
    records.iter().map(|record| format!("{}@{}", record.value, record.timestamp.0)).collect::<Vec<_>>().join(" ")
}

fn dropped(driver: &mut TestDriver, reason: &str) -> u64 {
    driver.tasks().values().filter_map(|task| task.dropped.get(reason)).sum()
}

/// The numbers with times that are made of them: ten times the number, and no time for 0.
fn timed<'t>(builder: &'t StreamsBuilder) -> KStream<'t, String, i64> {
    builder.stream(NUMBERS).timestamped_by(|number, _| (number.value != 0).then_some(Timestamp(number.value * 10)))
}

#[test]
fn a_record_has_the_time_that_is_extracted_from_it_and_is_skipped_without_one() {
    let mut driver = TestDriver::new(topology(|builder| _ = timed(builder).to(OUT)));
    for number in [7, -3, 0, 5] {
        driver.pipe_at(&NUMBERS, "key", number, Timestamp(1));
    }
    assert_eq!(out(&mut driver), "7@70 5@50");
    assert_eq!(dropped(&mut driver, "negative-timestamp"), 2, "whatever `deserialization.exception.handler` says");
}

#[test]
fn records_of_several_topics_come_in_the_order_of_the_extracted_times() {
    let topology = topology(|builder| {
        timed(builder).merge(builder.stream(OTHERS)).to(OUT);
    });
    let mut driver = TestDriver::new(topology);
    for number in [9, 0, 3, -1, 6] {
        driver.log().send_at(&NUMBERS, "key", number, Timestamp(1_000)).unwrap();
    }
    for at in [20, 50, 95] {
        driver.log().send_at(&OTHERS, "key", 100, Timestamp(at)).unwrap();
    }
    driver.run();
    assert_eq!(out(&mut driver), "100@20 100@50 9@90 3@30 6@60 100@95");
}

#[test]
fn topics_of_one_source_are_timed_each_by_itself() {
    let topology = topology(|builder| {
        let both = builder.stream([NUMBERS, OTHERS]);
        both.timestamped_by(|number, partition_time| Timestamp(number.value + partition_time.0.max(0))).to(OUT);
    });
    let mut driver = TestDriver::new(topology);
    for number in [1, 10] {
        driver.log().send(&NUMBERS, "key", number).unwrap();
        driver.log().send(&OTHERS, "key", number + 4).unwrap();
    }
    driver.run();
    assert_eq!(out(&mut driver), "1@1 5@5 10@11 14@19");
}

#[test]
fn a_refused_record_ends_the_application_with_the_reason_and_its_place() {
    let parsed = topology(|builder| {
        let texts = builder.stream(Topic::<String, String>::new("texts"));
        texts.timestamped_by(|text, _| text.value.parse().map(Timestamp)).named("timed").map_values(|_| 1).to(OUT);
    });
    let texts = Topic::<String, String>::new("texts");
    let mut driver = TestDriver::new(parsed);
    driver.pipe(&texts, "key", "5");
    let record = Record::new("key".to_owned(), "five".to_owned(), Timestamp(7));
    let error = driver.error_after(&texts, &record).unwrap().to_string();
    let expected = "task 0_0 failed at offset 1 of texts-0: timed: the record's timestamp cannot be extracted: invalid digit \
                    found in string";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn an_extractor_that_panics_ends_the_application_with_the_record() {
    let topology = topology(|builder| {
        let numbers = builder.stream(NUMBERS);
        numbers.timestamped_by(|number, _| if number.value == 0 { panic!("no time") } else { Timestamp(1) }).to(OUT);
    });
    let mut driver = TestDriver::new(topology);
    driver.pipe(&NUMBERS, "key", 1);
    let record = Record::new("key".to_owned(), 0, Timestamp(7));
    let error = driver.error_after(&NUMBERS, &record).unwrap().to_string();
    let expected =
        "task 0_0 failed at offset 1 of numbers-0: KSTREAM-SOURCE-0000000000: the application's code panicked: no time";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn what_cannot_be_read_has_no_time_and_is_skipped_only_if_the_setting_says_so() {
    let skipping = |app: App| {
        app.settings(Settings {
            errors: ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() },
            ..Settings::default()
        })
    };
    let mut driver = TestDriver::configure(topology(|builder| _ = timed(builder).to(OUT))).with(skipping).start();
    driver.pipe(&NUMBERS, "key", 1);
    driver.pipe(&RAW, Some("key".to_owned()), Some(b"x".to_vec()));
    driver.pipe(&NUMBERS, "key", 2);
    assert_eq!(out(&mut driver), "1@10 2@20");
    assert_eq!(dropped(&mut driver, "undecodable"), 1);

    let mut driver = TestDriver::new(topology(|builder| _ = timed(builder).to(OUT)));
    let bad = Record {
        key: Some("key".to_owned()),
        value: Some(b"x".to_vec()),
        timestamp: Timestamp(1),
        headers: Headers::new(),
    };
    let error = driver.error_after(&RAW, &bad).unwrap().to_string();
    assert!(error.starts_with("task 0_0 failed at offset 0 of numbers-0: the value cannot be read"), "{error}");
}

#[test]
fn the_largest_time_of_a_partition_is_known_after_a_crash() {
    let topology = topology(|builder| {
        let numbers = builder.stream(NUMBERS);
        numbers.timestamped_by(|number, partition_time| partition_time.max(Timestamp(number.value))).to(OUT);
    });
    let mut driver = TestDriver::new(topology);
    driver.pipe(&NUMBERS, "key", 700);
    driver.kill();
    driver.restart();
    driver.pipe(&NUMBERS, "key", 3);
    assert_eq!(out(&mut driver), "700@700 3@700");
}

#[test]
fn a_tables_rows_have_extracted_times_too() {
    let topology = topology(|builder| {
        let table = builder.table(NUMBERS).timestamped_by(|row, _| Timestamp(row.value.unwrap_or(9)));
        table.to_stream().map_values(|number| number.unwrap_or(-1)).to(OUT);
    });
    let mut driver = TestDriver::new(topology);
    driver.pipe_at(&NUMBERS, "key", 5, Timestamp(100));
    driver.pipe_at(&RAW, Some("key".to_owned()), None::<Vec<u8>>, Timestamp(100));
    assert_eq!(out(&mut driver), "5@5 -1@9");
}

#[test]
fn a_policy_of_a_source_comes_before_that_of_the_application() {
    let copy = || {
        topology(|builder| {
            builder.stream(NUMBERS).to(OUT);
            builder.stream(OTHERS).timestamps(TimestampPolicy::PartitionTime).to(OUT);
        })
    };
    let pipe = |mut driver: TestDriver| {
        driver.pipe_at(&NUMBERS, "key", 1, Timestamp(10));
        driver.pipe_at(&NUMBERS, "key", 2, Timestamp(-1));
        driver.pipe_at(&OTHERS, "key", 3, Timestamp(20));
        driver.pipe_at(&OTHERS, "key", 4, Timestamp(-1));
        let dropped = dropped(&mut driver, "negative-timestamp");
        (out(&mut driver), dropped)
    };
    for (policy, expected) in [
        (TimestampPolicy::Skip, ("1@10 3@20 4@20", 1)),
        (TimestampPolicy::PartitionTime, ("1@10 2@10 3@20 4@20", 0)),
        (TimestampPolicy::WallClock, ("1@500 2@500 3@20 4@20", 0)),
    ] {
        let with = move |app: App| app.timestamps(policy);
        let driver = TestDriver::configure(copy()).start_at(Timestamp(500)).with(with).start();
        assert_eq!(pipe(driver), (expected.0.to_owned(), expected.1), "{policy:?}");
    }
}

/// Kafka Streams says so of its repartition topics, too.
#[test]
fn records_of_repartition_topics_keep_their_times_whatever_the_application_says() {
    let topology =
        topology(|builder| _ = builder.stream(NUMBERS).timestamps(TimestampPolicy::Fail).repartition().to(OUT));
    let with = |app: App| app.timestamps(TimestampPolicy::WallClock);
    let mut driver = TestDriver::configure(topology).start_at(Timestamp(500)).with(with).start();
    driver.pipe_at(&NUMBERS, "key", 1, Timestamp(10));
    assert_eq!(out(&mut driver), "1@10");
}

#[test]
fn the_driver_of_a_single_task_extracts_times_as_well() {
    let topology = topology(|builder| {
        timed(builder).repartition().to(OUT);
        builder.stream(OTHERS).to(OUT);
    });
    let mut driver = TopologyTestDriver::configure(topology).timestamps(TimestampPolicy::Skip).start().unwrap();
    for number in [7, 0, 5] {
        driver.pipe_at(&NUMBERS, "key", number, Timestamp(1)).unwrap();
    }
    driver.pipe_at(&OTHERS, "key", 8, Timestamp(-1)).unwrap();
    let sent = driver.take_sent();
    let times: Vec<_> =
        sent.iter().filter(|sent| &*sent.topic == "out").map(|sent| sent.timestamp.unwrap().0).collect();
    assert_eq!(times, [70, 50]);
    assert_eq!(driver.dropped().values().sum::<u64>(), 2);
}

/// An application that reads two topics, of which the second has a policy, or none.
fn two(reset: Option<OffsetReset>) -> Topology {
    topology(|builder| {
        let others = builder.stream(OTHERS);
        builder.stream(NUMBERS).merge(reset.map_or(others, |reset| others.offset_reset(reset))).to(OUT);
    })
}

#[test]
fn reading_starts_where_the_source_says_and_otherwise_where_the_application_does() {
    let log = || {
        let log = Embedded::in_memory();
        let hours_ago = |hours: i64| Timestamp(chrono_now() - hours * 3_600_000);
        for (topic, first) in [(NUMBERS, 1), (OTHERS, 11)] {
            for (hours, number) in [(30, first), (20, first + 1), (1, first + 2)] {
                log.send_at(&topic, "key", number, hours_ago(hours)).unwrap();
            }
        }
        log
    };
    let hours = |hours: u64| Some(OffsetReset::ByDuration(Duration::from_secs(hours * 3_600)));
    let (earliest, latest) = (OffsetReset::Earliest, OffsetReset::Latest);
    for (of_application, of_source, expected) in [
        (earliest, None, &[1, 2, 3, 11, 12, 13][..]),
        (latest, None, &[]),
        (latest, Some(earliest), &[11, 12, 13]),
        (earliest, Some(latest), &[1, 2, 3]),
        (latest, hours(25), &[12, 13]),
        (latest, hours(0), &[]),
        (latest, hours(1_000_000), &[11, 12, 13]),
        (OffsetReset::ByDuration(Duration::from_secs(2 * 3_600)), None, &[3, 13]),
        (OffsetReset::ByDuration(Duration::from_secs(2 * 3_600)), hours(25), &[3, 12, 13]),
        (latest, Some(OffsetReset::Since(Timestamp(chrono_now() - 25 * 3_600_000))), &[12, 13]),
        (OffsetReset::Since(Timestamp(chrono_now())), Some(OffsetReset::Since(Timestamp(-1))), &[11, 12, 13]),
        (latest, Some(OffsetReset::At(Offset(2))), &[13]),
        (OffsetReset::At(Offset(1)), Some(OffsetReset::At(Offset(4))), &[2, 3]),
        (OffsetReset::At(Offset(0)), latest.into(), &[1, 2, 3]),
    ] {
        let log = log();
        let settings = Settings { offset_reset: of_application, out_of_range: of_application, ..Settings::default() };
        for _ in 0..2 {
            // Once there is a position, no policy matters.
            App::new("app", two(of_source)).settings(settings.clone()).quiet().run_until_idle(log.clone()).unwrap();
        }
        let mut values: Vec<_> = log.read(&OUT).unwrap().into_iter().map(|record| record.value).collect();
        values.sort_unstable();
        assert_eq!(values, expected, "{of_application:?}, {of_source:?}");
    }
}

#[test]
fn a_source_that_may_start_nowhere_ends_the_application_with_its_topic() {
    let log = Embedded::in_memory();
    for topic in [NUMBERS, OTHERS] {
        log.send(&topic, "key", 1).unwrap();
    }
    let error = App::new("app", two(Some(OffsetReset::None))).quiet().run_until_idle(log).unwrap_err().to_string();
    assert!(error.contains("others-0") && error.contains("the group has committed none"), "{error}");
}

fn chrono_now() -> i64 {
    i64::try_from(std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis()).unwrap()
}

const MANY: TopicPattern<String, i64> = TopicPattern::new("many-.*");

fn many(name: &str) -> Topic<String, i64> {
    Topic::named(format!("many-{name}")).unwrap()
}

/// The sum of each key over all topics that match, joined with its name in a table.
fn sums() -> Topology {
    topology(|builder| {
        let names = builder.table(Topic::<String, String>::new("names"));
        let sums = builder.stream(MANY).group_by_key().reduce(|sum, number| sum + number).to_stream().filter_some();
        sums.left_join(names, |sum, name| sum + name.map_or(0, |name| i64::try_from(name.len()).unwrap() * 1_000))
            .to(OUT);
    })
}

#[test]
fn topics_that_match_are_read_whenever_they_are_created() {
    let mut driver = TestDriver::configure(sums()).partitions(2).start();
    let names = Topic::<String, String>::new("names");
    driver.pipe(&names, "key", "ada");
    driver.pipe(&many("a"), "key", 1);
    driver.pipe(&many("b"), "key", 10);
    driver.kill();
    driver.restart();
    driver.pipe(&many("c"), "key", 100);
    driver.pipe(&many("a"), "key", 2);
    let values: Vec<_> = driver.read(&OUT).into_iter().map(|(_, value)| value).collect();
    assert_eq!(values, [3_001, 3_011, 3_111, 3_113]);
}

#[test]
fn a_topology_of_a_pattern_alone_waits_for_its_first_topic() {
    let mut driver = TestDriver::new(topology(|builder| _ = builder.stream(MANY).to(OUT)));
    assert!(driver.tasks().is_empty());
    driver.pipe(&many("a"), "key", 1);
    driver.pipe(&many("b"), "key", 2);
    assert_eq!(driver.read(&OUT), [("key".to_owned(), 1), ("key".to_owned(), 2)]);
    let log = Embedded::in_memory();
    let summary = App::new("app", topology(|builder| _ = builder.stream(MANY).to(OUT))).quiet().run_until_idle(log);
    assert_eq!(summary.unwrap().records_in, 0);
}

#[test]
fn all_topics_that_match_are_one_input_of_the_driver_of_a_single_task() {
    let topology = topology(|builder| {
        let times = builder.stream(MANY).timestamped_by(|number, time| Timestamp(number.value.max(time.0)));
        times.to(OUT);
        builder.stream(NUMBERS).to(many("c"));
    });
    let mut driver = TopologyTestDriver::new(topology).unwrap();
    driver.pipe(&many("a"), "key", 70).unwrap();
    driver.pipe(&many("b"), "key", 20).unwrap();
    driver.pipe(&NUMBERS, "key", 90).unwrap();
    assert!(driver.pipe(&Topic::<String, i64>::new("man-y"), "key", 1).is_err());
    let sent: Vec<_> =
        driver.take_sent().iter().map(|sent| (sent.topic.to_string(), sent.timestamp.unwrap().0)).collect();
    let expected = [("out", 70), ("out", 70), ("many-c", 0), ("out", 90)];
    assert_eq!(sent, expected.map(|(topic, at)| (topic.to_owned(), at)));
}
