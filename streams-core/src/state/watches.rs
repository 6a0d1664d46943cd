//! Which rows have changed, for those who watch a store.
//!
//! Nothing is noted as long as nobody watches. What a row has become is looked up later, once for however many changes.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use hashbrown::HashSet;

use super::StoreIndex;
use super::small_bytes::KeyBytes;

/// The watched stores of one task, and the keys of their rows that have changed.
#[derive(Default)]
pub(crate) struct Watches {
    is_any: Cell<bool>,
    changed: RefCell<BTreeMap<StoreIndex, HashSet<KeyBytes>>>,
}

impl Watches {
    /// Begins to note changes of a store, or ends that.
    pub(crate) fn set(&self, store: StoreIndex, is_watched: bool) {
        let mut changed = self.changed.borrow_mut();
        if is_watched {
            changed.entry(store).or_default();
        } else {
            changed.remove(&store);
        }
        self.is_any.set(!changed.is_empty());
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
        if let Some(changed) = self.changed.borrow_mut().get_mut(&store)
            && !changed.contains(key)
        {
            changed.insert(KeyBytes::from_slice(key));
        }
    }

    /// The stores with changed rows.
    pub(crate) fn changed_stores(&self) -> Vec<StoreIndex> {
        let changed = self.changed.borrow();
        changed.iter().filter(|(_, keys)| !keys.is_empty()).map(|(store, _)| *store).collect()
    }

    /// Takes the keys of some rows that have changed, in no particular order.
    pub(crate) fn take(&self, store: StoreIndex, keys_max: usize) -> Vec<Box<[u8]>> {
        let mut changed = self.changed.borrow_mut();
        let Some(keys) = changed.get_mut(&store) else { return Vec::new() };
        if keys.len() <= keys_max {
            return std::mem::take(keys).into_iter().map(|key| key.as_slice().into()).collect();
        }
        let mut left = keys_max;
        let taken = keys.extract_if(|_| {
            let takes = left > 0;
            left -= usize::from(takes);
            takes
        });
        taken.map(|key| key.as_slice().into()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_watched_stores_note_their_rows_and_each_row_once() {
        let (watches, one, other) = (Watches::default(), StoreIndex(1), StoreIndex(2));
        watches.note(one, b"before");
        watches.set(one, true);
        for key in [&b"a"[..], b"b", b"a", b"c"] {
            watches.note(one, key);
            watches.note(other, key);
        }
        assert_eq!(watches.changed_stores(), [one]);
        assert_eq!(watches.take(one, 2).len(), 2);
        assert_eq!(watches.take(one, 2).len(), 1);
        assert_eq!((watches.take(one, 2), watches.changed_stores()), (vec![], vec![]));
        watches.note(one, b"d");
        watches.set(one, false);
        watches.note(one, b"e");
        watches.set(one, true);
        assert_eq!(watches.take(one, 9).len(), 0, "who begins to watch has not missed anything");
    }
}
