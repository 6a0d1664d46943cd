//! Answers for a route that panics. What it says goes to the log and not to whoever asked.

use std::panic::AssertUnwindSafe;

use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse as _, Response};
use futures::FutureExt as _;

use crate::refusal::Refusal;

pub(super) async fn answered(uri: &Uri, answer: impl Future<Output = Response>) -> Response {
    match AssertUnwindSafe(answer).catch_unwind().await {
        Ok(response) => response,
        Err(_) => {
            let path = uri.path();
            tracing::error!(path, "an HTTP route panicked: {path}; this is a bug");
            let message = "the answer could not be made; the application's log says why";
            Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", message).into_response()
        }
    }
}
