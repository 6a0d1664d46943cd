//! `GET /api/openapi.json`: all routes, described for programs. What there is in the application that runs, such as its stores
//! with a key of each, is added by `examples.rs`, and what any route may be answered with, by `refused.rs`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde_json::Value;
use utoipa::OpenApi;

use crate::refusal::Refusal;
use crate::routes;
use crate::served::Served;

mod examples;
mod refused;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "A Millstream application",
        description = "Its state, health, topology, tasks, lag, stores, topics, dead letters, settings and metrics"
    ),
    paths(
        openapi,
        routes::actions::pause,
        routes::actions::resume,
        routes::actions::stop,
        routes::app::app,
        routes::config::config,
        routes::dead_letters::letter::letter,
        routes::dead_letters::list::letters,
        routes::dead_letters::put_back::put_back,
        routes::dead_letters::replay::replay,
        routes::instances::instances,
        routes::live::live,
        routes::live_stream::live_stream,
        routes::livez::livez,
        routes::metrics::metrics,
        routes::readyz::readyz,
        routes::store_row::store_row,
        routes::store_rows::store_rows,
        routes::store_stream::store_stream,
        routes::stores::stores,
        routes::tasks::tasks,
        routes::topics::create::create,
        routes::topics::list::topics,
        routes::topics::read::records,
        routes::topics::topic::topic,
        routes::topics::write::write,
        routes::drawing::drawing,
        routes::topology::topology,
    )
)]
struct Description;

/// This description.
#[utoipa::path(get, path = "/api/openapi.json", tag = "description", responses(
    (status = 200, description = "An OpenAPI document", body = serde_json::Value),
))]
pub(crate) async fn openapi(State(served): State<Served>) -> Result<Json<Value>, Refusal> {
    let wrong = |error: serde_json::Error| {
        Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            format!("the description cannot be written: {error}"),
        )
    };
    let mut document = serde_json::to_value(Description::openapi()).map_err(wrong)?;
    refused::add(&mut document, served.has_token);
    examples::add(&mut document, &served).await;
    Ok(Json(document))
}
