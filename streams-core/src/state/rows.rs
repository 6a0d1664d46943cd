//! Typed rows over a store of bytes: a table's rows, with a typed write-back cache in front.
//!
//! A row is a value and its timestamp. In the store it is the timestamp (eight bytes, big-endian) followed by the
//! value; in the changelog it is the plain value, and the record's timestamp is the row's, as in Kafka Streams. A row
//! is identified by its key's bytes; the [`RowLayout`] defines what they mean.
//!
//! Without a cache, every change is written and logged at once and handed back to be forwarded. With a cache,
//! a change only marks its row as dirty; [`Rows::flush`] and [`Rows::make_room`] write each dirty row once, log it
//! once, and hand back one change to be forwarded. A row that did not exist when it was changed first, and does
//! not exist when it is flushed, is not written, logged or forwarded at all.

use std::marker::PhantomData;
use std::sync::Arc;

use hashbrown::DefaultHashBuilder;

use super::cached_row::Before;
use super::row_cache::{Found, Hand, RowCache};
use super::row_key::KeyBuffer;
use super::timestamped::{RowBuffer, split_timestamped};
use super::{CacheBudget, StoreAccess, StoreError, StoreKind};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::windows::{WindowSize, WindowSizes};
use crate::wire::{DecodeError, EncodeError, Value};

mod ordered;

/// What the bytes of keys mean.
pub(crate) trait RowLayout: 'static {
    /// A row's key.
    type Key: Clone + 'static;

    /// Decodes a key from the store's form, with windows of these sizes in milliseconds.
    ///
    /// # Errors
    /// When the bytes are not such a key.
    fn typed_key(key: &[u8], windows: &[WindowSize]) -> Result<Self::Key, DecodeError>;

    /// Appends the changelog's form of a key, given the store's form of it.
    fn changelog_key(local: &[u8], out: &mut Vec<u8>);

    /// The number of bytes in a store key before the key's own.
    const PREFIX: usize = 0;

    /// The stored form of a row: with its timestamp, unless the key contains that.
    fn stored(encoded: &RowBuffer) -> &[u8] {
        encoded.row()
    }

    /// The timestamp of a stored row and its value's bytes; `None` if they are too short.
    fn split<'a>(_key: &[u8], row: &'a [u8]) -> Option<(Timestamp, &'a [u8])> {
        split_timestamped(row)
    }
}

/// Why rows could not be read or written.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// The store failed, or holds something else than such rows.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key or a value has no representation in its format.
    #[error(transparent)]
    Encode(#[from] EncodeError),
}

crate::debug_says_what_display_says!(RowError);

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
    layout: PhantomData<L>,
    access: StoreAccess,
    cache: Option<RowCache<V>>,
    hasher: DefaultHashBuilder,
    wants_old: bool,
    logged: bool,
    /// Rows whose keys sort below this are gone from the store for good.
    floor: Vec<u8>,
    changelog_key: Vec<u8>,
    encoded: RowBuffer,
    /// How many bytes values have when encoded, on average: a guess for those that were not encoded yet.
    typical_bytes: usize,
    /// How many rows were put into the cache with that guess.
    guesses: usize,
}

/// Of rows whose size is guessed, one in so many is measured.
const GUESSES_PER_MEASUREMENT: usize = 8;
/// How many of the rows last seen the average is made of, roughly.
const AVERAGE_OVER: usize = 8;
/// How many rows the hand passes for each row that is written, in search of written ones to drop.
const STEPS_PER_ROW: usize = 4;

impl<L: RowLayout, V: Value> Rows<L, V> {
    /// Rows over `access`, with a cache on that budget unless it is off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, budget: CacheBudget) -> Self {
        Self {
            layout: PhantomData,
            access,
            cache: (!budget.is_off()).then(|| RowCache::new(budget)),
            hasher: DefaultHashBuilder::default(),
            wants_old: false,
            logged: true,
            floor: Vec::new(),
            changelog_key: Vec::new(),
            encoded: RowBuffer::new(),
            typical_bytes: 0,
            guesses: 0,
        }
    }

    /// The store's name.
    #[must_use]
    pub(crate) const fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    /// How long the windows in keys are.
    pub(super) const fn windows(&self) -> &WindowSizes {
        self.access.windows()
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

    /// Whether changes tell what the row was. Off at first.
    pub(crate) const fn want_old_values(&mut self, wanted: bool) {
        self.wants_old = wanted;
    }

    /// Whether changes go to the changelog, if there is one. On at first; off for tables that are restored
    /// from their source topic.
    pub(crate) const fn log_changes(&mut self, logged: bool) {
        self.logged = logged;
    }

    /// A buffer for the keys of these rows.
    pub(super) fn key_buffer(&self) -> KeyBuffer {
        KeyBuffer::new(self.hasher.clone())
    }

    /// A row as of the last change, flushed or not.
    ///
    /// # Errors
    /// When the store fails, or holds something else.
    pub(crate) fn row(&mut self, key: &KeyBuffer) -> Result<Option<Row<V>>, RowError> {
        if self.cache.is_none() {
            return Ok(self.load(key.key())?.map(|(row, _)| row));
        }
        let place = self.cached(key)?;
        let cached = self.cache.as_mut().map(|cache| cache.at(place));
        Ok(cached.and_then(|cached| cached.row.clone().map(|value| (value, cached.timestamp))))
    }

    /// As [`Rows::row`], without keeping the row in the cache. Rows that are gone for good are not found, even if
    /// they are still in the cache.
    ///
    /// # Errors
    /// As [`Rows::row`].
    pub(crate) fn peek(&mut self, key: &KeyBuffer) -> Result<Option<Row<V>>, RowError> {
        if key.key() < self.floor.as_slice() {
            return Ok(None);
        }
        if let Some(cache) = &mut self.cache
            && let Some(place) = cache.find(key)
        {
            let cached = cache.at(place);
            return Ok(cached.row.clone().map(|value| (value, cached.timestamp)));
        }
        Ok(self.load(key.key())?.map(|(row, _)| row))
    }

    /// Whether a row has a change that is not flushed.
    pub(super) fn is_dirty(&mut self, key: &KeyBuffer) -> bool {
        let Some(cache) = &mut self.cache else { return false };
        cache.find(key).is_some_and(|place| cache.at(place).is_dirty())
    }

    /// A row as of the last flush. Rows that are gone for good are not found.
    ///
    /// # Errors
    /// As [`Rows::row`].
    pub(super) fn flushed(&self, key: &KeyBuffer) -> Result<Option<Row<V>>, RowError> {
        if key.key() < self.floor.as_slice() {
            return Ok(None);
        }
        Ok(self.load(key.key())?.map(|(row, _)| row))
    }

    /// Changes a row: `update` gets what is there and returns what is to be there, or `None` to delete it,
    /// and the time of the result. Returns what is to be forwarded now, which is nothing with a cache.
    ///
    /// # Errors
    /// When the store fails or holds something else, or a key or value cannot be encoded.
    #[inline]
    pub(crate) fn update(
        &mut self,
        key: &KeyBuffer,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        self.access.note_change(key.key());
        if self.cache.is_none() {
            return self.update_now(key.key(), cause, update).map(Some);
        }
        let place = self.cached(key)?;
        let wants_old = self.wants_old;
        let is_gone = key.key() < self.floor.as_slice();
        let Some(cache) = &mut self.cache else { return Ok(None) };
        let cached = cache.at(place);
        if is_gone {
            // It starts over, as it does without a cache.
            cached.row = None;
        }
        if !cached.is_dirty() {
            let before = if cached.row.is_some() { Before::Exists } else { Before::Absent };
            let old = if wants_old { cached.row.clone() } else { None };
            cache.set_before(place, before, old);
        }
        let cached = cache.at(place);
        let old = cached.row.take().map(|value| (value, cached.timestamp));
        let (row, timestamp) = update(old);
        cached.timestamp = if row.is_some() { timestamp } else { cause.timestamp };
        cached.row = row;
        if cache.note_change(place, cause.headers) {
            self.measure(place)?;
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
        key: &KeyBuffer,
        cause: Cause<'_>,
        row: Option<V>,
    ) -> Result<Option<Changed<V>>, RowError> {
        self.access.note_change(key.key());
        let Some(cache) = &mut self.cache else { return self.set_now(key.key(), cause, row).map(Some) };
        let mut measure = true;
        let place = match cache.find(key) {
            Some(place) => {
                let cached = cache.at(place);
                if !cached.is_dirty() {
                    let row = cached.row.take();
                    let before = if row.is_some() { Before::Exists } else { Before::Absent };
                    cache.set_before(place, before, row.filter(|_| self.wants_old));
                }
                place
            }
            // What the store holds is looked up when the row is flushed, and only if it matters then.
            None => {
                self.guesses += 1;
                measure = self.guesses % GUESSES_PER_MEASUREMENT == 1;
                let value_bytes = self.typical_bytes;
                cache.insert(key, Found { row: None, timestamp: cause.timestamp, value_bytes })
            }
        };
        let cached = cache.at(place);
        cached.row = row;
        cached.timestamp = cause.timestamp;
        if cache.note_change(place, cause.headers) && measure {
            self.measure(place)?;
        }
        Ok(None)
    }

    /// Writes and logs at most `rows_max` dirty rows, in the order of their last changes. What is to be forwarded is
    /// added to `forward`, if somebody listens. Returns whether there are more.
    ///
    /// # Errors
    /// When the store or the changelog fails, or a value cannot be encoded. The task cannot go on then.
    pub(crate) fn flush(
        &mut self,
        rows_max: usize,
        mut forward: Option<&mut Vec<ChangeOf<L::Key, V>>>,
    ) -> Result<bool, RowError> {
        let Some(mut cache) = self.cache.take() else { return Ok(false) };
        let mut flushed = Ok(());
        for _ in 0..rows_max {
            let Some(place) = cache.next_dirty() else { break };
            flushed = self.flush_row(&mut cache, place, forward.as_deref_mut());
            if flushed.is_err() {
                break;
            }
        }
        // What is forwarded may fill other caches; rows that are written now can make room for it.
        for _ in 0..rows_max * STEPS_PER_ROW {
            if !cache.budget().is_exceeded() {
                break;
            }
            if let Hand::At(place) = cache.step()
                && !cache.at(place).is_dirty()
            {
                cache.remove(place);
            }
        }
        let more = cache.dirty() > 0;
        self.cache = Some(cache);
        flushed.map(|()| more)
    }

    /// Drops rows that were not used lately until the budget is kept, looking at no more than `rows_max`. Dirty ones
    /// are written and logged first; what is to be forwarded is added to `forward`, if somebody listens. Returns
    /// whether all rows were looked at since the last time this was so.
    ///
    /// # Errors
    /// As [`Rows::flush`].
    pub(crate) fn make_room(
        &mut self,
        rows_max: usize,
        mut forward: Option<&mut Vec<ChangeOf<L::Key, V>>>,
    ) -> Result<bool, RowError> {
        let Some(mut cache) = self.cache.take() else { return Ok(true) };
        let mut outcome = Ok(false);
        for _ in 0..rows_max {
            if !cache.budget().has_to_free() {
                break;
            }
            match cache.step() {
                Hand::Passing => {}
                Hand::Round => {
                    outcome = Ok(true);
                    break;
                }
                Hand::At(place) => {
                    if cache.at(place).is_dirty()
                        && let Err(error) = self.flush_row(&mut cache, place, forward.as_deref_mut())
                    {
                        outcome = Err(error);
                        break;
                    }
                    cache.remove(place);
                }
            }
        }
        self.cache = Some(cache);
        outcome
    }

    /// As [`Rows::make_room`], but writes nothing: dirty rows stay.
    pub(crate) fn drop_clean(&mut self, rows_max: usize) -> bool {
        let Some(cache) = &mut self.cache else { return true };
        for _ in 0..rows_max {
            if !cache.budget().has_to_free() {
                return false;
            }
            match cache.step() {
                Hand::Passing => {}
                Hand::Round => return true,
                Hand::At(place) if cache.at(place).is_dirty() => {}
                Hand::At(place) => cache.remove(place),
            }
        }
        false
    }

    /// Deletes every row whose key in the store sorts below `floor`; none is logged or forwarded. Dirty rows
    /// below it are still logged and forwarded, but not stored.
    pub(super) fn delete_below(&mut self, floor: Vec<u8>) {
        self.access.delete_below(&floor);
        self.floor = floor;
    }

    /// The place of a row in the cache, where it is put if it is not there.
    #[inline]
    fn cached(&mut self, key: &KeyBuffer) -> Result<usize, RowError> {
        if let Some(place) = self.cache.as_mut().and_then(|cache| cache.find(key)) {
            return Ok(place);
        }
        let found = match self.load(key.key())? {
            Some(((row, timestamp), value_bytes)) => Found { row: Some(row), timestamp, value_bytes },
            None => Found { row: None, timestamp: Timestamp::UNKNOWN, value_bytes: 0 },
        };
        Ok(self.cache.as_mut().map_or(0, |cache| cache.insert(key, found)))
    }

    /// Encodes the row at a place to see how many bytes it has.
    #[cold]
    fn measure(&mut self, place: usize) -> Result<(), RowError> {
        if let Some(cache) = &mut self.cache {
            let cached = cache.at(place);
            self.encoded.encode(cached.timestamp, cached.row.as_ref())?;
            cache.set_measured(place, self.encoded.value().len());
            self.note_size();
        }
        Ok(())
    }

    /// Takes the value that was encoded last into the average.
    fn note_size(&mut self) {
        let rest = self.typical_bytes - self.typical_bytes / AVERAGE_OVER;
        self.typical_bytes = rest + self.encoded.value().len().div_ceil(AVERAGE_OVER);
    }

    /// Reads a row from the store; also says how many bytes the value has.
    fn load(&self, key: &[u8]) -> Result<Option<(Row<V>, usize)>, RowError> {
        self.access.get(key)?.map(|bytes| self.decode(key, &bytes).map(|row| (row, bytes.len()))).transpose()
    }

    fn decode(&self, key: &[u8], bytes: &[u8]) -> Result<Row<V>, RowError> {
        Self::read(key, bytes).map_err(|reason| self.unreadable("row", &reason))
    }

    /// Decodes a stored row, or says what is wrong with it.
    fn read(key: &[u8], bytes: &[u8]) -> Result<Row<V>, String> {
        match L::split(key, bytes) {
            Some((timestamp, value)) => match V::decode(value) {
                Ok(value) => Ok((value, timestamp)),
                Err(error) => Err(error.to_string()),
            },
            None => Err(format!("a row begins with its timestamp, 8 bytes; this one has only {} bytes", bytes.len())),
        }
    }

    #[cold]
    fn unreadable(&self, what: &str, reason: &str) -> RowError {
        StoreError::unreadable(self.name(), what, reason).into()
    }

    #[cold]
    fn update_now(
        &mut self,
        key: &[u8],
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Changed<V>, RowError> {
        let row = self.load(key)?.map(|(row, _)| row);
        let old = if self.wants_old { row.as_ref().map(|(value, _)| value.clone()) } else { None };
        let (new, timestamp) = update(row);
        self.write(key, new.as_ref(), if new.is_some() { timestamp } else { cause.timestamp })?;
        Ok(Changed { change: Change::latest(old, new), timestamp })
    }

    fn set_now(&mut self, key: &[u8], cause: Cause<'_>, new: Option<V>) -> Result<Changed<V>, RowError> {
        let old = if self.wants_old { self.load(key)?.map(|((value, _), _)| value) } else { None };
        self.write(key, new.as_ref(), cause.timestamp)?;
        Ok(Changed { change: Change::latest(old, new), timestamp: cause.timestamp })
    }

    /// Stores and logs a row.
    fn write(&mut self, key: &[u8], row: Option<&V>, timestamp: Timestamp) -> Result<(), RowError> {
        self.encoded.encode(timestamp, row)?;
        let exists = row.is_some();
        if self.logged {
            self.changelog_key.clear();
            L::changelog_key(key, &mut self.changelog_key);
            self.access.log(&self.changelog_key, exists.then(|| self.encoded.value()), timestamp, &Headers::new())?;
        }
        if key >= self.floor.as_slice() {
            self.access.put_known(key, exists.then(|| L::stored(&self.encoded)));
        }
        Ok(())
    }

    fn flush_row(
        &mut self,
        cache: &mut RowCache<V>,
        place: usize,
        forward: Option<&mut Vec<ChangeOf<L::Key, V>>>,
    ) -> Result<(), RowError> {
        let before = self.look_before(cache, place)?;
        let (old, headers) = cache.set_written(place);
        let cached = cache.at(place);
        if cached.row.is_none() && before == Before::Absent {
            return Ok(());
        }
        self.write(cached.key.key(), cached.row.as_ref(), cached.timestamp)?;
        if let Some(forward) = forward {
            let key = L::typed_key(cached.key.key(), self.access.windows().as_slice());
            forward.push(Record {
                key: key.map_err(|error| self.unreadable("key", &error.to_string()))?,
                value: Change::latest(old, cached.row.clone()),
                timestamp: cached.timestamp,
                headers,
            });
        }
        cache.set_measured(place, self.encoded.value().len());
        self.note_size();
        Ok(())
    }

    /// What the store holds where the row at a place is to be written, if that matters.
    fn look_before(&self, cache: &mut RowCache<V>, place: usize) -> Result<Before, RowError> {
        let cached = cache.at(place);
        let matters = self.wants_old || cached.row.is_none();
        if cached.before() == Before::Unknown && matters {
            let (before, old) = match self.load(cached.key.key())? {
                Some(((old, _), _)) => (Before::Exists, Some(old)),
                None => (Before::Absent, None),
            };
            cache.set_before(place, before, old.filter(|_| self.wants_old));
        }
        Ok(cache.at(place).before())
    }
}
