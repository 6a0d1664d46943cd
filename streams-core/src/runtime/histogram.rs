//! Histograms in plain integers.

use std::time::Duration;

use crate::operators::{DELAY_BOUNDS_MS, Delays};

/// How many steps took how long, or how many records had which delay, by upper bounds. Totals never decrease.
///
/// ```
/// use millstream::runtime::Histogram;
/// use std::time::Duration;
///
/// let mut steps = Histogram::default();
/// steps.note(Duration::from_millis(3));
/// steps.note(Duration::from_secs(300));
/// assert_eq!((steps.count(), steps.sum()), (2, Duration::from_millis(300_003)));
/// // What took longer than the last bound is counted, but in no bucket.
/// assert_eq!(steps.buckets().last(), Some((Duration::from_secs(60), 1)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Histogram {
    bounds: &'static [Duration],
    /// By the first bound that was not exceeded.
    within: [u64; BOUNDS_MAX],
    count: u64,
    sum: Duration,
}

const BOUNDS_MAX: usize = DELAY_BOUNDS_MS.len();

/// The bounds for steps of threads.
const STEPS: [Duration; 12] = [
    Duration::from_micros(100),
    Duration::from_micros(250),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_millis(2_500),
    Duration::from_secs(10),
    Duration::from_secs(60),
];

/// The bounds for delays of records.
const DELAYS: [Duration; BOUNDS_MAX] = {
    let mut bounds = [Duration::ZERO; BOUNDS_MAX];
    let mut at = 0;
    while at < BOUNDS_MAX {
        bounds[at] = Duration::from_millis(DELAY_BOUNDS_MS[at]);
        at += 1;
    }
    bounds
};

impl Default for Histogram {
    /// One of steps, with bounds from 0.1 ms to a minute.
    fn default() -> Self {
        Self::within(&STEPS)
    }
}

impl Histogram {
    const fn within(bounds: &'static [Duration]) -> Self {
        Self { bounds, within: [0; BOUNDS_MAX], count: 0, sum: Duration::ZERO }
    }

    /// One of delays, with bounds from 0 to a week.
    #[must_use]
    pub const fn of_delays() -> Self {
        Self::within(&DELAYS)
    }

    /// Counts a step.
    pub fn note(&mut self, took: Duration) {
        let first = self.bounds.iter().position(|bound| took <= *bound);
        if let Some(bucket) = first.and_then(|at| self.within.get_mut(at)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// Adds delays to a histogram of delays.
    pub(crate) fn add(&mut self, delays: &Delays) {
        self.within.iter_mut().zip(delays.within).for_each(|(own, other)| *own += other);
        self.count += delays.within.iter().sum::<u64>();
        self.sum = self.sum.saturating_add(Duration::from_millis(delays.sum_ms));
    }

    /// Adds what was counted within the same bounds.
    pub fn merge(&mut self, other: &Self) {
        self.within.iter_mut().zip(other.within).for_each(|(own, other)| *own += other);
        self.count += other.count;
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// The number of steps or delays.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The time of all of them together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bound, with the number of those that did not exceed it.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        self.bounds.iter().zip(self.within).scan(0, |so_far, (bound, within)| {
            *so_far += within;
            Some((*bound, *so_far))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Timestamp;

    #[test]
    fn a_step_is_counted_within_every_bound_that_it_did_not_exceed() {
        let mut steps = Histogram::default();
        for us in [0, 100, 101, 250, 59_999_999, 60_000_001] {
            steps.note(Duration::from_micros(us));
        }
        let counts: Vec<u64> = steps.buckets().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 5]);
        assert_eq!(steps.count(), 6);
        assert_eq!(steps.sum(), Duration::from_micros(120_000_451));
    }

    #[test]
    fn delays_that_are_added_are_counted_within_the_same_bounds() {
        let mut delays = Delays::default();
        for ms in [0, 5, 6, 10 * 24 * 60 * 60_000] {
            delays.note(Timestamp(0), Timestamp(ms));
        }
        let mut histogram = Histogram::of_delays();
        histogram.add(&delays);
        let once = histogram;
        histogram.merge(&once);
        let counts: Vec<u64> = histogram.buckets().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 4, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6]);
        assert_eq!((histogram.count(), histogram.sum()), (8, Duration::from_millis(2 * (11 + 10 * 24 * 60 * 60_000))));
    }
}
