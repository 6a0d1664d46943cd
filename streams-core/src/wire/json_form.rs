//! The JSON forms of keys and values: how people and programs that do not know the Rust types see and say them.
//!
//! Each type says its own form in [`Value::to_json`]. Here is what several of them share: numbers, bytes, texts that
//! somebody has typed, and what an error says.

use std::fmt::Display;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};

use super::{DecodeError, EncodeError, Value};

/// The field of an object that stands for bytes which are no text.
const BASE64: &str = "base64";

/// How many characters of what was found instead an error shows.
const FOUND_MAX: usize = 60;

/// Bytes as JSON: a string if they are a text that people can read, and otherwise `{"base64": ".."}`.
pub(crate) fn of_bytes(bytes: &[u8]) -> Json {
    let is_readable = |text: &&str| !text.chars().any(|c| c.is_control() && !matches!(c, '\t' | '\n' | '\r'));
    match std::str::from_utf8(bytes).ok().filter(is_readable) {
        Some(text) => Json::from(text),
        None => json!({ BASE64: STANDARD.encode(bytes) }),
    }
}

/// The bytes that such JSON stands for.
pub(crate) fn to_bytes(json: &Json) -> Result<Vec<u8>, String> {
    if let Some(text) = json.as_str() {
        return Ok(text.as_bytes().to_vec());
    }
    let Some(encoded) = json.get(BASE64).and_then(Json::as_str) else {
        return Err(unexpected("a string, or an object with bytes in base64", json));
    };
    STANDARD.decode(encoded).map_err(|error| format!("`{encoded}` is not base64: {error}"))
}

/// The form of a value of which only the bytes are known.
pub(super) fn of_encoded<T>(encode: impl FnOnce(&mut Vec<u8>) -> Result<T, EncodeError>) -> Result<Json, EncodeError> {
    let mut bytes = Vec::new();
    encode(&mut bytes)?;
    Ok(of_bytes(&bytes))
}

/// Adds a value's bytes to an object that says what they mean, so that the object can be read again.
pub(crate) fn with_bytes(mut json: Json, value: &impl Value) -> Result<Json, EncodeError> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes)?;
    json[BASE64] = STANDARD.encode(bytes).into();
    Ok(json)
}

/// Reads the value that somebody has typed: JSON, or else a string as it is, whatever it looks like.
pub(super) fn typed<V>(text: &str, read: impl Fn(&Json) -> Result<V, DecodeError>) -> Result<V, DecodeError> {
    let as_json = match serde_json::from_str::<Json>(text) {
        Ok(json) => match (read(&json), json.get(BASE64)) {
            (Ok(value), _) => return Ok(value),
            (Err(error), Some(_)) => return Err(error),
            (Err(error), None) => Some(error),
        },
        Err(_) => None,
    };
    read(&Json::from(text)).map_err(|as_string| as_json.unwrap_or(as_string))
}

/// As [`typed`], but what begins like JSON has to be JSON: otherwise a typing error would make it a string.
pub(crate) fn typed_json<V>(text: &str, read: impl Fn(&Json) -> Result<V, DecodeError>) -> Result<V, DecodeError> {
    match serde_json::from_str::<Json>(text) {
        Err(error) if text.trim_start().starts_with(['{', '[', '"']) => {
            Err(DecodeError::new::<V>(format!("as JSON: {error}")))
        }
        _ => typed(text, read),
    }
}

/// A whole number as JSON says it, or as a string, because numbers in JavaScript end at 2^53.
pub(crate) fn integer<N: FromStr<Err: Display>>(json: &Json) -> Result<N, String> {
    let digits = match json {
        Json::Number(number) if !number.is_f64() => number.to_string(),
        Json::String(text) => text.clone(),
        other => return Err(unexpected("a whole number", other)),
    };
    digits.parse().map_err(|error| format!("`{}` is not such a number: {error}", shortened(&digits)))
}

/// A number with fractions; what JSON has no number for is a string.
pub(crate) fn of_float(number: f64) -> Json {
    match number {
        number if number.is_finite() => Json::from(number),
        number if number.is_nan() => Json::from("NaN"),
        number if number > 0.0 => Json::from("Infinity"),
        _ => Json::from("-Infinity"),
    }
}

/// A number with fractions.
pub(crate) fn float(json: &Json) -> Result<f64, String> {
    match json {
        Json::Number(number) => number.as_f64().ok_or_else(|| unexpected("a number", json)),
        Json::String(text) => {
            text.parse().map_err(|_| unexpected("a number, or \"NaN\", \"Infinity\" or \"-Infinity\"", json))
        }
        other => Err(unexpected("a number", other)),
    }
}

/// A number as short as it was written: 0.1 has other digits behind the first when it becomes an `f64`.
pub(super) fn of_small_float(number: f32) -> Json {
    let shortest = number.to_string().parse::<f64>().unwrap_or_else(|_| f64::from(number));
    #[allow(clippy::cast_possible_truncation, reason = "it is compared with what it was")]
    let is_same = (shortest as f32).to_bits() == number.to_bits();
    of_float(if is_same { shortest } else { f64::from(number) })
}

/// A field of an object.
pub(crate) fn field<'a>(json: &'a Json, name: &str) -> Result<&'a Json, String> {
    json.get(name).ok_or_else(|| unexpected(&format!("an object with `{name}`"), json))
}

/// What an error says about JSON of another sort.
pub(crate) fn unexpected(expected: &str, found: &Json) -> String {
    format!("expected {expected}, found `{}`", shortened(&found.to_string()))
}

fn shortened(text: &str) -> String {
    match text.char_indices().nth(FOUND_MAX) {
        Some((end, _)) => format!("{}..", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;
    use std::sync::Arc;

    use bytes::Bytes;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;
    use crate::record::{Change, Timestamp};
    use crate::windows::{Session, Window, Windowed};
    use crate::wire::{Field, List};

    fn there_and_back<V: Value + PartialEq + Debug>(value: &V) -> Result<(), TestCaseError> {
        let json = value.to_json().expect("every builtin value has a JSON form");
        prop_assert_eq!(&V::from_json(&json).expect("its own form is read"), value);
        // Programs exchange it as a text.
        let again = serde_json::from_str::<Json>(&json.to_string()).expect("JSON");
        prop_assert_eq!(&V::from_json(&again).expect("its own form is read"), value);
        prop_assert_eq!(&V::from_text(&json.to_string()).expect("its own form is typed"), value);
        let example = V::example_text();
        prop_assert!(V::from_text(&example).is_ok(), "{} is an example", example);
        Ok(())
    }

    proptest! {
        #[test]
        fn numbers_survive(numbers: (i8, i16, i32, i64, u8, u16, u32, u64), flag: bool) {
            there_and_back(&numbers.0)?;
            there_and_back(&numbers.1)?;
            there_and_back(&numbers.2)?;
            there_and_back(&numbers.3)?;
            there_and_back(&numbers.4)?;
            there_and_back(&numbers.5)?;
            there_and_back(&numbers.6)?;
            there_and_back(&numbers.7)?;
            there_and_back(&flag)?;
        }

        #[test]
        fn fractions_survive(double in any::<f64>(), single in any::<f32>()) {
            there_and_back(&double)?;
            there_and_back(&single)?;
        }

        #[test]
        fn bytes_and_ids_survive(bytes: Vec<u8>, id: u128) {
            there_and_back(&Bytes::from(bytes.clone()))?;
            there_and_back(&bytes)?;
            there_and_back(&Arc::new(bytes))?;
            there_and_back(&Uuid::from_u128(id))?;
        }

        #[test]
        fn lists_survive(texts: Vec<Option<String>>, numbers: Vec<Option<u64>>, nested: Vec<Vec<i16>>) {
            there_and_back(&List(texts))?;
            there_and_back(&List(numbers))?;
            there_and_back(&List(nested.into_iter().map(List).collect::<Vec<_>>()))?;
        }

        #[test]
        fn windowed_keys_survive(key: u64, start: i64, end: i64) {
            let (start, end) = (Timestamp(start.min(end)), Timestamp(start.max(end)));
            there_and_back(&Windowed { key, window: Session { start, end } })?;
            let key = Windowed { key, window: Window { start, end } };
            there_and_back(&key)?;
            there_and_back(&Windowed { key, window: Window { start: Timestamp(0), end: Timestamp(i64::MAX) } })?;
        }

        #[test]
        fn changes_survive(old: Option<i64>, new: Option<i64>, is_latest: bool) {
            prop_assume!(old.is_some() || new.is_some());
            there_and_back(&Change { old, new, is_latest })?;
        }

        /// A string's text is the string, so it does not survive in quotation marks.
        #[test]
        fn texts_survive(text: String) {
            let json = text.to_json().expect("a JSON form");
            prop_assert_eq!(&json, &Json::from(text.as_str()));
            prop_assert_eq!(String::from_json(&json).expect("read"), text.clone());
            prop_assert_eq!(String::from_text(&text).expect("typed"), text.clone());
            prop_assert_eq!(&*Arc::<str>::from_text(&text).expect("typed"), &text);
        }
    }

    #[test]
    fn numbers_beyond_those_of_javascript_keep_their_digits() {
        for (json, text) in [
            (u64::MAX.to_json(), "18446744073709551615"),
            (i64::MIN.to_json(), "-9223372036854775808"),
            (9_007_199_254_740_993_i64.to_json(), "9007199254740993"),
            (0.1_f32.to_json(), "0.1"),
            (f64::NAN.to_json(), "\"NaN\""),
            (f32::NEG_INFINITY.to_json(), "\"-Infinity\""),
        ] {
            assert_eq!(json.unwrap().to_string(), text);
        }
        assert_eq!(u64::from_json(&Json::from("18446744073709551615")), Ok(u64::MAX), "as JavaScript can say it");
        assert!(f64::from_json(&Json::from("NaN")).unwrap().is_nan());
        assert!(f32::from_text("NaN").unwrap().is_nan());
    }

    #[test]
    fn bytes_are_a_text_if_people_can_read_them() {
        for (bytes, expected) in [
            (&b"caf\xc3\xa9\n"[..], json!("café\n")),
            (b"", json!("")),
            (b"\0\0\0\x01", json!({ "base64": "AAAAAQ==" })),
            (b"\xff", json!({ "base64": "/w==" })),
        ] {
            assert_eq!(bytes.to_vec().to_json().unwrap(), expected, "{}", bytes.escape_ascii());
        }
    }

    fn typed_reason<V: Value + Debug>(text: &str) -> String {
        V::from_text(text).unwrap_err().reason
    }

    #[test]
    fn what_somebody_has_typed_is_read_or_answered_with_a_sentence() {
        assert_eq!(String::from_text("5"), Ok("5".to_owned()));
        assert_eq!(String::from_text("\"x\""), Ok("\"x\"".to_owned()), "as it is");
        assert_eq!(i64::from_text("+5"), Ok(5));
        assert_eq!(f64::from_text("1e3"), Ok(1000.0));
        assert_eq!(bool::from_text("true"), Ok(true));
        for text in ["5", "[INFO] started", r#"{"a":1}"#, r#"{"a"#] {
            assert_eq!(Vec::<u8>::from_text(text), Ok(text.as_bytes().to_vec()), "as it is");
        }
        assert_eq!(Vec::<u8>::from_text(r#"{"base64":"/w=="}"#), Ok(vec![0xff]));
        assert_eq!(Option::<i64>::read_text("null"), Ok(None));
        assert_eq!(Option::<i64>::read_text("5"), Ok(Some(5)));
        assert_eq!(Option::<String>::read_text("null"), Ok(Some("null".to_owned())));
        assert_eq!(<()>::read_text(""), Ok(()));
        for (expected, actual) in [
            ("`abc` is not such a number: invalid digit found in string", typed_reason::<i64>("abc")),
            ("`300` is not such a number: number too large to fit in target type", typed_reason::<u8>("300")),
            ("`-1` is not such a number: invalid digit found in string", typed_reason::<u64>("-1")),
            ("expected a whole number, found `1.5`", typed_reason::<i64>("1.5")),
            ("expected a number, or \"NaN\", \"Infinity\" or \"-Infinity\", found `\"x\"`", typed_reason::<f64>("x")),
            ("expected `true` or `false`, found `\"yes\"`", typed_reason::<bool>("yes")),
            ("expected a list, found `5`", typed_reason::<List<i64>>("5")),
            ("as JSON: EOF while parsing a list at line 1 column 2", typed_reason::<List<i64>>("[1")),
            ("as JSON: EOF while parsing an object at line 1 column 1", typed_reason::<serde_json::Value>("{")),
            ("expected an object with `key`, found `{\"start\":1}`", typed_reason::<Windowed<i64>>(r#"{"start":1}"#)),
            ("`!` is not base64: Invalid symbol 33, offset 0.", typed_reason::<Bytes>(r#"{"base64":"!"}"#)),
        ] {
            assert_eq!(actual, expected);
        }
        let long = typed_reason::<List<i64>>(&"x".repeat(10_000));
        assert!(long.len() < 200, "{long}");
    }
}
