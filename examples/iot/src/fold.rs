//! What must come out, computed plainly: a fold over the readings as they are in the log, partition by partition.
//!
//! A reading counts in a window if that is not over when the reading comes: if its end and the grace are after the newest time
//! that its partition has seen. Nothing else is known here of how the application works.

use std::collections::BTreeMap;

use crate::readings::{Millidegrees, Summary};
use crate::topology::{ALL, GRACE, GRACES, HOUR, MINUTE, SECOND, millis};

/// The levels of the roll-up, the lowest first, with the lengths of their windows.
pub const LEVELS: [(&str, i64); 3] = [("second", millis(SECOND)), ("minute", millis(MINUTE)), ("hour", millis(HOUR))];

/// A device and the start of a window.
pub type Slot = (String, i64);

/// All readings so far.
#[derive(Debug, Default)]
pub struct Fold {
    partitions: BTreeMap<i32, Partition>,
    /// In which partition each device is.
    devices: BTreeMap<String, i32>,
    /// How many readings of each minute count, by what the grace is called.
    pub counted: BTreeMap<(i64, &'static str), i64>,
    /// How many readings there were, and how many were too late for the roll-up.
    pub readings: u64,
    /// See [`Fold::readings`].
    pub too_late: u64,
}

#[derive(Debug, Default)]
struct Partition {
    newest_ms: i64,
    /// The windows of each level whose results have not been seen yet.
    open: [BTreeMap<Slot, Summary>; 3],
    /// The newest time that each level has seen: that of readings, of final seconds, of final minutes.
    seen_ms: [i64; 3],
}

impl Fold {
    /// The next reading of a partition.
    pub fn take(&mut self, partition: i32, device: &str, temperature: Millidegrees, at_ms: i64) {
        self.readings += 1;
        if !self.devices.contains_key(device) {
            self.devices.insert(device.to_owned(), partition);
        }
        let partition = self.partitions.entry(partition).or_default();
        partition.newest_ms = partition.newest_ms.max(at_ms);
        partition.seen_ms[0] = partition.newest_ms;
        let newest_ms = partition.newest_ms;
        let start_of = |length: i64| at_ms - at_ms.rem_euclid(length);
        let counts = |length: i64, grace_ms: i64| start_of(length) + length > newest_ms - grace_ms;
        for tried in GRACES.into_iter().chain([ALL]) {
            if counts(millis(MINUTE), millis(tried.grace)) {
                *self.counted.entry((start_of(millis(MINUTE)), tried.name)).or_default() += 1;
            }
        }
        if !counts(millis(SECOND), millis(GRACE)) {
            self.too_late += 1;
            return;
        }
        for (open, (_, length)) in partition.open.iter_mut().zip(LEVELS) {
            open.entry((device.to_owned(), start_of(length))).or_default().add(Summary::of(temperature));
        }
    }

    /// The newest time of all readings.
    pub fn newest_ms(&self) -> Option<i64> {
        self.partitions.values().map(|partition| partition.newest_ms).max()
    }

    /// A final result of a level, with its timestamp. Returns what is wrong with it.
    pub fn compare(&mut self, level: usize, slot: &Slot, result: Summary, at_ms: i64) -> Result<(), String> {
        let (what, _) = LEVELS[level];
        let (device, start) = slot;
        let partition = self.devices.get(device).and_then(|partition| self.partitions.get_mut(partition));
        let partition = partition.ok_or_else(|| format!("{device} has sent nothing"))?;
        match partition.open[level].remove(slot) {
            Some(expected) if expected == result => {}
            Some(expected) => return Err(format!("{what} {start} of {device}: {result:?}, and not {expected:?}")),
            None => return Err(format!("{what} {start} of {device} was sent twice, or was never begun")),
        }
        if let Some(seen_ms) = partition.seen_ms.get_mut(level + 1) {
            *seen_ms = at_ms.max(*seen_ms);
        }
        Ok(())
    }

    /// The windows that are over and whose results have not been seen.
    pub fn overdue(&self) -> Vec<String> {
        let mut overdue = Vec::new();
        for partition in self.partitions.values() {
            for (level, (what, length)) in LEVELS.into_iter().enumerate() {
                // Only the lowest level waits for late ones; the others are told in order.
                let grace_ms = if level == 0 { millis(GRACE) } else { 0 };
                let over_ms = partition.seen_ms[level] - grace_ms;
                let is_over = |slot: &&Slot| slot.1 + length <= over_ms;
                let over = partition.open[level].keys().filter(is_over);
                overdue
                    .extend(over.map(|(device, start)| format!("{what} {start} of {device} is over and was not sent")));
            }
        }
        overdue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(start: i64) -> Slot {
        ("a".to_owned(), start)
    }

    #[test]
    fn a_window_takes_what_comes_before_its_end_and_the_grace() {
        let mut fold = Fold::default();
        for (temperature, at_ms) in [(1, 0), (2, 30_999), (4, 999), (8, 31_000), (16, 999), (32, 1_000)] {
            fold.take(0, "a", temperature, at_ms);
        }
        assert_eq!((fold.readings, fold.too_late), (6, 1));
        assert_eq!(fold.overdue(), ["second 0 of a is over and was not sent"]);
        let mut expected = Summary::of(1);
        expected.add(Summary::of(4));
        assert_eq!(fold.compare(0, &slot(0), expected, 999), Ok(()));
        assert!(fold.overdue().is_empty());
        let wrong = fold.compare(0, &slot(0), expected, 999).expect_err("sent twice");
        assert!(wrong.contains("was sent twice"), "{wrong}");
        let wrong = fold.compare(0, &slot(1_000), Summary::of(5), 0).expect_err("another result");
        assert!(wrong.contains("sum: 5") && wrong.contains("sum: 32"), "{wrong}");
        assert!(fold.compare(0, &("b".to_owned(), 0), Summary::of(5), 0).is_err());
    }

    #[test]
    fn minutes_are_over_when_a_later_second_is_told() {
        let mut fold = Fold::default();
        fold.take(0, "a", 1, 59_000);
        fold.take(0, "a", 2, 60_000);
        fold.take(0, "a", 4, 120_000);
        assert_eq!(fold.compare(0, &slot(59_000), Summary::of(1), 59_000), Ok(()));
        assert_eq!(fold.overdue(), ["second 60000 of a is over and was not sent"]);
        assert_eq!(fold.compare(0, &slot(60_000), Summary::of(2), 60_000), Ok(()));
        assert_eq!(fold.overdue(), ["minute 0 of a is over and was not sent"]);
        assert_eq!(fold.compare(1, &slot(0), Summary::of(1), 59_000), Ok(()));
        assert!(fold.overdue().is_empty());
    }

    #[test]
    fn longer_graces_count_more() {
        let mut fold = Fold::default();
        for at_ms in [0, 60_000, 59_999, 90_000, 1, 180_000, 2] {
            fold.take(0, "a", 1, at_ms);
        }
        let first = |name| fold.counted.get(&(0, name)).copied();
        assert_eq!(["no grace", "30 s", "2 min", "all"].map(first), [Some(1), Some(2), Some(3), Some(4)]);
    }
}
