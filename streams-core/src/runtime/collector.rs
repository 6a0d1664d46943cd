//! Where records leave a worker: its producer, the transaction, and the records waiting for room.
//!
//! A full producer must not stop an operator in the middle of a record. Records that it refuses wait here, and the
//! worker processes nothing more until they are accepted. Back-pressure thus takes effect between records.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;

use crate::log::{LogError, LogErrorKind, OutgoingRecord, Producer, SendError};
use crate::operators::{Collector, Destination};
use crate::record::{Headers, Offset, Partition, Timestamp};
use crate::state::{Changelog, StoreError, StoreErrorKind};

/// A worker's producer and the records waiting for it.
pub(crate) struct ProducerCollector {
    producer: Box<dyn Producer>,
    waiting: VecDeque<Waiting>,
    transactional: bool,
    in_transaction: bool,
    trouble: Option<LogError>,
}

struct Waiting {
    destination: Destination,
    partition: Partition,
    key: Option<Box<[u8]>>,
    value: Option<Box<[u8]>>,
    timestamp: Timestamp,
    headers: Headers,
}

impl ProducerCollector {
    pub(crate) fn new(producer: Box<dyn Producer>, transactional: bool) -> Self {
        Self { producer, waiting: VecDeque::new(), transactional, in_transaction: false, trouble: None }
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

    /// Opens a transaction if one is needed and none is open.
    pub(crate) fn ensure_transaction(&mut self) -> Result<(), LogError> {
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
        while let Some(record) = self.waiting.front() {
            let outgoing = OutgoingRecord {
                key: record.key.as_deref(),
                value: record.value.as_deref(),
                timestamp: record.timestamp,
                headers: &record.headers,
            };
            match self.producer.send(record.destination.handle, record.partition, outgoing) {
                Ok(()) => {
                    self.waiting.pop_front();
                }
                Err(SendError::Full) => return Ok(false),
                Err(SendError::Refused(error)) => return Err(error),
            }
        }
        Ok(true)
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
        self.waiting.push_back(Waiting {
            destination: destination.clone(),
            partition,
            key: key.map(Into::into),
            value: value.map(Into::into),
            timestamp,
            headers: headers.clone(),
        });
        Ok(())
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
