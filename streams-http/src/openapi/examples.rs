//! What there is in the application that runs: the names of its stores and topics, and keys, records and dead letters that are
//! there, so that whoever reads the description, or generates requests from it, gets answers.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use streams_core::client::{Client, Newest};
use streams_core::query::Wanted;
use streams_core::topology::{StoreFacts, TopicFacts};
use tokio::time::timeout;

use crate::refusal::Refusal;
use crate::routes::dead_letters;
use crate::served::Served;

/// How long the log may take to say whether there is a dead letter.
const PATIENCE: Duration = Duration::from_secs(1);

/// Adds it to the description.
pub(super) async fn add(document: &mut Value, served: &Served) {
    let examples = Examples::of(served).await;
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, methods) in paths.iter_mut() {
        for operation in methods.as_object_mut().into_iter().flat_map(|methods| methods.values_mut()) {
            let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
            for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "path") {
                examples.add_to(parameter, path);
            }
        }
    }
    if let Some(record) = examples.record
        && let Some(body) =
            document.pointer_mut("/paths/~1api~1topics~1{topic}~1records/post/requestBody/content/application~1json")
    {
        body["example"] = record;
    }
}

/// What there is.
struct Examples {
    stores: Vec<String>,
    /// A store that has a row, and that row's key.
    row: Option<(String, String)>,
    /// A store whose changes can be followed.
    followed: Option<String>,
    topics: Vec<String>,
    /// Whether others may be named, too.
    are_topics_open: bool,
    /// A topic that the application reads, and a record that it takes.
    input: Option<String>,
    record: Option<Value>,
    /// The partition and the offset of a dead letter.
    letter: Option<(i32, i64)>,
}

impl Examples {
    async fn of(served: &Served) -> Self {
        let about = served.app.about();
        let (topology, application) = (about.topology(), about.application_id());
        let stores = topology.stores();
        let topics = topology.topics();
        let input = topics.iter().find(|topic| topic.is_read && topic.internal.is_none());
        let name = |topic: &TopicFacts| topic.topic.full_name(application).to_string();
        let dead_letters = about.config().errors.dead_letter_topic.clone();
        Self {
            stores: stores.iter().map(|store| store.name.to_string()).collect(),
            row: row(served, &stores).await,
            followed: stores.iter().find(|store| !store.is_global).map(|store| store.name.to_string()),
            topics: topics.iter().map(name).chain(dead_letters).collect::<BTreeSet<_>>().into_iter().collect(),
            are_topics_open: served.allows_all_topics,
            input: input.map(name),
            record: input.map(record),
            letter: letter(served).await,
        }
    }

    /// Adds what a path's parameter may be, and one to begin with.
    fn add_to(&self, parameter: &mut Value, path: &str) {
        let (names, example) = match parameter["name"].as_str() {
            Some("store") if path.ends_with("/stream") => (Some(&self.stores), json!(self.followed)),
            Some("store") => (Some(&self.stores), json!(self.row.as_ref().map(|(store, _)| store))),
            Some("topic") => (Some(&self.topics), json!(self.input)),
            Some("key") => (None, json!(self.row.as_ref().map(|(_, key)| key))),
            Some("partition") => (None, json!(self.letter.map(|(partition, _)| partition))),
            Some("offset") => (None, json!(self.letter.map(|(_, offset)| offset))),
            _ => return,
        };
        if let Some(names) = names.filter(|names| !names.is_empty()) {
            let named = json!({ "type": "string", "enum": names });
            let is_open = self.are_topics_open && parameter["name"] == "topic";
            parameter["schema"] = if is_open { json!({ "anyOf": [named, { "type": "string" }] }) } else { named };
            parameter["example"] = json!(names.first());
        }
        if !example.is_null() {
            parameter["example"] = example;
        }
    }
}

async fn row(served: &Served, stores: &[StoreFacts]) -> Option<(String, String)> {
    for facts in stores {
        let Ok(store) = served.app.store(&facts.name) else { continue };
        let Ok(rows) = store.local().rows(&Wanted::default(), 1) else { continue };
        let Ok(page) = rows.await else { continue };
        if let Some(row) = page.rows.first() {
            return Some((facts.name.to_string(), text_of(row.key.get("key").unwrap_or(&row.key))));
        }
    }
    None
}

/// A key as it is written in a path.
fn text_of(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// A record that a topic takes.
fn record(topic: &TopicFacts) -> Value {
    let example = |text: String| serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
    json!({ "key": example(topic.shapes.key.example()), "value": example(topic.shapes.value.example()) })
}

/// The newest dead letter.
async fn letter(served: &Served) -> Option<(i32, i64)> {
    let topic = dead_letters::topic(served).ok()?;
    let wanted = Newest { limit: 1, ..Newest::default() };
    let newest = move |client: &Client| Ok::<_, Refusal>(client.dead_letters(&topic)?.newest(&wanted)?);
    let page = timeout(PATIENCE, served.log.ask(newest)).await.ok()?.ok()?;
    page.records.first().map(|letter| (letter.partition.0, letter.offset.0))
}
