//! Why the model refuses a request: Kafka's error codes, as far as a log without a network has them.

use std::sync::Arc;

use crate::log::outcome::refused_timestamp;
use crate::log::{LogError, LogErrorKind};
use crate::record::{Timestamp, TopicPartition};

/// The reason why a request was refused. Nothing has changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("topic `{0}` does not exist")]
    UnknownTopic(Arc<str>),
    #[error("the topic was deleted")]
    TopicGone,
    #[error("partition {0} does not exist: the topic has {1} partitions")]
    UnknownPartition(TopicPartition, usize),
    #[error("topic `{0}` already exists")]
    TopicExists(Arc<str>),
    #[error("`{0}` is not a valid topic name: {1}")]
    TopicName(String, String),
    #[error("topic `{topic}`: {reason}")]
    TopicSetting { topic: String, reason: String },
    #[error("a record for {partition} has {size} bytes, but the topic accepts at most {max} (`max.message.bytes`)")]
    TooLarge { partition: TopicPartition, size: usize, max: usize },
    #[error("a record for {0} has no key, but the topic is compacted (`cleanup.policy`): give every record a key")]
    KeyMissing(TopicPartition),
    #[error("{}", refused_timestamp(partition, *timestamp, *now))]
    Timestamp { partition: TopicPartition, timestamp: Timestamp, now: Timestamp },
    #[error("offset {offset} of {partition} is after its end, {end}")]
    OffsetOutOfRange { partition: TopicPartition, offset: i64, end: i64 },
    #[error(
        "producer `{0}` was fenced: a newer producer has the same transactional id, or its transaction was open for \
         longer than the transaction timeout"
    )]
    ProducerFenced(Arc<str>),
    #[error("a producer's records for {0} did not arrive in the order in which they were sent")]
    OutOfOrder(TopicPartition),
    #[error("transactional id `{id}`: {reason}")]
    TransactionState { id: Arc<str>, reason: &'static str },
    #[error("transactional id `{0}`: the previous transaction is still being ended; try again")]
    TransactionEnding(Arc<str>),
    #[error("group `{group}`: generation {given} is over, the group is at {current}; the tasks belong to others now")]
    IllegalGeneration { group: Arc<str>, given: i32, current: i32 },
    #[error("group `{group}`: `{member}` is not a member, or no longer")]
    UnknownMember { group: Arc<str>, member: String },
    #[error("group `{0}`: no member ever had this metadata; commit with the metadata from a member's assignment")]
    NeverAMember(Arc<str>),
    #[error(
        "group `{group}`: the metadata with the offset of {partition} has {size} bytes, but at most 4096 are allowed"
    )]
    MetadataTooLarge { group: Arc<str>, partition: TopicPartition, size: usize },
    #[error("group `{group}` has {members} members; stop them first")]
    GroupNotEmpty { group: Arc<str>, members: usize },
    #[error("group `{group}`: {reason}")]
    MemberSetting { group: Arc<str>, reason: &'static str },
}

impl Refusal {
    pub(crate) const fn kind(&self) -> LogErrorKind {
        match self {
            Self::UnknownTopic(_) | Self::TopicGone | Self::UnknownPartition(..) => LogErrorKind::UnknownTopic,
            Self::TopicExists(_) => LogErrorKind::TopicExists,
            Self::TooLarge { .. } => LogErrorKind::TooLarge,
            Self::Timestamp { timestamp, .. } => LogErrorKind::Timestamp(*timestamp),
            Self::ProducerFenced(_) | Self::IllegalGeneration { .. } | Self::UnknownMember { .. } => {
                LogErrorKind::Fenced
            }
            Self::TopicName(..)
            | Self::TopicSetting { .. }
            | Self::KeyMissing(_)
            | Self::OffsetOutOfRange { .. }
            | Self::TransactionState { .. }
            | Self::NeverAMember(_)
            | Self::MetadataTooLarge { .. }
            | Self::MemberSetting { .. } => LogErrorKind::Invalid,
            Self::GroupNotEmpty { .. } => LogErrorKind::InUse,
            Self::TransactionEnding(_) => LogErrorKind::Unavailable,
            Self::OutOfOrder(_) => LogErrorKind::Other,
        }
    }
}

impl From<Refusal> for LogError {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.kind(), refusal.to_string())
    }
}
