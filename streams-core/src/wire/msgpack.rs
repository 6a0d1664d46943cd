//! MessagePack, through rmp-serde: JSON's structure in fewer bytes.
//!
//! Bytes are scanned once, without recursion, before rmp-serde sees them. rmp-serde does not count enums towards its
//! depth limit, so crafted bytes could overflow the stack through an enum that contains itself; it also ignores bytes
//! after the value, and trusts the lengths it reads.

use rmp::Marker;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::json::Json;
use super::serde_value::SerdeValue;
use super::strict::{self, Format, Rules};
use super::{Codec, DecodeError, EncodeError, json_form, outline};

/// The deepest nesting of arrays and maps that is read.
const DEPTH_MAX: usize = 128;

/// The MessagePack format, chosen with `#[streams(msgpack)]` on a type. Structs are maps from field names to values, so
/// fields can be added and reordered as in JSON. Values that could not be read back are refused as with
/// [`Json`], but NaN and infinities are allowed.
///
/// ```
/// use millstream::wire::Codec;
/// use millstream::wire::msgpack::MessagePack;
///
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Click {
///     page: String,
/// }
///
/// let mut bytes = Vec::new();
/// MessagePack::encode(&Click { page: "/".to_owned() }, &mut bytes)?;
/// assert_eq!(bytes, b"\x81\xa4page\xa1/");
/// # Ok::<(), millstream::wire::EncodeError>(())
/// ```
#[derive(Debug, Clone, Copy)]
pub struct MessagePack;

impl Rules for MessagePack {
    const HAS_ALL_FLOATS: bool = true;
    const UNIT_STRUCT_IS_NONE: bool = false;
    const BYTES_ARE_A_LIST: bool = false;
    const DEPTH_MAX: u32 = DEPTH_MAX as u32;
}

impl Format for MessagePack {
    const NAME: &str = "MessagePack";

    type Error = rmp_serde::encode::Error;

    #[inline]
    fn write<T: Serialize>(value: &T, out: &mut Vec<u8>) -> Result<(), Self::Error> {
        let mut serializer = rmp_serde::Serializer::new(out).with_struct_map();
        value.serialize(&mut serializer)
    }

    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
        check_shape(bytes)?;
        rmp_serde::from_slice(bytes).map_err(|error| error.to_string())
    }
}

impl<T: SerdeValue> Codec<T> for MessagePack {
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

/// Checks that the bytes are exactly one value, that no length exceeds them, and that they are not nested too deep.
fn check_shape(bytes: &[u8]) -> Result<(), String> {
    let mut rest = bytes;
    // The number of values that each open array or map still lacks, the outermost first.
    let mut open = [0_u64; DEPTH_MAX];
    let mut depth = 0;
    loop {
        let (payload, children) = item(&mut rest)?;
        rest = usize::try_from(payload)
            .ok()
            .and_then(|payload| rest.get(payload..))
            .ok_or_else(|| format!("it ends in the middle: {payload} bytes are announced, {} follow", rest.len()))?;
        if children > rest.len() as u64 {
            return Err(format!("it ends in the middle: {children} values are announced, {} bytes follow", rest.len()));
        }
        if children > 0 {
            *open.get_mut(depth).ok_or_else(|| format!("it is nested deeper than {DEPTH_MAX}"))? = children;
            depth += 1;
            continue;
        }
        // The value is complete, and so is each array or map whose last value it was.
        while let Some(lacking) = open[..depth].last_mut() {
            *lacking -= 1;
            if *lacking > 0 {
                break;
            }
            depth -= 1;
        }
        if depth == 0 {
            break;
        }
    }
    match rest.len() {
        0 => Ok(()),
        left => Err(format!("{left} bytes are left after the value")),
    }
}

/// Reads one marker and its length, and returns how many bytes and how many values belong to it.
fn item(rest: &mut &[u8]) -> Result<(u64, u64), String> {
    let [marker] = number(rest)?;
    Ok(match Marker::from_u8(marker) {
        Marker::Null | Marker::True | Marker::False | Marker::FixPos(_) | Marker::FixNeg(_) => (0, 0),
        Marker::U8 | Marker::I8 => (1, 0),
        Marker::U16 | Marker::I16 => (2, 0),
        Marker::U32 | Marker::I32 | Marker::F32 => (4, 0),
        Marker::U64 | Marker::I64 | Marker::F64 => (8, 0),
        Marker::FixStr(length) => (u64::from(length), 0),
        Marker::Str8 | Marker::Bin8 => (length_8(rest)?, 0),
        Marker::Str16 | Marker::Bin16 => (length_16(rest)?, 0),
        Marker::Str32 | Marker::Bin32 => (length_32(rest)?, 0),
        // An extension has one byte for its type before its payload.
        Marker::FixExt1 => (2, 0),
        Marker::FixExt2 => (3, 0),
        Marker::FixExt4 => (5, 0),
        Marker::FixExt8 => (9, 0),
        Marker::FixExt16 => (17, 0),
        Marker::Ext8 => (length_8(rest)? + 1, 0),
        Marker::Ext16 => (length_16(rest)? + 1, 0),
        Marker::Ext32 => (length_32(rest)? + 1, 0),
        Marker::FixArray(length) => (0, u64::from(length)),
        Marker::Array16 => (0, length_16(rest)?),
        Marker::Array32 => (0, length_32(rest)?),
        Marker::FixMap(length) => (0, u64::from(length) * 2),
        Marker::Map16 => (0, length_16(rest)? * 2),
        Marker::Map32 => (0, length_32(rest)? * 2),
        Marker::Reserved => return Err("no MessagePack value starts with byte 0xc1".to_owned()),
    })
}

fn length_8(rest: &mut &[u8]) -> Result<u64, String> {
    number(rest).map(|[length]| u64::from(length))
}

fn length_16(rest: &mut &[u8]) -> Result<u64, String> {
    number(rest).map(|length| u64::from(u16::from_be_bytes(length)))
}

fn length_32(rest: &mut &[u8]) -> Result<u64, String> {
    number(rest).map(|length| u64::from(u32::from_be_bytes(length)))
}

fn number<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], String> {
    let (number, behind) = rest.split_first_chunk().ok_or("it ends in the middle")?;
    *rest = behind;
    Ok(*number)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Chain {
        End,
        Next(Box<Chain>),
        Named { text: String, number: Option<f64> },
    }

    fn reason<T: SerdeValue + std::fmt::Debug>(bytes: &[u8]) -> String {
        <MessagePack as Codec<T>>::decode(bytes).unwrap_err().reason
    }

    #[test]
    fn wrong_bytes_are_refused_with_a_sentence() {
        for (bytes, expected) in [
            (&b""[..], "as MessagePack: it ends in the middle"),
            (b"\xc1", "as MessagePack: no MessagePack value starts with byte 0xc1"),
            (b"\x01\x02", "as MessagePack: 1 bytes are left after the value"),
            (
                b"\xdb\xff\xff\xff\xff",
                "as MessagePack: it ends in the middle: 4294967295 bytes are announced, 0 follow",
            ),
            (
                b"\xdd\xff\xff\xff\xff",
                "as MessagePack: it ends in the middle: 4294967295 values are announced, 0 bytes follow",
            ),
            (
                b"\xdf\xff\xff\xff\xff",
                "as MessagePack: it ends in the middle: 8589934590 values are announced, 0 bytes follow",
            ),
            (b"\x92\x01", "as MessagePack: it ends in the middle: 2 values are announced, 1 bytes follow"),
        ] {
            assert_eq!(reason::<serde_json::Value>(bytes), expected, "{}", bytes.escape_ascii());
        }
    }

    /// The bytes determine the depth; without a limit they would overflow the stack and end the process.
    #[test]
    fn deep_nesting_is_an_error() {
        let arrays = [&[0x91; 100_000][..], b"\xc0"].concat();
        let maps = [b"\x81\xa1a".repeat(100_000).as_slice(), b"\xc0"].concat();
        let enums = [b"\x81\xa4Next".repeat(100_000).as_slice(), b"\xa3End"].concat();
        let expected = "as MessagePack: it is nested deeper than 128";
        assert_eq!(reason::<serde_json::Value>(&arrays), expected);
        assert_eq!(reason::<serde_json::Value>(&maps), expected);
        assert_eq!(reason::<Chain>(&enums), expected);
    }

    #[test]
    fn the_limit_allows_128_levels() {
        let at_limit = [&[0x91; 128][..], b"\xc0"].concat();
        let above = [&[0x91; 129][..], b"\xc0"].concat();
        assert!(<MessagePack as Codec<serde_json::Value>>::decode(&at_limit).is_ok());
        assert!(<MessagePack as Codec<serde_json::Value>>::decode(&above).is_err());
    }

    fn chains() -> impl Strategy<Value = Chain> {
        let leaf = prop_oneof![
            Just(Chain::End),
            (".*", proptest::option::of(-1e9..1e9)).prop_map(|(text, number)| Chain::Named { text, number }),
        ];
        leaf.prop_recursive(8, 8, 1, |inner| inner.prop_map(|chain| Chain::Next(Box::new(chain))))
    }

    proptest! {
        #[test]
        fn values_survive_the_trip(chain in chains()) {
            let mut bytes = Vec::new();
            MessagePack::encode(&chain, &mut bytes).unwrap();
            prop_assert_eq!(<MessagePack as Codec<Chain>>::decode(&bytes).unwrap(), chain);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = <MessagePack as Codec<Chain>>::decode(&bytes);
            let _ = <MessagePack as Codec<serde_json::Value>>::decode(&bytes);
        }

        /// The scan must accept everything that rmp-serde writes.
        #[test]
        fn whatever_rmp_writes_has_a_good_shape(values in proptest::collection::vec(any::<(i64, String, Option<bool>, f32)>(), 0..40)) {
            let bytes = rmp_serde::to_vec(&values).unwrap();
            prop_assert_eq!(check_shape(&bytes), Ok(()));
        }
    }
}
