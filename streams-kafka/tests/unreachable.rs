//! Without a broker, everything can be created, nothing blocks, and errors are reported as values.

#![allow(clippy::expect_used, reason = "this is how a test fails")]

use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::log::{
    CommitOutcome, ConsumerOptions, Doorbell, FetchEvent, GroupPlan, Log, LogErrorKind, MemberEvent, MemberOptions,
    OutgoingRecord, PlannedSubtopology, ProducerOptions,
};
use streams_core::record::{Headers, Offset, Partition, Timestamp, TopicPartition};
use streams_kafka::Kafka;

/// The maximum time of a call of the port, whatever happens.
const INSTANT: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(60);

/// An address on which nobody listens.
fn nowhere() -> Kafka {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    Kafka::at(listener.local_addr().expect("an address").to_string())
}

/// An address where connections are accepted and handed to `end`.
fn hangs_up(end: impl Fn(TcpStream) + Send + 'static) -> Kafka {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    std::thread::spawn(move || listener.incoming().flatten().for_each(end));
    Kafka::at(address)
}

fn wait_for<T>(bell: &Doorbell, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        let asked = Instant::now();
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(asked.elapsed() < INSTANT, "a call took {:?}", asked.elapsed());
        assert!(started.elapsed() < PATIENCE, "waited in vain");
        bell.wait(Duration::from_millis(50));
    }
}

fn record(headers: &Headers) -> OutgoingRecord<'_> {
    OutgoingRecord { key: None, value: Some(b"value"), timestamp: Timestamp(1), headers }
}

#[test]
fn a_reader_is_told_that_no_broker_can_be_reached() {
    let bell = Doorbell::new();
    let mut consumer = nowhere().consumer(ConsumerOptions::default(), bell.clone()).expect("a consumer");
    consumer.add(&TopicPartition::new("topic", 0), Offset(0));
    let error = wait_for(&bell, || {
        let mut events = Vec::new();
        consumer.fetch(100, &mut events);
        events.into_iter().find_map(|event| match event {
            FetchEvent::Error { error, .. } => Some(error),
            _ => None,
        })
    });
    assert_eq!(error.kind, LogErrorKind::Unavailable);
    assert!(error.message.contains("no broker can be reached"), "{error}");
}

#[test]
fn a_reader_tells_it_once_and_does_not_spin() {
    let bell = Doorbell::new();
    let mut consumer = nowhere().consumer(ConsumerOptions::default(), bell.clone()).expect("a consumer");
    consumer.add(&TopicPartition::new("topic", 0), Offset(0));
    let (started, mut turns, mut told) = (Instant::now(), 0, 0);
    while started.elapsed() < Duration::from_secs(3) {
        let mut events = Vec::new();
        consumer.fetch(100, &mut events);
        told += events.len();
        turns += 1;
        bell.wait(Duration::from_millis(500));
    }
    assert!(told <= 2, "told {told} times in 3 s");
    assert!(turns < 150, "{turns} turns in 3 s");
}

#[test]
fn a_member_is_told_that_no_broker_can_be_reached() {
    let bell = Doorbell::new();
    let plan = GroupPlan { subtopologies: vec![PlannedSubtopology { id: 0, topics: [("topic".into(), 1)].into() }] };
    let options = MemberOptions {
        group: "group".into(),
        client_id: "member".into(),
        instance_id: None,
        plan,
        session_timeout: Duration::from_secs(6),
        rebalance_timeout: Duration::from_secs(6),
    };
    let mut member = nowhere().member(options, bell.clone()).expect("a member");
    let event = wait_for(&bell, || member.poll());
    let MemberEvent::Failed(error) = event else { panic!("{event:?}") };
    assert_eq!(error.kind, LogErrorKind::Unavailable);
    wait_for(&bell, || member.leave().is_ready().then_some(()));
}

#[test]
fn records_wait_and_flushing_goes_on() {
    let bell = Doorbell::new();
    let mut producer = nowhere().producer(ProducerOptions::default(), bell.clone()).expect("a producer");
    let topic = producer.topic("topic");
    producer.send(topic, Partition(0), record(&Headers::new())).expect("room");
    for _ in 0..20 {
        let asked = Instant::now();
        assert!(producer.flush().is_pending());
        assert!(asked.elapsed() < INSTANT);
    }
    assert_eq!((producer.in_flight(), producer.acknowledged(topic, Partition(0))), (1, None));
}

#[test]
fn a_full_queue_is_back_pressure() {
    let kafka = nowhere().set("producer.queue.buffering.max.messages", "10");
    let mut producer = kafka.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    let topic = producer.topic("topic");
    let headers = Headers::new();
    let taken = (0..20).take_while(|_| producer.send(topic, Partition(0), record(&headers)).is_ok()).count();
    let refused = producer.send(topic, Partition(0), record(&headers));
    assert_eq!((taken, refused), (10, Err(streams_core::log::SendError::Full)));
}

#[test]
fn a_record_that_is_never_acknowledged_fails_with_topic_and_partition() {
    let bell = Doorbell::new();
    let kafka = nowhere().set("producer.message.timeout.ms", "1000");
    let mut producer = kafka.producer(ProducerOptions::default(), bell.clone()).expect("a producer");
    let topic = producer.topic("topic");
    producer.send(topic, Partition(3), record(&Headers::new())).expect("room");
    let error = wait_for(&bell, || producer.poll().err());
    assert_eq!(error.kind, LogErrorKind::Timeout);
    assert!(error.message.contains("topic-3"), "{error}");
    // News about the connection counts as in flight, too, until it is polled.
    wait_for(&bell, || {
        let _ = producer.poll();
        (producer.in_flight() == 0).then_some(())
    });
}

#[test]
fn a_registration_is_not_decided_and_may_be_asked_for_again() {
    let bell = Doorbell::new();
    let options = ProducerOptions {
        client_id: "writer".into(),
        transactional_id: Some("id".into()),
        transaction_timeout_ms: 10_000,
        ..ProducerOptions::default()
    };
    let mut producer = nowhere().producer(options, bell.clone()).expect("a producer");
    for _ in 0..2 {
        let outcome = wait_for(&bell, || match producer.init_transactions() {
            Poll::Ready(outcome) => Some(outcome),
            Poll::Pending => None,
        });
        assert!(matches!(&outcome, CommitOutcome::Retriable(error) if error.is_transient()), "{outcome:?}");
    }
}

#[test]
fn a_question_fails_in_time_and_names_what_was_asked() {
    let bell = Doorbell::new();
    let admin = nowhere().admin(bell.clone()).expect("an admin");
    let mut reply = admin.start_offsets(vec![TopicPartition::new("topic", 7)]);
    let answer = wait_for(&bell, || match reply.poll() {
        Poll::Ready(answer) => Some(answer.expect("an answer")),
        Poll::Pending => None,
    });
    let error = answer.expect_err("nobody is there");
    assert!(error.is_transient() && error.message.contains("topic-7"), "{error:?}");
}

/// Regression: it was told that nobody answers, and why only in a log that nobody may read.
#[test]
fn a_question_that_fails_says_why() {
    // As a broker that expects TLS: the client finds its connection closed, or reset if its request had arrived.
    let closes = hangs_up(drop);
    let resets = hangs_up(|mut connection| {
        let mut first = [0];
        let _ = connection.read_exact(&mut first);
    });
    let advice = "a broker that expects TLS does that, see `security.protocol`";
    for (kafka, reason) in [
        (nowhere(), "Connection refused"),
        (Kafka::at("no-such-host.invalid:9092"), "Failed to resolve 'no-such-host.invalid:9092'"),
        (closes, advice),
        (resets, advice),
    ] {
        let (bell, asked) = (Doorbell::new(), Instant::now());
        let admin = kafka.admin(bell.clone()).expect("an admin");
        let error = loop {
            let mut reply = admin.topics(Some(vec!["topic".to_owned()]));
            let answer = wait_for(&bell, || match reply.poll() {
                Poll::Ready(answer) => Some(answer.expect("an answer")),
                Poll::Pending => None,
            });
            let error = answer.expect_err("nobody is there");
            assert!(error.is_transient(), "{error:?}");
            if error.message.contains(reason) || asked.elapsed() > PATIENCE {
                break error;
            }
        };
        assert!(error.message.contains(reason), "{error}");
    }
}

#[test]
fn settings_are_checked_when_the_first_client_is_created() {
    let refused = |kafka: Kafka| kafka.producer(ProducerOptions::default(), Doorbell::new()).err().expect("an error");
    for (kafka, expected) in [
        (nowhere().set("lingre.ms", "5"), "librdkafka has no setting `lingre.ms`; did you mean `linger.ms`?"),
        (nowhere().set("producer.acks", "1"), "the Kafka setting `producer.acks` cannot be set: "),
        (nowhere().set("linger.ms", "soon"), "the Kafka setting `linger.ms`: "),
    ] {
        let error = refused(kafka);
        assert_eq!(error.kind, LogErrorKind::Invalid);
        assert!(error.message.starts_with(expected), "{error}");
    }
    let secret = refused(nowhere().set("sasl.password", "hush\0"));
    assert!(!secret.message.contains("hush"), "{secret}");
}
