//! Fields of a form, as gin's `PostForm` finds them: in a body of the type `application/x-www-form-urlencoded`, never in the
//! address. Pairs that are not well-formed are left out, and the others count.

use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;

const FORM: &str = "application/x-www-form-urlencoded";

/// A form that was sent.
pub struct Form(Vec<(Vec<u8>, Vec<u8>)>);

impl Form {
    /// The form in a request's body; without fields if it is none.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Self {
        let media_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let media_type = media_type.split(';').next().unwrap_or_default().trim();
        if !media_type.eq_ignore_ascii_case(FORM) {
            return Self(Vec::new());
        }
        Self(body.split(|byte| *byte == b'&').filter_map(pair).collect())
    }

    /// The first value of a field, or nothing.
    pub fn field(&self, name: &str) -> &[u8] {
        let found = self.0.iter().find(|(key, _)| key == name.as_bytes());
        found.map_or(&[], |(_, value)| value)
    }
}

fn pair(text: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    // A semicolon once separated pairs, too, so nobody knows what it means.
    if text.is_empty() || text.contains(&b';') {
        return None;
    }
    let mut parts = text.splitn(2, |byte| *byte == b'=');
    Some((unescaped(parts.next()?)?, unescaped(parts.next().unwrap_or_default())?))
}

/// `+` is a space, and `%41` is `A`; `None` if a `%` is followed by anything but two hexadecimal digits.
fn unescaped(text: &[u8]) -> Option<Vec<u8>> {
    let (mut plain, mut rest) = (Vec::with_capacity(text.len()), text);
    while let [first, tail @ ..] = rest {
        (rest, plain) = match (first, tail) {
            (b'%', [high, low, tail @ ..]) => {
                plain.push(digit(*high)? << 4 | digit(*low)?);
                (tail, plain)
            }
            (b'%', _) => return None,
            (byte, tail) => {
                plain.push(if *byte == b'+' { b' ' } else { *byte });
                (tail, plain)
            }
        };
    }
    Some(plain)
}

/// The value of a hexadecimal digit.
fn digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok())
}

/// A part of a path, with its escapes resolved; `None` if these are none.
pub fn path_part(text: &str) -> Option<String> {
    let with_plus = text.replace('+', "%2B");
    Some(super::text(&unescaped(with_plus.as_bytes())?))
}
