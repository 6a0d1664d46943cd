//! A partition that a sink carries: what has arrived and is not written yet.

use std::collections::{BTreeSet, VecDeque};

use streams_core::log::{RecordBatch, RecordRef};
use streams_core::record::Offset;

/// When so many records wait, no more are fetched until half of them are written.
const WAITING_MAX: usize = 10_000;

/// Or so many bytes: a target that is away for long must not fill the memory.
const WAITING_BYTES_MAX: usize = 16 << 20;

/// A partition that the target has taken over.
pub(super) struct Share {
    /// The target has everything before this.
    from: Offset,
    waiting: VecDeque<RecordBatch>,
    records: usize,
    bytes: usize,
    /// Records that the target has refused, and that are not passed yet.
    refused: BTreeSet<Offset>,
    is_paused: bool,
    /// The position that the group has.
    committed: Option<Offset>,
}

/// Whether a partition should be fetched.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Flow {
    Pause,
    Resume,
}

impl Share {
    pub(super) fn new(from: Offset) -> Self {
        let (waiting, refused) = (VecDeque::new(), BTreeSet::new());
        Self { from, waiting, records: 0, bytes: 0, refused, is_paused: false, committed: None }
    }

    pub(super) const fn from(&self) -> Offset {
        self.from
    }

    /// More has arrived.
    pub(super) fn add(&mut self, batch: RecordBatch) {
        self.records += batch.len();
        self.bytes += batch.iter().map(|record| record.size()).sum::<usize>();
        self.waiting.push_back(batch);
    }

    /// What to write next, and the offset after it; `None` if nothing waits.
    pub(super) fn next(&self, records_max: usize) -> Option<(Vec<RecordRef<'_>>, Offset)> {
        let last = self.waiting.back()?.next_offset();
        let mut records: Vec<RecordRef<'_>> =
            self.waiting.iter().flat_map(RecordBatch::iter).take(records_max).collect();
        let next = if records.len() < self.records {
            records.last().map_or(last, |record| record.offset.next())
        } else {
            last
        };
        records.retain(|record| !self.refused.contains(&record.offset));
        Some((records, next))
    }

    /// The target has everything before `next`.
    pub(super) fn advance(&mut self, next: Offset) {
        self.from = next;
        self.refused = self.refused.split_off(&next);
        while let Some(batch) = self.waiting.pop_front() {
            let (mut passed, mut bytes) = (0, 0);
            for record in batch.iter().take_while(|record| record.offset < next) {
                passed += 1;
                bytes += record.size();
            }
            self.records = self.records.saturating_sub(passed);
            self.bytes = self.bytes.saturating_sub(bytes);
            if batch.next_offset() > next {
                self.waiting.push_front(batch.skip(passed));
                break;
            }
        }
    }

    /// Leaves a record out. Returns false if it was left out before, so that whoever refuses it again is not asked for ever.
    pub(super) fn leave_out(&mut self, offset: Offset) -> bool {
        self.refused.insert(offset)
    }

    /// The record at that place, if it waits.
    pub(super) fn record(&self, offset: Offset) -> Option<RecordRef<'_>> {
        self.waiting.iter().flat_map(RecordBatch::iter).find(|record| record.offset == offset)
    }

    /// Whether fetching should stop or go on, if that changes.
    pub(super) fn flow(&mut self) -> Option<Flow> {
        let part = if self.is_paused { 2 } else { 1 };
        let should_pause = self.records >= WAITING_MAX / part || self.bytes >= WAITING_BYTES_MAX / part;
        let changes = should_pause != self.is_paused;
        self.is_paused = should_pause;
        changes.then_some(if should_pause { Flow::Pause } else { Flow::Resume })
    }

    /// The position that the group should hear of, if it does not know it.
    pub(super) fn uncommitted(&self) -> Option<Offset> {
        (self.committed != Some(self.from)).then_some(self.from)
    }

    pub(super) const fn has_committed(&mut self, offset: Offset) {
        self.committed = Some(offset);
    }
}

#[cfg(test)]
mod tests {
    use streams_core::log::{BatchBuilder, RecordBatch};
    use streams_core::record::{Headers, Offset, Timestamp};

    use super::{Flow, Share, WAITING_BYTES_MAX, WAITING_MAX};

    /// Records at these offsets, and markers up to `next`.
    fn batch(offsets: std::ops::Range<i64>, next: i64) -> RecordBatch {
        let mut builder = BatchBuilder::default();
        for offset in offsets {
            builder.push(Offset(offset), Timestamp(0), None, Some(b"v"), &Headers::new());
        }
        builder.finish(Offset(next))
    }

    fn next(share: &Share, max: usize) -> Option<(Vec<i64>, i64)> {
        share.next(max).map(|(records, next)| (records.iter().map(|record| record.offset.0).collect(), next.0))
    }

    #[test]
    fn records_are_written_in_batches_across_what_has_arrived_and_markers_are_passed() {
        let mut share = Share::new(Offset(3));
        assert_eq!(next(&share, 2), None);
        share.add(batch(3..5, 6));
        share.add(batch(6..9, 10));
        assert_eq!(next(&share, 3), Some((vec![3, 4, 6], 7)));
        share.advance(Offset(7));
        assert_eq!(share.from(), Offset(7));
        assert_eq!(next(&share, 3), Some((vec![7, 8], 10)), "the marker after the last record is passed with it");
        share.advance(Offset(10));
        assert_eq!(next(&share, 3), None);
        share.add(batch(10..10, 12));
        assert_eq!(next(&share, 3), Some((vec![], 12)), "a transaction without records moves the position");
    }

    #[test]
    fn what_was_refused_is_left_out_and_its_place_is_passed() {
        let mut share = Share::new(Offset(0));
        share.add(batch(0..3, 3));
        assert!(share.leave_out(Offset(1)));
        assert!(!share.leave_out(Offset(1)));
        assert_eq!(next(&share, 10), Some((vec![0, 2], 3)));
        share.advance(Offset(3));
        assert!(share.leave_out(Offset(1)), "it is forgotten once it is passed");
    }

    #[test]
    fn fetching_stops_when_much_waits_and_goes_on_when_half_of_it_is_written() {
        let mut share = Share::new(Offset(0));
        let max = i64::try_from(WAITING_MAX).expect("small");
        share.add(batch(0..max, max));
        assert_eq!(share.flow(), Some(Flow::Pause));
        assert_eq!(share.flow(), None);
        share.advance(Offset(max / 2));
        assert_eq!(share.flow(), None);
        share.advance(Offset(max / 2 + 1));
        assert_eq!(share.flow(), Some(Flow::Resume));
    }

    #[test]
    fn fetching_also_stops_when_what_waits_is_large() {
        let mut share = Share::new(Offset(0));
        let value = vec![0; WAITING_BYTES_MAX / 4];
        for offset in 0..4 {
            let mut builder = BatchBuilder::default();
            builder.push(Offset(offset), Timestamp(0), None, Some(&value), &Headers::new());
            share.add(builder.finish(Offset(offset + 1)));
        }
        assert_eq!(share.flow(), Some(Flow::Pause));
        share.advance(Offset(2));
        assert_eq!(share.flow(), None);
        share.advance(Offset(3));
        assert_eq!(share.flow(), Some(Flow::Resume));
    }

    #[test]
    fn the_group_hears_of_each_position_once() {
        let mut share = Share::new(Offset(5));
        assert_eq!(share.uncommitted(), Some(Offset(5)));
        share.has_committed(Offset(5));
        assert_eq!(share.uncommitted(), None);
    }
}
