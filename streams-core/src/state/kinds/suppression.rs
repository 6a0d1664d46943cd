//! Buffers of suppressions: the rows that are held back, one per key.
//!
//! A row has the same bytes in the store and in the changelog; see [`crate::state::held_record`]. The changelog's records
//! say with a header which layout they have. There is only the one that Kafka Streams has written since 2.4.

use std::time::Duration;

use super::{ChangelogRecord, StoreKind, StoreRow, StoredRow, compacted};
use crate::state::held_record;

/// One change per key that waits to be sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppressed;

impl StoreKind for Suppressed {
    fn name(&self) -> &'static str {
        "suppression"
    }

    fn constant(&self) -> &'static str {
        "suppression's buffer"
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted()
    }

    fn logs_times(&self) -> bool {
        false
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        let row = match record.value {
            Some(value) => {
                held_record::read(value)?;
                Some(value.to_vec())
            }
            None => None,
        };
        Some((record.key.to_vec(), row))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        Some(key.to_vec())
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let held = held_record::read(row)?;
        Some(StoredRow { key, window: None, timestamp: Some(held.context.timestamp), value: row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;

    #[test]
    fn a_changelog_record_is_the_row() {
        let row = b"\0\0\0\0\0\0\0\x05\0\0\0\0\0\0\0\x07\0\0\0\x01t\0\0\0\0\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x01v\0\0\0\0\0\0\0\x05";
        for (value, expected) in [
            (Some(&row[..]), Some((b"k".to_vec(), Some(row.to_vec())))),
            (None, Some((b"k".to_vec(), None))),
            // Version 0: the time, then the change.
            (Some(b"\0\0\0\0\0\0\0\x05\xff\xff\xff\xff\0\0\0\x01v"), None),
        ] {
            let record = ChangelogRecord { key: b"k", value, timestamp: Timestamp(9) };
            assert_eq!(Suppressed.to_store(record), expected);
        }
        let read = StoredRow { key: b"k", window: None, timestamp: Some(Timestamp(5)), value: row };
        assert_eq!(Suppressed.read(b"k", row), Some(read));
    }
}
