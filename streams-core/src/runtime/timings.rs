//! How long a worker's steps take: histograms in plain integers, of which the worker publishes a copy from time to time.
//!
//! A step is noted once per round and never once per record, so this costs two looks at the clock in a round.

use std::time::Duration;

/// How many steps took how long, by upper bounds. Totals never decrease.
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
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Histogram {
    /// By the first bound that the step did not exceed.
    within: [u64; BOUNDS_US.len()],
    count: u64,
    sum: Duration,
}

/// The bounds, in microseconds.
const BOUNDS_US: [u64; 12] =
    [100, 250, 1_000, 2_500, 10_000, 25_000, 100_000, 250_000, 1_000_000, 2_500_000, 10_000_000, 60_000_000];

impl Histogram {
    /// Counts a step.
    pub fn note(&mut self, took: Duration) {
        let us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        if let Some(bucket) = BOUNDS_US.iter().position(|bound| us <= *bound).and_then(|at| self.within.get_mut(at)) {
            *bucket += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(took);
    }

    /// The number of steps.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The time that all of them took together.
    #[must_use]
    pub const fn sum(&self) -> Duration {
        self.sum
    }

    /// Each bound, with the number of steps that did not take longer.
    pub fn buckets(&self) -> impl Iterator<Item = (Duration, u64)> {
        BOUNDS_US.iter().zip(self.within).scan(0, |so_far, (bound, within)| {
            *so_far += within;
            Some((Duration::from_micros(*bound), *so_far))
        })
    }
}

/// How long the steps of one worker took, since it was started.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct WorkerTimings {
    /// Taking fetched records from the log's client. Records are fetched in the background, so this does not wait for them.
    pub poll: Histogram,
    /// Rounds in which records were processed, with the stream-time punctuators that they have fired.
    pub process: Histogram,
    /// Commits, from when one begins until the log has accepted it. Processing may go on meanwhile.
    pub commit: Histogram,
    /// Wall-clock punctuators, all that were due in a task at once. Rounds of `process` include them.
    pub punctuate: Histogram,
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
