//! Reads a request's body before its route is called, which may take neither long nor much memory.

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::Request;
use axum::http::StatusCode;
use futures::StreamExt as _;
use tokio::time::timeout;

use super::Guards;
use crate::refusal::Refusal;

pub(super) async fn read(guards: &Guards, request: Request) -> Result<Request, Refusal> {
    if request.body().is_end_stream() {
        return Ok(request);
    }
    let limits = guards.limits;
    let (head, body) = request.into_parts();
    match timeout(limits.read, bytes_of(body, limits.body_bytes)).await {
        Ok(body) => Ok(Request::from_parts(head, Body::from(body?))),
        Err(_) => {
            let message = format!("the request did not arrive within {} s", limits.read.as_secs());
            Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "timeout", message))
        }
    }
}

async fn bytes_of(body: Body, bytes_max: usize) -> Result<Bytes, Refusal> {
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
