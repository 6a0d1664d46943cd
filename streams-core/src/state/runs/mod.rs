//! Typed rows of which a key has several near each other in time: its sessions, for instance.
//!
//! An operator that needs a row's neighbours would have to search the store with each record. Here a key's rows lie side by
//! side in memory, as a *run*. A run is read from the store once, when its key comes first, and is complete from then on: a
//! row that is not in it does not exist. So a record costs one look-up of its key, and a new row is known to be new.
//!
//! As in [`super::rows`], a change only marks its row as dirty if there is a cache; a flush writes, logs and forwards each
//! dirty row once, in the order of the last changes, and a row that has come and gone in the meantime is never seen. Room
//! is made by dropping whole runs that were not used recently. Without a cache there is one run, that of the last record,
//! and every change is written and logged at once.
//!
//! Rows whose time is over, by the store's retention and the newest row's time, are not found any more, exactly as with
//! Kafka Streams' stores.

use std::ops::Bound;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use super::cached_row::{Before, CachedRow};
use super::dirty_rows::small;
use super::row_cache::spread;
use super::row_key::KeyBuffer;
use super::rows::{Cause, Changed, Row, RowError};
use super::timestamped::RowBuffer;
use super::{CacheBudget, FreshRows, KeyOrder, KeyRange, StoreAccess, StoreError, StoreView};
use crate::record::{Change, Timestamp};
use crate::wire::Value;
use crate::wire::encoded_key::{AsKey, EncodedKey};

mod flush;
mod fresh;
mod layout;
mod run;
pub(crate) mod spanned;
#[cfg(test)]
mod tests;

pub(crate) use layout::{EachPlace, Place, RunLayout};
use run::Run;

/// A run, until the next one is opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RunId(usize);

/// The rows of one store of one task, by key and time.
pub(crate) struct Runs<L: RunLayout, V> {
    layout: L,
    access: StoreAccess,
    budget: CacheBudget,
    key: KeyBuffer,
    /// The slots of the keys that have one.
    slots: HashTable<u32>,
    runs: Vec<Run<L::Place, V>>,
    free: Vec<usize>,
    /// The slot that was opened last.
    current: usize,
    dirty: usize,
    /// The number of the next change.
    next_change: u32,
    /// Number, slot and place of the rows that are being flushed, the last to be flushed first.
    queue: Vec<(u32, usize, L::Place)>,
    hand: usize,
    /// What is charged to the budget.
    bytes: usize,
    wants_old: bool,
    /// Whether rows are forwarded when their windows close, and not when they are flushed.
    is_read_on_close: bool,
    retention_ms: i64,
    /// The latest time of a row, which determines what is over.
    newest: i64,
    /// No row in the store has a later time. `None` until the first run is opened.
    newest_stored: Option<i64>,
    /// Rows below are deleted from the store.
    floor: Vec<u8>,
    buffer: Vec<u8>,
    encoded: RowBuffer,
}

/// So many rows that are over are dropped from a run at once, or half of them, because the others move.
const TRIMMED_MIN: usize = 16;

impl<L: RunLayout, V: Value> Runs<L, V> {
    /// What a row costs beside what it has outside of itself. A run has room for a few more rows than it has.
    const ROW_BYTES: usize = size_of::<CachedRow<V, L::Place>>() * 4 / 3;

    /// Rows in `access`, each kept as long as its kind says, with a cache on that budget unless it is off.
    #[must_use]
    pub(crate) fn new(access: StoreAccess, budget: CacheBudget) -> Self {
        let retention =
            access.kind().retention().map_or(i64::MAX, |kept| i64::try_from(kept.as_millis()).unwrap_or(i64::MAX));
        Self {
            layout: L::of(access.kind()),
            access,
            budget,
            key: KeyBuffer::new(DefaultHashBuilder::default()),
            slots: HashTable::new(),
            runs: Vec::new(),
            free: Vec::new(),
            current: 0,
            dirty: 0,
            next_change: 0,
            queue: Vec::new(),
            hand: 0,
            bytes: 0,
            wants_old: false,
            is_read_on_close: false,
            retention_ms: retention,
            newest: i64::MIN,
            newest_stored: None,
            floor: Vec::new(),
            buffer: Vec::new(),
            encoded: RowBuffer::new(),
        }
    }

    /// The store's name.
    #[must_use]
    pub(crate) const fn name(&self) -> &Arc<str> {
        self.access.name()
    }

    /// Whether changes wait for a flush.
    #[must_use]
    pub(crate) fn is_cached(&self) -> bool {
        !self.budget.is_off()
    }

    /// Whether changes tell what the row was. Off at first.
    pub(crate) const fn want_old_values(&mut self, wanted: bool) {
        self.wants_old = wanted;
    }

    /// Notes that there is, or was, a row with that time. What is over by then is deleted.
    pub(crate) fn observe(&mut self, time: Timestamp) {
        if time.0 <= self.newest {
            return;
        }
        self.newest = time.0;
        let floor = self.layout.floor(self.kept_from());
        if floor > self.floor {
            self.access.delete_below(&floor);
            self.floor = floor;
        }
    }

    /// Keeps rows a moment longer than the store's kind says. So rows whose windows close when they are older than that can
    /// still be found with the record that closes them.
    pub(crate) const fn read_on_close(&mut self) {
        self.is_read_on_close = true;
        self.retention_ms = self.retention_ms.saturating_add(1);
    }

    /// The bytes of a run's key.
    pub(crate) fn key(&self, run: RunId) -> &[u8] {
        self.runs[run.0].key.key()
    }

    /// Calls `each` with the keys and places of all rows that can be found and are no earlier than `from`.
    ///
    /// # Errors
    /// When the store fails.
    pub(crate) fn each_place(
        &mut self,
        from: Timestamp,
        each: &mut dyn FnMut(&[u8], L::Place),
    ) -> Result<(), RowError> {
        let floor = self.layout.floor(from);
        FreshRows::scan(self, KeyRange::between(Bound::Included(&floor), Bound::Unbounded), &mut |key, _| {
            if let Some((key, place)) = L::split(key).filter(|(_, place)| place.time() >= from) {
                each(key, place);
            }
            true
        })
    }

    /// The earliest time of a row that can still be found.
    #[must_use]
    pub(crate) const fn visible_from(&self) -> Timestamp {
        Timestamp(self.newest.saturating_sub(self.retention_ms).saturating_add(1))
    }

    /// The earliest time of a row that is kept, one moment longer than it can be found: a session that has just been lost
    /// may be put again, and then what it was is the old value.
    const fn kept_from(&self) -> Timestamp {
        Timestamp(self.visible_from().0.saturating_sub(1))
    }

    /// Whether a row of that time is not kept even for a moment, because all rows of its span are over. That happens where
    /// several nodes share a store, each with its own stream time.
    #[must_use]
    pub(crate) fn refuses(&self, time: Timestamp) -> bool {
        let over = self.kept_from();
        time <= over && self.layout.span(time).1 < self.layout.span(over).0
    }

    /// A key's run. It is valid until the next one is opened.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub(crate) fn open<K>(&mut self, key: &impl AsKey<K>) -> Result<RunId, RowError> {
        if self.newest_stored.is_none() {
            self.look_into_the_store()?;
        }
        self.key.encode(key)?;
        let slot = match self.find() {
            Some(slot) => {
                self.trim(slot);
                slot
            }
            None => self.add()?,
        };
        self.current = slot;
        self.runs[slot].used = true;
        Ok(RunId(slot))
    }

    /// The run's rows that can be found and are no earlier than `from`, in the order of their places: place, value and
    /// timestamp.
    pub(crate) fn rows(
        &self,
        run: RunId,
        from: Timestamp,
    ) -> impl DoubleEndedIterator<Item = (L::Place, &V, Timestamp)> + use<'_, L, V> {
        let from = from.max(self.visible_from());
        let rows = &self.runs[run.0].rows;
        let first = rows.partition_point(|row| row.key.time() < from);
        let rows = rows.get(first..).unwrap_or_default().iter();
        rows.filter_map(|row| row.row.as_ref().map(|value| (row.key, value, row.timestamp)))
    }

    /// Changes a row: `update` gets what is there and returns what is to be there, or `None` to delete it, and the time of
    /// the result. Returns what is to be forwarded now, which is nothing with a cache.
    ///
    /// # Errors
    /// When the store fails, or a value cannot be encoded.
    pub(crate) fn update(
        &mut self,
        run: RunId,
        place: L::Place,
        cause: Cause<'_>,
        update: impl FnOnce(Option<Row<V>>) -> (Option<V>, Timestamp),
    ) -> Result<Option<Changed<V>>, RowError> {
        let index = self.index(run, place);
        let (is_cached, is_visible) = (self.is_cached(), place.time() >= self.visible_from());
        self.tell_watchers(run, place);
        if is_cached {
            self.note_before(run, index);
        }
        let row = &mut self.runs[run.0].rows[index];
        let old = row.row.take().map(|value| (value, row.timestamp));
        let kept = if self.wants_old && !is_cached { old.as_ref().map(|(value, _)| value.clone()) } else { None };
        let old = old.filter(|_| is_visible);
        let (new, timestamp) = update(old);
        let logged = if new.is_some() { timestamp } else { cause.timestamp };
        if !is_cached {
            self.write(run.0, place, new.as_ref(), logged)?;
            let timestamp = L::forwarded(place, timestamp);
            return Ok(Some(Changed { change: Change::latest(kept, new), timestamp }));
        }
        row.row = new;
        row.timestamp = logged;
        self.note_change(run, index, cause)?;
        Ok(None)
    }

    /// Deletes a row and returns its value, and what is to be forwarded now, which is nothing with a cache.
    ///
    /// # Errors
    /// When the changelog fails.
    pub(crate) fn take(
        &mut self,
        run: RunId,
        place: L::Place,
        cause: Cause<'_>,
    ) -> Result<(Option<V>, Option<Changed<V>>), RowError> {
        let index = self.index(run, place);
        self.tell_watchers(run, place);
        if !self.is_cached() {
            let value = self.runs[run.0].rows.remove(index).row;
            self.write(run.0, place, None, cause.timestamp)?;
            let old = if self.wants_old { value.clone() } else { None };
            let timestamp = L::forwarded(place, cause.timestamp);
            return Ok((value, Some(Changed { change: Change::latest(old, None), timestamp })));
        }
        self.note_before(run, index);
        let row = &mut self.runs[run.0].rows[index];
        let value = row.row.take();
        row.timestamp = cause.timestamp;
        if row.before() == Before::Absent {
            self.forget(run.0, index);
        } else {
            self.note_change(run, index, cause)?;
        }
        Ok((value, None))
    }

    /// A row as of the last change, if it can be found. The run is not read from the store for it.
    ///
    /// # Errors
    /// When the store fails or holds bytes of another type, or the key cannot be encoded.
    pub(crate) fn peek<K>(&mut self, key: &impl AsKey<K>, place: L::Place) -> Result<Option<Row<V>>, RowError> {
        self.look_up(key, place, |_| true)
    }

    /// As [`Runs::peek`], as of the last flush.
    ///
    /// # Errors
    /// As [`Runs::peek`].
    pub(crate) fn peek_flushed<K>(&mut self, key: &impl AsKey<K>, place: L::Place) -> Result<Option<Row<V>>, RowError> {
        // What is forwarded on close is never held back by a cache.
        let is_read_on_close = self.is_read_on_close;
        self.look_up(key, place, |row| is_read_on_close || !row.is_dirty())
    }

    /// As [`Runs::peek`], for a key's bytes.
    ///
    /// # Errors
    /// As [`Runs::peek`].
    pub(crate) fn peek_encoded(&mut self, key: &EncodedKey, place: L::Place) -> Result<Option<Row<V>>, RowError> {
        self.key.take_stored(key.bytes(), 0);
        self.look_up_key(place, |_| true)
    }

    /// The key that a row is forwarded with.
    ///
    /// # Errors
    /// When the bytes are not such a key.
    pub(crate) fn typed_key(&self, key: &EncodedKey, place: L::Place) -> Result<L::Key, RowError> {
        let key = L::typed_key(key.bytes(), place, self.access.windows().as_slice());
        key.map_err(|error| self.unreadable("key", &error.to_string()))
    }

    /// Looks up a row in the store, unless it is in a run and `counts` there.
    fn look_up<K>(
        &mut self,
        key: &impl AsKey<K>,
        place: L::Place,
        counts: impl Fn(&CachedRow<V, L::Place>) -> bool,
    ) -> Result<Option<Row<V>>, RowError> {
        self.key.encode(key)?;
        self.look_up_key(place, counts)
    }

    /// As [`Runs::look_up`], for the key in the buffer.
    fn look_up_key(
        &mut self,
        place: L::Place,
        counts: impl Fn(&CachedRow<V, L::Place>) -> bool,
    ) -> Result<Option<Row<V>>, RowError> {
        if place.time() < self.visible_from() {
            return Ok(None);
        }
        if self.is_cached()
            && let Some(run) = self.find().map(|slot| &self.runs[slot])
        {
            match run.search(place).map(|index| &run.rows[index]) {
                Ok(row) if counts(row) => return Ok(row.row.clone().map(|value| (value, row.timestamp))),
                Ok(_) => {}
                Err(_) => return Ok(None),
            }
        }
        self.buffer.clear();
        self.layout.store_key(self.key.key(), place, &mut self.buffer);
        let stored = self.access.get(&self.buffer)?;
        stored.map(|bytes| self.decode(place, &bytes)).transpose()
    }

    /// The slot of the key in the buffer.
    fn find(&self) -> Option<usize> {
        let found = self.slots.find(spread(self.key.hash()), |slot| self.key.is(&self.runs[*slot as usize].key));
        found.map(|slot| *slot as usize)
    }

    /// Gives the key in the buffer a slot and reads its rows.
    #[cold]
    fn add(&mut self) -> Result<usize, RowError> {
        let run = Run::new(&self.key);
        if !self.is_cached() {
            self.runs.clear();
            self.runs.push(run);
            self.read(0)?;
            return Ok(0);
        }
        self.hold(0, run.own_bytes());
        let slot = self.free.pop().unwrap_or(self.runs.len());
        match self.runs.get_mut(slot) {
            Some(free) => *free = run,
            None => self.runs.push(run),
        }
        let runs = &self.runs;
        self.slots.insert_unique(spread(self.key.hash()), small(slot), |slot| spread(runs[*slot as usize].hash));
        self.read(slot)?;
        Ok(slot)
    }

    /// Finds out up to which time there are rows in the store. Usually the operators' own times, which are kept with the
    /// state, say what the newest one is; rows that were logged and not committed before a crash may be newer.
    #[cold]
    fn look_into_the_store(&mut self) -> Result<(), RowError> {
        let (mut last, mut newest) = (None, i64::MIN);
        self.access.scan(KeyRange::ALL.in_order(KeyOrder::Descending), &mut |key, _| {
            last = L::split(key).map(|(_, place)| self.layout.span(place.time()));
            last.is_none()
        })?;
        let Some((first, last)) = last else {
            self.newest_stored = Some(i64::MIN);
            return Ok(());
        };
        self.newest_stored = Some(last.0);
        if first.0 > self.newest {
            let from = self.layout.floor(first);
            self.access.scan(KeyRange::between(Bound::Included(&from), Bound::Unbounded), &mut |key, _| {
                newest = newest.max(L::split(key).map_or(i64::MIN, |(_, place)| place.time().0));
                true
            })?;
            self.observe(Timestamp(newest));
        }
        Ok(())
    }

    /// Reads the rows of a new run.
    fn read(&mut self, slot: usize) -> Result<(), RowError> {
        let times = (self.kept_from().max(Timestamp(0)), Timestamp(self.newest_stored.unwrap_or(i64::MAX)));
        if times.0 > times.1 {
            return Ok(());
        }
        let (mut rows, mut bytes, mut unreadable) = (Vec::new(), 0, None);
        self.layout.read(
            &self.access,
            self.key.key(),
            times,
            &mut |place, stored| match Self::parse(place, stored) {
                Ok((value, timestamp)) => {
                    let row = CachedRow::new(place, 0, Some(value), timestamp, stored.len());
                    bytes += Self::ROW_BYTES + row.bytes();
                    rows.push(row);
                    true
                }
                Err(reason) => {
                    unreadable = Some(reason);
                    false
                }
            },
        )?;
        if let Some(reason) = unreadable {
            return Err(self.unreadable("row", &reason));
        }
        self.runs[slot].rows = rows;
        self.hold(0, bytes);
        Ok(())
    }

    /// Drops the first rows of a run if they cannot be found any more, not one at a time. Dirty ones are written first, in
    /// their turn.
    fn trim(&mut self, slot: usize) {
        let from = self.kept_from();
        let rows = &mut self.runs[slot].rows;
        let over = rows.iter().take_while(|row| row.key.time() < from && !row.is_dirty()).count();
        if over >= TRIMMED_MIN || over * 2 > rows.len() {
            let bytes = rows.drain(..over).map(|row| Self::ROW_BYTES + row.bytes()).sum();
            self.hold(bytes, 0);
        }
    }

    /// The index of a row, which is put there, without a value, if it does not exist.
    fn index(&mut self, run: RunId, place: L::Place) -> usize {
        let rows = &mut self.runs[run.0];
        match rows.search(place) {
            Ok(index) => index,
            Err(index) => {
                let row = CachedRow::new(place, 0, None, Timestamp::UNKNOWN, 0);
                let bytes = row.bytes();
                rows.rows.insert(index, row);
                self.hold(0, Self::ROW_BYTES + bytes);
                index
            }
        }
    }

    /// Notes what the store has where a clean row is about to change.
    fn note_before(&mut self, run: RunId, index: usize) {
        let wants_old = self.wants_old;
        let row = &mut self.runs[run.0].rows[index];
        if row.is_dirty() {
            return;
        }
        let before = if row.row.is_some() { Before::Exists } else { Before::Absent };
        let old = if wants_old { row.row.clone() } else { None };
        self.weigh(run.0, index, |row| row.set_before(before, old));
    }

    /// Tells those who watch the store that a row is changing.
    fn tell_watchers(&self, run: RunId, place: L::Place) {
        if self.access.is_watched() {
            let mut key = Vec::new();
            self.layout.store_key(self.runs[run.0].key.key(), place, &mut key);
            self.access.note_change(&key);
        }
    }

    /// Notes that a record has changed a row, which is dirty from now on.
    fn note_change(&mut self, run: RunId, index: usize, cause: Cause<'_>) -> Result<(), RowError> {
        self.budget.note_change();
        let Run { rows, dirty, .. } = &mut self.runs[run.0];
        let row = &mut rows[index];
        row.changed = self.next_change;
        self.next_change = self.next_change.saturating_add(1);
        if !row.is_dirty() {
            row.set_dirty(true);
            *dirty += 1;
            self.dirty += 1;
        }
        let is_due = row.note_change();
        if !cause.headers.is_empty() || row.has_aside() {
            self.weigh(run.0, index, |row| row.set_headers(cause.headers));
        }
        if is_due { self.measure(run.0, index) } else { Ok(()) }
    }

    /// Encodes a row to see how many bytes it has.
    #[cold]
    fn measure(&mut self, slot: usize, index: usize) -> Result<(), RowError> {
        let row = &self.runs[slot].rows[index];
        self.encoded.encode(row.timestamp, row.row.as_ref())?;
        let bytes = self.encoded.value().len();
        self.weigh(slot, index, |row| row.set_measured(bytes));
        Ok(())
    }

    /// Drops a row that neither the store nor anybody downstream knows, or will know.
    fn forget(&mut self, slot: usize, index: usize) {
        let run = &mut self.runs[slot];
        let row = run.rows.remove(index);
        if row.is_dirty() {
            run.dirty -= 1;
            self.dirty -= 1;
        }
        self.hold(Self::ROW_BYTES + row.bytes(), 0);
    }

    /// Changes a row whose bytes may be others then.
    fn weigh(&mut self, slot: usize, index: usize, change: impl FnOnce(&mut CachedRow<V, L::Place>)) {
        let row = &mut self.runs[slot].rows[index];
        let before = row.bytes();
        change(row);
        let after = row.bytes();
        self.hold(before, after);
    }

    fn hold(&mut self, before: usize, after: usize) {
        if !self.is_cached() {
            return;
        }
        self.bytes = self.bytes + after - before;
        if after > before {
            self.budget.add(after - before);
        } else {
            self.budget.remove(before - after);
        }
    }

    /// What is to be charged to the budget.
    #[cfg(test)]
    fn weighed(&self) -> usize {
        if !self.is_cached() {
            return 0;
        }
        let runs = self.runs.iter().filter(|run| run.taken);
        let rows = |run: &Run<L::Place, V>| run.rows.iter().map(|row| Self::ROW_BYTES + row.bytes()).sum::<usize>();
        runs.map(|run| run.own_bytes() + rows(run)).sum()
    }

    fn decode(&self, place: L::Place, stored: &[u8]) -> Result<Row<V>, RowError> {
        Self::parse(place, stored).map_err(|reason| self.unreadable("row", &reason))
    }

    /// Decodes a stored row, or says what is wrong with it.
    fn parse(place: L::Place, stored: &[u8]) -> Result<Row<V>, String> {
        let Some((timestamp, value)) = L::row(place, stored) else {
            return Err(format!("a row begins with its timestamp, 8 bytes; this one has only {} bytes", stored.len()));
        };
        V::decode(value).map(|value| (value, timestamp)).map_err(|error| error.to_string())
    }

    #[cold]
    fn unreadable(&self, what: &str, reason: &str) -> RowError {
        StoreError::unreadable(self.name(), what, reason).into()
    }
}

impl<L: RunLayout, V> Drop for Runs<L, V> {
    fn drop(&mut self) {
        self.budget.remove(self.bytes);
    }
}

impl<L: RunLayout, V: Value> StoreView for Runs<L, V> {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        self
    }

    fn newest(&self) -> Option<Timestamp> {
        Some(Timestamp(self.newest))
    }
}
