//! JSON, through serde_json.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::serde_value::SerdeValue;
use super::strict::{self, Format, Rules};
use super::{Codec, DecodeError, EncodeError, Value, json_form, outline};

/// The JSON format, chosen with `#[streams(json)]` on a type.
///
/// Arrays and objects may be nested up to 127 levels deep.
///
/// Writing a value that could not be read back is an error: NaN and infinities, which JSON does not have; `Some(None)`
/// and `Some(())`, which look like `None`; and fields that collide with others of the same name through
/// `#[serde(flatten)]`. Mistakes that depend on the type more than on the value are found only in debug builds, which
/// read everything back: fields that are left out and have no default, or a map with numbers as keys inside a tagged
/// enum.
///
/// ```
/// use millstream::wire::Codec;
/// use millstream::wire::json::Json;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Click {
///     page: String,
/// }
///
/// let mut bytes = Vec::new();
/// Json::encode(&Click { page: "/home".to_owned() }, &mut bytes)?;
/// assert_eq!(bytes, br#"{"page":"/home"}"#);
/// # Ok::<(), millstream::wire::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct Json;

impl Rules for Json {
    const HAS_ALL_FLOATS: bool = false;
    const UNIT_STRUCT_IS_NONE: bool = true;
    const BYTES_ARE_A_LIST: bool = true;
    const DEPTH_MAX: u32 = 127;
}

impl Format for Json {
    const NAME: &str = "JSON";

    type Error = serde_json::Error;

    #[inline]
    fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Self::Error> {
        serde_json::to_writer(out, value)
    }

    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        serde_json::from_slice(bytes).map_err(|error| error.to_string())
    }
}

impl<T: SerdeValue> Codec<T> for Json {
    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        strict::encode::<Self, T>(value, out)
    }

    fn decode(bytes: &[u8]) -> Result<T, DecodeError> {
        strict::decode::<Self, T>(bytes)
    }

    fn to_json(value: &T) -> Result<serde_json::Value, EncodeError> {
        strict::to_json::<Json, T>(value)
    }

    fn from_json(json: &serde_json::Value) -> Result<T, DecodeError> {
        strict::from_json(json)
    }

    fn from_text(text: &str) -> Result<T, DecodeError> {
        json_form::typed_json(text, <Self as Codec<T>>::from_json)
    }

    fn example_text() -> String {
        outline::example::<T>().to_string()
    }
}

/// Any JSON, for topics whose values have no Rust type.
impl Value for serde_json::Value {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        Json::encode(self, out)
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Json::decode(bytes)
    }

    fn to_json(&self) -> Result<Self, EncodeError> {
        Ok(self.clone())
    }

    fn from_json(json: &Self) -> Result<Self, DecodeError> {
        Ok(json.clone())
    }

    /// Only JSON: if anything else were a string, so would be an object with a typing error.
    fn from_text(text: &str) -> Result<Self, DecodeError> {
        Self::decode(text.as_bytes())
    }

    fn example_text() -> String {
        r#"{"any":"JSON"}"#.to_owned()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Order {
        id: u64,
        note: Option<String>,
    }

    #[test]
    fn a_value_is_read_from_exactly_its_bytes() {
        for (bytes, expected) in [
            (r#"{"id":7,"note":"x"}"#, Ok(Order { id: 7, note: Some("x".to_owned()) })),
            (r#" {"note":null,"new":[1],"id":7}"#, Ok(Order { id: 7, note: None })),
            (r#"{"id":7} {"id":8}"#, Err("as JSON: trailing characters at line 1 column 10")),
            (r#"{"id":7"#, Err("as JSON: EOF while parsing an object at line 1 column 7")),
            (r#"{"id":-1}"#, Err("as JSON: invalid value: integer `-1`, expected u64 at line 1 column 8")),
            ("", Err("as JSON: EOF while parsing a value at line 1 column 0")),
        ] {
            let read: Result<Order, _> = Json::decode(bytes.as_bytes());
            assert_eq!(read.map_err(|error| error.reason), expected.map_err(str::to_owned), "{bytes}");
        }
    }

    /// The limit must stay on: without it, 100,000 brackets would overflow the stack and end the process.
    #[test]
    fn deep_nesting_is_an_error() {
        for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
            let deep = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
            let reason = serde_json::Value::decode(deep.as_bytes()).unwrap_err().reason;
            assert!(reason.starts_with("as JSON: recursion limit exceeded"), "{reason}");
        }
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing_behind() {
        let mut out = b"before".to_vec();
        let error = Json::encode(&HashMap::from([(Some((1, 2)), 3)]), &mut out).unwrap_err();
        assert_eq!(error.reason, "as JSON: key must be a string");
        assert_eq!(out, b"before");
    }
}
