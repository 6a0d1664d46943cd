//! A typed client: writes, reads and creates topics, on any log.
//!
//! It is for the programs around an application: those that send its input, show its results, or copy a topic. A
//! [`Client`] is written on the [log](crate::log)'s port alone, so it does the same on Apache Kafka and on the embedded log.
//! It joins no group and commits no positions; whoever wants to go on where it stopped keeps the offsets that it
//! received.
//!
//! ```
//! use millstream::prelude::*;
//!
//! const CLICKS: Topic<String, i64> = Topic::new("clicks");
//!
//! let client = Client::new(Embedded::in_memory())?; // or Client::new(Kafka::at("localhost:9092"))?
//! client.create_topic(&CLICKS).partitions(4).set("retention.ms", "86400000").if_missing().create()?;
//! client.send(&CLICKS, "ada", 1)?;
//! client.send_all(&CLICKS, [("bob", 2), ("ada", 3)])?;
//!
//! let sum: i64 = client.read(&CLICKS)?.iter().map(|record| record.value).sum();
//! assert_eq!(sum, 6);
//! for received in client.tail(&CLICKS, StartAt::Beginning)?.take(3) {
//!     let received = received?;
//!     println!("{} at offset {} of {}", received.record.value, received.offset, received.partition);
//! }
//! # Ok::<_, millstream::client::ClientError>(())
//! ```
//!
//! Every call waits for the log, for 30 seconds at most unless [`Client::patience`] says otherwise, and logs a warning when
//! it has to wait for more than two. Only a [`Tail`] waits for ever. In an async executor, a call blocks its thread; only
//! the stream of [`Tail::stream`] does not. Where many records are sent one by one, give them a thread of their own.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::SharedClock;
use crate::log::{Admin, Doorbell, Log};
use crate::record::{Offset, Partition, Record, Timestamp, TopicPartition};
use crate::topic::Topic;
use crate::wire::{Field, IntoField};

mod dead_letters;
mod desk;
mod error;
mod into_record;
mod looking_up;
mod newest;
mod partition_offsets;
mod ranges;
mod reading;
mod start;
mod tail;
mod time_lag;
mod topics;
mod waiting;
mod writing;

pub(crate) use dead_letters::WayBack;
pub use dead_letters::{DeadLetter, DeadLetters, Origin, PutBackError, Stays};
pub use error::ClientError;
pub use into_record::IntoRecord;
pub use newest::{Newest, NewestPage};
pub use partition_offsets::PartitionOffsets;
pub use reading::Received;
pub use start::StartAt;
pub use tail::{Tail, TailStream};
pub use time_lag::time_lag;
pub use topics::CreateTopic;

use desk::Desk;

/// How long a call waits for the log.
const PATIENCE: Duration = Duration::from_secs(30);

/// The name in the log's metrics and messages.
const CLIENT_ID: &str = "millstream-client";

/// Writes, reads and creates topics; see the [module's page](self). It is cheap to clone, and threads can share it.
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    patience: Duration,
}

struct Inner {
    log: Arc<dyn Log>,
    /// The log and its address, for messages.
    place: Arc<str>,
    clock: SharedClock,
    admin: Arc<dyn Admin>,
    desk: Desk,
}

impl Client {
    /// A client of a log. Connections are made when they are needed.
    ///
    /// # Errors
    /// When the log's settings are not valid.
    pub fn new(log: impl Log) -> Result<Self, ClientError> {
        let admin = log.admin(Doorbell::new())?;
        let (place, clock) = (log.describe().into(), log.clock());
        let inner = Inner { log: Arc::new(log), place, clock, admin, desk: Desk::default() };
        Ok(Self { inner: Arc::new(inner), patience: PATIENCE })
    }

    /// Sets how long a call waits for a log that does not answer, which is 30 seconds otherwise.
    #[must_use]
    pub const fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Starts to describe a topic to create; [`CreateTopic::create`] creates it.
    pub fn create_topic<K, V>(&self, topic: &Topic<K, V>) -> CreateTopic<'_> {
        CreateTopic::new(self, topic.name())
    }

    /// Writes one record with the clock's current time, and waits until it is acknowledged. The key determines the
    /// partition, as everywhere in Kafka; records without a key go to the partitions in turn. Returns where the record is.
    ///
    /// On an embedded log, a missing topic is created with one partition, and a record that is acknowledged survives a
    /// power cut. To write many records, use [`Client::send_all`], which does not wait for each.
    ///
    /// # Errors
    /// When key or value cannot be encoded, there is no such topic, the topic does not accept the record, or the log does
    /// not answer; in this last case the record may have been written.
    pub fn send<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        key: impl IntoField<K>,
        value: impl IntoField<V>,
    ) -> Result<(TopicPartition, Offset), ClientError> {
        self.write_one(topic, (key, value), None)
    }

    /// As [`Client::send`], but with the given time.
    ///
    /// # Errors
    /// As [`Client::send`].
    pub fn send_at<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        key: impl IntoField<K>,
        value: impl IntoField<V>,
        timestamp: Timestamp,
    ) -> Result<(TopicPartition, Offset), ClientError> {
        self.write_one(topic, (key, value, timestamp), None)
    }

    /// Writes one record with its own time and headers, and waits until it is acknowledged. It goes to `partition`; if that is
    /// `None`, the key decides as in [`Client::send`].
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::record::Partition;
    ///
    /// const CLICKS: Topic<String, i64> = Topic::new("clicks");
    ///
    /// let client = Client::new(Embedded::in_memory())?;
    /// client.create_topic(&CLICKS).partitions(2).create()?;
    /// let mut headers = Headers::new();
    /// headers.push("trace", "7");
    /// let click = Record { key: "ada".to_owned(), value: 1, timestamp: Timestamp(5), headers };
    /// let (partition, _) = client.send_record(&CLICKS, click.clone(), Some(Partition(1)))?;
    /// assert_eq!(partition.to_string(), "clicks-1");
    ///
    /// let error = client.send_record(&CLICKS, click, Some(Partition(2))).unwrap_err();
    /// assert_eq!(error.to_string(), "topic `clicks` has 2 partitions, numbered from 0: not 2");
    /// # Ok::<_, millstream::client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// As [`Client::send`], and when the topic does not have the partition.
    pub fn send_record<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        record: Record<K, V>,
        partition: Option<Partition>,
    ) -> Result<(TopicPartition, Offset), ClientError> {
        self.write_one(topic, record, partition)
    }

    /// As [`Client::send_all`], with records that have their own time and headers and may name their partitions. If a topic
    /// does not have one of these, nothing more is written.
    ///
    /// # Errors
    /// As [`Client::send_all`].
    pub fn send_records<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        records: impl IntoIterator<Item = (Record<K, V>, Option<Partition>)>,
    ) -> Result<usize, ClientError> {
        self.write_all(topic, records)
    }

    /// Writes many records, in order, and waits once until all are acknowledged. Returns their number. No more than the
    /// log's own queue is held in memory, however many there are.
    ///
    /// The records are not a transaction: after an error, some may be written. Other threads that write through this
    /// client wait meanwhile; the iterator itself may.
    ///
    /// # Errors
    /// As [`Client::send`]; the error says which records were written, as far as that is known.
    pub fn send_all<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        records: impl IntoIterator<Item: IntoRecord<K, V>>,
    ) -> Result<usize, ClientError> {
        self.write_all(topic, records.into_iter().map(|record| (record, None)))
    }

    /// All committed records of a topic up to its present end, partition by partition in the order of their offsets.
    /// [`Client::records`] does not hold them all in memory.
    ///
    /// # Errors
    /// When there is no such topic, a record does not have the topic's types, the topic's keys are windowed and its constant
    /// does not set the length of the windows (see [`Topic::windows_of`]), or the log does not answer.
    pub fn read<K: Field, V: Field>(&self, topic: &Topic<K, V>) -> Result<Vec<Record<K, V>>, ClientError> {
        let mut partitions: Vec<Vec<Record<K, V>>> = Vec::new();
        for received in self.records(topic)? {
            let Received { record, partition, .. } = received?;
            let index = usize::try_from(partition.partition.0).unwrap_or(0);
            if partitions.len() <= index {
                partitions.resize_with(index + 1, Vec::new);
            }
            if let Some(records) = partitions.get_mut(index) {
                records.push(record);
            }
        }
        Ok(partitions.into_iter().flatten().collect())
    }

    /// The committed records of a topic up to its present end, one after the other: in order within each partition, while
    /// those of different partitions come as they arrive.
    ///
    /// # Errors
    /// As [`Client::read`]; a record that does not have the topic's types is an item of the iterator.
    pub fn records<K: Field, V: Field>(&self, topic: &Topic<K, V>) -> Result<Tail<K, V>, ClientError> {
        self.records_from(topic, StartAt::Beginning)
    }

    /// As [`Client::records`], from some place on.
    ///
    /// # Errors
    /// As [`Client::records`], and when a partition does not have the offset.
    pub fn records_from<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        start: impl Into<StartAt>,
    ) -> Result<Tail<K, V>, ClientError> {
        let partitions = self.partitions(topic.name())?;
        let ends = self.committed_ends(&partitions)?;
        let starts = self.starts(&partitions, &start.into())?;
        Tail::new(self, topic, partitions.into_iter().zip(starts), Some(ends))
    }

    /// The committed records of a topic from some place on, and then those that are still to come. The positions are
    /// looked up before this returns, so a record that is written after that is not missed. Partitions that are added
    /// later are not read.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const CLICKS: Topic<(), String> = Topic::new("clicks");
    ///
    /// # futures::executor::block_on(async {
    /// let client = Client::new(Embedded::in_memory())?;
    /// client.create_topic(&CLICKS).create()?;
    /// let mut clicks = client.tail(&CLICKS, StartAt::End)?.stream();
    /// client.send(&CLICKS, (), "/cart")?;
    /// assert_eq!(clicks.next().await.transpose()?.map(|received| received.record.value), Some("/cart".to_owned()));
    /// # Ok::<_, millstream::client::ClientError>(())
    /// # })?;
    /// # Ok::<_, millstream::client::ClientError>(())
    /// ```
    ///
    /// # Errors
    /// When there is no such topic, a partition does not have the offset, the length of the windows of its keys is not
    /// set, or the log does not answer.
    pub fn tail<K: Field, V: Field>(
        &self,
        topic: &Topic<K, V>,
        start: impl Into<StartAt>,
    ) -> Result<Tail<K, V>, ClientError> {
        let partitions = self.partitions(topic.name())?;
        let starts = self.starts(&partitions, &start.into())?;
        Tail::new(self, topic, partitions.into_iter().zip(starts), None)
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Client({})", self.inner.place)
    }
}
