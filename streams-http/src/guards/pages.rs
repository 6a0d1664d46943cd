//! Lets pages of other servers use the few paths that are meant for them (CORS).
//!
//! Before a page sends anything that a form could not, its browser asks whether it may (a preflight), without the token; and
//! it does not show the page the answer to anything unless that says that it may.

use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse as _, Response};

use super::Guards;

/// What a browser is told in advance.
const IN_ADVANCE: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

/// Whether a browser asks if a page may send something.
pub(super) fn ask_in_advance(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

/// It may.
pub(super) fn answer_in_advance() -> Response {
    (StatusCode::NO_CONTENT, IN_ADVANCE).into_response()
}

/// Says that any page may be shown the answer.
pub(super) fn open(mut response: Response) -> Response {
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

impl Guards {
    pub(super) fn is_open_to_pages(&self, request: &Request) -> bool {
        self.open_to_pages.iter().any(|path| path == request.uri().path())
    }
}
