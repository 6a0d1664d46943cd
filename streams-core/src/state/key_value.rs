//! The typed key-value store of the Processor API.
//!
//! The store and its changelog hold the same encoded keys; what they hold as values is [`StoreValue`]'s. Every write goes
//! to both at once. If its rows expire, the store has them with their times and an index; see `kinds/expiring.rs`.

use std::marker::PhantomData;
use std::ops::Bound;
use std::sync::Arc;

use super::expiry_index::ExpiryIndex;
use super::key_range::behind;
use super::kinds::expiring::{self, ROW};
use super::rows::RowError;
use super::timestamped::{split_timestamped, timestamped};
use super::{FreshRows, KeyOrder, KeyRange, StoreAccess, StoreError, StoreErrorKind, StoreValue, StoreView};
use crate::record::{Headers, Timestamp};
use crate::wire::{DecodeError, Value};

/// A store of values `V` by key `K`.
pub struct KeyValue<K, V> {
    access: StoreAccess,
    /// If its rows expire.
    index: Option<ExpiryIndex>,
    key: Vec<u8>,
    value: Vec<u8>,
    types: PhantomData<fn(K) -> V>,
}

/// How many rows expire before others are looked for.
const ROWS_PER_STEP: usize = 256;

/// Where an iteration over a store starts or ends, as an encoded key.
pub(crate) type KeyBound = Bound<Vec<u8>>;

impl<K: Value, V: StoreValue> KeyValue<K, V> {
    /// A typed view of `access`.
    #[must_use]
    pub fn new(access: StoreAccess) -> Self {
        let index = access.kind().expires_after().map(ExpiryIndex::new);
        Self { access, index, key: Vec::new(), value: Vec::new(), types: PhantomData }
    }

    /// The store's name.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    /// The value of a key.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub fn get(&mut self, key: &K) -> Result<Option<V>, RowError> {
        self.key.clear();
        self.key.extend_from_slice(self.prefix());
        key.encode(&mut self.key)?;
        let value = self.access.get(&self.key)?;
        value.map(|row| self.read_row(&row)).transpose().map_err(|error| self.unreadable("value", &error))
    }

    /// Sets a key's value, when stream time is `now`; `None` deletes the key. Returns whether it was not too old for a store
    /// whose rows expire.
    ///
    /// # Errors
    /// When the store or its changelog fails, or when the key or value cannot be encoded.
    pub(crate) fn put(
        &mut self,
        key: &K,
        value: Option<&V>,
        (timestamp, now): (Timestamp, Timestamp),
    ) -> Result<bool, RowError> {
        self.key.clear();
        key.encode(&mut self.key)?;
        self.value.clear();
        if let Some(value) = value {
            value.write_row(&mut self.value)?;
        }
        let row = value.map(|_| self.value.as_slice());
        let logged = row.map(|row| V::logged(row, timestamp));
        let (value, timestamp) = logged.map_or((None, timestamp), |(value, timestamp)| (Some(value), timestamp));
        if let Some(index) = &mut self.index {
            if value.is_some() && index.is_over(timestamp, now) {
                return Ok(false);
            }
            index.add(timestamp);
            let before = self.access.get(&expiring::row_key(&self.key))?;
            let before = before.as_deref().and_then(split_timestamped).map(|(time, _)| time);
            let row = value.map(|value| timestamped(timestamp, value));
            let row = row.as_deref().map(|row| (row, timestamp));
            expiring::put(&mut self.access, &self.key, before, row);
        } else {
            self.access.put(&self.key, row);
        }
        self.access.log(&self.key, value, timestamp, &Headers::new())?;
        Ok(true)
    }

    /// Deletes the rows that have expired when stream time is `now`.
    ///
    /// # Errors
    /// When the store or its changelog fails.
    pub(crate) fn expire(&mut self, now: Timestamp) -> Result<(), RowError> {
        let Some(index) = &mut self.index else { return Ok(()) };
        loop {
            let expired = index.expired(&self.access, now, ROWS_PER_STEP)?;
            for (time, key) in &expired {
                expiring::put(&mut self.access, key, Some(*time), None);
                self.access.log(key, None, index.end(*time), &Headers::new())?;
            }
            if expired.len() < ROWS_PER_STEP {
                return Ok(());
            }
        }
    }

    /// What is in front of the keys of rows.
    const fn prefix(&self) -> &'static [u8] {
        if self.index.is_some() { &[ROW] } else { &[] }
    }

    /// A value from its row. Where rows expire, all have times.
    fn read_row(&self, row: &[u8]) -> Result<V, DecodeError> {
        if self.index.is_none() || V::TIMESTAMPED {
            return V::read_row(row);
        }
        let value = split_timestamped(row).map(|(_, value)| value);
        V::read_row(value.ok_or_else(|| DecodeError::new::<K>("its timestamp is missing"))?)
    }

    /// A bound in the order of encoded keys.
    ///
    /// # Errors
    /// When the key cannot be encoded.
    pub fn bound(&self, bound: Bound<&K>) -> Result<KeyBound, RowError> {
        let encoded = |key: &K| {
            let mut bytes = self.prefix().to_vec();
            key.encode(&mut bytes).map(|()| bytes)
        };
        Ok(match bound {
            Bound::Included(key) => Bound::Included(encoded(key)?),
            Bound::Excluded(key) => Bound::Excluded(encoded(key)?),
            Bound::Unbounded => Bound::Unbounded,
        })
    }

    /// The first `rows_max` pairs between the bounds in that order of their encoded keys, and the bound at which to
    /// continue if there may be more: instead of `from` or, descending, instead of `to`.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type.
    #[allow(clippy::type_complexity, reason = "the pairs, and the rest")]
    pub(crate) fn page(
        &self,
        (from, to): (&KeyBound, &KeyBound),
        order: KeyOrder,
        rows_max: usize,
    ) -> Result<(Vec<(K, V)>, Option<KeyBound>), RowError> {
        let (mut pairs, mut last, mut failure) = (Vec::new(), None, None);
        let mut each = |key: &[u8], value: &[u8]| match self.decode(key, value) {
            Ok(pair) => {
                pairs.push(pair);
                let full = pairs.len() >= rows_max;
                last = full.then(|| Bound::Excluded(key.to_vec()));
                !full
            }
            Err(error) => {
                failure = Some(error);
                false
            }
        };
        let (from, to) = (self.behind_index(from), to.as_ref().map(Vec::as_slice));
        self.access.scan(KeyRange::between(from, to).in_order(order), &mut each)?;
        failure.map_or(Ok((pairs, last)), Err)
    }

    /// The bounds around all keys whose bytes start with those of `prefix`.
    ///
    /// # Errors
    /// When the prefix cannot be encoded.
    pub fn bounds_of(&self, prefix: &impl Value) -> Result<(KeyBound, KeyBound), RowError> {
        let mut bytes = self.prefix().to_vec();
        prefix.encode(&mut bytes)?;
        let end = behind(&bytes);
        Ok((Bound::Included(bytes), end))
    }

    /// Counts the keys by reading the whole store.
    ///
    /// # Errors
    /// When the store fails.
    pub fn count(&self) -> Result<usize, RowError> {
        let mut keys = 0;
        let range = KeyRange::between(self.behind_index(&Bound::Unbounded), Bound::Unbounded);
        self.access.scan(range, &mut |_, _| {
            keys += 1;
            true
        })?;
        Ok(keys)
    }

    /// A lower bound that leaves the index out.
    fn behind_index<'a>(&self, from: &'a KeyBound) -> Bound<&'a [u8]> {
        match from {
            Bound::Unbounded if self.index.is_some() => Bound::Included(&[ROW]),
            from => from.as_ref().map(Vec::as_slice),
        }
    }

    fn decode(&self, key: &[u8], value: &[u8]) -> Result<(K, V), RowError> {
        let key = key.strip_prefix(self.prefix()).unwrap_or(key);
        let mut key = K::decode(key).map_err(|error| self.unreadable("key", &error))?;
        key.set_window_sizes(self.access.windows().as_slice());
        let value = self.read_row(value).map_err(|error| self.unreadable("value", &error))?;
        Ok((key, value))
    }

    fn unreadable(&self, part: &str, error: &DecodeError) -> RowError {
        let message = format!(
            "store {} holds a {part} that cannot be read: {error}; if the type or its format has changed, give the \
             store a new name or reset the application",
            self.name()
        );
        StoreError::new(StoreErrorKind::Decode, message).into()
    }
}

impl<K: 'static, V: 'static> StoreView for KeyValue<K, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        &mut self.access
    }
}
