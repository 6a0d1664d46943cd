//! Types that have a wire format without a derive: numbers, booleans, strings, bytes and UUIDs. They are written like
//! Java's serdes of the same name write them (`Serdes.Long()`, `Serdes.String()`, ...), so topics can be shared with
//! Java.
//!
//! Numbers are big-endian. The unsigned ones and `i8` have no counterpart in Java: a `u64` is written like a `Long`, so
//! values above `i64::MAX` look negative there. Lists are in [`super::list`].

use std::num::NonZeroUsize;
use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value as JsonValue;
use uuid::Uuid;

use super::json_form::{self, unexpected};
use super::{DecodeError, EncodeError, Key, Value, WindowSize};

/// The bytes as an array of the length that a `T` takes.
fn exactly<T, const N: usize>(bytes: &[u8]) -> Result<[u8; N], DecodeError> {
    bytes.try_into().map_err(|_| {
        DecodeError::new::<T>(format!(
            "it has {} bytes, but this type takes {N}; the topic contains another type",
            bytes.len()
        ))
    })
}

macro_rules! big_endian {
    ($($number:ty: $fixed_size:expr),* $(,)?) => { $(
        impl Value for $number {
            const FIXED_SIZE: Option<NonZeroUsize> = $fixed_size;
            const CANONICAL: bool = true;

            #[inline]
            fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
                out.extend_from_slice(&self.to_be_bytes());
                Ok(())
            }

            #[inline]
            fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
                exactly::<Self, { size_of::<Self>() }>(bytes).map(Self::from_be_bytes)
            }

            fn to_json(&self) -> Result<JsonValue, EncodeError> {
                Ok(JsonValue::from(*self))
            }

            fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
                json_form::integer(json).map_err(DecodeError::new::<Self>)
            }

            fn example_text() -> String {
                "42".to_owned()
            }
        }

        impl Key for $number {}
    )* };
}

// Java has no serde for single bytes, so its lists have no fixed size for them.
big_endian! {
    i8: None, i16: NonZeroUsize::new(2), i32: NonZeroUsize::new(4), i64: NonZeroUsize::new(8),
    u8: None, u16: NonZeroUsize::new(2), u32: NonZeroUsize::new(4), u64: NonZeroUsize::new(8),
}

/// Java's `Serdes.Float()`: the bits as they are, even those of NaN.
impl Value for f32 {
    const FIXED_SIZE: Option<NonZeroUsize> = NonZeroUsize::new(4);

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        exactly::<Self, 4>(bytes).map(Self::from_be_bytes)
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        Ok(json_form::of_small_float(*self))
    }

    #[allow(clippy::cast_possible_truncation, reason = "the nearest one is meant")]
    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        json_form::float(json).map(|number| number as Self).map_err(DecodeError::new::<Self>)
    }

    fn example_text() -> String {
        "1.5".to_owned()
    }
}

/// Java's `Serdes.Double()`: all NaNs are written the same, as with Java's `doubleToLongBits`.
impl Value for f64 {
    const FIXED_SIZE: Option<NonZeroUsize> = NonZeroUsize::new(8);

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        const NAN: u64 = 0x7ff8_0000_0000_0000;
        let bits = if self.is_nan() { NAN } else { self.to_bits() };
        out.extend_from_slice(&bits.to_be_bytes());
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        exactly::<Self, 8>(bytes).map(Self::from_be_bytes)
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        Ok(json_form::of_float(*self))
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        json_form::float(json).map_err(DecodeError::new::<Self>)
    }

    fn example_text() -> String {
        "1.5".to_owned()
    }
}

/// Java's `Serdes.Boolean()`: one byte, 1 or 0; anything else is an error, as in Java.
impl Value for bool {
    const CANONICAL: bool = true;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.push(u8::from(*self));
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match exactly::<Self, 1>(bytes)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [other] => Err(DecodeError::new::<Self>(format!("the byte is {other:#04x}, not 0x00 or 0x01"))),
        }
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        Ok(JsonValue::from(*self))
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        json.as_bool().ok_or_else(|| DecodeError::new::<Self>(unexpected("`true` or `false`", json)))
    }

    fn example_text() -> String {
        "true".to_owned()
    }
}

impl Key for bool {}

/// Java's `Serdes.String()`: UTF-8. Bytes that are not UTF-8 are an error; Java would silently replace them with U+FFFD.
impl Value for String {
    const CANONICAL: bool = true;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        text::<Self>(bytes).map(str::to_owned)
    }

    fn check(bytes: &[u8]) -> Result<(), DecodeError> {
        text::<Self>(bytes).map(drop)
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        Ok(JsonValue::from(&**self))
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let text = json.as_str().ok_or_else(|| DecodeError::new::<Self>(unexpected("a string", json)))?;
        Ok(Self::from(text))
    }

    fn from_text(text: &str) -> Result<Self, DecodeError> {
        Ok(Self::from(text))
    }
}

impl Key for String {}

/// As `String`, but cheap to clone.
impl Value for Arc<str> {
    const CANONICAL: bool = true;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(self.as_bytes());
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        text::<Self>(bytes).map(Self::from)
    }

    fn check(bytes: &[u8]) -> Result<(), DecodeError> {
        text::<Self>(bytes).map(drop)
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        Ok(JsonValue::from(&**self))
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let text = json.as_str().ok_or_else(|| DecodeError::new::<Self>(unexpected("a string", json)))?;
        Ok(Self::from(text))
    }

    fn from_text(text: &str) -> Result<Self, DecodeError> {
        Ok(Self::from(text))
    }
}

impl Key for Arc<str> {}

#[inline]
fn text<T>(bytes: &[u8]) -> Result<&str, DecodeError> {
    std::str::from_utf8(bytes).map_err(|error| DecodeError::new::<T>(format!("not UTF-8: {error}")))
}

/// Java's `Serdes.ByteArray()`: the bytes themselves. For a list of numbers see [`super::List`].
impl Value for Vec<u8> {
    const CANONICAL: bool = true;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(self);
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(bytes.to_vec())
    }

    fn check(_bytes: &[u8]) -> Result<(), DecodeError> {
        Ok(())
    }
}

impl Key for Vec<u8> {}

/// As `Vec<u8>`, but cheap to clone.
impl Value for Bytes {
    const CANONICAL: bool = true;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(self);
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        Ok(Self::copy_from_slice(bytes))
    }
}

impl Key for Bytes {}

/// Java's `Serdes.UUID()`: the text form, 36 characters. Upper and lower case are read; lower case is written.
impl Value for Uuid {
    const FIXED_SIZE: Option<NonZeroUsize> = NonZeroUsize::new(36);

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(self.hyphenated().encode_lower(&mut Uuid::encode_buffer()).as_bytes());
        Ok(())
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let text = exactly::<Self, 36>(bytes)?;
        Self::try_parse_ascii(&text).map_err(|error| DecodeError::new::<Self>(error.to_string()))
    }

    fn example_text() -> String {
        "67e55044-10b1-426f-9247-bb680e5fe0c8".to_owned()
    }
}

impl Key for Uuid {}

/// As the inner type; for values that are large and rarely changed.
impl<V: Value> Value for Arc<V> {
    const FIXED_SIZE: Option<NonZeroUsize> = V::FIXED_SIZE;

    #[inline]
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        V::encode(self, out)
    }

    #[inline]
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        V::decode(bytes).map(Self::new)
    }

    fn partition_bytes(encoded: &[u8]) -> &[u8] {
        V::partition_bytes(encoded)
    }

    const WINDOWS: usize = V::WINDOWS;

    fn set_window_sizes(&mut self, sizes: &[WindowSize]) {
        if V::WINDOWS > 0 {
            Self::make_mut(self).set_window_sizes(sizes);
        }
    }

    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        V::to_json(self)
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        V::from_json(json).map(Self::new)
    }

    fn from_text(text: &str) -> Result<Self, DecodeError> {
        V::from_text(text).map(Self::new)
    }

    fn example_text() -> String {
        V::example_text()
    }
}

impl<K: Key> Key for Arc<K> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason<V: Value + std::fmt::Debug>(bytes: &[u8]) -> String {
        V::decode(bytes).unwrap_err().reason
    }

    #[test]
    fn wrong_bytes_are_refused_with_a_sentence() {
        for (expected, actual) in [
            ("it has 7 bytes, but this type takes 8; the topic contains another type", reason::<i64>(&[0; 7])),
            ("it has 9 bytes, but this type takes 8; the topic contains another type", reason::<u64>(&[0; 9])),
            ("it has 0 bytes, but this type takes 2; the topic contains another type", reason::<i16>(&[])),
            ("it has 8 bytes, but this type takes 4; the topic contains another type", reason::<f32>(&[0; 8])),
            ("it has 0 bytes, but this type takes 1; the topic contains another type", reason::<bool>(&[])),
            ("the byte is 0x02, not 0x00 or 0x01", reason::<bool>(&[2])),
            ("not UTF-8: invalid utf-8 sequence of 1 bytes from index 1", reason::<String>(b"a\xff")),
            ("not UTF-8: incomplete utf-8 byte sequence from index 0", reason::<Arc<str>>(b"\xe2\x82")),
            ("it has 16 bytes, but this type takes 36; the topic contains another type", reason::<Uuid>(&[0; 16])),
        ] {
            assert_eq!(actual, expected);
        }
    }

    #[test]
    fn a_uuid_is_read_only_with_its_hyphens_in_place() {
        let lower = b"123e4567-e89b-12d3-a456-426614174000";
        assert_eq!(Uuid::decode(lower).unwrap(), Uuid::from_u128(0x123e_4567_e89b_12d3_a456_4266_1417_4000));
        assert_eq!(Uuid::decode(&lower.to_ascii_uppercase()).unwrap(), Uuid::decode(lower).unwrap());
        for wrong in
            [&b"123e4567e-89b-12d3-a456-426614174000"[..], b"123e4567-e89b-12d3-a456-42661417400g", &[0xff; 36]]
        {
            assert!(Uuid::decode(wrong).is_err(), "{}", wrong.escape_ascii());
        }
    }
}
