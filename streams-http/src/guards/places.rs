//! Limits how many requests are worked on at once. Probes always get in: a busy process is alive. Other
//! instances have places of their own.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{Given, is_probe};
use crate::refusal::Refusal;

/// What other instances ask.
const PEERS: &str = "/peer/";

pub(super) async fn are_free(State(guards): Given, request: Request, next: Next) -> Response {
    if is_probe(&request) {
        return next.run(request).await;
    }
    let (places, limit) = match request.uri().path().starts_with(PEERS) {
        true => (&guards.peer_places, guards.limits.peer_requests),
        false => (&guards.places, guards.limits.requests),
    };
    let Ok(_place) = places.try_acquire() else {
        let message = format!("{limit} requests are being worked on, which is the limit");
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon().into_response();
    };
    next.run(request).await
}
