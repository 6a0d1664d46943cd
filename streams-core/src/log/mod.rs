//! Where records come from and go: the log port.
//!
//! A [`Log`] is topics of partitions of records, groups that share them out, and transactions. Two things
//! stand behind this port: Apache Kafka (`streams-kafka`) and the [`Embedded`] log. One contract suite,
//! [`crate::testing::log_contract`], holds both to the same behaviour.
//!
//! Rules of the port:
//! * **No call waits for somebody else.** A call answers at once, or returns [`Poll::Pending`] or a [`Reply`] and is
//!   asked again; whoever waits, waits on the [`Doorbell`] that was handed in, which rings when asking again
//!   may help. Two calls take time of their own: an embedded log on disk writes each step to its files, and reads old
//!   records back, before it answers (waiting until they are safe on the disk is left to a thread), and
//!   [`Producer::flush`] on Kafka takes up to a millisecond.
//! * **Partitions are chosen by the core**, never here.
//! * **Results are closed enums** that say what may be done next.
//! * Positions are explicit: a consumer reads exactly where it was told to; nothing is ever reset
//!   silently.

use std::task::Poll;

use crate::record::{Headers, Offset, Partition, Timestamp, TopicPartition};

mod batch;
mod doorbell;
mod embedded;
mod membership;
pub(crate) mod model;
mod outcome;
mod reply;

pub use batch::{BatchBuilder, RecordBatch, RecordRef};
pub use doorbell::Doorbell;
#[cfg(test)]
pub(crate) use embedded::Delivery;
pub use embedded::Embedded;
pub use membership::{
    Committer, GroupMetadata, GroupPlan, Member, MemberEvent, MemberOptions, PlannedSubtopology, tasks_of,
};
pub use outcome::{CommitOutcome, LogError, LogErrorKind};
pub use reply::Reply;

use std::sync::Arc;

/// A place where records come from and go.
pub trait Log: Send + Sync + 'static {
    /// One line for people: what this is and where.
    fn describe(&self) -> String;

    /// A client that reads partitions it is told to read.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError>;

    /// A client that writes records.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError>;

    /// A member of a group, which is told which tasks are its own.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError>;

    /// Looks up and changes topics.
    ///
    /// # Errors
    /// When the client cannot be created, for instance because of a bad setting.
    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError>;

    /// Whether output topics that do not exist are created when an application starts, as is handy for an
    /// embedded log. On a log that others use too they are the operator's to create.
    fn creates_output_topics(&self) -> bool {
        false
    }
}

/// Which records a reader sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Isolation {
    /// All records, also those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// Only records outside transactions or of committed ones, up to the last stable offset.
    ReadCommitted,
}

/// What a consumer reads for: a log may have settings of its own for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConsumerPurpose {
    /// Input.
    #[default]
    Main,
    /// State: changelogs, and the topics of global tables.
    Restore,
}

/// How a consumer reads.
#[derive(Debug, Clone, Default)]
pub struct ConsumerOptions {
    /// Name of the client in the log's own metrics and messages.
    pub client_id: String,
    /// What it reads for.
    pub purpose: ConsumerPurpose,
    /// Which records it sees.
    pub isolation: Isolation,
    /// At most this many bytes are fetched ahead; `None` leaves it to the log.
    pub prefetch_bytes: Option<usize>,
}

/// Reads partitions in batches.
pub trait Consumer: Send {
    /// Starts reading a partition at `from`. A partition that is read already is moved there.
    fn add(&mut self, partition: &TopicPartition, from: Offset);

    /// Stops reading a partition. Batches of it that were fetched ahead are dropped: no event about it
    /// follows.
    fn remove(&mut self, partition: &TopicPartition);

    /// Stops delivering a partition until [`Consumer::resume`]; the position stays. What was already
    /// handed out stays handed out.
    fn pause(&mut self, partition: &TopicPartition);

    /// Delivers a paused partition again.
    fn resume(&mut self, partition: &TopicPartition);

    /// Moves what has arrived into `events`, at most about `records_max` records. Returns at once, also
    /// with nothing; rings the doorbell when there is more.
    fn fetch(&mut self, records_max: usize, events: &mut Vec<FetchEvent>);
}

/// What a consumer has to tell.
#[derive(Debug)]
pub enum FetchEvent {
    /// Records of one partition, in order.
    Records {
        /// Whose they are.
        partition: TopicPartition,
        /// The records; its `next_offset` is where reading goes on.
        batch: RecordBatch,
    },
    /// Everything there is has been delivered; the reader's position is `position`, which counts the
    /// offsets of transaction markers and compacted records too. Told once each time the end is reached.
    End {
        /// Whose end.
        partition: TopicPartition,
        /// The offset that the next record to arrive will have, or a later one.
        position: Offset,
    },
    /// The position does not exist: it lies before the first record that is kept, or behind the end.
    /// Reading of this partition stops until [`Consumer::add`].
    OutOfRange {
        /// Whose position.
        partition: TopicPartition,
        /// The position asked for.
        position: Offset,
    },
    /// The partition cannot be read for now. Reading goes on by itself if the error is transient;
    /// otherwise it stops until [`Consumer::add`].
    Error {
        /// The partition, if the error is about one.
        partition: Option<TopicPartition>,
        /// What is wrong.
        error: LogError,
    },
}

/// How a producer writes. All producers wait for all replicas (`acks=all`) and are idempotent.
#[derive(Debug, Clone, Default)]
pub struct ProducerOptions {
    /// Name of the client in the log's own metrics and messages.
    pub client_id: String,
    /// Set to write in transactions; a second producer with the same id fences the first.
    pub transactional_id: Option<String>,
    /// A transaction open for longer than this is aborted by the log. Milliseconds.
    pub transaction_timeout_ms: u32,
}

/// A topic as one producer knows it; see [`Producer::topic`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TopicHandle(pub u32);

/// A record to write, borrowed from its sender.
#[derive(Debug, Clone, Copy)]
pub struct OutgoingRecord<'a> {
    /// The key's bytes; `None` is null.
    pub key: Option<&'a [u8]>,
    /// The value's bytes; `None` is null.
    pub value: Option<&'a [u8]>,
    /// The record's time.
    pub timestamp: Timestamp,
    /// The record's headers.
    pub headers: &'a Headers,
}

/// Why a record was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The queue is full: call [`Producer::poll`] and send the same record again later.
    #[error("the producer's queue is full")]
    Full,
    /// The record will never be taken: it is too large, its partition does not exist, ...
    #[error(transparent)]
    Refused(#[from] LogError),
}

/// Writes records, in transactions or not.
///
/// Order within a partition is the order of the calls. The calls about transactions are meaningful
/// only with [`ProducerOptions::transactional_id`]; each of them that returns [`Poll::Pending`] is to be
/// called again, the same one and nothing else, until it is decided.
pub trait Producer: Send {
    /// A handle for a topic: sending by handle avoids looking the name up per record. The same name
    /// gives the same handle.
    fn topic(&mut self, name: &str) -> TopicHandle;

    /// Queues a record. The bytes are copied or written before the call returns.
    ///
    /// # Errors
    /// [`SendError::Full`] is back-pressure; anything else is final for this record.
    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError>;

    /// Takes note of what has been acknowledged.
    ///
    /// # Errors
    /// The first failed delivery since the last call, which names topic and partition. The record is
    /// lost: the caller must not commit what depends on it.
    fn poll(&mut self) -> Result<(), LogError>;

    /// Pushes out what is queued; ready when every record sent so far is acknowledged or has failed.
    fn flush(&mut self) -> Poll<Result<(), LogError>>;

    /// How many records are sent and not yet acknowledged.
    fn in_flight(&self) -> usize;

    /// The offset right after this producer's last acknowledged record in that partition; `None` before
    /// the first. Exact only after [`Producer::flush`] was ready.
    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset>;

    /// Registers the transactional id: fences earlier producers of it and ends their open transaction.
    fn init_transactions(&mut self) -> Poll<CommitOutcome>;

    /// Opens a transaction. Everything sent from now on belongs to it.
    ///
    /// # Errors
    /// When the producer is fenced or a transaction is open already.
    fn begin_transaction(&mut self) -> Result<(), LogError>;

    /// Adds the group's input positions to the transaction, fenced by the group's generation. A metadata
    /// that was never a member's is refused.
    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome>;

    /// Makes everything in the transaction visible, all or nothing.
    fn commit_transaction(&mut self) -> Poll<CommitOutcome>;

    /// Throws everything in the transaction away, what is still queued included.
    fn abort_transaction(&mut self) -> Poll<CommitOutcome>;
}

/// An input position to remember for the group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffsetToCommit {
    /// The input partition.
    pub partition: TopicPartition,
    /// The next offset to read.
    pub offset: Offset,
    /// Text kept beside it, at most 4,096 bytes.
    pub metadata: String,
}

/// An input position that the group remembers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommittedOffset {
    /// The next offset to read.
    pub offset: Offset,
    /// The text kept beside it.
    pub metadata: String,
}

/// A topic as the log knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicInfo {
    /// Its name.
    pub name: String,
    /// How many partitions it has.
    pub partitions: u32,
    /// The log's own id for this incarnation of the topic: another one after it was deleted and created
    /// again. Empty when the log cannot tell.
    pub id: String,
}

/// A topic to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTopic {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// How many replicas; `None` is the log's default.
    pub replication: Option<u16>,
    /// Kafka's topic settings, such as `cleanup.policy`.
    pub configs: Vec<(String, String)>,
}

/// A member of a group, as anybody may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMemberInfo {
    /// The id the group gave it; begins with the client's name.
    pub member_id: String,
    /// The name the client gave itself ([`MemberOptions::client_id`]).
    pub client_id: String,
    /// Where it runs, for people; empty when the log cannot tell.
    pub host: String,
}

/// Looks up and changes topics and positions.
pub trait Admin: Send + Sync {
    /// Which of these topics exist, and how they look. `None` asks for all topics.
    fn topics(&self, names: Option<Vec<String>>) -> Reply<Result<Vec<TopicInfo>, LogError>>;

    /// A topic's settings.
    fn topic_configs(&self, name: &str) -> Reply<Result<Vec<(String, String)>, LogError>>;

    /// Creates topics; one answer per topic, in order. A topic that exists already is an error of kind
    /// [`LogErrorKind::TopicExists`].
    fn create_topics(&self, topics: Vec<NewTopic>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>>;

    /// Deletes topics and their records; one answer per topic, in order.
    fn delete_topics(&self, names: Vec<String>) -> Reply<Result<Vec<Result<(), LogError>>, LogError>>;

    /// The offset of the first record that is kept, in order of the question.
    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Offset>, LogError>>;

    /// The offset after the last record ([`Isolation::ReadUncommitted`]) or the last stable offset
    /// ([`Isolation::ReadCommitted`]), in order of the question.
    fn end_offsets(
        &self,
        partitions: Vec<TopicPartition>,
        isolation: Isolation,
    ) -> Reply<Result<Vec<Offset>, LogError>>;

    /// Deletes the records before these offsets.
    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Reply<Result<(), LogError>>;

    /// What a group has committed for these partitions, in order of the question, waiting out open
    /// transactions; for tools and tests. Members ask their [`Committer`].
    fn committed(
        &self,
        group: &str,
        partitions: Vec<TopicPartition>,
    ) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>>;

    /// Who is in a group now, also while it rebalances, in the order of their ids. A member that died is in it
    /// until its session runs out; a group that does not exist has nobody.
    fn group_members(&self, group: &str) -> Reply<Result<Vec<GroupMemberInfo>, LogError>>;
}
