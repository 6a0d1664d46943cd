//! `GET /api/app`: which application this is and how it is.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::{NoParameters, Parameters};
use crate::json::guarantee;
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// An application.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AppAnswer {
    application_id: String,
    /// `CREATED`, `REBALANCING`, `RUNNING`, `DISCONNECTED`, `PENDING_SHUTDOWN`, `NOT_RUNNING`, `PENDING_ERROR` or `ERROR`.
    state: String,
    is_paused: bool,
    /// `at_least_once` or `exactly_once_v2`.
    guarantee: &'static str,
    /// What ended it, if something did.
    error: Option<String>,
    /// The log that it runs on; `null` once it has ended.
    log: Option<String>,
    /// The hash of its topology, which all instances must have in common.
    topology: String,
    /// Millstream's version.
    version: &'static str,
}

/// Which application this is, its state, and the error that ended it.
#[utoipa::path(get, path = "/api/app", tag = "application", responses(
    (status = 200, description = "The application", body = AppAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
))]
pub(crate) async fn app(State(served): State<Served>, _: Parameters<NoParameters>) -> Result<Json<AppAnswer>, Refusal> {
    Ok(Json(own_app(&served)))
}

/// What this instance says of itself.
pub(super) fn own_app(served: &Served) -> AppAnswer {
    let (app, about) = (&served.app, served.app.about());
    AppAnswer {
        application_id: about.application_id().to_owned(),
        state: app.state().to_string(),
        is_paused: app.is_paused(),
        guarantee: guarantee(about.guarantee()),
        error: app.error().map(|error| error.to_string()),
        log: about.log().map(|log| log.describe()),
        topology: format!("{:016x}", about.topology().fingerprint().hash()),
        version: env!("CARGO_PKG_VERSION"),
    }
}
