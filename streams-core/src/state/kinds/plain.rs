//! Stores of the Processor API: keys and values are stored exactly as encoded.

use std::time::Duration;

use super::{Area, ChangelogRecord, Keys, StoreKind, StoreRow, StoredRow, compacted};
use crate::record::Timestamp;

/// One value per key, with the same bytes in the store and in the changelog. Rows have no timestamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain;

impl StoreKind for Plain {
    fn name(&self) -> &'static str {
        "key-value"
    }

    fn constant(&self) -> &'static str {
        "KeyValueStore"
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted()
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        Some((record.key.to_vec(), record.value.map(<[u8]>::to_vec)))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        Some(key.to_vec())
    }

    fn areas(&self, keys: &Keys, _times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        vec![Area::by_key(b"", keys)]
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        Some(StoredRow { key, window: None, timestamp: None, value: row })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;

    #[test]
    fn a_changelog_record_is_the_row() {
        for (key, value) in [(&b"k"[..], Some(&b"v"[..])), (b"k", None), (b"", Some(b""))] {
            let record = ChangelogRecord { key, value, timestamp: Timestamp(7) };
            assert_eq!(Plain.to_store(record), Some((key.to_vec(), value.map(<[u8]>::to_vec))));
        }
        let read = StoredRow { key: b"k", window: None, timestamp: None, value: b"v" };
        assert_eq!(Plain.read(b"k", b"v"), Some(read));
    }
}
