//! A table's typed rows in a store from which they expire.
//!
//! A row whose timestamp is the time to live or more before stream time has expired. It is deleted before a record of that
//! time is processed, so whoever looks a row up finds none that has expired. A change that would have expired at once is
//! refused. There is no cache: what is forwarded must not depend on when a commit is.

use std::marker::PhantomData;
use std::ops::Bound;
use std::time::Duration;

use super::kinds::expiring::{index_key, put, row_key, split_index};
use super::rows::{Cause, Changed, Row, RowError};
use super::timestamped::{RowBuffer, split_timestamped};
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Change, Headers, Timestamp};
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Value};

/// A table's rows, which expire.
pub(crate) struct ExpiringRows<K, V> {
    access: StoreAccess,
    ttl_ms: i64,
    wants_old: bool,
    /// No row has an earlier timestamp. Unknown at first.
    oldest: Timestamp,
    key: Vec<u8>,
    encoded: RowBuffer,
    types: PhantomData<fn(K) -> V>,
}

/// What is looked for in the index at a time.
type Entries = Vec<(Timestamp, Vec<u8>)>;

impl<K: Key, V: Value> ExpiringRows<K, V> {
    /// Rows in `access`, whose kind says how long they live.
    #[must_use]
    pub(crate) fn new(access: StoreAccess) -> Self {
        let ttl = access.kind().expires_after().unwrap_or(Duration::MAX);
        Self {
            access,
            ttl_ms: i64::try_from(ttl.as_millis()).unwrap_or(i64::MAX),
            wants_old: false,
            oldest: Timestamp(i64::MIN),
            key: Vec::new(),
            encoded: RowBuffer::new(),
            types: PhantomData,
        }
    }

    /// Whether changes tell what the row was. Off at first.
    pub(crate) const fn want_old_values(&mut self, wanted: bool) {
        self.wants_old = wanted;
    }

    /// A key's row.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub(crate) fn get(&mut self, key: &impl AsKey<K>) -> Result<Option<Row<V>>, RowError> {
        self.encode_key(key)?;
        self.load()
    }

    /// Changes a row when stream time is `now`: `update` gets what is there, and returns what is to be there, or `None` to
    /// delete it, and the time of the result. Returns what is to be forwarded; nothing if the result would have expired.
    ///
    /// # Errors
    /// As [`ExpiringRows::get`]; also when the changelog fails, or the value cannot be encoded.
    pub(crate) fn update(
        &mut self,
        key: &impl AsKey<K>,
        (cause, now): (Cause<'_>, Timestamp),
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        self.encode_key(key)?;
        let row = self.load()?;
        let before = row.as_ref().map(|(_, time)| *time);
        let old = if self.wants_old { row.as_ref().map(|(value, _)| value.clone()) } else { None };
        let (new, time) = update(row);
        let timestamp = if new.is_some() { time } else { cause.timestamp };
        if new.is_some() && self.is_over(timestamp, now) {
            return Ok(None);
        }
        self.write(before, new.as_ref(), timestamp, cause.headers)?;
        Ok(Some(Changed { change: Change::latest(old, new), timestamp }))
    }

    /// Deletes the rows that have expired when stream time is `now`, at most so many of them: those with the earliest
    /// timestamps first. Returns them with their keys and the times when they expired. If there are so many, more may be
    /// left.
    ///
    /// # Errors
    /// As [`ExpiringRows::update`].
    pub(crate) fn take_expired(&mut self, now: Timestamp, rows_max: usize) -> Result<Vec<Expired<K, V>>, RowError> {
        if !self.is_over(self.oldest, now) {
            return Ok(Vec::new());
        }
        let mut expired = Vec::new();
        for (time, key) in self.entries(now, rows_max)? {
            self.key = key;
            let at = Timestamp(time.0.saturating_add(self.ttl_ms));
            if let Some((value, _)) = self.load()? {
                self.write(Some(time), None, at, &Headers::new())?;
                expired.push(Expired { key: self.typed_key()?, value, at });
            }
        }
        Ok(expired)
    }

    /// The first entries of the index whose rows have expired; what comes after them is known then, too.
    fn entries(&mut self, now: Timestamp, rows_max: usize) -> Result<Entries, StoreError> {
        let (from, mut found) = (index_key(self.oldest, &[]), Vec::new());
        let mut oldest = Timestamp(i64::MAX);
        let end = row_key(&[]);
        let range = KeyRange::between(Bound::Included(&from), Bound::Excluded(&end));
        self.access.scan(range, &mut |entry, _| {
            let Some((time, key)) = split_index(entry) else { return true };
            let takes = self.is_over(time, now) && found.len() < rows_max;
            if takes {
                found.push((time, key.to_vec()));
            } else {
                oldest = time;
            }
            takes
        })?;
        self.oldest = oldest;
        Ok(found)
    }

    const fn is_over(&self, time: Timestamp, now: Timestamp) -> bool {
        time.0.saturating_add(self.ttl_ms) <= now.0
    }

    /// Writes the row of the key that was encoded last.
    fn write(
        &mut self,
        before: Option<Timestamp>,
        new: Option<&V>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), RowError> {
        self.encoded.encode(timestamp, new)?;
        let row = new.map(|_| (self.encoded.row(), timestamp));
        put(&mut self.access, &self.key, before, row);
        if new.is_some() {
            self.oldest = self.oldest.min(timestamp);
        }
        Ok(self.access.log(&self.key, new.map(|_| self.encoded.value()), timestamp, headers)?)
    }

    /// The row of the key that was encoded last.
    fn load(&self) -> Result<Option<Row<V>>, RowError> {
        let Some(row) = self.access.get(&row_key(&self.key))? else { return Ok(None) };
        let Some((time, value)) = split_timestamped(&row) else {
            return Err(self.unreadable("its timestamp is missing").into());
        };
        match V::decode(value) {
            Ok(value) => Ok(Some((value, time))),
            Err(error) => Err(self.unreadable(&error.to_string()).into()),
        }
    }

    fn typed_key(&self) -> Result<K, StoreError> {
        let mut key = K::decode(&self.key).map_err(|error| self.unreadable(&error.to_string()))?;
        key.set_window_sizes(self.access.windows().as_slice());
        Ok(key)
    }

    #[cold]
    fn unreadable(&self, reason: &str) -> StoreError {
        let message = format!(
            "store {} holds a row that cannot be read: {reason}; if the type or its format has changed, give the store a \
             new name or reset the application",
            self.access.name()
        );
        StoreError::new(StoreErrorKind::Decode, message)
    }

    fn encode_key(&mut self, key: &impl AsKey<K>) -> Result<(), RowError> {
        self.key.clear();
        Ok(key.encode(&mut self.key)?)
    }
}

/// A row that has expired.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Expired<K, V> {
    pub(crate) key: K,
    pub(crate) value: V,
    /// When.
    pub(crate) at: Timestamp,
}

impl<K: Key, V: Value> StoreView for ExpiringRows<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self
    }
}

impl<K: Key, V: Value> FreshRows for ExpiringRows<K, V> {
    fn name(&self) -> &std::sync::Arc<str> {
        self.access.name()
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        Ok(self.access.get(&row_key(key))?)
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        Ok(self.access.scan(range, each)?)
    }
}
