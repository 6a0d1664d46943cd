//! What went wrong, and what may be done next.

use std::fmt;

use crate::record::Timestamp;

/// The end of a commit, abort or registration: each variant says what may be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It is done.
    Done,
    /// Nothing is decided: call the same function again.
    Retriable(LogError),
    /// It failed and the transaction is still open: abort it, then go on with the same producer.
    AbortRequired(LogError),
    /// Somebody else has taken over: drop the tasks, their uncommitted state and the producer.
    Fenced(LogError),
    /// Nobody can tell whether it was done: drop uncommitted state and the producer, read back what is
    /// committed, and go on from there.
    Unknown(LogError),
    /// Going on makes no sense.
    Fatal(LogError),
}

/// What kind of trouble, for code that decides; the message is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogErrorKind {
    /// The log cannot be reached for now, or a part of it is not available; trying again may help.
    Unavailable,
    /// A request took too long.
    Timeout,
    /// The topic or partition does not exist.
    UnknownTopic,
    /// The topic exists already.
    TopicExists,
    /// The record is larger than the log takes.
    TooLarge,
    /// The record's timestamp, which is told here, is further from now than its topic allows.
    Timestamp(Timestamp),
    /// The caller is not, or no longer, a member of the group's current generation.
    Fenced,
    /// Not allowed: credentials or access rights.
    Denied,
    /// A setting or an argument is not valid.
    Invalid,
    /// Stored or received bytes are damaged.
    Corrupt,
    /// The place is in use by another process.
    InUse,
    /// Anything else.
    Other,
}

/// An error of the log, with the topic, partition or setting it is about in its message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LogError {
    /// What kind of trouble.
    pub kind: LogErrorKind,
    /// What happened, to what, and what to do about it.
    pub message: String,
}

impl LogError {
    /// An error of that kind.
    pub fn new(kind: LogErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The error for a record whose timestamp its topic does not take; `now` is about the log's time.
    pub fn refused_timestamp(partition: impl fmt::Display, timestamp: Timestamp, now: Timestamp) -> Self {
        Self::new(LogErrorKind::Timestamp(timestamp), refused_timestamp(partition, timestamp, now))
    }

    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, LogErrorKind::Unavailable | LogErrorKind::Timeout)
    }
}

/// What is said about a record whose timestamp its topic does not take.
pub(super) fn refused_timestamp(partition: impl fmt::Display, timestamp: Timestamp, now: Timestamp) -> String {
    let (side, setting) = match timestamp > now {
        true => ("ahead of", "message.timestamp.after.max.ms"),
        false => ("behind", "message.timestamp.before.max.ms"),
    };
    format!(
        "a record for {partition} was not written: its timestamp {} ({timestamp}) is further {side} the log's clock \
         than the topic's `{setting}` allows; raise that setting of the topic, or mend what gives records their time",
        timestamp.0
    )
}
