//! What there is in the application that runs: the names of its stores and topics, and keys and records that make sense there, so
//! that whoever reads the description, or generates requests from it, gets answers.

use serde_json::{Value, json};
use streams_core::query::Wanted;
use streams_core::topology::TopicFacts;

use crate::served::Served;

/// Adds it to the description.
pub(super) async fn add(document: &mut Value, served: &Served) {
    let topology = served.app.about().topology();
    let stores: Vec<String> = topology.stores().iter().map(|store| store.name.to_string()).collect();
    let topics = topology.topics();
    let application = served.app.about().application_id();
    let names: Vec<String> = topics.iter().map(|topic| topic.topic.full_name(application).to_string()).collect();
    let example = example_row(served, &stores).await;
    let input = topics.iter().find(|topic| topic.is_read && topic.internal.is_none());
    let input_name = input.map(|topic| topic.topic.full_name(application).to_string());
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for operation in paths.values_mut().filter_map(Value::as_object_mut).flat_map(|methods| methods.values_mut()) {
        let parameters = operation.get_mut("parameters").and_then(Value::as_array_mut);
        for parameter in parameters.into_iter().flatten().filter(|parameter| parameter["in"] == "path") {
            match parameter["name"].as_str() {
                Some("store") => {
                    name(parameter, &stores, example.as_ref().map(|(store, _)| store.as_str()));
                }
                Some("topic") => name(parameter, &names, input_name.as_deref()),
                Some("key") => {
                    if let Some((_, key)) = &example {
                        parameter["example"] = json!(key);
                    }
                }
                _ => {}
            }
        }
    }
    if let Some(input) = input
        && let Some(body) =
            document.pointer_mut("/paths/~1api~1topics~1{topic}~1records/post/requestBody/content/application~1json")
    {
        body["example"] = example_record(input);
    }
}

/// The names that a parameter may have, and one to begin with.
fn name(parameter: &mut Value, names: &[String], example: Option<&str>) {
    if names.is_empty() {
        return;
    }
    parameter["schema"] = json!({ "type": "string", "enum": names });
    if let Some(example) = example.or(names.first().map(String::as_str)) {
        parameter["example"] = json!(example);
    }
}

/// A store that has a row, and that row's key.
async fn example_row(served: &Served, stores: &[String]) -> Option<(String, String)> {
    for name in stores {
        let Ok(store) = served.app.store(name) else { continue };
        let Ok(rows) = store.local().rows(&Wanted::default(), 1) else { continue };
        let Ok(page) = rows.await else { continue };
        if let Some(row) = page.rows.first() {
            return Some((name.clone(), text_of(row.key.get("key").unwrap_or(&row.key))));
        }
    }
    None
}

/// A key as it is written in a path.
fn text_of(key: &Value) -> String {
    key.as_str().map_or_else(|| key.to_string(), str::to_owned)
}

/// A record that a topic takes.
fn example_record(topic: &TopicFacts) -> Value {
    let example = |text: String| serde_json::from_str(&text).unwrap_or_else(|_| Value::from(text));
    json!({ "key": example(topic.shapes.key.example()), "value": example(topic.shapes.value.example()) })
}
