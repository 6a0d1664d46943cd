//! Tests of transactions of others that stay open, and hold back what should be read.

use std::time::Duration;

use super::by_hand::{Instance, log};
use super::said::said;
use crate::clock::ManualClock;
use crate::dsl::StreamsBuilder;
use crate::log::{CommitOutcome, Doorbell, Embedded, Log as _, OutgoingRecord, Producer, ProducerOptions};
use crate::record::{Headers, Partition, Timestamp};
use crate::runtime::{App, AppState};
use crate::topic::Topic;
use crate::topology::Topology;
use crate::windows::JoinWindows;

const LEFT: Topic<String, String> = Topic::new("left");
const RIGHT: Topic<String, String> = Topic::new("right");
const OUT: Topic<String, String> = Topic::new("out");

fn joined() -> Topology {
    let builder = StreamsBuilder::new();
    let window = JoinWindows::of(Duration::from_secs(3600)).no_grace();
    let right = builder.stream(RIGHT).within(window);
    builder.stream(LEFT).join(right, |left, right| format!("{left}{right}")).to(OUT);
    builder.build().expect("a topology")
}

/// A producer of another program, whose transaction may stay open for a quarter of an hour.
fn writer(log: &Embedded, topic: &str) -> Box<dyn Producer> {
    let options = ProducerOptions {
        client_id: "other".into(),
        transactional_id: Some("other".into()),
        transaction_timeout_ms: 900_000,
        ..ProducerOptions::default()
    };
    let mut producer = log.producer(options, Doorbell::new()).expect("a producer");
    assert_eq!(producer.init_transactions(), std::task::Poll::Ready(CommitOutcome::Done));
    producer.begin_transaction().expect("a transaction");
    let (handle, headers) = (producer.topic(topic), Headers::new());
    let record = OutgoingRecord { key: Some(b"k"), value: Some(b"r"), timestamp: Timestamp(1), headers: &headers };
    producer.send(handle, Partition(0), record).expect("sent");
    assert_eq!(producer.flush(), std::task::Poll::Ready(Ok(())));
    producer
}

fn pass(instance: &mut Instance, clock: &ManualClock, seconds: u64) {
    for _ in 0..seconds {
        clock.advance(Duration::from_secs(1));
        for _ in 0..10 {
            instance.step_control();
            instance.step_worker();
        }
    }
}

fn told<'a>(said: &'a str, part: &str) -> Vec<&'a str> {
    said.lines()
        .filter(|line| line.contains(" WARN ") && line.contains(" millstream: ") && line.contains(part))
        .collect()
}

#[test]
fn who_reads_committed_records_only_is_told_of_a_transaction_that_holds_an_input_back() {
    let (log, clock) = log();
    for topic in ["left", "right", "out"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    log.send_at(&RIGHT, "k", "r", Timestamp(1)).expect("sent");
    let mut other = writer(&log, "right");
    let said = said(|| {
        let mut instance = Instance::start(App::new("shop", joined()).exactly_once(), log.clone(), &clock);
        instance.step_until(|instance| instance.state() == AppState::Running);
        log.send_at(&LEFT, "k", "l", Timestamp(2)).expect("sent");
        pass(&mut instance, &clock, 70);
        pass(&mut instance, &clock, 80);
        assert_eq!(other.commit_transaction(), std::task::Poll::Ready(CommitOutcome::Done));
        pass(&mut instance, &clock, 40);
        assert_eq!(instance.error(), None);
        assert_eq!(log.read(&OUT).expect("readable").len(), 2);
    });
    let held = told(&said, "held back right-0 at offset 1");
    assert_eq!(held.len(), 2, "{said}");
    for part in ["and the partition ends at 2", "find-hanging --topic right --partition 0", "--start-offset 1"] {
        assert!(held[0].contains(part), "{part:?} in {}", held[0]);
    }
    assert!(held[1].contains(" is over"), "{}", held[1]);
}

/// Its own transactions and those of others come and go, and all records are read in the end.
#[test]
fn transactions_that_end_are_not_told_of() {
    let (log, clock) = log();
    for topic in ["left", "right", "out"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    let said = said(|| {
        let mut instance = Instance::start(App::new("shop", joined()).exactly_once(), log.clone(), &clock);
        instance.step_until(|instance| instance.state() == AppState::Running);
        for number in 0..6 {
            let mut other = writer(&log, "right");
            log.send_at(&LEFT, "k", "l", Timestamp(number)).expect("sent");
            pass(&mut instance, &clock, 40);
            assert_eq!(other.commit_transaction(), std::task::Poll::Ready(CommitOutcome::Done));
            pass(&mut instance, &clock, 1);
        }
    });
    assert_eq!(told(&said, "held back"), Vec::<&str>::new());
}

/// A reader of all records is held back by nobody.
#[test]
fn who_reads_all_records_is_not_told() {
    let (log, clock) = log();
    for topic in ["left", "right", "out"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    let _other = writer(&log, "right");
    let said = said(|| {
        let mut instance = Instance::start(App::new("shop", joined()).at_least_once(), log.clone(), &clock);
        instance.step_until(|instance| instance.state() == AppState::Running);
        pass(&mut instance, &clock, 200);
    });
    assert_eq!(told(&said, "held back"), Vec::<&str>::new());
}
