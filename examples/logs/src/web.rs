//! `POST /logs`, beside what `millstream::http` serves of every application: lines, one after the other.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use millstream::client::{Client, ClientError};
use millstream::http::{Http, HttpError, HttpServer};
use millstream::runtime::Running;
use millstream::topic::Topic;
use serde::Serialize;
use serde_json::json;

use crate::generator::Truth;
use crate::metrics;

/// How many lines a request may have.
const LINES_MAX: usize = 1_000;

/// The longest line, in bytes.
const LINE_MAX: usize = 16 << 10;

/// Lines as they come; whether they are any is for the application to say.
const RAW: Topic<(), Vec<u8>> = Topic::new("log-lines");

/// What is known about the lines. Nothing is about those that come here.
pub type SharedTruth = Arc<Mutex<Truth>>;

/// Serves the application at this port of this machine, or at the next one that is free.
pub fn serve(running: &Running, port: u16, client: Client, truth: &SharedTruth) -> Result<HttpServer, HttpError> {
    let routes = Router::new().route("/logs", post(logs)).with_state((client, Arc::clone(truth)));
    let http = Http::of(running).bind(format!("127.0.0.1:{port}")).routes(routes);
    metrics::add(http, running).start()
}

#[derive(Serialize)]
struct Accepted {
    accepted: usize,
}

/// Takes lines, and answers once the log has them. The server has limited how large the body is.
async fn logs(
    State((client, truth)): State<(Client, SharedTruth)>,
    body: Bytes,
) -> Result<(StatusCode, Json<Accepted>), Refusal> {
    let lines = lines(&body)?;
    // It waits for the log.
    let sent = tokio::task::spawn_blocking(move || {
        let mut known = truth.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().for_each(|line| known.add_strange(line));
        drop(known);
        client.send_all(&RAW, lines.into_iter().map(|line| ((), line)))
    });
    match sent.await {
        Ok(Ok(accepted)) => Ok((StatusCode::ACCEPTED, Json(Accepted { accepted }))),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Refusal(StatusCode::INTERNAL_SERVER_ERROR, "the lines were not sent".to_owned())),
    }
}

/// The lines in a body; empty ones are none.
fn lines(body: &[u8]) -> Result<Vec<Vec<u8>>, Refusal> {
    let lines = body.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    let lines: Vec<Vec<u8>> = lines.map(<[u8]>::to_vec).collect();
    let refused = |reason: String| Err(Refusal(StatusCode::BAD_REQUEST, reason));
    if lines.is_empty() || lines.len() > LINES_MAX {
        return refused(format!("the body has 1 to {LINES_MAX} lines, and not {}", lines.len()));
    }
    if let Some((number, line)) = (1..).zip(&lines).find(|(_, line)| line.len() > LINE_MAX) {
        return refused(format!("line {number} has {} bytes, and a line may have {LINE_MAX}", line.len()));
    }
    Ok(lines)
}

/// An answer that refuses, in the form of the server's own.
#[derive(Debug)]
struct Refusal(StatusCode, String);

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = match self.0 {
            StatusCode::BAD_REQUEST => "bad_request",
            StatusCode::SERVICE_UNAVAILABLE => "log",
            _ => "internal",
        };
        (self.0, Json(json!({ "error": { "code": code, "message": self.1 } }))).into_response()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_has_lines_and_not_too_many() {
        let long = "x".repeat(LINE_MAX + 1);
        let many = "x\n".repeat(LINES_MAX + 1);
        for (body, expected) in [
            ("one", Ok(1)),
            ("one\r\n\n two \n", Ok(2)),
            ("", Err("1 to 1000 lines, and not 0")),
            (" \n\n", Err("1 to 1000 lines, and not 0")),
            (many.as_str(), Err("1 to 1000 lines, and not 1001")),
            (long.as_str(), Err("line 1 has 16385 bytes")),
        ] {
            match (lines(body.as_bytes()), expected) {
                (Ok(lines), Ok(expected)) => assert_eq!(lines.len(), expected, "{body}"),
                (Err(Refusal(_, reason)), Err(expected)) => assert!(reason.contains(expected), "{reason}"),
                (other, _) => panic!("{other:?}"),
            }
        }
    }
}
