//! Writes dirty rows, and makes room by dropping runs.

use super::run::Run;
use super::{RowError, RunLayout, Runs};
use crate::record::{Change, Headers, Record, Timestamp};
use crate::state::cached_row::Before;
use crate::state::row_cache::spread;
use crate::state::rows::ChangeOf;
use crate::wire::Value;

/// How many slots the hand passes for each row that is written, in search of runs to drop.
const STEPS_PER_ROW: usize = 4;

/// Where the changes go that are to be forwarded, if somebody listens.
type Forward<'a, L, V> = Option<&'a mut Vec<ChangeOf<<L as RunLayout>::Key, V>>>;

impl<L: RunLayout, V: Value> Runs<L, V> {
    /// Writes and logs at most `rows_max` dirty rows, in the order of their last changes. What is to be forwarded is
    /// added to `forward`, if somebody listens. Returns whether there are more.
    ///
    /// # Errors
    /// When the store or the changelog fails, or a value cannot be encoded. The task cannot go on then.
    pub(crate) fn flush(&mut self, rows_max: usize, mut forward: Forward<'_, L, V>) -> Result<bool, RowError> {
        for _ in 0..rows_max {
            let Some((slot, index)) = self.next_dirty() else { break };
            self.flush_row(slot, index, forward.as_deref_mut())?;
        }
        // What is forwarded may fill other caches; runs that are written now can make room for it.
        for _ in 0..rows_max.saturating_mul(STEPS_PER_ROW).min(self.runs.len()) {
            if !self.budget.is_exceeded() {
                break;
            }
            if let Some(slot) = self.step()
                && self.runs[slot].dirty == 0
            {
                self.drop_run(slot);
            }
        }
        Ok(self.dirty > 0)
    }

    /// Drops runs that were not used lately until the budget is kept, looking at no more than `rows_max`. Their dirty rows
    /// are written and logged first; what is to be forwarded is added to `forward`, if somebody listens. Returns whether
    /// all runs were looked at since the last time this was so.
    ///
    /// # Errors
    /// As [`Runs::flush`].
    pub(crate) fn make_room(&mut self, rows_max: usize, mut forward: Forward<'_, L, V>) -> Result<bool, RowError> {
        for _ in 0..rows_max {
            if !self.budget.has_to_free() {
                break;
            }
            if self.hand >= self.runs.len() {
                self.hand = 0;
                return Ok(true);
            }
            let Some(slot) = self.step() else { continue };
            while let Some(index) = self.runs[slot].rows.iter().position(|row| row.is_dirty()) {
                self.flush_row(slot, index, forward.as_deref_mut())?;
            }
            self.drop_run(slot);
        }
        Ok(false)
    }

    /// As [`Runs::make_room`], but writes nothing: runs with dirty rows stay.
    pub(crate) fn drop_clean(&mut self, rows_max: usize) -> bool {
        for _ in 0..rows_max {
            if !self.budget.has_to_free() {
                return false;
            }
            if self.hand >= self.runs.len() {
                self.hand = 0;
                return true;
            }
            if let Some(slot) = self.step()
                && self.runs[slot].dirty == 0
            {
                self.drop_run(slot);
            }
        }
        false
    }

    /// Moves the hand by one slot, and returns it if its run was not used since the hand came by last. The run of the last
    /// record stays: a key with more rows than there is room for would otherwise be read again with each record.
    fn step(&mut self) -> Option<usize> {
        if self.hand >= self.runs.len() {
            self.hand = 0;
        }
        let slot = self.hand;
        self.hand += 1;
        let run = self.runs.get_mut(slot).filter(|run| run.taken)?;
        let was_used = std::mem::take(&mut run.used);
        (!was_used && slot != self.current).then_some(slot)
    }

    /// Drops a run without dirty rows.
    fn drop_run(&mut self, slot: usize) {
        let Run { key, hash, rows, taken, .. } = &mut self.runs[slot];
        *taken = false;
        let bytes = rows.drain(..).map(|row| Self::ROW_BYTES + row.bytes()).sum::<usize>();
        *rows = Vec::new();
        if let Ok(entry) = self.slots.find_entry(spread(*hash), |other| *other as usize == slot) {
            entry.remove();
        }
        let own = size_of::<Run<L::Place, V>>() + key.allocated();
        self.hold(bytes + own, 0);
        self.free.push(slot);
    }

    /// The dirty row that changed longest ago.
    fn next_dirty(&mut self) -> Option<(usize, usize)> {
        loop {
            if self.dirty == 0 {
                // Numbers are given out again from now on, so none may be left in the queue.
                (self.queue, self.next_change) = (Vec::new(), 0);
                return None;
            }
            if self.queue.is_empty() {
                self.queue_dirty();
            }
            let (changed, slot, place) = self.queue.pop()?;
            let run = &self.runs[slot];
            let index = run.search(place).ok();
            // Written since, or changed again: then its turn comes later.
            if let Some(index) =
                index.filter(|index| run.rows[*index].is_dirty() && run.rows[*index].changed == changed)
            {
                return Some((slot, index));
            }
        }
    }

    fn queue_dirty(&mut self) {
        let dirty = self.runs.iter().enumerate().filter(|(_, run)| run.dirty > 0).flat_map(|(slot, run)| {
            let rows = run.rows.iter().filter(|row| row.is_dirty());
            rows.map(move |row| (row.changed, slot, row.key))
        });
        self.queue = dirty.collect();
        self.queue.sort_unstable_by(|left, right| right.cmp(left));
    }

    fn flush_row(&mut self, slot: usize, index: usize, forward: Forward<'_, L, V>) -> Result<(), RowError> {
        let run = &mut self.runs[slot];
        let row = &mut run.rows[index];
        let (place, before, timestamp, value) = (row.key, row.before(), row.timestamp, row.row.take());
        let mut aside = (None, Headers::new());
        self.weigh(slot, index, |row| aside = row.take_aside());
        if value.is_some() || before != Before::Absent {
            self.write(slot, place, value.as_ref(), timestamp)?;
            if let Some(forward) = forward {
                let key = L::typed_key(self.runs[slot].key.key(), place, self.access.windows().as_slice());
                forward.push(Record {
                    key: key.map_err(|error| self.unreadable("key", &error.to_string()))?,
                    value: Change::latest(aside.0, value.clone()),
                    timestamp: L::forwarded(place, timestamp),
                    headers: aside.1,
                });
            }
        }
        if value.is_none() {
            self.forget(slot, index);
            return Ok(());
        }
        let bytes = self.encoded.value().len();
        self.weigh(slot, index, |row| row.set_measured(bytes));
        let run = &mut self.runs[slot];
        let row = &mut run.rows[index];
        row.row = value;
        row.set_dirty(false);
        run.dirty -= 1;
        self.dirty -= 1;
        Ok(())
    }

    /// Stores and logs a row.
    pub(super) fn write(
        &mut self,
        slot: usize,
        place: L::Place,
        row: Option<&V>,
        timestamp: Timestamp,
    ) -> Result<(), RowError> {
        use super::Place as _;

        self.encoded.encode(timestamp, row)?;
        let key = self.runs[slot].key.key();
        let exists = row.is_some();
        self.buffer.clear();
        L::changelog_key(key, place, &mut self.buffer);
        self.access.log(&self.buffer, exists.then(|| self.encoded.value()), timestamp, &Headers::new())?;
        self.buffer.clear();
        self.layout.store_key(key, place, &mut self.buffer);
        if self.buffer >= self.floor {
            self.access.put_known(&self.buffer, exists.then(|| L::stored(&self.encoded)));
            self.newest_stored = self.newest_stored.max(Some(place.time().0));
        }
        Ok(())
    }
}
