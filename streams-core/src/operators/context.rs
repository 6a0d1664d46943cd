//! What an operator sees of its task while it handles a record.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use super::OperatorError;
use super::drops::{Dropped, Drops};
use super::marks::MarkedTopic;
use super::partitioner::Chosen;
use crate::log::{LogError, LogErrorKind, TopicHandle};
use crate::record::{Headers, Partition, RecordPosition, TaskId, Timestamp};

/// Where records leave the task: a sink with one method, which operators and changelogs write to and the runtime
/// connects to a producer.
pub trait Collector {
    /// Takes a record. The bytes are copied before the call returns.
    ///
    /// # Errors
    /// When the record can never be sent.
    fn send(
        &mut self,
        destination: &Destination,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), LogError>;

    /// A topic to send to that the topology does not name, if it is known.
    fn destination(&mut self, _topic: &str) -> Option<Destination> {
        None
    }

    /// Takes a record for a topic that is not known yet. What is sent after it stays behind it.
    ///
    /// # Errors
    /// As [`Collector::send`].
    fn send_when_known(&mut self, record: Unaddressed) -> Result<(), LogError> {
        let message = format!("topic {} cannot be looked up from here", record.topic);
        Err(LogError::new(LogErrorKind::UnknownTopic, message))
    }

    /// Takes the names of the nodes whose records were dropped in the meantime, because their partitioner chose no
    /// partition once their topic was known.
    fn take_dropped(&mut self, _task: TaskId) -> Vec<Box<str>> {
        Vec::new()
    }
}

/// A record for a topic whose number of partitions is not known yet.
pub struct Unaddressed {
    /// The topic's full name.
    pub topic: Arc<str>,
    /// The task that sends it.
    pub task: TaskId,
    /// The node that sends it.
    pub node: Box<str>,
    /// Where the record comes from that it was made of.
    pub position: Option<RecordPosition>,
    /// The key's bytes; `None` is null.
    pub key: Option<Box<[u8]>>,
    /// The value's bytes; `None` is null.
    pub value: Option<Box<[u8]>>,
    /// The record's timestamp.
    pub timestamp: Timestamp,
    /// The record's headers.
    pub headers: Headers,
    /// Chooses the partitions, from the topic, the node's name and the key.
    pub choose: ChoosePartitions,
}

type ChoosePartitions = Box<dyn FnOnce(&Destination, &str, Option<&[u8]>) -> Result<Chosen, OperatorError>>;

/// A topic that records are sent to, resolved when the task is built.
#[derive(Debug, Clone)]
pub struct Destination {
    /// The topic's full name.
    pub topic: Arc<str>,
    /// The producer's handle for the topic.
    pub handle: TopicHandle,
    /// The topic's number of partitions.
    pub partitions: u32,
    /// Whether it is the application's own.
    pub is_internal: bool,
    /// Set if its records say who sent them and how far the sender is.
    pub(crate) marks: Option<Rc<MarkedTopic>>,
}

/// Why a record was dropped on purpose. Each reason is counted separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DropReason {
    /// Its key is null where a key is needed.
    NullKey,
    /// Its value is null where a value is needed.
    NullValue,
    /// Its window was already closed.
    Late,
    /// Its bytes cannot be read, and the application chose to skip such records.
    Undecodable,
    /// Its timestamp is negative, or its extractor returned none, and the application chose to skip such records.
    NegativeTimestamp,
    /// The application's partitioner chose no partition for it.
    NoPartition,
    /// It is a row of an inner foreign-key join that refers to no other row.
    NullForeignKey,
    /// It is an answer within a foreign-key join to a row that has changed since.
    StaleAnswer,
    /// It is a row for a store that keeps rows of that time no more.
    Expired,
    /// It is an earlier version of a row than the latest one, and joins of tables are with latest rows.
    Outdated,
}

impl DropReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::NullKey,
        Self::NullValue,
        Self::Late,
        Self::Undecodable,
        Self::NegativeTimestamp,
        Self::NoPartition,
        Self::NullForeignKey,
        Self::StaleAnswer,
        Self::Expired,
        Self::Outdated,
    ];

    /// The reason as a sentence.
    pub(crate) const fn explanation(self) -> &'static str {
        match self {
            Self::NullKey => "their key is null",
            Self::NullValue => "their value is null",
            Self::Late => "they came after their window was closed; a longer grace keeps it open",
            Self::Undecodable => "their bytes cannot be read, and `deserialization.exception.handler` is `skip`",
            Self::NegativeTimestamp => "their timestamp is negative, or their extractor leaves them out",
            Self::NoPartition => "their partitioner chose no partition",
            Self::NullForeignKey => "they have no foreign key; a left join keeps them",
            Self::StaleAnswer => "the rows that they answer have changed since, and are answered themselves",
            Self::Expired => "their rows are older than what the store keeps; a longer retention keeps them",
            Self::Outdated => "a later version of their row is known, and tables are joined by their latest rows",
        }
    }

    /// Whether it happens all the time without anything being wrong, so that nobody needs to be told of it.
    pub(crate) const fn is_routine(self) -> bool {
        matches!(self, Self::StaleAnswer)
    }

    /// The reason as a metrics label.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::NullKey => "null-key",
            Self::NullValue => "null-value",
            Self::Late => "late",
            Self::Undecodable => "undecodable",
            Self::NegativeTimestamp => "negative-timestamp",
            Self::NoPartition => "no-partition",
            Self::NullForeignKey => "null-foreign-key",
            Self::StaleAnswer => "stale-answer",
            Self::Expired => "expired",
            Self::Outdated => "outdated",
        }
    }
}

/// What an operator sees of its task.
pub struct Context {
    /// The task.
    pub task: TaskId,
    /// Where the record being processed comes from; `None` in punctuators and cache flushes.
    pub position: Option<RecordPosition>,
    /// The largest timestamp among the records that the task has started to process.
    pub stream_time: Timestamp,
    /// Wall-clock time, as the worker last read it.
    pub wall_clock: Timestamp,
    /// Set by a processor that wants a commit soon.
    pub commit_requested: bool,
    collector: Rc<RefCell<dyn Collector>>,
    dropped: [u64; DropReason::ALL.len()],
    /// How many records were sent to topics that are not internal.
    sent_out: u64,
    drops: Drops,
}

impl Context {
    /// A context for a task whose records leave through `collector`.
    #[must_use]
    pub fn new(task: TaskId, collector: Rc<RefCell<dyn Collector>>) -> Self {
        Self {
            task,
            position: None,
            stream_time: Timestamp::UNKNOWN,
            wall_clock: Timestamp::UNKNOWN,
            commit_requested: false,
            collector,
            dropped: [0; DropReason::ALL.len()],
            sent_out: 0,
            drops: Drops::default(),
        }
    }

    /// Counts a record that is dropped on purpose. The log tells each at debug level, and the runtime tells all of them
    /// now and then with their number.
    pub fn drop_record(&mut self, node: &str, reason: DropReason) {
        self.dropped[reason as usize] += 1;
        self.drops.count(node, reason, || None);
        if let Some(position) = &self.position {
            tracing::debug!(
                task = %self.task, node, reason = reason.label(),
                topic = &*position.topic, partition = position.partition.0, offset = position.offset.0,
                "record dropped"
            );
        }
    }

    /// Counts a record that cannot be read and is skipped, as the setting says.
    #[cold]
    pub(crate) fn skip_record(&mut self, reason: DropReason, error: &OperatorError) {
        self.dropped[reason as usize] += 1;
        let Some(position) = &self.position else { return };
        let (topic, partition, offset) = (&*position.topic, position.partition.0, position.offset.0);
        self.drops.count(topic, reason, || Some(format!("offset {offset} of {topic}-{partition}: {error}")));
        tracing::debug!(task = %self.task, topic, partition, offset, %error, "record skipped");
    }

    /// Takes what was dropped since this was called last.
    pub(crate) fn take_drops(&mut self) -> Vec<Dropped> {
        let late = self.collector.borrow_mut().take_dropped(self.task);
        late.iter().for_each(|node| self.drop_record(node, DropReason::NoPartition));
        self.drops.take()
    }

    /// How many records were dropped for the given reason.
    #[must_use]
    pub const fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped[reason as usize]
    }

    /// How many records were sent to topics that are not internal.
    pub(crate) const fn sent_out(&self) -> u64 {
        self.sent_out
    }

    /// A topic to send to that the topology does not name, if it is known.
    pub(super) fn destination(&self, topic: &str) -> Option<Destination> {
        self.collector.borrow_mut().destination(topic)
    }

    /// Sends a record out of the task as soon as its topic is known.
    ///
    /// # Errors
    /// As [`Context::send`].
    pub(super) fn send_when_known(&mut self, record: Unaddressed) -> Result<(), OperatorError> {
        self.sent_out += 1;
        let node = record.node.to_string();
        self.collector.borrow_mut().send_when_known(record).map_err(|error| OperatorError::Send { node, error })
    }

    /// Sends a record out of the task.
    ///
    /// # Errors
    /// When the record can never be sent.
    #[allow(clippy::too_many_arguments, reason = "these are the parts of a record")]
    pub fn send(
        &mut self,
        node: &str,
        destination: &Destination,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), OperatorError> {
        let sent = match &destination.marks {
            None => {
                self.sent_out += u64::from(!destination.is_internal);
                self.collector.borrow_mut().send(destination, partition, key, value, timestamp, headers)
            }
            Some(marks) => {
                let headers = marks.mark(partition, headers, self.stream_time);
                self.collector.borrow_mut().send(destination, partition, key, value, timestamp, &headers)
            }
        };
        sent.map_err(|error| OperatorError::Send { node: node.to_owned(), error })
    }
}
