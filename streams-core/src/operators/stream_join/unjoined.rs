//! The records of a left or outer join that wait for a match, and when to look whether one has waited long enough.
//!
//! A record is joined with nothing when stream time, the largest timestamp of both sides, is past its window and grace.
//! When that is looked at is as in Java, to the record: only while a record with key and value arrives at the head of
//! stream time, and only if the earliest record that may be waiting is out of reach for a record of the *arriving* side.
//! That earliest time is only an estimate: the one at which the last look ended, unless an earlier record came since. It
//! cannot be found out from the records that wait, so it is kept with the task's state, and a restarted task looks when
//! it would have without the restart.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::operators::{BuildError, NodeBuilder, StoreId};
use crate::record::Timestamp;
use crate::state::kinds::{Side, WaitingAt};
use crate::state::unmatched_rows::{ClosedBelow, ClosedRow, UnmatchedRows};
use crate::state::{FreshRows, StoreError, StoreView};
use crate::windows::{JoinSpan, WindowSizes};

/// What both sides of a join share.
pub(crate) struct Unjoined {
    rows: UnmatchedRows,
    stream_time: Rc<Cell<Timestamp>>,
    /// About the earliest time at which a record waits; unknown if none is known to wait. It survives restarts.
    earliest: Rc<Cell<Timestamp>>,
}

impl Unjoined {
    /// The one of a task.
    pub(super) fn of(builder: &mut NodeBuilder<'_>, store: StoreId) -> Result<Rc<RefCell<Self>>, BuildError> {
        builder.marked_store(store, |access, earliest| Self {
            rows: UnmatchedRows::new(access),
            stream_time: Rc::new(Cell::new(Timestamp::UNKNOWN)),
            earliest,
        })
    }

    /// Keeps stream time there.
    pub(super) fn keep_time_in(&mut self, stream_time: Rc<Cell<Timestamp>>) {
        self.stream_time = stream_time;
    }

    /// Advances stream time to a record's, and returns it.
    pub(super) fn advance(&self, timestamp: Timestamp) -> Timestamp {
        let stream_time = self.stream_time.get().max(timestamp);
        self.stream_time.set(stream_time);
        stream_time
    }

    /// The sizes of the windows in the keys.
    pub(super) const fn windows(&self) -> &WindowSizes {
        self.rows.windows()
    }

    /// Lets a record wait for a match.
    pub(super) fn wait(&mut self, at: WaitingAt<'_>, value: &[u8]) -> Result<(), StoreError> {
        let earliest = self.known_earliest().map_or(at.timestamp, |earliest| earliest.min(at.timestamp));
        self.earliest.set(Timestamp(earliest));
        self.rows.put(at, value)
    }

    /// The record at that place no longer waits, if it did.
    pub(super) fn match_found(&mut self, at: WaitingAt<'_>, now: Timestamp) -> Result<(), StoreError> {
        self.rows.match_found(at, now)
    }

    /// Whether records may have waited long enough, and if so, which. `span` is that of the side whose record has
    /// arrived.
    pub(super) fn look(&mut self, side: Side, span: JoinSpan) -> Result<Option<ClosedBelow>, StoreError> {
        let stream_time = self.stream_time.get().0;
        let closed_below = |reach: i64| stream_time.saturating_sub(reach).saturating_sub(span.grace_ms);
        if self.known_earliest().is_some_and(|earliest| earliest >= closed_below(span.after_ms)) {
            return Ok(None);
        }
        let (this, other) = (closed_below(span.after_ms), closed_below(span.before_ms));
        let closed = match side {
            Side::Left => ClosedBelow { left: this, right: other },
            Side::Right => ClosedBelow { left: other, right: this },
        };
        self.earliest.set(self.rows.looked_up_to(closed)?.map_or(Timestamp::UNKNOWN, Timestamp));
        Ok(Some(closed))
    }

    fn known_earliest(&self) -> Option<i64> {
        let earliest = self.earliest.get();
        (earliest != Timestamp::UNKNOWN).then_some(earliest.0)
    }

    /// As [`UnmatchedRows::closed`].
    pub(super) fn closed(
        &mut self,
        closed: ClosedBelow,
        except: Option<&ClosedRow>,
        rows_max: usize,
    ) -> Result<Vec<ClosedRow>, StoreError> {
        self.rows.closed(closed, except, rows_max)
    }

    /// As [`UnmatchedRows::joined_with_nothing`].
    pub(super) fn joined_with_nothing(&mut self, row: &ClosedRow, now: Timestamp) -> Result<(), StoreError> {
        self.rows.joined_with_nothing(row, now)
    }
}

impl StoreView for Unjoined {
    fn fresh_rows(&mut self) -> &mut dyn FreshRows {
        &mut self.rows
    }
}
