//! `POST /collect`: what a visitor does, as a shop's page sends it.
//!
//! One event, or up to 100 in a list: `{"user": 1001, "page": "/products/tent", "element": "photo"}`; without an element it
//! is a view. The answer comes once the events are in the log.

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};

use super::{Refusal, Served};
use crate::events::UserId;
use crate::intake::Refused;
use crate::traffic::{Arrival, Event};

/// How many events a request may have.
pub const AT_MOST: usize = 100;

/// The longest path and the longest name of an element, in bytes.
const TEXT_MAX: usize = 200;

/// What is shown to those who have sent something else.
const EXAMPLE: &str = r#"{"user":1001,"page":"/products/tent","element":"photo"}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Collected {
    user: u64,
    page: String,
    #[serde(default)]
    element: Option<String>,
}

/// The answer.
#[derive(Serialize)]
pub(super) struct Accepted {
    /// How many events are in the log now.
    accepted: usize,
}

/// Takes events. For a single one, `X-KStream-Position` says where it is: sent as `X-KStream-Min-Position`, it makes sure
/// that an answer of the stores knows of it.
pub(super) async fn collect(
    State(served): State<Served>,
    body: Bytes,
) -> Result<(StatusCode, HeaderMap, Json<Accepted>), Refusal> {
    let events = read(&body)?;
    let accepted = events.len();
    // It waits for the log.
    let waiting = tokio::task::spawn_blocking(move || served.shared.intake.collect(&served.shared, events));
    let position = match waiting.await {
        Ok(Ok(position)) => position,
        Ok(Err(refused)) => return Err(refused.into()),
        Err(_) => return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the events were not sent")),
    };
    let position = position.and_then(|position| HeaderValue::from_str(&position.to_string()).ok());
    let headers = position.map(|position| (HeaderName::from_static("x-kstream-position"), position)).into_iter();
    Ok((StatusCode::ACCEPTED, headers.collect(), Json(Accepted { accepted })))
}

/// The events in a body.
fn read(body: &[u8]) -> Result<Vec<Event>, Refusal> {
    let is_list = body.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'[');
    let events: Result<Vec<Collected>, _> =
        if is_list { serde_json::from_slice(body) } else { serde_json::from_slice(body).map(|event| vec![event]) };
    let events = events.map_err(|error| Refusal::bad_request(format!("{error}; an event is {EXAMPLE}")))?;
    if events.is_empty() || events.len() > AT_MOST {
        return Err(Refusal::bad_request(format!("a list has 1 to {AT_MOST} events, and not {}", events.len())));
    }
    let check = |(number, event): (usize, Collected)| {
        let place = if is_list { format!("event {}: ", number + 1) } else { String::new() };
        event.check().map_err(|reason| Refusal::bad_request(format!("{place}{reason}")))
    };
    (0..).zip(events).map(check).collect()
}

impl Collected {
    fn check(self) -> Result<Event, String> {
        let Self { user, page, element } = self;
        if !page.starts_with('/') || page.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            return Err(format!("`page` is a path such as /products/tent, without spaces, and not {page:?}"));
        }
        if page.len() > TEXT_MAX {
            return Err(format!("`page` may have {TEXT_MAX} bytes, and not {}", page.len()));
        }
        if let Some(element) = &element
            && (element.is_empty() || element.len() > TEXT_MAX || element.contains(char::is_control))
        {
            return Err(format!("`element` is the name of what was clicked, of 1 to {TEXT_MAX} bytes"));
        }
        Ok(Event { user: UserId(user), page, clicked: element, at_ms: 0, arrival: Arrival::Prompt })
    }
}

impl From<Refused> for Refusal {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Closed => {
                let message = "there is no traffic yet, or no more; try again once the page shows some";
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "closed", message)
            }
            Refused::TooMany(of_what) => {
                let message = format!("there are too many {of_what} that were never heard of; start pulse again");
                Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many", message)
            }
            Refused::Log(error) => Self::new(StatusCode::SERVICE_UNAVAILABLE, "log", error.to_string()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_event_is_refused_with_a_reason() {
        let long = format!(r#"{{"user":1,"page":"/{}"}}"#, "x".repeat(TEXT_MAX));
        let many = format!("[{}]", vec![r#"{"user":1,"page":"/"}"#; AT_MOST + 1].join(","));
        for (body, expected) in [
            (r#"{"user":1,"page":"/"}"#, Ok(1)),
            (r#" [{"user":1,"page":"/"},{"user":2,"page":"/cart","element":"remove"}]"#, Ok(2)),
            (r#"{"user":1,"page":"/","element":null}"#, Ok(1)),
            ("", Err("EOF while parsing a value")),
            ("[]", Err("a list has 1 to 100 events, and not 0")),
            (&many, Err("a list has 1 to 100 events, and not 101")),
            ("page=/cart", Err("expected value at line 1 column 1; an event is {\"user\":1001")),
            (r#"{"page":"/"}"#, Err("missing field `user`")),
            (r#"{"user":"ada","page":"/"}"#, Err("invalid type: string \"ada\", expected u64")),
            (r#"{"user":-1,"page":"/"}"#, Err("invalid value: integer `-1`, expected u64")),
            (r#"{"user":1,"page":"/","pgae":"/"}"#, Err("unknown field `pgae`")),
            (r#"{"user":1,"page":"cart"}"#, Err("`page` is a path such as /products/tent")),
            (r#"{"user":1,"page":"/a > /b"}"#, Err("`page` is a path such as /products/tent")),
            (r#"[{"user":1,"page":"/"},{"user":1,"page":""}]"#, Err("event 2: `page` is a path")),
            (r#"{"user":1,"page":"/\u0000"}"#, Err("`page` is a path")),
            (&long, Err("`page` may have 200 bytes, and not 201")),
            (r#"{"user":1,"page":"/","element":""}"#, Err("`element` is the name of what was clicked")),
        ] {
            let outcome = read(body.as_bytes()).map(|events| events.len()).map_err(|refusal| refusal.message);
            match (&outcome, expected) {
                (Ok(events), Ok(expected)) if *events == expected => {}
                (Err(message), Err(expected)) if message.contains(expected) => {}
                _ => panic!("{body}: {outcome:?}"),
            }
        }
        assert!(read(b"\xff").is_err());
    }
}
