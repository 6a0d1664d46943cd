//! Reads of runs' rows for those who know the store's kind but not its types. Dirty rows are merged with stored ones, and
//! stay dirty.

use std::borrow::Cow;
use std::ops::Bound;
use std::sync::Arc;

use super::{Place as _, RowError, RunLayout, Runs};
use crate::state::layered::Layered;
use crate::state::timestamped::RowBuffer;
use crate::state::{FreshRows, KeyRange};
use crate::wire::Value;

/// A row to read: one that is dirty, by its slot and index, or one in the store.
enum Found<'a> {
    Dirty(usize, usize),
    Stored(Cow<'a, [u8]>),
}

impl<L: RunLayout, V: Value> Runs<L, V> {
    /// The dirty rows in a range, by the store's form of their keys, in order.
    fn dirty_in(&self, range: KeyRange<'_>) -> Vec<(Vec<u8>, usize, usize)> {
        let mut found = Vec::new();
        for (slot, run) in self.runs.iter().enumerate().filter(|(_, run)| run.dirty > 0) {
            for (index, row) in run.rows.iter().enumerate().filter(|(_, row)| row.is_dirty()) {
                let mut key = Vec::new();
                self.layout.store_key(run.key.key(), row.key, &mut key);
                if range.contains(&key) {
                    found.push((key, slot, index));
                }
            }
        }
        found.sort_unstable_by(|left, right| range.order.compare(&left.0, &right.0));
        found
    }
}

impl<L: RunLayout, V: Value> FreshRows for Runs<L, V> {
    fn name(&self) -> &Arc<str> {
        Self::name(self)
    }

    fn get(&mut self, key: &[u8]) -> Result<Option<Vec<u8>>, RowError> {
        let (mut found, bound) = (None, Bound::Included(key));
        self.scan(KeyRange::between(bound, bound), &mut |_, row| {
            found = Some(row.to_vec());
            false
        })?;
        Ok(found)
    }

    fn scan(&mut self, range: KeyRange<'_>, each: &mut dyn FnMut(&[u8], &[u8]) -> bool) -> Result<(), RowError> {
        let range = range.not_below(&self.floor);
        if range.is_empty() {
            return Ok(());
        }
        let (from, mut encoded) = (self.visible_from(), RowBuffer::new());
        let dirty = self.dirty_in(range);
        let dirty = dirty.iter().map(|(key, slot, index)| {
            let row = &self.runs[*slot].rows[*index];
            (key.as_slice(), row.row.as_ref().map(|_| Found::Dirty(*slot, *index)))
        });
        let (state, index) = self.access.state();
        let stored = state.range(index, range).map(|pair| pair.map(|(key, row)| (key, Found::Stored(row))));
        for pair in Layered::new(dirty, stored, range.order) {
            let (key, found) = pair?;
            // Neither what belongs to no row nor what is over.
            if L::split(&key).is_none_or(|(_, place)| place.time() < from) {
                continue;
            }
            let goes_on = match found {
                Found::Stored(row) => each(&key, &row),
                Found::Dirty(slot, index) => {
                    let row = &self.runs[slot].rows[index];
                    encoded.encode(row.timestamp, row.row.as_ref())?;
                    each(&key, L::stored(&encoded))
                }
            };
            if !goes_on {
                break;
            }
        }
        Ok(())
    }
}
