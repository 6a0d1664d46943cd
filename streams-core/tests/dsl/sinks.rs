//! Where records are sent to: partitioners of `to` and `repartition`.

use streams_core::dsl::Partitions;
use streams_core::record::{Headers, Record, Timestamp};
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;

use crate::{OUT, topology};

const NUMBERS: Topic<Option<String>, i64> = Topic::new("numbers");
const SPREAD: Topic<Option<String>, i64> = Topic::new("spread");
const SPREAD_REPARTITION: Topic<Option<String>, i64> = Topic::new("test-spread-repartition");
const COUNTS: Topic<Option<String>, i64> = Topic::new("counts");

/// The values in a topic, in the order of the partitions, and within each in the order in which they were sent.
fn values(driver: &mut TestDriver, topic: &Topic<Option<String>, i64>) -> Vec<i64> {
    driver.read(topic).into_iter().map(|(_, value)| value).collect()
}

#[test]
fn a_partitioner_decides_for_each_record_where_it_goes() {
    let topology = topology(|builder| {
        let numbers = builder.stream(NUMBERS);
        _ = numbers.to(SPREAD).partitioned_by(|_, number, to| {
            assert_eq!((to.topic, to.partitions, to.timestamp), ("spread", 3, Timestamp(number * 10)));
            match number {
                0..3 => Partitions::One(2 - number),
                3 => Partitions::All,
                4 => Partitions::none(),
                _ => Partitions::several([2, 0]),
            }
        });
    });
    let mut driver = TestDriver::configure(topology).partitions(3).start();
    for number in 0..6 {
        driver.pipe_at(&NUMBERS, Some("key".to_owned()), number, Timestamp(number * 10));
    }
    assert_eq!(values(&mut driver, &SPREAD), [2, 3, 5, 1, 3, 0, 3, 5]);
    let dropped: u64 = driver.tasks().values().filter_map(|task| task.dropped.get("no-partition")).sum();
    assert_eq!(dropped, 1);
}

#[test]
fn a_repartition_goes_where_its_partitioner_says_and_nobody_elses_does() {
    let topology = topology(|builder| {
        let spread = builder.stream(NUMBERS).repartition().named("spread").partitions(4);
        let spread = spread.partitioned_by(|_, number, to| number % i64::from(to.partitions));
        spread.group_by(|_, number| Some((number % 2).to_string())).count().to_stream().filter_some().to(COUNTS);
    });
    let mut driver = TestDriver::configure(topology).partitions(2).start();
    for number in 0..8 {
        driver.pipe(&NUMBERS, Some(number.to_string()), number);
    }
    assert_eq!(values(&mut driver, &SPREAD_REPARTITION), [0, 4, 1, 5, 2, 6, 3, 7]);
    let mut counts = driver.read(&COUNTS);
    counts.sort();
    let expected = [("0", 1), ("0", 2), ("0", 3), ("0", 4), ("1", 1), ("1", 2), ("1", 3), ("1", 4)];
    assert_eq!(counts, expected.map(|(key, count)| (Some(key.to_owned()), count)));
}

#[test]
fn a_partition_that_does_not_exist_ends_the_application_with_the_record_and_the_topic() {
    for (chosen, told) in [(2, "2"), (-1, "-1")] {
        let topology = topology(|builder| {
            _ = builder.stream(NUMBERS).to(SPREAD).named("spreading").partitioned_by(move |_, _, _| chosen);
        });
        let mut driver = TestDriver::configure(topology).partitions(2).start();
        let record = Record { key: None, value: 7, timestamp: Timestamp(0), headers: Headers::new() };
        let error = driver.error_after(&NUMBERS, &record).unwrap().to_string();
        let expected = format!(
            "task 0_0 failed at offset 0 of numbers-0: spreading: its partitioner chose partition {told} of topic \
             spread, which has 2, from 0 on"
        );
        assert!(error.starts_with(&expected), "{error}");
    }
}

/// `OUT` stands for a topic whose types allow no nulls.
#[test]
fn a_partitioner_gets_the_streams_own_types() {
    let topology = topology(|builder| {
        let texts = builder.stream(Topic::<String, Option<String>>::new("texts"));
        _ = texts.to(OUT).partitioned_by(|key: &String, value: &Option<String>, _| key.len() + value.iter().len());
    });
    let mut driver = TestDriver::configure(topology).partitions(4).start();
    let texts = Topic::<String, Option<String>>::new("texts");
    driver.pipe(&texts, "ab", Some("x".to_owned()));
    driver.pipe(&texts, "b", Some("y".to_owned()));
    let keys: Vec<_> = driver.read(&OUT).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["b", "ab"]);
}
