//! The versions of a row: which one was valid when.
//!
//! A version is valid from its timestamp until that of the next one of its key, or of a deletion. The latest one of each
//! key has a row of its own, as in a table. An older one is filed under the end of its validity, first by spans of time, so
//! that versions which have ended long ago are one range, and then by its key. So the version that was valid at some time
//! is the first one of its key that ends later, unless it also begins later.
//!
//! What is written too long after it was valid is refused, and what is older cannot be asked for: both are compared with
//! the newest timestamp that was ever written, which is kept with the rows. Kafka Streams' rules (KIP-889) decide what a
//! write does, also where they are surprising: a deletion at the very time of the latest version forgets that version.

use std::ops::Bound;

use super::rows::Row;
use super::selection::{Area, Keys};
use super::{KeyOrder, KeyRange, StoreAccess, StoreError, window_key};
use crate::record::Timestamp;

/// The rows of a store, as far as versions need them.
pub trait VersionRows {
    /// The row of a key.
    ///
    /// # Errors
    /// As [`Store::get`](super::Store::get).
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The first row between two keys, both included.
    ///
    /// # Errors
    /// As [`Store::range`](super::Store::range).
    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError>;

    /// The last row between two keys, both included.
    ///
    /// # Errors
    /// As [`Store::range`](super::Store::range).
    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError>;

    /// Sets or deletes a row.
    fn put(&mut self, key: &[u8], row: Option<&[u8]>);
}

impl VersionRows for StoreAccess {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Self::get(self, key)
    }

    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        next(self, from, to, KeyOrder::Ascending)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        next(self, from, to, KeyOrder::Descending)
    }

    fn put(&mut self, key: &[u8], row: Option<&[u8]>) {
        Self::put(self, key, row);
    }
}

fn next(access: &StoreAccess, from: &[u8], to: &[u8], order: KeyOrder) -> Result<Option<KeyAndRow>, StoreError> {
    let mut found = None;
    let range = KeyRange::between(Bound::Included(from), Bound::Included(to)).in_order(order);
    access.scan(range, &mut |key, row| {
        found = Some((key.to_vec(), row.to_vec()));
        false
    })?;
    Ok(found)
}

/// A key, as it is in the store, and its row.
pub type KeyAndRow = (Vec<u8>, Vec<u8>);

/// How long versions are kept, and how they are filed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    /// How long after its end a version can still be asked for and changed, in milliseconds of stream time.
    pub(crate) millis: i64,
}

/// A version of a row, in a versioned store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Version<T> {
    /// The row's value.
    pub value: T,
    /// The timestamp that it was written with, from which it is valid.
    pub from: Timestamp,
    /// When the next version or a deletion ended it; `None` for the latest one.
    pub until: Option<Timestamp>,
}

/// A version that may be a deletion.
type OlderVersion<'a> = Version<Option<&'a [u8]>>;

/// What became of a write to a versioned store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// Nothing: it is too old.
    Refused,
    /// It is the latest version, or deletes the row.
    Latest,
    /// It was valid until then.
    Until(Timestamp),
}

/// The kinds of rows in the store; those that expire come first.
const OLDER: u8 = 0;
const LATEST: u8 = 1;
const NEWEST: [u8; 1] = [2];

const TIME: usize = size_of::<i64>();
const LENGTH: usize = size_of::<u32>();
const SPAN_MIN_MS: i64 = 60_000;
/// The flag before an older version's value, or in place of one.
const DELETED: u8 = 0;
const VALUE: u8 = 1;

impl History {
    /// The newest timestamp that was ever written; unknown if none was.
    pub(crate) fn newest(rows: &dyn VersionRows) -> Result<Timestamp, StoreError> {
        Self::newest_by(|key| rows.get(key))
    }

    /// As [`History::newest`], of rows that are only read.
    pub(crate) fn newest_by(
        get: impl FnOnce(&[u8]) -> Result<Option<Vec<u8>>, StoreError>,
    ) -> Result<Timestamp, StoreError> {
        let row = get(&NEWEST)?;
        let millis = row.and_then(|row| row.try_into().ok()).map(i64::from_be_bytes);
        Ok(millis.map_or(Timestamp::UNKNOWN, Timestamp))
    }

    /// Versions that ended here or before can't be asked for any more.
    const fn horizon(self, newest: Timestamp) -> i64 {
        newest.0.saturating_sub(self.millis)
    }

    /// All keys of rows that have expired sort below this.
    pub(crate) fn floor(self, newest: Timestamp) -> Vec<u8> {
        [&[OLDER][..], &self.span(self.horizon(newest).saturating_add(1))].concat()
    }

    fn span_of(self, end: i64) -> i64 {
        end.div_euclid(self.span_ms())
    }

    /// How long each span is.
    pub(crate) fn span_ms(self) -> i64 {
        (self.millis / 2).max(SPAN_MIN_MS)
    }

    fn span(self, end: i64) -> [u8; TIME] {
        window_key::start(Timestamp(self.span_of(end)))
    }

    /// Where a version that ends then is filed.
    fn older_key(self, key: &[u8], until: i64) -> Vec<u8> {
        let mut filed = older_prefix(self.span(until), key);
        window_key::write_start(Timestamp(until), &mut filed);
        filed
    }

    /// The latest version, with its encoded value.
    pub(crate) fn latest(rows: &dyn VersionRows, key: &[u8]) -> Result<Option<Version<Vec<u8>>>, StoreError> {
        let row = rows.get(&latest_key(key))?;
        Ok(row.and_then(|row| read_latest(&row).map(|version| version.map(<[u8]>::to_vec))))
    }

    /// The version that was valid at a time.
    pub(crate) fn as_of(
        self,
        rows: &dyn VersionRows,
        key: &[u8],
        at: Timestamp,
        newest: Timestamp,
    ) -> Result<Option<Version<Vec<u8>>>, StoreError> {
        if let Some(latest) = Self::latest(rows, key)?.filter(|latest| latest.from <= at) {
            return Ok(Some(latest));
        }
        if at.0 < self.horizon(newest) {
            return Ok(None);
        }
        let older = self.first_that_ends_after(rows, key, at, newest)?.filter(|older| older.from <= at);
        Ok(older.and_then(|older| older.value.map(|value| Version { value, from: older.from, until: older.until })))
    }

    /// The first version that ends after a time within the history, with `None` for a deletion.
    fn first_that_ends_after(
        self,
        rows: &dyn VersionRows,
        key: &[u8],
        at: Timestamp,
        newest: Timestamp,
    ) -> Result<Option<Version<Option<Vec<u8>>>>, StoreError> {
        let Some(after) = at.0.checked_add(1) else { return Ok(None) };
        for span in self.span_of(after)..=self.span_of(newest.0) {
            let mut from = older_prefix(window_key::start(Timestamp(span)), key);
            let mut to = from.clone();
            window_key::write_start(Timestamp(after), &mut from);
            window_key::write_start(Timestamp(i64::MAX), &mut to);
            if let Some((key, row)) = rows.first(&from, &to)? {
                let version = split_older(&key).and_then(|(_, until)| read_older(&row, until));
                return Ok(version.map(|version| version.map(|value| value.map(<[u8]>::to_vec))));
            }
        }
        Ok(None)
    }

    /// The end of the last version of a key that has no latest one: the time of its deletion.
    pub(crate) fn deleted_at(
        self,
        rows: &dyn VersionRows,
        key: &[u8],
        newest: Timestamp,
    ) -> Result<Option<Timestamp>, StoreError> {
        for span in (self.span_of(self.horizon(newest))..=self.span_of(newest.0)).rev() {
            let from = older_prefix(window_key::start(Timestamp(span)), key);
            let mut to = from.clone();
            window_key::write_start(Timestamp(i64::MAX), &mut to);
            if let Some((key, _)) = rows.last(&from, &to)? {
                return Ok(split_older(&key).map(|(_, until)| until));
            }
        }
        Ok(None)
    }

    /// Writes a version, or deletes the row, as of some time. `newest` advances with it. `latest` is the latest version.
    pub(crate) fn put(
        self,
        rows: &mut dyn VersionRows,
        key: &[u8],
        latest: Option<&Version<Vec<u8>>>,
        (value, at): (Option<&[u8]>, Timestamp),
        newest: &mut Timestamp,
    ) -> Result<Written, StoreError> {
        if at.0 < self.horizon(*newest) {
            return Ok(Written::Refused);
        }
        if at > *newest {
            *newest = at;
            rows.put(&NEWEST, Some(&at.0.to_be_bytes()));
        }
        match latest {
            Some(latest) if latest.from <= at => {
                if latest.from < at {
                    self.put_older(rows, key, (latest.from, at), Some(&latest.value));
                }
                put_latest(rows, key, value, at);
                return Ok(Written::Latest);
            }
            _ => {}
        }
        let next = self.first_that_ends_after(rows, key, at, *newest)?;
        let until = match next {
            Some(Version { value: before, from, until: Some(until) }) if from <= at => {
                if from < at {
                    self.put_older(rows, key, (from, at), before.as_deref());
                }
                until
            }
            Some(later) => later.from,
            None => match latest {
                Some(latest) => latest.from,
                None => {
                    self.put_first(rows, key, value, at)?;
                    return Ok(Written::Latest);
                }
            },
        };
        self.put_older(rows, key, (at, until), value);
        Ok(Written::Until(until))
    }

    /// Writes a version that nothing later is known of, of a key that has no latest one.
    fn put_first(
        self,
        rows: &mut dyn VersionRows,
        key: &[u8],
        value: Option<&[u8]>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if value.is_some() {
            put_latest(rows, key, value, at);
        } else if rows.get(&self.older_key(key, at.0))?.is_none() {
            // There is nothing to delete, but what is written later with an earlier timestamp ends here.
            self.put_older(rows, key, (at, at), None);
        }
        Ok(())
    }

    fn put_older(
        self,
        rows: &mut dyn VersionRows,
        key: &[u8],
        (from, until): (Timestamp, Timestamp),
        value: Option<&[u8]>,
    ) {
        let flag = if value.is_some() { VALUE } else { DELETED };
        let row = [&from.0.to_be_bytes()[..], &[flag], value.unwrap_or_default()].concat();
        rows.put(&self.older_key(key, until.0), Some(&row));
    }
}

impl<T> Version<T> {
    pub(crate) fn row(self) -> Row<T> {
        (self.value, self.from)
    }

    fn map<U>(self, map: impl FnOnce(T) -> U) -> Version<U> {
        Version { value: map(self.value), from: self.from, until: self.until }
    }
}

/// The store's form of the key of a latest version.
pub(crate) fn latest_key(key: &[u8]) -> Vec<u8> {
    [&[LATEST][..], key].concat()
}

fn put_latest(rows: &mut dyn VersionRows, key: &[u8], value: Option<&[u8]>, at: Timestamp) {
    let row = value.map(|value| latest_row(value, at));
    rows.put(&latest_key(key), row.as_deref());
}

/// Where the versions of these keys lie: the latest ones, and before them, if they are wanted, the older ones.
pub(crate) fn areas(keys: &Keys, with_older: bool) -> Vec<Area> {
    let latest = Area::by_key(&[LATEST], keys);
    if !with_older {
        return vec![latest];
    }
    let (from, to) = (Bound::Included(vec![OLDER]), Bound::Excluded(vec![LATEST]));
    let key = if let Keys::One(key) = keys { Some(with_length(key)) } else { None };
    vec![Area { from, to, group: 1 + TIME, key }, latest]
}

/// The row of a latest version.
pub(crate) fn latest_row(value: &[u8], from: Timestamp) -> Vec<u8> {
    [&from.0.to_be_bytes()[..], value].concat()
}

/// The beginning of the keys of a key's versions that end in a span. The key's length comes first, so that no other key's
/// versions lie between.
fn older_prefix(span: [u8; TIME], key: &[u8]) -> Vec<u8> {
    [&[OLDER][..], &span, &with_length(key)].concat()
}

fn with_length(key: &[u8]) -> Vec<u8> {
    [&u32::try_from(key.len()).unwrap_or(u32::MAX).to_be_bytes(), key].concat()
}

fn read_latest(row: &[u8]) -> Option<Version<&[u8]>> {
    let (from, value) = row.split_first_chunk::<TIME>()?;
    Some(Version { value, from: Timestamp(i64::from_be_bytes(*from)), until: None })
}

/// The key's own bytes, and the end of the version.
fn split_older(filed: &[u8]) -> Option<(&[u8], Timestamp)> {
    let rest = filed.strip_prefix(&[OLDER])?.get(TIME..)?;
    let (length, rest) = rest.split_first_chunk::<LENGTH>()?;
    let (key, until) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    let (until, rest) = window_key::split(until)?;
    rest.is_empty().then_some((key, until))
}

fn read_older(row: &[u8], until: Timestamp) -> Option<OlderVersion<'_>> {
    let (from, rest) = row.split_first_chunk::<TIME>()?;
    let (flag, value) = rest.split_first()?;
    let value = (*flag == VALUE).then_some(value);
    Some(Version { value, from: Timestamp(i64::from_be_bytes(*from)), until: Some(until) })
}

/// The key's own bytes of a version's key in the store; `None` for anything else.
pub(crate) fn key_of(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(&[LATEST]).or_else(|| split_older(key).map(|(key, _)| key))
}

/// A version as it lies in the store, with the key's own bytes and `None` for a deletion; `None` for anything else.
pub(crate) fn read<'a>(key: &'a [u8], row: &'a [u8]) -> Option<(&'a [u8], OlderVersion<'a>)> {
    if let Some(key) = key.strip_prefix(&[LATEST]) {
        return Some((key, read_latest(row)?.map(Some)));
    }
    let (key, until) = split_older(key)?;
    Some((key, read_older(row, until)?))
}

#[cfg(test)]
mod tests;
