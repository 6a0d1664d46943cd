//! What the router gin does by itself: answers in JSON, unknown paths, and paths with a slash too many.

use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};

use super::json;

/// An answer that refuses, for `?`.
pub struct Refusal(Box<Response>);

impl From<Response> for Refusal {
    fn from(response: Response) -> Self {
        Self(Box::new(response))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// `ctx.JSON(status, ..)`.
pub fn answer(status: StatusCode, json: Vec<u8>) -> Response {
    with_type(status, "application/json; charset=utf-8", json)
}

/// `ctx.JSON(status, gin.H{"message": ..})`.
pub fn message(status: StatusCode, text: impl AsRef<[u8]>) -> Response {
    answer(status, json::message(text.as_ref()))
}

/// An unknown path, and a known one with another method.
pub fn not_found() -> Response {
    with_type(StatusCode::NOT_FOUND, "text/plain", "404 page not found")
}

/// What the server below gin says of a path with a `%` that is not followed by two hexadecimal digits.
pub fn bad_request() -> Response {
    with_type(StatusCode::BAD_REQUEST, "text/plain; charset=utf-8", "400 Bad Request")
}

/// What is answered to everything that no route takes: if it only has a slash at its end that should not be there, where to go,
/// and otherwise that there is nothing.
pub fn fallback(method: &Method, uri: &Uri, is_route: impl Fn(&Method, &str) -> bool) -> Response {
    let there = uri.path().strip_suffix('/').filter(|path| is_route(method, path));
    let Some(path) = there else { return not_found() };
    let target = uri.query().map_or_else(|| path.to_owned(), |query| format!("{path}?{query}"));
    let Ok(location) = HeaderValue::from_str(&target) else { return not_found() };
    let (status, name) = match *method {
        Method::GET => (StatusCode::MOVED_PERMANENTLY, "Moved Permanently"),
        _ => (StatusCode::TEMPORARY_REDIRECT, "Temporary Redirect"),
    };
    let mut response = match *method {
        Method::GET => {
            let link = target.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            let link = link.replace('"', "&#34;").replace('\'', "&#39;");
            with_type(status, "text/html; charset=utf-8", format!("<a href=\"{link}\">{name}</a>.\n\n"))
        }
        _ => {
            let mut empty = Response::new(Body::empty());
            *empty.status_mut() = status;
            empty
        }
    };
    response.headers_mut().insert(LOCATION, location);
    response
}

fn with_type(status: StatusCode, media_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}
