//! `GET /api/stores/{store}/{key}`: the row of a key.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::asked::{Asking, AtLeast, positioned};
use super::parameters::{Parameters, PathParts};
use super::store_rows::RowAnswer;
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// How a row is asked for.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RowParameters {
    /// Only what is committed.
    #[serde(default)]
    committed: bool,
    /// How long to wait for a store that is being restored, or for a position, such as `2s`; at most 30 s.
    wait: Option<String>,
}

/// The row of a key; of a store that keeps versions, the latest. The windows of a key are asked for with
/// `/api/stores/{store}?key=`, and so is a key `stream`.
#[utoipa::path(get, path = "/api/stores/{store}/{key}", tag = "stores",
    params(
        ("store" = String, Path, description = "The store's name"),
        ("key" = String, Path, description = "The key, written as `example_key` of `GET /api/stores` shows"),
        RowParameters,
    ),
    responses(
        (status = 200, description = "The row", body = RowAnswer),
        (status = 400, description = "The key or a parameter cannot be understood", body = ErrorBody),
        (status = 404, description = "There is no such store, or no such row", body = ErrorBody),
        (status = 421, description = "Another instance has the row, and may not be asked", body = ErrorBody),
        (status = 500, description = "The store cannot be read", body = ErrorBody),
        (status = 503, description = "The store is being restored or moved, or has not got so far", body = ErrorBody),
    ))]
pub(crate) async fn store_row(
    State(served): State<Served>,
    PathParts((store, key)): PathParts<(String, String)>,
    Parameters(parameters): Parameters<RowParameters>,
    at_least: AtLeast,
) -> Result<Response, Refusal> {
    let asking = Asking { committed: parameters.committed, local: false, wait: parameters.wait.as_deref() };
    let asked = asking.store(&served, &store, &at_least)?;
    let _timed = served.asked.ask(&asked.facts().name, "row");
    let (row, position) = asked.get(&key)?.with_position().await?;
    match row {
        Some(row) => Ok((positioned(&position), Json(row)).into_response()),
        None => {
            let message = format!("the store `{store}` has no row with the key `{key}`");
            let refusal = Refusal::new(StatusCode::NOT_FOUND, "no_row", message);
            Ok((positioned(&position), refusal).into_response())
        }
    }
}
