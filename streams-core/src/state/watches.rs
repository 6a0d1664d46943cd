//! Which rows have changed, for those who watch a store.
//!
//! Nothing is noted as long as nobody watches. What a row has become is looked up later, once for however many changes.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};

use hashbrown::HashSet;

use super::StoreIndex;
use super::small_bytes::KeyBytes;

/// The watched stores of one task, and the keys of their rows that have changed.
#[derive(Default)]
pub(crate) struct Watches {
    is_any: Cell<bool>,
    /// For those who want to hear of changes when they are made.
    latest: RefCell<Changed>,
    /// For those who want to hear of them when they are committed, and of the others.
    uncommitted: RefCell<Changed>,
    committed: RefCell<Changed>,
    /// The stores of which uncommitted changes were not noted, because nobody had watched yet.
    unnoted: RefCell<BTreeSet<StoreIndex>>,
    /// The same once they are committed.
    missed: RefCell<BTreeSet<StoreIndex>>,
}

type Changed = BTreeMap<StoreIndex, HashSet<KeyBytes>>;

impl Watches {
    /// Begins to note changes of a store, or ends that, for those who want to hear of each, and for those who want to hear
    /// of committed ones. `has_uncommitted` says whether there may be changes that were not noted and are not committed.
    pub(crate) fn set(&self, store: StoreIndex, (latest, committed): (bool, bool), has_uncommitted: bool) {
        if committed && has_uncommitted && !self.uncommitted.borrow().contains_key(&store) {
            self.unnoted.borrow_mut().insert(store);
        }
        for (changed, is_watched) in
            [(&self.latest, latest), (&self.uncommitted, committed), (&self.committed, committed)]
        {
            let mut changed = changed.borrow_mut();
            if is_watched {
                changed.entry(store).or_default();
            } else {
                changed.remove(&store);
            }
        }
        self.is_any.set(!self.latest.borrow().is_empty() || !self.uncommitted.borrow().is_empty());
    }

    /// Whether anything is watched.
    #[inline]
    pub(crate) fn is_any(&self) -> bool {
        self.is_any.get()
    }

    /// Notes that a row has changed, by its key in the store.
    #[inline]
    pub(crate) fn note(&self, store: StoreIndex, key: &[u8]) {
        if self.is_any.get() {
            self.note_watched(store, key);
        }
    }

    #[cold]
    fn note_watched(&self, store: StoreIndex, key: &[u8]) {
        for changed in [&self.latest, &self.uncommitted] {
            if let Some(keys) = changed.borrow_mut().get_mut(&store)
                && !keys.contains(key)
            {
                keys.insert(KeyBytes::from_slice(key));
            }
        }
    }

    /// The stores of which changes were committed that were not noted.
    pub(crate) fn take_missed(&self) -> BTreeSet<StoreIndex> {
        std::mem::take(&mut self.missed.borrow_mut())
    }

    /// What has changed so far is committed.
    pub(crate) fn commit(&self) {
        self.missed.borrow_mut().append(&mut self.unnoted.borrow_mut());
        let mut committed = self.committed.borrow_mut();
        for (store, keys) in self.uncommitted.borrow_mut().iter_mut().filter(|(_, keys)| !keys.is_empty()) {
            committed.entry(*store).or_default().extend(keys.drain());
        }
    }

    /// Whether there is anything to tell.
    pub(crate) fn has_changes(&self, is_committed: bool) -> bool {
        (is_committed && !self.missed.borrow().is_empty())
            || self.of(is_committed).borrow().values().any(|keys| !keys.is_empty())
    }

    /// The stores with changed rows, or committed ones.
    pub(crate) fn changed_stores(&self, is_committed: bool) -> Vec<StoreIndex> {
        let changed = self.of(is_committed).borrow();
        changed.iter().filter(|(_, keys)| !keys.is_empty()).map(|(store, _)| *store).collect()
    }

    /// Takes the keys of some rows that have changed, in no particular order.
    pub(crate) fn take(&self, is_committed: bool, store: StoreIndex, keys_max: usize) -> Vec<KeyBytes> {
        let mut changed = self.of(is_committed).borrow_mut();
        let Some(keys) = changed.get_mut(&store) else { return Vec::new() };
        // What is not taken stays.
        keys.extract_if(|_| true).take(keys_max).collect()
    }

    const fn of(&self, is_committed: bool) -> &RefCell<Changed> {
        if is_committed { &self.committed } else { &self.latest }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: StoreIndex = StoreIndex(1);
    const OTHER: StoreIndex = StoreIndex(2);

    #[test]
    fn only_watched_stores_note_their_rows_and_each_row_once() {
        let watches = Watches::default();
        watches.note(ONE, b"before");
        watches.set(ONE, (true, false), false);
        for key in [&b"a"[..], b"b", b"a", b"c"] {
            watches.note(ONE, key);
            watches.note(OTHER, key);
        }
        assert_eq!(watches.changed_stores(false), [ONE]);
        assert_eq!(watches.take(false, ONE, 2).len(), 2);
        assert_eq!(watches.take(false, ONE, 2).len(), 1);
        assert_eq!((watches.take(false, ONE, 2), watches.changed_stores(false)), (vec![], vec![]));
        watches.note(ONE, b"d");
        watches.set(ONE, (false, false), false);
        watches.note(ONE, b"e");
        watches.set(ONE, (true, false), false);
        assert_eq!(watches.take(false, ONE, 9).len(), 0, "who begins to watch has not missed anything");
    }

    #[test]
    fn committed_changes_are_those_from_before_the_commit() {
        let watches = Watches::default();
        watches.set(ONE, (false, true), false);
        watches.note(ONE, b"a");
        assert_eq!((watches.changed_stores(false), watches.changed_stores(true)), (vec![], vec![]));
        watches.commit();
        watches.note(ONE, b"b");
        assert_eq!(watches.take(true, ONE, 9), [KeyBytes::from_slice(b"a")]);
        watches.commit();
        assert_eq!(watches.take(true, ONE, 9), [KeyBytes::from_slice(b"b")]);
        assert!(watches.take_missed().is_empty());
        watches.set(OTHER, (false, true), true);
        assert!(watches.take_missed().is_empty(), "not yet");
        watches.commit();
        assert_eq!(watches.take_missed(), [OTHER].into(), "who watches has to look again");
    }
}
