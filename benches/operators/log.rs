//! Writes to and reads from a log in memory.

use std::time::Duration;

use millstream::log::{
    ConsumerOptions, Doorbell, FetchEvent, Log, NewTopic, OutgoingRecord, ProducerOptions, SendError,
};
use millstream::prelude::*;
use millstream::record::{Offset, Partition, TopicPartition};

use crate::Failure;
use crate::input::Item;

/// Creates topics with so many partitions.
pub(crate) fn create(log: &dyn Log, topics: &[(&str, u32)]) -> Result<(), Failure> {
    let admin = log.admin(Doorbell::new())?;
    let topic = |(name, partitions): &(&str, u32)| NewTopic {
        name: (*name).to_owned(),
        partitions: *partitions,
        replication: None,
        configs: Vec::new(),
    };
    for answer in admin.create_topics(topics.iter().map(topic).collect()).wait().ok_or("no answer")?? {
        answer?;
    }
    Ok(())
}

/// Where a record is written to.
pub(crate) type Place = (&'static str, Partition);

/// Writes records to topics.
pub(crate) fn write(log: &dyn Log, items: impl Iterator<Item = (Place, Item)>) -> Result<(), Failure> {
    let doorbell = Doorbell::new();
    let mut producer = log.producer(ProducerOptions::default(), doorbell.clone())?;
    let headers = Headers::new();
    for ((topic, partition), Item { key, value, time }) in items {
        let topic = producer.topic(topic);
        let (key, value) = (key.to_be_bytes(), value.to_be_bytes());
        let record =
            OutgoingRecord { key: Some(&key), value: Some(&value), timestamp: Timestamp(time), headers: &headers };
        while let Err(error) = producer.send(topic, partition, record) {
            match error {
                SendError::Full => {
                    producer.poll()?;
                    doorbell.wait(Duration::from_millis(1));
                }
                SendError::Refused(error) => return Err(error.into()),
            }
        }
    }
    while producer.flush()?.is_pending() {
        doorbell.wait(Duration::from_millis(1));
    }
    Ok(())
}

/// Calls `each` with the key and the value of each record of a topic.
pub(crate) fn read(
    log: &dyn Log,
    topic: &str,
    mut each: impl FnMut(&[u8], Option<&[u8]>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let doorbell = Doorbell::new();
    let mut consumer = log.consumer(ConsumerOptions::default(), doorbell.clone())?;
    consumer.add(&TopicPartition::new(topic, 0), Offset(0));
    let mut events = Vec::new();
    loop {
        consumer.fetch(10_000, &mut events);
        if events.is_empty() {
            doorbell.wait(Duration::from_millis(10));
        }
        for event in events.drain(..) {
            match event {
                FetchEvent::Records { batch, .. } => {
                    for record in batch.iter() {
                        each(record.key.ok_or("a result without a key")?, record.value)?;
                    }
                }
                FetchEvent::End { .. } => return Ok(()),
                FetchEvent::OutOfRange { .. } => return Err("the output topic has lost its first records".into()),
                FetchEvent::Error { error, .. } => return Err(error.into()),
            }
        }
    }
}
