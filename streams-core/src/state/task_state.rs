//! A task's uncommitted writes over its committed store.
//!
//! Writes go to an ordered overlay, where reads see them at once. A commit turns the overlay into one batch; an abort
//! drops it. The store below therefore never holds uncommitted data, and no wipe is needed after a crash.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::rc::Rc;

use super::layered::Layered;
use super::small_bytes::{KeyBytes, ValueBytes};
use super::watches::Watches;
use super::{KeyOrder, KeyRange, Store, StoreBatch, StoreError, StoreIndex, StoreProperty, StoreSize};

/// A key and its row.
type Pair<'a> = (Cow<'a, [u8]>, Cow<'a, [u8]>);

/// The value that was put, or `None` for a deletion.
type Overlay = BTreeMap<KeyBytes, Option<ValueBytes>>;

/// One task's committed store with the uncommitted writes on top.
pub struct TaskState {
    committed: Box<dyn Store>,
    overlays: BTreeMap<StoreIndex, Overlay>,
    /// Per store, committed keys below this one count as deleted.
    floors: BTreeMap<StoreIndex, Vec<u8>>,
    uncommitted_bytes: usize,
    writes: u64,
    watches: Rc<Watches>,
}

impl TaskState {
    /// Wraps a store, with no uncommitted writes yet.
    #[must_use]
    pub fn new(committed: Box<dyn Store>) -> Self {
        let watches = Rc::default();
        Self { committed, overlays: BTreeMap::new(), floors: BTreeMap::new(), uncommitted_bytes: 0, writes: 0, watches }
    }

    /// Looks up a key; uncommitted writes are visible.
    ///
    /// # Errors
    /// As [`Store::get`].
    pub fn get(&self, store: StoreIndex, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.overlays.get(&store).and_then(|overlay| overlay.get(key)) {
            Some(uncommitted) => Ok(uncommitted.as_ref().map(|value| value.to_vec())),
            None if self.floors.get(&store).is_some_and(|floor| key < floor.as_slice()) => Ok(None),
            None => self.committed.get(store, key),
        }
    }

    /// Sets or deletes a key in the overlay.
    pub fn put(&mut self, store: StoreIndex, key: &[u8], value: Option<&[u8]>) {
        self.writes += 1;
        let key_bytes = key.len();
        let value_bytes = value.map_or(0, <[u8]>::len);
        match self
            .overlays
            .entry(store)
            .or_default()
            .insert(KeyBytes::from_slice(key), value.map(ValueBytes::from_slice))
        {
            // Count only the new value: a key written a thousand times is a single uncommitted write.
            Some(replaced) => self.uncommitted_bytes -= replaced.map_or(0, |value| value.len()),
            None => self.uncommitted_bytes += key_bytes + OVERLAY_ENTRY_BYTES,
        }
        self.uncommitted_bytes += value_bytes;
    }

    /// Deletes every key below `floor`, however many there are, for the cost of a single delete. Keys below it that
    /// are put later are kept.
    pub fn delete_below(&mut self, store: StoreIndex, floor: &[u8]) {
        self.writes += 1;
        if let Some(overlay) = self.overlays.get_mut(&store) {
            *overlay = overlay.split_off(floor);
        }
        let current = self.floors.entry(store).or_default();
        if current.as_slice() < floor {
            self.uncommitted_bytes += floor.len();
            current.clear();
            current.extend_from_slice(floor);
        }
    }

    /// Which rows have changed, for those who watch them.
    pub(crate) const fn watches(&self) -> &Rc<Watches> {
        &self.watches
    }

    /// How many writes there were so far.
    #[must_use]
    pub(crate) const fn writes(&self) -> u64 {
        self.writes
    }

    /// The keys and rows in a range, including uncommitted writes. Only those that are taken are read.
    pub(super) fn range<'a>(
        &'a self,
        store: StoreIndex,
        range: KeyRange<'_>,
    ) -> impl Iterator<Item = Result<Pair<'a>, StoreError>> + use<'a> {
        // The overlay's map panics on crossed bounds.
        let overlay = self.overlays.get(&store).filter(|_| !range.is_empty());
        let uncommitted = overlay.map(|overlay| overlay.range::<[u8], _>((range.from, range.to)));
        let uncommitted = uncommitted.into_iter().flatten();
        let floor = self.floors.get(&store).map_or(&[][..], Vec::as_slice);
        let KeyRange { from, to, .. } = range.not_below(floor);
        let (uncommitted, committed): (Box<dyn Iterator<Item = _>>, _) = match range.order {
            KeyOrder::Ascending => (Box::new(uncommitted), self.committed.range(store, from, to)),
            KeyOrder::Descending => (Box::new(uncommitted.rev()), self.committed.range_reverse(store, from, to)),
        };
        let uncommitted = uncommitted.map(|(key, change)| (key.as_slice(), change.as_deref().map(Cow::Borrowed)));
        let owned = |bytes: Box<[u8]>| Cow::Owned(bytes.into_vec());
        let committed = committed.map(move |pair| pair.map(|(key, row)| (owned(key), owned(row))));
        Layered::new(uncommitted, committed, range.order)
    }

    /// Calls `each` with the keys and rows in a range, including uncommitted writes, until it returns `false`.
    ///
    /// # Errors
    /// As [`Store::range`].
    pub(crate) fn scan(
        &self,
        store: StoreIndex,
        range: KeyRange<'_>,
        each: &mut dyn FnMut(&[u8], &[u8]) -> bool,
    ) -> Result<(), StoreError> {
        for pair in self.range(store, range) {
            let (key, row) = pair?;
            if !each(&key, &row) {
                break;
            }
        }
        Ok(())
    }

    /// Roughly how many bytes are waiting for a commit.
    #[must_use]
    pub const fn uncommitted_bytes(&self) -> usize {
        self.uncommitted_bytes
    }

    /// The uncommitted writes as one batch. The caller adds its metadata and passes it to [`TaskState::write`]; until
    /// then the writes stay visible.
    #[must_use]
    pub fn pending_batch(&self) -> StoreBatch {
        let mut batch = StoreBatch::default();
        let changes = self.overlays.values().map(BTreeMap::len).sum();
        batch.reserve(changes, self.uncommitted_bytes.saturating_sub(changes * OVERLAY_ENTRY_BYTES));
        for (store, floor) in &self.floors {
            batch.delete_range(*store, b"", floor);
        }
        for (store, overlay) in &self.overlays {
            for (key, value) in overlay {
                match value {
                    Some(value) => batch.put(*store, key, value),
                    None => batch.delete(*store, key),
                }
            }
        }
        batch
    }

    /// Writes a batch that includes [`TaskState::pending_batch`] to the committed store.
    ///
    /// # Errors
    /// As [`Store::write`]; the writes then stay uncommitted.
    pub fn write(&mut self, batch: StoreBatch) -> Result<(), StoreError> {
        self.committed.write(batch)?;
        self.discard();
        Ok(())
    }

    /// Drops the uncommitted writes.
    pub fn discard(&mut self) {
        self.overlays.clear();
        self.floors.clear();
        self.uncommitted_bytes = 0;
    }

    /// How large a store is, without its uncommitted writes.
    ///
    /// # Errors
    /// As [`Store::size`].
    pub(crate) fn size(&self, store: StoreIndex) -> Result<StoreSize, StoreError> {
        self.committed.size(store)
    }

    /// What else the backend knows about a store.
    pub(crate) fn properties(&self, store: StoreIndex) -> Vec<StoreProperty> {
        self.committed.properties(store)
    }

    /// The committed store, for restoring and for the task's metadata.
    pub fn committed(&mut self) -> &mut dyn Store {
        &mut *self.committed
    }
}

/// A rough estimate of an overlay entry's overhead on top of its bytes.
const OVERLAY_ENTRY_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::ops::Bound;
    use std::path::Path;

    use proptest::prelude::*;

    use super::{OVERLAY_ENTRY_BYTES, TaskState};
    use crate::state::{KeyOrder, KeyRange, META, Memory, StateBackend, StoreError, StoreIndex, bounds_cross};

    const A: StoreIndex = StoreIndex(1);

    fn empty() -> TaskState {
        TaskState::new(Memory.open(Path::new(""), &["a".to_owned()]).expect("memory always opens"))
    }

    fn put(state: &mut TaskState, key: &str, value: Option<&str>) {
        state.put(A, key.as_bytes(), value.map(str::as_bytes));
    }

    type Pair = (Vec<u8>, Vec<u8>);

    fn all(state: &TaskState) -> Result<Vec<Pair>, StoreError> {
        let mut pairs = Vec::new();
        state.scan(A, KeyRange::ALL, &mut |key, value| {
            pairs.push((key.to_vec(), value.to_vec()));
            true
        })?;
        Ok(pairs)
    }

    #[test]
    fn discarded_writes_uncover_the_committed_ones() -> Result<(), StoreError> {
        let mut state = empty();
        put(&mut state, "k", Some("committed"));
        let batch = state.pending_batch();
        state.write(batch)?;
        put(&mut state, "k", None);
        put(&mut state, "l", Some("never committed"));
        assert_eq!(all(&state)?, [(b"l".to_vec(), b"never committed".to_vec())]);
        state.discard();
        assert_eq!(all(&state)?, [(b"k".to_vec(), b"committed".to_vec())]);
        Ok(())
    }

    #[test]
    fn a_batch_carries_the_callers_notes_along() -> Result<(), StoreError> {
        let mut state = empty();
        put(&mut state, "k", Some("v"));
        let mut batch = state.pending_batch();
        batch.put(META, "offset", "17");
        state.write(batch)?;
        assert_eq!(state.get(META, b"offset")?, Some(b"17".to_vec()));
        assert_eq!(state.uncommitted_bytes(), 0);
        Ok(())
    }

    #[test]
    fn a_refused_batch_leaves_its_writes_uncommitted() {
        let mut state = empty();
        put(&mut state, "k", Some("v"));
        let mut batch = state.pending_batch();
        batch.put(StoreIndex(9), "no", "such store");
        assert!(state.write(batch).is_err());
        assert_eq!(state.get(A, b"k"), Ok(Some(b"v".to_vec())));
        assert_eq!(state.committed().get(A, b"k"), Ok(None));
        assert_ne!(state.uncommitted_bytes(), 0);
    }

    #[test]
    fn a_key_written_again_and_again_waits_once() {
        let mut state = empty();
        for value in ["a long first value", "", "abc"] {
            put(&mut state, "k", Some(value));
        }
        assert_eq!(state.uncommitted_bytes(), "k".len() + "abc".len() + OVERLAY_ENTRY_BYTES);
        put(&mut state, "k", None);
        assert_eq!(state.uncommitted_bytes(), "k".len() + OVERLAY_ENTRY_BYTES);
    }

    /// An operation on the state and on its model.
    #[derive(Debug, Clone)]
    enum Step {
        Put(Vec<u8>, Option<Vec<u8>>),
        DeleteBelow(Vec<u8>),
        Commit,
        Abort,
        Get(Vec<u8>),
        Scan(Bound<Vec<u8>>, Bound<Vec<u8>>, KeyOrder, usize),
    }

    fn keys() -> impl Strategy<Value = Vec<u8>> {
        prop::collection::vec(prop::sample::select(vec![0x00, 0x01, 0xff]), 0..3)
    }

    fn bounds() -> impl Strategy<Value = Bound<Vec<u8>>> {
        prop_oneof![Just(Bound::Unbounded), keys().prop_map(Bound::Included), keys().prop_map(Bound::Excluded)]
    }

    fn orders() -> impl Strategy<Value = KeyOrder> {
        prop::sample::select(vec![KeyOrder::Ascending, KeyOrder::Descending])
    }

    fn steps() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => (keys(), prop::option::of(prop::collection::vec(any::<u8>(), 0..3)))
                .prop_map(|(key, value)| Step::Put(key, value)),
            1 => keys().prop_map(Step::DeleteBelow),
            1 => Just(Step::Commit),
            1 => Just(Step::Abort),
            2 => keys().prop_map(Step::Get),
            3 => (bounds(), bounds(), orders(), 1_usize..12)
                .prop_map(|(from, to, order, rows)| Step::Scan(from, to, order, rows)),
        ]
    }

    proptest! {
        #[test]
        fn overlay_over_store_reads_as_one_ordered_map(steps in prop::collection::vec(steps(), 0..120)) {
            let mut state = empty();
            let mut committed: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            let mut current = committed.clone();
            for step in steps {
                match step {
                    Step::Put(key, value) => {
                        state.put(A, &key, value.as_deref());
                        match value {
                            Some(value) => current.insert(key, value),
                            None => current.remove(&key),
                        };
                    }
                    Step::DeleteBelow(floor) => {
                        state.delete_below(A, &floor);
                        current = current.split_off(&floor);
                    }
                    Step::Commit => {
                        let batch = state.pending_batch();
                        state.write(batch)?;
                        committed.clone_from(&current);
                    }
                    Step::Abort => {
                        state.discard();
                        current.clone_from(&committed);
                    }
                    Step::Get(key) => prop_assert_eq!(state.get(A, &key)?, current.get(&key).cloned()),
                    Step::Scan(from, to, order, rows) => {
                        let from = from.as_ref().map(Vec::as_slice);
                        let to = to.as_ref().map(Vec::as_slice);
                        let mut met = Vec::new();
                        state.scan(A, KeyRange::between(from, to).in_order(order), &mut |key, value| {
                            met.push((key.to_vec(), value.to_vec()));
                            met.len() < rows
                        })?;
                        let mut expected: Vec<_> = if bounds_cross(from, to) {
                            Vec::new()
                        } else {
                            current.range::<[u8], _>((from, to)).map(|(k, v)| (k.clone(), v.clone())).collect()
                        };
                        if order == KeyOrder::Descending {
                            expected.reverse();
                        }
                        expected.truncate(rows);
                        prop_assert_eq!(met, expected, "from {:?} to {:?} {:?}", from, to, order);
                    }
                }
            }
        }
    }
}
