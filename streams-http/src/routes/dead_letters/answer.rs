//! A dead letter as JSON.

use serde::Serialize;
use serde_json::Value as Json;
use streams_core::client::{DeadLetter, Origin};
use streams_core::runtime::Handle;
use streams_core::wire::{Shapes, shown_headers};
use utoipa::ToSchema;

use crate::records::shapes_of;

/// A record that was left out, and why.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LetterAnswer {
    partition: i32,
    offset: i64,
    /// The record's own time in milliseconds since 1970, or when it was left out if it had an impossible one.
    timestamp: i64,
    /// As the type of the topic that it came from. What is not of that type is an object with the bytes in base64,
    /// `undecodable`, and with the `reason`; if they are a text, it is there as `text`, too.
    key: Json,
    /// As the key.
    value: Json,
    /// `undecodable`, `failed`, `late` and others, as in the metrics.
    reason: String,
    /// The kind of error.
    exception: String,
    /// The error's sentence.
    message: String,
    /// The node that has failed with it, or dropped it.
    node: String,
    /// Where it came from; `null` if it is not made of one record.
    source: Option<SourceAnswer>,
    /// How often a handler has failed with it; `null` if none has.
    attempts: Option<u64>,
    /// How often it was put back before.
    replays: u32,
    /// The values of each header by its name, those that say why included.
    #[schema(value_type = Object)]
    headers: Json,
}

/// Where a record came from.
#[derive(Debug, Serialize, ToSchema)]
struct SourceAnswer {
    topic: String,
    /// `null` if the record could not be written to the topic.
    partition: Option<i32>,
    /// `null` likewise.
    offset: Option<i64>,
}

impl LetterAnswer {
    pub(super) fn of(app: &Handle, letter: &DeadLetter) -> Self {
        let origin = letter.origin();
        let Shapes { key, value } = shapes_of(app, origin.as_ref().map_or("", |origin| &origin.topic));
        let record = &letter.record;
        Self {
            partition: letter.partition.0,
            offset: letter.offset.0,
            timestamp: record.timestamp.0,
            key: key.shown(record.key.as_deref()),
            value: value.shown(record.value.as_deref()),
            reason: letter.reason().to_owned(),
            exception: letter.exception().to_owned(),
            message: letter.message().to_owned(),
            node: letter.node().to_owned(),
            source: origin.map(SourceAnswer::from),
            attempts: letter.attempts(),
            replays: letter.replays(),
            headers: shown_headers(&record.headers),
        }
    }
}

impl From<Origin> for SourceAnswer {
    fn from(origin: Origin) -> Self {
        let Origin { topic, partition, offset, .. } = origin;
        Self { topic, partition: partition.map(|partition| partition.0), offset: offset.map(|offset| offset.0) }
    }
}
