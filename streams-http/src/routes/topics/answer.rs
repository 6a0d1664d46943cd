//! Topics and records as JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::Serialize;
use serde_json::Value as Json;
use streams_core::client::{Client, ClientError, Received};
use streams_core::record::{Offset, TopicPartition};
use streams_core::wire::{Shapes, shown_headers};
use utoipa::ToSchema;

use super::Meant;

/// A topic.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopicAnswer {
    name: String,
    /// What it is to the application: `input`, `output`, `input and output`, `repartition`, `retry`, `changelog` or
    /// `dead letters`; `null` if it is not one of its topics.
    purpose: Option<&'static str>,
    /// The Rust type of its keys.
    key_type: String,
    /// The Rust type of its values.
    value_type: String,
    /// Empty if the topic is not there yet.
    partitions: Vec<PartitionAnswer>,
}

/// A partition of a topic.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PartitionAnswer {
    partition: i32,
    /// The first offset that is there.
    start: i64,
    /// The offset behind the last committed record.
    end: i64,
    /// The next offset that the application processes, as its group has committed it; `null` if it has not.
    committed: Option<i64>,
}

impl TopicAnswer {
    pub(super) fn new(meant: &Meant, partitions: Vec<PartitionAnswer>) -> Self {
        Self {
            name: meant.name.clone(),
            purpose: meant.purpose,
            key_type: meant.shapes.key.type_name(),
            value_type: meant.shapes.value.type_name(),
            partitions,
        }
    }
}

impl PartitionAnswer {
    /// Looks up all of these partitions.
    pub(super) fn look_up(
        client: &Client,
        group: &str,
        partitions: &[TopicPartition],
    ) -> Result<Vec<Self>, ClientError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let (bounds, committed) = (client.bounds(partitions)?, client.committed(group, partitions)?);
        let answer = |((at, (start, end)), committed): ((&TopicPartition, (Offset, Offset)), Option<Offset>)| Self {
            partition: at.partition.0,
            start: start.0,
            end: end.0,
            committed: committed.map(|offset| offset.0),
        };
        Ok(partitions.iter().zip(bounds).zip(committed).map(answer).collect())
    }
}

/// A record.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RecordAnswer {
    partition: i32,
    offset: i64,
    /// In milliseconds since 1970.
    timestamp: i64,
    /// As the topic's type. What is not of that type is an object with the bytes in base64, `undecodable`, and with the
    /// `reason`; if they are a text, it is there as `text`, too. With `raw=true`, the bytes in base64, or `null`.
    key: Json,
    /// As the key.
    value: Json,
    /// The values of each header by its name. With `raw=true`, a list of names and values in base64.
    headers: Json,
}

impl RecordAnswer {
    pub(super) fn new(received: &Received<Option<Bytes>, Option<Bytes>>, shapes: &Shapes, is_raw: bool) -> Self {
        let Received { record, partition, offset } = received;
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let pair = |header: &streams_core::record::Header| {
            Json::from(vec![Json::from(header.name.as_str()), in_base64(header.value.as_deref())])
        };
        Self {
            partition: partition.partition.0,
            offset: offset.0,
            timestamp: record.timestamp.0,
            key: if is_raw { in_base64(key) } else { shapes.key.shown(key) },
            value: if is_raw { in_base64(value) } else { shapes.value.shown(value) },
            headers: if is_raw { record.headers.iter().map(pair).collect() } else { shown_headers(&record.headers) },
        }
    }

    /// About how many bytes a record has.
    pub(super) fn bytes(received: &Received<Option<Bytes>, Option<Bytes>>) -> usize {
        let record = &received.record;
        let length = |field: &Option<Bytes>| field.as_ref().map_or(0, Bytes::len);
        let of_headers = record.headers.iter().map(|header| header.name.len() + length(&header.value)).sum::<usize>();
        length(&record.key) + length(&record.value) + of_headers
    }
}

fn in_base64(bytes: Option<&[u8]>) -> Json {
    bytes.map_or(Json::Null, |bytes| STANDARD.encode(bytes).into())
}
