//! `POST /api/topics`: creates a topic, where the program allows that.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes as Body;
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use streams_core::client::{Client, ClientError};
use streams_core::topic::Topic;
use utoipa::ToSchema;

use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::{NoParameters, Parameters};
use crate::served::Served;

/// A topic to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "name": "by-hand", "partitions": 3 }))]
pub(crate) struct WantedTopic {
    #[schema(pattern = "^[A-Za-z0-9._-]{1,249}$")]
    name: String,
    /// 1 unless said.
    #[schema(minimum = 1, maximum = 10_000)]
    partitions: Option<u32>,
    /// How many copies the log keeps; otherwise its own setting applies.
    #[schema(minimum = 1)]
    replication: Option<u16>,
    /// By their names in Kafka, such as `retention.ms`.
    #[serde(default)]
    settings: BTreeMap<String, String>,
}

/// The topic that was created.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CreatedAnswer {
    created: String,
}

/// Creates a topic. It needs actions and other topics than the application's to be allowed.
#[utoipa::path(post, path = "/api/topics", tag = "topics", request_body = WantedTopic, responses(
    (status = 200, description = "It was created", body = CreatedAnswer),
    (status = 400, description = "The log refuses the name, a number or a setting", body = ErrorBody),
    (status = 403, description = "It is not allowed, or a page of another server asks", body = ErrorBody),
    (status = 409, description = "It is there already", body = ErrorBody),
    (status = 500, description = "The log has failed", body = ErrorBody),
    (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
))]
pub(crate) async fn create(
    State(served): State<Served>,
    _: Parameters<NoParameters>,
    body: Body,
) -> Result<Json<CreatedAnswer>, Refusal> {
    served.may_act()?;
    super::others_are_allowed(&served)?;
    let wrong = |error| Refusal::bad_request(format!("the body is no topic as JSON: {error}"));
    let wanted: WantedTopic = serde_json::from_slice(&body).map_err(wrong)?;
    // An embedded log keeps no copies, and would take any number.
    if wanted.replication == Some(0) {
        return Err(Refusal::bad_request("`replication` is a number from 1"));
    }
    let topic = Topic::named(wanted.name.clone()).map_err(|error| Refusal::bad_request(error.to_string()))?;
    served.log.ask(move |client| run(client, &topic, wanted)).await
}

fn run(
    client: &Client,
    topic: &Topic<Option<Bytes>, Option<Bytes>>,
    wanted: WantedTopic,
) -> Result<Json<CreatedAnswer>, ClientError> {
    let WantedTopic { name, partitions, replication, settings } = wanted;
    let mut new = client.create_topic(topic).partitions(partitions.unwrap_or(1));
    if let Some(replicas) = replication {
        new = new.replication(replicas);
    }
    settings.into_iter().fold(new, |new, (name, value)| new.set(name, value)).create()?;
    Ok(Json(CreatedAnswer { created: name }))
}
