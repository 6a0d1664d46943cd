//! Refuses what a page of somebody else wants to change here.
//!
//! A browser sends a form to any server, whoever made the page, but it says who did: in `Origin`, and newer ones in
//! `Sec-Fetch-Site`. Programs send neither, and are let in.

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};

use super::Guards;
use crate::refusal::Refusal;

pub(super) fn is_ours(guards: &Guards, request: &Request) -> Result<(), Refusal> {
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if only_reads || is_same_origin(request) || guards.is_open_to_pages(request) {
        return Ok(());
    }
    let message = "a page of another server may not change anything here";
    Err(Refusal::new(StatusCode::FORBIDDEN, "cross_origin", message))
}

fn is_same_origin(request: &Request) -> bool {
    let header = |name: &str| request.headers().get(name).map(|value| value.as_bytes());
    let is_ours = |origin: &[u8]| {
        let host = [b"http://".as_slice(), b"https://"].iter().find_map(|scheme| origin.strip_prefix(*scheme));
        host.is_some_and(|of_origin| {
            header(header::HOST.as_str()).is_some_and(|ours| ours.eq_ignore_ascii_case(of_origin))
        })
    };
    let is_from_here = |site: &[u8]| matches!(site, b"same-origin" | b"none");
    header(header::ORIGIN.as_str()).is_none_or(is_ours) && header("sec-fetch-site").is_none_or(is_from_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_of_the_same_origin_unless_a_browser_says_otherwise() {
        for (origin, site, expected) in [
            (None, None, true),
            (Some("http://localhost:7070"), None, true),
            (Some("https://localhost:7070"), Some("same-origin"), true),
            (Some("HTTP://localhost:7070"), None, false),
            (Some("http://localhost:8080"), None, false),
            (Some("http://localhost"), None, false),
            (Some("http://evil.example.org"), None, false),
            (Some("http://localhost:7070.evil.example.org"), None, false),
            (Some("null"), None, false),
            (Some(""), None, false),
            (None, Some("cross-site"), false),
            (None, Some("same-site"), false),
            (None, Some("none"), true),
            (Some("http://localhost:7070"), Some("cross-site"), false),
        ] {
            let request = Request::post("/api/app/stop").header(header::HOST, "localhost:7070");
            let request = origin.into_iter().fold(request, |request, origin| request.header(header::ORIGIN, origin));
            let request = site.into_iter().fold(request, |request, site| request.header("Sec-Fetch-Site", site));
            let request = request.body(axum::body::Body::empty()).expect("a request");
            assert_eq!(is_same_origin(&request), expected, "{origin:?} {site:?}");
        }
    }
}
