//! How a store is asked: what requests say of it beside what they want, and what errors become.

use std::time::Duration;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use streams_core::query::{JsonStore, Position, QueryError};

use crate::refusal::Refusal;
use crate::served::Served;

/// How far the store was.
const POSITION: &str = "x-kstream-position";
/// How far it has to be.
const MIN_POSITION: &str = "x-kstream-min-position";

/// The longest wait for an answer.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// How a store is asked.
pub(super) struct Asking<'a> {
    pub(super) committed: bool,
    pub(super) local: bool,
    pub(super) wait: Option<&'a str>,
}

impl Asking<'_> {
    /// The store, to be asked like this.
    pub(super) fn store(&self, served: &Served, name: &str, at_least: &AtLeast) -> Result<JsonStore, Refusal> {
        let mut store = served.app.store(name)?;
        if self.committed {
            store = store.committed();
        }
        if self.local {
            store = store.local();
        }
        if let Some(wait) = self.wait {
            store = store.waiting(patience(wait)?);
        }
        if let Some(position) = &at_least.0 {
            store = store.at_least(position);
        }
        Ok(store)
    }
}

/// The position that a request's header asks for at least.
pub(crate) struct AtLeast(Option<Position>);

impl<S: Send + Sync> FromRequestParts<S> for AtLeast {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        parts.headers.get(MIN_POSITION).map(wanted_position).transpose().map(Self)
    }
}

/// How long somebody is willing to wait.
pub(super) fn patience(wait: &str) -> Result<Duration, Refusal> {
    let wrong = |reason: String| Refusal::bad_request(format!("`wait` is a time such as `2s`, at most 30 s: {reason}"));
    let wait = humantime::parse_duration(wait).map_err(|error| wrong(error.to_string()))?;
    if wait <= WAIT_MAX { Ok(wait) } else { Err(wrong("it is longer".to_owned())) }
}

fn wanted_position(header: &HeaderValue) -> Result<Position, Refusal> {
    let wrong = |reason: String| Refusal::bad_request(format!("the header `X-KStream-Min-Position`: {reason}"));
    let text = header.to_str().map_err(|_| wrong("it is no text".to_owned()))?;
    text.parse::<Position>().map_err(|error| wrong(error.to_string()))
}

/// The header with the position of an answer. A position that is too long for one is left out.
pub(super) fn positioned(position: &Position) -> Option<[(HeaderName, HeaderValue); 1]> {
    const LENGTH_MAX: usize = 8_000;

    let text = position.to_string();
    let value = HeaderValue::try_from(text).ok().filter(|value| !value.is_empty() && value.len() <= LENGTH_MAX);
    value.map(|value| [(HeaderName::from_static(POSITION), value)])
}

impl From<QueryError> for Refusal {
    fn from(error: QueryError) -> Self {
        let message = error.to_string();
        let refusal = |status, code| Self::new(status, code, message.clone());
        let later = |code| refusal(StatusCode::SERVICE_UNAVAILABLE, code).retry_soon();
        match error {
            QueryError::UnknownStore { .. } => refusal(StatusCode::NOT_FOUND, "unknown_store"),
            QueryError::NotHere { owner, .. } => {
                refusal(StatusCode::MISDIRECTED_REQUEST, "not_here").with_owner(owner.as_deref())
            }
            QueryError::Elsewhere { passes: true, .. } => later("elsewhere"),
            QueryError::NotRunning { .. } => later("not_running"),
            QueryError::Moving { .. } => later("moving"),
            QueryError::Restoring { .. } => later("restoring"),
            QueryError::Behind { .. } => later("behind"),
            QueryError::Busy { .. } => later("busy"),
            QueryError::NotAnInput { .. } => refusal(StatusCode::BAD_REQUEST, "not_an_input"),
            QueryError::Wanted { .. } | QueryError::Cursor | QueryError::Key(_) => {
                refusal(StatusCode::BAD_REQUEST, "bad_request")
            }
            _ => refusal(StatusCode::INTERNAL_SERVER_ERROR, "store"),
        }
    }
}
