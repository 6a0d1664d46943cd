//! Tables whose rows expire: one row with a timestamp per key, and an index of the rows by their timestamps.
//!
//! The changelog's records are those of a [`Table`](super::Table). In the store the index comes first, so that the rows that
//! expire next are at its beginning. It is not logged; a restore makes it again, record by record.

use std::time::Duration;

use super::{
    Area, ChangelogRecord, Detail, Keys, StoreKind, StoreRow, StoredRow, Table, VersionRows, compacted, millis,
};
use crate::record::Timestamp;
use crate::state::StoreError;
use crate::state::timestamped::{split_timestamped, timestamped};
use crate::state::window_key;

/// A table whose rows are deleted some time after their timestamps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expiring {
    /// How long after its timestamp, in stream time, a row is there.
    pub ttl: Duration,
    /// Whether it is a table's. Processors' stores have another name, because others read them in another way.
    pub is_table: bool,
}

const INDEX: u8 = 0;
/// The first byte of the keys of rows.
pub(crate) const ROW: u8 = 1;

impl Expiring {
    #[cfg(test)]
    pub(crate) const fn example() -> Self {
        Self { ttl: Duration::from_secs(600), is_table: true }
    }
}

/// Where the row of a key is.
pub(crate) fn row_key(key: &[u8]) -> Vec<u8> {
    [&[ROW], key].concat()
}

/// Where it is noted that the row of a key has a timestamp. Such entries are ordered by time, then by the keys' bytes.
pub(crate) fn index_key(time: Timestamp, key: &[u8]) -> Vec<u8> {
    [&[INDEX][..], &window_key::start(time), key].concat()
}

/// The time and the key of an entry of the index.
pub(crate) fn split_index(entry: &[u8]) -> Option<(Timestamp, &[u8])> {
    window_key::split(entry.strip_prefix(&[INDEX])?)
}

/// Sets or deletes a row whose earlier version, if there is one, has a timestamp.
pub(crate) fn put(rows: &mut dyn VersionRows, key: &[u8], before: Option<Timestamp>, row: Option<(&[u8], Timestamp)>) {
    let after = row.map(|(_, time)| time);
    if before != after {
        if let Some(before) = before {
            rows.put(&index_key(before, key), None);
        }
        if let Some(after) = after {
            rows.put(&index_key(after, key), Some(&[]));
        }
    }
    rows.put(&row_key(key), row.map(|(row, _)| row));
}

impl StoreKind for Expiring {
    fn name(&self) -> &'static str {
        if self.is_table { "expiring" } else { "expiring-key-value" }
    }

    fn constant(&self) -> &'static str {
        Table.constant()
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        vec![("ttl_ms", millis(self.ttl).into())]
    }

    fn expires_after(&self) -> Option<Duration> {
        Some(self.ttl)
    }

    fn changelog_settings(&self, _additional_retention: Duration) -> Vec<(&'static str, String)> {
        compacted()
    }

    /// Without the index.
    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        Some((row_key(record.key), record.value.map(|value| timestamped(record.timestamp, value))))
    }

    fn reads_to_restore(&self) -> bool {
        true
    }

    fn restore(&self, record: ChangelogRecord<'_>, rows: &mut dyn VersionRows) -> Result<bool, StoreError> {
        let before = rows.get(&row_key(record.key))?;
        let before = before.as_deref().and_then(split_timestamped).map(|(time, _)| time);
        let row = record.value.map(|value| timestamped(record.timestamp, value));
        put(rows, record.key, before, row.as_deref().map(|row| (row, record.timestamp)));
        Ok(true)
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        key.strip_prefix(&[ROW]).map(<[u8]>::to_vec)
    }

    fn is_shown(&self, key: &[u8], _row: &[u8]) -> bool {
        key.first() == Some(&ROW)
    }

    /// The other one is that of the index.
    fn rows_each(&self) -> u64 {
        2
    }

    fn areas(&self, keys: &Keys, _times: Option<(Timestamp, Timestamp)>) -> Vec<Area> {
        vec![Area::by_key(&[ROW], keys)]
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        let (timestamp, value) = split_timestamped(row)?;
        Some(StoredRow { key: key.strip_prefix(&[ROW])?, window: None, timestamp: Some(timestamp), value })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::state::versions::KeyAndRow;

    #[derive(Default)]
    struct Map(BTreeMap<Vec<u8>, Vec<u8>>);

    impl VersionRows for Map {
        fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
            Ok(self.0.get(key).cloned())
        }

        fn first(&self, _from: &[u8], _to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
            Ok(None)
        }

        fn last(&self, _from: &[u8], _to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
            Ok(None)
        }

        fn put(&mut self, key: &[u8], row: Option<&[u8]>) {
            match row {
                Some(row) => _ = self.0.insert(key.to_vec(), row.to_vec()),
                None => _ = self.0.remove(key),
            }
        }
    }

    #[test]
    fn a_restore_leaves_one_entry_of_the_index_for_each_row() {
        let mut rows = Map::default();
        for (key, value, time) in
            [("a", Some("1"), 10), ("b", Some("2"), 5), ("a", Some("3"), 7), ("b", None, 20), ("c", None, 1)]
        {
            let value = value.map(str::as_bytes);
            let record = ChangelogRecord { key: key.as_bytes(), value, timestamp: Timestamp(time) };
            assert_eq!(Expiring::example().restore(record, &mut rows), Ok(true));
        }
        let expected = [(index_key(Timestamp(7), b"a"), vec![]), (row_key(b"a"), timestamped(Timestamp(7), b"3"))];
        assert_eq!(rows.0.into_iter().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn the_index_is_ordered_by_time_and_comes_before_the_rows() {
        let keys = [
            index_key(Timestamp(-1), b"z"),
            index_key(Timestamp(0), b""),
            index_key(Timestamp(0), b"a"),
            index_key(Timestamp(256), b""),
            row_key(b""),
            row_key(b"a"),
        ];
        assert!(keys.is_sorted(), "{keys:?}");
        assert_eq!(split_index(&keys[3]), Some((Timestamp(256), &b""[..])));
        assert_eq!((split_index(&keys[5]), split_index(b"\0short")), (None, None));
        assert!(!Expiring::example().is_shown(&keys[0], b"") && Expiring::example().is_shown(&keys[4], b""));
    }
}
