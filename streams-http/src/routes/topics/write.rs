//! `POST /api/topics/{topic}/records`: writes a record, or some.
//!
//! All of them are read before any is written, so that what is wrong in one of them stops all. They are answered when the log
//! has acknowledged them.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes as Body;
use axum::extract::State;
use axum::http::StatusCode;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use streams_core::client::Client;
use streams_core::record::{Headers, Partition, Record, Timestamp};
use streams_core::topic::Topic;
use streams_core::wire::murmur2::partition_of;
use streams_core::wire::{Shape, Shapes};
use utoipa::ToSchema;

use super::Meant;
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::{NoParameters, Parameters, PathParts};
use crate::served::Served;

/// A record to write.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRecord {
    /// As the topic's type. `null` or left out, it has none, if the type allows that.
    #[serde(default)]
    key: Value,
    /// As the key. `null` deletes the key's row in a table.
    #[serde(default)]
    value: Value,
    /// The key's bytes in base64, instead of `key`.
    key_base64: Option<String>,
    /// The value's bytes in base64, instead of `value`.
    value_base64: Option<String>,
    /// There is nothing but these bytes: what is left out is null, whether the topic's type allows that or not.
    #[serde(default)]
    raw: bool,
    /// The partition; otherwise the key decides.
    #[schema(minimum = 0)]
    partition: Option<i32>,
    /// A text by the name of each header, or several in a list.
    #[serde(default)]
    headers: BTreeMap<String, HeaderValues>,
    /// In milliseconds since 1970; otherwise now.
    #[schema(minimum = 0)]
    timestamp: Option<i64>,
}

/// What a request's body is.
#[derive(ToSchema)]
#[serde(untagged)]
#[allow(dead_code, reason = "the description says what `read` takes")]
enum NewRecords {
    One(NewRecord),
    Several(Vec<NewRecord>),
}

/// The values of a header.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum HeaderValues {
    One(HeaderValue),
    Several(Vec<HeaderValue>),
}

/// A value of a header: a text, or bytes in base64.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(untagged)]
enum HeaderValue {
    Text(String),
    Base64 { base64: String },
    Null,
}

/// What was written.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WrittenAnswer {
    /// The topic's full name.
    topic: String,
    /// How many records.
    written: usize,
    /// Where the record is; `null` if there were several.
    partition: Option<i32>,
    /// As `partition`.
    offset: Option<i64>,
}

/// Writes one record, or a list of them in order, and answers when the log has them. Before the first is written, all are
/// checked; if the log then refuses one, those before it are written.
#[utoipa::path(post, path = "/api/topics/{topic}/records", tag = "topics",
    params(("topic" = String, Path, description = "Its name")),
    request_body(content = NewRecords, description = "A record, or a list of records"),
    responses(
        (status = 200, description = "They are written", body = WrittenAnswer),
        (status = 400, description = "A record cannot be understood, or is not of the topic's types", body = ErrorBody),
        (status = 403, description = "Actions are not allowed, a page of another server asks, or nobody else may write the \
            topic", body = ErrorBody),
        (status = 404, description = "The application has no such topic, or it is not there yet", body = ErrorBody),
        (status = 413, description = "A record is larger than the topic allows", body = ErrorBody),
        (status = 500, description = "The log has failed", body = ErrorBody),
        (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
    ))]
pub(crate) async fn write(
    State(served): State<Served>,
    PathParts(name): PathParts<String>,
    _: Parameters<NoParameters>,
    body: Body,
) -> Result<Json<WrittenAnswer>, Refusal> {
    let meant = Meant::find(&served, &name)?;
    served.may_act()?;
    if meant.is_internal {
        let message = format!("topic `{}` is the application's own, and written by nobody else", meant.name);
        return Err(Refusal::new(StatusCode::FORBIDDEN, "internal", message));
    }
    let records = read(&body, &meant.shapes)?;
    let now = served.app.about().clock().now();
    served.log.ask(move |client| send(client, &meant, records, now)).await
}

/// A record whose partition is not decided.
type Encoded = (Record<Option<Bytes>, Option<Bytes>>, Option<Partition>);

fn send(client: &Client, meant: &Meant, records: Vec<Read>, now: Timestamp) -> Result<Json<WrittenAnswer>, Refusal> {
    let name = meant.name.as_str();
    // An embedded log would create it.
    let partitions = client.topic(name)?.partitions;
    let encoded = |read: Read| -> Encoded {
        let Read { key, value, partition, headers, timestamp } = read;
        // Of a windowed key, not all bytes count.
        let by_key = || key.as_deref().map(|key| partition_of(meant.shapes.key.partition_bytes(key), partitions));
        let partition = partition.or_else(by_key);
        (Record { key, value, timestamp: timestamp.unwrap_or(now), headers }, partition)
    };
    let mut records: Vec<Encoded> = records.into_iter().map(encoded).collect();
    let topic = Topic::named(name).map_err(|error| Refusal::bad_request(error.to_string()))?;
    let answer = |written, place: Option<(i32, i64)>| {
        let (partition, offset) = place.unzip();
        Ok(Json(WrittenAnswer { topic: name.to_owned(), written, partition, offset }))
    };
    if records.len() == 1
        && let Some((record, partition)) = records.pop()
    {
        let (at, offset) = client.send_record(&topic, record, partition)?;
        return answer(1, Some((at.partition.0, offset.0)));
    }
    answer(client.send_records(&topic, records)?, None)
}

/// A record of a request.
#[derive(Debug, PartialEq, Eq)]
struct Read {
    key: Option<Bytes>,
    value: Option<Bytes>,
    partition: Option<Partition>,
    headers: Headers,
    timestamp: Option<Timestamp>,
}

/// The records of a request's body.
fn read(body: &[u8], shapes: &Shapes) -> Result<Vec<Read>, Refusal> {
    let wrong = |error: serde_json::Error| Refusal::bad_request(format!("the body is no record as JSON: {error}"));
    let of_list = body.trim_ascii_start().starts_with(b"[");
    let records: Vec<NewRecord> = if of_list {
        serde_json::from_slice(body).map_err(wrong)?
    } else {
        vec![serde_json::from_slice(body).map_err(wrong)?]
    };
    let place = |index| if of_list { format!("record {index}: ") } else { String::new() };
    let read = |(index, record): (usize, NewRecord)| {
        record.read(shapes).map_err(|reason| Refusal::bad_request(format!("{}{reason}", place(index))))
    };
    records.into_iter().enumerate().map(read).collect()
}

impl NewRecord {
    fn read(self, shapes: &Shapes) -> Result<Read, String> {
        let Self { key, value, key_base64, value_base64, raw, partition, headers, timestamp } = self;
        let mut all = Headers::new();
        for (name, values) in headers {
            let values = match values {
                HeaderValues::One(value) => vec![value],
                HeaderValues::Several(values) => values,
            };
            for value in values {
                let value = value.read().map_err(|reason| format!("the header `{name}` {reason}"))?;
                all.push_header(streams_core::record::Header { name: name.clone(), value });
            }
        }
        if let Some(time) = timestamp.filter(|time| *time < 0) {
            return Err(format!("the timestamp {time} is before 1970, and no topic accepts that"));
        }
        Ok(Read {
            key: field("key", &key, key_base64.as_deref(), (!raw).then_some(&shapes.key))?,
            value: field("value", &value, value_base64.as_deref(), (!raw).then_some(&shapes.value))?,
            partition: partition.map(Partition),
            headers: all,
            timestamp: timestamp.map(Timestamp),
        })
    }
}

fn field(name: &str, json: &Value, in_base64: Option<&str>, shape: Option<&Shape>) -> Result<Option<Bytes>, String> {
    if let Some(text) = in_base64 {
        if !json.is_null() {
            return Err(format!("there are both `{name}` and `{name}_base64`, and one of them is enough"));
        }
        let bytes = STANDARD.decode(text).map_err(|error| format!("`{name}_base64` is no base64: {error}"))?;
        return Ok(Some(bytes.into()));
    }
    let Some(shape) = shape else {
        return if json.is_null() { Ok(None) } else { Err(format!("there is a `{name}` in a raw record")) };
    };
    let bytes = shape.bytes_of_json(json).map_err(|error| format!("the {name} is {error}"))?;
    Ok(bytes.map(Bytes::from))
}

impl HeaderValue {
    fn read(self) -> Result<Option<Bytes>, String> {
        match self {
            Self::Text(text) => Ok(Some(text.into())),
            Self::Base64 { base64 } => {
                let bytes = STANDARD.decode(base64).map_err(|error| format!("is no base64: {error}"))?;
                Ok(Some(bytes.into()))
            }
            Self::Null => Ok(None),
        }
    }
}
