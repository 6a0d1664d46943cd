//! Writes records: queues them, and waits until they are acknowledged.

use std::collections::HashMap;
use std::task::Poll;
use std::time::Duration;

use super::waiting::Wait;
use super::{Client, ClientError, IntoRecord};
use crate::clock::{Clock, SystemClock};
use crate::log::typed::{EncodedRecord, Turn};
use crate::log::{Doorbell, LogError, LogErrorKind, OutgoingRecord, Producer, ProducerOptions, SendError, TopicHandle};
use crate::record::{Offset, Partition, TopicPartition};
use crate::topic::Topic;
use crate::wire::Field;

/// For how long the number of a topic's partitions is believed.
const BELIEVED_FOR: Duration = Duration::from_secs(30);

/// Acknowledgements are processed after this many records.
const POLL_EVERY: usize = 10_000;

/// Or after this time: the records of a slow source are not held back until it has made many.
const UNPOLLED_FOR: Duration = Duration::from_millis(100);

/// The longest wait for room; acknowledgements arrive without a ring, too.
const ROOM_PAUSE: Duration = Duration::from_millis(20);

/// What a client needs to write.
pub(super) struct Writing {
    sending: Option<Sending>,
    partitions: HashMap<String, Known>,
    timer: SystemClock,
    turn: Turn,
    record: EncodedRecord,
}

/// A producer and the doorbell that it rings.
struct Sending {
    producer: Box<dyn Producer>,
    doorbell: Doorbell,
}

/// How many partitions a topic had at a time.
#[derive(Clone, Copy)]
struct Known {
    partitions: u32,
    at: Duration,
}

/// What was written.
struct Written {
    count: usize,
    /// The last record's partition.
    last: Option<TopicPartition>,
    /// The offset after the last acknowledged record in that partition.
    end: Option<Offset>,
}

/// How writing has failed.
enum Failure {
    /// This record and all after it are not written, those before it are.
    Refused { index: usize, error: LogError },
    /// Any of the records may not be written.
    NotDelivered { count: usize, error: LogError },
    /// Nothing can be said of the records.
    Other(ClientError),
}

impl Failure {
    fn kind(&self) -> Option<LogErrorKind> {
        match self {
            Self::Refused { error, .. } | Self::NotDelivered { error, .. } => Some(error.kind),
            Self::Other(_) => None,
        }
    }
}

impl Writing {
    pub(super) fn new() -> Self {
        Self {
            sending: None,
            partitions: HashMap::new(),
            timer: SystemClock::new(),
            turn: Turn::default(),
            record: EncodedRecord::default(),
        }
    }

    /// Starts anew with the next record.
    fn forget(&mut self, topic: &str) {
        self.partitions.remove(topic);
        self.sending = None;
    }
}

impl Client {
    /// Writes one record and returns where it is.
    pub(super) fn write_one<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        record: impl IntoRecord<K, V>,
        to: Option<Partition>,
    ) -> Result<(TopicPartition, Offset), ClientError> {
        let (key, value, headers, timestamp) = record.into_parts();
        let timestamp = timestamp.unwrap_or_else(|| self.inner.clock.now());
        let record = crate::record::Record { key, value, timestamp, headers };
        let mut writing = self.inner.desk.sit_down();
        let is_new = !writing.partitions.contains_key(topic.name());
        let mut written = self.write(&mut writing, topic, [(record.clone(), to)]);
        if let (Err(failure), false) = (&written, is_new)
            && failure.kind() == Some(LogErrorKind::UnknownTopic)
        {
            // It was deleted, and perhaps created again.
            written = self.write(&mut writing, topic, [(record, to)]);
        }
        match written {
            Ok(Written { last: Some(partition), end: Some(end), .. }) => Ok((partition, Offset(end.0 - 1))),
            Ok(_) => Err(LogError::new(LogErrorKind::Other, "the log did not say where it wrote the record").into()),
            Err(Failure::Refused { error, .. } | Failure::NotDelivered { error, .. }) => Err(error.into()),
            Err(Failure::Other(error)) => Err(error),
        }
    }

    /// Writes records, into partitions that they may name, and returns their number.
    pub(super) fn write_all<K: Field, V: Field, R: IntoRecord<K, V>>(
        &self,
        topic: &Topic<K, V>,
        records: impl IntoIterator<Item = (R, Option<Partition>)>,
    ) -> Result<usize, ClientError> {
        let topic_name = || topic.name().to_owned();
        match self.write(&mut self.inner.desk.sit_down(), topic, records) {
            Ok(written) => Ok(written.count),
            Err(Failure::Refused { index, error }) => Err(ClientError::Refused { topic: topic_name(), index, error }),
            Err(Failure::NotDelivered { count, error }) => {
                Err(ClientError::NotAllWritten { topic: topic_name(), count, error })
            }
            Err(Failure::Other(error)) => Err(error),
        }
    }

    fn write<K: Field, V: Field, R: IntoRecord<K, V>>(
        &self,
        writing: &mut Writing,
        topic: &Topic<K, V>,
        records: impl IntoIterator<Item = (R, Option<Partition>)>,
    ) -> Result<Written, Failure> {
        let written = self.try_to_write(writing, topic, records);
        if let Err(failure) = &written {
            let is_unknown = failure.kind() == Some(LogErrorKind::UnknownTopic);
            if is_unknown || !matches!(failure, Failure::Refused { .. }) {
                // What the producer still holds must not be written later, when nobody expects it any more. And what it
                // knows of a topic can be minutes old.
                writing.forget(topic.name());
            }
        }
        written
    }

    fn try_to_write<K: Field, V: Field, R: IntoRecord<K, V>>(
        &self,
        writing: &mut Writing,
        topic: &Topic<K, V>,
        records: impl IntoIterator<Item = (R, Option<Partition>)>,
    ) -> Result<Written, Failure> {
        let partitions = self.partition_count(writing, topic.name()).map_err(Failure::Other)?;
        let sending = match &mut writing.sending {
            Some(sending) => sending,
            none => none.insert(self.new_sending().map_err(|error| Failure::Other(error.into()))?),
        };
        let handle = sending.producer.topic(topic.name());
        let mut wait = self.wait(format!("writing to topic `{}`", topic.name()));
        let (mut count, mut last, mut refused) = (0, None, None);
        let mut polled_at: Option<Duration> = None;
        for (record, to) in records {
            let (key, value, headers, timestamp) = record.into_parts();
            if let Some(error) = to.and_then(|partition| missing(topic.name(), partition, partitions)) {
                refused = Some(error);
                break;
            }
            if let Err(error) = writing.record.encode(topic, &key, &value) {
                refused = Some(error);
                break;
            }
            let (key, value) = (writing.record.key(), writing.record.value());
            let partition = to.unwrap_or_else(|| writing.turn.partition::<K>(key, partitions));
            let timestamp = timestamp.unwrap_or_else(|| self.inner.clock.now());
            let record = OutgoingRecord { key, value, timestamp, headers: &headers };
            match sending.queue(handle, partition, record, &mut wait) {
                Ok(()) => {}
                Err(Failure::Refused { error, .. }) => {
                    refused = Some(error);
                    break;
                }
                Err(failure) => return Err(failure.after(count)),
            }
            (count, last) = (count + 1, Some(partition));
            let now = writing.timer.monotonic();
            let is_due = polled_at.is_none_or(|polled_at| now.saturating_sub(polled_at) >= UNPOLLED_FOR);
            if is_due || count % POLL_EVERY == 0 {
                polled_at = Some(now);
                sending.producer.poll().map_err(|error| Failure::NotDelivered { count, error })?;
            }
        }
        sending.flush(&mut wait).map_err(|failure| failure.after(count))?;
        if let Some(error) = refused {
            return Err(Failure::Refused { index: count, error });
        }
        Ok(Written {
            count,
            last: last.map(|partition| TopicPartition::new(topic.name(), partition.0)),
            end: last.and_then(|partition| sending.producer.acknowledged(handle, partition)),
        })
    }

    fn partition_count(&self, writing: &mut Writing, topic: &str) -> Result<u32, ClientError> {
        let now = writing.timer.monotonic();
        // A log of one's own is asked each time: that is quick, and it creates a topic that was deleted.
        let is_believed =
            |known: &Known| now.saturating_sub(known.at) < BELIEVED_FOR && !self.inner.log.creates_output_topics();
        match writing.partitions.get(topic) {
            Some(known) if is_believed(known) => Ok(known.partitions),
            before => {
                let before = before.map(|known| known.partitions);
                let partitions = self.target(topic)?.partitions;
                if before.is_some_and(|before| before != partitions) {
                    // The producer would not know the new ones for minutes.
                    writing.sending = None;
                }
                writing.partitions.insert(topic.to_owned(), Known { partitions, at: now });
                Ok(partitions)
            }
        }
    }

    fn new_sending(&self) -> Result<Sending, LogError> {
        let doorbell = Doorbell::new();
        let options = ProducerOptions { client_id: super::CLIENT_ID.to_owned(), ..ProducerOptions::default() };
        Ok(Sending { producer: self.inner.log.producer(options, doorbell.clone())?, doorbell })
    }
}

/// Why there is no such partition, if there is none.
fn missing(topic: &str, partition: Partition, partitions: u32) -> Option<LogError> {
    let is_there = (0..i64::from(partitions)).contains(&i64::from(partition.0));
    (!is_there).then(|| {
        let message = format!("topic `{topic}` has {partitions} partitions, numbered from 0: not {partition}");
        LogError::new(LogErrorKind::Invalid, message)
    })
}

impl Failure {
    /// The same failure, with the number of records sent.
    fn after(self, sent: usize) -> Self {
        match self {
            Self::NotDelivered { error, .. } => Self::NotDelivered { count: sent, error },
            other => other,
        }
    }
}

impl Sending {
    /// Queues a record, as soon as there is room.
    fn queue(
        &mut self,
        topic: TopicHandle,
        partition: Partition,
        record: OutgoingRecord<'_>,
        wait: &mut Wait,
    ) -> Result<(), Failure> {
        let mut in_flight = None;
        loop {
            match self.producer.send(topic, partition, record) {
                Ok(()) => return Ok(()),
                Err(SendError::Refused(error)) => return Err(Failure::Refused { index: 0, error }),
                Err(SendError::Full) => {}
            }
            self.producer.poll().map_err(|error| Failure::NotDelivered { count: 0, error })?;
            self.watch(&mut in_flight, wait);
            self.doorbell.wait(ROOM_PAUSE.min(wait.slice().map_err(Failure::Other)?));
        }
    }

    /// Waits until everything is acknowledged.
    fn flush(&mut self, wait: &mut Wait) -> Result<(), Failure> {
        let mut in_flight = None;
        wait.restart();
        loop {
            if let Poll::Ready(flushed) = self.producer.flush() {
                return flushed.map_err(|error| Failure::NotDelivered { count: 0, error });
            }
            self.watch(&mut in_flight, wait);
            self.doorbell.wait(wait.slice().map_err(Failure::Other)?.min(Duration::from_millis(500)));
        }
    }

    /// Whoever waits has more patience as long as the queue becomes shorter.
    fn watch(&self, in_flight: &mut Option<usize>, wait: &mut Wait) {
        let now = self.producer.in_flight();
        if in_flight.replace(now).is_none_or(|before| before != now) {
            wait.restart();
        }
    }
}
