//! Typed rows over a store of bytes: a table's rows, with a typed write-back cache in front.
//!
//! A row is a value and its timestamp. In the store it is the timestamp (eight bytes, big-endian) followed
//! by the value; in the changelog it is the plain value, and the record's timestamp is the row's, as in
//! Kafka Streams. How a key becomes bytes is the [`RowLayout`]'s business.
//!
//! With the cache off, every change is written and logged at once and handed back to be forwarded. With
//! the cache on, a change only marks its row dirty; [`Rows::flush`] writes each dirty row once, logs it
//! once, and hands back one change to be forwarded. A row that did not exist and does not exist again by
//! then is not written, logged or forwarded at all.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::row_cache::{Before, Found, RowCache, Slot};
use super::timestamped::{split_timestamped, timestamped};
use super::{StoreAccess, StoreError, StoreErrorKind};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::wire::{EncodeError, Value};

/// How keys become bytes.
pub(crate) trait RowLayout: 'static {
    /// A row's key.
    type Key: Clone + 'static;

    /// Appends the store's form of a key.
    ///
    /// # Errors
    /// When the key has no representation in its format.
    fn store_key(key: &Self::Key, out: &mut Vec<u8>) -> Result<(), EncodeError>;

    /// Appends the changelog's form of a key, given the store's form of it.
    fn changelog_key(local: &[u8], out: &mut Vec<u8>);
}

/// A way to say which row is meant, without making a key that is only compared.
pub(crate) trait RowQuery<L: RowLayout>: Copy {
    /// The key's hash.
    fn hash(&self, hasher: &DefaultHashBuilder) -> u64;

    /// Whether this is the key.
    fn is(&self, key: &L::Key) -> bool;

    /// The key.
    fn to_key(&self) -> L::Key;

    /// Appends the store's form of the key: what [`RowLayout::store_key`] appends for it.
    ///
    /// # Errors
    /// As [`RowLayout::store_key`].
    fn write(&self, out: &mut Vec<u8>) -> Result<(), EncodeError>;
}

/// Why rows could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The store failed, or holds something else than such rows.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or a value has no representation in its format.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A row: its value and its timestamp.
pub(crate) type Row<V> = (V, Timestamp);

/// A change that is to be forwarded now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed<V> {
    /// What the row was, if old values are wanted, and what it is.
    pub change: Change<V>,
    /// The time of the change.
    pub timestamp: Timestamp,
}

/// A change of a row as it is forwarded.
pub(crate) type ChangeOf<K, V> = Record<K, Change<V>>;

/// What changes a row: the time and the headers of the record being processed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause<'a> {
    /// The record's timestamp: a deletion's time in the changelog.
    pub timestamp: Timestamp,
    /// The record's headers, forwarded when the cache is flushed.
    pub headers: &'a Headers,
}

/// Rows of one store of one task.
pub(crate) struct Rows<L: RowLayout, V> {
    access: StoreAccess,
    cache: Option<RowCache<L::Key, V>>,
    hasher: DefaultHashBuilder,
    wants_old: bool,
    logged: bool,
    /// Rows whose keys sort below this are gone from the store for good.
    floor: Vec<u8>,
    key: Vec<u8>,
    changelog_key: Vec<u8>,
    value: Vec<u8>,
    /// What a row's key and value had in bytes when one was last encoded: a guess for others.
    typical_weight: usize,
}

impl<L: RowLayout, V: Value> Rows<L, V> {
    /// Rows over `access`, with a cache of at most about `cache_bytes`; 0 switches the cache off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, cache_bytes: usize) -> Self {
        Self {
            access,
            cache: (cache_bytes > 0).then(|| RowCache::new(cache_bytes)),
            hasher: DefaultHashBuilder::default(),
            wants_old: false,
            logged: true,
            floor: Vec::new(),
            key: Vec::new(),
            changelog_key: Vec::new(),
            value: Vec::new(),
            typical_weight: 0,
        }
    }

    /// The store's name.
    #[must_use]
    pub(crate) const fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    /// Whether changes wait for [`Rows::flush`].
    #[must_use]
    pub(crate) const fn is_cached(&self) -> bool {
        self.cache.is_some()
    }

    /// How many bytes the cache holds, roughly.
    #[must_use]
    pub(crate) fn cached_bytes(&self) -> usize {
        self.cache.as_ref().map_or(0, RowCache::bytes)
    }

    /// Changes how many bytes the cache may hold; without a cache, does nothing.
    pub(crate) fn set_cache_bytes(&mut self, bytes: usize) {
        if let Some(cache) = &mut self.cache {
            cache.set_budget(bytes);
        }
    }

    /// Whether changes tell what the row was. Off at first.
    pub(crate) const fn want_old_values(&mut self, wanted: bool) {
        self.wants_old = wanted;
    }

    /// Whether changes go to the changelog, if there is one. On at first; off for tables that are restored
    /// from their source topic.
    pub(crate) const fn log_changes(&mut self, logged: bool) {
        self.logged = logged;
    }

    /// The builder of the hashes that [`RowQuery::hash`] is to give.
    pub(super) const fn hasher(&self) -> &DefaultHashBuilder {
        &self.hasher
    }

    /// A row as of the last change, flushed or not.
    ///
    /// # Errors
    /// When the store fails, or holds something else.
    pub(crate) fn row(&mut self, query: impl RowQuery<L>) -> Result<Option<Row<V>>, RowError> {
        if self.cache.is_none() {
            return Ok(self.load(query)?.0);
        }
        let hash = query.hash(&self.hasher);
        let place = self.cached(hash, query)?;
        let slot = self.cache.as_mut().map(|cache| cache.slot(place));
        Ok(slot.and_then(|slot| slot.row.clone().map(|value| (value, slot.timestamp))))
    }

    /// As [`Rows::row`], without keeping the row in the cache.
    ///
    /// # Errors
    /// As [`Rows::row`].
    pub(crate) fn peek(&mut self, query: impl RowQuery<L>) -> Result<Option<Row<V>>, RowError> {
        if let Some(cache) = &mut self.cache
            && let Some(place) = cache.find(query.hash(&self.hasher), |key| query.is(key))
        {
            let slot = cache.slot(place);
            return Ok(slot.row.clone().map(|value| (value, slot.timestamp)));
        }
        Ok(self.load(query)?.0)
    }

    /// Changes a row: `update` gets what is there and returns what is to be there, or `None` to delete it,
    /// and the time of the result. Returns what is to be forwarded now, which is nothing with a cache.
    ///
    /// # Errors
    /// When the store fails or holds something else, or a key or value cannot be encoded.
    #[inline]
    pub(crate) fn update(
        &mut self,
        query: impl RowQuery<L>,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        if self.cache.is_none() {
            return self.update_now(query, cause, update).map(Some);
        }
        let hash = query.hash(&self.hasher);
        let place = self.cached(hash, query)?;
        let wants_old = self.wants_old;
        if let Some(cache) = &mut self.cache {
            let slot = cache.slot(place);
            if !slot.is_dirty() {
                slot.before = match &slot.row {
                    None => Before::Absent,
                    Some(row) if wants_old => Before::Row(row.clone()),
                    Some(_) => Before::Exists,
                };
            }
            let old = slot.row.take().map(|value| (value, slot.timestamp));
            let (row, timestamp) = update(old);
            slot.timestamp = if row.is_some() { timestamp } else { cause.timestamp };
            slot.row = row;
            slot.headers.clone_from(cause.headers);
            cache.mark_dirty(place);
        }
        Ok(None)
    }

    /// Sets a row, or deletes it, whatever is there; the row's time is the record's. Returns what is to be
    /// forwarded now, which is nothing with a cache.
    ///
    /// # Errors
    /// As [`Rows::update`].
    #[inline]
    pub(crate) fn set(
        &mut self,
        query: impl RowQuery<L>,
        cause: Cause<'_>,
        row: Option<V>,
    ) -> Result<Option<Changed<V>>, RowError> {
        let Some(cache) = &mut self.cache else { return self.set_now(query, cause, row).map(Some) };
        let hash = query.hash(&self.hasher);
        let place = match cache.find(hash, |key| query.is(key)) {
            Some(place) => {
                let slot = cache.slot(place);
                if !slot.is_dirty() {
                    slot.before = match slot.row.take() {
                        None => Before::Absent,
                        Some(row) if self.wants_old => Before::Row(row),
                        Some(_) => Before::Exists,
                    };
                }
                place
            }
            // What the store holds is looked up when the row is flushed, and only if it matters then.
            None => {
                let (key, weight) = (query.to_key(), self.typical_weight);
                cache.insert(hash, Found { key, row: None, timestamp: cause.timestamp, weight })
            }
        };
        let slot = cache.slot(place);
        slot.row = row;
        slot.timestamp = cause.timestamp;
        slot.headers.clone_from(cause.headers);
        cache.mark_dirty(place);
        Ok(None)
    }

    /// Writes and logs at most `rows_max` dirty rows, those first that have been dirty for longest. What is
    /// to be forwarded is added to `forward`, if somebody listens. Returns whether there are more.
    ///
    /// # Errors
    /// When the store or the changelog fails, or a key or value cannot be encoded. The task cannot go on
    /// then.
    pub(crate) fn flush(
        &mut self,
        rows_max: usize,
        mut forward: Option<&mut Vec<ChangeOf<L::Key, V>>>,
    ) -> Result<bool, RowError> {
        let Some(mut cache) = self.cache.take() else { return Ok(false) };
        let result = (0..rows_max).try_for_each(|_| match cache.next_dirty() {
            Some(place) => self.flush_row(&mut cache, place, forward.as_deref_mut()),
            None => Ok(()),
        });
        let more = cache.dirty() > 0;
        if !more {
            cache.shrink();
        }
        self.cache = Some(cache);
        result.map(|()| more)
    }

    /// Deletes every row whose key in the store sorts below `floor`; none is logged or forwarded. Dirty rows
    /// below it are still logged and forwarded, but not stored.
    pub(super) fn delete_below(&mut self, floor: Vec<u8>) {
        self.access.delete_below(&floor);
        self.floor = floor;
    }

    /// The place of a row in the cache, where it is put if it is not there.
    #[inline]
    fn cached(&mut self, hash: u64, query: impl RowQuery<L>) -> Result<usize, RowError> {
        if let Some(place) = self.cache.as_mut().and_then(|cache| cache.find(hash, |key| query.is(key))) {
            return Ok(place);
        }
        let (row, weight) = self.load(query)?;
        let (row, timestamp) = row.map_or((None, Timestamp::UNKNOWN), |(row, timestamp)| (Some(row), timestamp));
        let found = Found { key: query.to_key(), row, timestamp, weight };
        Ok(self.cache.as_mut().map_or(0, |cache| cache.insert(hash, found)))
    }

    /// Reads a row from the store; also says how many bytes key and value have.
    fn load(&mut self, query: impl RowQuery<L>) -> Result<(Option<Row<V>>, usize), RowError> {
        self.key.clear();
        query.write(&mut self.key)?;
        match self.access.get(&self.key)? {
            Some(bytes) => Ok((Some(self.decode(&bytes)?), self.key.len() + bytes.len())),
            None => Ok((None, self.typical_weight.max(self.key.len()))),
        }
    }

    /// Reads the row whose key was encoded last.
    fn read(&self) -> Result<Option<Row<V>>, RowError> {
        self.access.get(&self.key)?.map(|bytes| self.decode(&bytes)).transpose()
    }

    fn decode(&self, bytes: &[u8]) -> Result<Row<V>, RowError> {
        let reason = match split_timestamped(bytes) {
            Some((timestamp, value)) => match V::decode(value) {
                Ok(value) => return Ok((value, timestamp)),
                Err(error) => error.to_string(),
            },
            None => format!("a row begins with its timestamp, 8 bytes; this one has only {} bytes", bytes.len()),
        };
        let message = format!(
            "store {} holds a row that cannot be read: {reason}; if the type or its format has changed, give the \
             store a new name or reset the application",
            self.name()
        );
        Err(StoreError::new(StoreErrorKind::Decode, message).into())
    }

    #[cold]
    fn update_now(
        &mut self,
        query: impl RowQuery<L>,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Changed<V>, RowError> {
        let (row, _) = self.load(query)?;
        let old = if self.wants_old { row.as_ref().map(|(value, _)| value.clone()) } else { None };
        let (new, timestamp) = update(row);
        self.write(new.as_ref(), if new.is_some() { timestamp } else { cause.timestamp })?;
        Ok(Changed { change: Change { old, new }, timestamp })
    }

    fn set_now(&mut self, query: impl RowQuery<L>, cause: Cause<'_>, new: Option<V>) -> Result<Changed<V>, RowError> {
        let old = if self.wants_old {
            self.load(query)?.0.map(|(value, _)| value)
        } else {
            self.key.clear();
            query.write(&mut self.key)?;
            None
        };
        self.write(new.as_ref(), cause.timestamp)?;
        Ok(Changed { change: Change { old, new }, timestamp: cause.timestamp })
    }

    /// Stores and logs the row whose key was encoded last. Returns how many bytes it has.
    fn write(&mut self, row: Option<&V>, timestamp: Timestamp) -> Result<usize, RowError> {
        self.value.clear();
        if let Some(value) = row {
            value.encode(&mut self.value)?;
        }
        let value = row.map(|_| self.value.as_slice());
        if self.logged {
            self.changelog_key.clear();
            L::changelog_key(&self.key, &mut self.changelog_key);
            self.access.log(&self.changelog_key, value, timestamp, &Headers::new())?;
        }
        if self.key >= self.floor {
            self.access.put(self.key.clone(), value.map(|value| timestamped(timestamp, value)));
        }
        self.typical_weight = self.key.len() + self.value.len();
        Ok(self.typical_weight)
    }

    fn flush_row(
        &mut self,
        cache: &mut RowCache<L::Key, V>,
        place: usize,
        forward: Option<&mut Vec<ChangeOf<L::Key, V>>>,
    ) -> Result<(), RowError> {
        let slot = cache.slot(place);
        self.key.clear();
        L::store_key(&slot.key, &mut self.key)?;
        let before = match std::mem::replace(&mut slot.before, Before::Unknown) {
            Before::Unknown if self.wants_old || slot.row.is_none() => match self.read()? {
                Some((old, _)) => Before::Row(old),
                None => Before::Absent,
            },
            known => known,
        };
        if slot.row.is_none() && matches!(before, Before::Absent) {
            return Ok(());
        }
        let weight = self.write(slot.row.as_ref(), slot.timestamp)?;
        if let Some(forward) = forward {
            let old = match before {
                Before::Row(old) if self.wants_old => Some(old),
                _ => None,
            };
            forward.push(changed(slot, old));
        }
        cache.set_weight(place, weight);
        Ok(())
    }
}

fn changed<K: Clone, V: Clone>(slot: &mut Slot<K, V>, old: Option<V>) -> ChangeOf<K, V> {
    Record {
        key: slot.key.clone(),
        value: Change { old, new: slot.row.clone() },
        timestamp: slot.timestamp,
        headers: std::mem::take(&mut slot.headers),
    }
}

/// Hashes a part of a key.
pub(super) fn hash_of(hasher: &DefaultHashBuilder, part: &impl std::hash::Hash) -> u64 {
    hasher.hash_one(part)
}
