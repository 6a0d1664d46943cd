//! Limits how many requests are worked on at once. Probes always get in: a busy process is alive.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{Given, is_probe};
use crate::refusal::Refusal;

pub(super) async fn are_free(State(guards): Given, request: Request, next: Next) -> Response {
    if is_probe(&request) {
        return next.run(request).await;
    }
    let Ok(_place) = guards.places.try_acquire() else {
        let message = format!("{} requests are being worked on, which is the limit", guards.limits.requests);
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon().into_response();
    };
    next.run(request).await
}
