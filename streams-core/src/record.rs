//! A record and the numbers that place it: topic partition, offset, timestamp, headers.
//!
//! Each number has its own type, so that an offset cannot be passed where a timestamp is meant.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

/// Event or wall-clock time in milliseconds since the Unix epoch, as in Kafka.
///
/// ```
/// use millstream::prelude::*;
///
/// assert_eq!(Timestamp(0).to_string(), "1970-01-01T00:00:00Z");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// The stream time that Kafka Streams reports before the first record.
    pub const UNKNOWN: Self = Self(-1);

    /// The time that long before, but no earlier than 1970.
    #[must_use]
    pub(crate) fn before(self, duration: std::time::Duration) -> Self {
        let milliseconds = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
        Self(self.0.saturating_sub(milliseconds).max(0))
    }

    /// The same moment as a chrono time, or `None` if it is outside chrono's range.
    #[must_use]
    pub fn to_datetime(self) -> Option<chrono::DateTime<chrono::Utc>> {
        chrono::DateTime::from_timestamp_millis(self.0)
    }
}

impl From<chrono::DateTime<chrono::Utc>> for Timestamp {
    fn from(time: chrono::DateTime<chrono::Utc>) -> Self {
        Self(time.timestamp_millis())
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_datetime() {
            Some(time) => f.write_str(&time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
            None => write!(f, "{} ms", self.0),
        }
    }
}

/// A record's position in its partition. The first record of a partition has offset 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Offset(pub i64);

impl Offset {
    /// The offset of the next record.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Offset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A partition's number within its topic, starting at 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Partition(pub i32);

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One partition of one topic. Prints as `topic-3`, as in Kafka's tools.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicPartition {
    /// The topic's full name.
    pub topic: Arc<str>,
    /// The partition of that topic.
    pub partition: Partition,
}

impl TopicPartition {
    /// A partition by topic name and number.
    #[must_use]
    pub fn new(topic: impl Into<Arc<str>>, partition: i32) -> Self {
        Self { topic: topic.into(), partition: Partition(partition) }
    }
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

/// Where the record being processed comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordPosition {
    /// The topic's full name.
    pub topic: Arc<str>,
    /// The partition of the topic.
    pub partition: Partition,
    /// The offset in the partition.
    pub offset: Offset,
}

/// One header of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Not necessarily unique among a record's headers.
    pub name: String,
    /// `None` is null, which Kafka allows.
    pub value: Option<Bytes>,
}

/// A record's headers, in order. An empty list costs nothing to create, move or clone.
///
/// ```
/// use millstream::prelude::*;
///
/// let mut headers = Headers::new();
/// headers.push("trace", "abc");
/// assert_eq!(headers.get("trace"), Some(&b"abc"[..]));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Headers(Option<Arc<Vec<Header>>>);

impl Headers {
    /// No headers.
    #[must_use]
    pub const fn new() -> Self {
        Self(None)
    }

    /// Appends a header.
    pub fn push(&mut self, name: impl Into<String>, value: impl Into<Bytes>) {
        self.push_header(Header { name: name.into(), value: Some(value.into()) });
    }

    /// Appends a header whose value may be null.
    pub fn push_header(&mut self, header: Header) {
        Arc::make_mut(self.0.get_or_insert_default()).push(header);
    }

    /// The value of the last header with that name; `None` if there is none or its value is null.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        self.iter().rev().find(|header| header.name == name)?.value.as_deref()
    }

    /// Iterates over the headers in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Header> {
        self.0.as_deref().map_or(&[][..], Vec::as_slice).iter()
    }

    /// The number of headers, counting repeated names.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |headers| headers.len())
    }

    /// Whether there are no headers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<'a> IntoIterator for &'a Headers {
    type Item = &'a Header;
    type IntoIter = std::slice::Iter<'a, Header>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl FromIterator<Header> for Headers {
    fn from_iter<I: IntoIterator<Item = Header>>(headers: I) -> Self {
        let headers: Vec<_> = headers.into_iter().collect();
        Self((!headers.is_empty()).then(|| Arc::new(headers)))
    }
}

/// A typed record on its way through a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record<K, V> {
    /// Determines the partition.
    pub key: K,
    /// If its type is an `Option`, `None` is Kafka's null: a tombstone in a table.
    pub value: V,
    /// Event time.
    pub timestamp: Timestamp,
    /// Passed on from the input record.
    pub headers: Headers,
}

impl<K, V> Record<K, V> {
    /// A record without headers.
    #[must_use]
    pub const fn new(key: K, value: V, timestamp: Timestamp) -> Self {
        Self { key, value, timestamp, headers: Headers::new() }
    }

    /// The same record with another key and value.
    #[must_use]
    pub fn with<K2, V2>(self, key: K2, value: V2) -> Record<K2, V2> {
        Record { key, value, timestamp: self.timestamp, headers: self.headers }
    }
}

/// An update of a table's row, from an old to a new value. `None` means that there is no row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<V> {
    /// The row before the update, if an operator downstream needs old values.
    pub old: Option<V>,
    /// The row after the update; `None` deletes it.
    pub new: Option<V>,
    /// Whether no later update of the row is known. It can be `false` only in tables that keep versions.
    pub is_latest: bool,
}

impl<V> Change<V> {
    /// An update with no known later one.
    #[must_use]
    pub const fn latest(old: Option<V>, new: Option<V>) -> Self {
        Self { old, new, is_latest: true }
    }
}

/// One partition of one sub-topology. Prints as `0_3`, as in Kafka Streams; the task's folder has the same name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId {
    /// The sub-topology's number.
    pub subtopology: u32,
    /// The partition's number.
    pub partition: Partition,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}_{}", self.subtopology, self.partition)
    }
}
