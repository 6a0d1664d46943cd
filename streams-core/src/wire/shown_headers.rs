//! A record's headers as JSON, for those who show records to people and programs.

use bytes::Bytes;
use serde_json::{Map, Value as Json};

use super::Shape;
use crate::record::Headers;

/// The values of each header, in order, by its name. Bytes that are text are shown as text.
///
/// ```
/// use millstream::record::Headers;
/// use millstream::wire::shown_headers;
/// use serde_json::json;
///
/// let mut headers = Headers::new();
/// headers.push("trace", "a");
/// headers.push("trace", "b");
/// assert_eq!(shown_headers(&headers), json!({ "trace": ["a", "b"] }));
/// ```
#[must_use]
pub fn shown_headers(headers: &Headers) -> Json {
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
