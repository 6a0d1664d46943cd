//! One route per file, and the table of all of them. Routes that have much in common share a folder.
//!
//! A route asks the application's handle and makes JSON of what it says. It may take its time only by waiting; what it may
//! cost is up to `guards/`.

use axum::Router;
use axum::routing::{get, post};

use crate::refusal::Refusal;
use crate::served::Served;

pub(crate) mod actions;
pub(crate) mod app;
mod asked;
pub(crate) mod checks;
pub(crate) mod config;
pub(crate) mod dead_letters;
pub(crate) mod drawing;
pub(crate) mod instances;
pub(crate) mod live;
pub(crate) mod live_stream;
pub(crate) mod livez;
pub(crate) mod metrics;
pub(crate) mod parameters;
pub(crate) mod peers;
pub(crate) mod readyz;
pub(crate) mod store_row;
pub(crate) mod store_rows;
pub(crate) mod store_stream;
pub(crate) mod stores;
pub(crate) mod tasks;
pub(crate) mod topics;
pub(crate) mod topology;

/// All routes. `openapi.rs` describes them.
pub(crate) fn all(served: Served) -> Router {
    Router::new()
        .route("/livez", get(livez::livez))
        .route("/readyz", get(readyz::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/app", get(app::app))
        .route("/api/app/pause", post(actions::pause))
        .route("/api/app/resume", post(actions::resume))
        .route("/api/app/stop", post(actions::stop))
        .route("/api/config", get(config::config))
        .route("/api/dead-letters", get(dead_letters::list::letters))
        .route("/api/dead-letters/replay", post(dead_letters::replay::replay))
        .route("/api/dead-letters/{partition}/{offset}", get(dead_letters::letter::letter))
        .route("/api/dead-letters/{partition}/{offset}/replay", post(dead_letters::put_back::put_back))
        .route("/api/instances", get(instances::instances))
        .route("/api/live", get(live::live))
        .route("/api/live/stream", get(live_stream::live_stream))
        .route("/api/openapi.json", get(crate::openapi::openapi))
        .route("/api/stores", get(stores::stores))
        .route("/api/stores/{store}", get(store_rows::store_rows))
        .route("/api/stores/{store}/stream", get(store_stream::store_stream))
        .route("/api/stores/{store}/{key}", get(store_row::store_row))
        .route("/api/tasks", get(tasks::tasks))
        .route("/api/topics", get(topics::list::topics).post(topics::create::create))
        .route("/api/topics/{topic}", get(topics::topic::topic))
        .route("/api/topics/{topic}/records", get(topics::read::records).post(topics::write::write))
        .route("/api/topology", get(topology::topology))
        .route("/api/topology/drawing", get(drawing::drawing))
        .route("/peer/rows", post(peers::rows))
        .route("/peer/news", post(peers::news))
        .method_not_allowed_fallback(async || Refusal::wrong_method())
        .with_state(served)
}
