//! The records that a left or outer join has found no match for yet, of both sides.
//!
//! They wait here until no match can come any more, and are then joined with nothing. The changelog's records are
//! Java's: the key is the record's timestamp, its side, and the key's bytes; the value is the list of the values with
//! that timestamp and key, each behind its side again. The store puts the side first, so that what is to be joined with
//! nothing is one range at the beginning of each side.

use std::time::Duration;

use super::{ChangelogRecord, StoreKind, StoreRow, StoredRow, compacted};
use crate::record::Timestamp;

/// The unmatched records of both sides of a join: one row per side, timestamp and key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unmatched;

const TIME: usize = size_of::<i64>();
/// Flips the sign bit, so that big-endian bytes sort as the signed numbers do.
const SIGN: i64 = i64::MIN;

/// A side of a join. Of records with the same timestamp, those from the right come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Right,
    Left,
}

impl Side {
    pub(crate) const fn other(self) -> Self {
        match self {
            Self::Right => Self::Left,
            Self::Left => Self::Right,
        }
    }

    pub(crate) const fn byte(self) -> u8 {
        match self {
            Self::Right => 0,
            Self::Left => 1,
        }
    }

    const fn of(byte: u8) -> Option<Self> {
        match byte {
            0 => Some(Self::Right),
            1 => Some(Self::Left),
            _ => None,
        }
    }
}

/// What a row's key consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WaitingAt<'a> {
    pub(crate) timestamp: i64,
    pub(crate) side: Side,
    pub(crate) key: &'a [u8],
}

impl<'a> WaitingAt<'a> {
    /// Splits a store's key; `None` if no such store has it.
    pub(crate) fn split(stored: &'a [u8]) -> Option<Self> {
        let (side, rest) = stored.split_first()?;
        let (timestamp, key) = rest.split_first_chunk::<TIME>()?;
        Some(Self { timestamp: i64::from_be_bytes(*timestamp) ^ SIGN, side: Side::of(*side)?, key })
    }

    /// Splits a changelog's key.
    fn split_logged(logged: &'a [u8]) -> Option<Self> {
        let (timestamp, rest) = logged.split_first_chunk::<TIME>()?;
        let (side, key) = rest.split_first()?;
        Some(Self { timestamp: i64::from_be_bytes(*timestamp), side: Side::of(*side)?, key })
    }

    /// The store's key.
    pub(crate) fn stored(&self) -> Vec<u8> {
        [&[self.side.byte()], &(self.timestamp ^ SIGN).to_be_bytes()[..], self.key].concat()
    }

    /// The changelog's key.
    pub(crate) fn logged(&self) -> Vec<u8> {
        [&self.timestamp.to_be_bytes()[..], &[self.side.byte()], self.key].concat()
    }
}

impl StoreKind for Unmatched {
    fn name(&self) -> &'static str {
        "unmatched"
    }

    fn constant(&self) -> &'static str {
        "join's name"
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted()
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let key = WaitingAt::split_logged(record.key)?.stored();
        Some((key, record.value.map(<[u8]>::to_vec)))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        WaitingAt::split(key).map(|at| at.logged())
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let at = WaitingAt::split(key)?;
        Some(StoredRow { key: at.key, window: None, timestamp: Some(Timestamp(at.timestamp)), value: row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_record_is_javas_and_becomes_a_row_behind_its_side() {
        let logged = b"\0\0\0\0\0\0\x01\x02\x01ab";
        let stored = b"\x01\x80\0\0\0\0\0\x01\x02ab";
        for value in [Some(&b"v"[..]), None] {
            let record = ChangelogRecord { key: logged, value, timestamp: Timestamp(7) };
            assert_eq!(Unmatched.to_store(record), Some((stored.to_vec(), value.map(<[u8]>::to_vec))));
        }
        assert_eq!(Unmatched.changelog_key(stored), Some(logged.to_vec()));
        let read = StoredRow { key: b"ab", window: None, timestamp: Some(Timestamp(0x0102)), value: b"v" };
        assert_eq!(Unmatched.read(stored, b"v"), Some(read));
        for other in [&b"\0\0\0\0\0\0\0\0"[..], b"\0\0\0\0\0\0\0\x01\x02k", b""] {
            let record = ChangelogRecord { key: other, value: None, timestamp: Timestamp(7) };
            assert_eq!(Unmatched.to_store(record), None, "{other:?}");
        }
    }

    #[test]
    fn rows_lie_by_side_then_time_then_key() {
        let stored = |side, timestamp, key: &[u8]| WaitingAt { timestamp, side, key }.stored();
        let sorted = [
            stored(Side::Right, -1, b"z"),
            stored(Side::Right, 0, b""),
            stored(Side::Right, 0, b"a"),
            stored(Side::Right, 256, b""),
            stored(Side::Left, 0, b"b"),
            stored(Side::Left, 1, b"a"),
        ];
        assert!(sorted.is_sorted(), "{sorted:?}");
    }
}
