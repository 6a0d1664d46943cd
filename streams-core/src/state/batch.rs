//! Changes of a task's stores that are applied together.

use super::StoreIndex;

/// Changes that are applied together. If several change the same key, the last one wins.
///
/// All keys and values are in one buffer, so a batch of a million rows takes no million allocations.
///
/// ```
/// use millstream::state::{StoreBatch, StoreChange, StoreIndex};
///
/// let mut batch = StoreBatch::default();
/// batch.put(StoreIndex(1), "u1", "7");
/// batch.delete(StoreIndex(1), "u2");
/// let changes: Vec<_> = batch.changes().collect();
/// assert_eq!(changes, [StoreChange::Put(StoreIndex(1), b"u1", b"7"), StoreChange::Delete(StoreIndex(1), b"u2")]);
/// ```
#[derive(Debug, Default, Clone)]
pub struct StoreBatch {
    changes: Vec<Slices>,
    bytes: Vec<u8>,
}

/// One change of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreChange<'a> {
    /// Sets a key's value.
    Put(StoreIndex, &'a [u8], &'a [u8]),
    /// Deletes a key, if it is there.
    Delete(StoreIndex, &'a [u8]),
    /// Deletes every key from the first (inclusive) to the second (exclusive).
    DeleteRange(StoreIndex, &'a [u8], &'a [u8]),
    /// Deletes every key of the store, including those set earlier in the batch.
    Clear(StoreIndex),
}

/// What a change does, and where its two operands end in the buffer; they start where the previous change ends.
#[derive(Debug, Clone, Copy)]
struct Slices {
    does: Does,
    store: StoreIndex,
    first_end: usize,
    second_end: usize,
}

#[derive(Debug, Clone, Copy)]
enum Does {
    Put,
    Delete,
    DeleteRange,
    Clear,
}

impl StoreChange<'_> {
    /// The store that is changed.
    #[must_use]
    pub const fn store(&self) -> StoreIndex {
        match self {
            Self::Put(store, ..) | Self::Delete(store, ..) | Self::DeleteRange(store, ..) | Self::Clear(store) => {
                *store
            }
        }
    }
}

impl StoreBatch {
    /// Sets a key's value.
    pub fn put(&mut self, store: StoreIndex, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.add(Does::Put, store, key.as_ref(), value.as_ref());
    }

    /// Deletes a key, if it is there.
    pub fn delete(&mut self, store: StoreIndex, key: impl AsRef<[u8]>) {
        self.add(Does::Delete, store, key.as_ref(), &[]);
    }

    /// Deletes every key from `from` (inclusive) to `to` (exclusive).
    pub fn delete_range(&mut self, store: StoreIndex, from: impl AsRef<[u8]>, to: impl AsRef<[u8]>) {
        self.add(Does::DeleteRange, store, from.as_ref(), to.as_ref());
    }

    /// Deletes every key of a store, however many there are, as a single change.
    pub fn clear(&mut self, store: StoreIndex) {
        self.add(Does::Clear, store, &[], &[]);
    }

    /// The number of changes.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is nothing to apply.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes in order. For backends.
    pub fn changes(&self) -> impl Iterator<Item = StoreChange<'_>> {
        let mut start = 0;
        self.changes.iter().map(move |slices| {
            let first = self.bytes.get(start..slices.first_end).unwrap_or_default();
            let second = self.bytes.get(slices.first_end..slices.second_end).unwrap_or_default();
            start = slices.second_end;
            match slices.does {
                Does::Put => StoreChange::Put(slices.store, first, second),
                Does::Delete => StoreChange::Delete(slices.store, first),
                Does::DeleteRange => StoreChange::DeleteRange(slices.store, first, second),
                Does::Clear => StoreChange::Clear(slices.store),
            }
        })
    }

    /// Reserves memory for that many more changes with that many bytes.
    pub(super) fn reserve(&mut self, changes: usize, bytes: usize) {
        self.changes.reserve(changes);
        self.bytes.reserve(bytes);
    }

    fn add(&mut self, does: Does, store: StoreIndex, first: &[u8], second: &[u8]) {
        self.bytes.extend_from_slice(first);
        let first_end = self.bytes.len();
        self.bytes.extend_from_slice(second);
        self.changes.push(Slices { does, store, first_end, second_end: self.bytes.len() });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_come_back_as_they_were_added() {
        let (a, b) = (StoreIndex(1), StoreIndex(2));
        let mut batch = StoreBatch::default();
        batch.put(a, "", "");
        batch.put(b, "key", "");
        batch.delete_range(a, "from", "to");
        batch.clear(b);
        batch.delete(b, "gone");
        batch.put(a, [0], vec![1, 2]);
        use StoreChange::{Clear, Delete, DeleteRange, Put};
        let expected = [
            Put(a, b"", b""),
            Put(b, b"key", b""),
            DeleteRange(a, b"from", b"to"),
            Clear(b),
            Delete(b, b"gone"),
            Put(a, &[0], &[1, 2]),
        ];
        assert_eq!(batch.changes().collect::<Vec<_>>(), expected);
        assert_eq!(expected.map(|change| change.store()), [a, b, a, b, b, a]);
        assert_eq!((batch.len(), batch.is_empty()), (6, false));
    }
}
