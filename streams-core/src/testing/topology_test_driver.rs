//! A second test driver, which behaves as the one of Kafka Streams with the same name does.
//!
//! It shows more and does less than [`TestDriver`](super::TestDriver): there is no log, no group and no worker, so
//! nothing can be killed or restarted. Errors are values. What it does and in which order is
//! [`SingleTask`](crate::runtime::SingleTask)'s.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::log::typed::EncodedRecord;
use crate::operators::DropReason;
use crate::record::{Headers, Timestamp};
use crate::runtime::{AppError, OnError, RawRow, RecordIn, SentRecord, Settings, SingleTask, SingleTaskOptions};
use crate::topic::{NAME_LENGTH_MAX, TimestampPolicy, Topic, check_name};
use crate::topology::Topology;
use crate::wire::{Field, IntoField};

/// Runs a topology as Kafka Streams' `TopologyTestDriver` does, and shows every record and every row.
///
/// The whole topology is one task with one stream time, and every topic has one partition. Each record is followed by
/// the stream-time punctuators that are due, and by a commit, which flushes the caches. Then whatever was sent to a
/// topic that the topology reads, such as a repartition topic, comes in again, one record at a time: among the first
/// records of all topics the one with the smallest timestamp comes first. So a topology gives the same records in the
/// same order here and on Kafka Streams.
///
/// To test an application use [`TestDriver`](super::TestDriver), which runs production's worker on a log. This driver
/// is for comparing topologies, and for tests that care about the order over several topics, about the contents of
/// internal topics, or about bytes.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TopologyTestDriver;
///
/// const VIEWS: Topic<String, String> = Topic::new("views");
/// const COUNTS: Topic<String, i64> = Topic::new("counts");
/// const STORE: KeyValueStore<String, i64> = KeyValueStore::new("views-per-user");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(VIEWS).group_by_key().count().stored_as(STORE).to_stream().to(COUNTS);
///
/// let mut driver = TopologyTestDriver::new(builder.build()?)?;
/// driver.pipe_at(&VIEWS, "ada", "/cart", Timestamp(7))?;
/// let sent: Vec<_> = driver.take_sent().into_iter().map(|record| (record.topic.to_string(), record.value)).collect();
/// let one = Some(1_i64.to_be_bytes().to_vec());
/// assert_eq!(sent, [("app-views-per-user-changelog".to_owned(), one.clone()), ("counts".to_owned(), one)]);
/// let rows = driver.rows()?;
/// assert_eq!((&*rows[0].key, rows[0].timestamp), (&b"ada"[..], Some(Timestamp(7))));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
pub struct TopologyTestDriver {
    task: SingleTask,
    failed: Option<AppError>,
}

/// How a [`TopologyTestDriver`] runs a topology.
pub struct TopologySetup {
    topology: Topology,
    options: SingleTaskOptions,
}

/// A record of bytes, for [`TopologyTestDriver::pipe_bytes`].
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RawRecord {
    /// The key's bytes; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is null.
    pub value: Option<Vec<u8>>,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The headers, in order.
    pub headers: Headers,
}

impl TopologySetup {
    /// Sets the application's id, with which the names of internal topics begin. It is `app` otherwise.
    #[must_use]
    pub fn application_id(mut self, id: impl Into<String>) -> Self {
        self.options.application_id = id.into();
        self
    }

    /// Sets how many bytes the caches may hold (`statestore.cache.max.bytes`); with 0 there are none. The default is
    /// [`App`](crate::runtime::App)'s.
    #[must_use]
    pub const fn cache_bytes(mut self, bytes: usize) -> Self {
        self.options.cache_bytes = bytes;
        self
    }

    /// Sets what happens to a record that cannot be decoded (`deserialization.exception.handler`). By default it is an
    /// error.
    #[must_use]
    pub const fn on_undecodable(mut self, what: OnError) -> Self {
        self.options.errors.undecodable = what;
        self
    }

    /// Sets which time records have, for all sources that don't say it themselves (`default.timestamp.extractor`).
    #[must_use]
    pub const fn timestamps(mut self, policy: TimestampPolicy) -> Self {
        self.options.timestamps = policy;
        self
    }

    /// Sets the clock's initial time, which is 0 by default.
    #[must_use]
    pub const fn start_at(mut self, start: Timestamp) -> Self {
        self.options.start = start;
        self
    }

    /// Builds the task.
    ///
    /// # Errors
    /// When the application's id breaks the rule for names, or a part of the topology cannot be built.
    pub fn start(self) -> Result<TopologyTestDriver, AppError> {
        let id = &self.options.application_id;
        check_name(id.as_bytes(), NAME_LENGTH_MAX)
            .map_err(|error| AppError::ApplicationId { id: id.clone(), error })?;
        Ok(TopologyTestDriver { task: SingleTask::new(self.topology, self.options)?, failed: None })
    }
}

impl TopologyTestDriver {
    /// Starts a topology with the defaults.
    ///
    /// # Errors
    /// As [`TopologySetup::start`].
    pub fn new(topology: Topology) -> Result<Self, AppError> {
        Self::configure(topology).start()
    }

    /// Starts configuring how to run a topology.
    #[must_use]
    pub fn configure(topology: Topology) -> TopologySetup {
        let Settings { cache_bytes, errors, timestamps, .. } = Settings::default();
        let (application_id, start) = ("app".to_owned(), Timestamp(0));
        let options = SingleTaskOptions { application_id, cache_bytes, errors, timestamps, start };
        TopologySetup { topology, options }
    }

    /// Processes a record with the clock's time as its timestamp.
    ///
    /// # Errors
    /// As [`TopologyTestDriver::pipe_bytes`].
    pub fn pipe<K: Field, V: Field>(
        &mut self,
        topic: &Topic<K, V>,
        key: impl IntoField<K>,
        value: impl IntoField<V>,
    ) -> Result<(), AppError> {
        let now = self.task.now();
        self.pipe_at(topic, key, value, now)
    }

    /// Processes a record with the given timestamp.
    ///
    /// # Errors
    /// As [`TopologyTestDriver::pipe_bytes`], and when the key or the value cannot be encoded.
    pub fn pipe_at<K: Field, V: Field>(
        &mut self,
        topic: &Topic<K, V>,
        key: impl IntoField<K>,
        value: impl IntoField<V>,
        timestamp: Timestamp,
    ) -> Result<(), AppError> {
        let mut encoded = EncodedRecord::default();
        encoded
            .encode(topic, &key.into_field(), &value.into_field())
            .map_err(|error| AppError::log("writing a test's record", error))?;
        let headers = &Headers::new();
        self.pipe_in(topic.name(), &RecordIn { key: encoded.key(), value: encoded.value(), timestamp, headers })
    }

    /// Processes a record of bytes, which may also be one of an internal topic.
    ///
    /// # Errors
    /// When the topology does not read the topic, or the record, or one that follows from it, cannot be processed. After
    /// an error the application has ended, and every further call returns the same error.
    pub fn pipe_bytes(&mut self, topic: &str, record: &RawRecord) -> Result<(), AppError> {
        let RawRecord { key, value, timestamp, headers } = record;
        let (key, value) = (key.as_deref(), value.as_deref());
        self.pipe_in(topic, &RecordIn { key, value, timestamp: *timestamp, headers })
    }

    fn pipe_in(&mut self, topic: &str, record: &RecordIn<'_>) -> Result<(), AppError> {
        if !self.work(|task| task.pipe(topic, record))? {
            let reads = self.task.topics().map(str::to_owned).collect();
            return Err(AppError::NotRead { topic: topic.to_owned(), reads });
        }
        Ok(())
    }

    /// Advances the clock, which fires the wall-clock punctuators that are due. One that is due several times fires
    /// once.
    ///
    /// # Errors
    /// As [`TopologyTestDriver::pipe_bytes`].
    pub fn advance_wall_clock(&mut self, by: Duration) -> Result<(), AppError> {
        self.work(|task| task.advance_clock(by))
    }

    /// Takes the records that were sent since the last call: to all topics, internal ones too, in the order in which
    /// they were sent.
    pub fn take_sent(&mut self) -> Vec<SentRecord> {
        self.task.take_sent()
    }

    /// All rows of all stores, global tables too: store by store, ordered by the bytes of their stored keys. Rows of
    /// window and session stores that have expired are left out, whether or not they are still there.
    ///
    /// # Errors
    /// When a store cannot be read.
    pub fn rows(&self) -> Result<Vec<RawRow>, AppError> {
        self.task.rows()
    }

    /// How many records were dropped so far, by the name of the node and the reason. Where records could not be read,
    /// the topic stands in for the node.
    #[must_use]
    pub fn dropped(&self) -> BTreeMap<(String, DropReason), u64> {
        self.task.dropped().into_iter().map(|((node, reason), count)| ((node.into(), reason), count)).collect()
    }

    /// Kafka Streams' `dropped-records-total`: the number of records that were dropped so far, without those at the
    /// filters before repartition topics, which Kafka Streams does not count.
    #[must_use]
    pub fn dropped_records_total(&self) -> u64 {
        let is_counted = |node: &str| !node.starts_with("KSTREAM-FILTER-") && !node.ends_with("-repartition-filter");
        self.task.dropped().iter().filter(|((node, _), _)| is_counted(node)).map(|(_, count)| count).sum()
    }

    /// Does some work, unless the application has ended.
    fn work<T>(&mut self, work: impl FnOnce(&mut SingleTask) -> Result<T, AppError>) -> Result<T, AppError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        work(&mut self.task).inspect_err(|error| self.failed = Some(error.clone()))
    }
}
