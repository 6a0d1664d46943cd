//! Guarantees for reading from Kafka beyond the contract.

use std::time::{Duration, Instant};

use millstream_tests::kafka::bootstrap_servers;
use streams_core::log::{Doorbell, LogError};
use streams_core::record::TopicPartition;
use streams_kafka::Kafka;

use crate::bench::{Reader, decide, send, topic, writer};

/// librdkafka's batch reading advances its position by one too many at the end of a partition (issue 4844), and its own
/// pause then skips a record.
#[test]
fn pausing_at_the_end_skips_nothing() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let partition = TopicPartition::new(topic(&kafka, 1)?, 0);
    let mut producer = writer(&kafka, &bell)?;
    let mut reader = Reader::new(&kafka, &partition, None)?;
    let mut expected = Vec::new();
    for round in 0..20 {
        let wanted = i64::from(round);
        reader.until("the end", |reader| reader.end.is_some_and(|end| end.0 >= wanted));
        reader.consumer.pause(&partition);
        reader.fetch();
        expected.push(round.to_string());
        send(&mut *producer, &bell, &partition, &round.to_string())?;
        decide("flush", &bell, || producer.flush())?;
        reader.fetch();
        assert_eq!(reader.values.len(), expected.len() - 1, "paused");
        reader.consumer.resume(&partition);
    }
    reader.until("the last record", |reader| reader.values.len() == expected.len());
    assert_eq!(reader.values, expected);
    Ok(())
}

/// A partition that is paused while many of its records arrive is unassigned and assigned again in between.
#[test]
fn a_long_pause_neither_loses_nor_repeats_records() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let partition = TopicPartition::new(topic(&kafka, 1)?, 0);
    let mut producer = writer(&kafka, &bell)?;
    let expected: Vec<String> = (0..8_000).map(|number| format!("{number:01000}")).collect();
    for value in &expected {
        send(&mut *producer, &bell, &partition, value)?;
    }
    decide("flush", &bell, || producer.flush())?;
    let mut reader = Reader::new(&kafka, &partition, Some(512 << 10))?;
    for pauses in 1..=3 {
        let wanted = pauses * 1_500;
        reader.until("some records", |reader| reader.values.len() >= wanted);
        reader.consumer.pause(&partition);
        let seen = reader.values.len();
        let began = Instant::now();
        while began.elapsed() < Duration::from_millis(300) {
            reader.fetch();
            reader.bell.wait(Duration::from_millis(10));
        }
        assert_eq!(reader.values.len(), seen, "paused");
        reader.consumer.resume(&partition);
    }
    reader.until("the end", |reader| reader.end.is_some());
    assert!(reader.values == expected, "{} of {} records, or not in order", reader.values.len(), expected.len());
    Ok(())
}

#[test]
fn many_partitions_are_taken_up_together() -> Result<(), LogError> {
    const PARTITIONS: u32 = 60;
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let name = topic(&kafka, PARTITIONS)?;
    let partitions: Vec<_> = (0..i32::try_from(PARTITIONS).unwrap_or(0)).collect();
    let mut producer = writer(&kafka, &bell)?;
    for partition in &partitions {
        send(&mut *producer, &bell, &TopicPartition::new(name.as_str(), *partition), &partition.to_string())?;
    }
    decide("flush", &bell, || producer.flush())?;
    let mut reader = Reader::new(&kafka, &TopicPartition::new(name.as_str(), 0), None)?;
    for partition in partitions.iter().skip(1) {
        reader.consumer.add(&TopicPartition::new(name.as_str(), *partition), streams_core::record::Offset(0));
    }
    reader.until("a record of each", |reader| reader.values.len() == partitions.len());
    let mut seen: Vec<i32> = reader.values.iter().filter_map(|value| value.parse().ok()).collect();
    seen.sort_unstable();
    assert_eq!(seen, partitions);
    Ok(())
}
