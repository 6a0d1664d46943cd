//! `POST /publish/{topic}?key=..`: a body is a message, and the answer is its place in the log.

use std::net::TcpListener;

use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use millstream::client::ClientError;
use millstream::prelude::*;
use serde::Deserialize;
use serde_json::json;

use crate::Failure;
use crate::pubsub::Messages;

/// The largest message.
const BODY_MAX: usize = 1_000_000;

/// Serves until the process ends, at this port of this machine or the next one that is free. Returns the port.
pub fn serve(client: Client, port: u16) -> Result<u16, Failure> {
    let ports = if port == 0 { 0..=0 } else { port..=port.saturating_add(100) };
    let socket = ports.into_iter().find_map(|port| TcpListener::bind(("127.0.0.1", port)).ok());
    let socket = socket.ok_or_else(|| format!("neither port {port} nor one of the next 100 can be used"))?;
    socket.set_nonblocking(true)?;
    let port = socket.local_addr()?.port();
    let routes = Router::new()
        .route("/publish/{topic}", post(publish))
        .layer(DefaultBodyLimit::max(BODY_MAX))
        .method_not_allowed_fallback(async || refuse(StatusCode::METHOD_NOT_ALLOWED, "only POST"))
        .fallback(async || refuse(StatusCode::NOT_FOUND, "there is only POST /publish/{topic}"))
        .with_state(client);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("http".to_owned()).spawn(move || {
        runtime.block_on(async {
            if let Ok(socket) = tokio::net::TcpListener::from_std(socket) {
                let _ = axum::serve(socket, routes).await;
            }
        });
    })?;
    Ok(port)
}

#[derive(Deserialize)]
struct WithKey {
    key: Option<String>,
}

async fn publish(
    State(client): State<Client>,
    Path(topic): Path<String>,
    Query(WithKey { key }): Query<WithKey>,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let text = match body {
        Ok(text) => text.to_vec(),
        Err(refused) => return refuse(refused.status(), refused.body_text()),
    };
    let topic = match Messages::named(topic) {
        Ok(topic) => topic,
        Err(error) => return refuse(StatusCode::BAD_REQUEST, error.to_string()),
    };
    // It waits for the log.
    let sent = tokio::task::spawn_blocking(move || {
        // An embedded log would create it.
        client.topic(topic.name())?;
        client.send(&topic, key.map(String::into_bytes), Some(text))
    });
    match sent.await {
        Ok(Ok((partition, offset))) => {
            let (topic, partition) = (&partition.topic, partition.partition.0);
            Json(json!({ "topic": **topic, "partition": partition, "offset": offset.0 })).into_response()
        }
        Ok(Err(ClientError::MissingTopic { topic, .. })) => {
            refuse(StatusCode::NOT_FOUND, format!("there is no topic `{topic}`"))
        }
        Ok(Err(error)) => refuse(StatusCode::SERVICE_UNAVAILABLE, error.to_string()),
        Err(_) => refuse(StatusCode::INTERNAL_SERVER_ERROR, "the message was not sent"),
    }
}

fn refuse(status: StatusCode, message: impl Into<String>) -> Response {
    (status, Json(json!({ "message": message.into() }))).into_response()
}
