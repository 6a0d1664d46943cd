//! The token that lets a request in. It is never shown, and compared in constant time.

use std::sync::Arc;

use axum::http::HeaderValue;
use subtle::ConstantTimeEq as _;

use crate::HttpError;

/// A token.
#[derive(Clone)]
pub(crate) struct Token(Arc<str>);

impl Token {
    pub(crate) fn new(token: &str) -> Result<Self, HttpError> {
        match token {
            "" => Err(HttpError::Token("is empty")),
            _ if !token.bytes().all(|byte| byte.is_ascii_graphic()) => {
                Err(HttpError::Token("has characters that cannot be sent"))
            }
            _ => Ok(Self(token.into())),
        }
    }

    /// The header that shows it to another instance.
    pub(crate) fn as_bearer(&self) -> HeaderValue {
        // It has only characters that can be sent.
        let value = HeaderValue::from_str(&format!("Bearer {}", self.0));
        let mut value = value.unwrap_or_else(|_| HeaderValue::from_static(""));
        value.set_sensitive(true);
        value
    }

    /// Whether that is it. How long this takes says nothing about how much of it is right.
    pub(crate) fn is(&self, other: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(other).into()
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("********")
    }
}

#[cfg(test)]
mod tests {
    use super::Token;

    #[test]
    fn only_a_token_that_can_be_sent_is_one() {
        for (token, expected) in [
            ("", Some("the token is empty")),
            ("two words", Some("the token has characters")),
            ("umlaut-ä", Some("the token has characters")),
            ("new\nline", Some("the token has characters")),
            ("s3cret", None),
        ] {
            let error = Token::new(token).err().map(|error| error.to_string());
            assert_eq!(error.is_some(), expected.is_some(), "{token}");
            assert!(error.unwrap_or_default().starts_with(expected.unwrap_or_default()), "{token}");
        }
    }

    #[test]
    fn a_token_is_itself_and_is_not_shown() {
        let token = Token::new("s3cret").expect("a token");
        for (other, expected) in
            [("s3cret", true), ("s3cre", false), ("s3cret ", false), ("", false), ("S3cret", false)]
        {
            assert_eq!(token.is(other.as_bytes()), expected, "{other:?}");
        }
        assert_eq!(format!("{token:?}"), "********");
    }
}
