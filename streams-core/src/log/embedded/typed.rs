//! Sends and reads typed records directly, for first steps and for tests.
//!
//! Unlike the port, [`Embedded::send`] creates a missing topic. These are shortcuts for what
//! [`Client`](crate::client::Client) does on any log.

use std::collections::BTreeMap;

use super::Embedded;
use crate::log::model::{Now, PartitionId, ProducerTag, Refusal, Writer, advance_sequence};
use crate::log::typed::{EncodedRecord, Turn, check_readable, decode};
use crate::log::{BatchBuilder, Consumer, ConsumerOptions, Doorbell, FetchEvent, Isolation, LogError, LogErrorKind};
use crate::record::{Headers, Offset, Record, Timestamp, TopicPartition};
use crate::topic::Topic;
use crate::windows::WindowSizes;
use crate::wire::{Field, IntoField};

/// The number of records that [`Embedded::read`] fetches at a time.
const READ_RECORDS: usize = 10_000;

/// The producer behind [`Embedded::send`].
#[derive(Default)]
pub(super) struct Sender {
    tag: Option<ProducerTag>,
    sequences: BTreeMap<PartitionId, i32>,
    turn: Turn,
}

impl Embedded {
    /// Writes one record with the clock's current time. The key determines the partition, as in Kafka; records without a
    /// key go to the partitions in turn. A missing topic is created with one partition. Returns where the record is.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const WORDS: Topic<String, i64> = Topic::new("words");
    ///
    /// let log = Embedded::in_memory();
    /// log.send(&WORDS, "to", 1)?;
    /// log.send(&WORDS, "be", 2)?;
    /// let values: Vec<i64> = log.read(&WORDS)?.into_iter().map(|record| record.value).collect();
    /// assert_eq!(values, [1, 2]);
    /// # Ok::<_, millstream::log::LogError>(())
    /// ```
    ///
    /// # Errors
    /// When key or value cannot be encoded, or the topic does not accept the record.
    pub fn send<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        key: impl IntoField<K>,
        value: impl IntoField<V>,
    ) -> Result<(TopicPartition, Offset), LogError> {
        self.write(topic, &key.into_field(), &value.into_field(), None, &Headers::new())
    }

    /// As [`Embedded::send`], but with the given time.
    ///
    /// # Errors
    /// As [`Embedded::send`].
    pub fn send_at<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        key: impl IntoField<K>,
        value: impl IntoField<V>,
        timestamp: Timestamp,
    ) -> Result<(TopicPartition, Offset), LogError> {
        self.write(topic, &key.into_field(), &value.into_field(), Some(timestamp), &Headers::new())
    }

    /// Writes a record with its own time and headers to a topic, which must exist.
    pub(crate) fn send_record<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        record: &Record<K, V>,
    ) -> Result<(TopicPartition, Offset), LogError> {
        self.starts(topic.name())?;
        self.write(topic, &record.key, &record.value, Some(record.timestamp), &record.headers)
    }

    /// All committed records of a topic, partition by partition in the order of their offsets.
    ///
    /// # Errors
    /// When the topic does not exist, a record does not have the topic's types, or the topic's keys are windowed and its
    /// constant does not set the length of the windows (see [`Topic::windows_of`]).
    pub fn read<K: Field, V: Field>(&self, topic: &Topic<K, V>) -> Result<Vec<Record<K, V>>, LogError> {
        self.read_on(topic, &mut BTreeMap::new())
    }

    /// As [`Embedded::read`], but from these positions, which are moved to the end. Partitions without a position are
    /// read from their start.
    pub(crate) fn read_on<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        positions: &mut BTreeMap<TopicPartition, Offset>,
    ) -> Result<Vec<Record<K, V>>, LogError> {
        check_readable(topic)?;
        let mut records = Vec::new();
        let options = ConsumerOptions { isolation: Isolation::ReadCommitted, ..ConsumerOptions::default() };
        let mut consumer = self.new_consumer(&options, Doorbell::new())?;
        for (partition, start) in self.starts(topic.name())? {
            let position = positions.entry(partition.clone()).or_insert(start);
            consumer.add(&partition, *position);
            *position = read_to_end(&mut consumer, topic.windows(), &mut records)?;
            consumer.remove(&partition);
        }
        Ok(records)
    }

    /// Whether there is a topic of that name.
    pub(crate) fn has_topic(&self, topic: &str) -> bool {
        self.starts(topic).is_ok()
    }

    /// The partitions of a topic, each with its first offset.
    fn starts(&self, topic: &str) -> Result<Vec<(TopicPartition, Offset)>, LogError> {
        self.shared.ask(|model, _| {
            let topic = model
                .topics
                .named(topic)
                .ok_or_else(|| missing(topic, model.topics.by_name().map(|topic| &*topic.name)))?;
            let starts =
                (0..).zip(&topic.partitions).map(|(number, log)| (topic.partition_name(number), Offset(log.start())));
            Ok::<_, LogError>(starts.collect())
        })
    }

    fn write<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        key: &K,
        value: &V,
        timestamp: Option<Timestamp>,
        headers: &Headers,
    ) -> Result<(TopicPartition, Offset), LogError> {
        let mut encoded = EncodedRecord::default();
        encoded.encode(topic, key, value)?;
        let sent = self.shared.run(|guarded, now| {
            let timestamp = timestamp.unwrap_or(now.wall);
            let mut builder = BatchBuilder::default();
            builder.push(Offset(0), timestamp, encoded.key(), encoded.value(), headers);
            let number = match guarded.model.topics.named(topic.name()) {
                Some(topic) => topic.number,
                None => guarded.model.create_topic(now, topic.name(), 1, &[])?,
            };
            let partitions = guarded.model.topics.numbered(number).map_or(1, |topic| topic.partitions.len());
            let partitions = u32::try_from(partitions).unwrap_or(u32::MAX);
            let partition = guarded.sender.turn.partition::<K>(encoded.key(), partitions);
            let partition = u32::try_from(partition.0).unwrap_or(0);
            let at = PartitionId { topic: number, partition };
            let offset = guarded.sender.send(&mut guarded.model, now, at, builder)?;
            Ok::<_, Refusal>((guarded.model.name_of(at), Offset(offset)))
        })?;
        Ok(sent?)
    }
}

impl Sender {
    fn send(
        &mut self,
        model: &mut crate::log::model::Model,
        now: Now,
        at: PartitionId,
        record: BatchBuilder,
    ) -> Result<i64, Refusal> {
        let tag = *self.tag.get_or_insert_with(|| model.new_producer());
        let sequence = self.sequences.entry(at).or_default();
        let writer = Writer { tag, transactional_id: None, sequence: *sequence };
        let offset = model.produce(now, at, &writer, record.finish(Offset(1)))?;
        *sequence = advance_sequence(*sequence, 1);
        Ok(offset)
    }
}

/// A topic that is not there, and those that are.
fn missing<'a>(topic: &str, there: impl Iterator<Item = &'a str>) -> LogError {
    let there = there.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let what_is = if there.is_empty() { "there is none yet".to_owned() } else { format!("there are {there}") };
    let message = format!(
        "topic `{topic}` does not exist ({what_is}): check the name, or send a record to it or create it first; an \
         application creates the topics that it writes when it starts"
    );
    LogError::new(LogErrorKind::UnknownTopic, message)
}

/// Reads the consumer's only partition to its end, and returns the offset of the end.
fn read_to_end<K: Field, V: Field>(
    consumer: &mut impl Consumer,
    windows: WindowSizes,
    records: &mut Vec<Record<K, V>>,
) -> Result<Offset, LogError> {
    let mut events = Vec::new();
    loop {
        consumer.fetch(READ_RECORDS, &mut events);
        for event in events.drain(..) {
            match event {
                FetchEvent::Records { partition, batch } => {
                    for record in batch.iter() {
                        records.push(decode(&partition, &record, &windows)?);
                    }
                }
                FetchEvent::End { position, .. } => return Ok(position),
                FetchEvent::Error { error, .. } => return Err(error),
                FetchEvent::OutOfRange { partition, position } => {
                    let message =
                        format!("{partition} lost its records before {position} while it was being read: read again");
                    return Err(LogError::new(LogErrorKind::Unavailable, message));
                }
            }
        }
    }
}
