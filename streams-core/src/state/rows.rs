//! A table's typed rows over a store of bytes, with a typed write-back cache in front.
//!
//! A row is a value and its timestamp. In the store it is the timestamp (eight bytes, big-endian) followed by the
//! value; in the changelog it is the plain value, and the record's timestamp is the row's, as in Kafka Streams. A row
//! is identified by its key's bytes; the [`RowLayout`] defines what they mean.
//!
//! With the cache off, every change is written and logged at once and returned to be forwarded. With the cache on, a
//! change only marks its row dirty; [`Rows::flush`] writes and logs each dirty row once, and returns one change to be
//! forwarded. A row that was created and deleted again in between is not written, logged or forwarded at all.

use std::marker::PhantomData;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::row_cache::{Before, Found, RowCache, Slot};
use super::row_key::KeyBuffer;
use super::timestamped::{split_timestamped, timestamped};
use super::{StoreAccess, StoreError, StoreErrorKind, StoreKind};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::wire::{DecodeError, EncodeError, Value};

/// Defines what the bytes of keys mean.
pub(crate) trait RowLayout: 'static {
    /// The typed key of a row.
    type Key: Clone + 'static;

    /// Decodes a key from the store's form, with windows of these sizes in milliseconds.
    ///
    /// # Errors
    /// When the bytes are not such a key.
    fn typed_key(key: &[u8], windows: &[i64]) -> Result<Self::Key, DecodeError>;

    /// Appends the changelog's form of a key, given the store's form of it.
    fn changelog_key(local: &[u8], out: &mut Vec<u8>);
}

/// Why rows could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The store failed, or holds bytes that are not such rows.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or a value cannot be encoded in its format.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

/// A row: its value and its timestamp.
pub(crate) type Row<V> = (V, Timestamp);

/// A change to be forwarded now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Changed<V> {
    /// The new row, and the old one if old values are wanted.
    pub change: Change<V>,
    /// The change's timestamp.
    pub timestamp: Timestamp,
}

/// A change of a row as it is forwarded.
pub(crate) type ChangeOf<K, V> = Record<K, Change<V>>;

/// What changes a row: the time and the headers of the record being processed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cause<'a> {
    /// The record's timestamp, which a deletion gets in the changelog.
    pub timestamp: Timestamp,
    /// The record's headers, forwarded when the cache is flushed.
    pub headers: &'a Headers,
}

/// The rows of one store of one task.
pub(crate) struct Rows<L: RowLayout, V> {
    layout: PhantomData<L>,
    access: StoreAccess,
    cache: Option<RowCache<V>>,
    hasher: DefaultHashBuilder,
    wants_old: bool,
    logged: bool,
    /// Rows whose keys sort below this were deleted from the store and never come back.
    floor: Vec<u8>,
    changelog_key: Vec<u8>,
    value: Vec<u8>,
    /// The encoded size of the row that was last encoded, as an estimate for others.
    typical_weight: usize,
}

impl<L: RowLayout, V: Value> Rows<L, V> {
    /// Rows in `access`, with a cache of about `cache_bytes` at most; 0 turns caching off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, cache_bytes: usize) -> Self {
        Self {
            layout: PhantomData,
            access,
            cache: (cache_bytes > 0).then(|| RowCache::new(cache_bytes)),
            hasher: DefaultHashBuilder::default(),
            wants_old: false,
            logged: true,
            floor: Vec::new(),
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

    /// What the store's rows are.
    #[must_use]
    pub(crate) fn kind(&self) -> &dyn StoreKind {
        self.access.kind()
    }

    /// Whether changes wait for [`Rows::flush`].
    #[must_use]
    pub(crate) const fn is_cached(&self) -> bool {
        self.cache.is_some()
    }

    /// Roughly how many bytes the cache holds.
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

    /// Sets whether changes carry the old row. Off by default.
    pub(crate) const fn want_old_values(&mut self, wanted: bool) {
        self.wants_old = wanted;
    }

    /// Sets whether changes go to the changelog, if there is one. On by default; off for tables that are restored
    /// from their source topic.
    pub(crate) const fn log_changes(&mut self, logged: bool) {
        self.logged = logged;
    }

    /// A buffer for the keys of these rows.
    pub(super) fn key_buffer(&self) -> KeyBuffer {
        KeyBuffer::new(self.hasher.clone())
    }

    /// A row, including changes that are not flushed yet.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type.
    pub(crate) fn row(&mut self, key: &KeyBuffer) -> Result<Option<Row<V>>, RowError> {
        if self.cache.is_none() {
            return Ok(self.load(key.key())?.0);
        }
        let place = self.cached(key)?;
        let slot = self.cache.as_mut().map(|cache| cache.slot(place));
        Ok(slot.and_then(|slot| slot.row.clone().map(|value| (value, slot.timestamp))))
    }

    /// As [`Rows::row`], without keeping the row in the cache.
    ///
    /// # Errors
    /// As [`Rows::row`].
    pub(crate) fn peek(&mut self, key: &KeyBuffer) -> Result<Option<Row<V>>, RowError> {
        if let Some(cache) = &mut self.cache
            && let Some(place) = cache.find(key)
        {
            let slot = cache.slot(place);
            return Ok(slot.row.clone().map(|value| (value, slot.timestamp)));
        }
        Ok(self.load(key.key())?.0)
    }

    /// Updates a row. `update` gets the current row and returns the new value, or `None` to delete the row, with the
    /// result's timestamp. Returns the change to forward now, which with a cache is none.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or a key or value cannot be encoded.
    #[inline]
    pub(crate) fn update(
        &mut self,
        key: &KeyBuffer,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        if self.cache.is_none() {
            return self.update_now(key.key(), cause, update).map(Some);
        }
        let place = self.cached(key)?;
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

    /// Sets or deletes a row regardless of its current value; it gets the record's timestamp. Returns the change to
    /// forward now, which with a cache is none.
    ///
    /// # Errors
    /// As [`Rows::update`].
    #[inline]
    pub(crate) fn set(
        &mut self,
        key: &KeyBuffer,
        cause: Cause<'_>,
        row: Option<V>,
    ) -> Result<Option<Changed<V>>, RowError> {
        let Some(cache) = &mut self.cache else { return self.set_now(key.key(), cause, row).map(Some) };
        let place = match cache.find(key) {
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
            // The store is read only when the row is flushed, and only if its old value matters then.
            None => {
                let weight = self.typical_weight;
                cache.insert(key, Found { row: None, timestamp: cause.timestamp, weight })
            }
        };
        let slot = cache.slot(place);
        slot.row = row;
        slot.timestamp = cause.timestamp;
        slot.headers.clone_from(cause.headers);
        cache.mark_dirty(place);
        Ok(None)
    }

    /// Writes and logs at most `rows_max` dirty rows, starting with those that have been dirty for longest. Changes
    /// to be forwarded are added to `forward`, if there is one. Returns whether there are more.
    ///
    /// # Errors
    /// When the store or the changelog fails, or a key or value cannot be encoded. The task cannot continue after
    /// that.
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

    /// Deletes every row whose key in the store sorts below `floor`, without logging or forwarding the deletions.
    /// Dirty rows below it are still logged and forwarded, but not stored.
    pub(super) fn delete_below(&mut self, floor: Vec<u8>) {
        self.access.delete_below(&floor);
        self.floor = floor;
    }

    /// A row's place in the cache; a missing row is loaded first.
    #[inline]
    fn cached(&mut self, key: &KeyBuffer) -> Result<usize, RowError> {
        if let Some(place) = self.cache.as_mut().and_then(|cache| cache.find(key)) {
            return Ok(place);
        }
        let (row, weight) = self.load(key.key())?;
        let (row, timestamp) = row.map_or((None, Timestamp::UNKNOWN), |(row, timestamp)| (Some(row), timestamp));
        let found = Found { row, timestamp, weight };
        Ok(self.cache.as_mut().map_or(0, |cache| cache.insert(key, found)))
    }

    /// Reads a row from the store, and also returns the size of key and value in bytes.
    fn load(&self, key: &[u8]) -> Result<(Option<Row<V>>, usize), RowError> {
        match self.access.get(key)? {
            Some(bytes) => Ok((Some(self.decode(&bytes)?), key.len() + bytes.len())),
            None => Ok((None, self.typical_weight.max(key.len()))),
        }
    }

    fn decode(&self, bytes: &[u8]) -> Result<Row<V>, RowError> {
        let reason = match split_timestamped(bytes) {
            Some((timestamp, value)) => match V::decode(value) {
                Ok(value) => return Ok((value, timestamp)),
                Err(error) => error.to_string(),
            },
            None => format!("a row begins with its timestamp, 8 bytes; this one has only {} bytes", bytes.len()),
        };
        Err(self.unreadable("row", &reason))
    }

    #[cold]
    fn unreadable(&self, what: &str, reason: &str) -> RowError {
        let message = format!(
            "store {} holds a {what} that cannot be read: {reason}; if the type or its format has changed, give the \
             store a new name or reset the application",
            self.name()
        );
        StoreError::new(StoreErrorKind::Decode, message).into()
    }

    #[cold]
    fn update_now(
        &mut self,
        key: &[u8],
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Changed<V>, RowError> {
        let (row, _) = self.load(key)?;
        let old = if self.wants_old { row.as_ref().map(|(value, _)| value.clone()) } else { None };
        let (new, timestamp) = update(row);
        self.write(key, new.as_ref(), if new.is_some() { timestamp } else { cause.timestamp })?;
        Ok(Changed { change: Change::latest(old, new), timestamp })
    }

    fn set_now(&mut self, key: &[u8], cause: Cause<'_>, new: Option<V>) -> Result<Changed<V>, RowError> {
        let old = if self.wants_old { self.load(key)?.0.map(|(value, _)| value) } else { None };
        self.write(key, new.as_ref(), cause.timestamp)?;
        Ok(Changed { change: Change::latest(old, new), timestamp: cause.timestamp })
    }

    /// Stores and logs a row. Returns its size in bytes.
    fn write(&mut self, key: &[u8], row: Option<&V>, timestamp: Timestamp) -> Result<usize, RowError> {
        self.value.clear();
        if let Some(value) = row {
            value.encode(&mut self.value)?;
        }
        let value = row.map(|_| self.value.as_slice());
        if self.logged {
            self.changelog_key.clear();
            L::changelog_key(key, &mut self.changelog_key);
            self.access.log(&self.changelog_key, value, timestamp, &Headers::new())?;
        }
        if key >= self.floor.as_slice() {
            self.access.put(key.to_vec(), value.map(|value| timestamped(timestamp, value)));
        }
        self.typical_weight = key.len() + self.value.len();
        Ok(self.typical_weight)
    }

    fn flush_row(
        &mut self,
        cache: &mut RowCache<V>,
        place: usize,
        forward: Option<&mut Vec<ChangeOf<L::Key, V>>>,
    ) -> Result<(), RowError> {
        let slot = cache.slot(place);
        let key = slot.key.key();
        let before = match std::mem::replace(&mut slot.before, Before::Unknown) {
            Before::Unknown if self.wants_old || slot.row.is_none() => match self.load(key)?.0 {
                Some((old, _)) => Before::Row(old),
                None => Before::Absent,
            },
            known => known,
        };
        if slot.row.is_none() && matches!(before, Before::Absent) {
            return Ok(());
        }
        let weight = self.write(key, slot.row.as_ref(), slot.timestamp)?;
        if let Some(forward) = forward {
            let old = match before {
                Before::Row(old) if self.wants_old => Some(old),
                _ => None,
            };
            forward.push(self.changed(slot, old)?);
        }
        cache.set_weight(place, weight);
        Ok(())
    }

    fn changed(&self, slot: &mut Slot<V>, old: Option<V>) -> Result<ChangeOf<L::Key, V>, RowError> {
        let key = L::typed_key(slot.key.key(), self.access.windows().as_slice());
        Ok(Record {
            key: key.map_err(|error| self.unreadable("key", &error.to_string()))?,
            value: Change::latest(old, slot.row.clone()),
            timestamp: slot.timestamp,
            headers: std::mem::take(&mut slot.headers),
        })
    }
}
