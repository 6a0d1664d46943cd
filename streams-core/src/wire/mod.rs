//! Bytes to values and back.
//!
//! [`Value`] is a type with a wire format; [`Key`] is a value that can also be hashed and compared, so
//! that it can choose a partition and name a row. [`Field`] is what may stand in a record's key or
//! value position: a value, an `Option` of one (`None` is Kafka's null), or `()` (always null).
//! A [`Codec`] is a format that many types share, such as JSON.
//!
//! This module knows nothing of topics, stores or operators.

use std::hash::Hash;
use std::num::NonZeroUsize;

mod builtin;
pub mod change;
#[cfg(test)]
mod golden;
pub mod json;
mod list;
pub mod msgpack;
pub mod murmur2;
#[cfg(test)]
mod round_trips;
pub mod serde_value;
mod strict;

pub use list::List;

/// A type with a wire format. Derive it: `#[derive(Value)]` with `#[streams(json)]` or
/// `#[streams(msgpack)]`. Numbers, strings, bytes and lists have Java's formats already.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent: it has no wire format",
    label = "no wire format",
    note = "add `#[derive(Value)]` to `{Self}`, choosing a format with `#[streams(json)]`"
)]
pub trait Value: Clone + Send + Sync + 'static {
    /// How many bytes every value takes, for the types whose Java serde has a fixed size: a [`List`]
    /// of them leaves out the lengths of its elements.
    const FIXED_SIZE: Option<NonZeroUsize> = None;

    /// How many windows there are in a value whose bytes leave out where they end: one in a windowed key, and those
    /// of the key in it. A value that was read does not know their ends until [`Value::set_window_sizes`].
    #[doc(hidden)]
    const WINDOWS: usize = 0;

    /// Appends the value's bytes to `out`.
    ///
    /// # Errors
    /// When the value has no representation in its format, such as a JSON map with keys that are no
    /// strings.
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Reads a value from exactly these bytes.
    ///
    /// # Errors
    /// When the bytes are not such a value. Never panics, whatever the bytes.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError>;

    /// Whether these bytes are such a value, for whoever does not read it: where that is cheaper than
    /// [`Value::decode`], without making one.
    ///
    /// # Errors
    /// As [`Value::decode`].
    fn check(bytes: &[u8]) -> Result<(), DecodeError> {
        Self::decode(bytes).map(drop)
    }

    /// The part of an encoded key that chooses the partition: all of it, but for windowed keys, which
    /// stay with their inner key.
    #[must_use]
    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        encoded
    }

    /// Sets where the windows end, by how long they are in milliseconds, the outermost first.
    #[doc(hidden)]
    fn set_window_sizes(&mut self, _sizes: &[i64]) {}
}

/// Refuses, when the program is compiled, values that hold windowed keys: nobody could tell where their windows end
/// when they are read back.
pub(crate) const fn refuse_windows<V: Field>() {
    assert!(
        V::WINDOWS == 0,
        "a value cannot hold a `Windowed`, whose end is not written: keep start and end as numbers"
    );
}

/// A value that can be a record's key: it can be hashed and compared. Derive it: `#[derive(Key)]`.
///
/// A table's row is found by its key's bytes, in caches as in stores and topics: two keys name one row when
/// [`Value::encode`] writes the same bytes for both, whatever `Eq` says. So an `Eq` that ignores upper and lower
/// case does not unite rows whose bytes differ, and a field that is not written (`#[serde(skip)]`) does not tell
/// rows apart; a cached row is forwarded with the key that is read back from the bytes.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a record key",
    label = "not a key",
    note = "if the stream has no key yet, give it one first with `.select_key(..)` or `.group_by(..)`",
    note = "a type of your own needs `#[derive(Key)]`"
)]
pub trait Key: Value + Hash + Eq {}

/// What may stand in a record's key or value position: a [`Value`], an `Option` of one, or `()`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent: it has no wire format",
    label = "no wire format",
    note = "add `#[derive(Value)]` to `{Self}`, choosing a format with `#[streams(json)]`"
)]
pub trait Field: Clone + Send + Sync + 'static {
    /// As [`Value::WINDOWS`].
    #[doc(hidden)]
    const WINDOWS: usize = 0;

    /// Appends the field's bytes to `out` and returns whether there are any: `false` means null.
    ///
    /// # Errors
    /// As [`Value::encode`].
    fn write(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError>;

    /// Reads the field; `None` is null.
    ///
    /// # Errors
    /// As [`Value::decode`], and when the bytes are null but the type has no room for null.
    fn read(bytes: Option<&[u8]>) -> Result<Self, DecodeError>;

    /// As [`Field::read`], for whoever only wants to know whether the field is there: `false` means null.
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
    fn set_window_sizes(&mut self, _sizes: &[i64]) {}
}

impl<V: Value> Field for V {
    const WINDOWS: usize = <V as Value>::WINDOWS;

    fn set_window_sizes(&mut self, sizes: &[i64]) {
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
}

impl<V: Value> Field for Option<V> {
    const WINDOWS: usize = <V as Value>::WINDOWS;

    fn set_window_sizes(&mut self, sizes: &[i64]) {
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
}

impl Field for () {
    fn write(&self, _out: &mut Vec<u8>) -> Result<bool, EncodeError> {
        Ok(false)
    }

    /// Whatever is there is not looked at: a topic whose keys do not matter can be read with `()`.
    fn read(_bytes: Option<&[u8]>) -> Result<Self, DecodeError> {
        Ok(())
    }

    fn is_there(_bytes: Option<&[u8]>) -> Result<bool, DecodeError> {
        Ok(false)
    }
}

/// A value between two operators that may be null: a [`Value`], a tuple of anything, or an `Option` of one of these.
/// Operators that drop nulls see what is inside.
///
/// What is neither stored nor sent needs no wire format. A type of your own that has none says in a few lines that it
/// is never null:
///
/// ```
/// use streams_core::wire::MaybeNull;
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

/// A value position that may be null: a [`Value`] or an `Option` of one. Table and aggregation
/// operators see its inner value.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored or sent: it has no wire format",
    label = "no wire format",
    note = "add `#[derive(Value)]` to `{Self}`, choosing a format with `#[streams(json)]`"
)]
pub trait Nullable: Field + MaybeNull<Inner: Value> {
    /// Wraps a value; `None` where there is no room for null.
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

/// A key position that may be null: a [`Key`] or an `Option` of one. Grouping and joining drop, and
/// count, records whose key is null.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be used as a record key",
    label = "not a key",
    note = "if the stream has no key yet, give it one first with `.select_key(..)` or `.group_by(..)`",
    note = "a type of your own needs `#[derive(Key)]`"
)]
pub trait NullableKey: Field {
    /// The key without the null.
    type Inner: Key;

    /// The key, or `None` for null.
    fn into_option(self) -> Option<Self::Inner>;

    /// The key, or `None` for null, borrowed.
    fn as_option(&self) -> Option<&Self::Inner>;
}

impl<K: Key> NullableKey for K {
    type Inner = K;

    fn into_option(self) -> Option<K> {
        Some(self)
    }

    fn as_option(&self) -> Option<&K> {
        Some(self)
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
}

/// Whether a value of this type can be sent to a topic of `T`: the same type, or with a null added
/// or taken as a tombstone.
#[diagnostic::on_unimplemented(
    message = "a stream of `{Self}` cannot be sent to a topic of `{T}`",
    label = "expected `{T}`, found `{Self}`",
    note = "convert it first with `.map_values(..)` or `.map(..)`, or change the topic's type"
)]
pub trait SendAs<T: Field> {
    /// Appends the bytes a topic of `T` holds; `false` means null.
    ///
    /// # Errors
    /// As [`Value::encode`].
    fn write_as(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError>;
}

impl<T: Field> SendAs<T> for T {
    fn write_as(&self, out: &mut Vec<u8>) -> Result<bool, EncodeError> {
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

/// A format that many types share. The derives call it; implement it to bring a format of your own.
pub trait Codec<T> {
    /// Appends the value's bytes to `out`.
    ///
    /// # Errors
    /// When the value has no representation in the format.
    fn encode(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Reads a value from exactly these bytes.
    ///
    /// # Errors
    /// When the bytes are not such a value.
    fn decode(bytes: &[u8]) -> Result<T, DecodeError>;
}

/// Why a value could not be turned into bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot encode a value of type {type_name}: {reason}")]
pub struct EncodeError {
    /// The Rust type.
    pub type_name: &'static str,
    /// What the format says.
    pub reason: String,
}

impl EncodeError {
    /// An error about a value of type `T`.
    pub fn new<T>(reason: impl Into<String>) -> Self {
        Self { type_name: std::any::type_name::<T>(), reason: reason.into() }
    }
}

/// Why bytes could not be read as a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a value of type {type_name}: {reason}")]
pub struct DecodeError {
    /// The Rust type.
    pub type_name: &'static str,
    /// What is wrong with the bytes.
    pub reason: String,
}

impl DecodeError {
    /// An error about bytes that should have been a `T`.
    pub fn new<T>(reason: impl Into<String>) -> Self {
        Self { type_name: std::any::type_name::<T>(), reason: reason.into() }
    }

    fn null<T>() -> Self {
        Self::new::<T>(format!(
            "it is null, and the topic's type has no room for null; \
             use `Option<{}>` in the topic's type if nulls are meant",
            std::any::type_name::<T>()
        ))
    }
}
