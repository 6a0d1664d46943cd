//! `GET /api/stores/{store}/stream`: the rows of a store, and from then on each that changes, as server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use serde_json::json;
use streams_core::query::{JsonNews, QueryError};

use super::asked::AtLeast;
use super::parameters::{Parameters, PathParts};
use super::store_rows::RowsParameters;
use crate::pacing::paced;
use crate::refusal::{ErrorBody, Refusal};
use crate::served::Served;

/// How often a stream without news shows that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// What a browser's `EventSource` sends when it connects again.
const LAST_EVENT_ID: &str = "last-event-id";

/// The rows, and from then on each that changes. `snapshot` comes first, and again when everything before is void, because
/// tasks have moved; then an `upsert` for each row, and `complete` when all have come. From then on `upsert` and `delete` are
/// changes, of which a slow reader gets only the last of each row. `error` says why the stream ends. Events have ids: whoever
/// connects again and sends the last one as `Last-Event-ID` gets `resumed` and what has changed since, if that is still known,
/// which takes that some follower was there at most 30 s ago and no task has moved; otherwise `snapshot` and everything anew, so
/// nothing is missed either way.
#[utoipa::path(get, path = "/api/stores/{store}/stream", tag = "stores",
    params(
        ("store" = String, Path, description = "The store's name"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last event that has arrived"),
        RowsParameters,
    ),
    responses(
        (status = 200, description = "Server-sent events", content_type = "text/event-stream", body = String),
        (status = 400, description = "A parameter cannot be understood", body = ErrorBody),
        (status = 404, description = "There is no such store", body = ErrorBody),
        (status = 503, description = "The application does not run, or has too many streams", body = ErrorBody),
    ))]
pub(crate) async fn store_stream(
    State(served): State<Served>,
    PathParts(store): PathParts<String>,
    Parameters(parameters): Parameters<RowsParameters>,
    at_least: AtLeast,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let asked = parameters.asking().store(&served, &store, &at_least)?;
    let Ok(place) = Arc::clone(&served.streams).try_acquire_owned() else {
        let message = "as many streams are open as there may be";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon());
    };
    // One that is no text is none of ours.
    let since = headers.get(LAST_EVENT_ID).and_then(|id| id.to_str().ok());
    let news = paced(asked.live(&parameters.wanted(), since)?).flat_map(move |news| {
        // Held as long as the stream is.
        let _place = &place;
        stream::iter(events(news).into_iter().map(Ok::<_, Infallible>))
    });
    Ok(Sse::new(news).keep_alive(KeepAlive::new().interval(HEARTBEAT)).into_response())
}

/// A mark is the id of the event before it, or one without any if that has been sent already.
fn events(news: Vec<Result<JsonNews, QueryError>>) -> Vec<Event> {
    let (mut events, mut last) = (Vec::with_capacity(news.len()), None::<Event>);
    for news in news {
        if let Ok(JsonNews::Mark(mark)) = news {
            events.push(last.take().unwrap_or_default().id(mark));
        } else {
            events.extend(last.replace(event(news)));
        }
    }
    events.extend(last);
    events
}

fn event(news: Result<JsonNews, QueryError>) -> Event {
    let (name, data) = match news {
        Ok(JsonNews::Reset) => ("snapshot", json!({})),
        Ok(JsonNews::Resumed) => ("resumed", json!({})),
        Ok(JsonNews::Complete) => ("complete", json!({})),
        Ok(JsonNews::Gone(key)) => ("delete", json!({ "key": key })),
        Ok(JsonNews::Row(row)) => ("upsert", json!(row)),
        Ok(JsonNews::Mark(mark)) => return Event::default().id(mark),
        Err(error) => ("error", json!({ "message": error.to_string() })),
    };
    Event::default().event(name).data(data.to_string())
}
