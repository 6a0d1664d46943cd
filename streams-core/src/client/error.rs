//! Why a topic could not be written or read.

use std::time::Duration;

use crate::log::LogError;
use crate::record::{Offset, TopicPartition};

/// Why a topic could not be written, read or created. Each message names the topic and the next step.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The log has not answered in time.
    #[error(
        "{log} has not answered for {:.1} s ({doing}){}; check that it is running and that the address is right, or wait \
         longer with `Client::patience`", waited.as_secs_f32(), cause_of(cause.as_ref())
    )]
    NoAnswer {
        /// The log and its address.
        log: String,
        /// What was to be done.
        doing: String,
        /// How long the client has waited.
        waited: Duration,
        /// The last error that may pass, if the log reported one.
        cause: Option<LogError>,
    },
    /// The topic does not exist.
    #[error(
        "there is no topic `{topic}` on {log}: check the name, or create it with \
         `client.create_topic(..).partitions(..).create()`"
    )]
    MissingTopic {
        /// Its name.
        topic: String,
        /// The log and its address.
        log: String,
    },
    /// The topic to create already exists.
    #[error("topic `{topic}` already exists on {log}; add `.if_missing()` to leave it as it is")]
    TopicExists {
        /// Its name.
        topic: String,
        /// The log and its address.
        log: String,
    },
    /// The topic already exists with another number of partitions.
    #[error(
        "topic `{topic}` already exists with {found} partitions, not {wanted}; ask for {found}, or delete it or choose \
         another name: a topic's keys stay in their partitions only as long as their number stays"
    )]
    OtherPartitions {
        /// The topic.
        topic: String,
        /// How many partitions were asked for.
        wanted: u32,
        /// How many partitions it has.
        found: u32,
    },
    /// A record does not have the topic's types. Reading goes on behind it.
    #[error("{error}; read the topic with the types that it was written with, or leave this record out")]
    Undecodable {
        /// The record's partition.
        partition: TopicPartition,
        /// The record's offset.
        offset: Offset,
        /// Which part of it is not of which type.
        error: LogError,
    },
    /// The partition does not have the position where reading should start or go on. It is not read any further.
    #[error("{partition} cannot be read at offset {position}: {}", bounds(*first, *end))]
    OutOfRange {
        /// The partition.
        partition: TopicPartition,
        /// The position that was asked for.
        position: Offset,
        /// The partition's first offset, if it was looked up.
        first: Option<Offset>,
        /// The offset after the partition's last record, if it was looked up.
        end: Option<Offset>,
    },
    /// One of several records was refused.
    #[error(
        "record {index} of those for topic `{topic}` and all after it were not written, those before it were: {error}"
    )]
    Refused {
        /// The topic.
        topic: String,
        /// How many records come before it.
        index: usize,
        /// The reason.
        error: LogError,
    },
    /// Some of several records were not acknowledged.
    #[error("not all of the {count} records for topic `{topic}` were written: {error}")]
    NotAllWritten {
        /// The topic.
        topic: String,
        /// How many records were sent.
        count: usize,
        /// The first failure.
        error: LogError,
    },
    /// Anything else that the log refuses.
    #[error(transparent)]
    Log(#[from] LogError),
}

crate::debug_says_what_display_says!(ClientError);

fn cause_of(cause: Option<&LogError>) -> String {
    cause.map_or_else(String::new, |error| format!(": {error}"))
}

fn bounds(first: Option<Offset>, end: Option<Offset>) -> String {
    match (first, end) {
        (Some(first), Some(end)) => format!("its records are at offsets {first} to {end}, exclusively; start there"),
        _ => "its records before that were deleted while it was read, or it was created again; start again, for \
              instance at the beginning"
            .to_owned(),
    }
}
