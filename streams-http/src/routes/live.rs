//! `GET /api/live`: which tiles the application shows of its tables.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use streams_core::topology::{TileFacts, TileKind, TileSpan};
use utoipa::ToSchema;

use super::parameters::{NoParameters, Parameters};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// The tiles.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LiveAnswer {
    tiles: Vec<TileAnswer>,
    /// The names of modules of the program's own, as in `/panels/{name}.js`.
    panels: Vec<String>,
}

/// A tile.
#[derive(Debug, Serialize, ToSchema)]
struct TileAnswer {
    id: String,
    title: String,
    /// `number`, `lines`, `bars`, `table` or `funnel`.
    kind: &'static str,
    /// What its numbers are; `null` if that is not said.
    unit: Option<String>,
    /// The store that it shows.
    store: String,
    /// How far back it goes, in milliseconds; `null` if it does not say.
    last_ms: Option<u64>,
    /// The names of a chart's lines, a table's columns or a funnel's steps.
    names: Vec<String>,
}

/// The tiles that the application shows of its tables, in the order of the program.
#[utoipa::path(get, path = "/api/live", tag = "live", responses(
    (status = 200, description = "The tiles", body = LiveAnswer),
    (status = 400, description = "It has no parameters", body = ErrorBody),
))]
pub(crate) async fn live(
    State(served): State<Served>,
    _: Parameters<NoParameters>,
) -> Result<Json<LiveAnswer>, Refusal> {
    let tiles = served.gallery.tiles().iter().map(tile_answer).collect();
    Ok(Json(LiveAnswer { tiles, panels: served.panels.to_vec() }))
}

fn tile_answer(tile: &TileFacts) -> TileAnswer {
    let last = match tile.span {
        TileSpan::Last(last) | TileSpan::Rate(last) => Some(last),
        _ => None,
    };
    let names = match &tile.kind {
        TileKind::Lines { series: names }
        | TileKind::Table { columns: names, .. }
        | TileKind::Funnel { steps: names } => names.clone(),
        _ => Vec::new(),
    };
    TileAnswer {
        id: tile.id.clone(),
        title: tile.title.clone(),
        kind: tile.kind.name(),
        unit: tile.unit.clone(),
        store: tile.store.to_string(),
        last_ms: last.map(|last| u64::try_from(last.as_millis()).unwrap_or(u64::MAX)),
        names,
    }
}
