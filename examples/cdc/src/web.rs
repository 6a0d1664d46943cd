//! `GET /orders/{id}` and `GET /check`, beside what `millstream::http` serves of every application: an order with what it refers
//! to, from the application's table, and how far the feed is.

use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use millstream::http::{Http, HttpError, HttpServer};
use millstream::query::QueryError;
use millstream::runtime::{Handle, Running};
use serde::Serialize;
use serde_json::json;

use crate::rows::{EnrichedOrder, OrderKey};
use crate::topology::ENRICHED_STORE;

/// How the run does.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Progress {
    /// How many changes are written.
    pub written: u64,
    /// How many there are.
    pub of: u64,
    /// Whether the tables are equal to the database's; unknown until everything is written.
    pub equal: Option<bool>,
}

/// The progress, for those who ask.
pub type SharedProgress = Arc<Mutex<Progress>>;

#[derive(Clone)]
struct Served {
    app: Handle,
    progress: SharedProgress,
}

/// Serves the application at this port of this machine, or at the next one that is free.
pub fn serve(running: &Running, port: u16, progress: &SharedProgress) -> Result<HttpServer, HttpError> {
    let served = Served { app: running.handle(), progress: Arc::clone(progress) };
    let routes = Router::new().route("/orders/{id}", get(order)).route("/check", get(check)).with_state(served);
    Http::of(running).bind(format!("127.0.0.1:{port}")).routes(routes).start()
}

async fn order(
    State(served): State<Served>,
    id: Result<Path<u64>, PathRejection>,
) -> Result<Json<EnrichedOrder>, Refusal> {
    let Ok(Path(id)) = id else {
        return Err(Refusal(StatusCode::BAD_REQUEST, "an order has a number, as in /orders/7".to_owned()));
    };
    match served.app.query(&ENRICHED_STORE)?.get(OrderKey { id }).await? {
        Some(order) => Ok(Json(order)),
        None => Err(Refusal(StatusCode::NOT_FOUND, format!("there is no order {id}"))),
    }
}

async fn check(State(served): State<Served>) -> Json<Progress> {
    Json(served.progress.lock().unwrap_or_else(PoisonError::into_inner).clone())
}

/// An answer that refuses, in the form of the server's own.
struct Refusal(StatusCode, String);

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let code = match self.0 {
            StatusCode::BAD_REQUEST => "bad_request",
            StatusCode::NOT_FOUND => "not_found",
            _ => "not_now",
        };
        (self.0, Json(json!({ "error": { "code": code, "message": self.1 } }))).into_response()
    }
}
