//! Idempotence: what a partition remembers of each producer, so that a batch that is sent twice is written once, and a
//! lost batch is noticed.
//!
//! As with Kafka's brokers, sequence numbers count a producer's records per partition, the last five batches are
//! remembered, and older epochs are fenced.

use std::collections::{BTreeMap, VecDeque};

/// The number of batches of a producer that are remembered, which is also the maximum that a Kafka producer has in
/// flight.
const REMEMBERED_MAX: usize = 5;

/// The writer of a batch, and the batch's sequence number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchOrigin {
    /// The producer's id.
    pub(crate) producer: i64,
    /// The producer's epoch, which is fenced by newer ones.
    pub(crate) epoch: i16,
    /// The number of the batch's first record among all records of this producer for the partition.
    pub(crate) sequence: i32,
    /// Whether the batch belongs to a transaction.
    pub(crate) transactional: bool,
}

/// What to do with a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Write it.
    Write,
    /// It was written before, at this offset.
    Duplicate(i64),
    /// A newer epoch of the producer has written here.
    Fenced,
    /// A batch before it is missing.
    Gap,
}

/// What a partition remembers of its producers.
#[derive(Debug, Default)]
pub(super) struct Sequences(BTreeMap<i64, Producer>);

#[derive(Debug)]
struct Producer {
    epoch: i16,
    batches: VecDeque<Batch>,
    heard_ms: i64,
}

#[derive(Debug, Clone, Copy)]
struct Batch {
    first: i32,
    last: i32,
    offset: i64,
}

impl Sequences {
    pub(super) fn check(&self, origin: &BatchOrigin, records: usize) -> Verdict {
        let Some(producer) = self.0.get(&origin.producer) else { return Verdict::Write };
        if origin.epoch < producer.epoch {
            return Verdict::Fenced;
        }
        if origin.epoch > producer.epoch {
            return if origin.sequence == 0 { Verdict::Write } else { Verdict::Gap };
        }
        let last = last_of(origin.sequence, records);
        if let Some(batch) = producer.batches.iter().find(|batch| (batch.first, batch.last) == (origin.sequence, last))
        {
            return Verdict::Duplicate(batch.offset);
        }
        match producer.batches.back() {
            Some(batch) if origin.sequence != next_after(batch.last) => Verdict::Gap,
            _ => Verdict::Write,
        }
    }

    pub(super) fn written(&mut self, origin: &BatchOrigin, records: usize, offset: i64, now_ms: i64) {
        let producer = self.of_epoch(origin.producer, origin.epoch, now_ms);
        if producer.batches.len() == REMEMBERED_MAX {
            producer.batches.pop_front();
        }
        let last = last_of(origin.sequence, records);
        producer.batches.push_back(Batch { first: origin.sequence, last, offset });
    }

    /// Fences older epochs, because a marker with this epoch was written.
    pub(super) fn fence(&mut self, producer: i64, epoch: i16, now_ms: i64) {
        self.of_epoch(producer, epoch, now_ms);
    }

    /// Forgets producers that have not been heard from since `before_ms`, except those for which `keep` is true.
    pub(super) fn forget(&mut self, before_ms: i64, keep: impl Fn(i64) -> bool) {
        self.0.retain(|id, producer| producer.heard_ms >= before_ms || keep(*id));
    }

    fn of_epoch(&mut self, id: i64, epoch: i16, now_ms: i64) -> &mut Producer {
        let producer =
            self.0.entry(id).or_insert_with(|| Producer { epoch, batches: VecDeque::new(), heard_ms: now_ms });
        if epoch > producer.epoch {
            producer.epoch = epoch;
            producer.batches.clear();
        }
        producer.heard_ms = now_ms;
        producer
    }
}

/// The sequence number `count` records later. After `i32::MAX`, numbers start again at 0.
pub(crate) fn advance(sequence: i32, count: usize) -> i32 {
    let sum = u64::from(sequence.unsigned_abs()) + count as u64;
    i32::try_from(sum % (1 << 31)).unwrap_or(0)
}

fn last_of(first: i32, records: usize) -> i32 {
    advance(first, records.max(1) - 1)
}

fn next_after(last: i32) -> i32 {
    advance(last, 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(epoch: i16, sequence: i32) -> BatchOrigin {
        BatchOrigin { producer: 1, epoch, sequence, transactional: false }
    }

    #[test]
    fn a_batch_is_written_once_and_in_order() {
        let mut sequences = Sequences::default();
        sequences.written(&origin(3, 0), 10, 100, 0);
        sequences.written(&origin(3, 10), 5, 110, 0);
        for (given, records, expected) in [
            (origin(3, 15), 1, Verdict::Write),
            (origin(3, 10), 5, Verdict::Duplicate(110)),
            (origin(3, 0), 10, Verdict::Duplicate(100)),
            (origin(3, 0), 9, Verdict::Gap),
            (origin(3, 16), 1, Verdict::Gap),
            (origin(2, 15), 1, Verdict::Fenced),
            (origin(4, 15), 1, Verdict::Gap),
            (origin(4, 0), 1, Verdict::Write),
        ] {
            assert_eq!(sequences.check(&given, records), expected, "{given:?}");
        }
        sequences.fence(1, 4, 0);
        assert_eq!(sequences.check(&origin(3, 15), 1), Verdict::Fenced);
    }

    #[test]
    fn numbers_start_again_after_the_largest() {
        let mut sequences = Sequences::default();
        sequences.written(&origin(0, i32::MAX - 1), 2, 0, 0);
        assert_eq!(sequences.check(&origin(0, 0), 1), Verdict::Write);
        assert_eq!(advance(i32::MAX, 3), 2);
    }

    #[test]
    fn a_silent_producer_is_forgotten() {
        let mut sequences = Sequences::default();
        sequences.written(&origin(0, 0), 1, 0, 1_000);
        sequences.forget(1_000, |_| false);
        assert_eq!(sequences.check(&origin(0, 7), 1), Verdict::Gap);
        sequences.forget(1_001, |_| true);
        assert_eq!(sequences.check(&origin(0, 7), 1), Verdict::Gap);
        sequences.forget(1_001, |_| false);
        assert_eq!(sequences.check(&origin(0, 7), 1), Verdict::Write);
    }
}
