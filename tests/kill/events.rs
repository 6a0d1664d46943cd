//! The events that are counted: few hot keys and many cold ones, the same in every run.

use millstream_tests::records::{TopicOf, Writer};
use streams_core::log::{Isolation, Log};
use streams_core::record::Timestamp;

pub(crate) const PARTITIONS: u32 = 2;
const KEYS: usize = 1_000;
const HOT_KEYS: usize = 10;
const FIRST_TIME: i64 = 1_700_000_000_000;

/// The events by their number.
pub(crate) struct Events {
    pub(crate) number: i64,
}

/// The comparison of the counts with the events.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Comparison {
    /// The number of events that are missing in the last counts.
    pub(crate) lost: i64,
    /// The number of events that are counted twice in the last counts.
    pub(crate) twice: i64,
}

impl Events {
    /// The number of each event's key, in order: every other event has a hot key.
    fn keys(&self) -> impl Iterator<Item = usize> + use<> {
        let mut random = fastrand::Rng::with_seed(7);
        (0..self.number)
            .map(move |_| if random.bool() { random.usize(..HOT_KEYS) } else { random.usize(HOT_KEYS..KEYS) })
    }

    /// Writes a range of the events.
    pub(crate) fn write(&self, writer: &mut Writer, range: std::ops::Range<i64>) {
        for (number, key) in (0..).zip(self.keys()).filter(|(number, _)| range.contains(number)) {
            let partition = i32::from(key % 2 == 1);
            writer.send(partition, &name(key), &i64::to_be_bytes(number), Timestamp(FIRST_TIME + number));
        }
    }

    fn counts(&self) -> Vec<i64> {
        let mut counts = vec![0; KEYS];
        self.keys().for_each(|key| counts[key] += 1);
        counts
    }

    /// Compares the last count of each key with the correct one.
    pub(crate) fn compare(&self, log: &dyn Log, topic: &str) -> Comparison {
        let mut last = vec![0; KEYS];
        self.each_count(log, topic, Isolation::ReadUncommitted, |key, count| last[key] = count);
        let mut comparison = Comparison::default();
        for (found, expected) in last.into_iter().zip(self.counts()) {
            comparison.lost += (expected - found).max(0);
            comparison.twice += (found - expected).max(0);
        }
        comparison
    }

    /// Checks that every committed count exists once and in order: 1, 2, .. up to the number of the key's events. Returns
    /// the number of counts.
    pub(crate) fn check_each_count(&self, log: &dyn Log, topic: &str) -> i64 {
        let (mut last, mut number) = (vec![0; KEYS], 0);
        self.each_count(log, topic, Isolation::ReadCommitted, |key, count| {
            assert_eq!(count, last[key] + 1, "{}: a count is missing, or there twice", name(key));
            last[key] = count;
            number += 1;
        });
        assert_eq!(last, self.counts());
        number
    }

    fn each_count(&self, log: &dyn Log, topic: &str, isolation: Isolation, mut each: impl FnMut(usize, i64)) {
        TopicOf::new(log, topic, PARTITIONS).read(isolation, |record| {
            let key = record.key.and_then(|key| std::str::from_utf8(key).ok()?.strip_prefix("key-")?.parse().ok());
            let count = record.value.and_then(|value| value.try_into().ok()).map(i64::from_be_bytes);
            each(key.expect("a key of ours"), count.expect("a count"));
        });
    }
}

fn name(key: usize) -> String {
    format!("key-{key:03}")
}
