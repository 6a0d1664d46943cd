//! The dirty rows of a cache in the order of their keys, for ordered reads.
//!
//! Most tables are never read in order, and pay nothing. The first ordered read sorts the keys of all dirty rows, and the
//! order is kept until all of them are written. Meanwhile a row that becomes dirty or clean costs a search in a tree; a
//! change of a row that is already dirty costs nothing. So an occasional read costs a sort, and a table that is read in
//! order with every record never sorts more than a few rows.

use std::collections::BTreeMap;

use super::dirty_rows::small;
use super::key_range::KeyRange;
use super::row_key::RowKey;

/// The places of dirty rows by key.
#[derive(Default)]
pub(super) struct DirtyOrder {
    places: BTreeMap<RowKey, u32>,
    bytes: usize,
}

/// The memory per row: the tree's nodes are about three quarters full.
const ROW_BYTES: usize = (size_of::<RowKey>() + size_of::<u32>()) * 4 / 3;

impl DirtyOrder {
    pub(super) fn of<'a>(rows: impl Iterator<Item = (&'a RowKey, usize)>) -> Self {
        let mut bytes = 0;
        let weighed = rows.map(|(key, place)| {
            bytes += bytes_of(key);
            (key.clone(), small(place))
        });
        let places = weighed.collect();
        Self { places, bytes }
    }

    /// The memory that the order takes, in bytes.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The places of the rows in a range that is not empty.
    pub(super) fn places<'a>(&'a self, range: KeyRange<'_>) -> impl DoubleEndedIterator<Item = usize> + use<'a> {
        self.places.range::<[u8], _>((range.from, range.to)).map(|(_, place)| *place as usize)
    }

    /// Adds a row, or changes its place.
    pub(super) fn put(&mut self, key: &RowKey, place: usize) {
        if let Some(kept) = self.places.get_mut(key.key()) {
            *kept = small(place);
        } else {
            self.bytes += bytes_of(key);
            self.places.insert(key.clone(), small(place));
        }
    }

    pub(super) fn remove(&mut self, key: &RowKey) {
        if self.places.remove(key.key()).is_some() {
            self.bytes -= bytes_of(key);
        }
    }
}

fn bytes_of(key: &RowKey) -> usize {
    ROW_BYTES + key.allocated()
}
