//! Round trips: every kind of value in serde's data model, written as JSON and as MessagePack, is read back unchanged
//! or refused when it is written.

use std::collections::BTreeMap;
use std::fmt::Debug;

use proptest::prelude::*;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Codec;
use super::json::Json;
use super::msgpack::MessagePack;
use crate::windows::Windowed;

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Nothing;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Wrapped<T>(T);

/// Compared bit by bit, except that all NaNs are equal.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Float(f64);

impl PartialEq for Float {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits() || self.0.is_nan() && other.0.is_nan()
    }
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(transparent)]
struct Small(f32);

impl PartialEq for Small {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits() || self.0.is_nan() && other.0.is_nan()
    }
}

/// Bytes in serde's sense, as opposed to a sequence of numbers.
#[derive(Debug, Clone, PartialEq)]
struct Bytes(Vec<u8>);

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(&self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Bytes;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }

            fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                Ok(Bytes(bytes.to_vec()))
            }

            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Bytes, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_byte_buf(Visitor)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Color {
    Red,
    Green,
}

/// As a key, written like another one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(u8),
    Square { side: u8 },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Fields {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    note: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Color>,
    nothing: (),
    pair: (i8, char),
    none: Nothing,
}

/// Mistakenly leaves out a field that must be read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Lossy {
    id: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Color>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Flat<T> {
    id: u64,
    #[serde(flatten)]
    rest: T,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    Empty,
    Fields(Fields),
    Numbers { big: i128, by_number: BTreeMap<i64, u8> },
    Map(BTreeMap<String, u8>),
    Maybe { maybe: Option<Nothing>, float: Float },
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", content = "value")]
enum Adjacent {
    Empty,
    Pair(u8, String),
    Big(u128),
}

/// One variant per kind of value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Anything {
    Unit,
    UnitValue(()),
    UnitStruct(Nothing),
    Bool(bool),
    Integers(i8, u16, i32, u64, i64),
    Big(i128, u128),
    Float(Float),
    Small(Small),
    Char(char),
    Text(String),
    Bytes(Bytes),
    Option(Option<Box<Anything>>),
    OptionOfFloat(Option<Float>),
    OptionOfOption(Option<Option<u8>>),
    OptionOfWrapped(Option<Wrapped<Option<u8>>>),
    OptionOfUnit(Option<()>),
    OptionOfNothing(Option<Nothing>),
    OptionOfUnits(Option<Vec<()>>),
    Options(Vec<Option<Option<()>>>),
    Newtype(Wrapped<Box<Anything>>),
    Seq(Vec<Anything>),
    Map(BTreeMap<String, Anything>),
    ByNumber(BTreeMap<i64, u8>),
    ByBool(BTreeMap<bool, u8>),
    ByChar(BTreeMap<char, u8>),
    ByColor(BTreeMap<Color, u8>),
    ByShape(BTreeMap<Shape, u8>),
    ByText(BTreeMap<Wrapped2, u8>),
    ByPair(BTreeMap<(u8, u8), u8>),
    ByOption(BTreeMap<Option<String>, u8>),
    Fields(Fields),
    Lossy(Lossy),
    Flat(Flat<BTreeMap<String, u8>>),
    FlatFields(Flat<Option<Fields>>),
    FlatBig(Flat<BTreeMap<String, i128>>),
    FlatByNumber(Flat<BTreeMap<i64, u8>>),
    FlatTwice(Flat<Flat<BTreeMap<String, u8>>>),
    Tagged(Tagged),
    Adjacent(Adjacent),
    Struct { inner: Box<Anything>, other: u8 },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Wrapped2(String);

fn fields() -> impl Strategy<Value = Fields> {
    let color = prop_oneof![Just(Color::Red), Just(Color::Green)];
    (any::<u64>(), any::<Option<String>>(), proptest::collection::vec(color, 0..2), any::<(i8, char)>())
        .prop_map(|(id, note, tags, pair)| Fields { id, note, tags, nothing: (), pair, none: Nothing })
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![any::<u64>().prop_map(f64::from_bits), -1e6..1e6, Just(f64::NAN), Just(f64::INFINITY), Just(-0.0)]
}

fn options<T: Debug + Clone + 'static>(inner: impl Strategy<Value = T> + 'static) -> BoxedStrategy<Option<T>> {
    proptest::option::of(inner).boxed()
}

fn few<T: Debug>(inner: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(inner, 0..3)
}

fn map<K: Debug + Ord>(keys: impl Strategy<Value = K>) -> impl Strategy<Value = BTreeMap<K, u8>> {
    proptest::collection::btree_map(keys, any::<u8>(), 0..3)
}

/// Some of them are names of fields.
fn names() -> impl Strategy<Value = String> {
    prop_oneof![Just("id".to_owned()), Just("type".to_owned()), Just("note".to_owned()), ".{0,3}"]
}

use Anything as A;

fn scalars() -> impl Strategy<Value = Anything> {
    prop_oneof![
        Just(A::Unit),
        Just(A::UnitValue(())),
        Just(A::UnitStruct(Nothing)),
        any::<bool>().prop_map(A::Bool),
        any::<(i8, u16, i32, u64, i64)>().prop_map(|(a, b, c, d, e)| A::Integers(a, b, c, d, e)),
        any::<(i128, u128)>().prop_map(|(a, b)| A::Big(a, b)),
        floats().prop_map(|float| A::Float(Float(float))),
        any::<u32>().prop_map(|bits| A::Small(Small(f32::from_bits(bits)))),
        any::<char>().prop_map(A::Char),
        any::<String>().prop_map(A::Text),
        few(any::<u8>()).prop_map(|bytes| A::Bytes(Bytes(bytes))),
    ]
}

fn optional() -> impl Strategy<Value = Anything> {
    prop_oneof![
        options(floats().prop_map(Float)).prop_map(A::OptionOfFloat),
        any::<Option<Option<u8>>>().prop_map(A::OptionOfOption),
        options(any::<Option<u8>>().prop_map(Wrapped)).prop_map(A::OptionOfWrapped),
        any::<Option<()>>().prop_map(A::OptionOfUnit),
        options(Just(Nothing)).prop_map(A::OptionOfNothing),
        options(few(Just(()))).prop_map(A::OptionOfUnits),
        few(any::<Option<Option<()>>>()).prop_map(A::Options),
    ]
}

fn maps() -> impl Strategy<Value = Anything> {
    let shape = prop_oneof![
        Just(Shape::Point),
        any::<u8>().prop_map(Shape::Circle),
        any::<u8>().prop_map(|side| Shape::Square { side })
    ];
    prop_oneof![
        map(any::<i64>()).prop_map(A::ByNumber),
        map(any::<bool>()).prop_map(A::ByBool),
        map(any::<char>()).prop_map(A::ByChar),
        map(prop_oneof![Just(Color::Red), Just(Color::Green)]).prop_map(A::ByColor),
        map(shape).prop_map(A::ByShape),
        map(names().prop_map(Wrapped2)).prop_map(A::ByText),
        map(any::<(u8, u8)>()).prop_map(A::ByPair),
        map(any::<Option<String>>()).prop_map(A::ByOption),
    ]
}

fn structs() -> impl Strategy<Value = Anything> {
    let big = proptest::collection::btree_map(names(), any::<i128>(), 0..3);
    let lossy = few(Just(Color::Red)).prop_map(|tags| Lossy { id: 1, tags });
    let tagged = prop_oneof![
        Just(Tagged::Empty),
        fields().prop_map(Tagged::Fields),
        (any::<i128>(), map(any::<i64>())).prop_map(|(big, by_number)| Tagged::Numbers { big, by_number }),
        map(names()).prop_map(Tagged::Map),
        (options(Just(Nothing)), floats()).prop_map(|(maybe, float)| Tagged::Maybe { maybe, float: Float(float) }),
    ];
    let adjacent = prop_oneof![
        Just(Adjacent::Empty),
        any::<(u8, String)>().prop_map(|(a, b)| Adjacent::Pair(a, b)),
        any::<u128>().prop_map(Adjacent::Big),
    ];
    prop_oneof![
        fields().prop_map(A::Fields),
        lossy.prop_map(A::Lossy),
        map(names()).prop_map(|rest| A::Flat(Flat { id: 1, rest })),
        options(fields()).prop_map(|rest| A::FlatFields(Flat { id: 1, rest })),
        big.prop_map(|rest| A::FlatBig(Flat { id: 1, rest })),
        map(any::<i64>()).prop_map(|rest| A::FlatByNumber(Flat { id: 1, rest })),
        map(names()).prop_map(|rest| A::FlatTwice(Flat { id: 1, rest: Flat { id: 2, rest } })),
        tagged.prop_map(A::Tagged),
        adjacent.prop_map(A::Adjacent),
    ]
}

fn anything() -> impl Strategy<Value = Anything> {
    let leaf = prop_oneof![scalars(), optional(), maps(), structs()];
    leaf.prop_recursive(4, 12, 3, |inner| {
        prop_oneof![
            options(inner.clone().prop_map(Box::new)).prop_map(A::Option),
            inner.clone().prop_map(|inner| A::Newtype(Wrapped(Box::new(inner)))),
            few(inner.clone()).prop_map(A::Seq),
            proptest::collection::btree_map(names(), inner.clone(), 0..3).prop_map(A::Map),
            (inner, any::<u8>()).prop_map(|(inner, other)| A::Struct { inner: Box::new(inner), other }),
        ]
    })
}

/// The value that is read back, or why it was refused when it was written.
fn there_and_back<C: Codec<T>, T>(value: &T) -> Result<T, String> {
    let mut bytes = b"before".to_vec();
    if let Err(error) = C::encode(value, &mut bytes) {
        assert_eq!(bytes, b"before", "a refused value leaves nothing behind");
        return Err(error.reason);
    }
    Ok(C::decode(&bytes[6..]).unwrap_or_else(|error| panic!("{}: {error}", bytes[6..].escape_ascii())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn json_gives_back_what_it_took(value in anything()) {
        if let Ok(back) = there_and_back::<Json, _>(&value) {
            prop_assert_eq!(back, value);
        }
    }

    #[test]
    fn messagepack_gives_back_what_it_took(value in anything()) {
        if let Ok(back) = there_and_back::<MessagePack, _>(&value) {
            prop_assert_eq!(back, value);
        }
    }
}

/// Lists in lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

fn nest(depth: usize) -> Nest {
    (1..depth).fold(Nest(Vec::new()), |inner, _| Nest(vec![inner]))
}

/// The start of both formats' errors about a value, without the format's name; empty if the value is accepted.
fn refusals<T: Debug + PartialEq + Serialize + serde::de::DeserializeOwned>(value: &T) -> [String; 2] {
    [("JSON", there_and_back::<Json, T>(value)), ("MessagePack", there_and_back::<MessagePack, T>(value))].map(
        |(format, outcome)| match outcome {
            Ok(back) => {
                assert_eq!(back, *value, "{format}");
                String::new()
            }
            Err(reason) => reason.strip_prefix(&format!("as {format}: ")).expect("the format's name").to_owned(),
        },
    )
}

/// Regression: the next start read null in place of a number, and named that record, not the one it came from.
#[test]
fn what_would_not_come_back_is_refused_with_a_sentence() {
    let [none, deep] =
        ["a `Some` with nothing in it, such as `Some(None)`", "it is nested deeper than 127 lists and maps"];
    let duplicate = "it could not be read back: duplicate field `id`";
    let flat = |name: &str| Flat { id: 1, rest: BTreeMap::from([(name.to_owned(), 2)]) };
    let inner = A::Struct { inner: Box::new(A::Float(Float(f64::NAN))), other: 1 };
    for (refused, expected) in [
        (refusals(&Float(f64::NAN)), ["JSON has no NaN: it would be written as null", ""]),
        (refusals(&Small(f32::NEG_INFINITY)), ["JSON has no -inf: ", ""]),
        (refusals(&Some(Float(f64::INFINITY))), ["JSON has no inf: ", ""]),
        (refusals(&A::Struct { inner: Box::new(inner), other: 1 }), ["`inner`: `inner`: JSON has no NaN: ", ""]),
        (refusals(&Float(9.498_427_037_639_925e-68)), ["", ""]),
        (refusals(&Some(None::<u8>)), [none, none]),
        (refusals(&Some(())), [none, none]),
        (refusals(&Some(Nothing)), [none, ""]),
        (refusals(&Some(Wrapped(None::<u8>))), [none, none]),
        (refusals(&Some(Wrapped([None::<u8>]))), ["", ""]),
        (refusals(&Some(serde_json::Value::Null)), [none, none]),
        (refusals(&nest(127)), ["", ""]),
        (refusals(&nest(128)), [deep, ""]),
        (refusals(&flat("name")), ["", ""]),
        (refusals(&flat("id")), [duplicate, duplicate]),
        (refusals(&Lossy { id: 1, tags: vec![Color::Red] }), ["", ""]),
        (refusals(&BTreeMap::from([((1, 2), 3)])), ["key must be a string", ""]),
        (refusals(&(i128::MIN, u128::MAX)), ["", ""]),
    ] {
        for (refused, expected) in refused.iter().zip(expected) {
            assert_eq!(refused.is_empty(), expected.is_empty(), "{refused}");
            assert!(refused.starts_with(expected), "{refused}");
        }
    }
}

/// Only reading back reveals these, and release builds read back only structs with `flatten`.
#[test]
#[cfg(debug_assertions)]
fn debug_builds_refuse_what_only_reading_back_can_tell() {
    let big = Tagged::Numbers { big: 1, by_number: BTreeMap::new() };
    for (refused, expected) in [
        (refusals(&Lossy { id: 1, tags: Vec::new() }), ["it could not be read back: missing field `tags`"; 2]),
        (refusals(&big), ["it could not be read back: i128 is not supported"; 2]),
    ] {
        for (refused, expected) in refused.iter().zip(expected) {
            assert!(refused.starts_with(expected), "{refused}");
        }
    }
}

/// Whatever bytes are a key of a type that says its bytes are canonical, the key has these bytes.
fn check_canonical<K: super::Key>(bytes: &[u8]) {
    assert!(K::CANONICAL);
    let Ok(key) = K::decode(bytes) else { return };
    assert!(K::check(bytes).is_ok());
    let mut again = Vec::new();
    super::Value::encode(&key, &mut again).expect("it was just decoded");
    assert_eq!(again, bytes, "{}", std::any::type_name::<K>());
}

proptest! {
    #[test]
    fn canonical_bytes_are_the_only_ones(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..10),
            prop::sample::select(vec![vec![0], vec![1], vec![2]]),
            any::<String>().prop_map(String::into_bytes),
        ],
    ) {
        check_canonical::<bool>(&bytes);
        check_canonical::<i8>(&bytes);
        check_canonical::<u8>(&bytes);
        check_canonical::<i16>(&bytes);
        check_canonical::<u16>(&bytes);
        check_canonical::<i32>(&bytes);
        check_canonical::<u32>(&bytes);
        check_canonical::<i64>(&bytes);
        check_canonical::<u64>(&bytes);
        check_canonical::<String>(&bytes);
        check_canonical::<std::sync::Arc<str>>(&bytes);
        check_canonical::<Vec<u8>>(&bytes);
        check_canonical::<bytes::Bytes>(&bytes);
    }
}

#[test]
fn formats_with_several_spellings_are_not_canonical() {
    // A UUID may be written in capitals, and a window's end is left out.
    let canonical = [<uuid::Uuid as super::Value>::CANONICAL, <Windowed<String> as super::Value>::CANONICAL];
    assert_eq!(canonical, [false, false]);
}
