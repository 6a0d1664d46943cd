//! `GET /api/topics`: the topics, their partitions, and how far the application has come in them.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use streams_core::client::{Client, ClientError};
use streams_core::log::TopicInfo;
use streams_core::record::TopicPartition;
use streams_core::runtime::Handle;
use streams_core::topic::TopicRef;
use utoipa::{IntoParams, ToSchema};

use super::answer::{PartitionAnswer, TopicAnswer};
use super::{DEAD_LETTERS, Meant, dead_letters, others_are_allowed};
use crate::refusal::{ErrorBody, Refusal};
use crate::routes::parameters::Parameters;
use crate::served::Served;

/// Which topics.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TopicsParameters {
    /// Also those of the log that the application does not use, if the program allows it.
    #[serde(default)]
    all: bool,
}

/// Topics.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TopicsAnswer {
    topics: Vec<TopicAnswer>,
}

/// The topics that the application reads or writes, in the order of their names.
#[utoipa::path(get, path = "/api/topics", tag = "topics", params(TopicsParameters), responses(
    (status = 200, description = "The topics", body = TopicsAnswer),
    (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
    (status = 403, description = "Only the application's topics may be asked for", body = ErrorBody),
    (status = 500, description = "The log has failed", body = ErrorBody),
    (status = 503, description = "The log does not answer, or the application has ended", body = ErrorBody),
))]
pub(crate) async fn topics(
    State(served): State<Served>,
    Parameters(parameters): Parameters<TopicsParameters>,
) -> Result<Json<TopicsAnswer>, Refusal> {
    if parameters.all {
        others_are_allowed(&served)?;
    }
    let app = served.app.clone();
    served.log.ask(move |client| look_up(client, &app, parameters.all)).await
}

fn look_up(client: &Client, app: &Handle, all: bool) -> Result<Json<TopicsAnswer>, ClientError> {
    let there: BTreeMap<String, TopicInfo> =
        client.topics()?.into_iter().map(|topic| (topic.name.clone(), topic)).collect();
    let mut meant = of_application(app, &there);
    if all {
        for name in there.keys().filter(|name| !meant.contains_key(*name)).cloned().collect::<Vec<_>>() {
            meant.insert(name.clone(), Meant::of_bytes(name, None));
        }
    }
    // One question for all of them.
    let partitions: Vec<TopicPartition> =
        meant.keys().filter_map(|name| there.get(name)).flat_map(partitions_of).collect();
    let group = app.about().application_id();
    let mut found: BTreeMap<String, Vec<PartitionAnswer>> = BTreeMap::new();
    for (at, answer) in partitions.iter().zip(PartitionAnswer::look_up(client, group, &partitions)?) {
        found.entry(at.topic.to_string()).or_default().push(answer);
    }
    let topics = meant.values().map(|meant| TopicAnswer::new(meant, found.remove(&meant.name).unwrap_or_default()));
    Ok(Json(TopicsAnswer { topics: topics.collect() }))
}

/// The application's topics by their names. Those of a pattern are the ones that are there.
fn of_application(app: &Handle, there: &BTreeMap<String, TopicInfo>) -> BTreeMap<String, Meant> {
    let about = app.about();
    let mut meant = BTreeMap::new();
    if let Some(topic) = dead_letters(app) {
        meant.insert(topic.to_owned(), Meant::of_bytes(topic.to_owned(), Some(DEAD_LETTERS)));
    }
    for facts in about.topology().topics() {
        match &facts.topic {
            TopicRef::Matching(pattern) => {
                let is_meant = pattern.matcher();
                let names = there.keys().filter(|name| is_meant(name));
                meant.extend(names.map(|name| (name.clone(), Meant::known(name.clone(), &facts))));
            }
            topic => {
                let name = topic.full_name(about.application_id()).to_string();
                meant.insert(name.clone(), Meant::known(name, &facts));
            }
        }
    }
    meant
}

fn partitions_of(topic: &TopicInfo) -> impl Iterator<Item = TopicPartition> + use<> {
    let name: std::sync::Arc<str> = topic.name.as_str().into();
    let count = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
    (0..count).map(move |partition| TopicPartition::new(std::sync::Arc::clone(&name), partition))
}
