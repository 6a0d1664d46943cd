//! Errors of the log, and what may be done next.

use std::fmt;

use crate::record::Timestamp;

/// The result of a commit, abort or registration. Each variant says what may be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CommitOutcome {
    /// It succeeded.
    Done,
    /// Nothing is decided yet: call the same method again.
    Retriable(LogError),
    /// It failed and the transaction is still open: abort it, then continue with the same producer.
    AbortRequired(LogError),
    /// Somebody else has taken over: drop the tasks, their uncommitted state and the producer.
    Fenced(LogError),
    /// It is unknown whether it succeeded: drop uncommitted state and the producer, look up what is committed, and
    /// continue from there.
    Unknown(LogError),
    /// It is pointless to continue.
    Fatal(LogError),
}

/// The kind of an error, for code that decides what to do. The message is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogErrorKind {
    /// The log cannot be reached for now, or a part of it is not available. A retry may succeed.
    Unavailable,
    /// A request took too long.
    Timeout,
    /// The topic or partition does not exist.
    UnknownTopic,
    /// The topic already exists.
    TopicExists,
    /// The record is larger than the log accepts.
    TooLarge,
    /// The record's timestamp, given here, is further from now than its topic allows.
    Timestamp(Timestamp),
    /// The caller is not a member of the group's current generation, or no longer.
    Fenced,
    /// Not allowed: credentials or access rights.
    Denied,
    /// A setting or an argument is not valid.
    Invalid,
    /// Stored or received bytes are damaged.
    Corrupt,
    /// Another process uses the log's folder.
    InUse,
    /// Anything else.
    Other,
}

/// An error of the log. Its message names the topic, partition or setting.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct LogError {
    /// For code that decides what to do.
    pub kind: LogErrorKind,
    /// What happened and what to do about it, for people.
    pub message: String,
}

crate::debug_says_what_display_says!(LogError);

impl LogError {
    /// An error with that message.
    pub fn new(kind: LogErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The error for a record whose timestamp its topic does not accept; `now` is approximately the log's time.
    pub fn refused_timestamp(partition: impl fmt::Display, timestamp: Timestamp, now: Timestamp) -> Self {
        Self::new(LogErrorKind::Timestamp(timestamp), refused_timestamp(partition, timestamp, now))
    }

    /// Whether a retry may succeed.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, LogErrorKind::Unavailable | LogErrorKind::Timeout)
    }
}

/// The message about a record whose timestamp its topic does not accept.
pub(super) fn refused_timestamp(partition: impl fmt::Display, timestamp: Timestamp, now: Timestamp) -> String {
    let (side, setting) = match timestamp > now {
        true => ("ahead of", "message.timestamp.after.max.ms"),
        false => ("behind", "message.timestamp.before.max.ms"),
    };
    format!(
        "a record for {partition} was not written: its timestamp {} ({timestamp}) is further {side} the log's clock \
         than the topic's `{setting}` allows; raise that setting of the topic, or correct what sets the timestamps",
        timestamp.0
    )
}
