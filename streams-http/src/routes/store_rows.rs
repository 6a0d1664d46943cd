//! `GET /api/stores/{store}`: some rows of a store, a page at a time.

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::asked::{Asking, AtLeast, positioned};
use super::parameters::{Parameters, PathParts};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;
use streams_core::query::{JsonRow, Wanted};
use streams_core::record::Timestamp;

/// How many rows an answer has unless it is said, and at most.
const ROWS: usize = 100;
const ROWS_MAX: usize = 10_000;

/// Which rows are wanted. Keys are written as `example_key` of `GET /api/stores` shows.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RowsParameters {
    /// Only rows of this key: its windows, its sessions, its versions.
    key: Option<String>,
    /// Only keys that begin like this; for keys that are texts.
    prefix: Option<String>,
    /// The first key.
    from: Option<String>,
    /// The last key.
    to: Option<String>,
    /// The first moment in milliseconds since 1970: windows that start in the period, sessions that touch it, versions
    /// that were valid in it.
    window_from: Option<i64>,
    /// The last moment.
    window_to: Option<i64>,
    /// The last rows first.
    #[serde(default)]
    reverse: bool,
    /// How many rows: 100 unless said, at most 10,000.
    #[param(minimum = 1, maximum = 10_000)]
    limit: Option<usize>,
    /// Where the last answer ended (`next`).
    cursor: Option<String>,
    /// Only what is committed.
    #[serde(default)]
    committed: bool,
    /// Only the rows that the instance has that is asked. Otherwise others are asked for theirs.
    #[serde(default)]
    local: bool,
    /// How long to wait for a store that is being restored, or for a position, such as `2s`; at most 30 s.
    wait: Option<String>,
}

impl RowsParameters {
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            key: self.key.clone(),
            prefix: self.prefix.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            window_from: self.window_from.map(Timestamp),
            window_to: self.window_to.map(Timestamp),
            reversed: self.reverse,
            cursor: self.cursor.clone(),
        }
    }

    pub(super) fn asking(&self) -> Asking<'_> {
        Asking { committed: self.committed, local: self.local, wait: self.wait.as_deref() }
    }
}

/// Some rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowsAnswer {
    #[schema(value_type = Vec<RowAnswer>)]
    rows: Vec<JsonRow>,
    /// The parameter `cursor` for the rows behind these; `null` if there are no more.
    next: Option<String>,
}

/// A row. The key of one with a window is an object with `key`, `start` and `end`.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RowAnswer {
    key: serde_json::Value,
    value: serde_json::Value,
    /// When it was last changed, in milliseconds since 1970; missing if the store does not know.
    timestamp: Option<i64>,
}

/// Some rows of a store, in the order of their keys, or of time if they have windows. The header `X-KStream-Position` says how
/// far the store was, and `X-KStream-Min-Position` in the request how far it has to be.
#[utoipa::path(get, path = "/api/stores/{store}", tag = "stores",
    params(("store" = String, Path, description = "The store's name"), RowsParameters),
    responses(
        (status = 200, description = "Rows", body = RowsAnswer),
        (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
        (status = 404, description = "There is no such store", body = ErrorBody),
        (status = 421, description = "Other instances have some of the rows, and may not be asked", body = ErrorBody),
        (status = 500, description = "The store cannot be read", body = ErrorBody),
        (status = 503, description = "The store is being restored or moved, or has not got so far", body = ErrorBody),
    ))]
pub(crate) async fn store_rows(
    State(served): State<Served>,
    PathParts(store): PathParts<String>,
    Parameters(parameters): Parameters<RowsParameters>,
    at_least: AtLeast,
) -> Result<Response, Refusal> {
    let limit = parameters.limit.unwrap_or(ROWS);
    if !(1..=ROWS_MAX).contains(&limit) {
        return Err(Refusal::bad_request(format!("`limit` is from 1 to {ROWS_MAX}; ask on with `cursor`")));
    }
    let store = parameters.asking().store(&served, &store, &at_least)?;
    let _timed = served.asked.ask(&store.facts().name, "rows");
    let (page, position) = store.rows(&parameters.wanted(), limit)?.with_position().await?;
    let answer = RowsAnswer { rows: page.rows, next: page.next };
    Ok((positioned(&position), Json(answer)).into_response())
}
