//! Asks for the token, if there is one.

use axum::extract::Request;
use axum::http::{Method, StatusCode, header};

use super::{Guards, is_probe};
use crate::refusal::Refusal;

pub(super) fn has_token(guards: &Guards, request: &Request) -> Result<(), Refusal> {
    let Some(token) = &guards.token else { return Ok(()) };
    let given = request.headers().get(header::AUTHORIZATION).map(|value| value.as_bytes());
    let is_it = given.and_then(bearer).is_some_and(|given| token.is(given));
    let only_reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let has_no_data = only_reads && guards.without_data.iter().any(|path| path == request.uri().path());
    if is_it || has_no_data || is_probe(request) {
        return Ok(());
    }
    let message = match given {
        None => "this needs a token, in the header `Authorization: Bearer <token>`",
        Some(_) => "this is not the token",
    };
    let refusal = Refusal::new(StatusCode::UNAUTHORIZED, "unauthorized", message);
    Err(refusal.with(header::WWW_AUTHENTICATE, "Bearer"))
}

/// The token in the header's value.
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked("Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}

#[cfg(test)]
mod tests {
    use super::bearer;

    #[test]
    fn the_token_comes_after_the_scheme() {
        for (value, expected) in [
            ("Bearer s3cret", Some("s3cret")),
            ("bearer  s3cret ", Some("s3cret")),
            ("Bearer ", Some("")),
            ("Bearer", None),
            ("Basic s3cret", None),
            ("s3cret", None),
            ("", None),
        ] {
            assert_eq!(bearer(value.as_bytes()), expected.map(str::as_bytes), "{value:?}");
        }
    }
}
