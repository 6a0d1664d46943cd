//! Answers: what a topology did with each input, as `FORMAT.md` describes it. Both sides write them, one JSON object per
//! line.

use serde::{Deserialize, Serialize};

/// What a side says about a case.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Answer {
    /// The case's id.
    pub id: String,
    /// The topology's description; none if it could not be built.
    pub describe: Option<String>,
    /// Why the application ended, if it did.
    pub error: Option<Failure>,
    /// What each input changed, in order.
    pub steps: Vec<Changes>,
    /// What was seen while the application was closed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<String>,
}

/// Why an application ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The number of the input that made it fail; -1 if it was not even started.
    pub at: i64,
    /// The error.
    pub text: String,
}

/// What one input changed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Changes {
    /// The records that were produced, in order: `topic key value timestamp headers`.
    pub out: Vec<String>,
    /// Rows of stores, in the order of the text: `+ store key value timestamp` and `- store key`.
    pub stores: Vec<String>,
    /// What `peek`, `for_each` and `print` saw, in order: `step key value`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<String>,
    /// How many records were dropped.
    pub dropped: u64,
    /// How many of them were dropped before a repartition topic for their null key. Only we count those.
    #[serde(skip)]
    pub filtered: u64,
}

/// Bytes as answers show them: null is `~`, nothing is `''`, and whatever could be mistaken is `\xNN`.
#[must_use]
pub fn escaped(bytes: Option<&[u8]>) -> String {
    let Some(bytes) = bytes else { return "~".to_owned() };
    if bytes.is_empty() {
        return "''".to_owned();
    }
    let mut text = String::with_capacity(bytes.len());
    for byte in bytes {
        match byte {
            b'\\' | b'~' | b'\'' | b';' | b'=' => text.push_str(&format!("\\x{byte:02x}")),
            0x21..=0x7e => text.push(char::from(*byte)),
            _ => text.push_str(&format!("\\x{byte:02x}")),
        }
    }
    text
}

/// The bytes that [`escaped`] shows like this; `None` if it shows none so.
#[must_use]
pub fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut rest = match text {
        "~" => return None,
        "''" => return Some(Vec::new()),
        text => text.as_bytes(),
    };
    let mut bytes = Vec::with_capacity(rest.len());
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            bytes.push(*byte);
            continue;
        }
        let (hex, after) = rest.strip_prefix(b"x")?.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok()?);
        rest = after;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::{escaped, unescaped};

    #[test]
    fn no_two_texts_look_alike() {
        for (bytes, expected) in [
            (None, "~"),
            (Some(&b""[..]), "''"),
            (Some(b"~"), "\\x7e"),
            (Some(b"''"), "\\x27\\x27"),
            (Some(b"a b;c=d\\"), "a\\x20b\\x3bc\\x3dd\\x5c"),
            (Some("\u{e9}".as_bytes()), "\\xc3\\xa9"),
            (Some(b"k1@5/10#0!"), "k1@5/10#0!"),
        ] {
            assert_eq!(escaped(bytes), expected);
            assert_eq!(unescaped(expected).as_deref(), bytes);
        }
    }
}
