//! Helpers for the adapter's own tests.

use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::dsl::StreamsBuilder;
use streams_core::log::{
    Consumer, ConsumerOptions, Doorbell, FetchEvent, Isolation, Log, LogError, NewTopic, OutgoingRecord, Producer,
    ProducerOptions, SendError,
};
use streams_core::record::{Headers, Offset, Partition, Timestamp, TopicPartition};
use streams_core::testing::log_contract::unique_prefix;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_kafka::Kafka;

pub(crate) const PATIENCE: Duration = Duration::from_secs(90);

/// Repeats a question until there is an answer, waiting on the doorbell in between.
pub(crate) fn wait_for<T>(what: &str, bell: &Doorbell, mut ask: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited for {what}, in vain");
        bell.wait(Duration::from_millis(20));
    }
}

/// Repeats a question until it is decided.
pub(crate) fn decide<T>(what: &str, bell: &Doorbell, mut ask: impl FnMut() -> Poll<T>) -> T {
    wait_for(what, bell, || match ask() {
        Poll::Ready(answer) => Some(answer),
        Poll::Pending => None,
    })
}

/// Creates a topic and returns its name.
pub(crate) fn topic(kafka: &Kafka, partitions: u32) -> Result<String, LogError> {
    let name = unique_prefix();
    let new = NewTopic { name: name.clone(), partitions, replication: None, configs: Vec::new() };
    let created = kafka.admin(Doorbell::new())?.create_topics(vec![new]).wait().expect("an answer")?;
    created.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(name)
}

pub(crate) fn writer(kafka: &Kafka, bell: &Doorbell) -> Result<Box<dyn Producer>, LogError> {
    kafka.producer(ProducerOptions { client_id: "writer".into(), ..ProducerOptions::default() }, bell.clone())
}

/// Sends a value, waiting until the producer has room.
pub(crate) fn send(
    producer: &mut dyn Producer,
    bell: &Doorbell,
    to: &TopicPartition,
    value: &str,
) -> Result<(), LogError> {
    let topic = producer.topic(&to.topic);
    let headers = Headers::new();
    let record =
        OutgoingRecord { key: None, value: Some(value.as_bytes()), timestamp: Timestamp(7), headers: &headers };
    wait_for("room", bell, || match producer.send(topic, Partition(to.partition.0), record) {
        Ok(()) => Some(Ok(())),
        Err(SendError::Full) => producer.poll().err().map(Err),
        Err(SendError::Refused(error)) => Some(Err(error)),
    })
}

/// Counts the lines of a topic.
pub(crate) fn count(from: &str, to: &str) -> Topology {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(Topic::<(), String>::named(from).expect("a name"));
    let counts = lines.group_by(|_, line| line.clone()).named("by-line").count();
    counts.to_stream().to(Topic::<String, i64>::named(to).expect("a name"));
    builder.build().expect("a topology")
}

/// The counts up to `last` as a reader of text sees them.
pub(crate) fn counts(last: u8) -> Vec<String> {
    (1..=last).map(|count| format!("\0\0\0\0\0\0\0{}", char::from(count))).collect()
}

/// Collects the values of one partition.
pub(crate) struct Reader {
    pub(crate) consumer: Box<dyn Consumer>,
    pub(crate) bell: Doorbell,
    pub(crate) values: Vec<String>,
    pub(crate) end: Option<Offset>,
    pub(crate) errors: Vec<LogError>,
}

impl Reader {
    pub(crate) fn new(kafka: &Kafka, from: &TopicPartition, prefetch_bytes: Option<usize>) -> Result<Self, LogError> {
        let bell = Doorbell::new();
        let options = ConsumerOptions {
            client_id: "reader".into(),
            isolation: Isolation::ReadCommitted,
            prefetch_bytes,
            ..ConsumerOptions::default()
        };
        let mut consumer = kafka.consumer(options, bell.clone())?;
        consumer.add(from, Offset(0));
        Ok(Self { consumer, bell, values: Vec::new(), end: None, errors: Vec::new() })
    }

    pub(crate) fn fetch(&mut self) {
        let mut events = Vec::new();
        self.consumer.fetch(1_000, &mut events);
        for event in events {
            match event {
                FetchEvent::Records { batch, .. } => {
                    self.end = None;
                    let value = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into_owned();
                    self.values.extend(batch.iter().map(|record| value(record.value)));
                }
                FetchEvent::End { position, .. } => self.end = Some(position),
                FetchEvent::OutOfRange { position, .. } => panic!("{position} is out of range"),
                FetchEvent::Error { error, .. } => self.errors.push(error),
            }
        }
    }

    pub(crate) fn until(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool) {
        let bell = self.bell.clone();
        wait_for(what, &bell, || {
            self.fetch();
            reached(self).then_some(())
        });
    }
}
