//! `GET /api/topics/{topic}`: one topic, its types and settings.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use streams_core::client::{Client, ClientError, StartAt};
use streams_core::record::Timestamp;
use utoipa::{IntoParams, ToSchema};

use super::Meant;
use super::answer::{PartitionAnswer, TopicAnswer};
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::{Parameters, PathParts};
use crate::served::Served;

/// What else is asked.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopicParameters {
    /// Also which offset each partition had at that time, in milliseconds since 1970.
    time: Option<i64>,
}

/// A topic with all that is known of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopicDetails {
    #[serde(flatten)]
    topic: TopicAnswer,
    /// How a key is written.
    key_example: String,
    /// How a value is written.
    value_example: String,
    /// How many copies of it the log keeps; `null` if it keeps none.
    replicas: Option<u16>,
    settings: BTreeMap<String, String>,
    /// The first offset of each partition whose record is as late as the time that was asked for, or the partition's end;
    /// `null` if no time was.
    at_time: Option<Vec<i64>>,
}

/// A topic with its types, partitions and settings.
#[utoipa::path(get, path = "/api/topics/{topic}", tag = "topics",
    params(("topic" = String, Path, description = "Its name; internal ones may be named without the application's id"),
        TopicParameters),
    responses(
        (status = 200, description = "The topic", body = TopicDetails),
        (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
        (status = 403, description = "The log does not allow it", body = ErrorBody),
        (status = 404, description = "The application has no such topic, or it is not there yet", body = ErrorBody),
        (status = 500, description = "The log has failed", body = ErrorBody),
        (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
    ))]
pub(crate) async fn topic(
    State(served): State<Served>,
    PathParts(name): PathParts<String>,
    Parameters(parameters): Parameters<TopicParameters>,
) -> Result<Json<TopicDetails>, Refusal> {
    let meant = Meant::find(&served, &name)?;
    let group = served.app.about().application_id().to_owned();
    let look_up = move |client: &Client| {
        let info = client.topic(&meant.name)?;
        let partitions = PartitionAnswer::look_up(client, &group, &client.partitions(&meant.name)?)?;
        let at_time = parameters.time.map(|time| offsets_at(client, &meant.name, Timestamp(time))).transpose()?;
        Ok::<_, ClientError>(Json(TopicDetails {
            topic: TopicAnswer::new(&meant, partitions),
            key_example: meant.shapes.key.example(),
            value_example: meant.shapes.value.example(),
            replicas: info.replicas,
            settings: client.topic_settings(&meant.name)?.into_iter().collect(),
            at_time,
        }))
    };
    served.log.ask(look_up).await
}

fn offsets_at(client: &Client, topic: &str, time: Timestamp) -> Result<Vec<i64>, ClientError> {
    let positions = client.positions(topic, StartAt::Time(time))?;
    Ok(positions.into_iter().map(|(_, offset)| offset.0).collect())
}
