//! Lets pages of other servers use the few paths that are meant for them (CORS).
//!
//! Before a page sends anything that a form could not, its browser asks whether it may (a preflight), without the token; and
//! it does not show the page the answer to anything unless that says that it may.

use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};

use super::{Given, Guards};

/// What a browser is told in advance.
const IN_ADVANCE: [(HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST, PUT, DELETE"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

pub(super) async fn are_let_in(State(guards): Given, request: Request, next: Next) -> Response {
    if !guards.is_open_to_pages(&request) {
        return next.run(request).await;
    }
    let mut response = if is_preflight(&request) {
        (StatusCode::NO_CONTENT, IN_ADVANCE).into_response()
    } else {
        next.run(request).await
    };
    response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    response
}

fn is_preflight(request: &Request) -> bool {
    request.method() == Method::OPTIONS && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD)
}

impl Guards {
    pub(super) fn is_open_to_pages(&self, request: &Request) -> bool {
        self.open_to_pages.iter().any(|path| path == request.uri().path())
    }
}
