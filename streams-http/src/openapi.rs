//! `GET /api/openapi.json`: all routes, described for programs.

use axum::Json;
use utoipa::OpenApi;
use utoipa::openapi::OpenApi as Document;

use crate::routes;

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
pub(crate) async fn openapi() -> Json<Document> {
    Json(Description::openapi())
}
