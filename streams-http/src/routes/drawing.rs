//! `GET /api/topology/drawing`: where a page draws the parts of the topology.

use axum::Json;
use axum::extract::State;

use super::parameters::{NoParameters, Parameters};
use crate::layout::{Drawing, draw};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// Topics, processors and stores with their places, and the arrows between them.
#[utoipa::path(get, path = "/api/topology/drawing", tag = "application", responses(
    (status = 200, description = "The drawing", body = Drawing),
    (status = 400, description = "It has no parameters", body = ErrorBody),
))]
pub(crate) async fn drawing(
    State(served): State<Served>,
    _: Parameters<NoParameters>,
) -> Result<Json<Drawing>, Refusal> {
    let about = served.app.about();
    Ok(Json(draw(about.topology(), about.application_id())))
}
