//! Compares our bytes and hashes with Java's.
//!
//! The tables were printed by a small Java program with kafka-clients 4.3.1 and kafka-streams 4.3.1. Each row is
//! `hex(new XSerializer().serialize("t", value))` or `Utils.murmur2(bytes)` with `Utils.toPositive(hash) % partitions`.
//! Lists are written by `new ListSerializer<>(inner)`, changes by `new ChangedSerializer<>(inner)`.

use std::fmt::Debug;

use bytes::Bytes;
use proptest::prelude::*;
use uuid::Uuid;

use super::murmur2::{murmur2, partition_of};
use super::{Key, List, Value};
use crate::record::{Change, Partition};

fn encoded<V: Value>(value: &V) -> Vec<u8> {
    let mut bytes = Vec::new();
    value.encode(&mut bytes).unwrap();
    bytes
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

/// Each value is written as Java's bytes, and Java's bytes are read as that value.
fn check<V: Value + Debug + PartialEq>(rows: impl IntoIterator<Item = (V, &'static str)>) {
    for (value, java) in rows {
        assert_eq!(hex(&encoded(&value)), java, "{value:?}");
        assert_eq!(V::decode(&unhex(java)).unwrap(), value, "{java}");
    }
}

#[test]
fn integers_have_javas_bytes() {
    check([(0_i16, "0000"), (1, "0001"), (-1, "ffff"), (256, "0100"), (i16::MIN, "8000"), (i16::MAX, "7fff")]);
    check([
        (0_i32, "00000000"),
        (1, "00000001"),
        (-1, "ffffffff"),
        (65_536, "00010000"),
        (i32::MIN, "80000000"),
        (i32::MAX, "7fffffff"),
    ]);
    check([
        (0_i64, "0000000000000000"),
        (1, "0000000000000001"),
        (-1, "ffffffffffffffff"),
        (4_294_967_296, "0000000100000000"),
        (1_700_000_000_000, "0000018bcfe56800"),
        (i64::MIN, "8000000000000000"),
        (i64::MAX, "7fffffffffffffff"),
    ]);
}

/// These formats have no counterpart in Java, and must not change.
#[test]
fn unsigned_integers_and_bytes_are_big_endian() {
    check([(0_u8, "00"), (255, "ff")]);
    check([(-1_i8, "ff"), (127, "7f")]);
    check([(1_u16, "0001"), (u16::MAX, "ffff")]);
    check([(1_u32, "00000001"), (u32::MAX, "ffffffff")]);
    check([(1_u64, "0000000000000001"), (u64::MAX, "ffffffffffffffff")]);
}

#[test]
fn floats_have_javas_bytes() {
    check([
        (0.0_f32, "00000000"),
        (-0.0, "80000000"),
        (1.0, "3f800000"),
        (-1.5, "bfc00000"),
        (std::f32::consts::PI, "40490fdb"),
        (f32::MAX, "7f7fffff"),
        (f32::from_bits(1), "00000001"),
        (f32::INFINITY, "7f800000"),
    ]);
    check([
        (0.0_f64, "0000000000000000"),
        (-0.0, "8000000000000000"),
        (1.0, "3ff0000000000000"),
        (-1.5, "bff8000000000000"),
        (std::f64::consts::PI, "400921fb54442d18"),
        (f64::MAX, "7fefffffffffffff"),
        (f64::from_bits(1), "0000000000000001"),
        (f64::NEG_INFINITY, "fff0000000000000"),
    ]);
}

/// Java's float serde keeps a NaN's bits; its double serde does not.
#[test]
fn nan_has_javas_bytes() {
    for (bits, java) in [(0x7fc0_0000, "7fc00000"), (0xffc0_0001, "ffc00001")] {
        assert_eq!(hex(&encoded(&f32::from_bits(bits))), java);
    }
    for (bits, java) in [(0x7ff8_0000_0000_0000, "7ff8000000000000"), (0xfff8_0000_0000_0001, "7ff8000000000000")] {
        assert_eq!(hex(&encoded(&f64::from_bits(bits))), java);
    }
}

#[test]
fn booleans_strings_bytes_and_uuids_have_javas_bytes() {
    check([(true, "01"), (false, "00")]);
    check(
        [("", ""), ("a", "61"), ("café", "636166c3a9"), ("日本", "e697a5e69cac"), ("😀", "f09f9880"), ("\0", "00")]
            .map(|(text, java)| (text.to_owned(), java)),
    );
    check([(vec![], ""), (vec![0_u8, 255], "00ff")]);
    check([(Bytes::new(), ""), (Bytes::from_static(&[0, 255]), "00ff")]);
    check([
        (
            Uuid::from_u128(0x123e_4567_e89b_12d3_a456_4266_1417_4000),
            "31323365343536372d653839622d313264332d613435362d343236363134313734303030",
        ),
        (Uuid::nil(), "30303030303030302d303030302d303030302d303030302d303030303030303030303030"),
        (Uuid::max(), "66666666666666662d666666662d666666662d666666662d666666666666666666666666"),
    ]);
}

#[test]
fn lists_have_javas_bytes() {
    let text = |text: &str| text.to_owned();
    check([(List::<i16>(vec![]), "000000000000000000"), (List(vec![1, -2]), "0000000000000000020001fffe")]);
    check([(List(vec![Some(1_i32), None, Some(3), None]), "00000000020000000100000003000000040000000100000003")]);
    check([(List(vec![7_i64]), "0000000000000000010000000000000007")]);
    check([(List(vec![1.5_f32]), "0000000000000000013fc00000")]);
    check([(List(vec![None::<f64>]), "00000000010000000000000001")]);
    check([(
        List(vec![Uuid::nil()]),
        "00000000000000000130303030303030302d303030302d303030302d303030302d303030303030303030303030",
    )]);
    check([(List::<String>(vec![]), "0100000000")]);
    check([(
        List(vec![Some(text("a")), None, Some(text("")), Some(text("café"))]),
        "01000000040000000161ffffffff0000000000000005636166c3a9",
    )]);
    check([(List(vec![true, false]), "010000000200000001010000000100")]);
    check([(List(vec![vec![0_u8, 255]]), "01000000010000000200ff")]);
    check([(
        List(vec![List(vec![1_i16]), List(vec![])]),
        "01000000020000000b000000000000000001000100000009000000000000000000",
    )]);
}

#[test]
fn changes_have_javas_bytes() {
    let text = |old: Option<&str>, new: Option<&str>| Change::latest(old.map(str::to_owned), new.map(str::to_owned));
    check([
        (text(None, Some("a")), "6101"),
        (text(Some("b"), None), "6200"),
        (text(Some("bc"), Some("a")), "0261626302"),
        (text(Some(""), Some("")), "0002"),
        (text(None, Some("")), "01"),
    ]);
    check([(Change::latest(Some(-1_i64), Some(7)), "100000000000000007ffffffffffffffff02")]);
    // The length of the new value takes one byte, two, and three.
    for (length, java) in [(63, "7e78"), (64, "800178"), (8192, "80800178")] {
        let bytes = encoded(&text(Some("y"), Some(&"x".repeat(length))));
        assert!(hex(&bytes).starts_with(java) && hex(&bytes).ends_with("787902"), "{length}");
        assert_eq!(Change::decode(&bytes).unwrap(), text(Some("y"), Some(&"x".repeat(length))));
    }
}

#[test]
#[allow(clippy::cast_sign_loss, reason = "Java's hash is signed")]
fn keys_choose_javas_partition() {
    // Key, hash, partition of 3, of 12, of 100.
    for (key, hash, partitions) in [
        ("", 275_646_681_i32, [0, 9, 81]),
        ("a", -1_563_381_124, [1, 4, 24]),
        ("b", -1_853_091_852, [2, 8, 96]),
        ("ab", 316_155_434, [2, 2, 34]),
        ("abc", 479_470_107, [0, 3, 7]),
        ("abcd", -1_323_649_548, [2, 8, 0]),
        ("abcde", 461_995_741, [1, 1, 41]),
        ("abcdef", 1_870_650_108, [0, 0, 8]),
        ("abcdefg", -346_467_175, [1, 1, 73]),
        ("abcdefgh", -955_427_363, [0, 9, 85]),
        ("user-1", 1_404_122_828, [2, 8, 28]),
        ("user-2", -324_981_792, [2, 8, 56]),
        ("user-42", 1_459_644_460, [1, 4, 60]),
        ("word", 1_166_608_147, [1, 7, 47]),
        ("hello", 2_132_663_229, [0, 9, 29]),
        ("kafka", -798_503_068, [1, 4, 80]),
        ("streams", 1_819_902_956, [2, 8, 56]),
        ("millstream", 1_106_344_398, [0, 6, 98]),
        ("to", -1_748_727_416, [0, 0, 32]),
        ("be", 1_039_529_744, [2, 8, 44]),
        ("or", -490_689_853, [1, 7, 95]),
        ("not", -2_036_148_147, [2, 5, 1]),
        ("café", -1_358_007_374, [0, 6, 74]),
        ("日本", -700_811_021, [0, 3, 27]),
        ("😀", 131_881_617, [0, 9, 17]),
        ("0", 971_027_396, [2, 8, 96]),
        ("00", 895_171_352, [2, 8, 52]),
        ("000", -195_066_456, [2, 8, 92]),
        ("0000", -1_739_413_287, [2, 5, 61]),
        ("The quick brown fox jumps over the lazy dog", 495_243_318, [0, 6, 18]),
    ] {
        assert_eq!(murmur2(key.as_bytes()), hash as u32, "{key}");
        let actual = [3, 12, 100].map(|count| partition_of(key.as_bytes(), count));
        assert_eq!(actual, partitions.map(Partition), "{key}");
        assert_eq!(partition_of(key.as_bytes(), 1), Partition(0), "{key}");
    }
    for (key, hash, partition) in [
        (0_i64, -522_759_933, 11),
        (1, 2_100_486_060, 0),
        (-1, 185_950_397, 5),
        (42, 506_863_552, 4),
        (1_700_000_000_000, -1_823_250_289, 7),
        (i64::MIN, 1_290_709_624, 4),
        (i64::MAX, -1_236_687_672, 8),
    ] {
        assert_eq!(murmur2(&encoded(&key)), hash as u32, "{key}");
        assert_eq!(partition_of(&encoded(&key), 12), Partition(partition), "{key}");
    }
    for (key, hash, partition) in [
        ("00", 375_494_588, 8),
        ("ff", -311_467_685, 3),
        ("ffffff", 1_548_199_422, 6),
        ("807f8101ff", -1_082_403_796, 4),
        ("00000000000000", 1_067_877_175, 7),
    ] {
        assert_eq!(murmur2(&unhex(key)), hash as u32, "{key}");
        assert_eq!(partition_of(&unhex(key), 12), Partition(partition), "{key}");
    }
}

#[test]
fn everything_that_can_be_compared_can_be_a_key() {
    fn is_key<K: Key>() {}
    is_key::<i8>();
    is_key::<i16>();
    is_key::<i32>();
    is_key::<i64>();
    is_key::<u8>();
    is_key::<u16>();
    is_key::<u32>();
    is_key::<u64>();
    is_key::<bool>();
    is_key::<String>();
    is_key::<std::sync::Arc<str>>();
    is_key::<std::sync::Arc<String>>();
    is_key::<Vec<u8>>();
    is_key::<Bytes>();
    is_key::<Uuid>();
    is_key::<List<Option<i32>>>();
    is_key::<List<String>>();
}

fn round_trip<V: Value + Debug + PartialEq>(value: V) -> Result<(), TestCaseError> {
    prop_assert_eq!(V::decode(&encoded(&value)).unwrap(), value);
    Ok(())
}

/// Bytes that can be read are written again unchanged.
fn reads_or_refuses<V: Value>(bytes: &[u8]) -> Result<(), TestCaseError> {
    if let Ok(value) = V::decode(bytes) {
        prop_assert_eq!(encoded(&value), bytes);
    }
    Ok(())
}

proptest! {
    #[test]
    fn values_survive_the_trip(
        numbers in any::<(i8, i16, i32, i64, u8, u16, u32, u64, bool)>(),
        floats in any::<(f32, f64)>(),
        text in any::<String>(),
        bytes in any::<Vec<u8>>(),
        uuid in any::<u128>(),
        longs in any::<Vec<Option<i64>>>(),
        texts in any::<Vec<Option<String>>>(),
        lists in any::<Vec<Vec<i16>>>(),
    ) {
        let (a, b, c, d, e, f, g, h, i) = numbers;
        [round_trip(a), round_trip(b), round_trip(c), round_trip(d)].into_iter().collect::<Result<(), _>>()?;
        [round_trip(e), round_trip(f), round_trip(g), round_trip(h)].into_iter().collect::<Result<(), _>>()?;
        [round_trip(i), round_trip(floats.0), round_trip(floats.1)].into_iter().collect::<Result<(), _>>()?;
        round_trip(std::sync::Arc::<str>::from(text.as_str()))?;
        round_trip(text)?;
        round_trip(Bytes::from(bytes.clone()))?;
        round_trip(bytes)?;
        round_trip(Uuid::from_u128(uuid))?;
        round_trip(List(longs))?;
        round_trip(List(texts))?;
        round_trip(List::from_iter(lists.into_iter().map(List)))?;
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..48)) {
        reads_or_refuses::<i16>(&bytes)?;
        reads_or_refuses::<i32>(&bytes)?;
        reads_or_refuses::<i64>(&bytes)?;
        reads_or_refuses::<f32>(&bytes)?;
        reads_or_refuses::<bool>(&bytes)?;
        reads_or_refuses::<String>(&bytes)?;
        reads_or_refuses::<Bytes>(&bytes)?;
        let _ = f64::decode(&bytes);
        let _ = Uuid::decode(&bytes);
    }

    /// Small numbers, so that the announced counts are sometimes right.
    #[test]
    fn no_bytes_make_a_list_panic(bytes in proptest::collection::vec(prop_oneof![9 => 0_u8..3, 1 => any::<u8>()], 0..48)) {
        reads_or_refuses::<List<Option<String>>>(&bytes)?;
        reads_or_refuses::<List<List<bool>>>(&bytes)?;
        let _ = List::<Option<i16>>::decode(&bytes);
        let _ = List::<List<i32>>::decode(&bytes);
        let _ = List::<Uuid>::decode(&bytes);
    }
}
