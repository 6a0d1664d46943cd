//! What a server describes: its operations, each with a request that should succeed.

use std::error::Error;
use std::fmt;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// An operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operation {
    /// `GET`, `POST`, ..
    pub(crate) method: String,
    /// With the names of its parameters, as in `/api/stores/{store}`.
    pub(crate) path: String,
    /// With the examples of its parameters.
    pub(crate) example: String,
    /// Whether its answer goes on for ever.
    pub(crate) is_stream: bool,
    /// Whether there is a token, and it needs that.
    pub(crate) needs_token: bool,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// All operations of an OpenAPI document.
pub(crate) fn described(document: &Value) -> Result<Vec<Operation>, Box<dyn Error>> {
    let paths = document["paths"].as_object().ok_or("the description has no paths")?;
    let is_closed = document["security"].as_array().is_some_and(|schemes| !schemes.is_empty());
    let mut operations = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().into_iter().flatten() {
            let needs_nothing = operation["security"].as_array().is_some_and(Vec::is_empty);
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                example: example(path, &operation["parameters"]),
                is_stream: operation.pointer("/responses/200/content/text~1event-stream").is_some(),
                needs_token: is_closed && !needs_nothing,
            });
        }
    }
    Ok(operations)
}

fn example(path: &str, parameters: &Value) -> String {
    let in_path = parameters.as_array().into_iter().flatten().filter(|parameter| parameter["in"] == "path");
    in_path.fold(path.to_owned(), |path, parameter| {
        let name = parameter["name"].as_str().unwrap_or_default();
        let text = parameter["example"].as_str().map_or_else(|| parameter["example"].to_string(), str::to_owned);
        path.replace(&format!("{{{name}}}"), &utf8_percent_encode(&text, NON_ALPHANUMERIC).to_string())
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operations_are_those_of_the_document_with_the_examples_in_their_paths() {
        let place = json!({ "name": "key", "in": "path", "example": "a key/with % signs" });
        let elsewhere = json!({ "name": "limit", "in": "query", "example": 3 });
        let number = json!({ "name": "offset", "in": "path", "example": 7 });
        let events = json!({ "200": { "content": { "text/event-stream": {} } } });
        let document = json!({
            "security": [{ "token": [] }],
            "paths": {
                "/a/{key}/{offset}": { "get": { "parameters": [place, elsewhere, number] } },
                "/b": { "get": { "responses": events }, "post": { "security": [] } },
            },
        });
        let found = described(&document).expect("a description");
        let operation = |method: &str, path: &str, example: &str, is_stream, needs_token| Operation {
            method: method.to_owned(),
            path: path.to_owned(),
            example: example.to_owned(),
            is_stream,
            needs_token,
        };
        assert_eq!(
            found,
            [
                operation("GET", "/a/{key}/{offset}", "/a/a%20key%2Fwith%20%25%20signs/7", false, true),
                operation("GET", "/b", "/b", true, true),
                operation("POST", "/b", "/b", false, false),
            ]
        );
        assert!(described(&json!({})).is_err());
    }
}
