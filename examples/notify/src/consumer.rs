//! The consumer's routes: `GET /notifications/{user}` as in the original, and what it does not have: a stream of new ones
//! (`stream.rs`), how many are unread, and that they were read. Every instance answers for all users: what another one has is
//! asked for there.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use axum::routing::{any, get, post};
use millstream::prelude::*;
use millstream::query::{Position, QueryError};
use millstream::runtime::Handle;

use crate::go::form;
use crate::go::gin::{self, Refusal};
use crate::inbox::{self, KEPT, MARKS, Marks, ROWS};
use crate::notification::{Notification, to_json};
use crate::stream;
use crate::topics::{READS, Read};

/// How long an answer may wait for a task that is on its way, or restores its state.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the routes answer from.
#[derive(Clone)]
pub struct Asked {
    pub app: Handle,
    client: Client,
}

/// The routes.
pub fn routes(app: &Handle, client: Client) -> Router {
    let other = async |method: Method, uri: Uri| gin::fallback(&method, &uri, is_route);
    Router::new()
        .route("/notifications/{user}", get(list).fallback(other))
        .route("/notifications/{user}/unread", get(unread).fallback(other))
        .route("/notifications/{user}/read", post(read).fallback(other))
        .route("/notifications/{user}/stream", get(stream::stream).fallback(other))
        .route("/", any(other))
        .route("/{*path}", any(other))
        .with_state(Asked { app: app.clone(), client })
}

fn is_route(method: &Method, path: &str) -> bool {
    let user = path.strip_prefix("/notifications/").filter(|user| !user.contains('/'));
    *method == Method::GET && user.is_some()
}

/// The notifications of a user, in the order in which they have arrived.
async fn list(State(asked): State<Asked>, method: Method, uri: Uri) -> Result<Response, Refusal> {
    if method != Method::GET {
        return Err(gin::not_found().into());
    }
    let user = user_in(&uri)?;
    let rows = asked.app.query(&ROWS).map_err(refused)?.waiting(PATIENCE);
    let rows = rows.prefixed(inbox::prefix(&user)).await.map_err(refused)?;
    Ok(gin::answer(StatusCode::OK, listed(&rows)))
}

/// The answer with these rows.
fn listed(rows: &[(String, Notification)]) -> Vec<u8> {
    if rows.is_empty() {
        return br#"{"message":"No notifications found for user","notifications":[]}"#.to_vec();
    }
    // Rows come in two pages if new ones arrive meanwhile, and the first page may have some that the second page's push out.
    let kept = usize::try_from(KEPT).unwrap_or(usize::MAX);
    let rows = rows.iter().skip(rows.len().saturating_sub(kept));
    let rows = rows.map(|(_, it)| to_json(&it.from, &it.to, it.message.as_bytes()));
    let mut json = br#"{"notifications":["#.to_vec();
    json.extend(rows.collect::<Vec<_>>().join(&b','));
    json.extend_from_slice(b"]}");
    json
}

/// `{"unread":2}`.
async fn unread(State(asked): State<Asked>, uri: Uri) -> Result<Response, Refusal> {
    let user = user_in(&uri)?;
    let marks = asked.marks(&user, &Position::default()).await.map_err(refused)?;
    Ok(counted(marks.unwrap_or_default()))
}

/// All notifications that are there now have been read. The answer, as that of `unread`, knows of it.
async fn read(State(asked): State<Asked>, uri: Uri) -> Result<Response, Refusal> {
    let user = user_in(&uri)?;
    let marks = asked.marks(&user, &Position::default()).await.map_err(refused)?;
    let Some(marks) = marks else { return Ok(counted(Marks::default())) };
    let (client, key) = (asked.client.clone(), user.clone());
    let sent = tokio::task::spawn_blocking(move || client.send(&READS, key, Read { until: marks.next })).await;
    let failed = |reason: String| gin::message(StatusCode::INTERNAL_SERVER_ERROR, reason);
    let sent = sent.map_err(|_| failed("the record was not sent".to_owned()))?;
    let (partition, offset) = sent.map_err(|error| failed(error.to_string()))?;
    let marks = asked.marks(&user, &Position::behind(partition, offset)).await.map_err(refused)?;
    Ok(counted(marks.unwrap_or_default()))
}

impl Asked {
    async fn marks(&self, user: &str, at_least: &Position) -> Result<Option<Marks>, QueryError> {
        self.app.query(&MARKS)?.waiting(PATIENCE).at_least(at_least).get(user).await
    }
}

fn counted(marks: Marks) -> Response {
    gin::answer(StatusCode::OK, format!(r#"{{"unread":{}}}"#, marks.unread()).into_bytes())
}

/// The user in the path, which may be any text without a slash.
pub fn user_in(uri: &Uri) -> Result<String, Refusal> {
    let part = uri.path().split('/').nth(2).unwrap_or_default();
    let user = form::path_part(part).ok_or_else(gin::bad_request)?;
    if user.is_empty() || user.contains('/') { Err(gin::not_found().into()) } else { Ok(user) }
}

/// What cannot be answered now.
pub fn refused(error: QueryError) -> Response {
    gin::message(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
}

/// The number of the last event that a listener has got, if it says so.
pub fn last_event(headers: &HeaderMap) -> Option<u64> {
    headers.get("last-event-id")?.to_str().ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_the_last_thousand_of_what_was_read() {
        let message = |number: u64| Notification { message: format!("n{number}."), ..Notification::default() };
        let rows: Vec<_> = (0..KEPT + 2).map(|number| (inbox::row("1", number), message(number))).collect();
        let json = String::from_utf8_lossy(&listed(&rows)).into_owned();
        assert_eq!(json.matches("\"message\"").count(), 1_000);
        assert!(!json.contains("n1.") && json.contains("\"n2.") && json.contains("\"n1001."), "{json}");
    }
}
