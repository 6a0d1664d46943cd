//! The measurements, and the ratios derived from them.

use crate::run::Cost;

/// The measurements of one run of one side.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    /// The number of records of all inputs.
    pub(crate) records: u64,
    pub(crate) cost: Cost,
    /// The number of records written to changelogs.
    pub(crate) changelog: u64,
    pub(crate) outputs: u64,
}

impl Measured {
    /// In microseconds.
    pub(crate) fn cpu_per_record(&self) -> f64 {
        self.cost.cpu.as_secs_f64() * 1e6 / count(self.records)
    }

    pub(crate) fn records_per_second(&self) -> f64 {
        count(self.records) / self.cost.wall.as_secs_f64()
    }

    /// In microseconds, for the records after the process was warm; `None` if there were none.
    pub(crate) fn warm_cpu_per_record(&self) -> Option<f64> {
        let warm = self.cost.warm?;
        let records = self.records.checked_sub(warm.processed).filter(|records| *records > 0)?;
        Some(self.cost.cpu.checked_sub(warm.cpu)?.as_secs_f64() * 1e6 / count(records))
    }
}

/// One run of each side, one directly after the other.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pair {
    pub(crate) rival: Measured,
    pub(crate) ours: Measured,
}

impl Pair {
    /// The rival's CPU per record divided by ours.
    pub(crate) fn cpu_ratio(&self) -> f64 {
        self.rival.cpu_per_record() / self.ours.cpu_per_record()
    }

    /// Our records per second divided by the rival's.
    pub(crate) fn wall_ratio(&self) -> f64 {
        self.ours.records_per_second() / self.rival.records_per_second()
    }

    pub(crate) fn warm_cpu_ratio(&self) -> Option<f64> {
        Some(self.rival.warm_cpu_per_record()? / self.ours.warm_cpu_per_record()?)
    }

    pub(crate) fn rss_ratio(&self) -> Option<f64> {
        Some(count(self.rival.cost.peak_rss?) / count(self.ours.cost.peak_rss?))
    }
}

/// The median and the extremes of several measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Spread {
    /// `None` if there are no measurements.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<_> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let middle = values.len() / 2;
        let (min, max, upper) = (*values.first()?, *values.last()?, *values.get(middle)?);
        let lower = if values.len() % 2 == 0 { values.get(middle.checked_sub(1)?) } else { None };
        Some(Self { median: f64::midpoint(upper, *lower.unwrap_or(&upper)), min, max })
    }
}

#[allow(clippy::cast_precision_loss)]
pub(crate) fn count(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Measured, Pair, Spread};
    use crate::run::{Cost, Warm};

    fn measured(cpu_ms: u64, wall_ms: u64) -> Measured {
        let (cpu, wall) = (Duration::from_millis(cpu_ms), Duration::from_millis(wall_ms));
        let warm = Some(Warm { processed: 400, cpu: Duration::from_millis(120) });
        let cost = Cost { wall, cpu, warm, peak_rss: Some(cpu_ms << 20) };
        Measured { records: 1_000, cost, changelog: 0, outputs: 0 }
    }

    #[test]
    fn more_than_one_is_better_than_the_rival_in_every_ratio() {
        let pair = Pair { rival: measured(900, 500), ours: measured(300, 250) };
        assert_eq!((pair.cpu_ratio(), pair.wall_ratio(), pair.rss_ratio()), (3.0, 2.0, Some(3.0)));
        assert_eq!((pair.ours.warm_cpu_per_record(), pair.warm_cpu_ratio()), (Some(300.0), Some(780.0 / 180.0)));
        assert_eq!((pair.ours.cpu_per_record(), pair.ours.records_per_second()), (300.0, 4_000.0));
    }

    #[test]
    fn a_run_that_was_over_before_it_was_warm_has_no_warm_figure() {
        let mut run = measured(300, 250);
        run.records = 400;
        assert_eq!(run.warm_cpu_per_record(), None);
    }

    #[test]
    fn the_median_lies_in_the_middle() {
        let spread =
            |values: &[f64]| Spread::of(values.iter().copied()).map(|spread| (spread.min, spread.median, spread.max));
        assert_eq!(spread(&[]), None);
        assert_eq!(spread(&[2.0]), Some((2.0, 2.0, 2.0)));
        assert_eq!(spread(&[3.0, 1.0]), Some((1.0, 2.0, 3.0)));
        assert_eq!(spread(&[9.0, 1.0, 2.0]), Some((1.0, 2.0, 9.0)));
    }
}
