//! What can go wrong while a record passes through the operators.

use super::validate::{Violation, told};
use crate::log::LogError;
use crate::record::Timestamp;
use crate::state::rows::RowError;
use crate::state::{StoreError, StoreErrorKind};
use crate::wire::{DecodeError, EncodeError};

/// Why a task cannot process a record. The task adds which record it was.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The record's bytes do not decode as the topic's types.
    #[error("the {part} cannot be read: {error} (first bytes: {bytes})")]
    Decode {
        /// `key`, `value`, or `headers` of a record in a retry topic.
        part: &'static str,
        /// Why decoding failed.
        error: DecodeError,
        /// The first bytes in hexadecimal.
        bytes: String,
    },
    /// The record's timestamp is negative.
    #[error("the record's timestamp is {0}, which is negative; Kafka uses -1 for records written without one")]
    NegativeTimestamp(i64),
    /// The record's timestamp is further ahead of the clock than the application accepts.
    #[error(
        "the record's timestamp {timestamp} is {ahead:?} ahead of the clock, and `timestamp.future.max.ms` allows {max:?}"
    )]
    TooFarAhead {
        /// The record's timestamp.
        timestamp: Timestamp,
        /// How far it is ahead.
        ahead: std::time::Duration,
        /// How far it may be ahead.
        max: std::time::Duration,
    },
    /// The application's timestamp extractor refuses the record.
    #[error("{node}: the record's timestamp cannot be extracted: {reason}")]
    NoTimestamp {
        /// The source.
        node: String,
        /// Why not, as the application says.
        reason: String,
    },
    /// A value cannot be encoded in its format.
    #[error("{node}: {error}")]
    Encode {
        /// The node that tried to send or store it.
        node: String,
        /// Why encoding failed.
        error: EncodeError,
    },
    /// A store failed.
    #[error("{node}: {error}")]
    Store {
        /// The node that used it.
        node: String,
        /// How the store failed.
        error: StoreError,
    },
    /// A record could not be handed to the log.
    #[error("{node}: {error}")]
    Send {
        /// The node that sent it.
        node: String,
        /// How the log failed.
        error: LogError,
    },
    /// No topic was chosen for a record.
    #[error("{node}: no topic was chosen: {reason}")]
    NoTopic {
        /// The sink.
        node: String,
        /// Why not, as the application says.
        reason: String,
    },
    /// A partitioner chose a partition that its topic does not have.
    #[error("{node}: its partitioner chose partition {partition} of topic {topic}, which has {partitions}, from 0 on")]
    Partition {
        /// The sink.
        node: String,
        /// The topic's full name.
        topic: String,
        /// The number that was chosen.
        partition: i64,
        /// How many partitions the topic has.
        partitions: u32,
    },
    /// A processor sent a record to a child that it does not have.
    #[error("{node}: it sends a record to {child}, which is none of its children: {}", children.join(", "))]
    NoChild {
        /// The processor.
        node: String,
        /// The name of the child.
        child: String,
        /// The names of its children.
        children: Vec<String>,
    },
    /// A processor scheduled something that cannot be.
    #[error("{node}: {reason}")]
    Schedule {
        /// The processor.
        node: String,
        /// What cannot be.
        reason: String,
    },
    /// Under exactly-once, processing the record takes longer than a transaction may stay open, so it can never be
    /// committed.
    #[error(
        "it took {took:?}, and a transaction may be open for {limit:?} only: do less for each record, or raise \
         `transaction.timeout.ms` (and `session.timeout.ms`, which must be longer)"
    )]
    TooSlow {
        /// How long processing took.
        took: std::time::Duration,
        /// How long a transaction may stay open.
        limit: std::time::Duration,
    },
    /// A suppression holds back more than it may, and was told not to send anything early.
    #[error(
        "{node} holds back {held} {what}, and may hold {limit}: with `shut_down_when_full()` the application ends then; \
         raise the limit, or hold changes back for a shorter time"
    )]
    BufferFull {
        /// The suppression's node.
        node: String,
        /// `records` or `bytes`.
        what: &'static str,
        /// How many it holds back.
        held: usize,
        /// How many it may hold back.
        limit: usize,
    },
    /// A handler has failed with a record, and there is no further attempt.
    #[error("{node}: the handler has failed with {job} in attempt {attempts}: {reason}")]
    GivenUp {
        /// The handler's node.
        node: String,
        /// The record's [`JobId`](crate::dsl::handler::JobId).
        job: Box<str>,
        /// How many attempts have failed.
        attempts: u32,
        /// Why the last one has.
        reason: Box<str>,
    },
    /// The record's value breaks the application's rules.
    #[error("{node}: the record is not valid: {}", told(violations))]
    Invalid {
        /// The node that has the rules.
        node: String,
        /// The rules that it breaks.
        violations: Vec<Violation>,
    },
    /// The application's code refuses the record.
    #[error("{node}: the application refuses the record: {reason}")]
    Refused {
        /// The node that called it.
        node: String,
        /// Why, as the application says.
        reason: String,
    },
    /// The user's code panicked.
    #[error("{}the application's code panicked: {message}", node.as_ref().map(|node| format!("{node}: ")).unwrap_or_default())]
    Panic {
        /// The node that called it, if it was a node.
        node: Option<String>,
        /// What it said.
        message: String,
    },
}

crate::debug_says_what_display_says!(OperatorError);

impl OperatorError {
    /// The node with which it happened, if it was a node.
    #[must_use]
    pub fn node(&self) -> Option<&str> {
        match self {
            Self::Decode { .. } | Self::NegativeTimestamp(_) | Self::TooFarAhead { .. } | Self::TooSlow { .. } => None,
            Self::NoTimestamp { node, .. }
            | Self::Encode { node, .. }
            | Self::Store { node, .. }
            | Self::Send { node, .. }
            | Self::NoTopic { node, .. }
            | Self::Partition { node, .. }
            | Self::NoChild { node, .. }
            | Self::Schedule { node, .. }
            | Self::BufferFull { node, .. }
            | Self::GivenUp { node, .. }
            | Self::Invalid { node, .. }
            | Self::Refused { node, .. } => Some(node),
            Self::Panic { node, .. } => node.as_deref(),
        }
    }

    /// The name of the kind of error.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Decode { .. } => "Decode",
            Self::NegativeTimestamp(_) => "NegativeTimestamp",
            Self::TooFarAhead { .. } => "TooFarAhead",
            Self::NoTimestamp { .. } => "NoTimestamp",
            Self::Encode { .. } => "Encode",
            Self::Store { .. } => "Store",
            Self::Send { .. } => "Send",
            Self::NoTopic { .. } => "NoTopic",
            Self::Partition { .. } => "Partition",
            Self::NoChild { .. } => "NoChild",
            Self::Schedule { .. } => "Schedule",
            Self::TooSlow { .. } => "TooSlow",
            Self::BufferFull { .. } => "BufferFull",
            Self::GivenUp { .. } => "GivenUp",
            Self::Invalid { .. } => "Invalid",
            Self::Refused { .. } => "Refused",
            Self::Panic { .. } => "Panic",
        }
    }

    /// A key whose bytes were checked and accepted cannot be decoded. Not an [`OperatorError::Decode`], which may be
    /// skipped: the record has already changed its row.
    #[cold]
    pub(crate) fn unmade_key(node: &str, error: &DecodeError) -> Self {
        let message = format!("a key cannot be decoded, although `Value::check` accepted its bytes: {error}");
        Self::Store { node: node.to_owned(), error: StoreError::new(StoreErrorKind::Decode, message) }
    }

    /// Adds the node's name to a failure to read or write its rows.
    #[cold]
    pub(crate) fn rows(node: &str, error: RowError) -> Self {
        let node = node.to_owned();
        match error {
            RowError::Store(error) => Self::Store { node, error },
            RowError::Encode(error) => Self::Encode { node, error },
        }
    }
}
