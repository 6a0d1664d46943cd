//! Decides how many records are processed between two looks at the clock.
//!
//! A worker does more than process records: commits and punctuations fall due, the group revokes tasks, somebody
//! wants to stop. So a round of processing is bounded by time. Reading the clock after each record would be expensive
//! for quick records. How many are processed in between follows from how long the last ones took.

use std::time::Duration;

/// The most records between two looks at the clock, about as many as a consumer fetches at once.
const RECORDS_MAX: usize = 1_000;

/// A round takes this fraction of the shortest interval in which something falls due.
const ROUNDS_PER_INTERVAL: u32 = 4;

/// The longest round, so that commands do not wait for longer even if nothing is due.
const ROUND_MAX: Duration = Duration::from_millis(100);

/// About how often the clock is read in a round.
const LOOKS_PER_ROUND: u32 = 4;

/// Tracks how quickly records have been processed recently.
#[derive(Debug)]
pub(super) struct Pace {
    records: usize,
}

impl Pace {
    /// Starts with a single record, because the first one may be slow.
    pub(super) const fn new() -> Self {
        Self { records: 1 }
    }

    /// How many records to process until the next look at the clock.
    pub(super) const fn records(&self) -> usize {
        self.records
    }

    /// Learns from `records` records that took `took`, in a round that may take `round`.
    pub(super) fn note(&mut self, records: usize, took: Duration, round: Duration) {
        if records == 0 {
            return;
        }
        let look = round / LOOKS_PER_ROUND;
        if took > look {
            let per_record = took.as_nanos() / records as u128;
            let fitting = look.as_nanos() / per_record.max(1);
            self.records = usize::try_from(fitting).unwrap_or(RECORDS_MAX).clamp(1, RECORDS_MAX);
        } else if records >= self.records && took * 2 <= look {
            self.records = (self.records * 2).min(RECORDS_MAX);
        }
    }
}

/// How long a round may take if something is due every `interval`.
pub(super) fn round_time(interval: Duration) -> Duration {
    (interval / ROUNDS_PER_INTERVAL).clamp(Duration::from_millis(1), ROUND_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quick_records_pass_by_the_thousand_and_slow_ones_singly() {
        let (mut pace, round) = (Pace::new(), Duration::from_millis(40));
        let mut looks = Vec::new();
        for _ in 0..12 {
            looks.push(pace.records());
            pace.note(pace.records(), Duration::from_nanos(300) * u32::try_from(pace.records()).unwrap_or(1), round);
        }
        assert_eq!(looks, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000, 1_000]);
        pace.note(1_000, Duration::from_millis(30_000), round);
        assert_eq!(pace.records(), 1, "30 ms each");
        pace.note(1, Duration::from_millis(1), round);
        pace.note(2, Duration::from_millis(2), round);
        pace.note(4, Duration::from_millis(4), round);
        assert_eq!(pace.records(), 8);
        pace.note(8, Duration::from_millis(80), round);
        assert_eq!(pace.records(), 1, "a look at every ten milliseconds");
    }

    #[test]
    fn a_few_records_say_little_about_many() {
        let mut pace = Pace { records: 64 };
        pace.note(1, Duration::ZERO, ROUND_MAX);
        assert_eq!(pace.records(), 64);
        pace.note(0, Duration::from_secs(9), ROUND_MAX);
        assert_eq!(pace.records(), 64);
    }

    #[test]
    fn the_shortest_interval_rules_within_bounds() {
        let ms = Duration::from_millis;
        for (interval, round) in [(30_000, 100), (200, 50), (100, 25), (2, 1), (0, 1)] {
            assert_eq!(round_time(ms(interval)), ms(round));
        }
    }
}
