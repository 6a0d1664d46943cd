//! `GET /api/stores/{store}/stream`: the rows of a store, and from then on each that changes, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::{StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use streams_core::query::{JsonRow, Live, QueryError};

use super::asked::AtLeast;
use super::parameters::Parameters;
use super::store_rows::RowsParameters;
use crate::pacing::paced;
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// How often a stream without news shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The rows, and from then on each that changes. `snapshot` comes first, and again when everything before is void, because
/// tasks have moved; then an `upsert` for each row, and `complete` when all have come. From then on `upsert` and `delete` are
/// changes, of which a slow reader gets only the last of each row. `error` says why the stream ends. Whoever connects again
/// begins again, so nothing is missed.
#[utoipa::path(get, path = "/api/stores/{store}/stream", tag = "stores",
    params(("store" = String, Path, description = "The store's name"), RowsParameters),
    responses(
        (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String),
        (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
        (status = 404, description = "There is no such store", body = ErrorBody),
        (status = 503, description = "The application does not run, or has too many streams", body = ErrorBody),
    ))]
pub(crate) async fn store_stream(
    State(served): State<Served>,
    Path(store): Path<String>,
    Parameters(parameters): Parameters<RowsParameters>,
    at_least: AtLeast,
) -> Result<Response, Refusal> {
    let asked = parameters.asking().store(&served, &store, &at_least)?;
    if asked.facts().is_global {
        return Err(QueryError::NotFollowed { store }.into());
    }
    let Ok(place) = Arc::clone(&served.streams).try_acquire_owned() else {
        let message = "as many streams are open as there may be";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon());
    };
    let events = paced(asked.live(&parameters.wanted())?).flat_map(move |news| {
        // Held as long as the stream is.
        let _place = &place;
        stream::iter(news).map(|news| Ok::<_, Infallible>(event(news)))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

fn event(news: Result<Live<Value, JsonRow>, QueryError>) -> Event {
    let (name, data) = match news {
        Ok(Live::Reset) => ("snapshot", json!({})),
        Ok(Live::Complete) => ("complete", json!({})),
        Ok(Live::Row(key, None)) => ("delete", json!({ "key": key })),
        Ok(Live::Row(_, Some(row))) => ("upsert", json!(row)),
        Err(error) => ("error", json!({ "message": error.to_string() })),
    };
    Event::default().event(name).data(data.to_string())
}
