//! From a changelog's bytes to a store's: what restoring does to every record.
//!
//! Changelogs hold Java's bytes, so that tools and Java applications can read them. Stores hold what is
//! quick to use: a table's row begins with its timestamp (in the changelog that is the record's own), a
//! window's key begins with its start.

use super::window_key;
use crate::record::Timestamp;

/// How a store's bytes relate to its changelog's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Layout {
    /// A table: the key as it is; the value behind its timestamp.
    Timestamped,
    /// A store of the Processor API: key and value as they are.
    Plain,
    /// A windowed table: the key with its window's start in front; the value behind its timestamp.
    Window,
}

/// A store's key, and its value or `None` for "delete".
pub(crate) type StoreRow = (Vec<u8>, Option<Vec<u8>>);

impl Layout {
    /// What a changelog record means for the store: the key, and the value or `None` for "delete".
    /// `None` if the record cannot be one of such a store's. Never panics, whatever the bytes.
    #[must_use]
    pub(crate) fn to_store(self, key: &[u8], value: Option<&[u8]>, timestamp: Timestamp) -> Option<StoreRow> {
        match self {
            Self::Timestamped => Some((key.to_vec(), value.map(|value| timestamped(timestamp, value)))),
            Self::Plain => Some((key.to_vec(), value.map(<[u8]>::to_vec))),
            Self::Window => Some((window_key::from_changelog(key)?, value.map(|value| timestamped(timestamp, value)))),
        }
    }
}

/// A table row's bytes in a store: the timestamp (eight bytes, big-endian), then the value.
#[must_use]
pub(crate) fn timestamped(timestamp: Timestamp, value: &[u8]) -> Vec<u8> {
    let mut row = Vec::with_capacity(size_of::<i64>() + value.len());
    row.extend_from_slice(&timestamp.0.to_be_bytes());
    row.extend_from_slice(value);
    row
}

/// Takes a table row's bytes apart. `None` if they are too short.
#[must_use]
pub(crate) fn split_timestamped(row: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (timestamp, value) = row.split_first_chunk::<8>()?;
    Some((Timestamp(i64::from_be_bytes(*timestamp)), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changelog_records_become_store_rows() {
        let window_key = [&b"k"[..], &7_i64.to_be_bytes(), &[0; 4]].concat();
        let stored_window_key = [&[0x80, 0, 0, 0, 0, 0, 0, 7], &b"k"[..]].concat();
        let with_time = b"\0\0\0\0\0\0\x02\x01v".to_vec();
        for (layout, key, value, expected) in [
            (Layout::Timestamped, &b"k"[..], Some(&b"v"[..]), Some((b"k".to_vec(), Some(with_time.clone())))),
            (Layout::Timestamped, b"k", None, Some((b"k".to_vec(), None))),
            (Layout::Timestamped, b"", Some(b""), Some((vec![], Some(b"\0\0\0\0\0\0\x02\x01".to_vec())))),
            (Layout::Plain, b"k", Some(b"v"), Some((b"k".to_vec(), Some(b"v".to_vec())))),
            (Layout::Plain, b"k", None, Some((b"k".to_vec(), None))),
            (Layout::Window, &window_key, Some(b"v"), Some((stored_window_key.clone(), Some(with_time)))),
            (Layout::Window, &window_key, None, Some((stored_window_key, None))),
            (Layout::Window, b"too short", Some(b"v"), None),
        ] {
            assert_eq!(layout.to_store(key, value, Timestamp(0x0201)), expected, "{layout:?} {key:?} {value:?}");
        }
    }

    #[test]
    fn a_row_comes_apart_as_it_was_put_together() {
        assert_eq!(split_timestamped(&timestamped(Timestamp(-9), b"x")), Some((Timestamp(-9), &b"x"[..])));
        assert_eq!(split_timestamped(b"1234567"), None);
    }
}
