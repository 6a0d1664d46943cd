//! A task's input: the records that are fetched but not yet processed, and which of them comes next.
//!
//! Among the first records of all partitions, the one with the smallest timestamp comes next, so that joined inputs
//! advance together. An empty partition may still have records that are not fetched yet: the task waits until its end
//! has been reached, and then for `max.task.idle.ms` (KIP-353, KIP-695).
//!
//! Which time a record has is decided when it becomes the first one of its partition: its own timestamp, what a policy says,
//! or what the source extracts from it. A record that has none comes first, so that it is skipped at once, and so does one that
//! is refused because it is too far ahead of the clock: nobody waits until that time comes, nor hears that it has.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::buffered_bytes::{BufferedBytes, Share};
use super::parking::Parking;
use crate::log::{RecordBatch, RecordRef};
use crate::operators::{InputMeter, Mark, OperatorError, SourceNode};
use crate::record::{Offset, Timestamp, TopicPartition};
use crate::runtime::alignment::Lanes;
use crate::runtime::offset_metadata::KeptSender;
use crate::runtime::settings::{ErrorSettings, OnFuture};
use crate::runtime::worker::{LostPosition, panic_message};
use crate::topic::TimestampPolicy;

/// One input partition of a task.
pub(crate) struct Input {
    pub(crate) partition: TopicPartition,
    pub(crate) source: Rc<RefCell<dyn SourceNode>>,
    /// The next offset to process, which a commit stores.
    pub(crate) position: Offset,
    /// The position in the last commit.
    pub(crate) committed: Offset,
    /// The committed position that is noted beside the state, as far as this task has noted it.
    pub(super) noted: Option<Offset>,
    /// The metadata in the last commit.
    pub(crate) committed_metadata: String,
    /// Set if the log does not have the position to read from.
    pub(crate) lost: Option<LostPosition>,
    /// The largest timestamp processed.
    pub(crate) partition_time: Timestamp,
    /// Whether the topic is the application's own.
    pub(crate) is_internal: bool,
    /// Whether reading of this partition is paused.
    pub(crate) paused: bool,
    /// What is counted of its records, and the node that reads them.
    pub(super) meter: InputMeter,
    pub(super) node: Arc<str>,
    batches: VecDeque<RecordBatch>,
    cursor: usize,
    /// What comes behind the buffered records, if that is known to be no record.
    end_behind: Option<Offset>,
    buffered: usize,
    bytes: Share,
    caught_up: bool,
    empty_since: Option<Duration>,
    /// Since when it is empty although there are more records, as far as anybody has asked.
    lacking_since: Option<Duration>,
    timing: Timing,
    /// How far ahead of the clock its records may be, and what becomes of others.
    future: Option<(Duration, OnFuture)>,
    /// The time of the next record, once it is known, where it is not simply the record's own.
    next_time: Option<Result<Timestamp, OperatorError>>,
    /// Records come out of these first, if they are aligned.
    lanes: Option<Box<Lanes>>,
    /// Set if its records have to wait until they are due.
    parking: Option<Box<Parking>>,
}

/// Where the records' times come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Timing {
    Policy(TimestampPolicy),
    /// The source extracts them.
    Extracted,
}

/// Where reading of an input starts.
pub(crate) struct StartPosition {
    pub(crate) partition: TopicPartition,
    pub(crate) position: Offset,
    /// The metadata committed with the position; empty if there was none.
    pub(crate) committed_metadata: String,
    /// The largest timestamp processed so far.
    pub(crate) partition_time: Timestamp,
    /// Whether the topic is the application's own.
    pub(crate) is_internal: bool,
}

impl Input {
    /// `timestamps` applies unless the source extracts times itself.
    pub(crate) fn new(source: Rc<RefCell<dyn SourceNode>>, start: StartPosition, timestamps: TimestampPolicy) -> Self {
        let extracting = source.borrow().extracting();
        let timing = extracting.as_ref().map_or(Timing::Policy(timestamps), |_| Timing::Extracted);
        let source = extracting.unwrap_or(source);
        let StartPosition { partition, position, committed_metadata, partition_time, is_internal } = start;
        Self {
            partition,
            source,
            position,
            committed: position,
            noted: None,
            committed_metadata,
            lost: None,
            partition_time,
            is_internal,
            paused: false,
            meter: InputMeter::default(),
            node: Arc::default(),
            batches: VecDeque::new(),
            cursor: 0,
            end_behind: None,
            buffered: 0,
            bytes: Share::default(),
            caught_up: false,
            empty_since: None,
            lacking_since: None,
            timing,
            future: None,
            next_time: None,
            lanes: None,
            parking: None,
        }
    }

    /// Lets records of a retry topic wait until they are due, which they are after that time.
    pub(super) fn parked_for(self, delay: Option<Duration>) -> Self {
        Self { parking: delay.map(|delay| Box::new(Parking::of(delay))), ..self }
    }

    /// Says what becomes of records that are ahead of the clock. Those that the application's own tasks send are not looked at.
    pub(super) fn guarded(self, settings: &ErrorSettings) -> Self {
        let max = settings.future_max.filter(|_| !self.is_internal);
        Self { future: max.map(|max| (max, settings.future)), ..self }
    }

    /// How far a record's time is ahead of the clock and how far it may be, if that is too far.
    pub(super) fn too_far_ahead(&self, time: Timestamp, wall_clock: Timestamp) -> Option<(Duration, Duration)> {
        let (max, _) = self.future?;
        let ahead = u64::try_from(time.0.saturating_sub(wall_clock.0)).map(Duration::from_millis).ok()?;
        (ahead > max).then_some((ahead, max))
    }

    /// The name of the node that reads it.
    pub(super) fn read_by(self, node: &Arc<str>) -> Self {
        Self { node: Arc::clone(node), ..self }
    }

    /// Counts the buffer's bytes among those of others.
    pub(super) fn counted_in(self, all: &BufferedBytes) -> Self {
        Self { bytes: Share::of(all), ..self }
    }

    /// Puts records in order before they are buffered.
    pub(super) fn in_lanes(self, lanes: Option<Lanes>) -> Self {
        Self { lanes: lanes.map(Box::new), ..self }
    }

    /// Adds fetched records.
    pub(crate) fn push(&mut self, batch: RecordBatch) {
        self.caught_up = false;
        if self.lanes.is_none() && self.is_internal && batch.iter().any(|record| Mark::may_be_on(&record)) {
            self.take_off_marks();
        }
        match &mut self.lanes {
            None => self.buffer(batch),
            Some(lanes) => {
                lanes.accept(&batch);
                if lanes.releases_at_once() {
                    self.release(Duration::ZERO, Duration::ZERO, |time| time);
                }
            }
        }
    }

    /// Another instance aligns event time, and this one does not. Its marks are no headers of the application, and what
    /// carries nothing else is no record.
    fn take_off_marks(&mut self) {
        tracing::warn!(
            partition = %self.partition,
            "other instances align event time, and this one does not: set event.time.alignment in all of them, or in none"
        );
        let mut lanes = Lanes::new(None, self.position, &[]);
        let cursor = std::mem::take(&mut self.cursor);
        for (number, batch) in std::mem::take(&mut self.batches).into_iter().enumerate() {
            lanes.accept(&batch.skip(if number == 0 { cursor } else { 0 }));
        }
        self.end_behind = None;
        self.buffered = 0;
        self.bytes.clear();
        self.next_time = None;
        self.lanes = Some(Box::new(lanes));
    }

    /// Buffers the records that need not wait for others any more. As for the parameters, see [`Lanes::release`].
    pub(super) fn release(&mut self, now: Duration, patience: Duration, limit: impl Fn(Timestamp) -> Timestamp) {
        let buffered = self.buffered;
        if let Some(released) = self.lanes.as_mut().and_then(|lanes| lanes.release(now, patience, limit, buffered)) {
            self.buffer(released);
        }
    }

    fn buffer(&mut self, batch: RecordBatch) {
        if batch.is_empty() {
            self.pass(batch.next_offset());
            return;
        }
        self.end_behind = None;
        self.empty_since = None;
        self.buffered += batch.len();
        self.bytes.add(batch.size());
        self.batches.push_back(batch);
    }

    /// Call this when the partition's end was reached at `position`.
    pub(crate) fn reached_end(&mut self, position: Offset) {
        self.caught_up = true;
        if let Some(lanes) = &mut self.lanes {
            lanes.reached_end(position);
        }
        self.pass(position);
    }

    /// There are no records between those in the buffer and this position, only what is none, such as markers.
    fn pass(&mut self, position: Offset) {
        if self.batches.is_empty() {
            self.position = self.position.max(position);
        } else {
            self.end_behind = self.end_behind.max(Some(position));
        }
    }

    /// The number of records in the buffer.
    pub(crate) const fn buffered(&self) -> usize {
        self.buffered
    }

    /// The number of records that are fetched and not processed.
    pub(crate) fn fetched(&self) -> usize {
        self.buffered + self.lanes.as_ref().map_or(0, |lanes| lanes.waiting())
    }

    /// The position that a commit stores, and where reading starts. Behind it, records may be processed already.
    pub(crate) fn position_to_commit(&self) -> Offset {
        self.lanes.as_ref().map_or(self.position, |lanes| lanes.position(self.buffered))
    }

    /// What is stored with the position.
    pub(super) fn senders_to_commit(&self) -> Vec<KeptSender> {
        self.lanes.as_ref().map_or_else(Vec::new, |lanes| lanes.kept(self.buffered))
    }

    /// The earliest time of a record that may still come out of the lanes, if anybody waits for that.
    pub(super) fn floor(&self) -> Option<Timestamp> {
        self.lanes.as_ref()?.floor()
    }

    /// Drops what was fetched; reading continues from the position.
    pub(crate) fn clear(&mut self) {
        if let Some(lanes) = &mut self.lanes {
            lanes.clear(self.buffered);
        }
        self.batches.clear();
        self.cursor = 0;
        self.end_behind = None;
        self.buffered = 0;
        self.bytes.clear();
        self.caught_up = false;
        self.empty_since = None;
        self.lacking_since = None;
        self.paused = false;
        self.lost = None;
        self.next_time = None;
    }

    /// Whether the next record is one of a retry topic that is not due.
    #[inline]
    pub(crate) fn waits(&mut self, wall_clock: Timestamp) -> bool {
        let Some(parking) = &mut self.parking else { return false };
        let next = self.batches.front().and_then(|batch| batch.get(self.cursor));
        next.is_some_and(|record| parking.waits(&record, wall_clock))
    }

    /// When the next record is due, if it is not yet.
    pub(crate) fn due(&self, wall_clock: Timestamp) -> Option<Timestamp> {
        self.parking.as_ref()?.due(&self.head()?).filter(|due| *due > wall_clock)
    }

    /// The next record.
    pub(crate) fn head(&self) -> Option<RecordRef<'_>> {
        self.batches.front()?.get(self.cursor)
    }

    /// The time of the next record, if it is not simply the record's own; an error if it cannot be extracted.
    #[inline]
    pub(crate) fn decided_time(&mut self, wall_clock: Timestamp) -> Option<Result<Timestamp, OperatorError>> {
        match self.timing {
            Timing::Policy(TimestampPolicy::Fail | TimestampPolicy::Skip) => None,
            _ => self.decide_time(wall_clock),
        }
    }

    /// Decides once, when the record becomes the next one.
    fn decide_time(&mut self, wall_clock: Timestamp) -> Option<Result<Timestamp, OperatorError>> {
        if self.next_time.is_none() {
            let record = self.batches.front()?.get(self.cursor)?;
            self.next_time = Some(match self.timing {
                Timing::Extracted => {
                    let (source, partition_time) = (&self.source, self.partition_time);
                    // Not left to the worker, who would blame the record that was processed last.
                    catch_unwind(AssertUnwindSafe(|| source.borrow_mut().extract(record, partition_time)))
                        .unwrap_or_else(|panic| {
                            Err(OperatorError::Panic { node: None, message: panic_message(&*panic) })
                        })
                }
                Timing::Policy(TimestampPolicy::WallClock) => Ok(wall_clock),
                // As long as no time is known, the record's own is as invalid as it was.
                Timing::Policy(_) if record.timestamp.0 >= 0 || self.partition_time == Timestamp::UNKNOWN => {
                    Ok(record.timestamp)
                }
                Timing::Policy(_) => Ok(self.partition_time),
            });
        }
        self.next_time.clone()
    }

    /// The time by which the next record is chosen. One that cannot be processed comes first; one that has to wait, not at
    /// all.
    #[inline]
    pub(super) fn order(&mut self, wall_clock: Timestamp) -> Option<Timestamp> {
        if self.waits(wall_clock) {
            return None;
        }
        let time = match self.decided_time(wall_clock) {
            None => self.head()?.timestamp,
            Some(time) => time.unwrap_or(Timestamp::UNKNOWN),
        };
        Some(match (self.future, self.too_far_ahead(time, wall_clock)) {
            (Some((_, OnFuture::Clamp)), Some(_)) => wall_clock,
            (_, Some(_)) => Timestamp::UNKNOWN,
            (_, None) => time,
        })
    }

    /// Whether records with negative timestamps are skipped, whatever the application's settings say.
    pub(crate) const fn skips_negative_timestamps(&self) -> bool {
        matches!(self.timing, Timing::Policy(TimestampPolicy::Skip) | Timing::Extracted)
    }

    /// Call this when the next record was processed at that time.
    pub(crate) fn advance(&mut self, time: Timestamp) {
        self.partition_time = self.partition_time.max(time);
        self.skip();
    }

    /// Call this when the next record is skipped on purpose. Its timestamp does not advance stream time.
    pub(crate) fn skip(&mut self) {
        self.next_time = None;
        let Some(batch) = self.batches.front() else { return };
        if let Some(record) = batch.get(self.cursor) {
            self.position = record.offset.next();
        }
        self.cursor += 1;
        self.buffered = self.buffered.saturating_sub(1);
        if self.cursor >= batch.len() {
            self.position = self.position.max(batch.next_offset());
            self.bytes.remove(batch.size());
            self.batches.pop_front();
            self.cursor = 0;
            if let Some(end) = self.end_behind.take_if(|_| self.batches.is_empty()) {
                self.position = self.position.max(end);
            }
        }
    }

    /// How far the partition is in event time when its next record is processed; `None` if there is no record.
    pub(super) fn reached(&mut self, wall_clock: Timestamp) -> Option<Timestamp> {
        let next = self.order(wall_clock)?;
        self.lacking_since = None;
        Some(next.max(self.partition_time))
    }

    /// How far the partition's records are before the next ones: nothing older comes. `None` if nobody has to wait.
    pub(super) fn promises(&mut self, now: Duration, wall_clock: Timestamp, patience: Duration) -> Option<Timestamp> {
        match (self.reached(wall_clock), self.floor()) {
            (Some(head), Some(floor)) => Some(head.min(floor)),
            (None, None) => self.is_on_its_way(now, patience).then_some(self.partition_time),
            (head, floor) => head.or(floor),
        }
    }

    /// As [`Input::is_on_its_way`], for others in the same process: they see what waits for its senders themselves.
    pub(super) fn holds_others_up(&mut self, now: Duration, patience: Duration) -> bool {
        self.lanes.is_none() && self.is_on_its_way(now, patience)
    }

    /// Whether there are more records that have not arrived, as far as is known and for no longer than `patience`.
    pub(super) fn is_on_its_way(&mut self, now: Duration, patience: Duration) -> bool {
        if self.buffered > 0 || self.caught_up || self.parking.is_some() {
            self.lacking_since = None;
            return false;
        }
        let since = *self.lacking_since.get_or_insert(now);
        now.saturating_sub(since) < patience
    }

    /// Whether the task has to wait for this partition.
    fn holds_up(&mut self, now: Duration, idle: Option<Duration>) -> bool {
        // What is handled again is late in any case.
        if self.buffered > 0 || self.parking.is_some() {
            return false;
        }
        let Some(idle) = idle else { return false };
        if !self.caught_up {
            return true;
        }
        let since = *self.empty_since.get_or_insert(now);
        now.saturating_sub(since) < idle
    }
}

/// The index of the input whose record comes next; `None` if there is no record or the task has to wait.
pub(crate) fn next_input(
    inputs: &mut [Input],
    now: Duration,
    idle: Option<Duration>,
    wall_clock: Timestamp,
) -> Option<usize> {
    if let [only] = inputs {
        return (only.buffered > 0 && !only.waits(wall_clock)).then_some(0);
    }
    let mut next: Option<(Timestamp, usize)> = None;
    for (index, input) in inputs.iter_mut().enumerate() {
        if let Some(time) = input.order(wall_clock)
            && next.is_none_or(|(smallest, _)| time < smallest)
        {
            next = Some((time, index));
        }
    }
    let (_, index) = next?;
    // Check every input, not just up to the first that holds the task up, because each records since when it has been
    // empty.
    let held_up = inputs.iter_mut().filter_map(|input| input.holds_up(now, idle).then_some(())).count();
    (held_up == 0).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::BatchBuilder;
    use crate::operators::Context;
    use crate::operators::MarkKind;
    use crate::record::{Headers, Partition, TaskId};

    struct Nowhere;

    impl SourceNode for Nowhere {
        fn process(&mut self, _: &mut Context, _: RecordRef<'_>) -> Result<(), OperatorError> {
            Ok(())
        }
    }

    fn start(topic: &str) -> StartPosition {
        StartPosition {
            partition: TopicPartition::new(topic, 0),
            position: Offset(0),
            committed_metadata: String::new(),
            partition_time: Timestamp::UNKNOWN,
            is_internal: false,
        }
    }

    fn input(topic: &str) -> Input {
        Input::new(Rc::new(RefCell::new(Nowhere)), start(topic), TimestampPolicy::Fail)
    }

    fn batch(first: i64, timestamps: &[i64], next: i64) -> RecordBatch {
        let mut builder = BatchBuilder::default();
        for (offset, timestamp) in (first..).zip(timestamps) {
            builder.push(Offset(offset), Timestamp(*timestamp), None, None, &Headers::new());
        }
        builder.finish(Offset(next))
    }

    fn order(inputs: &mut [Input]) -> Vec<(usize, i64)> {
        let mut order = Vec::new();
        while let Some(index) = next(inputs, Duration::ZERO, Some(Duration::ZERO)) {
            let time = inputs[index].order(NOW).expect("a record");
            order.push((index, time.0));
            inputs[index].advance(time);
        }
        order
    }

    /// The wall clock.
    const NOW: Timestamp = Timestamp(1_000);

    fn next(inputs: &mut [Input], now: Duration, idle: Option<Duration>) -> Option<usize> {
        next_input(inputs, now, idle, NOW)
    }

    /// An input with that policy that has records with these timestamps and no others.
    fn timed(policy: TimestampPolicy, timestamps: &[i64]) -> Input {
        let mut input = Input::new(Rc::new(RefCell::new(Nowhere)), start("a"), policy);
        let end = i64::try_from(timestamps.len()).expect("a few");
        input.push(batch(0, timestamps, end));
        input.reached_end(Offset(end));
        input
    }

    /// Regression: a task that was about to refuse such a record told others that it had come as far as that.
    #[test]
    fn a_record_of_the_far_future_comes_at_once_or_with_the_clocks_time() {
        let allowing =
            |future| ErrorSettings { future_max: Some(Duration::from_millis(100)), future, ..ErrorSettings::default() };
        for (settings, own, expected) in [
            (ErrorSettings::default(), [3, 5_000, 4], "2 3 6 5000 4"),
            (allowing(OnFuture::DeadLetter), [3, 5_000, 4], "2 3 -1 4 6"),
            (allowing(OnFuture::Clamp), [3, 5_000, 4], "2 3 6 1000 4"),
            (allowing(OnFuture::Fail), [3, 1_101, 4], "2 3 -1 4 6"),
            (allowing(OnFuture::Fail), [3, 1_100, 4], "2 3 6 1100 4"),
        ] {
            let policy = TimestampPolicy::Fail;
            let mut inputs = [timed(policy, &own).guarded(&settings), timed(policy, &[2, 6])];
            let order: Vec<_> = order(&mut inputs).iter().map(|(_, time)| time.to_string()).collect();
            assert_eq!(order.join(" "), expected, "{settings:?} {own:?}");
        }
    }

    /// Regression: an end that was reached while records were waiting was forgotten, so the position stayed in front of a marker
    /// at the end, and whoever waited for a batch job to be done waited for ever.
    #[test]
    fn an_end_behind_waiting_records_is_reached_once_they_are_processed() {
        let mut input = input("a");
        input.push(batch(0, &[1, 2], 2));
        input.reached_end(Offset(3));
        let mut positions = Vec::new();
        for _ in 0..2 {
            input.advance(Timestamp(1));
            positions.push(input.position_to_commit().0);
        }
        // What is told later counts, too, and what was fetched and dropped does not.
        input.push(batch(4, &[3], 5));
        input.push(batch(6, &[], 6));
        input.push(batch(6, &[4], 7));
        for _ in 0..2 {
            input.advance(Timestamp(1));
            positions.push(input.position_to_commit().0);
        }
        input.push(batch(7, &[5], 8));
        input.reached_end(Offset(9));
        input.clear();
        input.push(batch(7, &[5], 8));
        input.advance(Timestamp(1));
        positions.push(input.position_to_commit().0);
        assert_eq!(positions, [1, 3, 5, 7, 8]);
    }

    #[test]
    fn a_policy_decides_which_time_a_record_has_and_so_when_it_comes() {
        let others = [2, 4, 6];
        for (policy, own, expected) in [
            (TimestampPolicy::Fail, &[3, -1, 5][..], "2 3 -1 4 5 6"),
            (TimestampPolicy::Skip, &[3, -1, 5], "2 3 -1 4 5 6"),
            (TimestampPolicy::PartitionTime, &[3, -1, 5, -7], "2 3 3 4 5 5 6"),
            (TimestampPolicy::PartitionTime, &[-1, 3], "-1 2 3 4 6"),
            (TimestampPolicy::WallClock, &[3, -1, 5], "2 4 6 1000 1000 1000"),
        ] {
            let mut inputs = [timed(policy, own), timed(TimestampPolicy::Fail, &others)];
            let order: Vec<_> = order(&mut inputs).iter().map(|(_, time)| time.to_string()).collect();
            assert_eq!(order.join(" "), expected, "{policy:?} {own:?}");
        }
    }

    #[test]
    fn marks_of_other_instances_are_taken_off_by_one_that_aligns_nothing() {
        let start = StartPosition { is_internal: true, ..start("a") };
        let mut input = Input::new(Rc::new(RefCell::new(Nowhere)), start, TimestampPolicy::Fail);
        input.push(batch(0, &[1, 2, 3], 3));
        input.advance(Timestamp(1));
        let sender = TaskId { subtopology: 0, partition: Partition(0) };
        let mut builder = BatchBuilder::default();
        for (offset, kind) in (3..).zip([MarkKind::Record, MarkKind::TimeOnly, MarkKind::Record, MarkKind::Idle]) {
            let mark = Mark { sender, kind, time: Timestamp(4) };
            builder.push(Offset(offset), Timestamp(offset + 1), None, None, &[mark.header()].into_iter().collect());
        }
        input.push(builder.finish(Offset(7)));
        let mut left = Vec::new();
        while let Some(record) = input.head() {
            let time = record.timestamp;
            assert_eq!(record.headers(), Headers::new());
            left.push((input.position_to_commit().0, time.0));
            input.advance(time);
        }
        assert_eq!(left, [(1, 2), (2, 3), (3, 4), (5, 6)]);
        assert_eq!(input.position_to_commit(), Offset(7));
        assert_eq!(input.fetched(), 0);
    }

    #[test]
    fn the_time_at_which_a_record_became_the_first_one_stays_its_time() {
        let mut inputs = [timed(TimestampPolicy::WallClock, &[3, 3])];
        assert_eq!(inputs[0].order(Timestamp(10)), Some(Timestamp(10)));
        assert_eq!(inputs[0].order(Timestamp(20)), Some(Timestamp(10)));
        inputs[0].advance(Timestamp(10));
        assert_eq!((inputs[0].order(Timestamp(30)), inputs[0].partition_time), (Some(Timestamp(30)), Timestamp(10)));
    }

    #[test]
    fn the_smallest_first_timestamp_comes_next_and_the_first_input_among_equals() {
        let mut inputs = [input("a"), input("b")];
        inputs[0].push(batch(0, &[5, 1, 9], 3));
        inputs[1].push(batch(0, &[5, 6], 2));
        inputs[0].reached_end(Offset(3));
        inputs[1].reached_end(Offset(2));
        assert_eq!(order(&mut inputs), [(0, 5), (0, 1), (1, 5), (1, 6), (0, 9)]);
    }

    #[test]
    fn an_empty_input_is_waited_for_until_its_end_and_then_for_the_idle_time() {
        let mut inputs = [input("a"), input("b")];
        inputs[0].push(batch(0, &[5], 1));
        let idle = Some(Duration::from_millis(100));
        let at = Duration::from_millis;
        assert_eq!(next(&mut inputs, at(0), idle), None, "b may have records on the way");
        inputs[1].reached_end(Offset(0));
        assert_eq!(next(&mut inputs, at(1_000), idle), None, "b is empty since just now");
        assert_eq!(next(&mut inputs, at(1_099), idle), None);
        assert_eq!(next(&mut inputs, at(1_100), idle), Some(0));
        assert_eq!(next(&mut inputs, at(0), None), Some(0), "-1 never waits");
    }

    #[test]
    fn a_record_of_a_retry_topic_waits_until_it_is_due_and_nobody_waits_for_it() {
        let mut retried = input("retry").parked_for(Some(Duration::from_millis(100)));
        let mut builder = BatchBuilder::default();
        let headers = crate::operators::testing::headers("millstream.retry.due", "1050");
        builder.push(Offset(0), Timestamp(1), None, None, &headers);
        retried.push(builder.finish(Offset(1)));
        let mut inputs = [input("a"), retried];
        inputs[0].push(batch(0, &[5], 1));
        let now = Duration::ZERO;
        assert_eq!(inputs[1].promises(now, NOW, now), None, "and it promises nothing to others");
        assert!(!inputs[1].is_on_its_way(now, Duration::MAX));
        assert_eq!(next(&mut inputs, now, Some(now)), Some(0), "the other one, although it is newer");
        inputs[0].advance(Timestamp(5));
        inputs[0].reached_end(Offset(1));
        assert_eq!((next(&mut inputs, now, Some(now)), inputs[1].due(NOW)), (None, Some(Timestamp(1_050))));
        assert_eq!(next_input(&mut inputs, now, Some(now), Timestamp(1_050)), Some(1));
        inputs[1].advance(Timestamp(1));
        inputs[0].push(batch(1, &[6], 2));
        assert_eq!(next(&mut inputs, now, Some(now)), Some(0), "its end is not known, and nobody waits");
        let only = &mut inputs[1..];
        let mut builder = BatchBuilder::default();
        builder.push(Offset(1), Timestamp(1), None, None, &headers);
        only[0].push(builder.finish(Offset(2)));
        assert_eq!(next_input(only, now, Some(now), NOW), None);
    }

    #[test]
    fn the_position_counts_markers_behind_a_batch_only_once_it_is_done() {
        let mut input = input("a");
        input.push(batch(3, &[1, 2], 7));
        input.advance(Timestamp(1));
        assert_eq!(input.position, Offset(4));
        input.advance(Timestamp(2));
        assert_eq!(input.position, Offset(7));
        input.reached_end(Offset(9));
        assert_eq!(input.position, Offset(9));
    }
}
