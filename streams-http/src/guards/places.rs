//! Limits how many requests are worked on at once. Probes always get in: a busy process is alive. Other
//! instances have places of their own.

use axum::extract::Request;
use axum::http::StatusCode;
use tokio::sync::SemaphorePermit;

use super::{Guards, is_probe};
use crate::refusal::Refusal;

/// What other instances ask.
const PEERS: &str = "/peer/";

pub(super) fn take<'a>(guards: &'a Guards, request: &Request) -> Result<Option<SemaphorePermit<'a>>, Refusal> {
    if is_probe(request) {
        return Ok(None);
    }
    let (places, limit) = match request.uri().path().starts_with(PEERS) {
        true => (&guards.peer_places, guards.limits.peer_requests),
        false => (&guards.places, guards.limits.requests),
    };
    let busy = |_| {
        let message = format!("{limit} requests are being worked on, which is the limit");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon()
    };
    places.try_acquire().map(Some).map_err(busy)
}
