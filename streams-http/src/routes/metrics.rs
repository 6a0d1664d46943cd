//! `GET /metrics`: what Prometheus reads. `metrics/` makes it, with the program's own metrics.

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};

use crate::metrics::{Snapshot, own, render};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// The media type of the text format.
const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counters, gauges and histograms in Prometheus' text format.
#[utoipa::path(get, path = "/metrics", tag = "application", responses(
    (status = 200, description = "The metrics", body = String, content_type = "text/plain"),
    (status = 500, description = "They cannot be written", body = ErrorBody),
))]
pub(crate) async fn metrics(State(served): State<Served>) -> Result<Response, Refusal> {
    let (snapshot, own) = futures::join!(Snapshot::take(&served), own::read(&served.own_metrics, served.app.about()));
    match render(&snapshot, own) {
        Ok(text) => Ok(([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response()),
        Err(error) => {
            tracing::error!(%error, "metrics cannot be written: {error}");
            Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the metrics cannot be written"))
        }
    }
}
