//! The typed client on the embedded log.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::task::Poll;

use streams_core::client::ClientError;
use streams_core::log::{CommitOutcome, Doorbell, Embedded, Log, OutgoingRecord, Producer, ProducerOptions};
use streams_core::prelude::*;
use streams_core::record::Partition;

mod dead_letters;
mod reading;
mod streams;
mod tailing;
mod topics;
mod waiting;
mod writing;

const NUMBERS: Topic<(), i64> = Topic::new("numbers");

fn client() -> (Embedded, Client) {
    let log = Embedded::in_memory();
    let client = Client::new(log.clone()).expect("a client");
    (log, client)
}

/// A producer in an open transaction.
fn open_transaction(log: &Embedded) -> Box<dyn Producer> {
    let options = ProducerOptions { transactional_id: Some("writer".into()), ..ProducerOptions::default() };
    let mut producer = log.producer(options, Doorbell::new()).expect("a producer");
    assert_eq!(producer.init_transactions(), Poll::Ready(CommitOutcome::Done));
    producer.begin_transaction().expect("a transaction");
    producer
}

/// Writes bytes to partition 0 of `numbers`.
fn write(producer: &mut dyn Producer, value: &[u8]) {
    let topic = producer.topic(NUMBERS.name());
    let record = OutgoingRecord { key: None, value: Some(value), timestamp: Timestamp(1), headers: &Headers::new() };
    producer.send(topic, Partition(0), record).expect("there is room");
    assert_eq!(producer.flush(), Poll::Ready(Ok(())));
}

/// Writes bytes that need not be a number.
fn write_bytes(log: &Embedded, value: &[u8]) {
    write(&mut *log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer"), value);
}

fn values<K>(records: &[Record<K, i64>]) -> Vec<i64> {
    records.iter().map(|record| record.value).collect()
}

/// The values of a reader's items, or what its errors say.
fn told<K>(items: impl Iterator<Item = Result<streams_core::client::Received<K, i64>, ClientError>>) -> Vec<String> {
    items
        .map(|item| item.map_or_else(|error| error.to_string(), |received| received.record.value.to_string()))
        .collect()
}

#[test]
fn a_client_is_shared_by_threads() {
    let (_, client) = client();
    client.create_topic(&NUMBERS).partitions(2).create().expect("created");
    let client = Arc::new(client);
    let writers: Vec<_> = (0..4)
        .map(|writer| {
            let client = Arc::clone(&client);
            std::thread::spawn(move || {
                (0..50).for_each(|n| drop(client.send(&NUMBERS, (), writer * 50 + n).expect("sent")))
            })
        })
        .collect();
    writers.into_iter().for_each(|writer| writer.join().expect("it wrote"));
    let mut all = values(&client.read(&NUMBERS).expect("records"));
    all.sort_unstable();
    assert_eq!(all, (0..200).collect::<Vec<_>>());
}
