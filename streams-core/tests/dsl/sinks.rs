//! Where records are sent to: partitioners of `to` and `repartition`, and topics that are chosen record by record.

use streams_core::dsl::{Partitions, StreamsBuilder};
use streams_core::record::{Headers, Record, Timestamp};
use streams_core::testing::{TestDriver, TopologyTestDriver};
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

/// Sends each word to the topic of its first letter.
fn by_first_letter(builder: &StreamsBuilder) {
    let words = builder.stream(Topic::<Option<String>, Option<String>>::new("words"));
    let by_letter = words.to_with(|_, word, context| {
        let word = word.clone().unwrap_or_else(|| format!("null-of-{}", context.timestamp.0));
        Topic::<Option<String>, Option<String>>::named(word.chars().take(1).collect::<String>())
    });
    _ = by_letter.named("by-letter");
}

#[test]
fn a_topic_is_chosen_for_each_record_with_its_timestamp_and_headers() {
    let words = Topic::<Option<String>, Option<String>>::new("words");
    let mut driver = TestDriver::new(topology(by_first_letter));
    let mut headers = Headers::new();
    headers.push("h", "1");
    for (at, key, word) in [(10, Some("k"), Some("apple")), (20, None, Some("bean")), (5, Some("k"), None)] {
        let (key, value) = (key.map(str::to_owned), word.map(str::to_owned));
        driver.pipe_record(&words, Record { key, value, timestamp: Timestamp(at), headers: headers.clone() });
    }
    for (topic, key, word, at) in
        [("a", Some("k"), Some("apple"), 10), ("b", None, Some("bean"), 20), ("n", Some("k"), None, 5)]
    {
        let topic = Topic::<Option<String>, Option<String>>::new(topic);
        let (key, value) = (key.map(str::to_owned), word.map(str::to_owned));
        let expected = Record { key, value, timestamp: Timestamp(at), headers: headers.clone() };
        assert_eq!(driver.read_records(&topic), [expected]);
    }
    assert_eq!(driver.read(&Topic::<Option<String>, Option<String>>::new("z")), [], "nothing was sent there yet");
}

#[test]
fn a_choice_that_is_no_name_ends_the_application_with_the_record() {
    let words = Topic::<Option<String>, Option<String>>::new("words");
    let mut driver = TestDriver::new(topology(by_first_letter));
    let record = Record { key: None, value: Some("/".to_owned()), timestamp: Timestamp(0), headers: Headers::new() };
    let error = driver.error_after(&words, &record).unwrap().to_string();
    let expected = "task 0_0 failed at offset 0 of words-0: by-letter: no topic was chosen: a name may contain only \
                    letters, digits, `.`, `_` and `-`; byte 0 is none of them";
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_record_that_is_sent_to_a_topic_of_the_topology_comes_back() {
    let topology = topology(|builder| {
        let numbers = builder.stream(NUMBERS);
        numbers.to_with(|_, number, _| if *number % 2 == 0 { SPREAD } else { COUNTS });
        builder.stream(SPREAD).map_values(|number| number * 10).to(COUNTS);
    });
    let mut driver = TopologyTestDriver::new(topology).unwrap();
    for number in 1..4 {
        driver.pipe_at(&NUMBERS, None::<String>, number, Timestamp(number)).unwrap();
    }
    let sent = driver.take_sent().into_iter().map(|sent| {
        let value = sent.value.unwrap().try_into().map(i64::from_be_bytes).unwrap();
        (sent.topic.to_string(), value, sent.timestamp.unwrap().0)
    });
    let expected = [("counts", 1, 1), ("spread", 2, 2), ("counts", 20, 2), ("counts", 3, 3)];
    assert_eq!(sent.collect::<Vec<_>>(), expected.map(|(topic, value, at)| (topic.to_owned(), value, at)));
}

#[test]
fn where_the_closure_that_chooses_stands_makes_no_difference_between_topologies() {
    fn moved(builder: &StreamsBuilder) {
        _ = builder.stream(NUMBERS).to_with(|_, _, _| SPREAD);
    }
    let here = topology(|builder| _ = builder.stream(NUMBERS).to_with(|_, _, _| SPREAD));
    let there = topology(moved);
    assert_ne!(here.describe(), there.describe());
    assert_eq!(here.fingerprint(), there.fingerprint());
}
