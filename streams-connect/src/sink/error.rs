//! Why a sink has ended.

use streams_core::client::ClientError;
use streams_core::log::LogError;
use streams_core::record::{Offset, TopicPartition};

use super::TargetError;

/// Why a sink cannot be started, or has ended. Each message names the sink and what it was about.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// It names a group, so its name follows the rules of names.
    #[error("`{name}` cannot be a sink's name: {reason}")]
    Name {
        /// The name.
        name: String,
        /// The rule that it breaks.
        reason: String,
    },
    /// The log refuses what cannot be repeated.
    #[error("sink `{sink}`: {error}")]
    Log {
        /// The sink.
        sink: String,
        /// What the log says.
        error: LogError,
    },
    /// The target refuses a record, and nothing was said about such records.
    #[error(
        "sink `{sink}`: {target} refuses the record at offset {offset} of {partition}: {reason}; mend what it is about and start \
         again, or say `on_refused(OnRefused::Skip)` or `OnRefused::DeadLetter(..)`"
    )]
    Refused {
        /// The sink.
        sink: String,
        /// The target's description.
        target: String,
        /// The record's partition.
        partition: TopicPartition,
        /// The record's offset.
        offset: Offset,
        /// Why.
        reason: String,
    },
    /// A refused record could not be written to the topic with dead letters.
    #[error("sink `{sink}`: the dead letter for offset {offset} of {partition} was not written: {error}")]
    DeadLetter {
        /// The sink.
        sink: String,
        /// The record's partition.
        partition: TopicPartition,
        /// The record's offset.
        offset: Offset,
        /// Why.
        error: Box<ClientError>,
    },
    /// The topic no longer has the records that would be next.
    #[error(
        "sink `{sink}` is at offset {position} of {partition}, which the topic does not have: records were deleted before they were \
         carried, or the topic was created again; what is missing cannot be recovered from it. Delete the sink's positions, and \
         those in the target, to begin at what is left"
    )]
    PositionLost {
        /// The sink.
        sink: String,
        /// The partition.
        partition: TopicPartition,
        /// The position that does not exist.
        position: Offset,
    },
    /// The target cannot go on.
    #[error("sink `{sink}`: {target}: {error}")]
    Target {
        /// The sink.
        sink: String,
        /// The target's description.
        target: String,
        /// What it says.
        error: TargetError,
    },
    /// A thread could not be started, or has panicked.
    #[error("sink `{sink}`: {reason}")]
    Thread {
        /// The sink.
        sink: String,
        /// What happened.
        reason: String,
    },
}

streams_core::debug_says_what_display_says!(SinkError);
