//! What went wrong, and what may be done next.

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

    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, LogErrorKind::Unavailable | LogErrorKind::Timeout)
    }
}
