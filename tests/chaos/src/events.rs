//! The records that the application is fed with. The seed alone determines them.

/// How many partitions every topic has.
pub const PARTITIONS: u32 = 6;

/// How far records are out of order.
const DISORDER_MS: i64 = 400;

/// One record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Counted from 1; also the record's value.
    pub id: i64,
    /// The number of the input topic.
    pub input: usize,
    /// The record's key.
    pub key: i64,
    /// Event time, in milliseconds.
    pub timestamp: i64,
}

impl Event {
    /// The partition that it goes to.
    #[must_use]
    pub fn partition(&self) -> i32 {
        i32::try_from(self.key.rem_euclid(i64::from(PARTITIONS))).unwrap_or(0)
    }
}

/// All records of a run.
#[derive(Debug, Clone, Copy)]
pub struct Events {
    /// Determines them.
    pub seed: u64,
    /// How many different keys there are.
    pub keys: i64,
    /// How many input topics there are.
    pub inputs: usize,
    /// The event time of the first record; each has about a millisecond more. Brokers delete what is older than a
    /// changelog's retention, so it is not long ago.
    pub begin_ms: i64,
}

impl Events {
    /// The record with this id.
    #[must_use]
    pub fn get(&self, id: i64) -> Event {
        let mut random = fastrand::Rng::with_seed(mixed(self.seed ^ mixed(id.unsigned_abs())));
        let input = random.usize(..self.inputs);
        let key = random.i64(0..self.keys);
        Event { id, input, key, timestamp: self.begin_ms + id + random.i64(-DISORDER_MS..=DISORDER_MS) }
    }
}

/// A number that has nothing in common with those of its neighbours (the end of SplitMix64).
const fn mixed(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::Events;

    #[test]
    fn every_key_is_in_every_input() {
        let events = Events { seed: 1, keys: 10, inputs: 2, begin_ms: 0 };
        let found: std::collections::BTreeSet<_> =
            (1..200).map(|id| events.get(id)).map(|e| (e.key, e.input)).collect();
        assert_eq!(found.len(), 20);
    }
}
