//! A task's input: the records that are fetched but not yet processed, and which of them comes next.
//!
//! Among the first records of all partitions, the one with the smallest timestamp comes next, so that joined inputs
//! advance together. An empty partition may still have records that are not fetched yet: the task waits until its end
//! has been reached, and then for `max.task.idle.ms` (KIP-353, KIP-695).

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use crate::log::{RecordBatch, RecordRef};
use crate::operators::SourceNode;
use crate::record::{Offset, Timestamp, TopicPartition};
use crate::runtime::worker::LostPosition;

/// One input partition of a task.
pub(crate) struct Input {
    pub(crate) partition: TopicPartition,
    pub(crate) source: Rc<RefCell<dyn SourceNode>>,
    /// The next offset to process, which a commit stores.
    pub(crate) position: Offset,
    /// The position in the last commit.
    pub(crate) committed: Offset,
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
    batches: VecDeque<RecordBatch>,
    cursor: usize,
    buffered: usize,
    caught_up: bool,
    empty_since: Option<Duration>,
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
    pub(crate) fn new(source: Rc<RefCell<dyn SourceNode>>, start: StartPosition) -> Self {
        let StartPosition { partition, position, committed_metadata, partition_time, is_internal } = start;
        Self {
            partition,
            source,
            position,
            committed: position,
            committed_metadata,
            lost: None,
            partition_time,
            is_internal,
            paused: false,
            batches: VecDeque::new(),
            cursor: 0,
            buffered: 0,
            caught_up: false,
            empty_since: None,
        }
    }

    /// Adds fetched records.
    pub(crate) fn push(&mut self, batch: RecordBatch) {
        self.caught_up = false;
        if batch.is_empty() {
            if self.batches.is_empty() {
                self.position = self.position.max(batch.next_offset());
            }
            return;
        }
        self.empty_since = None;
        self.buffered += batch.len();
        self.batches.push_back(batch);
    }

    /// Call this when the partition's end was reached at `position`.
    pub(crate) fn reached_end(&mut self, position: Offset) {
        self.caught_up = true;
        if self.batches.is_empty() {
            self.position = self.position.max(position);
        }
    }

    /// The number of records in the buffer.
    pub(crate) const fn buffered(&self) -> usize {
        self.buffered
    }

    /// Drops what was fetched; reading continues from `position`.
    pub(crate) fn clear(&mut self) {
        self.batches.clear();
        self.cursor = 0;
        self.buffered = 0;
        self.caught_up = false;
        self.empty_since = None;
        self.paused = false;
        self.lost = None;
    }

    /// The next record.
    pub(crate) fn head(&self) -> Option<RecordRef<'_>> {
        self.batches.front()?.get(self.cursor)
    }

    /// Call this when the next record was processed.
    pub(crate) fn advance(&mut self) {
        if let Some(timestamp) = self.head().map(|record| record.timestamp) {
            self.partition_time = self.partition_time.max(timestamp);
        }
        self.skip();
    }

    /// Call this when the next record is skipped on purpose. Its timestamp does not advance stream time.
    pub(crate) fn skip(&mut self) {
        let Some(batch) = self.batches.front() else { return };
        if let Some(record) = batch.get(self.cursor) {
            self.position = record.offset.next();
        }
        self.cursor += 1;
        self.buffered = self.buffered.saturating_sub(1);
        if self.cursor >= batch.len() {
            self.position = self.position.max(batch.next_offset());
            self.batches.pop_front();
            self.cursor = 0;
        }
    }

    /// Whether the task has to wait for this partition.
    fn holds_up(&mut self, now: Duration, idle: Option<Duration>) -> bool {
        if self.buffered > 0 {
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
pub(crate) fn next_input(inputs: &mut [Input], now: Duration, idle: Option<Duration>) -> Option<usize> {
    if let [only] = inputs {
        return (only.buffered > 0).then_some(0);
    }
    let mut next: Option<(Timestamp, usize)> = None;
    for (index, input) in inputs.iter().enumerate() {
        if let Some(head) = input.head()
            && next.is_none_or(|(smallest, _)| head.timestamp < smallest)
        {
            next = Some((head.timestamp, index));
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
    use crate::operators::{Context, OperatorError};
    use crate::record::Headers;

    struct Nowhere;

    impl SourceNode for Nowhere {
        fn process(&mut self, _: &mut Context, _: RecordRef<'_>) -> Result<(), OperatorError> {
            Ok(())
        }
    }

    fn input(topic: &str) -> Input {
        let start = StartPosition {
            partition: TopicPartition::new(topic, 0),
            position: Offset(0),
            committed_metadata: String::new(),
            partition_time: Timestamp::UNKNOWN,
            is_internal: false,
        };
        Input::new(Rc::new(RefCell::new(Nowhere)), start)
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
        while let Some(index) = next_input(inputs, Duration::ZERO, Some(Duration::ZERO)) {
            order.push((index, inputs[index].head().expect("a record").timestamp.0));
            inputs[index].advance();
        }
        order
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
        assert_eq!(next_input(&mut inputs, at(0), idle), None, "b may have records on the way");
        inputs[1].reached_end(Offset(0));
        assert_eq!(next_input(&mut inputs, at(1_000), idle), None, "b is empty since just now");
        assert_eq!(next_input(&mut inputs, at(1_099), idle), None);
        assert_eq!(next_input(&mut inputs, at(1_100), idle), Some(0));
        assert_eq!(next_input(&mut inputs, at(0), None), Some(0), "-1 never waits");
    }

    #[test]
    fn the_position_counts_markers_behind_a_batch_only_once_it_is_done() {
        let mut input = input("a");
        input.push(batch(3, &[1, 2], 7));
        input.advance();
        assert_eq!(input.position, Offset(4));
        input.advance();
        assert_eq!(input.position, Offset(7));
        input.reached_end(Offset(9));
        assert_eq!(input.position, Offset(9));
    }
}
