//! `POST /peer/rows` and `POST /peer/news`: what other instances of the application ask this one, about its own tasks. They
//! are not for anybody else, so the description does not list them.

use std::convert::Infallible;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};
use streams_core::query::elsewhere::RemoteQuestion;
use tokio::time::timeout;

use crate::pacing::paced;
use crate::peers::HEARTBEAT;
use crate::refusal::Refusal;
use crate::served::Served;

/// Some rows of some of this instance's tasks.
pub(crate) async fn rows(State(served): State<Served>, body: Bytes) -> Result<Response, Refusal> {
    let question = question(&body)?;
    // A store that is not there is refused, and not counted.
    let store = served.app.store(question.store()).ok();
    let _timed = store.as_ref().map(|store| served.asked.ask(&store.facts().name, "peer"));
    let answer = served.app.answer(question).await?;
    Ok(([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], answer.to_json()).into_response())
}

/// The same and from then on their changes, a line each. An empty line says that this instance is still there. An error is the
/// last line.
pub(crate) async fn news(State(served): State<Served>, body: Bytes) -> Result<Response, Refusal> {
    let Ok(place) = Arc::clone(&served.peer_streams).try_acquire_owned() else {
        let message = "as many instances follow this one as there may be";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_soon());
    };
    let news = Box::pin(paced(served.app.news(&question(&body)?)?));
    let lines = stream::unfold((Some(news), place), |(news, place)| async move {
        let mut news = news?;
        let Ok(told) = timeout(HEARTBEAT, news.next()).await else {
            return Some((Ok::<_, Infallible>("\n".to_owned()), (Some(news), place)));
        };
        let (mut lines, mut is_over) = (String::new(), false);
        for told in told? {
            is_over = told.is_err();
            lines += &told.map_or_else(|error| Refusal::from(error).to_json(), |news| news.to_json());
            lines.push('\n');
        }
        Some((Ok(lines), (Some(news).filter(|_| !is_over), place)))
    });
    let content = [(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"))];
    Ok((content, Body::from_stream(lines)).into_response())
}

fn question(body: &[u8]) -> Result<RemoteQuestion, Refusal> {
    RemoteQuestion::from_json(body).map_err(|error| Refusal::bad_request(error.to_string()))
}
