//! A typed write-back cache: it holds rows as values rather than bytes, and knows which of them are dirty.
//!
//! Rows are stored in one vector; a hash table maps keys to places in it. A row is identified by its key's bytes
//! ([`super::row_key`]), so finding one costs one hash and one comparison of bytes. Dirty rows, which are not written
//! yet, are kept in the order in which they became dirty and stay until they are flushed. Clean rows are evicted when
//! the cache is over its budget: a clock hand goes round and drops those that were not used since its last visit
//! ("second chance"). It moves a few steps per new row, so that no record pays for a long search.
//!
//! The owner ([`super::rows`]) knows what a row means and how to read and write it.

use std::collections::VecDeque;

use hashbrown::HashTable;

use super::row_key::{KeyBuffer, RowKey};
use crate::record::{Headers, Timestamp};

/// How many steps the hand takes per new row.
const STEPS_PER_INSERT: usize = 16;
/// In [`Slot::dirty_number`]: the row is clean.
const CLEAN: u64 = u64::MAX;

/// Rows and their state.
pub(super) struct RowCache<V> {
    places: HashTable<u32>,
    slots: Vec<Slot<V>>,
    /// The places of dirty rows, in the order in which they became dirty. The first has the number `first_dirty`.
    dirty: VecDeque<u32>,
    first_dirty: u64,
    hand: usize,
    bytes: usize,
    budget: usize,
}

/// A row in the cache.
pub(super) struct Slot<V> {
    pub(super) key: RowKey,
    /// The row; `None` means that there is none.
    pub(super) row: Option<V>,
    /// The row's timestamp; for a deleted row, the deleting record's.
    pub(super) timestamp: Timestamp,
    /// The headers of the last record that changed the row.
    pub(super) headers: Headers,
    /// What the store holds while this row is dirty.
    pub(super) before: Before<V>,
    hash: u64,
    dirty_number: u64,
    weight: usize,
    used: bool,
}

/// What the store held when a row became dirty, and still holds until the row is flushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Before<V> {
    /// Not looked up.
    Unknown,
    /// No row.
    Absent,
    /// A row whose value is not needed.
    Exists,
    /// This row.
    Row(V),
}

/// A row found in the store, to be added to the cache.
pub(super) struct Found<V> {
    pub(super) row: Option<V>,
    pub(super) timestamp: Timestamp,
    /// The approximate encoded size of key and value in bytes.
    pub(super) weight: usize,
}

impl<V> Slot<V> {
    pub(super) const fn is_dirty(&self) -> bool {
        self.dirty_number != CLEAN
    }
}

impl<V> RowCache<V> {
    /// A row's overhead on top of its encoded bytes: its slot, its place in the table, and the allocator's share.
    const ROW_BYTES: usize = size_of::<Slot<V>>() + 32;

    pub(super) const fn new(budget: usize) -> Self {
        Self {
            places: HashTable::new(),
            slots: Vec::new(),
            dirty: VecDeque::new(),
            first_dirty: 0,
            hand: 0,
            bytes: 0,
            budget,
        }
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Changes the budget, and drops clean rows above it.
    pub(super) fn set_budget(&mut self, bytes: usize) {
        self.budget = bytes;
        self.shrink();
    }

    /// Finds a row's place, and marks the row as used.
    #[inline]
    pub(super) fn find(&mut self, key: &KeyBuffer) -> Option<usize> {
        let slots = &self.slots;
        let place = *self.places.find(key.hash(), |place| key.is(&slots[*place as usize].key))? as usize;
        self.slots[place].used = true;
        Some(place)
    }

    /// The row at a place returned by [`RowCache::find`] or [`RowCache::insert`], as long as nothing else has changed
    /// since.
    #[inline]
    pub(super) fn slot(&mut self, place: usize) -> &mut Slot<V> {
        &mut self.slots[place]
    }

    /// Adds a clean row that is not in the cache yet, making room for it. Returns its place.
    pub(super) fn insert(&mut self, key: &KeyBuffer, found: Found<V>) -> usize {
        self.make_room(Self::ROW_BYTES + found.weight);
        let place = self.slots.len();
        let Found { row, timestamp, weight } = found;
        self.bytes += Self::ROW_BYTES + weight;
        self.slots.push(Slot {
            key: RowKey::new(key),
            row,
            timestamp,
            headers: Headers::new(),
            before: Before::Unknown,
            hash: key.hash(),
            dirty_number: CLEAN,
            weight,
            used: true,
        });
        let slots = &self.slots;
        self.places.insert_unique(key.hash(), small(place), |place| slots[*place as usize].hash);
        place
    }

    /// Marks the row at a place as dirty. If it was dirty already, it keeps its turn.
    #[inline]
    pub(super) fn mark_dirty(&mut self, place: usize) {
        let slot = &mut self.slots[place];
        if slot.dirty_number == CLEAN {
            slot.dirty_number = self.first_dirty + self.dirty.len() as u64;
            self.dirty.push_back(small(place));
        }
    }

    /// Takes the row that has been dirty for longest and marks it as clean.
    pub(super) fn next_dirty(&mut self) -> Option<usize> {
        let place = self.dirty.pop_front()? as usize;
        self.first_dirty += 1;
        self.slots[place].dirty_number = CLEAN;
        Some(place)
    }

    /// The number of dirty rows.
    pub(super) fn dirty(&self) -> usize {
        self.dirty.len()
    }

    /// Sets the encoded size of the row at a place.
    pub(super) fn set_weight(&mut self, place: usize, weight: usize) {
        let slot = &mut self.slots[place];
        self.bytes = self.bytes + weight - slot.weight;
        slot.weight = weight;
    }

    /// Drops clean rows until the cache is within its budget or holds only dirty rows.
    pub(super) fn shrink(&mut self) {
        // This terminates, because each step drops a clean row or clears a mark of use.
        while self.bytes > self.budget && self.dirty.len() < self.slots.len() {
            self.step();
        }
    }

    fn make_room(&mut self, incoming: usize) {
        for _ in 0..STEPS_PER_INSERT {
            if self.bytes + incoming <= self.budget || self.slots.is_empty() {
                return;
            }
            self.step();
        }
    }

    /// Moves the hand by one row, and drops the row if it is clean and was not used recently.
    fn step(&mut self) {
        if self.hand >= self.slots.len() {
            self.hand = 0;
        }
        let slot = &mut self.slots[self.hand];
        if slot.is_dirty() || slot.used {
            slot.used = false;
            self.hand += 1;
        } else {
            // The last row moves to this place and is visited next.
            self.remove(self.hand);
        }
    }

    /// Drops a clean row; the last row moves to its place.
    fn remove(&mut self, place: usize) {
        let last = self.slots.len() - 1;
        if let Ok(entry) = self.places.find_entry(self.slots[place].hash, |other| *other as usize == place) {
            entry.remove();
        }
        let removed = self.slots.swap_remove(place);
        self.bytes -= Self::ROW_BYTES + removed.weight;
        if let Some(moved) = self.slots.get(place) {
            if let Some(entry) = self.places.find_mut(moved.hash, |other| *other as usize == last) {
                *entry = small(place);
            }
            if moved.is_dirty() {
                let position = moved.dirty_number - self.first_dirty;
                if let Some(entry) = usize::try_from(position).ok().and_then(|position| self.dirty.get_mut(position)) {
                    *entry = small(place);
                }
            }
        }
    }
}

/// Places have four bytes, because more rows never fit into memory.
#[allow(clippy::cast_possible_truncation, reason = "four billion rows of a hundred bytes do not fit into memory")]
const fn small(place: usize) -> u32 {
    place as u32
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn insert(cache: &mut RowCache<u32>, key: u32) -> usize {
        insert_row(cache, key, Some(key))
    }

    fn insert_row(cache: &mut RowCache<u32>, key: u32, row: Option<u32>) -> usize {
        cache.insert(&encoded(key), Found { row, timestamp: Timestamp(0), weight: 10 })
    }

    fn find(cache: &mut RowCache<u32>, key: u32) -> Option<usize> {
        cache.find(&encoded(key))
    }

    /// Uses a bad hash on purpose, so that rows collide.
    fn encoded(key: u32) -> KeyBuffer {
        let mut buffer = KeyBuffer::new(hashbrown::DefaultHashBuilder::default());
        buffer.encode(&key).unwrap();
        buffer.with_hash(u64::from(key % 7) << 57 | u64::from(key % 3))
    }

    fn key(slot: &Slot<u32>) -> u32 {
        u32::from_be_bytes(slot.key.key().try_into().unwrap())
    }

    const ROW: usize = RowCache::<u32>::ROW_BYTES + 10;

    #[test]
    fn clean_rows_that_were_not_used_make_room_and_dirty_ones_stay() {
        let mut cache = RowCache::new(4 * ROW);
        for key in 0..4 {
            insert(&mut cache, key);
        }
        let place = find(&mut cache, 1).unwrap();
        cache.mark_dirty(place);
        for key in 4..40 {
            insert(&mut cache, key);
            assert!(find(&mut cache, 1).is_some(), "dirty rows stay");
            assert!(find(&mut cache, key).is_some(), "the newest row is there");
            assert!(cache.bytes() <= 4 * ROW);
        }
    }

    #[test]
    fn a_cache_full_of_dirty_rows_grows_until_it_is_flushed_and_shrunk() {
        let mut cache = RowCache::new(4 * ROW);
        for key in 0..10 {
            let place = insert(&mut cache, key);
            cache.mark_dirty(place);
        }
        assert_eq!(cache.bytes(), 10 * ROW);
        let flushed: Vec<_> = std::iter::from_fn(|| cache.next_dirty().map(|place| key(cache.slot(place)))).collect();
        assert_eq!(flushed, (0..10).collect::<Vec<_>>());
        cache.shrink();
        assert_eq!(cache.bytes(), 4 * ROW);
        cache.set_budget(3 * ROW - 1);
        assert_eq!(cache.bytes(), 2 * ROW);
        cache.set_budget(0);
        assert_eq!(cache.bytes(), 0);
        let place = insert(&mut cache, 1);
        assert_eq!(key(cache.slot(place)), 1, "a row can be worked on even so");
    }

    #[test]
    fn a_row_keeps_its_turn_when_it_changes_again() {
        let mut cache = RowCache::new(usize::MAX);
        let places: Vec<_> = (0..3).map(|key| insert(&mut cache, key)).collect();
        for place in [2, 0, 2, 1, 0] {
            cache.mark_dirty(places[place]);
        }
        let flushed: Vec<_> = std::iter::from_fn(|| cache.next_dirty().map(|place| key(cache.slot(place)))).collect();
        assert_eq!(flushed, [2, 0, 1]);
    }

    #[derive(Debug, Clone)]
    enum Step {
        Use(u32),
        Dirty(u32),
        Flush(usize),
        Weigh(u32, usize),
        Shrink,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => (0_u32..30).prop_map(Step::Use),
            4 => (0_u32..30).prop_map(Step::Dirty),
            2 => (0_usize..5).prop_map(Step::Flush),
            1 => ((0_u32..30), (0_usize..300)).prop_map(|(key, weight)| Step::Weigh(key, weight)),
            1 => Just(Step::Shrink),
        ];
        prop::collection::vec(step, 0..200)
    }

    /// Compares with a model of the dirty rows in order, each with its latest value. Clean rows may or may not be in
    /// the cache, but those that are must be right, and the bytes must add up.
    fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
        let mut cache: RowCache<u32> = RowCache::new(8 * ROW);
        let mut dirty: Vec<(u32, u32)> = Vec::new();
        let mut stored: BTreeMap<u32, u32> = BTreeMap::new();
        let mut version = 0;
        for step in steps {
            version += 1;
            match step {
                Step::Use(key) | Step::Dirty(key) => {
                    let place = find(&mut cache, key).unwrap_or_else(|| {
                        let row = stored.get(&key).copied();
                        insert_row(&mut cache, key, row)
                    });
                    let expected = dirty.iter().find(|(other, _)| *other == key).map(|(_, row)| *row);
                    prop_assert_eq!(cache.slot(place).row, expected.or(stored.get(&key).copied()));
                    if matches!(step, Step::Dirty(_)) {
                        cache.slot(place).row = Some(version);
                        cache.mark_dirty(place);
                        match dirty.iter_mut().find(|(other, _)| *other == key) {
                            Some((_, row)) => *row = version,
                            None => dirty.push((key, version)),
                        }
                    }
                }
                Step::Flush(rows) => {
                    for expected in dirty.drain(..rows.min(dirty.len())).collect::<Vec<_>>() {
                        let place = cache.next_dirty().unwrap();
                        let slot = cache.slot(place);
                        prop_assert_eq!((key(slot), slot.row.unwrap()), expected);
                        stored.insert(expected.0, expected.1);
                    }
                }
                Step::Weigh(key, weight) => {
                    if let Some(place) = find(&mut cache, key) {
                        cache.set_weight(place, weight);
                    }
                }
                Step::Shrink => {
                    cache.shrink();
                    prop_assert!(cache.bytes() <= 8 * ROW || cache.slots.len() == dirty.len());
                }
            }
            prop_assert_eq!(cache.dirty(), dirty.len());
            prop_assert_eq!(cache.places.len(), cache.slots.len());
            let bytes: usize = cache.slots.iter().map(|slot| slot.weight + RowCache::<u32>::ROW_BYTES).sum();
            prop_assert_eq!(cache.bytes(), bytes);
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn no_dirty_row_is_lost_moved_out_of_turn_or_mixed_up(steps in steps()) {
            check(steps)?;
        }
    }

    /// Regression: the hand stopped after two rounds, but a row that fills a gap can be visited late. With many dirty
    /// rows around, one clean row stayed and the cache was over its budget.
    #[test]
    fn shrinking_ends_only_when_no_clean_row_is_left_or_all_fit() {
        use Step::{Dirty, Flush, Shrink, Use, Weigh};
        #[rustfmt::skip]
        let steps = vec![
            Use(0), Use(1), Use(11), Flush(0), Dirty(2), Use(21), Dirty(5), Dirty(0), Dirty(6), Use(7), Use(3), Use(3),
            Dirty(4), Dirty(13), Flush(1), Dirty(14), Dirty(7), Flush(3), Dirty(15), Dirty(5), Dirty(0), Dirty(21),
            Dirty(23), Flush(2), Weigh(13, 0), Flush(1), Dirty(6), Flush(3), Dirty(7), Weigh(5, 11), Dirty(8), Dirty(2),
            Flush(1), Dirty(4), Use(9), Dirty(24), Use(9), Dirty(0), Dirty(23), Use(21), Weigh(2, 117), Flush(2), Shrink,
        ];
        check(steps).unwrap();
    }
}
