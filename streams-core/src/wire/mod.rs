//! Converts values to bytes and back.
//!
//! [`Value`] is a type with a wire format; [`Key`] is a value that can also be hashed and compared, so that it can
//! determine a partition and identify a row. [`Field`] is what a record can have as its key or value: a value, an
//! `Option` of one (`None` is Kafka's null), or `()` (always null). A [`Codec`] is a format that many types share, such
//! as JSON.
//!
//! This module knows nothing of topics, stores or operators.

use std::hash::Hash;
use std::num::NonZeroUsize;

use serde_json::Value as JsonValue;

mod builtin;
pub mod change;
pub(crate) mod encoded_key;
pub(crate) mod foreign_key;
#[cfg(test)]
mod golden;
mod into_field;
pub mod json;
pub(crate) mod json_form;
pub(crate) mod list;
pub mod msgpack;
pub mod murmur2;
pub(crate) mod murmur3;
mod outline;
#[doc(hidden)]
pub mod refused;
#[cfg(test)]
mod round_trips;
pub mod serde_value;
pub(crate) mod shape;
mod shown_headers;
mod strict;
mod window_size;

pub use into_field::IntoField;
pub use list::List;
pub use shape::{Shape, ShapeError, Shapes};
pub use shown_headers::shown_headers;
pub use window_size::WindowSize;

/// A type with a wire format. Derive it with `#[derive(Value)]` and `#[streams(json)]` or `#[streams(msgpack)]`.
/// Numbers, strings, bytes and lists already have Java's formats.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent: it has no wire format",
    label = "give it one with `#[derive(Value)]`",
    note = "a type of your own gets one from `#[derive(Value)]` with `#[streams(json)]`, which needs serde's derives, \
            also on the types inside it",
    note = "a type of another crate goes into a struct of your own, or becomes a number or `String` first"
)]
pub trait Value: Clone + Send + Sync + 'static {
    /// The size of every value in bytes, for types whose Java serde has a fixed size. A [`List`] of such values leaves
    /// out the lengths of its elements.
    const FIXED_SIZE: Option<NonZeroUsize> = None;

    /// Whether decoding and encoding again gives back the same bytes, whatever they were. Nodes that only compare such
    /// keys, such as a count, work with a topic's bytes and do not decode them. JSON, for one, is not canonical: spaces
    /// and the order of fields may differ.
    const CANONICAL: bool = false;

    /// The number of windows in a value whose bytes leave out the windows' ends: in a windowed key, one plus those of
    /// the inner key. A value that was read back does not know the ends until [`Value::set_window_sizes`] sets them.
    #[doc(hidden)]
    const WINDOWS: usize = 0;

    /// Appends the value's bytes to `out`.
    ///
    /// # Errors
    /// When the value has no representation in its format, such as a JSON map whose keys are not strings.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Reads a value from exactly these bytes.
    ///
    /// # Errors
    /// When the bytes are not a value of this type. Must not panic, whatever the bytes.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Checks that the bytes are a value of this type, for callers that do not need the value. Override it where a
    /// check is cheaper than [`Value::decode`].
    ///
    /// # Errors
    /// As [`Value::decode`].
    fn check(bytes: &[u8]) -> Result<(), DecodeError> {
        Self::decode(bytes).map(drop)
    }

    /// The part of an encoded key that determines the partition: all of it, except that windowed keys go to the
    /// partition of their inner key.
    #[must_use]
    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        encoded
    }

    /// Sets the windows' ends from their sizes, the outermost first.
    #[doc(hidden)]
    fn set_window_sizes(&mut self, _sizes: &[WindowSize]) {}

    /// The value as JSON, as everything shows it that does not know its type: queries over HTTP, command lines, pages.
    ///
    /// | type | JSON |
    /// | --- | --- |
    /// | numbers | a number; `NaN` and infinities are strings |
    /// | `bool`, `String`, `Uuid` | a boolean, a string |
    /// | `Vec<u8>`, `Bytes` | a string if it is a readable text, otherwise `{"base64": "AAE="}` |
    /// | [`List`] | an array |
    /// | `Windowed<K>` | `{"key": .., "start": .., "end": ..}`, in milliseconds since 1970 |
    /// | `#[streams(json)]`, `#[streams(msgpack)]` | what serde makes of it |
    /// | a struct around one field | the field's |
    /// | anything else | its bytes, as those of a `Vec<u8>` |
    ///
    /// A type with a format of its own may say how it wants to be seen, here and in [`Value::from_json`]; with a codec, in
    /// [`Codec::to_json`].
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use serde_json::json;
    ///
    /// assert_eq!(u64::MAX.to_json()?, json!(u64::MAX));
    /// assert_eq!(vec![0_u8, 1].to_json()?, json!({ "base64": "AAE=" }));
    /// assert_eq!(i64::from_json(&json!(-5))?, -5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the value has no such form, as for what MessagePack can say and JSON cannot.
    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        json_form::of_encoded(|out| self.encode(out))
    }

    /// Reads the value from its JSON form. Numbers may also be strings, because those of JavaScript end at 2^53.
    ///
    /// # Errors
    /// When the JSON is not a value of this type.
    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        Self::decode(&json_form::to_bytes(json).map_err(DecodeError::new::<Self>)?)
    }

    /// Reads a value that a person has typed, in a URL or on a command line: a `String` is the text as it is, a number its
    /// digits, and anything else JSON, where the quotation marks of a string may be left out.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// assert_eq!(String::from_text("ada")?, "ada");
    /// assert_eq!(u64::from_text("7")?, 7);
    /// assert!(u64::from_text("ada").is_err());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Value::from_json`].
    fn from_text(text: &str) -> Result<Self, DecodeError> {
        json_form::typed(text, Self::from_json)
    }

    /// A text that [`Value::from_text`] reads, as an example in errors and help.
    #[must_use]
    fn example_text() -> String {
        "text".to_owned()
    }
}

/// Refuses values that contain windowed keys, at compile time: the ends of their windows would be unknown when they are
/// read back.
pub(crate) const fn refuse_windows<V: Field>() {
    assert!(
        V::WINDOWS == 0,
        "a value cannot contain a `Windowed`, whose end is not written: store start and end as numbers"
    );
}

/// A value that can be a record's key, because it can be hashed and compared. Derive it with `#[derive(Key)]`.
///
/// A table's rows are identified by their keys' bytes, in caches as well as in stores and topics: two keys belong to
/// the same row if [`Value::encode`] writes the same bytes for both, whatever `Eq` says. So a case-insensitive `Eq` does
/// not merge rows whose bytes differ, and a field that is not written (`#[serde(skip)]`) does not distinguish rows. A
/// cached row is forwarded with the key that is read back from the bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a record key",
    label = "not a key, which `#[derive(Key)]` makes of a type of your own",
    note = "`#[derive(Key)]` also needs `#[derive(Clone, PartialEq, Eq, Hash)]`; it includes `Value`",
    note = "`f32` and `f64` cannot be keys, because equal numbers may differ in their bytes: use an integer, \
            such as cents or `to_bits()`"
)]
pub trait Key: Value + Hash + Eq {}

/// A record's key or value: a [`Value`], an `Option` of one, or `()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent: it has no wire format",
    label = "give it one with `#[derive(Value)]`",
    note = "a type of your own gets one from `#[derive(Value)]` with `#[streams(json)]`, which needs serde's derives, \
            also on the types inside it",
    note = "a type of another crate goes into a struct of your own, or becomes a number or `String` first"
)]
pub trait Field: Clone + Send + Sync + 'static {
    /// As [`Value::WINDOWS`].
    #[doc(hidden)]
    const WINDOWS: usize = 0;

    /// As [`Value::CANONICAL`].
    const CANONICAL: bool = false;

    /// Appends the field's bytes to `out` and returns whether there are any: `false` means null.
    ///
    /// # Errors
    /// As [`Value::encode`].
    fn write(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError>;

    /// Reads the field from its bytes; `None` is null.
    ///
    /// # Errors
    /// As [`Value::decode`], and when the field is null but its type does not allow null.
    fn read(bytes: Option<&[u8]>) -> Result<Self, DecodeError>;

    /// As [`Field::read`], for callers that only need to know whether the field is null: `false` means null.
    ///
    /// # Errors
    /// As [`Field::read`].
    fn is_there(bytes: Option<&[u8]>) -> Result<bool, DecodeError>;

    /// As [`Value::partition_bytes`].
    #[must_use]
    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        encoded
    }

    /// As [`Value::set_window_sizes`].
    #[doc(hidden)]
    fn set_window_sizes(&mut self, _sizes: &[WindowSize]) {}

    /// As [`Value::to_json`]; null is JSON's null.
    ///
    /// # Errors
    /// As [`Value::to_json`].
    fn write_json(&self) -> Result<JsonValue, EncodeError>;

    /// As [`Value::from_json`].
    ///
    /// # Errors
    /// As [`Value::from_json`].
    fn read_json(json: &JsonValue) -> Result<Self, DecodeError>;

    /// As [`Value::from_text`]; `null` is null if it is nothing else.
    ///
    /// # Errors
    /// As [`Value::from_text`].
    fn read_text(text: &str) -> Result<Self, DecodeError>;

    /// As [`Value::example_text`].
    #[must_use]
    fn example_text() -> String;
}

impl<V: Value> Field for V {
    const WINDOWS: usize = <V as Value>::WINDOWS;
    const CANONICAL: bool = <V as Value>::CANONICAL;

    fn set_window_sizes(&mut self, sizes: &[WindowSize]) {
        <V as Value>::set_window_sizes(self, sizes);
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        self.encode(out).map(|()| true)
    }

    fn read(bytes: Option<&[u8]>) -> Result<Self, DecodeError> {
        match bytes {
            Some(bytes) => V::decode(bytes),
            None => Err(DecodeError::null::<V>()),
        }
    }

    fn is_there(bytes: Option<&[u8]>) -> Result<bool, DecodeError> {
        match bytes {
            Some(bytes) => V::check(bytes).map(|()| true),
            None => Err(DecodeError::null::<V>()),
        }
    }

    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        V::partition_bytes(encoded)
    }

    fn write_json(&self) -> Result<JsonValue, EncodeError> {
        self.to_json()
    }

    fn read_json(json: &JsonValue) -> Result<Self, DecodeError> {
        V::from_json(json)
    }

    fn read_text(text: &str) -> Result<Self, DecodeError> {
        V::from_text(text)
    }

    fn example_text() -> String {
        <V as Value>::example_text()
    }
}

impl<V: Value> Field for Option<V> {
    const WINDOWS: usize = <V as Value>::WINDOWS;
    const CANONICAL: bool = <V as Value>::CANONICAL;

    fn set_window_sizes(&mut self, sizes: &[WindowSize]) {
        if let Some(value) = self {
            <V as Value>::set_window_sizes(value, sizes);
        }
    }

    fn write(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        match self {
            Some(value) => value.encode(out).map(|()| true),
            None => Ok(false),
        }
    }

    fn read(bytes: Option<&[u8]>) -> Result<Self, DecodeError> {
        bytes.map(V::decode).transpose()
    }

    fn is_there(bytes: Option<&[u8]>) -> Result<bool, DecodeError> {
        bytes.map(V::check).transpose().map(|there| there.is_some())
    }

    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        V::partition_bytes(encoded)
    }

    fn write_json(&self) -> Result<JsonValue, EncodeError> {
        self.as_ref().map_or(Ok(JsonValue::Null), V::to_json)
    }

    fn read_json(json: &JsonValue) -> Result<Self, DecodeError> {
        if json.is_null() { Ok(None) } else { V::from_json(json).map(Some) }
    }

    fn read_text(text: &str) -> Result<Self, DecodeError> {
        match V::from_text(text) {
            Err(_) if text == "null" => Ok(None),
            read => read.map(Some),
        }
    }

    fn example_text() -> String {
        <V as Value>::example_text()
    }
}

impl Field for () {
    fn write(&self, _out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        Ok(false)
    }

    /// The bytes are ignored, so a topic whose keys do not matter can be read with `()`.
    fn read(_bytes: Option<&[u8]>) -> Result<Self, DecodeError> {
        Ok(())
    }

    fn is_there(_bytes: Option<&[u8]>) -> Result<bool, DecodeError> {
        Ok(false)
    }

    fn write_json(&self) -> Result<JsonValue, EncodeError> {
        Ok(JsonValue::Null)
    }

    fn read_json(json: &JsonValue) -> Result<Self, DecodeError> {
        if json.is_null() { Ok(()) } else { Err(DecodeError::new::<Self>(json_form::unexpected("nothing", json))) }
    }

    fn read_text(text: &str) -> Result<Self, DecodeError> {
        if matches!(text, "" | "null") { Ok(()) } else { Self::read_json(&text.into()) }
    }

    fn example_text() -> String {
        "null".to_owned()
    }
}

/// A value between two operators that may be null: a [`Value`], a tuple of anything, or an `Option` of one of these.
/// Operators that drop nulls see the inner value.
///
/// A value that is neither stored nor sent needs no wire format. A type of your own without a wire format needs a few
/// lines that declare it never null:
///
/// ```
/// use millstream::wire::MaybeNull;
///
/// #[derive(Clone)]
/// struct Priced {
///     article: String,
///     cents: i64,
/// }
///
/// impl MaybeNull for Priced {
///     type Inner = Self;
///
///     fn into_option(self) -> Option<Self> {
///         Some(self)
///     }
///
///     fn as_option(&self) -> Option<&Self> {
///         Some(self)
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "it is not known whether `{Self}` may be null",
    label = "neither a value with a wire format nor a tuple",
    note = "add `#[derive(Value)]` to `{Self}`, or implement `MaybeNull` for it if it is neither stored nor sent"
)]
pub trait MaybeNull: Clone + 'static {
    /// The value without the null.
    type Inner: Clone + 'static;

    /// The value, or `None` for null.
    fn into_option(self) -> Option<Self::Inner>;

    /// The value, or `None` for null, borrowed.
    fn as_option(&self) -> Option<&Self::Inner>;
}

#[diagnostic::do_not_recommend]
impl<V: Value> MaybeNull for V {
    type Inner = V;

    fn into_option(self) -> Option<V> {
        Some(self)
    }

    fn as_option(&self) -> Option<&V> {
        Some(self)
    }
}

impl<V: MaybeNull<Inner = V>> MaybeNull for Option<V> {
    type Inner = V;

    fn into_option(self) -> Option<V> {
        self
    }

    fn as_option(&self) -> Option<&V> {
        self.as_ref()
    }
}

macro_rules! tuples_are_not_null {
    ($($($part:ident)+;)+) => { $(
        impl<$($part: Clone + 'static),+> MaybeNull for ($($part,)+) {
            type Inner = Self;

            fn into_option(self) -> Option<Self> {
                Some(self)
            }

            fn as_option(&self) -> Option<&Self> {
                Some(self)
            }
        }
    )+ };
}

tuples_are_not_null! {
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

/// A record's value that may be null: a [`Value`] or an `Option` of one. Table and aggregation operators see the inner
/// value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent: it has no wire format",
    label = "give it one with `#[derive(Value)]`",
    note = "a type of your own gets one from `#[derive(Value)]` with `#[streams(json)]`, which needs serde's derives, \
            also on the types inside it",
    note = "a type of another crate goes into a struct of your own, or becomes a number or `String` first"
)]
pub trait Nullable: Field + MaybeNull<Inner: Value> {
    /// Wraps a value; returns `None` if the value is null and the type does not allow that.
    fn from_option(value: Option<Self::Inner>) -> Option<Self>;
}

impl<V: Value> Nullable for V {
    fn from_option(value: Option<V>) -> Option<V> {
        value
    }
}

impl<V: Value> Nullable for Option<V> {
    fn from_option(value: Option<V>) -> Option<Self> {
        Some(value)
    }
}

/// A record's key that may be null: a [`Key`] or an `Option` of one. Grouping and joining drop and count records whose
/// key is null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a record key",
    label = "not a key, which `#[derive(Key)]` makes of a type of your own",
    note = "`#[derive(Key)]` also needs `#[derive(Clone, PartialEq, Eq, Hash)]`; it includes `Value`",
    note = "`f32` and `f64` cannot be keys, because equal numbers may differ in their bytes: use an integer, \
            such as cents or `to_bits()`"
)]
pub trait NullableKey: Field {
    /// The key without the null.
    type Inner: Key;

    /// The key, or `None` for null.
    fn into_option(self) -> Option<Self::Inner>;

    /// The key, or `None` for null, borrowed.
    fn as_option(&self) -> Option<&Self::Inner>;

    /// Wraps a key.
    fn from_key(key: Self::Inner) -> Self;
}

impl<K: Key> NullableKey for K {
    type Inner = K;

    fn into_option(self) -> Option<K> {
        Some(self)
    }

    fn as_option(&self) -> Option<&K> {
        Some(self)
    }

    fn from_key(key: K) -> Self {
        key
    }
}

impl<K: Key> NullableKey for Option<K> {
    type Inner = K;

    fn into_option(self) -> Option<K> {
        self
    }

    fn as_option(&self) -> Option<&K> {
        self.as_ref()
    }

    fn from_key(key: K) -> Self {
        Some(key)
    }
}

/// A key that another stream's keys can be taken for: one of the same type, or one that may also be null.
#[diagnostic::on_unimplemented(
    message = "the results of an outer join may have a null key here, but `{K}` is never null",
    label = "its keys may be null",
    note = "let the keys of both streams be null, with `KStream::<Option<_>, _>::from(stream)`, or call `.outer_join(..)` on \
            the stream whose keys may be null"
)]
pub trait WidensTo<K> {
    /// The same key.
    fn widen(self) -> K;
}

#[diagnostic::do_not_recommend]
impl<K> WidensTo<K> for K {
    fn widen(self) -> K {
        self
    }
}

#[diagnostic::do_not_recommend]
impl<K: Key> WidensTo<Option<K>> for K {
    fn widen(self) -> Option<K> {
        Some(self)
    }
}

/// A value that can be sent to a topic of `T`: one of the same type, or one that differs only by an `Option`. Nulls are
/// sent as tombstones.
#[diagnostic::on_unimplemented(
    message = "a stream of `{Self}` cannot be sent to a topic of `{T}`",
    label = "expected `{T}`, found `{Self}`",
    note = "convert it first with `.map_values(..)` or `.map(..)`, or change the topic's type",
    note = "the keys of an aggregation in windows are `Windowed<..>`: `Topic<Windowed<String>, i64>` with `.windows_of(..)`, \
            or `Topic<Windowed<String, Session>, i64>`; `.map(|key, value| (key.key, value))` leaves the windows out",
    note = "after `.to_stream()` values are an `Option`, because rows can be deleted: `.filter_some()` leaves deletions out"
)]
pub trait SendAs<T> {
    /// Appends the bytes as a topic of `T` stores them; `false` means null.
    ///
    /// # Errors
    /// As [`Value::encode`].
    fn write_as(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError>
    where
        T: Field;
}

// Without a bound on `T`, so that the compiler reports a missing format, and not that a stream of `T` differs from a
// topic of `T`.
impl<T> SendAs<T> for T {
    fn write_as(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError>
    where
        T: Field,
    {
        self.write(out)
    }
}

impl<V: Value> SendAs<V> for Option<V> {
    fn write_as(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        self.write(out)
    }
}

impl<V: Value> SendAs<Option<V>> for V {
    fn write_as(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        self.write(out)
    }
}

/// A format that many types share. The derives call it; implement it to add your own format.
pub trait Codec<T> {
    /// Appends the value's bytes to `out`.
    ///
    /// # Errors
    /// When the value has no representation in the format.
    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Reads a value from exactly these bytes.
    ///
    /// # Errors
    /// When the bytes are not a value of type `T`.
    fn decode(bytes: &[u8]) -> Result<T, DecodeError>;

    /// As [`Value::to_json`]: by default, the value's bytes.
    ///
    /// # Errors
    /// As [`Value::to_json`].
    fn to_json(value: &T) -> Result<JsonValue, EncodeError> {
        json_form::of_encoded(|out| Self::encode(value, out))
    }

    /// As [`Value::from_json`].
    ///
    /// # Errors
    /// As [`Value::from_json`].
    fn from_json(json: &JsonValue) -> Result<T, DecodeError> {
        Self::decode(&json_form::to_bytes(json).map_err(DecodeError::new::<T>)?)
    }

    /// As [`Value::from_text`].
    ///
    /// # Errors
    /// As [`Value::from_text`].
    fn from_text(text: &str) -> Result<T, DecodeError> {
        json_form::typed(text, Self::from_json)
    }

    /// As [`Value::example_text`].
    #[must_use]
    fn example_text() -> String {
        "text".to_owned()
    }
}

/// Why a value could not be turned into bytes.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot encode a value of type {type_name}: {reason}")]
pub struct EncodeError {
    /// As [`std::any::type_name`] prints it.
    pub type_name: &'static str,
    /// The format's explanation.
    pub reason: String,
}

impl EncodeError {
    /// An error that names the type `T`.
    pub fn new<T>(reason: impl Into<String>) -> Self {
        Self { type_name: std::any::type_name::<T>(), reason: reason.into() }
    }
}

/// Why bytes could not be read as a value.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a value of type {type_name}: {reason}")]
pub struct DecodeError {
    /// As [`std::any::type_name`] prints it.
    pub type_name: &'static str,
    /// What is wrong with the bytes.
    pub reason: String,
}

crate::debug_says_what_display_says!(EncodeError, DecodeError);

impl DecodeError {
    /// An error that names the type `T`.
    pub fn new<T>(reason: impl Into<String>) -> Self {
        Self { type_name: std::any::type_name::<T>(), reason: reason.into() }
    }

    fn null<T>() -> Self {
        Self::new::<T>(format!(
            "it is null, but the topic's type does not allow null; \
             use `Option<{}>` in the topic's type if nulls are expected",
            std::any::type_name::<T>()
        ))
    }
}
