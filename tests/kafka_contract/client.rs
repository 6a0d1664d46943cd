//! The typed client on a real broker behaves as on the embedded log.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use futures::executor::block_on;
use millstream_tests::kafka::{add_partitions, bootstrap_servers};
use streams_core::client::{Client, ClientError, Received, StartAt};
use streams_core::log::{
    CommitOutcome, Doorbell, Embedded, Log as _, LogError, OutgoingRecord, Producer, ProducerOptions,
};
use streams_core::record::{Headers, Offset, Partition, Record, Timestamp};
use streams_core::testing::log_contract::unique_prefix;
use streams_core::topic::Topic;
use streams_kafka::Kafka;

use crate::bench::{PATIENCE, decide};

type Outcome = Result<(), ClientError>;

fn client() -> Result<Client, ClientError> {
    Ok(Client::new(Kafka::at(bootstrap_servers()))?.patience(PATIENCE))
}

/// A topic that exists.
fn topic<K, V>(client: &Client, partitions: u32) -> Result<Topic<K, V>, ClientError> {
    let topic = Topic::named(unique_prefix()).expect("a name");
    client.create_topic(&topic).partitions(partitions).create()?;
    Ok(topic)
}

fn values<K>(records: Vec<Record<K, i64>>) -> Vec<i64> {
    records.into_iter().map(|record| record.value).collect()
}

fn told<K>(items: impl Iterator<Item = Result<Received<K, i64>, ClientError>>) -> Vec<String> {
    items
        .map(|item| item.map_or_else(|error| error.to_string(), |received| received.record.value.to_string()))
        .collect()
}

/// A producer in an open transaction.
fn open_transaction(bell: &Doorbell) -> Result<Box<dyn Producer>, LogError> {
    let options = ProducerOptions {
        client_id: "writer".into(),
        transactional_id: Some(unique_prefix()),
        transaction_timeout_ms: 60_000,
        ..ProducerOptions::default()
    };
    let mut producer = Kafka::at(bootstrap_servers()).producer(options, bell.clone())?;
    assert_eq!(decide("registration", bell, || producer.init_transactions()), CommitOutcome::Done);
    producer.begin_transaction()?;
    Ok(producer)
}

/// Writes a number and waits until the broker has it.
fn write(producer: &mut dyn Producer, bell: &Doorbell, topic: &str, number: i64) -> Result<(), LogError> {
    let (handle, value) = (producer.topic(topic), number.to_be_bytes());
    let record = OutgoingRecord { key: None, value: Some(&value), timestamp: Timestamp(1), headers: &Headers::new() };
    producer.send(handle, Partition(0), record).expect("there is room");
    decide("flush", bell, || producer.flush())
}

/// Keys go to the same partitions as on the embedded log, with the same offsets.
#[test]
fn records_go_where_they_go_on_the_embedded_log() -> Outcome {
    let kafka = client()?;
    let people: Topic<String, Option<i64>> = topic(&kafka, 5)?;
    let embedded = Client::new(Embedded::in_memory())?;
    embedded.create_topic(&people).partitions(5).create()?;
    for name in ["ada", "bob", "cleo", "dan", "eve", "ada", "bob"] {
        assert_eq!(kafka.send(&people, name, 1)?, embedded.send(&people, name, 1)?, "{name}");
    }
    let mut record = Record::new("ada".to_owned(), None, Timestamp(1_700_000_000_000));
    record.headers.push("trace", "abc");
    for client in [&kafka, &embedded] {
        assert_eq!(client.send_all(&people, [record.clone()])?, 1);
        client.send_at(&people, "bob", 7, Timestamp(1_700_000_000_001))?;
    }
    let rows = |client: &Client| -> Result<Vec<_>, ClientError> {
        let records = client.read(&people)?.into_iter();
        Ok(records.map(|record| (record.key, record.value, record.headers)).collect())
    };
    assert_eq!(rows(&kafka)?, rows(&embedded)?);
    // Records that were received are records to send.
    let copy: Topic<String, Option<i64>> = topic(&kafka, 5)?;
    assert_eq!(kafka.send_all(&copy, kafka.read(&people)?)?, 9);
    assert_eq!(kafka.read(&copy)?, kafka.read(&people)?);
    Ok(())
}

#[test]
fn a_tail_starts_where_it_is_told() -> Outcome {
    let client = client()?;
    let numbers: Topic<(), i64> = topic(&client, 1)?;
    let begin = 1_700_000_000_000;
    for (time, number) in [(10, 1), (30, 2), (20, 3), (40, 4)] {
        client.send_at(&numbers, (), number, Timestamp(begin + time))?;
    }
    let end = client.tail(&numbers, StartAt::End)?;
    let late = client.tail(&numbers, Timestamp(begin + 41))?;
    client.send_at(&numbers, (), 5, Timestamp(begin))?;
    for (tail, expected) in [
        (end, &["5"][..]),
        (late, &["5"]),
        (client.tail(&numbers, StartAt::Beginning)?, &["1", "2", "3", "4", "5"]),
        (client.tail(&numbers, Offset(2))?, &["3", "4", "5"]),
        (client.tail(&numbers, Timestamp(begin + 15))?, &["2", "3", "4", "5"]),
        (client.tail(&numbers, Timestamp(begin + 31))?, &["4", "5"]),
        (client.tail(&numbers, BTreeMap::from([(Partition(0), Offset(3))]))?, &["4", "5"]),
    ] {
        assert_eq!(told(tail.take(expected.len())), expected);
    }
    let error = client.tail(&numbers, Offset(6)).expect_err("there is no such offset").to_string();
    let expected = format!("{}-0 cannot be read at offset 6: its records are at offsets 0 to 5", numbers.name());
    assert!(error.starts_with(&expected), "{error}");
    Ok(())
}

/// Regression: a commit is done before its records can be read, so reading at once missed them.
#[test]
fn what_was_committed_before_is_read() -> Outcome {
    let client = client()?;
    let numbers: Topic<(), i64> = topic(&client, 1)?;
    let bell = Doorbell::new();
    let mut producer = open_transaction(&bell)?;
    for number in 0..20 {
        write(&mut *producer, &bell, numbers.name(), number)?;
        assert_eq!(decide("commit", &bell, || producer.commit_transaction()), CommitOutcome::Done);
        assert_eq!(values(client.read(&numbers)?), (0..=number).collect::<Vec<_>>());
        producer.begin_transaction()?;
    }
    Ok(())
}

/// The last things in the topic are aborted records and markers, which nobody is told of.
#[test]
fn an_open_transaction_holds_back_what_follows_it_and_an_aborted_one_is_left_out() -> Outcome {
    let client = client()?;
    let numbers: Topic<(), i64> = topic(&client, 1)?;
    let bell = Doorbell::new();
    client.send(&numbers, (), 1)?;
    let mut producer = open_transaction(&bell)?;
    write(&mut *producer, &bell, numbers.name(), 2)?;
    client.send(&numbers, (), 3)?;
    assert_eq!(values(client.read(&numbers)?), [1]);
    let tail = client.tail(&numbers, StartAt::Beginning)?;
    assert_eq!(decide("abort", &bell, || producer.abort_transaction()), CommitOutcome::Done);
    producer.begin_transaction()?;
    write(&mut *producer, &bell, numbers.name(), 4)?;
    assert_eq!(decide("commit", &bell, || producer.commit_transaction()), CommitOutcome::Done);
    producer.begin_transaction()?;
    write(&mut *producer, &bell, numbers.name(), 5)?;
    assert_eq!(decide("abort", &bell, || producer.abort_transaction()), CommitOutcome::Done);
    assert_eq!(values(client.read(&numbers)?), [1, 3, 4]);
    client.send(&numbers, (), 6)?;
    assert_eq!(told(tail.take(4)), ["1", "3", "4", "6"]);
    Ok(())
}

/// The end is where it was when reading began, though a fetch brings what comes after it, too.
#[test]
fn records_that_come_later_are_not_read() -> Outcome {
    let client = client()?;
    let numbers: Topic<(), i64> = topic(&client, 1)?;
    client.send_all(&numbers, (0..3).map(|number| ((), number)))?;
    let records = client.records(&numbers)?;
    client.send_all(&numbers, (3..9).map(|number| ((), number)))?;
    assert_eq!(told(records), ["0", "1", "2"]);
    Ok(())
}

#[test]
fn a_record_of_another_type_is_an_error_behind_which_reading_goes_on() -> Outcome {
    let client = client()?;
    let numbers: Topic<(), i64> = topic(&client, 1)?;
    let text: Topic<(), String> = Topic::named(numbers.name()).expect("a name");
    client.send(&numbers, (), 1)?;
    client.send(&text, (), "two")?;
    client.send(&numbers, (), 3)?;
    let told = told(client.records(&numbers)?);
    assert_eq!((told.len(), &*told[0], &*told[2]), (3, "1", "3"));
    let begin = format!("the value at offset 1 of {}-0 cannot be read: not a value of type i64", numbers.name());
    assert!(told[1].starts_with(&begin), "{told:?}");
    Ok(())
}

#[test]
fn topics_are_created_and_missing_ones_named() -> Outcome {
    let client = client()?;
    let missing: Topic<(), i64> = Topic::named(unique_prefix()).expect("a name");
    let sentence = format!(
        "there is no topic `{}` on Apache Kafka at {}: check the name, or create it with \
         `client.create_topic(..).partitions(..).create()`",
        missing.name(),
        bootstrap_servers()
    );
    assert_eq!(client.send(&missing, (), 1).expect_err("it is missing").to_string(), sentence);
    assert_eq!(client.read(&missing).expect_err("it is missing").to_string(), sentence);
    let create = |partitions| client.create_topic(&missing).partitions(partitions).set("retention.ms", "86400000");
    create(2).if_missing().create()?;
    client.send(&missing, (), 1)?;
    assert!(matches!(create(2).create(), Err(ClientError::TopicExists { .. })));
    create(2).if_missing().create()?;
    let name = missing.name().to_owned();
    assert_eq!(create(3).if_missing().create(), Err(ClientError::OtherPartitions { topic: name, wanted: 3, found: 2 }));
    let error = client.create_topic(&missing).set("retention.ms", "soon").create().expect_err("no number").to_string();
    assert!(error.contains(missing.name()), "{error}");
    Ok(())
}

#[test]
fn a_topic_that_is_deleted_ends_its_tail_with_an_error() -> Outcome {
    let client = client()?;
    let numbers: Topic<(), i64> = topic(&client, 1)?;
    client.send(&numbers, (), 1)?;
    let mut tail = client.tail(&numbers, StartAt::Beginning)?;
    assert_eq!(told(tail.by_ref().take(1)), ["1"]);
    let admin = Kafka::at(bootstrap_servers()).admin(Doorbell::new())?;
    let deleted = admin.delete_topics(vec![numbers.name().to_owned()]).wait().expect("an answer")?;
    assert_eq!(deleted, [Ok(())]);
    let last = told(tail);
    assert!(last.len() == 1 && last[0].contains(numbers.name()), "{last:?}");
    Ok(())
}

/// More tails than threads, and a wake-up for each record that is lost if it is not the waiting task's.
#[test]
fn streams_share_threads_and_lose_no_wake_up() -> Outcome {
    const ROUNDS: i64 = 100;
    const TAILS: i64 = 6;
    let client = client()?;
    let (pings, pongs): (Topic<(), i64>, Topic<(), i64>) = (topic(&client, 1)?, topic(&client, 2)?);
    let mut answers = client.tail(&pongs, StartAt::End)?.stream();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().expect("a runtime");
    for _ in 0..TAILS {
        let mut tail = client.tail(&pings, StartAt::End)?.stream();
        let (client, pongs) = (client.clone(), pongs.clone());
        runtime.spawn(async move {
            while let Some(ping) = tail.next().await {
                client.send(&pongs, (), ping.expect("a record").record.value).expect("sent");
            }
        });
    }
    // Each round needs an answer of every tail before the next one begins.
    block_on(async {
        for round in 0..ROUNDS {
            client.send(&pings, (), round)?;
            for _ in 0..TAILS {
                assert_eq!(answers.next().await.expect("no end")?.record.value, round);
            }
        }
        Ok(())
    })
}

/// A broker that does not answer is named, with what was to be done and why that is, when patience is over.
#[test]
fn an_address_where_nobody_listens_is_named() -> Outcome {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let client = Client::new(Kafka::at(&address))?.patience(Duration::from_secs(5));
    let numbers: Topic<(), i64> = Topic::new("numbers");
    for error in [
        client.send(&numbers, (), 1).expect_err("nobody is there"),
        client.read(&numbers).expect_err("nobody is there"),
        client.create_topic(&numbers).create().expect_err("nobody is there"),
    ] {
        let text = error.to_string();
        assert!(matches!(error, ClientError::NoAnswer { .. }), "{text}");
        assert!(text.starts_with(&format!("Apache Kafka at {address} has not answered for ")), "{text}");
        assert!(text.contains("topic `numbers`"), "{text}");
        assert!(text.contains("Connection refused"), "{text}");
    }
    Ok(())
}

/// The queue of the producer is smaller than what is sent.
#[test]
fn many_records_are_written_through_a_small_queue() -> Outcome {
    const RECORDS: i64 = 30_000;
    let kafka = Kafka::at(bootstrap_servers()).set("producer.queue.buffering.max.messages", "1000");
    let client = Client::new(kafka)?.patience(PATIENCE);
    let numbers: Topic<String, i64> = topic(&client, 3)?;
    assert_eq!(client.send_all(&numbers, (0..RECORDS).map(|n| (format!("key-{}", n % 7), n)))?, 30_000);
    let mut by_key: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for record in client.read(&numbers)? {
        by_key.entry(record.key).or_default().push(record.value);
    }
    let expected = |key: i64| (format!("key-{key}"), (key..RECORDS).step_by(7).collect::<Vec<_>>());
    assert_eq!(by_key, (0..7).map(expected).collect());
    Ok(())
}

/// Regression: as soon as the client knew of the new partitions, its producer, which did not, refused every record for
/// them for minutes.
#[test]
fn partitions_that_are_added_are_written_to_without_an_error() -> Outcome {
    let client = client()?;
    let people: Topic<String, i64> = topic(&client, 1)?;
    client.send(&people, "ada", 1)?;
    add_partitions(people.name(), 4);
    let started = Instant::now();
    while client.send(&people, "bob", 2)?.0.partition == Partition(0) {
        assert!(started.elapsed() < PATIENCE, "the new partitions are not found");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert_eq!(client.send_all(&people, (0..100).map(|n| (format!("{n}"), n)))?, 100);
    Ok(())
}

/// The broker says only that something in the batch is wrong.
#[test]
fn a_record_without_a_key_among_others_is_told_of_in_a_compacted_topic() -> Outcome {
    let client = client()?;
    let people: Topic<Option<String>, i64> = Topic::named(unique_prefix()).expect("a name");
    client.create_topic(&people).set("cleanup.policy", "compact").create()?;
    let records = [Some("ada".to_owned()), None, Some("bob".to_owned())].map(|key| (key, 1));
    let error = client.send_all(&people, records).expect_err("one has no key").to_string();
    assert!(error.contains("it has no key though the topic is compacted"), "{error}");
    Ok(())
}
