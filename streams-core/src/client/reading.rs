//! A reader of a topic's partitions, which turns a consumer's events into typed records. It never waits.

use std::collections::{BTreeMap, VecDeque};
use std::marker::PhantomData;

use super::{CLIENT_ID, ClientError};
use crate::log::typed::{check_readable, decode};
use crate::log::{Consumer, ConsumerOptions, Doorbell, FetchEvent, Isolation, Log, LogError, RecordBatch};
use crate::record::{Offset, Record, TopicPartition};
use crate::topic::Topic;
use crate::voice::aloud;
use crate::windows::WindowSizes;
use crate::wire::Field;

/// About how many records are taken from the log at a time.
const FETCH_RECORDS: usize = 5_000;

/// A record that was read, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<K, V> {
    /// Key, value, time and headers.
    pub record: Record<K, V>,
    /// The partition that it comes from.
    pub partition: TopicPartition,
    /// Its place there. Reading goes on at [`Offset::next`].
    pub offset: Offset,
}

pub(super) struct Reading<K, V> {
    topic: String,
    windows: WindowSizes,
    consumer: Box<dyn Consumer>,
    doorbell: Doorbell,
    /// The partitions that are still read, and where reading ends.
    open: BTreeMap<TopicPartition, Option<Offset>>,
    items: VecDeque<Item>,
    events: Vec<FetchEvent>,
    /// The last error that may pass.
    trouble: Option<LogError>,
    types: PhantomData<fn() -> (K, V)>,
}

/// What has been fetched.
enum Item {
    Records { partition: TopicPartition, batch: RecordBatch, next: usize },
    Failed(ClientError),
}

impl<K: Field, V: Field> Reading<K, V> {
    /// Starts to read. With `ends`, each partition is read up to its end.
    pub(super) fn new(
        log: &dyn Log,
        topic: &Topic<K, V>,
        partitions: impl IntoIterator<Item = (TopicPartition, Offset)>,
        ends: Option<Vec<Offset>>,
        prefetch_bytes: Option<usize>,
    ) -> Result<Self, ClientError> {
        check_readable(topic)?;
        let doorbell = Doorbell::new();
        let options = ConsumerOptions {
            client_id: CLIENT_ID.to_owned(),
            isolation: Isolation::ReadCommitted,
            prefetch_bytes,
            ..ConsumerOptions::default()
        };
        let mut consumer = log.consumer(options, doorbell.clone())?;
        let mut open = BTreeMap::new();
        let mut ends = ends.map(Vec::into_iter);
        for (partition, start) in partitions {
            let end = ends.as_mut().and_then(Iterator::next);
            if end.is_none_or(|end| start < end) {
                consumer.add(&partition, start);
                open.insert(partition, end);
            }
        }
        Ok(Self {
            topic: topic.name().to_owned(),
            windows: topic.windows(),
            consumer,
            doorbell,
            open,
            items: VecDeque::new(),
            events: Vec::new(),
            trouble: None,
            types: PhantomData,
        })
    }

    /// The next item that has been fetched.
    pub(super) fn next_ready(&mut self) -> Option<Result<Received<K, V>, ClientError>> {
        loop {
            match self.items.front_mut()? {
                Item::Records { partition, batch, next } => {
                    if let Some(record) = batch.get(*next) {
                        *next += 1;
                        let (partition, offset) = (partition.clone(), record.offset);
                        return Some(match decode(&partition, &record, &self.windows) {
                            Ok(record) => Ok(Received { record, partition, offset }),
                            Err(error) => Err(ClientError::Undecodable { partition, offset, error }),
                        });
                    }
                    self.items.pop_front();
                }
                Item::Failed(_) => {
                    let Some(Item::Failed(error)) = self.items.pop_front() else { return None };
                    return Some(Err(error));
                }
            }
        }
    }

    /// Takes what has arrived. Returns whether anything did; if not, the doorbell rings when it is worth trying again.
    pub(super) fn fetch(&mut self) -> bool {
        let mut events = std::mem::take(&mut self.events);
        self.consumer.fetch(FETCH_RECORDS, &mut events);
        let has_arrived = !events.is_empty();
        events.drain(..).for_each(|event| self.take(event));
        self.events = events;
        has_arrived
    }

    fn take(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Records { partition, batch } => self.take_batch(partition, batch),
            FetchEvent::End { partition, position } => {
                if self.open.get(&partition).is_some_and(|end| end.is_some_and(|end| end <= position)) {
                    self.close(&partition);
                }
            }
            FetchEvent::OutOfRange { partition, position } => {
                self.close(&partition);
                let (first, end) = (None, None);
                self.items.push_back(Item::Failed(ClientError::OutOfRange { partition, position, first, end }));
            }
            FetchEvent::Error { error, .. } if error.is_transient() => {
                aloud(|| tracing::warn!(%error, "topic `{}` cannot be read for now; waiting", self.topic));
                self.trouble = Some(error);
            }
            FetchEvent::Error { partition, error } => {
                match partition {
                    Some(partition) => self.close(&partition),
                    None => self.end(),
                }
                self.items.push_back(Item::Failed(error.into()));
            }
        }
    }

    fn take_batch(&mut self, partition: TopicPartition, batch: RecordBatch) {
        let Some(end) = self.open.get(&partition) else { return };
        let batch = match *end {
            Some(end) if batch.next_offset() >= end => {
                self.close(&partition);
                batch.ending_before(end)
            }
            _ => batch,
        };
        self.items.push_back(Item::Records { partition, batch, next: 0 });
    }

    fn close(&mut self, partition: &TopicPartition) {
        self.open.remove(partition);
        self.consumer.remove(partition);
    }
}

impl<K, V> Reading<K, V> {
    pub(super) fn topic(&self) -> &str {
        &self.topic
    }

    pub(super) const fn doorbell(&self) -> &Doorbell {
        &self.doorbell
    }

    /// Whether nothing more is read; what has been fetched may be left.
    pub(super) fn is_over(&self) -> bool {
        self.open.is_empty()
    }

    /// Reads nothing more.
    pub(super) fn end(&mut self) {
        for partition in std::mem::take(&mut self.open).into_keys() {
            self.consumer.remove(&partition);
        }
    }

    /// The last error that may pass, once.
    pub(super) fn take_trouble(&mut self) -> Option<LogError> {
        self.trouble.take()
    }
}
