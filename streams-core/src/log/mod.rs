//! The log port: where records come from and go to.
//!
//! A [`Log`] consists of topics with partitions of records, groups that divide partitions, and transactions. There are
//! two implementations: Apache Kafka (`streams-kafka`) and the [`Embedded`] log. One contract suite,
//! [`crate::testing::log_contract`], ensures that they behave the same.
//!
//! Rules of the port:
//! * **No call waits for somebody else.** A call returns a result at once, or returns [`Poll::Pending`] or a [`Reply`]
//!   and is repeated; the caller waits on the [`Doorbell`] that it passed in, which rings when it is worth trying again.
//!   Two calls take time of their own: an embedded log on disk writes each step to its files, and reads old records
//!   back, before it returns (a thread waits until writes are safe on the disk), and [`Producer::flush`] on Kafka takes
//!   up to a millisecond.
//! * **Partitions are chosen by the core**, never here.
//! * **Results are closed enums** that say what may be done next.
//! * **Positions are explicit**: a consumer reads exactly where it is told to; nothing is ever reset silently.

use std::task::Poll;
use std::time::Duration;

use crate::clock::{SharedClock, SystemClock};
use crate::record::{Headers, Offset, Partition, Timestamp, TopicPartition};

mod batch;
mod doorbell;
mod embedded;
mod membership;
pub(crate) mod model;
mod outcome;
mod reply;
mod shared;
pub(crate) mod typed;

pub use batch::{BatchBuilder, RecordBatch, RecordRef};
pub(crate) use doorbell::Call;
pub use doorbell::Doorbell;
#[cfg(test)]
pub(crate) use embedded::Delivery;
pub use embedded::Embedded;
pub use membership::{
    Committer, GroupMetadata, GroupPlan, Member, MemberEvent, MemberOptions, PlannedSubtopology, tasks_of,
};
pub use outcome::{CommitOutcome, LogError, LogErrorKind};
pub use reply::Reply;
pub(crate) use reply::wait_for;

use std::sync::Arc;

/// Creates the clients that read and write records, own tasks and manage topics.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a log that an application or a client can run on",
    label = "expected `Kafka::at(\"host:9092\")`, `Embedded::in_memory()` or `Embedded::open(\"folder\")`",
    note = "`Kafka` is there with the feature `kafka`, which is one of the default features"
)]
pub trait Log: Send + Sync + 'static {
    /// The kind and place of this log, in one line for people.
    fn describe(&self) -> String;

    /// Creates a client that reads the partitions it is told to read.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError>;

    /// Creates a client that writes records.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError>;

    /// Creates a member of a group, to which tasks are assigned.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError>;

    /// Creates a client that looks up and changes topics.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError>;

    /// Whether missing output topics are created when an application starts, which is convenient for an embedded log. On
    /// a log with other users, creating them is up to its operators.
    fn creates_output_topics(&self) -> bool {
        false
    }

    /// Whether an application that has chosen no guarantee runs under exactly-once. Where a transaction costs next to
    /// nothing, as on an embedded log, every result is then there after a tenth of a second, once. Elsewhere the
    /// default is Kafka Streams' own, at-least-once.
    fn is_exactly_once_by_default(&self) -> bool {
        false
    }

    /// Whether the records of a transaction can be read as soon as its commit is done. On Kafka, the markers that make
    /// them readable are written a moment later.
    fn commits_at_once(&self) -> bool {
        false
    }

    /// How often it is worth looking for new topics, unless `metadata.max.age.ms` says otherwise.
    fn topic_interval(&self) -> Duration {
        Duration::from_secs(5 * 60)
    }

    /// What its clients hold in memory. The default is nothing that is worth counting.
    fn client_memory(&self) -> ClientMemory {
        ClientMemory::default()
    }

    /// The clock that records get their time from, unless their sender sets it.
    fn clock(&self) -> SharedClock {
        SystemClock::shared()
    }
}

/// What a log's clients hold in memory at most, in bytes, if [`ConsumerOptions::prefetch_bytes`] and
/// [`ProducerOptions::queue_bytes`] leave it to the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClientMemory {
    /// What one consumer fetches ahead.
    pub prefetch_bytes: usize,
    /// Whether the user has set that, so that the option has no effect.
    pub prefetch_is_set: bool,
    /// What waits in one producer to be sent.
    pub queue_bytes: usize,
    /// Whether the user has set that, so that the option has no effect.
    pub queue_is_set: bool,
}

/// The records that a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All records, including those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// Only records of committed transactions and those outside transactions, up to the last stable offset.
    ReadCommitted,
}

/// The purpose of a consumer; a log may have separate settings for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConsumerPurpose {
    /// Reads input topics.
    #[default]
    Main,
    /// Reads changelogs and the topics of global tables.
    Restore,
}

/// The options of a consumer.
#[derive(Debug, Clone, Default)]
pub struct ConsumerOptions {
    /// The client's name in the log's metrics and messages.
    pub client_id: String,
    /// Input or state.
    pub purpose: ConsumerPurpose,
    /// The records that it sees.
    pub isolation: Isolation,
    /// The maximum number of bytes to fetch ahead; `None` leaves it to the log.
    pub prefetch_bytes: Option<usize>,
}

/// Reads partitions in batches.
pub trait Consumer: Send {
    /// Starts reading a partition at `from`. If it is being read already, its position moves there.
    fn add(&mut self, partition: &TopicPartition, from: Offset);

    /// Stops reading a partition. Batches that were fetched ahead are dropped; there will be no more events about it.
    fn remove(&mut self, partition: &TopicPartition);

    /// Stops delivering a partition until [`Consumer::resume`]; the position stays. Batches that have been delivered are
    /// not affected.
    fn pause(&mut self, partition: &TopicPartition);

    /// Continues delivering a paused partition.
    fn resume(&mut self, partition: &TopicPartition);

    /// Moves what has arrived into `events`, at most about `records_max` records. Returns at once, even without events;
    /// the doorbell rings when there is more.
    fn fetch(&mut self, records_max: usize, events: &mut Vec<FetchEvent>);
}

/// An event of a consumer.
#[derive(Debug)]
pub enum FetchEvent {
    /// Records of one partition, in order.
    Records {
        /// The partition that they come from.
        partition: TopicPartition,
        /// Its `next_offset` is the new position.
        batch: RecordBatch,
    },
    /// All records have been delivered. There is one such event each time the end is reached.
    End {
        /// The partition that has been read to its end.
        partition: TopicPartition,
        /// The reader's position, after any transaction markers and compacted records.
        position: Offset,
    },
    /// The position does not exist: it is before the first record that is still there, or after the end. The partition
    /// is not read any more until [`Consumer::add`].
    OutOfRange {
        /// The partition that cannot be read there.
        partition: TopicPartition,
        /// The position that was asked for.
        position: Offset,
    },
    /// The partition cannot be read. Reading continues automatically if the error is transient; otherwise it stops until
    /// [`Consumer::add`].
    Error {
        /// `None` if the error concerns all partitions.
        partition: Option<TopicPartition>,
        /// Says whether it is transient.
        error: LogError,
    },
}

/// The options of a producer. All producers wait for all replicas (`acks=all`) and are idempotent.
#[derive(Debug, Clone, Default)]
pub struct ProducerOptions {
    /// The client's name in the log's metrics and messages.
    pub client_id: String,
    /// Set it to write in transactions; a second producer with the same id fences the first.
    pub transactional_id: Option<String>,
    /// The log aborts a transaction that has been open for longer than this, in milliseconds.
    pub transaction_timeout_ms: u32,
    /// The maximum number of bytes that wait to be sent; `None` leaves it to the log.
    pub queue_bytes: Option<usize>,
}

/// A producer's number for a topic; see [`Producer::topic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicHandle(pub u32);

/// A record to write, borrowed from its sender.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingRecord<'a> {
    /// The key's bytes; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` is null.
    pub value: Option<&'a [u8]>,
    /// Topics may restrict how far it is from now.
    pub timestamp: Timestamp,
    /// Written in this order.
    pub headers: &'a Headers,
}

/// Why a record was not accepted.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue is full: call [`Producer::poll`] and send the same record again later.
    #[error("the producer's queue is full")]
    Full,
    /// The record will never be accepted, for instance because it is too large or its partition does not exist.
    #[error(transparent)]
    Refused(#[from] LogError),
}

crate::debug_says_what_display_says!(SendError);

/// Writes records, in transactions or not.
///
/// Records of a partition are written in the order of the calls. The methods for transactions may be used only with
/// [`ProducerOptions::transactional_id`]. If one of them returns [`Poll::Pending`], the same method must be called again,
/// and no other, until it returns a result.
pub trait Producer: Send {
    /// A handle for a topic, which avoids looking up the name for every record. The same name gives the same handle.
    fn topic(&mut self, name: &str) -> TopicHandle;

    /// Queues a record. The bytes are copied or written before the call returns.
    ///
    /// # Errors
    /// [`SendError::Full`] is back-pressure; anything else is final for this record.
    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError>;

    /// Processes acknowledgements.
    ///
    /// # Errors
    /// The first failed delivery since the last call, with its topic and partition. The record is lost, so the caller
    /// must not commit anything that depends on it.
    fn poll(&mut self) -> Result<(), LogError>;

    /// Sends what is queued. Ready when every record so far has been acknowledged or has failed.
    fn flush(&mut self) -> Poll<Result<(), LogError>>;

    /// The number of records that have been sent but not acknowledged.
    fn in_flight(&self) -> usize;

    /// The offset after this producer's last acknowledged record in that partition; `None` before the first. Exact only
    /// once [`Producer::flush`] is ready.
    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset>;

    /// Registers the transactional id, fences earlier producers with the same id and ends their open transaction.
    fn init_transactions(&mut self) -> Poll<CommitOutcome>;

    /// Opens a transaction. Everything sent from now on belongs to it.
    ///
    /// # Errors
    /// When the producer is fenced or a transaction is already open.
    fn begin_transaction(&mut self) -> Result<(), LogError>;

    /// Adds the group's input positions to the transaction, fenced by the group's generation. Metadata that no member
    /// ever had is refused.
    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome>;

    /// Makes everything in the transaction visible atomically.
    fn commit_transaction(&mut self) -> Poll<CommitOutcome>;

    /// Discards everything in the transaction, including records that are still queued.
    fn abort_transaction(&mut self) -> Poll<CommitOutcome>;
}

/// An input position to commit for a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The input partition.
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// Stored with the offset, at most 4,096 bytes.
    pub metadata: String,
}

/// An input position that a group has committed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// Stored with the offset.
    pub metadata: String,
}

/// A topic that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Unique in the log.
    pub name: String,
    /// The number of partitions.
    pub partitions: u32,
    /// The log's id for this incarnation of the topic, which is different once the topic has been deleted and created
    /// again. Empty if the log does not provide one.
    pub id: String,
    /// The number of replicas of its partitions, the smallest one if they differ; `None` if the log keeps no replicas.
    pub replicas: Option<u16>,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Must follow the rule of [`check_name`](crate::topic::check_name).
    pub name: String,
    /// The number of partitions.
    pub partitions: u32,
    /// The number of replicas; `None` is the log's default.
    pub replication: Option<u16>,
    /// Kafka's topic settings, such as `cleanup.policy`.
    pub configs: Vec<(String, String)>,
}

/// A member of a group, as others see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMemberInfo {
    /// Assigned by the group; starts with the client's name, or with the instance id of a static member.
    pub member_id: String,
    /// The member's [`MemberOptions::client_id`]. If a static member has taken another's place, it is still the other's
    /// until the next generation, as in Kafka.
    pub client_id: String,
    /// Where it runs, for people; empty if the log does not know.
    pub host: String,
    /// The partitions that the group has assigned to it, in order. During a rebalance nobody has any.
    pub assigned: Vec<TopicPartition>,
}

/// Looks up and changes topics and positions.
pub trait Admin: Send + Sync {
    /// Describes those of these topics that exist; `None` asks for all topics.
    fn topics(&self, names: Option<Vec<String>>) -> Reply<Result<Vec<TopicInfo>, LogError>>;

    /// All settings of a topic, by Kafka's names.
    fn topic_configs(&self, name: &str) -> Reply<Result<Vec<(String, String)>, LogError>>;

    /// Creates topics; one result per topic, in order. A topic that already exists is an error of kind
    /// [`LogErrorKind::TopicExists`].
    fn create_topics(&self, topics: Vec<NewTopic>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>>;

    /// Deletes topics and their records; one result per topic, in order.
    fn delete_topics(&self, names: Vec<String>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>>;

    /// The offsets of the partitions' first records, in the same order.
    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Offset>, LogError>>;

    /// The offsets after the partitions' last records ([`Isolation::ReadUncommitted`]), or their last stable offsets
    /// ([`Isolation::ReadCommitted`]), in the same order.
    fn end_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        isolation: Isolation,
    ) -> Reply<Result<Vec<Offset>, LogError>>;

    /// The offsets of the partitions' first records whose timestamp is `time` or later, in the same order; the offset
    /// after the last record ([`Isolation::ReadUncommitted`]) where there is none.
    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Reply<Result<Vec<Offset>, LogError>>;

    /// Deletes the records before these offsets.
    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Reply<Result<(), LogError>>;

    /// The positions that a group has committed for these partitions, in the same order, once no open transaction can
    /// change them. For tools and tests; members ask their [`Committer`].
    fn committed(
        &self,
        group: &str,
        partitions: Vec<TopicPartition>,
    ) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>>;

    /// The current members of a group, in the order of their ids, even during a rebalance. A dead member belongs to the
    /// group until its session expires; a group that does not exist has no members.
    fn group_members(&self, group: &str) -> Reply<Result<Vec<GroupMemberInfo>, LogError>>;

    /// Forgets a group and all positions that it has committed. A group that has members is an error of kind
    /// [`LogErrorKind::InUse`]; one that does not exist is none.
    fn delete_group(&self, group: &str) -> Reply<Result<(), LogError>>;
}
