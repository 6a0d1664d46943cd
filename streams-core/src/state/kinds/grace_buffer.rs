//! Buffers of joins of a stream with a versioned table: the stream's records that wait for rows that come late.
//!
//! A row has the same bytes in the store and in the changelog; see [`crate::state::held_record`]. Of a row's values there is
//! only the new one, and its buffer time is 0. The changelog's key is Java's: a zero, the record's timestamp, the key's
//! bytes, and a sequence number that tells records with the same key and timestamp apart. The store flips the timestamp's
//! sign instead, so that rows lie in the order in which they are joined.

use std::time::Duration;

use super::{ChangelogRecord, StoreKind, StoreRow, StoredRow, compacted};
use crate::record::Timestamp;
use crate::state::held_record;

/// The records of a stream that wait to be joined with a versioned table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GraceBuffer;

const TIME: usize = size_of::<i64>();
const SEQUENCE: usize = size_of::<u32>();
/// What Java puts in front of each key of the changelog.
const BASE: u8 = 0;
/// Flips the sign bit, so that big-endian bytes sort as the signed numbers do.
const SIGN: i64 = i64::MIN;

/// What a row's key consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct HeldAt<'a> {
    pub(crate) timestamp: i64,
    pub(crate) key: &'a [u8],
    pub(crate) sequence: u32,
}

impl<'a> HeldAt<'a> {
    /// Splits a store's key; `None` if it is too short.
    pub(crate) fn split(stored: &'a [u8]) -> Option<Self> {
        let (timestamp, rest) = stored.split_first_chunk::<TIME>()?;
        let (key, sequence) = rest.split_last_chunk::<SEQUENCE>()?;
        let (timestamp, sequence) = (i64::from_be_bytes(*timestamp) ^ SIGN, u32::from_be_bytes(*sequence));
        Some(Self { timestamp, key, sequence })
    }

    /// Splits a changelog's key.
    fn split_logged(logged: &'a [u8]) -> Option<Self> {
        let (&BASE, rest) = logged.split_first()? else { return None };
        let (timestamp, rest) = rest.split_first_chunk::<TIME>()?;
        let (key, sequence) = rest.split_last_chunk::<SEQUENCE>()?;
        Some(Self { timestamp: i64::from_be_bytes(*timestamp), key, sequence: u32::from_be_bytes(*sequence) })
    }

    /// The store's key.
    pub(crate) fn stored(&self) -> Vec<u8> {
        [&from_time(self.timestamp), self.key, &self.sequence.to_be_bytes()].concat()
    }

    /// The changelog's key.
    pub(crate) fn logged(&self) -> Vec<u8> {
        [&[BASE], &self.timestamp.to_be_bytes()[..], self.key, &self.sequence.to_be_bytes()].concat()
    }
}

/// What the store's keys of records with this timestamp begin with.
pub(crate) const fn from_time(timestamp: i64) -> [u8; TIME] {
    (timestamp ^ SIGN).to_be_bytes()
}

impl StoreKind for GraceBuffer {
    fn name(&self) -> &'static str {
        "grace-buffer"
    }

    fn constant(&self) -> &'static str {
        "join's name"
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted()
    }

    fn logs_times(&self) -> bool {
        false
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let key = HeldAt::split_logged(record.key)?.stored();
        if let Some(value) = record.value {
            held_record::read(value)?;
        }
        Some((key, record.value.map(<[u8]>::to_vec)))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        HeldAt::split(key).map(|at| at.logged())
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let at = HeldAt::split(key)?;
        Some(StoredRow { key: at.key, window: None, timestamp: Some(Timestamp(at.timestamp)), value: row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changelog_record_is_javas_and_becomes_a_row_in_the_order_of_time() {
        let logged = b"\0\0\0\0\0\0\0\x01\x02ab\0\0\0\x07";
        let stored = b"\x80\0\0\0\0\0\x01\x02ab\0\0\0\x07";
        let row = b"\0\0\0\0\0\0\x01\x02\0\0\0\0\0\0\0\x07\0\0\0\x01t\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x01v\0\0\0\0\0\0\0\0";
        for value in [Some(&row[..]), None] {
            let record = ChangelogRecord { key: logged, value, timestamp: Timestamp(9) };
            assert_eq!(GraceBuffer.to_store(record), Some((stored.to_vec(), value.map(<[u8]>::to_vec))));
        }
        assert_eq!(GraceBuffer.changelog_key(stored), Some(logged.to_vec()));
        let read = StoredRow { key: b"ab", window: None, timestamp: Some(Timestamp(0x0102)), value: row };
        assert_eq!(GraceBuffer.read(stored, row), Some(read));
        for (key, value) in [
            (&b"\x01\0\0\0\0\0\0\x01\x02ab\0\0\0\x07"[..], &row[..]),
            (b"\0\0\0\0\0\0\0\x01\x02\0\0\0", row),
            (b"", row),
            (logged, b"no row"),
        ] {
            let record = ChangelogRecord { key, value: Some(value), timestamp: Timestamp(9) };
            assert_eq!(GraceBuffer.to_store(record), None, "{key:?}");
        }
    }

    #[test]
    fn rows_lie_by_time_then_key_then_sequence() {
        let stored = |timestamp, key: &[u8], sequence| HeldAt { timestamp, key, sequence }.stored();
        let sorted =
            [stored(-1, b"z", 9), stored(0, b"a", 2), stored(0, b"a", 300), stored(0, b"b", 1), stored(256, b"a", 1)];
        assert!(sorted.is_sorted(), "{sorted:?}");
    }
}
