//! What can go wrong while a record is on its way through the operators.

use crate::log::LogError;
use crate::state::StoreError;
use crate::state::rows::RowError;
use crate::wire::{DecodeError, EncodeError};

/// Why a task cannot go on with a record. The task adds which record it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum OperatorError {
    /// The record's bytes are not what the topic's types say.
    #[error("the {part} cannot be read: {error} (first bytes: {bytes})")]
    Decode {
        /// `key` or `value`.
        part: &'static str,
        /// What is wrong.
        error: DecodeError,
        /// The first bytes in hexadecimal.
        bytes: String,
    },
    /// The record's timestamp is negative.
    #[error("the record's timestamp is {0}, which is negative; Kafka uses -1 for records written without one")]
    NegativeTimestamp(i64),
    /// A value has no representation in its format.
    #[error("{node}: {error}")]
    Encode {
        /// The node that wanted to send or store it.
        node: String,
        /// What the format says.
        error: EncodeError,
    },
    /// A store failed.
    #[error("{node}: {error}")]
    Store {
        /// The node that used it.
        node: String,
        /// What is wrong with it.
        error: StoreError,
    },
    /// A record could not be handed to the log.
    #[error("{node}: {error}")]
    Send {
        /// The node that sent it.
        node: String,
        /// What the log says.
        error: LogError,
    },
    /// Under exactly-once, the record takes longer than a transaction may be open, so it can never be committed.
    #[error(
        "it took {took:?}, and a transaction may be open for {limit:?} only: do less for each record, or raise \
         `transaction.timeout.ms` (and `session.timeout.ms`, which must be longer)"
    )]
    TooSlow {
        /// How long it took.
        took: std::time::Duration,
        /// How long a transaction may be open.
        limit: std::time::Duration,
    },
    /// The user's code panicked.
    #[error("the application's code panicked: {0}")]
    Panic(String),
}

impl OperatorError {
    /// What a node says when its rows cannot be read or written.
    #[cold]
    pub(crate) fn rows(node: &str, error: RowError) -> Self {
        let node = node.to_owned();
        match error {
            RowError::Store(error) => Self::Store { node, error },
            RowError::Encode(error) => Self::Encode { node, error },
        }
    }
}
