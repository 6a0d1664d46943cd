//! Table stores: one row with a timestamp per key.
//!
//! The key is the same in the store and in the changelog. A row's timestamp is the record's own in the changelog; in
//! the store it precedes the value.

use std::time::Duration;

use super::{Area, ChangelogRecord, Keys, StoreKind, StoreRow, StoredRow, compacted};
use crate::record::Timestamp;
use crate::state::definition::{StoreFor, store_constant};
use crate::state::timestamped::{split_timestamped, timestamped};

store_constant! {
    /// Names a key-value store and its types.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const TOTALS: KeyValueStore<String, i64> = KeyValueStore::new("totals");
    ///
    /// assert_eq!(TOTALS.name(), "totals");
    /// ```
    KeyValueStore
}

impl<K, V> StoreFor<K, V> for KeyValueStore<K, V> {
    fn store_name(&self) -> &str {
        self.name()
    }

    fn constant(&self) -> &'static str {
        "KeyValueStore"
    }
}

/// One row with a timestamp per key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table;

impl StoreKind for Table {
    fn name(&self) -> &'static str {
        "table"
    }

    fn constant(&self) -> &'static str {
        "KeyValueStore"
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted()
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        Some((record.key.to_vec(), record.value.map(|value| timestamped(record.timestamp, value))))
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        Some(key.to_vec())
    }

    fn areas(&self, keys: &Keys, _times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        vec![Area::by_key(b"", keys)]
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let (timestamp, value) = split_timestamped(row)?;
        Some(StoredRow { key, window: None, timestamp: Some(timestamp), value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;

    #[test]
    fn a_row_begins_with_the_changelog_records_time() {
        let with_time = b"\0\0\0\0\0\0\x02\x01v".to_vec();
        for (key, value, expected) in [
            (&b"k"[..], Some(&b"v"[..]), (b"k".to_vec(), Some(with_time.clone()))),
            (b"k", None, (b"k".to_vec(), None)),
            (b"", Some(b""), (vec![], Some(b"\0\0\0\0\0\0\x02\x01".to_vec()))),
        ] {
            let record = ChangelogRecord { key, value, timestamp: Timestamp(0x0201) };
            assert_eq!(Table.to_store(record), Some(expected), "{key:?} {value:?}");
        }
        let read = StoredRow { key: b"k", window: None, timestamp: Some(Timestamp(0x0201)), value: b"v" };
        assert_eq!(Table.read(b"k", &with_time), Some(read));
        assert_eq!(Table.read(b"k", b"1234567"), None);
    }
}
