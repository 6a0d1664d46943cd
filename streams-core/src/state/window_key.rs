//! The keys of window stores, in the store and in the changelog.
//!
//! In the store the window's start comes first, so that the oldest windows can be deleted as one range and closing
//! windows found in one scan. In the changelog the bytes are Java's: the key, the start, and a sequence number that
//! is 0 for tables.

use crate::record::Timestamp;

/// The size of the window's start in a store key.
pub(super) const START: usize = size_of::<i64>();
const SEQUENCE: usize = size_of::<u32>();
/// Flips the sign bit, so that big-endian bytes sort as the signed numbers do.
const SIGN: i64 = i64::MIN;

/// The prefix of a store key: the window's start, before the key's own bytes.
#[must_use]
pub(crate) const fn start(start: Timestamp) -> [u8; START] {
    (start.0 ^ SIGN).to_be_bytes()
}

/// As [`start`], appended to `out`.
pub(crate) fn write_start(start: Timestamp, out: &mut Vec<u8>) {
    out.extend_from_slice(&self::start(start));
}

/// Splits a store key into the window's start and the key's own bytes. `None` if it is too short.
#[must_use]
pub(crate) fn split(local: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (start, key) = local.split_first_chunk::<START>()?;
    Some((Timestamp(i64::from_be_bytes(*start) ^ SIGN), key))
}

/// Appends the changelog's form of a store key. A key that is too short is copied unchanged.
pub(crate) fn write_changelog(local: &[u8], out: &mut Vec<u8>) {
    match split(local) {
        Some((start, key)) => {
            out.extend_from_slice(key);
            out.extend_from_slice(&start.0.to_be_bytes());
            out.extend_from_slice(&[0; SEQUENCE]);
        }
        None => out.extend_from_slice(local),
    }
}

/// The store's form of a changelog key. `None` if the key is too short or belongs to a store that keeps duplicates.
#[must_use]
pub(crate) fn from_changelog(changelog: &[u8]) -> Option<Vec<u8>> {
    let (rest, sequence) = changelog.split_last_chunk::<SEQUENCE>()?;
    let (key, start) = rest.split_last_chunk::<START>()?;
    if *sequence != [0; SEQUENCE] {
        return None;
    }
    let mut local = Vec::with_capacity(START + key.len());
    write_start(Timestamp(i64::from_be_bytes(*start)), &mut local);
    local.extend_from_slice(key);
    Some(local)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(start: i64, key: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        write_start(Timestamp(start), &mut out);
        out.extend_from_slice(key);
        out
    }

    #[test]
    fn the_changelogs_key_is_javas_and_leads_back() {
        for (start, key) in [(0, &b"k"[..]), (60_000, b""), (i64::MAX, b"long key"), (-5, b"k")] {
            let stored = local(start, key);
            assert_eq!(split(&stored), Some((Timestamp(start), key)));
            let mut logged = Vec::new();
            write_changelog(&stored, &mut logged);
            assert_eq!(logged, [key, &start.to_be_bytes(), &[0; 4]].concat());
            assert_eq!(from_changelog(&logged), Some(stored));
        }
    }

    #[test]
    fn keys_sort_by_start_first() {
        let sorted = [local(-1, b"z"), local(0, b""), local(0, b"a"), local(1, b""), local(256, b"")];
        assert!(sorted.is_sorted(), "{sorted:?}");
    }

    #[test]
    fn malformed_keys_are_refused() {
        for changelog in [&b""[..], b"short", &[0; 11], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]] {
            assert_eq!(from_changelog(changelog), None, "{changelog:?}");
        }
        assert_eq!(split(b"short"), None);
    }
}
