//! Sends typed records through the log port, in the same way on the embedded log and on Kafka.

use std::task::Poll;
use std::time::Duration;

use millstream::log::{Doorbell, Log, OutgoingRecord, Producer, ProducerOptions, SendError};
use millstream::record::{Headers, Timestamp};
use millstream::topic::Topic;
use millstream::wire::Field;
use millstream::wire::murmur2::partition_of;

use crate::Failure;

/// How long to wait for the log to ring before the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// A producer that knows how many partitions the topics have.
pub struct Sender {
    producer: Box<dyn Producer>,
    doorbell: Doorbell,
    partitions: u32,
}

impl Sender {
    /// A sender to topics with that many partitions.
    pub fn new(log: &dyn Log, partitions: u32) -> Result<Self, Failure> {
        let doorbell = Doorbell::new();
        let options = ProducerOptions { client_id: "pulse-traffic".to_owned(), ..ProducerOptions::default() };
        Ok(Self { producer: log.producer(options, doorbell.clone())?, doorbell, partitions })
    }

    /// Sends a record; waits while the producer's queue is full.
    pub fn send<K: Field, V: Field>(
        &mut self,
        topic: &Topic<K, V>,
        key: &K,
        value: &V,
        timestamp: Timestamp,
    ) -> Result<(), Failure> {
        let (mut key_bytes, mut value_bytes) = (Vec::new(), Vec::new());
        let key = key.write(&mut key_bytes)?.then_some(key_bytes.as_slice());
        let value = value.write(&mut value_bytes)?.then_some(value_bytes.as_slice());
        self.queue::<K>(topic.name(), key, value, timestamp)
    }

    /// Sends bytes as they are, with a key that has bytes of its own.
    pub fn send_bytes(&mut self, topic: &str, key: &[u8], value: &[u8], timestamp: Timestamp) -> Result<(), Failure> {
        self.queue::<Vec<u8>>(topic, Some(key), Some(value), timestamp)
    }

    fn queue<K: Field>(
        &mut self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
    ) -> Result<(), Failure> {
        let partition = partition_of(K::partition_bytes(key.unwrap_or_default()), self.partitions);
        let handle = self.producer.topic(topic);
        let headers = Headers::new();
        let record = OutgoingRecord { key, value, timestamp, headers: &headers };
        loop {
            match self.producer.send(handle, partition, record) {
                Ok(()) => return Ok(()),
                Err(SendError::Full) => {
                    self.producer.poll()?;
                    self.doorbell.wait(RETRY_AFTER);
                }
                Err(SendError::Refused(error)) => return Err(error.into()),
            }
        }
    }

    /// Processes acknowledgements.
    pub fn poll(&mut self) -> Result<(), Failure> {
        Ok(self.producer.poll()?)
    }

    /// Waits until everything has been acknowledged.
    pub fn flush(&mut self) -> Result<(), Failure> {
        loop {
            match self.producer.flush() {
                Poll::Ready(flushed) => return Ok(flushed?),
                Poll::Pending => {
                    self.doorbell.wait(RETRY_AFTER);
                }
            }
        }
    }
}
