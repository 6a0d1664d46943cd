//! Reads a request's body before its route is called, which may take neither long nor much memory.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use tokio::time::timeout;

use super::Given;
use crate::refusal::Refusal;

pub(super) async fn is_read(State(guards): Given, request: Request, next: Next) -> Response {
    let limits = guards.limits;
    let (head, body) = request.into_parts();
    let body = match timeout(limits.read, read(body, limits.body_bytes)).await {
        Ok(Ok(body)) => body,
        Ok(Err(refusal)) => return refusal.into_response(),
        Err(_) => {
            let message = format!("the request did not arrive within {} s", limits.read.as_secs());
            return Refusal::new(StatusCode::REQUEST_TIMEOUT, "timeout", message).into_response();
        }
    };
    next.run(Request::from_parts(head, Body::from(body))).await
}

async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
    let mut chunks = body.into_data_stream();
    let mut read = Vec::new();
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| Refusal::bad_request("the request's body ends in the middle"))?;
        if read.len() + chunk.len() > bytes_max {
            let message = format!("a request's body may have {bytes_max} bytes");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", message));
        }
        read.extend_from_slice(&chunk);
    }
    Ok(read.into())
}
