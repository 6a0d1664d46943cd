//! Uses the code that the derives generate.
#![allow(clippy::unwrap_used, reason = "a test's helpers may fail")]

use std::fmt::Debug;

use millstream::record::Timestamp;
use millstream::windows::{Window, WindowSize, Windowed};
use millstream::wire::{Codec, DecodeError, EncodeError, List, Value as _};
use millstream::{Key, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

fn check<V: millstream::wire::Value + Debug + PartialEq>(value: &V, expected: &[u8]) {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).unwrap();
    assert_eq!(bytes, expected, "{value:?} became {}", bytes.escape_ascii());
    assert_eq!(&V::decode(&bytes).unwrap(), value);
}

fn check_key<K: millstream::wire::Key + Debug>(key: &K, expected: &[u8]) {
    check(key, expected);
}

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash)]
struct UserId(u64);

#[derive(Value, Debug, Clone, PartialEq)]
struct Temperature(f64);

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash)]
struct Tagged<T>(List<T>)
where
    T: millstream::wire::Nullable;

#[test]
fn a_struct_around_one_field_has_that_fields_format() {
    check_key(&UserId(7), &7_u64.to_be_bytes());
    check(&Temperature(1.5), &1.5_f64.to_be_bytes());
    check_key(&Tagged(List(vec!["a".to_owned()])), b"\x01\0\0\0\x01\0\0\0\x01a");
    // A list of such values leaves out lengths, like a list of the field's type.
    check(&List(vec![UserId(1)]), b"\0\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x01");
    assert!(UserId::decode(&[1, 2]).is_err());
}

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash)]
struct Minute(Windowed<String>);

#[test]
fn a_struct_around_a_windowed_key_takes_its_windows_length() {
    let window = Window { start: Timestamp(1), end: Timestamp(2) };
    let key = Minute(Windowed { key: "a".to_owned(), window });
    let mut bytes = Vec::new();
    key.encode(&mut bytes).unwrap();
    let mut read = Minute::decode(&bytes).unwrap();
    assert_ne!(read, key);
    assert_eq!(Minute::WINDOWS, 1);
    read.set_window_sizes(&[WindowSize::Millis(1)]);
    assert_eq!(read, key);
}

#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
struct Click {
    page: String,
    millis: Option<u64>,
}

#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
enum Event {
    Opened { owner: String },
    Deposited(i64),
    Closed,
}

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[streams(json)]
struct Place {
    country: String,
    zip: u32,
}

/// The attribute overrides the format of the only field.
#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
struct Wrapped(u64);

#[test]
fn json_is_serdes() {
    check(&Click { page: "/".to_owned(), millis: None }, br#"{"page":"/","millis":null}"#);
    check(&Event::Opened { owner: "a".to_owned() }, br#"{"Opened":{"owner":"a"}}"#);
    check(&Event::Deposited(-5), br#"{"Deposited":-5}"#);
    check(&Event::Closed, br#""Closed""#);
    check_key(&Place { country: "DE".to_owned(), zip: 10115 }, br#"{"country":"DE","zip":10115}"#);
    check(&Wrapped(7), b"7");
    let error = Click::decode(b"{}").unwrap_err();
    assert!(error.to_string().contains("Click") && error.to_string().contains("missing field `page`"), "{error}");
}

#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(msgpack)]
struct Reading {
    at: i64,
    value: f32,
}

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[streams(msgpack)]
enum Device {
    Sensor(u8),
    Gateway,
}

#[test]
fn msgpack_names_its_fields() {
    check(&Reading { at: 1, value: 0.5 }, b"\x82\xa2at\x01\xa5value\xca\x3f\0\0\0");
    check_key(&Device::Sensor(9), b"\x81\xa6Sensor\x09");
    check_key(&Device::Gateway, b"\xa7Gateway");
}

#[derive(Value, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[streams(json)]
struct Page<T, const SIZE: usize> {
    rows: Vec<T>,
}

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[streams(msgpack)]
struct Pair<A, B>(A, B)
where
    A: Copy;

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash)]
struct Id<T>(T);

#[test]
fn generic_types_have_a_format_where_their_parameters_do() {
    check(&Page::<_, 10> { rows: vec![1, 2] }, br#"{"rows":[1,2]}"#);
    check_key(&Pair(1, "x".to_owned()), b"\x92\x01\xa1x");
    check_key(&Id(UserId(1)), &1_u64.to_be_bytes());
    check_key(&Id("x".to_owned()), b"x");
    check(&Id(0.5), &0.5_f64.to_be_bytes());
}

mod custom {
    use super::{Codec, DecodeError, EncodeError};

    /// Numbers as decimal text.
    pub(super) struct Decimal;

    impl Codec<super::Amount> for Decimal {
        fn encode(value: &super::Amount, out: &mut Vec<u8>) -> Result<(), EncodeError> {
            out.extend_from_slice(value.cents.to_string().as_bytes());
            Ok(())
        }

        fn decode(bytes: &[u8]) -> Result<super::Amount, DecodeError> {
            std::str::from_utf8(bytes)
                .ok()
                .and_then(|text| text.parse().ok())
                .map(|cents| super::Amount { cents })
                .ok_or_else(|| DecodeError::new::<super::Amount>("not a number"))
        }
    }
}

#[derive(Key, Debug, Clone, PartialEq, Eq, Hash)]
#[streams(codec = custom::Decimal)]
struct Amount {
    cents: i64,
}

#[test]
fn a_codec_of_ones_own_is_used() {
    check_key(&Amount { cents: -250 }, b"-250");
    assert_eq!(Amount::decode(b"x").unwrap_err().reason, "not a number");
}

/// Each value as JSON, which leads back to it.
fn check_json<V: millstream::wire::Value + Debug + PartialEq>(value: &V, expected: &serde_json::Value) {
    assert_eq!(&value.to_json().unwrap(), expected);
    assert_eq!(&V::from_json(expected).unwrap(), value);
    assert_eq!(&V::from_text(&expected.to_string()).unwrap(), value);
}

#[test]
fn each_format_says_what_its_values_look_like_as_json() {
    check_json(&UserId(u64::MAX), &json!(u64::MAX));
    check_json(&Tagged(List(vec!["a".to_owned()])), &json!(["a"]));
    check_json(&Click { page: "/".to_owned(), millis: None }, &json!({ "page": "/", "millis": null }));
    check_json(&Event::Closed, &json!("Closed"));
    check_json(&Reading { at: 1, value: 0.5 }, &json!({ "at": 1, "value": 0.5 }));
    check_json(&Device::Sensor(9), &json!({ "Sensor": 9 }));
    check_json(&Pair(1, "x".to_owned()), &json!([1, "x"]));
    check_json(&Amount { cents: -250 }, &json!("-250"));
    assert!(Reading { at: 1, value: f32::NAN }.to_json().is_err(), "null would not lead back");
    assert_eq!(Event::from_text("Closed").unwrap(), Event::Closed, "a string without its quotation marks");
    assert_eq!(Click::example_text(), r#"{"millis":0,"page":"text"}"#);
    let window = Window { start: Timestamp(1), end: Timestamp(2) };
    check_json(&Minute(Windowed { key: "a".to_owned(), window }), &json!({ "key": "a", "start": 1, "end": 2 }));
}

/// A codec may say it, too.
struct Cents;

impl Codec<Price> for Cents {
    fn encode(value: &Price, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        value.0.encode(out)
    }

    fn decode(bytes: &[u8]) -> Result<Price, DecodeError> {
        i64::decode(bytes).map(Price)
    }

    fn to_json(value: &Price) -> Result<serde_json::Value, EncodeError> {
        Ok(json!({ "cents": value.0 }))
    }

    fn from_json(json: &serde_json::Value) -> Result<Price, DecodeError> {
        i64::from_json(&json["cents"]).map(Price)
    }
}

#[derive(Value, Debug, Clone, PartialEq)]
#[streams(codec = Cents)]
struct Price(i64);

#[test]
fn a_codec_may_say_what_its_values_look_like() {
    check_json(&Price(5), &json!({ "cents": 5 }));
}

/// Without the facade, the engine's own crate can be given.
#[derive(Key, Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[streams(crate = streams_core, json)]
struct Elsewhere {
    name: String,
}

#[test]
fn the_engines_path_can_be_given() {
    check_key(&Elsewhere { name: "x".to_owned() }, br#"{"name":"x"}"#);
}

/// Names that would break the code of a careless macro.
mod shadowed {
    #![allow(dead_code, non_camel_case_types, reason = "names that shadow the standard ones")]

    struct Vec;
    struct Result;
    struct Option;
    struct Some;
    trait Clone {}
    trait Value {}
    mod std {}
    mod core {}

    #[derive(millstream::Key, PartialEq, Eq, Hash, Debug)]
    pub(crate) struct UserId(pub(crate) u64);

    impl ::core::clone::Clone for UserId {
        fn clone(&self) -> Self {
            Self(self.0)
        }
    }
}

#[test]
fn names_in_scope_do_not_matter() {
    check_key(&shadowed::UserId(1), &1_u64.to_be_bytes());
}
