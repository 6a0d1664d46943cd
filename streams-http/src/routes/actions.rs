//! `POST /api/app/pause`, `resume` and `stop`: the actions, where the program allows them.
//!
//! Each asks the application and answers at once; `GET /api/app` says how it is then. A stop ends this instance only.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use streams_core::runtime::Handle;
use utoipa::ToSchema;

use super::parameters::{NoParameters, Parameters};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// The answer to an action.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ActionAnswer {
    /// What the application was asked to do.
    asked: &'static str,
}

/// Stops processing records until it is resumed. The instance keeps its tasks.
#[utoipa::path(post, path = "/api/app/pause", tag = "actions", responses(
    (status = 202, description = "The application was asked to", body = ActionAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
    (status = 403, description = "Actions are not allowed, or a page of another server asks", body = ErrorBody),
))]
pub(crate) async fn pause(
    served: State<Served>,
    _: Parameters<NoParameters>,
) -> Result<(StatusCode, Json<ActionAnswer>), Refusal> {
    act(&served, "pause", Handle::pause)
}

/// Continues after a pause.
#[utoipa::path(post, path = "/api/app/resume", tag = "actions", responses(
    (status = 202, description = "The application was asked to", body = ActionAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
    (status = 403, description = "Actions are not allowed, or a page of another server asks", body = ErrorBody),
))]
pub(crate) async fn resume(
    served: State<Served>,
    _: Parameters<NoParameters>,
) -> Result<(StatusCode, Json<ActionAnswer>), Refusal> {
    act(&served, "resume", Handle::resume)
}

/// Commits what is done and ends this instance. Others take over its tasks.
#[utoipa::path(post, path = "/api/app/stop", tag = "actions", responses(
    (status = 202, description = "The application was asked to", body = ActionAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
    (status = 403, description = "Actions are not allowed, or a page of another server asks", body = ErrorBody),
))]
pub(crate) async fn stop(
    served: State<Served>,
    _: Parameters<NoParameters>,
) -> Result<(StatusCode, Json<ActionAnswer>), Refusal> {
    act(&served, "stop", Handle::stop)
}

fn act(
    served: &Served,
    action: &'static str,
    ask: impl FnOnce(&Handle),
) -> Result<(StatusCode, Json<ActionAnswer>), Refusal> {
    served.is_asked_to(action)?;
    ask(&served.app);
    Ok((StatusCode::ACCEPTED, Json(ActionAnswer { asked: action })))
}
