//! The bytes of a table row's update, as the repartition topic of `table.group_by(..)` stores them.
//!
//! The layouts are Kafka Streams' (`ChangedSerializer`, with both sides in one record since KIP-904); the last byte says
//! which one it is:
//!
//! ```text
//! old | 0x00                                  new | 0x01
//! length of new (varint) | new | old | 0x02
//! ```
//!
//! 0x03, 0x04 and 0x05 are the same layouts with an additional byte before the last: whether this is the row's latest
//! update. Nothing writes them yet; Java reads them, and so do we.

use bytes::Bytes;
use serde_json::{Value as JsonValue, json};

use super::json_form::{field, typed_json};
use super::list::example_json;
use super::{DecodeError, EncodeError, Field, Value};
use crate::record::Change;

const OLD: u8 = 0;
const NEW: u8 = 1;
const BOTH: u8 = 2;
/// The layouts with the "is latest" byte add this to the flags above.
const WITH_LATEST: u8 = 3;

/// A change whose sides have not been decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeBytes<'a> {
    /// The row before the update; `None` if there was none or nothing downstream needs it.
    pub old: Option<&'a [u8]>,
    /// The row after the update; `None` deletes it.
    pub new: Option<&'a [u8]>,
    /// Whether no later update of the row is known; `true` if the layout does not say.
    pub is_latest: bool,
}

/// Appends a change to `out`.
///
/// # Errors
/// When both sides are missing: Java's format has no layout for that.
pub fn encode_change(old: Option<&[u8]>, new: Option<&[u8]>, out: &mut Vec<u8>) -> Result<(), EncodeError> {
    match (old, new) {
        (None, None) => return Err(nothing::<Bytes>()),
        (Some(old), None) => {
            out.extend_from_slice(old);
            out.push(OLD);
        }
        (None, Some(new)) => {
            out.extend_from_slice(new);
            out.push(NEW);
        }
        (Some(old), Some(new)) => {
            out.extend(length_varint::<Bytes>(new.len())?);
            out.extend_from_slice(new);
            out.extend_from_slice(old);
            out.push(BOTH);
        }
    }
    Ok(())
}

/// Splits a change into its sides.
///
/// # Errors
/// When the bytes are in none of the layouts above.
pub fn decode_change(bytes: &[u8]) -> Result<ChangeBytes<'_>, DecodeError> {
    split(bytes).map_err(DecodeError::new::<Change<Bytes>>)
}

fn split(bytes: &[u8]) -> Result<ChangeBytes<'_>, String> {
    let (flag, rest) = bytes.split_last().ok_or("it is empty; a change ends with a byte that says what it contains")?;
    let (sides, is_latest, data) = match flag {
        OLD..=BOTH => (*flag, true, rest),
        WITH_LATEST..=5 => match rest.split_last() {
            Some((0, data)) => (*flag - WITH_LATEST, false, data),
            Some((1, data)) => (*flag - WITH_LATEST, true, data),
            Some((other, _)) => return Err(format!("its second to last byte is {other:#04x}, not 0x00 or 0x01")),
            None => return Err("it has 1 byte, but its layout needs 2".to_owned()),
        },
        other => return Err(format!("its last byte is {other:#04x}; 0x00 to 0x05 are known")),
    };
    Ok(match sides {
        OLD => ChangeBytes { old: Some(data), new: None, is_latest },
        NEW => ChangeBytes { old: None, new: Some(data), is_latest },
        _ => {
            let (length, data) = read_varint(data)?;
            let (new, old) = usize::try_from(length)
                .ok()
                .and_then(|length| data.split_at_checked(length))
                .ok_or_else(|| format!("the new value should have {length} bytes, {} follow", data.len()))?;
            ChangeBytes { old: Some(old), new: Some(new), is_latest }
        }
    })
}

/// The layouts above around the format of `V`.
impl<V: Value> Value for Change<V> {
    const WINDOWS: usize = V::WINDOWS;

    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        let start = out.len();
        match (&self.old, &self.new) {
            (None, None) => return Err(nothing::<V>()),
            (Some(old), None) => {
                old.encode(out)?;
                out.push(OLD);
            }
            (None, Some(new)) => {
                new.encode(out)?;
                out.push(NEW);
            }
            (Some(old), Some(new)) => {
                new.encode(out)?;
                out.splice(start..start, length_varint::<V>(out.len() - start)?);
                old.encode(out)?;
                out.push(BOTH);
            }
        }
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let change = split(bytes).map_err(DecodeError::new::<Self>)?;
        let (old, new) = (change.old.map(V::decode).transpose()?, change.new.map(V::decode).transpose()?);
        Ok(Self { old, new, is_latest: change.is_latest })
    }

    /// An update that is not the latest of its row says so.
    fn to_json(&self) -> Result<JsonValue, EncodeError> {
        let mut json = json!({ "old": self.old.write_json()?, "new": self.new.write_json()? });
        if !self.is_latest {
            json["is_latest"] = false.into();
        }
        Ok(json)
    }

    fn from_json(json: &JsonValue) -> Result<Self, DecodeError> {
        let side = |name| match field(json, name) {
            Ok(side) => Option::<V>::read_json(side),
            Err(reason) => Err(DecodeError::new::<Self>(reason)),
        };
        let is_latest = json.get("is_latest").and_then(JsonValue::as_bool).unwrap_or(true);
        Ok(Self { old: side("old")?, new: side("new")?, is_latest })
    }

    fn from_text(text: &str) -> Result<Self, DecodeError> {
        typed_json(text, Self::from_json)
    }

    fn example_text() -> String {
        format!("{{\"old\":null,\"new\":{}}}", example_json::<V>())
    }
}

fn nothing<V>() -> EncodeError {
    EncodeError::new::<Change<V>>("it has neither an old nor a new value")
}

/// A length as Kafka writes it: zig-zag encoded (that is, doubled), in groups of 7 bits, the lowest first.
fn length_varint<V>(length: usize) -> Result<impl Iterator<Item = u8>, EncodeError> {
    let length = i32::try_from(length)
        .map_err(|_| EncodeError::new::<Change<V>>(format!("a value of {length} bytes is too long for its layout")))?;
    let mut left = Some(length.cast_unsigned() << 1);
    Ok(std::iter::from_fn(move || {
        let number = left?;
        let [low, ..] = number.to_le_bytes();
        let more = number > 0x7f;
        left = more.then_some(number >> 7);
        Some(if more { low | 0x80 } else { low })
    }))
}

fn read_varint(bytes: &[u8]) -> Result<(i32, &[u8]), String> {
    let mut number = 0_u64;
    for (position, byte) in bytes.iter().take(5).enumerate() {
        number |= u64::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            let zig_zag = u32::try_from(number).map_err(|_| "the new value's length is above 32 bits")?;
            let length = (zig_zag >> 1).cast_signed() ^ -(zig_zag & 1).cast_signed();
            return Ok((length, bytes.get(position + 1..).unwrap_or_default()));
        }
    }
    Err("the new value's length does not end".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parts<'a>(
        old: impl Into<Option<&'a [u8]>>,
        new: impl Into<Option<&'a [u8]>>,
        is_latest: bool,
    ) -> ChangeBytes<'a> {
        ChangeBytes { old: old.into(), new: new.into(), is_latest }
    }

    #[test]
    fn every_layout_java_reads_is_read() {
        for (bytes, expected) in [
            (&b"\0"[..], parts(&b""[..], None, true)),
            (b"ab\0", parts(&b"ab"[..], None, true)),
            (b"ab\x01", parts(None, &b"ab"[..], true)),
            (b"\x02abc\x02", parts(&b"bc"[..], &b"a"[..], true)),
            (b"ab\0\x03", parts(&b"ab"[..], None, false)),
            (b"ab\x01\x04", parts(None, &b"ab"[..], true)),
            (b"\x02abc\0\x05", parts(&b"bc"[..], &b"a"[..], false)),
            (b"\x02abc\x01\x05", parts(&b"bc"[..], &b"a"[..], true)),
            // A length that takes more bytes than necessary.
            (b"\x82\0abc\x02", parts(&b"bc"[..], &b"a"[..], true)),
        ] {
            assert_eq!(decode_change(bytes), Ok(expected), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn wrong_bytes_are_refused_with_a_sentence() {
        for (bytes, expected) in [
            (&b""[..], "it is empty; a change ends with a byte that says what it contains"),
            (b"a\x06", "its last byte is 0x06; 0x00 to 0x05 are known"),
            (b"\x03", "it has 1 byte, but its layout needs 2"),
            (b"a\x02\x04", "its second to last byte is 0x02, not 0x00 or 0x01"),
            (b"\x02", "the new value's length does not end"),
            (b"\xff\xff\xff\xff\xff\x02", "the new value's length does not end"),
            (b"\xff\xff\xff\xff\x7f\x02", "the new value's length is above 32 bits"),
            (b"\x01\x02", "the new value should have -1 bytes, 0 follow"),
            (b"\x06ab\x02", "the new value should have 3 bytes, 2 follow"),
            (b"\xfe\xff\xff\xff\x0f\x02", "the new value should have 2147483647 bytes, 0 follow"),
        ] {
            assert_eq!(decode_change(bytes).map_err(|error| error.reason), Err(expected.to_owned()), "{bytes:?}");
        }
    }

    #[test]
    fn a_change_of_nothing_into_nothing_cannot_be_written() {
        let mut out = Vec::new();
        assert!(encode_change(None, None, &mut out).is_err());
        assert!(Change::<String>::latest(None, None).encode(&mut out).is_err());
        assert_eq!(out, b"");
    }

    proptest! {
        #[test]
        fn changes_survive_the_trip_and_both_writers_agree(
            old in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
            new in proptest::option::of(proptest::collection::vec(any::<u8>(), 0..300)),
        ) {
            prop_assume!(old.is_some() || new.is_some());
            let mut bytes = b"before".to_vec();
            encode_change(old.as_deref(), new.as_deref(), &mut bytes).unwrap();
            let bytes = bytes.split_off(6);
            prop_assert_eq!(decode_change(&bytes).unwrap(), parts(old.as_deref(), new.as_deref(), true));

            let change = Change::latest(old, new);
            let mut typed = Vec::new();
            change.encode(&mut typed).unwrap();
            prop_assert_eq!(&typed, &bytes);
            prop_assert_eq!(Change::decode(&typed).unwrap(), change);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40), flag in 0_u8..8) {
            let _ = decode_change(&bytes);
            let _ = Change::<String>::decode(&[bytes, vec![flag]].concat());
        }
    }
}
