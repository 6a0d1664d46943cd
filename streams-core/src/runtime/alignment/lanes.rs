//! A partition of a repartition topic, as one lane of records per sender.
//!
//! The records of a sender are in its order, but those of different senders lie in the partition as they were written: one
//! sender may be hours of event time ahead of another. So they are put in order of time again. The oldest of the lanes'
//! first records is released once every sender whose lane is empty has said that it sends nothing older, or nothing that
//! is older by more than the bound; a sender that is at the end of its inputs, or silent for too long, is not waited for.
//!
//! What is processed is then no longer everything before some offset. A commit's position is the oldest offset that is
//! not processed, and how far each sender's records are is committed with it ([`KeptSender`]), so that none is processed
//! twice.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::time::Duration;

use crate::log::{BatchBuilder, RecordBatch, RecordRef};
use crate::operators::{Mark, MarkKind};
use crate::record::{Offset, TaskId, Timestamp};
use crate::runtime::offset_metadata::KeptSender;

/// The lanes of one partition.
pub(crate) struct Lanes {
    lanes: Vec<Lane>,
    numbers: HashMap<Option<TaskId>, usize>,
    /// Whether records wait for other senders. If not, they only lose their marks.
    is_waiting: bool,
    /// Everything before this offset has been read.
    read_to: Offset,
    /// What was released, in that order, as far as it may not be processed.
    released: VecDeque<Released>,
}

/// A record that was released.
#[derive(Debug, Clone, Copy)]
struct Released {
    lane: usize,
    offset: Offset,
    time: Timestamp,
}

/// The records of one sender.
struct Lane {
    /// `None` for records without a mark.
    sender: Option<TaskId>,
    /// The sender sends nothing older after what was read.
    time: Timestamp,
    is_idle: bool,
    was_heard: bool,
    heard_at: Option<Duration>,
    /// Whether others wait for this sender, as of the last release.
    is_awaited: bool,
    /// Its records before this offset are processed.
    done: Offset,
    waiting: VecDeque<RecordBatch>,
    cursor: usize,
}

impl Lane {
    fn new(sender: Option<TaskId>) -> Self {
        Self {
            sender,
            time: Timestamp::UNKNOWN,
            is_idle: sender.is_none(),
            was_heard: false,
            heard_at: None,
            is_awaited: false,
            done: Offset(0),
            waiting: VecDeque::new(),
            cursor: 0,
        }
    }

    fn head(&self) -> Option<RecordRef<'_>> {
        self.waiting.front()?.get(self.cursor)
    }

    fn drop_head(&mut self) {
        self.cursor += 1;
        if self.waiting.front().is_some_and(|batch| self.cursor >= batch.len()) {
            self.waiting.pop_front();
            self.cursor = 0;
        }
    }

    /// Decides whether others wait for this sender.
    fn look(&mut self, now: Duration, patience: Duration) {
        if std::mem::take(&mut self.was_heard) {
            self.heard_at = Some(now);
        }
        let heard_at = *self.heard_at.get_or_insert(now);
        self.is_awaited = !self.is_idle && now.saturating_sub(heard_at) < patience;
    }
}

impl Lanes {
    /// The lanes of a partition that is read from `position`, with what was committed with that. Without known senders,
    /// records only lose their marks.
    pub(crate) fn new(senders: Option<&[TaskId]>, position: Offset, kept: &[KeptSender]) -> Self {
        let mut lanes = Self {
            lanes: Vec::new(),
            numbers: HashMap::new(),
            is_waiting: senders.is_some(),
            read_to: position,
            released: VecDeque::new(),
        };
        for sender in senders.unwrap_or_default() {
            lanes.lane(Some(*sender));
        }
        for KeptSender { sender, time, is_idle, done } in kept {
            let number = lanes.lane(*sender);
            if let Some(lane) = lanes.lanes.get_mut(number) {
                (lane.time, lane.is_idle, lane.done) = (*time, *is_idle || lane.is_idle, *done);
            }
        }
        lanes
    }

    /// The number of a sender's lane. A sender that is not expected gets one, and is waited for only while it has records.
    fn lane(&mut self, sender: Option<TaskId>) -> usize {
        *self.numbers.entry(sender).or_insert_with(|| {
            self.lanes.push(Lane::new(sender));
            self.lanes.len() - 1
        })
    }

    /// Takes what was read.
    pub(crate) fn accept(&mut self, batch: &RecordBatch) {
        let mut sorted: BTreeMap<usize, BatchBuilder> = BTreeMap::new();
        for record in batch.iter() {
            let (headers, mark) = Mark::take_off(record.headers());
            let number = self.lane(mark.map(|mark| mark.sender));
            let Some(lane) = self.lanes.get_mut(number) else { continue };
            let kind = mark.map_or(MarkKind::Record, |mark| mark.kind);
            if let Some(mark) = mark {
                lane.time = lane.time.max(mark.time);
                (lane.is_idle, lane.was_heard) = (kind == MarkKind::Idle, true);
            }
            if kind == MarkKind::Record && record.offset >= lane.done {
                let RecordRef { offset, timestamp, key, value, .. } = record;
                sorted.entry(number).or_default().push(offset, timestamp, key, value, &headers);
            }
        }
        for (number, builder) in sorted {
            if let Some(lane) = self.lanes.get_mut(number) {
                lane.waiting.push_back(builder.finish(batch.next_offset()));
            }
        }
        self.read_to = self.read_to.max(batch.next_offset());
    }

    /// The partition was read to its end.
    pub(crate) fn reached_end(&mut self, position: Offset) {
        self.read_to = self.read_to.max(position);
    }

    /// Releases what needs not wait any more, in the order in which it is processed. `limit` adds the bound to a time, and
    /// `buffered` records that were released before are not processed yet.
    pub(crate) fn release(
        &mut self,
        now: Duration,
        patience: Duration,
        limit: impl Fn(Timestamp) -> Timestamp,
        buffered: usize,
    ) -> Option<RecordBatch> {
        self.lanes.iter_mut().for_each(|lane| lane.look(now, patience));
        let awaited = |lane: &Lane| (self.is_waiting && lane.is_awaited && lane.head().is_none()).then_some(lane.time);
        let mut slowest = self.lanes.iter().filter_map(awaited).min();
        let heads = self.lanes.iter().enumerate();
        let mut next: BinaryHeap<_> =
            heads.filter_map(|(number, lane)| Some(Reverse((lane.head()?.timestamp, number)))).collect();
        self.released.drain(..self.released.len().saturating_sub(buffered));
        let mut builder = BatchBuilder::default();
        while let Some(Reverse((time, number))) = next.pop() {
            let Some(lane) = self.lanes.get_mut(number) else { break };
            if slowest.is_some_and(|slowest| time > limit(slowest)) {
                break;
            }
            let Some(record) = lane.head() else { break };
            builder.push_copy(&record);
            self.released.push_back(Released { lane: number, offset: record.offset, time });
            lane.drop_head();
            match lane.head() {
                Some(record) => next.push(Reverse((record.timestamp, number))),
                None if self.is_waiting && lane.is_awaited => slowest = slowest.into_iter().chain([lane.time]).min(),
                None => {}
            }
        }
        (!builder.is_empty()).then(|| builder.finish(self.read_to))
    }

    /// Nothing older than this comes out from now on; `None` if there is nothing to wait for.
    pub(crate) fn floor(&self) -> Option<Timestamp> {
        let of_lane = |lane: &Lane| match lane.head() {
            Some(record) => Some(record.timestamp),
            None => lane.is_awaited.then_some(lane.time),
        };
        self.lanes.iter().filter_map(of_lane).min().filter(|_| self.is_waiting)
    }

    /// Whether records wait only to lose their marks.
    pub(crate) const fn releases_at_once(&self) -> bool {
        !self.is_waiting
    }

    /// The number of records that wait.
    pub(crate) fn waiting(&self) -> usize {
        let of_lane = |lane: &Lane| lane.waiting.iter().map(RecordBatch::len).sum::<usize>() - lane.cursor;
        self.lanes.iter().map(of_lane).sum()
    }

    /// The first record of each lane that is not processed, if `buffered` of those that were released are not.
    fn unprocessed(&self, buffered: usize) -> Vec<Option<(Offset, Timestamp)>> {
        let head = |lane: &Lane| lane.head().map(|record| (record.offset, record.timestamp));
        let mut first: Vec<_> = self.lanes.iter().map(head).collect();
        for Released { lane, offset, time } in self.released.iter().rev().take(buffered) {
            if let Some(first) = first.get_mut(*lane) {
                *first = Some((*offset, *time));
            }
        }
        first
    }

    /// The offset before which everything is processed.
    pub(crate) fn position(&self, buffered: usize) -> Offset {
        let unprocessed = self.unprocessed(buffered).into_iter().flatten().map(|(offset, _)| offset);
        unprocessed.min().unwrap_or(self.read_to)
    }

    /// What has to be kept with the position.
    pub(crate) fn kept(&self, buffered: usize) -> Vec<KeptSender> {
        let of_lane = |(lane, first): (&Lane, Option<(Offset, Timestamp)>)| {
            let Some((offset, time)) = first else {
                let (time, is_idle) = (lane.time, lane.is_idle);
                return KeptSender { sender: lane.sender, time, is_idle, done: self.read_to.max(lane.done) };
            };
            KeptSender { sender: lane.sender, time: lane.time.min(time), is_idle: false, done: offset }
        };
        self.lanes.iter().zip(self.unprocessed(buffered)).map(of_lane).collect()
    }

    /// Forgets what is not processed: it is read again from the position.
    pub(crate) fn clear(&mut self, buffered: usize) {
        let (position, kept) = (self.position(buffered), self.kept(buffered));
        self.released.clear();
        for (lane, KeptSender { time, is_idle, done, .. }) in self.lanes.iter_mut().zip(kept) {
            let is_idle = is_idle || lane.sender.is_none();
            let sender = Lane { time, is_idle, done, heard_at: None, ..Lane::new(lane.sender) };
            *lane = sender;
        }
        self.read_to = position;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operators::Mark;
    use crate::record::{Headers, Partition};

    const A: TaskId = TaskId { subtopology: 0, partition: Partition(0) };
    const B: TaskId = TaskId { subtopology: 0, partition: Partition(1) };
    const PATIENCE: Duration = Duration::from_secs(30);

    /// `sender`, kind of mark, time of the mark, and time of the record.
    type Sent = (TaskId, MarkKind, i64, i64);

    const fn record(sender: TaskId, time: i64) -> Sent {
        (sender, MarkKind::Record, time, time)
    }

    fn batch(first: i64, sent: &[Sent]) -> RecordBatch {
        let mut builder = BatchBuilder::default();
        for (offset, (sender, kind, time, own)) in (first..).zip(sent) {
            let mark = Mark { sender: *sender, kind: *kind, time: Timestamp(*time) };
            let headers: Headers = [mark.header()].into_iter().collect();
            builder.push(Offset(offset), Timestamp(*own), Some(b"k"), Some(b"v"), &headers);
        }
        builder.finish(Offset(first + sent.len() as i64))
    }

    fn lanes() -> Lanes {
        Lanes::new(Some(&[A, B]), Offset(0), &[])
    }

    /// The times of the records that come out, if `bound` is added to a time.
    fn released(lanes: &mut Lanes, at_s: u64, bound: i64, buffered: usize) -> Vec<i64> {
        let limit = |time: Timestamp| Timestamp(time.0 + bound);
        let batch = lanes.release(Duration::from_secs(at_s), PATIENCE, limit, buffered);
        batch.iter().flat_map(RecordBatch::iter).map(|record| record.timestamp.0).collect()
    }

    #[test]
    fn records_come_out_in_the_order_of_their_times_and_without_their_marks() {
        let mut lanes = lanes();
        lanes.accept(&batch(0, &[record(A, 10), record(A, 40), record(B, 5), record(B, 20), record(A, 50)]));
        let out = lanes.release(Duration::ZERO, PATIENCE, |time| time, 0).expect("some");
        let out: Vec<_> = out.iter().map(|record| (record.offset.0, record.timestamp.0, record.headers())).collect();
        // B is at 20, and may send another record of that time or later.
        assert_eq!(out, [(2, 5), (0, 10), (3, 20)].map(|(offset, time)| (offset, time, Headers::new())));
        assert_eq!((lanes.waiting(), lanes.floor()), (2, Some(Timestamp(20))));
    }

    #[test]
    fn a_record_waits_until_no_sender_sends_older_ones_beyond_the_bound() {
        for (bound, told, expected) in [
            (0, (B, MarkKind::TimeOnly, 99, 0), vec![]),
            (0, (B, MarkKind::TimeOnly, 100, 0), vec![100]),
            (50, (B, MarkKind::TimeOnly, 49, 0), vec![]),
            (50, (B, MarkKind::TimeOnly, 50, 0), vec![100]),
            (0, (B, MarkKind::Idle, 7, 0), vec![100]),
        ] {
            let mut lanes = lanes();
            lanes.accept(&batch(0, &[record(A, 100)]));
            assert_eq!(released(&mut lanes, 0, bound, 0), [0_i64; 0], "nothing is known of B");
            lanes.accept(&batch(1, &[told]));
            assert_eq!(released(&mut lanes, 1, bound, 0), expected, "{bound} {told:?}");
        }
    }

    #[test]
    fn nobody_waits_for_ever_for_a_sender_that_is_silent() {
        let mut lanes = lanes();
        lanes.accept(&batch(0, &[record(B, 1), record(A, 100)]));
        assert_eq!(released(&mut lanes, 0, 0, 0), [1]);
        assert_eq!(released(&mut lanes, 29, 0, 0), [0_i64; 0]);
        lanes.accept(&batch(2, &[(B, MarkKind::TimeOnly, 1, 0)]));
        assert_eq!(released(&mut lanes, 30, 0, 0), [0_i64; 0], "it is still there");
        assert_eq!(released(&mut lanes, 59, 0, 0), [0_i64; 0]);
        assert_eq!(released(&mut lanes, 60, 0, 0), [100]);
        assert_eq!(lanes.floor(), None);
    }

    #[test]
    fn what_is_processed_out_of_turn_is_not_processed_again() {
        let sent = [record(A, 10), record(A, 40), record(B, 5), record(B, 20), record(A, 50), record(B, 60)];
        for processed in 0..=5 {
            let mut first = lanes();
            first.accept(&batch(0, &sent));
            let out = released(&mut first, 0, 0, 0);
            assert_eq!(out, [5, 10, 20, 40, 50]);
            let left = out.len() - processed;
            let (position, kept) = (first.position(left), first.kept(left));
            assert_eq!(position.0, [0, 0, 1, 1, 4, 5][processed], "{processed}");
            first.clear(left);
            let reopened = Lanes::new(Some(&[A, B]), position, &kept);
            for mut again in [first, reopened] {
                assert_eq!((again.position(0), again.waiting()), (position, 0));
                let rest = usize::try_from(position.0).expect("an offset");
                again.accept(&batch(position.0, &sent[rest..]));
                assert_eq!(released(&mut again, 0, 0, 0), out[processed..], "{processed}");
            }
        }
    }

    #[test]
    fn records_without_marks_only_have_to_be_in_order() {
        let mut lanes = lanes();
        let mut builder = BatchBuilder::default();
        let mut own = Headers::new();
        own.push("a", "1");
        for (offset, time) in [(0, 7), (1, 8)] {
            builder.push(Offset(offset), Timestamp(time), None, None, &own);
        }
        lanes.accept(&builder.finish(Offset(2)));
        lanes.accept(&batch(2, &[record(B, 3), (A, MarkKind::Idle, 0, 0)]));
        assert_eq!(released(&mut lanes, 0, 0, 0), [3]);
        lanes.accept(&batch(4, &[(B, MarkKind::Idle, 3, 0)]));
        let out = lanes.release(Duration::ZERO, PATIENCE, |time| time, 0).expect("some");
        assert_eq!(out.iter().map(|record| record.headers()).collect::<Vec<_>>(), [own.clone(), own]);
        assert_eq!(lanes.position(0), Offset(5));
    }

    #[test]
    fn without_alignment_marks_are_still_taken_off() {
        let kept = KeptSender { sender: Some(A), time: Timestamp(5), is_idle: false, done: Offset(2) };
        let mut lanes = Lanes::new(None, Offset(0), &[kept]);
        lanes.accept(&batch(0, &[record(B, 9), record(A, 1), record(A, 6), (B, MarkKind::Idle, 9, 0)]));
        assert_eq!(released(&mut lanes, 0, 0, 0), [6, 9]);
        assert_eq!((lanes.floor(), lanes.position(0)), (None, Offset(4)));
    }
}
