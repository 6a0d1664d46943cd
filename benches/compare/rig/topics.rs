//! The broker's topics, through the engine's own port: created, written, read, counted, deleted.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use millstream::kafka::Kafka;
use millstream::log::{
    Admin, ConsumerOptions, Doorbell, FetchEvent, Isolation, Log, LogErrorKind, NewTopic, OutgoingRecord, Producer,
    ProducerOptions, RecordRef, SendError, TopicHandle,
};
use millstream::record::{Headers, Offset, Partition, Timestamp, TopicPartition};
use millstream::wire::murmur2::partition_of;

use crate::Failure;
use crate::interrupt::Interrupt;

/// The number of partitions of every topic.
pub(crate) const PARTITIONS: u32 = 4;

/// The maximum size of batches, and how long they wait for records: the same for the data and for both sides, because the
/// batching of a topic affects its readers. Nothing is compressed.
pub(crate) const PRODUCER: [(&str, &str); 2] = [("producer.linger.ms", "50"), ("producer.batch.size", "131072")];

const A_MOMENT: Duration = Duration::from_millis(5);

/// All topics of a broker.
pub(crate) struct Topics {
    log: Kafka,
    admin: Arc<dyn Admin>,
    interrupt: Interrupt,
}

impl Topics {
    pub(crate) fn at(servers: &str, interrupt: Interrupt) -> Result<Self, Failure> {
        let log = PRODUCER.into_iter().fold(Kafka::at(servers), |log, (name, value)| log.set(name, value));
        let admin = log.admin(Doorbell::new())?;
        Ok(Self { log, admin, interrupt })
    }

    pub(crate) fn create(&self, name: &str) -> Result<(), Failure> {
        let new = NewTopic { name: name.to_owned(), partitions: PARTITIONS, replication: None, configs: Vec::new() };
        let answers = self.admin.create_topics(vec![new]).wait().ok_or(NO_ANSWER)??;
        Ok(answers.into_iter().collect::<Result<(), _>>()?)
    }

    /// Deletes topics; a missing one is not an error.
    pub(crate) fn delete(&self, names: Vec<String>) -> Result<(), Failure> {
        if names.is_empty() {
            return Ok(());
        }
        for answer in self.admin.delete_topics(names).wait().ok_or(NO_ANSWER)?? {
            match answer {
                Err(error) if error.kind != LogErrorKind::UnknownTopic => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// The topics whose names start and end with these texts.
    pub(crate) fn like(&self, prefix: &str, suffix: &str) -> Result<Vec<String>, Failure> {
        let topics = self.admin.topics(None).wait().ok_or(NO_ANSWER)??;
        let names = topics.into_iter().map(|topic| topic.name);
        Ok(names.filter(|name| name.starts_with(prefix) && name.ends_with(suffix)).collect())
    }

    /// The number of offsets that a topic has assigned. Transactions take some for themselves.
    pub(crate) fn offsets(&self, topic: &str) -> Result<u64, Failure> {
        Ok(self.ends(topic)?.into_iter().filter_map(|end| u64::try_from(end.0).ok()).sum())
    }

    /// Where each partition ends, transactions that are still open or ending included.
    fn ends(&self, topic: &str) -> Result<Vec<Offset>, Failure> {
        let ends = self.admin.end_offsets(partitions(topic), Isolation::ReadUncommitted);
        Ok(ends.wait().ok_or(NO_ANSWER)??)
    }

    /// Calls `each` for every record, in order within each partition.
    ///
    /// A commit is done before the broker lets readers see all of its records, so a partition may seem to end too early,
    /// and to end again later. Whoever wrote the topic must be finished.
    pub(crate) fn read(
        &self,
        topic: &str,
        isolation: Isolation,
        mut each: impl FnMut(&RecordRef<'_>),
    ) -> Result<(), Failure> {
        let bell = Doorbell::new();
        let options = ConsumerOptions { isolation, ..ConsumerOptions::default() };
        let mut consumer = self.log.consumer(options, bell.clone())?;
        let mut open: HashMap<_, _> = partitions(topic).into_iter().zip(self.ends(topic)?).collect();
        for partition in open.keys() {
            consumer.add(partition, Offset(0));
        }
        let mut events = Vec::new();
        while !open.is_empty() {
            self.interrupt.check()?;
            consumer.fetch(10_000, &mut events);
            if events.is_empty() {
                bell.wait(A_MOMENT);
            }
            for event in events.drain(..) {
                match event {
                    FetchEvent::Records { batch, .. } => batch.iter().for_each(|record| each(&record)),
                    FetchEvent::End { partition, position } => {
                        if open.get(&partition).is_some_and(|end| *end <= position) {
                            open.remove(&partition);
                        }
                    }
                    FetchEvent::Error { error, .. } if error.is_transient() => {}
                    FetchEvent::Error { error, .. } => return Err(error.into()),
                    FetchEvent::OutOfRange { .. } => return Err(format!("{topic} has lost its first records").into()),
                }
            }
        }
        Ok(())
    }

    pub(crate) fn writer(&self, topic: &str) -> Result<Writer, Failure> {
        let bell = Doorbell::new();
        let mut producer = self.log.producer(ProducerOptions::default(), bell.clone())?;
        let handle = producer.topic(topic);
        Ok(Writer { topic: handle, producer, bell, interrupt: self.interrupt.clone() })
    }
}

const NO_ANSWER: &str = "the broker's admin client is gone";

fn partitions(topic: &str) -> Vec<TopicPartition> {
    (0..PARTITIONS).filter_map(|partition| Some(TopicPartition::new(topic, i32::try_from(partition).ok()?))).collect()
}

/// Writes records to a topic, each to its key's partition.
pub(crate) struct Writer {
    topic: TopicHandle,
    producer: Box<dyn Producer>,
    bell: Doorbell,
    interrupt: Interrupt,
}

impl Writer {
    pub(crate) fn send(&mut self, key: &[u8], value: &[u8], timestamp: Timestamp) -> Result<(), Failure> {
        let headers = Headers::new();
        let record = OutgoingRecord { key: Some(key), value: Some(value), timestamp, headers: &headers };
        let partition: Partition = partition_of(key, PARTITIONS);
        loop {
            match self.producer.send(self.topic, partition, record) {
                Ok(()) => return Ok(()),
                Err(SendError::Refused(error)) => return Err(error.into()),
                Err(SendError::Full) => {
                    self.interrupt.check()?;
                    self.producer.poll()?;
                    self.bell.wait(A_MOMENT);
                }
            }
        }
    }

    /// Waits until everything has been acknowledged.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        loop {
            match self.producer.flush() {
                std::task::Poll::Ready(flushed) => return Ok(flushed?),
                std::task::Poll::Pending => self.interrupt.check()?,
            }
            self.bell.wait(A_MOMENT);
        }
    }
}
