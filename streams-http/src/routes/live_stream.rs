//! `GET /api/live/stream`: the pictures of all tiles, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;

use super::parameters::{NoParameters, Parameters};
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// How often a stream without news shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// The pictures of all tiles, each as an event `picture` when it has changed, at most ten times a second. A slow reader gets
/// only the latest ones. A picture has the tile's `id`, its `state` (`loading`, `live`, or `failed` with a `message`), the time
/// `at` that it is of, and one of `number`, `lines`, `bars`, `table` and `funnel`. `partial` says that the table has more rows
/// than a tile can hold, `unreadable` how many rows cannot be shown, with a `reason`, and `missing` why those of other instances
/// are not in it.
#[utoipa::path(get, path = "/api/live/stream", tag = "live", responses(
    (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String),
    (status = 400, description = "It has no parameters", body = ErrorBody),
    (status = 503, description = "There are too many streams", body = ErrorBody),
))]
pub(crate) async fn live_stream(
    State(served): State<Served>,
    _: Parameters<NoParameters>,
) -> Result<Response, Refusal> {
    let Ok(place) = Arc::clone(&served.streams).try_acquire_owned() else {
        let message = "as many streams are open as there may be";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon());
    };
    let pictures = served.gallery.watch().map(move |picture| {
        // Held as long as the stream is.
        let _place = &place;
        Ok::<_, Infallible>(Event::default().event("picture").data(picture))
    });
    Ok(Sse::new(pictures).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}
