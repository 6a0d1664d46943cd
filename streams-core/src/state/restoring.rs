//! Rows that are being restored from a changelog, where what a record means depends on the rows before it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound;

use super::kinds::StoreRow;
use super::layered::Layered;
use super::versions::{KeyAndRow, VersionRows};
use super::{KeyOrder, Store, StoreError, StoreIndex};

/// A store's rows with the changes of the records so far.
pub(crate) struct Restoring<'a> {
    store: &'a dyn Store,
    index: StoreIndex,
    changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl<'a> Restoring<'a> {
    /// The rows as they are in the store.
    pub(crate) const fn new(store: &'a dyn Store, index: StoreIndex) -> Self {
        Self { store, index, changes: BTreeMap::new() }
    }

    /// All changes.
    pub(crate) fn into_changes(self) -> impl Iterator<Item = StoreRow> {
        self.changes.into_iter()
    }

    fn next(&self, from: &[u8], to: &[u8], order: KeyOrder) -> Result<Option<KeyAndRow>, StoreError> {
        let (from, to) = (Bound::Included(from), Bound::Included(to));
        let changes = self.changes.range::<[u8], _>((from, to));
        let changes = changes.map(|(key, row)| (key.as_slice(), row.as_deref().map(Cow::Borrowed)));
        let stored = match order {
            KeyOrder::Ascending => self.store.range(self.index, from, to),
            KeyOrder::Descending => self.store.range_reverse(self.index, from, to),
        };
        let owned = |bytes: Box<[u8]>| Cow::Owned(bytes.into_vec());
        let stored = stored.map(|pair| pair.map(|(key, row)| (owned(key), owned(row))));
        let first = match order {
            KeyOrder::Ascending => Layered::new(changes, stored, order).next(),
            KeyOrder::Descending => Layered::new(changes.rev(), stored, order).next(),
        };
        first.map(|pair| pair.map(|(key, row)| (key.into_owned(), row.into_owned()))).transpose()
    }
}

impl VersionRows for Restoring<'_> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        match self.changes.get(key) {
            Some(row) => Ok(row.clone()),
            None => self.store.get(self.index, key),
        }
    }

    fn first(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        self.next(from, to, KeyOrder::Ascending)
    }

    fn last(&self, from: &[u8], to: &[u8]) -> Result<Option<KeyAndRow>, StoreError> {
        self.next(from, to, KeyOrder::Descending)
    }

    fn put(&mut self, key: &[u8], row: Option<&[u8]>) {
        self.changes.insert(key.to_vec(), row.map(<[u8]>::to_vec));
    }
}
