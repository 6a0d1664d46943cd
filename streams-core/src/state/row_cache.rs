//! A typed write-back cache: rows as values, not as bytes, and which of them are not written yet.
//!
//! A row is identified by its key's bytes ([`super::row_key`]): finding it costs one hash and one comparison. Rows that
//! are not written yet are dirty; they are written in the order of their last changes. Room is made by a hand that
//! goes round and takes rows that were not used since it came by last ("second chance", which drops nearly the rows
//! that were not used for longest, and costs a row that is used no more than a bit).
//!
//! What a row means, how it is read or written and when room is made is the business of its owner ([`super::rows`]).

use hashbrown::HashTable;

use super::CacheBudget;
use super::cached_row::{Before, CachedRow};
use super::cached_rows::CachedRows;
use super::dirty_order::DirtyOrder;
use super::dirty_rows::{DirtyRows, small};
use super::key_range::{KeyOrder, KeyRange};
use super::row_key::{KeyBuffer, RowKey};
use crate::record::{Headers, Timestamp};

/// What finding a row costs in memory: its place in a hash table that is between half and nearly full.
const PLACE_BYTES: usize = 8;
/// The hash table gives memory back when it has room for so many times its rows.
const SPARSE: usize = 8;
const PLACES_MIN: usize = 1_024;

/// Rows and their state.
pub(super) struct RowCache<V> {
    places: HashTable<u32>,
    rows: CachedRows<V>,
    dirty: DirtyRows,
    /// Created by the first ordered read, and kept until nothing is dirty.
    dirty_order: Option<DirtyOrder>,
    hand: usize,
    bytes: usize,
    budget: CacheBudget,
}

/// A row to put into the cache: what was found in the store.
pub(super) struct Found<V> {
    pub(super) row: Option<V>,
    pub(super) timestamp: Timestamp,
    /// How many bytes the value has when encoded.
    pub(super) value_bytes: usize,
}

/// Where the hand has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hand {
    /// At a row that is in use.
    Passing,
    /// At this row, which was not used since it came by last.
    At(usize),
    /// Round.
    Round,
}

impl<V> RowCache<V> {
    /// What a row costs beside what it has outside of itself.
    const ROW_BYTES: usize = size_of::<CachedRow<V>>() + PLACE_BYTES;

    pub(super) fn new(budget: CacheBudget) -> Self {
        Self {
            places: HashTable::new(),
            rows: CachedRows::new(),
            dirty: DirtyRows::default(),
            dirty_order: None,
            hand: 0,
            bytes: 0,
            budget,
        }
    }

    pub(super) const fn budget(&self) -> &CacheBudget {
        &self.budget
    }

    /// The place of a row, which counts as used.
    #[inline]
    pub(super) fn find(&mut self, key: &KeyBuffer) -> Option<usize> {
        let rows = &self.rows;
        let found = self.places.find(spread(key.hash()), |place| key.is(&rows.get(*place as usize).key));
        let place = *found? as usize;
        self.rows.get_mut(place).touch();
        Some(place)
    }

    /// The row at a place that [`RowCache::find`] or [`RowCache::insert`] gave, before anything else changed.
    #[inline]
    pub(super) fn at(&mut self, place: usize) -> &mut CachedRow<V> {
        self.rows.get_mut(place)
    }

    /// Adds a clean row that is not in the cache, and returns its place.
    pub(super) fn insert(&mut self, key: &KeyBuffer, found: Found<V>) -> usize {
        let place = self.rows.len();
        let Found { row, timestamp, value_bytes } = found;
        let cached = CachedRow::new(RowKey::new(key), key.hash(), row, timestamp, value_bytes);
        self.hold(0, Self::ROW_BYTES + cached.bytes());
        self.rows.push(cached);
        let rows = &self.rows;
        self.places.insert_unique(spread(key.hash()), small(place), |place| spread(rows.get(*place as usize).hash));
        place
    }

    /// Notes what the store holds where the row at a place is about to change, if it is clean.
    pub(super) fn set_before(&mut self, place: usize, before: Before, old: Option<V>) {
        self.weigh(place, |cached| cached.set_before(before, old));
    }

    /// Notes that a record with such headers has changed the row at a place, which is dirty from now on. Returns
    /// whether its size is to be measured.
    #[inline]
    pub(super) fn note_change(&mut self, place: usize, headers: &Headers) -> bool {
        self.budget.note_change();
        let cached = self.rows.get_mut(place);
        let was_dirty = cached.is_dirty();
        cached.changed = self.dirty.note(place, was_dirty);
        cached.set_dirty(true);
        let measure = cached.note_change();
        if !headers.is_empty() || cached.has_aside() {
            self.set_headers(place, headers);
        }
        if !was_dirty && self.dirty_order.is_some() {
            self.change_order(place, DirtyOrder::put);
        }
        measure
    }

    #[cold]
    fn change_order(&mut self, place: usize, change: impl FnOnce(&mut DirtyOrder, &RowKey, usize)) {
        let Some(order) = &mut self.dirty_order else { return };
        let before = order.bytes();
        change(order, &self.rows.get(place).key, place);
        let after = order.bytes();
        self.hold(before, after);
    }

    /// Puts the dirty rows in order, so that [`RowCache::dirty_in`] finds them.
    pub(super) fn order_dirty(&mut self) {
        if self.dirty_order.is_none() && self.dirty.count() > 0 {
            let rows = &self.rows;
            let order = DirtyOrder::of(self.dirty.places().map(|place| (&rows.get(place).key, place)));
            let bytes = order.bytes();
            self.dirty_order = Some(order);
            self.hold(0, bytes);
        }
    }

    /// The dirty rows in a range that is not empty, in order, after [`RowCache::order_dirty`]. They do not count as
    /// used.
    pub(super) fn dirty_in<'a>(&'a self, range: KeyRange<'_>) -> Box<dyn Iterator<Item = &'a CachedRow<V>> + 'a> {
        let places = self.dirty_order.as_ref().map(|order| order.places(range)).into_iter().flatten();
        let rows = places.map(|place| self.rows.get(place));
        match range.order {
            KeyOrder::Ascending => Box::new(rows),
            KeyOrder::Descending => Box::new(rows.rev()),
        }
    }

    #[cold]
    fn set_headers(&mut self, place: usize, headers: &Headers) {
        self.weigh(place, |cached| cached.set_headers(headers));
    }

    /// Notes how many bytes the value at a place has when encoded.
    pub(super) fn set_measured(&mut self, place: usize, value_bytes: usize) {
        self.weigh(place, |cached| cached.set_measured(value_bytes));
    }

    /// Notes that the row at a place is written, and returns the row that was kept from before its first change,
    /// and the headers of its last.
    pub(super) fn set_written(&mut self, place: usize) -> (Option<V>, Headers) {
        if self.rows.get(place).is_dirty() {
            self.dirty.remove(place);
            self.change_order(place, |order, key, _| order.remove(key));
            if self.dirty.count() == 0
                && let Some(order) = self.dirty_order.take()
            {
                self.hold(order.bytes(), 0);
            }
        }
        let mut aside = (None, Headers::new());
        self.weigh(place, |cached| {
            cached.set_dirty(false);
            aside = cached.take_aside();
        });
        aside
    }

    /// The dirty row that changed longest ago.
    pub(super) fn next_dirty(&mut self) -> Option<usize> {
        let rows = &self.rows;
        self.dirty.first(|place| rows.get(place).changed)
    }

    /// How many rows are dirty.
    pub(super) const fn dirty(&self) -> usize {
        self.dirty.count()
    }

    /// Moves the hand by one row.
    pub(super) fn step(&mut self) -> Hand {
        if self.hand >= self.rows.len() {
            self.hand = 0;
            return Hand::Round;
        }
        let place = self.hand;
        self.hand += 1;
        if self.rows.get_mut(place).take_used() { Hand::Passing } else { Hand::At(place) }
    }

    /// Drops the row at a place, which is clean; the last one moves there.
    pub(super) fn remove(&mut self, place: usize) {
        let last = self.rows.len() - 1;
        let found = self.places.find_entry(spread(self.rows.get(place).hash), |other| *other as usize == place);
        if let Ok(entry) = found {
            entry.remove();
        }
        if let Some(removed) = self.rows.swap_remove(place) {
            self.hold(Self::ROW_BYTES + removed.bytes(), 0);
        }
        if place < last {
            let moved = self.rows.get(place);
            if let Some(entry) = self.places.find_mut(spread(moved.hash), |other| *other as usize == last) {
                *entry = small(place);
            }
            if moved.is_dirty() {
                self.dirty.moved(last, place, moved.changed);
                self.change_order(place, DirtyOrder::put);
            }
        }
        if self.places.capacity() > PLACES_MIN.max(self.places.len() * SPARSE) {
            let rows = &self.rows;
            self.places.shrink_to(self.places.len() * 2, |place| spread(rows.get(*place as usize).hash));
        }
    }

    /// Changes a row whose bytes may be others then.
    fn weigh(&mut self, place: usize, change: impl FnOnce(&mut CachedRow<V>)) {
        let cached = self.rows.get_mut(place);
        let before = cached.bytes();
        change(cached);
        let after = cached.bytes();
        self.hold(before, after);
    }

    fn hold(&mut self, before: usize, after: usize) {
        self.bytes = self.bytes + after - before;
        if after > before {
            self.budget.add(after - before);
        } else {
            self.budget.remove(before - after);
        }
    }
}

impl<V> Drop for RowCache<V> {
    fn drop(&mut self) {
        self.budget.remove(self.bytes);
    }
}

/// The hash table's hash: it takes its place from the lowest bits and a tag from the highest.
pub(super) const fn spread(hash: u32) -> u64 {
    (hash as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::Bound;

    use proptest::prelude::*;

    use super::*;

    fn insert(cache: &mut RowCache<u32>, key: u32, row: Option<u32>) -> usize {
        cache.insert(&encoded(key), Found { row, timestamp: Timestamp(0), value_bytes: 10 })
    }

    fn find(cache: &mut RowCache<u32>, key: u32) -> Option<usize> {
        cache.find(&encoded(key))
    }

    /// With a bad hash on purpose: rows collide.
    fn encoded(key: u32) -> KeyBuffer {
        let mut buffer = KeyBuffer::new(hashbrown::DefaultHashBuilder::default());
        buffer.encode(&key).unwrap();
        buffer.with_hash(key % 3)
    }

    fn key(cached: &CachedRow<u32>) -> u32 {
        u32::from_be_bytes(cached.key.key().try_into().unwrap())
    }

    fn change(cache: &mut RowCache<u32>, place: usize) {
        cache.note_change(place, &Headers::new());
    }

    const ROW: usize = RowCache::<u32>::ROW_BYTES;

    #[test]
    fn a_number_by_a_short_key_takes_eighty_bytes_and_its_place() {
        assert_eq!(RowCache::<i64>::ROW_BYTES, 80 + PLACE_BYTES);
    }

    #[test]
    fn the_hand_stops_at_rows_that_were_not_used_since_it_came_by() {
        let mut cache = RowCache::new(CacheBudget::new(0));
        for key in 0..4 {
            insert(&mut cache, key, None);
        }
        find(&mut cache, 1);
        find(&mut cache, 2);
        let steps: Vec<_> = (0..7).map(|_| cache.step()).collect();
        use Hand::{At, Passing, Round};
        assert_eq!(steps, [At(0), Passing, Passing, At(3), Round, At(0), At(1)]);
    }

    #[test]
    fn rows_are_written_in_the_order_of_their_last_changes() {
        let mut cache = RowCache::new(CacheBudget::new(0));
        let places: Vec<_> = (0..4).map(|key| insert(&mut cache, key, None)).collect();
        for key in [2, 0, 2, 1, 0] {
            change(&mut cache, places[key]);
        }
        let mut written = Vec::new();
        while let Some(place) = cache.next_dirty() {
            written.push(key(cache.at(place)));
            cache.set_written(place);
            if written.len() == 1 {
                // Changed while the others wait: it comes last.
                change(&mut cache, places[1]);
                change(&mut cache, places[3]);
            }
        }
        assert_eq!(written, [2, 0, 1, 3]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Use(u32),
        Change(u32),
        Write(usize),
        Drop(usize),
        Headers(u32, usize),
        /// Reads the dirty rows between two keys in order.
        Read(u32, u32, KeyOrder),
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0_u32..30).prop_map(Step::Use),
            4 => (0_u32..30).prop_map(Step::Change),
            2 => (0_usize..5).prop_map(Step::Write),
            2 => (0_usize..20).prop_map(Step::Drop),
            1 => ((0_u32..30), (0_usize..300)).prop_map(|(key, length)| Step::Headers(key, length)),
            1 => (0_u32..30, 0_u32..30, prop::sample::select(vec![KeyOrder::Ascending, KeyOrder::Descending]))
                .prop_map(|(from, length, order)| Step::Read(from, from + length, order)),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// The model: dirty rows in the order of their last changes, each with its latest value. Clean rows may or may
    /// not be there, but what is there is right, and the bytes add up.
    fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
        let budget = CacheBudget::new(1);
        let mut cache: RowCache<u32> = RowCache::new(budget.clone());
        let mut dirty: Vec<(u32, u32)> = Vec::new();
        let mut stored: BTreeMap<u32, u32> = BTreeMap::new();
        let mut version = 0;
        for step in steps {
            version += 1;
            match step {
                Step::Use(key) | Step::Change(key) | Step::Headers(key, _) => {
                    let place =
                        find(&mut cache, key).unwrap_or_else(|| insert(&mut cache, key, stored.get(&key).copied()));
                    let expected = dirty.iter().find(|(other, _)| *other == key).map(|(_, row)| *row);
                    prop_assert_eq!(cache.at(place).row, expected.or(stored.get(&key).copied()));
                    if !matches!(step, Step::Use(_)) {
                        let mut headers = Headers::new();
                        if let Step::Headers(_, length) = step {
                            headers.push("name", vec![0; length]);
                        }
                        cache.at(place).row = Some(version);
                        cache.note_change(place, &headers);
                        dirty.retain(|(other, _)| *other != key);
                        dirty.push((key, version));
                    }
                }
                Step::Write(rows) => {
                    for expected in dirty.drain(..rows.min(dirty.len())).collect::<Vec<_>>() {
                        let place = cache.next_dirty().unwrap();
                        let cached = cache.at(place);
                        prop_assert_eq!((key(cached), cached.row.unwrap()), expected);
                        cache.set_written(place);
                        stored.insert(expected.0, expected.1);
                    }
                }
                Step::Drop(steps) => {
                    for _ in 0..steps {
                        let Hand::At(place) = cache.step() else { continue };
                        let cached = cache.at(place);
                        if cached.is_dirty() {
                            let row = (key(cached), cached.row.unwrap());
                            prop_assert!(dirty.contains(&row));
                            dirty.retain(|other| *other != row);
                            stored.insert(row.0, row.1);
                            cache.set_written(place);
                        }
                        cache.remove(place);
                    }
                }
                Step::Read(from, to, order) => {
                    let mut expected: Vec<_> =
                        dirty.iter().filter(|(key, _)| (from..=to).contains(key)).copied().collect();
                    expected.sort_unstable();
                    if order == KeyOrder::Descending {
                        expected.reverse();
                    }
                    let (from, to) = (from.to_be_bytes(), to.to_be_bytes());
                    let range = KeyRange::between(Bound::Included(&from), Bound::Included(&to)).in_order(order);
                    cache.order_dirty();
                    let read = cache.dirty_in(range).map(|cached| (key(cached), cached.row.unwrap()));
                    prop_assert_eq!(read.collect::<Vec<_>>(), expected);
                }
            }
            prop_assert_eq!(cache.dirty(), dirty.len());
            prop_assert_eq!(cache.places.len(), cache.rows.len());
            let bytes: usize = (0..cache.rows.len()).map(|place| ROW + cache.rows.get(place).bytes()).sum();
            let bytes = bytes + cache.dirty_order.as_ref().map_or(0, DirtyOrder::bytes);
            prop_assert_eq!((cache.bytes, budget.held()), (bytes, bytes));
        }
        drop(cache);
        prop_assert_eq!(budget.held(), 0);
        Ok(())
    }

    proptest! {
        #[test]
        fn no_dirty_row_is_lost_written_out_of_turn_or_mixed_up(steps in steps()) {
            check(steps)?;
        }
    }
}
