//! `POST /pulse/{action}`: the buttons of the page.
//!
//! They are asked for here, and carried out by the thread that conducts the run; what has become of them is among the news.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde_json::{Value, json};

use super::{Refusal, Served};
use crate::board::Request;

/// Asks for an action.
pub(super) async fn act(
    State(served): State<Served>,
    Path(action): Path<String>,
) -> Result<(StatusCode, Json<Value>), Refusal> {
    let Some(request) = Request::ALL.into_iter().find(|request| request.name() == action) else {
        let known = Request::ALL.map(Request::name).join(", ");
        let message = format!("there is no action `{action}`; there are {known}");
        return Err(Refusal::new(StatusCode::NOT_FOUND, "unknown_action", message));
    };
    served.shared.ask(request);
    Ok((StatusCode::ACCEPTED, Json(json!({ "asked": action }))))
}
