//! Refuses values that a format would write but could not read back.
//!
//! A serializer around the format's own. Without it, the format would silently write something else: NaN as JSON's null,
//! `Some(None)` as `None`, or more levels than a reader allows. It looks at each value once, while it is written, and
//! costs a plain struct next to nothing.

use std::cell::Cell;
use std::fmt::Display;
use std::marker::PhantomData;

use serde::de::DeserializeOwned;
use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::serde_value::SerdeValue;
use super::{DecodeError, EncodeError};

/// A format that is built on serde.
pub(super) trait Format: Rules {
    const NAME: &str;

    /// Why the format cannot write a value.
    type Error: Display;

    /// Appends the value's bytes.
    fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Self::Error>;

    /// Reads a value from exactly these bytes.
    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String>;
}

/// Appends the value's bytes, or nothing and returns why it could not be read back.
///
/// Not everything shows while a value is written: fields may collide with others of the same name, or be left out
/// without having a default. So structs with serde's `flatten` are read back, and in debug builds everything is.
#[inline]
pub(super) fn encode<F: Format, T: SerdeValue>(value: &T, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    let start = out.len();
    let watch = Watch { depth: Cell::new(0), is_doubtful: Cell::new(cfg!(debug_assertions)) };
    match F::write(&watch.value::<_, F>(value), out) {
        Ok(()) if !watch.is_doubtful.get() => Ok(()),
        Ok(()) => {
            check::<F, T>(out.get(start..).unwrap_or_default()).map_err(|reason| refused::<F, T>(&reason, start, out))
        }
        Err(error) => Err(refused::<F, T>(&error, start, out)),
    }
}

#[cold]
fn refused<F: Format, T>(reason: &dyn Display, start: usize, out: &mut Vec<u8>) -> EncodeError {
    out.truncate(start);
    EncodeError::new::<T>(format!("as {}: {reason}", F::NAME))
}

/// Reads a value from exactly these bytes.
pub(super) fn decode<F: Format, T: SerdeValue>(bytes: &[u8]) -> Result<T, DecodeError> {
    F::read(bytes).map_err(|reason| DecodeError::new::<T>(format!("as {}: {reason}", F::NAME)))
}

/// The value as JSON, whatever its own format is, or why it could not be read back.
pub(super) fn to_json<R: Rules, T: Serialize>(value: &T) -> Result<serde_json::Value, EncodeError> {
    let watch = Watch { depth: Cell::new(0), is_doubtful: Cell::new(false) };
    serde_json::to_value(watch.value::<_, R>(value)).map_err(|error| EncodeError::new::<T>(format!("as JSON: {error}")))
}

/// Reads a value from JSON.
pub(super) fn from_json<T: DeserializeOwned>(json: &serde_json::Value) -> Result<T, DecodeError> {
    T::deserialize(json).map_err(|error| DecodeError::new::<T>(format!("as JSON: {error}")))
}

/// Checks that a value is read back unchanged. Maps may come back in another order, so only the length is compared.
fn check<F: Format, T: SerdeValue>(bytes: &[u8]) -> Result<(), String> {
    let back: T = F::read(bytes).map_err(|reason| format!("it could not be read back: {reason}"))?;
    let mut again = Vec::with_capacity(bytes.len());
    match F::write(&back, &mut again) {
        Ok(()) if again.len() == bytes.len() => Ok(()),
        _ => Err("it would be read back as another value; two of its parts may have the same name".to_owned()),
    }
}

/// The limits of what a format can read back.
pub(super) trait Rules {
    /// Whether NaN and infinities can be written.
    const HAS_ALL_FLOATS: bool;
    /// Whether `struct Nothing;` looks like `None`.
    const UNIT_STRUCT_IS_NONE: bool;
    /// Whether bytes are written as a list of numbers.
    const BYTES_ARE_A_LIST: bool;
    /// The deepest nesting of lists and maps that a reader accepts.
    const DEPTH_MAX: u32;
}

/// What has been noticed about a value while it is written.
struct Watch {
    /// The number of lists and maps that are open.
    depth: Cell<u32>,
    /// Whether the value must be read back to be sure that it is complete.
    is_doubtful: Cell<bool>,
}

/// A value that is written under a format's rules; `IN_SOME` is true directly inside a `Some`.
struct Strict<'a, T: ?Sized, R, const IN_SOME: bool = false> {
    value: &'a T,
    watch: &'a Watch,
    rules: PhantomData<R>,
}

impl<T: Serialize + ?Sized, R: Rules, const IN_SOME: bool> Serialize for Strict<'_, T, R, IN_SOME> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(Guard::<S, R, IN_SOME> { serializer, watch: self.watch, rules: PhantomData })
    }
}

/// The serializer that checks the rules.
struct Guard<'a, S, R, const IN_SOME: bool> {
    serializer: S,
    watch: &'a Watch,
    rules: PhantomData<R>,
}

/// A list, a map or a struct that is being written, which takes `LEVELS` levels by itself.
struct Parts<'a, P, R, const LEVELS: u32 = 1> {
    parts: P,
    watch: &'a Watch,
    rules: PhantomData<R>,
}

impl Watch {
    #[inline]
    fn enter<E: Error, R: Rules>(&self, levels: u32) -> Result<(), E> {
        let depth = self.depth.get() + levels;
        if depth > R::DEPTH_MAX {
            return Err(too_deep(R::DEPTH_MAX));
        }
        self.depth.set(depth);
        Ok(())
    }

    #[inline]
    fn leave(&self, levels: u32) {
        self.depth.set(self.depth.get() - levels);
    }

    #[inline]
    const fn value<'a, T: ?Sized, R>(&'a self, value: &'a T) -> Strict<'a, T, R> {
        Strict { value, watch: self, rules: PhantomData }
    }
}

/// Refuses a value directly inside a `Some` that could not be told apart from `None`.
#[inline]
fn check_something<E: Error, const IN_SOME: bool>() -> Result<(), E> {
    if IN_SOME { Err(looks_like_none()) } else { Ok(()) }
}

#[cold]
fn too_deep<E: Error>(max: u32) -> E {
    E::custom(format_args!("it is nested deeper than {max} lists and maps, and could not be read back"))
}

#[cold]
fn looks_like_none<E: Error>() -> E {
    E::custom(
        "a `Some` with nothing in it, such as `Some(None)` or `Some(())`, would be read back as `None`; \
         use an enum of your own, or leave out one of the two",
    )
}

#[cold]
fn not_finite<E: Error>(float: f64) -> E {
    E::custom(format_args!(
        "JSON has no {float}: it would be written as null; avoid such numbers, or choose `#[streams(msgpack)]`"
    ))
}

#[cold]
fn in_field<E: Error>(field: &'static str, error: E) -> E {
    E::custom(format_args!("`{field}`: {error}"))
}

impl<'a, S: Serializer, R: Rules, const IN_SOME: bool> Guard<'a, S, R, IN_SOME> {
    #[inline]
    fn parts<P, const LEVELS: u32>(
        self,
        open: impl FnOnce(S) -> Result<P, S::Error>,
    ) -> Result<Parts<'a, P, R, LEVELS>, S::Error> {
        self.watch.enter::<S::Error, R>(LEVELS)?;
        Ok(Parts { parts: open(self.serializer)?, watch: self.watch, rules: PhantomData })
    }
}

/// Values that are allowed anywhere.
macro_rules! forward {
    ($($name:ident: $type:ty),* $(,)?) => { $(
        #[inline]
        fn $name(self, value: $type) -> Result<S::Ok, S::Error> {
            self.serializer.$name(value)
        }
    )* };
}

impl<'a, S: Serializer, R: Rules, const IN_SOME: bool> Serializer for Guard<'a, S, R, IN_SOME> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<'a, S::SerializeSeq, R>;
    type SerializeTuple = Parts<'a, S::SerializeTuple, R>;
    type SerializeTupleStruct = Parts<'a, S::SerializeTupleStruct, R>;
    type SerializeTupleVariant = Parts<'a, S::SerializeTupleVariant, R, 2>;
    type SerializeMap = Parts<'a, S::SerializeMap, R>;
    type SerializeStruct = Parts<'a, S::SerializeStruct, R>;
    type SerializeStructVariant = Parts<'a, S::SerializeStructVariant, R, 2>;

    forward! {
        serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_i128: i128, serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64,
        serialize_u128: u128, serialize_char: char, serialize_str: &str,
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<S::Ok, S::Error> {
        if !R::HAS_ALL_FLOATS && !value.is_finite() {
            return Err(not_finite(f64::from(value)));
        }
        self.serializer.serialize_f32(value)
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<S::Ok, S::Error> {
        if !R::HAS_ALL_FLOATS && !value.is_finite() {
            return Err(not_finite(value));
        }
        self.serializer.serialize_f64(value)
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<S::Ok, S::Error> {
        self.watch.enter::<S::Error, R>(u32::from(R::BYTES_ARE_A_LIST))?;
        self.watch.leave(u32::from(R::BYTES_ARE_A_LIST));
        self.serializer.serialize_bytes(value)
    }

    #[inline]
    fn serialize_none(self) -> Result<S::Ok, S::Error> {
        check_something::<S::Error, IN_SOME>()?;
        self.serializer.serialize_none()
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_some(&Strict::<T, R, true> { value, watch: self.watch, rules: PhantomData })
    }

    #[inline]
    fn serialize_unit(self) -> Result<S::Ok, S::Error> {
        check_something::<S::Error, IN_SOME>()?;
        self.serializer.serialize_unit()
    }

    #[inline]
    fn serialize_unit_struct(self, name: &'static str) -> Result<S::Ok, S::Error> {
        if R::UNIT_STRUCT_IS_NONE {
            check_something::<S::Error, IN_SOME>()?;
        }
        self.serializer.serialize_unit_struct(name)
    }

    #[inline]
    fn serialize_unit_variant(self, name: &'static str, index: u32, variant: &'static str) -> Result<S::Ok, S::Error> {
        self.serializer.serialize_unit_variant(name, index, variant)
    }

    /// The newtype itself is not written, so the value is still directly inside a `Some` around it.
    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, name: &'static str, value: &T) -> Result<S::Ok, S::Error> {
        let value = Strict::<T, R, IN_SOME> { value, watch: self.watch, rules: PhantomData };
        self.serializer.serialize_newtype_struct(name, &value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        self.watch.enter::<S::Error, R>(1)?;
        let value = self.watch.value::<_, R>(value);
        let written = self.serializer.serialize_newtype_variant(name, index, variant, &value);
        self.watch.leave(1);
        written
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self::SerializeSeq, S::Error> {
        self.parts(|serializer| serializer.serialize_seq(length))
    }

    #[inline]
    fn serialize_tuple(self, length: usize) -> Result<Self::SerializeTuple, S::Error> {
        self.parts(|serializer| serializer.serialize_tuple(length))
    }

    #[inline]
    fn serialize_tuple_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeTupleStruct, S::Error> {
        self.parts(|serializer| serializer.serialize_tuple_struct(name, length))
    }

    #[inline]
    fn serialize_tuple_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeTupleVariant, S::Error> {
        self.parts(|serializer| serializer.serialize_tuple_variant(name, index, variant, length))
    }

    /// `#[serde(flatten)]` turns a struct into a map of unknown length, whose fields may collide with others of the same
    /// name.
    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self::SerializeMap, S::Error> {
        if length.is_none() {
            self.watch.is_doubtful.set(true);
        }
        self.parts(|serializer| serializer.serialize_map(length))
    }

    #[inline]
    fn serialize_struct(self, name: &'static str, length: usize) -> Result<Self::SerializeStruct, S::Error> {
        self.parts(|serializer| serializer.serialize_struct(name, length))
    }

    #[inline]
    fn serialize_struct_variant(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Self::SerializeStructVariant, S::Error> {
        self.parts(|serializer| serializer.serialize_struct_variant(name, index, variant, length))
    }

    #[inline]
    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.serializer.collect_str(value)
    }

    #[inline]
    fn is_human_readable(&self) -> bool {
        self.serializer.is_human_readable()
    }
}

/// Elements without names.
macro_rules! unnamed_parts {
    ($($trait:ident::$method:ident),* $(,)?) => { $(
        impl<P: $trait, R: Rules, const LEVELS: u32> $trait for Parts<'_, P, R, LEVELS> {
            type Ok = P::Ok;
            type Error = P::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), P::Error> {
                self.parts.$method(&self.watch.value::<_, R>(value))
            }

            #[inline]
            fn end(self) -> Result<P::Ok, P::Error> {
                self.watch.leave(LEVELS);
                self.parts.end()
            }
        }
    )* };
}

unnamed_parts! {
    SerializeSeq::serialize_element, SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field, SerializeTupleVariant::serialize_field,
}

/// Fields, whose names appear in errors.
macro_rules! named_parts {
    ($($trait:ident),* $(,)?) => { $(
        impl<P: $trait, R: Rules, const LEVELS: u32> $trait for Parts<'_, P, R, LEVELS> {
            type Ok = P::Ok;
            type Error = P::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                name: &'static str,
                value: &T,
            ) -> Result<(), P::Error> {
                let written = self.parts.serialize_field(name, &self.watch.value::<_, R>(value));
                written.map_err(|error| in_field(name, error))
            }

            #[inline]
            fn skip_field(&mut self, name: &'static str) -> Result<(), P::Error> {
                self.parts.skip_field(name)
            }

            #[inline]
            fn end(self) -> Result<P::Ok, P::Error> {
                self.watch.leave(LEVELS);
                self.parts.end()
            }
        }
    )* };
}

named_parts! { SerializeStruct, SerializeStructVariant }

impl<P: SerializeMap, R: Rules, const LEVELS: u32> SerializeMap for Parts<'_, P, R, LEVELS> {
    type Ok = P::Ok;
    type Error = P::Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), P::Error> {
        self.parts.serialize_key(&self.watch.value::<_, R>(key))
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), P::Error> {
        self.parts.serialize_value(&self.watch.value::<_, R>(value))
    }

    #[inline]
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), P::Error> {
        self.parts.serialize_entry(&self.watch.value::<_, R>(key), &self.watch.value::<_, R>(value))
    }

    #[inline]
    fn end(self) -> Result<P::Ok, P::Error> {
        self.watch.leave(LEVELS);
        self.parts.end()
    }
}
