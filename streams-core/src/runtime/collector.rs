//! Where records leave a worker: its producer, the transaction, and the records waiting for room.
//!
//! A full producer must not stop an operator in the middle of a record. Records that it refuses wait here, and the
//! worker processes nothing more until they are accepted. Back-pressure thus takes effect between records. Records for
//! topics that have to be looked up first wait here, too.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;

use super::output_topics::OutputTopics;
use super::pulse::Pulse;
use crate::clock::SharedClock;
use crate::log::{LogError, LogErrorKind, OutgoingRecord, Producer, SendError};
use crate::operators::{Collector, Destination, RecordPosition, Unaddressed};
use crate::record::{Headers, Offset, Partition, TaskId, Timestamp};
use crate::state::{Changelog, StoreError, StoreErrorKind};

/// A worker's producer and the records waiting for it.
pub(crate) struct ProducerCollector {
    producer: Box<dyn Producer>,
    topics: OutputTopics,
    clock: SharedClock,
    waiting: VecDeque<Waiting>,
    /// The tasks and nodes of records that no partition was chosen for.
    dropped: Vec<(TaskId, Box<str>)>,
    transactional: bool,
    in_transaction: bool,
    trouble: Option<LogError>,
    /// Whether the control has given the worker up.
    pulse: Option<Arc<Pulse>>,
}

enum Waiting {
    Addressed(Addressed),
    /// Its topic has to be looked up.
    Unaddressed(Unaddressed),
}

/// A record that a producer has refused for now.
struct Addressed {
    destination: Destination,
    partition: Partition,
    key: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
    timestamp: Timestamp,
    headers: Headers,
}

impl ProducerCollector {
    pub(crate) fn new(
        producer: Box<dyn Producer>,
        topics: OutputTopics,
        clock: SharedClock,
        transactional: bool,
    ) -> Self {
        Self {
            producer,
            topics,
            clock,
            waiting: VecDeque::new(),
            dropped: Vec::new(),
            transactional,
            in_transaction: false,
            trouble: None,
            pulse: None,
        }
    }

    /// Sends nothing once the control has given the worker up: then others have its tasks, and what it still writes would be
    /// behind their records.
    pub(crate) fn heeding(self, pulse: &Arc<Pulse>) -> Self {
        Self { pulse: Some(Arc::clone(pulse)), ..self }
    }

    pub(crate) fn producer(&mut self) -> &mut dyn Producer {
        &mut *self.producer
    }

    /// Call this when the transaction was committed or aborted.
    pub(crate) fn transaction_ended(&mut self) {
        self.in_transaction = false;
    }

    /// Whether records wait because the producer is full.
    pub(crate) fn is_backed_up(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The topic that has to be looked up before anything else is sent.
    pub(crate) fn looks_up(&self) -> Option<&str> {
        match self.waiting.front()? {
            Waiting::Unaddressed(record) => Some(&record.topic),
            Waiting::Addressed(_) => None,
        }
    }

    /// Opens a transaction if one is needed and none is open. An error if nothing may be sent any more.
    pub(crate) fn ensure_transaction(&mut self) -> Result<(), LogError> {
        if self.pulse.as_ref().is_some_and(|pulse| pulse.is_given_up()) {
            let message = "this worker did not come back for so long that others have its tasks";
            return Err(LogError::new(LogErrorKind::Fenced, message));
        }
        if self.transactional && !self.in_transaction {
            self.producer.begin_transaction()?;
            self.in_transaction = true;
        }
        Ok(())
    }

    /// Why the last record was refused, if repeating the work with a new producer may succeed. The operator only
    /// learns that sending failed.
    pub(crate) fn take_trouble(&mut self) -> Option<LogError> {
        self.trouble.take()
    }

    /// Sends the waiting records. Returns whether none is left.
    pub(crate) fn drain(&mut self) -> Result<bool, LogError> {
        let drained = self.hand_over();
        self.note(drained)
    }

    fn note<T>(&mut self, outcome: Result<T, LogError>) -> Result<T, LogError> {
        if let Err(error) = &outcome
            && may_be_repeated(error)
        {
            self.trouble = Some(error.clone());
        }
        outcome
    }

    fn hand_over(&mut self) -> Result<bool, LogError> {
        self.producer.poll()?;
        while let Some(next) = self.waiting.pop_front() {
            let left = match next {
                Waiting::Addressed(record) => self.hand_over_one(record)?.map(Waiting::Addressed),
                Waiting::Unaddressed(record) => self.address(record)?.map(Waiting::Unaddressed),
            };
            if let Some(left) = left {
                self.waiting.push_front(left);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Returns the record if there is no room for it.
    fn hand_over_one(&mut self, record: Addressed) -> Result<Option<Addressed>, LogError> {
        let outgoing = OutgoingRecord {
            key: record.key.as_deref(),
            value: record.value.as_deref(),
            timestamp: record.timestamp,
            headers: &record.headers,
        };
        match self.producer.send(record.destination.handle, record.partition, outgoing) {
            Ok(()) => Ok(None),
            Err(SendError::Full) => Ok(Some(record)),
            Err(SendError::Refused(error)) => Err(error),
        }
    }

    /// Puts a record whose topic is known in front, once for each partition. Returns it if the topic is not known yet.
    fn address(&mut self, record: Unaddressed) -> Result<Option<Unaddressed>, LogError> {
        let now = self.clock.monotonic();
        let destination = match self.topics.look_up(&record.topic, now) {
            Poll::Pending => return Ok(Some(record)),
            Poll::Ready(answer) => answer.map(|()| self.destination(&record.topic)),
        };
        let Unaddressed { topic: _, task, node, position, key, value, timestamp, headers, choose } = record;
        let failed = |kind: LogErrorKind, message: String| {
            let made_of = position.map(|RecordPosition { topic, partition, offset }| {
                format!("; task {task} made the record of offset {offset} of {topic}-{partition}")
            });
            LogError::new(kind, message + &made_of.unwrap_or_default())
        };
        let destination = match destination {
            Ok(Some(destination)) => destination,
            Ok(None) => return Ok(None),
            Err(error) => return Err(failed(error.kind, format!("{node}: {error}"))),
        };
        let partitions = match choose(&destination, &node, key.as_deref()) {
            Ok(partitions) => partitions,
            Err(error) => return Err(failed(LogErrorKind::Invalid, error.to_string())),
        };
        if partitions.is_empty() {
            self.dropped.push((task, node));
        }
        for partition in partitions.into_iter().rev() {
            let (destination, key, value, headers) = (destination.clone(), key.clone(), value.clone(), headers.clone());
            let record = Addressed { destination, partition, key, value, timestamp, headers };
            self.waiting.push_front(Waiting::Addressed(record));
        }
        Ok(None)
    }

    /// The offset after the last acknowledged record of a changelog partition.
    pub(crate) fn acknowledged(&self, destination: &Destination, partition: Partition) -> Option<Offset> {
        self.producer.acknowledged(destination.handle, partition)
    }
}

impl Collector for ProducerCollector {
    fn send(
        &mut self,
        destination: &Destination,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), LogError> {
        let begun = self.ensure_transaction();
        self.note(begun)?;
        if self.waiting.is_empty() {
            let outgoing = OutgoingRecord { key, value, timestamp, headers };
            match self.producer.send(destination.handle, partition, outgoing) {
                Ok(()) => return Ok(()),
                Err(SendError::Full) => {}
                Err(SendError::Refused(error)) => return self.note(Err(error)),
            }
        }
        self.waiting.push_back(Waiting::Addressed(Addressed {
            destination: destination.clone(),
            partition,
            key: key.map(Into::into),
            value: value.map(Into::into),
            timestamp,
            headers: headers.clone(),
        }));
        Ok(())
    }

    fn destination(&mut self, topic: &str) -> Option<Destination> {
        let (topic, partitions) = self.topics.known(topic)?;
        let handle = self.producer.topic(&topic);
        Some(Destination { topic, handle, partitions, is_internal: false, marks: None })
    }

    fn send_when_known(&mut self, record: Unaddressed) -> Result<(), LogError> {
        let begun = self.ensure_transaction();
        self.note(begun)?;
        self.waiting.push_back(Waiting::Unaddressed(record));
        Ok(())
    }

    fn take_dropped(&mut self, task: TaskId) -> Vec<Box<str>> {
        self.dropped.extract_if(.., |(dropped_by, _)| *dropped_by == task).map(|(_, node)| node).collect()
    }
}

/// Whether repeating the work with a new producer may succeed after this error.
pub(crate) fn may_be_repeated(error: &LogError) -> bool {
    error.is_transient() || error.kind == LogErrorKind::Fenced
}

/// One store's changelog partition.
pub(crate) struct TopicChangelog {
    pub(crate) collector: Rc<RefCell<ProducerCollector>>,
    pub(crate) destination: Destination,
    pub(crate) partition: Partition,
}

impl Changelog for TopicChangelog {
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), StoreError> {
        self.collector
            .borrow_mut()
            .send(&self.destination, self.partition, Some(key), value, timestamp, headers)
            .map_err(|error| {
                StoreError::new(StoreErrorKind::Other, format!("changelog {}: {error}", self.destination.topic))
            })
    }
}
