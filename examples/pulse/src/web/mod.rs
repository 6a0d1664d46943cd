//! Pulse over HTTP, beside what `millstream::http` serves of every application: events in, recommendations out, and the
//! buttons of the page.

use std::sync::Arc;

use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use millstream::http::{Http, HttpError, HttpServer};
use millstream::query::QueryError;
use millstream::runtime::{Handle, Running};
use serde_json::json;

use crate::board::Shared;

mod actions;
mod collect;
mod recommend;
mod status;

pub use collect::AT_MOST as COLLECT_MAX;

/// What the page shows above the tiles.
const PANEL: &str = include_str!("../../page/panel.js");
const STYLE: &str = include_str!("../../page/panel.css");

/// What the routes answer from.
#[derive(Clone)]
struct Served {
    shared: Arc<Shared>,
    app: Handle,
}

/// Serves an instance at this address, or at the next port that is free.
pub fn serve(running: &Running, shared: &Arc<Shared>, address: &str) -> Result<HttpServer, HttpError> {
    let served = Served { shared: Arc::clone(shared), app: running.handle() };
    let routes = Router::new()
        .route("/collect", post(collect::collect))
        .route("/recommend/user/{user}", get(recommend::for_user))
        .route("/recommend/after", get(recommend::after))
        .route("/pulse", get(status::status))
        .route("/pulse/panel.css", get(async || ([(CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)))
        .route("/pulse/{action}", post(actions::act))
        .with_state(served);
    let http = Http::of(running).bind(address).allow_actions(true).panel("pulse", PANEL);
    http.routes(routes).open_to_pages("/collect").start()
}

/// An answer that refuses, in the form of the server's own: `{"error":{"code":"..","message":".."}}`.
struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "not_now", error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": { "code": self.code, "message": self.message } }))).into_response()
    }
}
