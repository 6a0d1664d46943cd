//! The rules over HTTP, beside what `millstream::http` serves of every application.
//!
//! * `GET /rules`: what they allow now
//! * `PUT /rules/velocity` with `{"attempts": 5}`: changes one; the answer comes once that is in the log

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use axum::{Json, Router};
use millstream::http::{HttpError, HttpServer};
use millstream::prelude::*;
use millstream::query::QueryError;
use millstream::runtime::{Handle, Running};
use serde_json::json;

use crate::book::RuleBook;
use crate::rules::Rule;
use crate::topology::RULES_STORE;

/// What the routes answer from.
#[derive(Clone)]
struct Served {
    book: Arc<RuleBook>,
    app: Handle,
}

/// Serves the application at this port of this machine, or at the next one that is free.
pub fn serve(running: &Running, book: &Arc<RuleBook>, port: u16) -> Result<HttpServer, HttpError> {
    let served = Served { book: Arc::clone(book), app: running.handle() };
    let routes = Router::new().route("/rules", get(rules)).route("/rules/{id}", put(change)).with_state(served);
    Http::of(running).bind(format!("127.0.0.1:{port}")).allow_actions(true).routes(routes).start()
}

/// All rules, as the application has them.
async fn rules(State(served): State<Served>) -> Result<Json<Vec<Rule>>, Refusal> {
    let changed = served.app.query(&RULES_STORE)?.all().await?;
    let row =
        |initial: Rule| changed.iter().find(|(id, row)| id == initial.id() && row.id() == id).map(|(_, row)| *row);
    Ok(Json(Rule::INITIAL.map(|initial| row(initial).unwrap_or(initial)).into()))
}

/// Changes a rule.
async fn change(
    State(served): State<Served>,
    id: Result<Path<String>, PathRejection>,
    numbers: Bytes,
) -> Result<Json<Rule>, Refusal> {
    let Path(id) = id.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, "bad_request", error.body_text()))?;
    let rule = read(&id, &numbers)?;
    // It waits for the log.
    let waiting = tokio::task::spawn_blocking(move || served.book.change(rule));
    match waiting.await {
        Ok(Ok(())) => Ok(Json(rule)),
        Ok(Err(error)) => Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "log", error.to_string())),
        Err(_) => Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the rule was not changed")),
    }
}

fn read(id: &str, numbers: &[u8]) -> Result<Rule, Refusal> {
    let example = |rule: &Rule| {
        let mut example = serde_json::to_value(rule).unwrap_or_default();
        example.as_object_mut().map(|example| example.remove("rule"));
        example
    };
    match Rule::read(id, numbers) {
        Some(Ok(rule)) => Ok(rule),
        Some(Err(error)) => {
            let initial = Rule::INITIAL.iter().find(|rule| rule.id() == id).map(example).unwrap_or_default();
            Err(Refusal::new(StatusCode::BAD_REQUEST, "bad_request", format!("{error}; it is {initial} at first")))
        }
        None => {
            let known = Rule::INITIAL.map(|rule| rule.id()).join(", ");
            Err(Refusal::new(StatusCode::NOT_FOUND, "unknown_rule", format!("there is no rule {id:?}, only {known}")))
        }
    }
}

/// An answer that refuses, in the form of the server's own: `{"error":{"code":"..","message":".."}}`.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_now", error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": { "code": self.code, "message": self.message } }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_refused_with_a_reason() {
        for (id, numbers, status, reason) in [
            (
                "velocity",
                r#"{"attempts":0}"#,
                400,
                r#"0 is not a number from 1 to 1000 at line 1 column 14; it is {"attempts":3}"#,
            ),
            ("velocity", "five", 400, "expected ident"),
            (
                "blocked-merchant",
                "{}",
                400,
                r#"missing field `enabled` at line 1 column 2; it is {"enabled":true} at first"#,
            ),
            ("speed", "{}", 404, r#"there is no rule "speed", only velocity, travel, test-charge, blocked-merchant"#),
        ] {
            let refusal = read(id, numbers.as_bytes()).expect_err("refused");
            assert_eq!(refusal.status.as_u16(), status, "{refusal:?}");
            assert!(refusal.message.contains(reason), "{refusal:?}");
        }
    }
}
