//! What is counted of records that come into a task and leave it: how many, and how old they are.
//!
//! These are plain integers of the task's own, which nobody else sees until the runtime takes them, some times a second.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

use crate::record::Timestamp;

/// The bounds up to which delays are counted, in milliseconds: from real time to the replay of a week.
pub(crate) const DELAY_BOUNDS_MS: [u64; 14] = [
    0,
    5,
    25,
    100,
    250,
    1_000,
    2_500,
    10_000,
    60_000,
    10 * 60_000,
    60 * 60_000,
    6 * 60 * 60_000,
    24 * 60 * 60_000,
    7 * 24 * 60 * 60_000,
];

const BUCKETS: usize = DELAY_BOUNDS_MS.len() + 1;

/// How many records had which delay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Delays {
    /// By the first bound that the delay does not exceed; those beyond the last bound come last.
    pub(crate) within: [u64; BUCKETS],
    pub(crate) sum_ms: u64,
    /// The bucket that was counted last, and its first and last value. Most often the next record belongs there, too.
    last: usize,
    first_ms: u64,
    last_ms: u64,
}

impl Delays {
    /// Counts the delay between two times, which is 0 if the later one comes first.
    #[inline]
    pub(crate) fn note(&mut self, from: Timestamp, to: Timestamp) {
        let ms = u64::try_from(to.0.saturating_sub(from.0)).unwrap_or(0);
        if ms < self.first_ms || self.last_ms < ms {
            self.find(ms);
        }
        if let Some(bucket) = self.within.get_mut(self.last) {
            *bucket += 1;
        }
        self.sum_ms = self.sum_ms.saturating_add(ms);
    }

    #[cold]
    fn find(&mut self, ms: u64) {
        self.last = DELAY_BOUNDS_MS.partition_point(|bound| *bound < ms);
        let below = self.last.checked_sub(1).and_then(|below| DELAY_BOUNDS_MS.get(below));
        self.first_ms = below.map_or(0, |below| below + 1);
        self.last_ms = DELAY_BOUNDS_MS.get(self.last).copied().unwrap_or(u64::MAX);
    }
}

/// What is counted of the records that a task takes from an input.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct InputMeter {
    /// All records, also those that were left out.
    pub(crate) records: u64,
    /// How old they were when they were processed.
    pub(crate) ages: Delays,
    /// How far they were behind the newest record before them.
    pub(crate) lateness: Delays,
}

/// What is counted of the records that a node sends to a topic.
#[derive(Debug)]
pub(crate) struct SinkMeter {
    pub(crate) node: Arc<str>,
    /// `None` if the application chooses the topic for each record.
    pub(crate) topic: Option<Arc<str>>,
    /// How old the records are when they are sent.
    ages: RefCell<Delays>,
}

impl SinkMeter {
    pub(super) fn new(node: Arc<str>, topic: Option<Arc<str>>) -> Rc<Self> {
        Rc::new(Self { node, topic, ages: RefCell::default() })
    }

    /// Counts a record of that time.
    #[inline]
    pub(super) fn note(&self, time: Timestamp, wall_clock: Timestamp) {
        self.ages.borrow_mut().note(time, wall_clock);
    }

    /// Takes what was counted.
    pub(crate) fn take(&self) -> Delays {
        self.ages.take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_is_counted_at_the_first_bound_that_it_does_not_exceed() {
        let mut delays = Delays::default();
        let times = [(5, 5), (9, 5), (0, 1), (0, 5), (0, 6), (i64::MIN, i64::MAX), (0, 7 * 24 * 60 * 60_000)];
        for (from, to) in times {
            delays.note(Timestamp(from), Timestamp(to));
        }
        let mut within = [0; BUCKETS];
        (within[0], within[1], within[2], within[13], within[14]) = (2, 2, 1, 1, 1);
        assert_eq!((delays.within, delays.sum_ms), (within, 12 + i64::MAX.unsigned_abs() + 7 * 24 * 60 * 60_000));
        assert!(DELAY_BOUNDS_MS.is_sorted());
    }
}
