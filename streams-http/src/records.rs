//! Records of any topic as JSON.

use bytes::Bytes;
use serde_json::{Map, Value as Json};
use streams_core::record::Headers;
use streams_core::runtime::Handle;
use streams_core::wire::{Shape, Shapes};

/// What a topic's records look like. What the application does not know has bytes.
pub(crate) fn shapes_of(app: &Handle, topic: &str) -> Shapes {
    let about = app.about();
    let known = about.topology().topic(about.application_id(), topic);
    known.map_or_else(Shapes::of::<Option<Bytes>, Option<Bytes>>, |(_, facts)| facts.shapes)
}

/// A header's values, in order, by its name.
pub(crate) fn headers(headers: &Headers) -> Json {
    let mut json = Map::new();
    let shape = Shape::of::<Bytes>();
    for header in headers.iter() {
        let values = json.entry(&*header.name).or_insert_with(|| Json::Array(Vec::new()));
        if let Json::Array(values) = values {
            values.push(shape.shown(header.value.as_deref()));
        }
    }
    Json::Object(json)
}
