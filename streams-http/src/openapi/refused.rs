//! What the guards answer, on every route: so that no route has to say it of itself, and none forgets.

use serde_json::{Map, Value, json};

/// How the token is called in the description.
const TOKEN: &str = "token";

/// Adds it to all operations that do not say something else of the same status.
pub(super) fn add(document: &mut Value, has_token: bool) {
    let Some(paths) = document.get_mut("paths").and_then(Value::as_object_mut) else { return };
    for (path, methods) in paths.iter_mut() {
        let is_probe = matches!(path.as_str(), "/livez" | "/readyz");
        for (method, operation) in methods.as_object_mut().into_iter().flatten() {
            if let Some(responses) = operation.get_mut("responses").and_then(Value::as_object_mut) {
                add_to(responses, method, has_token && !is_probe, is_probe);
            }
            if has_token && is_probe {
                operation["security"] = json!([]);
            }
        }
    }
    if has_token {
        document["components"]["securitySchemes"] = json!({ TOKEN: { "type": "http", "scheme": "bearer" } });
        document["security"] = json!([{ TOKEN: [] }]);
    }
}

fn add_to(responses: &mut Map<String, Value>, method: &str, needs_token: bool, is_probe: bool) {
    let mut add = |status: &str, description: &str| {
        responses.entry(status).or_insert_with(|| refusal(description));
    };
    add("400", "The request cannot be understood");
    if needs_token {
        add("401", "The token is missing, or is another one");
    }
    if method != "get" {
        add("408", "The body did not arrive in time");
        add("413", "The body is larger than 1 MiB");
    }
    if !is_probe {
        add("421", "The request was sent to a name that is not this server's");
        add("503", "As many requests are being worked on as there may be");
    }
}

/// An answer in the one shape of errors.
fn refusal(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/ErrorBody" });
    json!({ "description": description, "content": { "application/json": { "schema": schema } } })
}
