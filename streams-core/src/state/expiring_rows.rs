//! A table's typed rows in a store from which they expire.
//!
//! A row whose timestamp is the time to live or more before stream time has expired. It is deleted before a record of that
//! time is processed, so whoever looks a row up finds none that has expired. A change that would have expired at once is
//! refused. There is no cache: what is forwarded must not depend on when a commit is.

use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use super::expiry_index::ExpiryIndex;
use super::kinds::expiring::{put, row_key};
use super::rows::{Cause, Changed, Row, RowError};
use super::timestamped::{RowBuffer, split_timestamped};
use super::{FreshRows, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreView};
use crate::record::{Change, Headers, Timestamp};
use crate::wire::encoded_key::AsKey;
use crate::wire::{Key, Value};

/// A table's rows, which expire.
pub(crate) struct ExpiringRows<K, V> {
    access: StoreAccess,
    index: ExpiryIndex,
    wants_old: bool,
    key: Vec<u8>,
    encoded: RowBuffer,
    types: PhantomData<fn(K) -> V>,
}

impl<K: Key, V: Value> ExpiringRows<K, V> {
    /// Rows in `access`, whose kind says how long they live.
    #[must_use]
    pub(crate) fn new(access: StoreAccess) -> Self {
        let ttl = access.kind().expires_after().unwrap_or(Duration::MAX);
        Self {
            access,
            index: ExpiryIndex::new(ttl),
            wants_old: false,
            key: Vec::new(),
            encoded: RowBuffer::new(),
            types: PhantomData,
        }
    }

    /// The store's name.
    pub(crate) const fn name(&self) -> &Arc<str> {
        self.access.name()
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

    /// Calls `each` with the encoded keys between the bounds, and with their rows, until it returns `false`. It must not write
    /// to the task's state.
    ///
    /// # Errors
    /// As [`ExpiringRows::get`].
    pub(crate) fn scan_rows(
        &self,
        (from, to): (&Bound<Vec<u8>>, &Bound<Vec<u8>>),
        each: &mut dyn FnMut(&[u8], Row<V>) -> bool,
    ) -> Result<(), RowError> {
        let behind_index = |bound: &Bound<Vec<u8>>| match bound {
            Bound::Unbounded => Bound::Unbounded,
            bound => bound.as_ref().map(|key| row_key(key)),
        };
        let first = Bound::Included(row_key(&[]));
        let (from, to) = (if *from == Bound::Unbounded { first } else { behind_index(from) }, behind_index(to));
        let range = KeyRange::between(from.as_ref().map(Vec::as_slice), to.as_ref().map(Vec::as_slice));
        let mut failure = None;
        self.access.scan(range, &mut |key, row| match self.read(row) {
            Ok(row) => each(key.get(1..).unwrap_or_default(), row),
            Err(error) => {
                failure = Some(error);
                false
            }
        })?;
        failure.map_or(Ok(()), |error| Err(error.into()))
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
        if new.is_some() && self.index.is_over(timestamp, now) {
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
        let mut expired = Vec::new();
        for (time, key) in self.index.expired(&self.access, now, rows_max)? {
            self.key = key;
            let at = self.index.end(time);
            if let Some((value, _)) = self.load()? {
                self.write(Some(time), None, at, &Headers::new())?;
                expired.push(Expired { key: self.typed_key()?, value, at });
            }
        }
        Ok(expired)
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
            self.index.add(timestamp);
        }
        Ok(self.access.log(&self.key, new.map(|_| self.encoded.value()), timestamp, headers)?)
    }

    /// The row of the key that was encoded last.
    fn load(&self) -> Result<Option<Row<V>>, RowError> {
        let row = self.access.get(&row_key(&self.key))?;
        Ok(row.map(|row| self.read(&row)).transpose()?)
    }

    fn read(&self, row: &[u8]) -> Result<Row<V>, StoreError> {
        let Some((time, value)) = split_timestamped(row) else {
            return Err(self.unreadable("its timestamp is missing"));
        };
        match V::decode(value) {
            Ok(value) => Ok((value, time)),
            Err(error) => Err(self.unreadable(&error.to_string())),
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
        &mut self.access
    }
}
