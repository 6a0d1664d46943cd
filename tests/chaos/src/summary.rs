//! What a run comes to: its figures, and whether it may count.

use crate::audit::Verdict;
use crate::audit::coverage::Aborts;
use crate::conduct::Done;
use crate::plan::{Cycle, Fault};

/// The figures of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Figures {
    /// How many processes were killed.
    pub kills: u64,
    /// How many of them inside a transaction; with at-least-once, with work that was not committed.
    pub inside: u64,
    /// How often a process's tasks changed.
    pub rebalances: u64,
    /// How often work was aborted.
    pub aborts: u64,
    /// How often a task was opened after a fault.
    pub restores: u64,
    /// How many full disks were noticed.
    pub full: u64,
    /// How many records were fed.
    pub records: u64,
}

impl Figures {
    /// The figures of what was done.
    #[must_use]
    pub fn of(done: &Done, aborts: &Aborts, records: u64) -> Self {
        let inside = done.killed.iter().filter(|number| aborts.died_inside.contains(number)).count();
        Self {
            kills: done.killed.len() as u64,
            inside: inside as u64,
            rebalances: done.lived.rebalances,
            aborts: aborts.aborts,
            restores: done.lived.restores.saturating_sub(done.opened_first),
            full: done.full,
            records,
        }
    }

    /// What happened too seldom for the run to prove anything: less often than in half of the cycles that should bring it
    /// about.
    #[must_use]
    pub fn vacuous(&self, cycles: &[Cycle], records: u64, exactly_once: bool) -> Vec<String> {
        let with = |faults: &[Fault]| cycles.iter().filter(|cycle| faults.contains(&cycle.fault)).count() as u64;
        let kills = with(&[Fault::Kill]);
        let moves = with(&[Fault::Kill, Fault::Pause, Fault::Rolling, Fault::Storm]);
        let mut demands = vec![
            ("kills", self.kills, kills),
            ("kills inside a transaction", self.inside, kills),
            ("rebalances", self.rebalances, moves),
            ("restores", self.restores, moves),
            ("full disks that were noticed", self.full, with(&[Fault::Disk])),
        ];
        if exactly_once {
            demands.push(("aborts", self.aborts, with(&[Fault::Kill, Fault::Pause])));
        }
        let few = demands.into_iter().filter(|(_, found, cycles)| 2 * found < *cycles);
        let mut few: Vec<String> =
            few.map(|(what, found, cycles)| format!("{found} {what} in {cycles} cycles")).collect();
        if self.records < records || records == 0 {
            few.push(format!("{} records instead of {records}", self.records));
        }
        few
    }

    /// The line that ends a run.
    #[must_use]
    pub fn line(&self, verdict: &Verdict) -> String {
        let Self { kills, inside, rebalances, aborts, restores, records, .. } = self;
        let Verdict { lost, doubled, reordered, .. } = verdict;
        format!(
            "{kills} kills ({inside} inside a transaction), {rebalances} rebalances, {aborts} aborts, {restores} restores, \
             {records} records: {lost} lost, {doubled} doubled, {reordered} reordered"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan;

    #[test]
    fn a_run_in_which_too_little_has_happened_is_vacuous() {
        let cycles = plan::cycles(1, 10, &[Fault::Kill]);
        let good = Figures { kills: 11, inside: 5, rebalances: 5, aborts: 5, restores: 5, full: 0, records: 100 };
        let vacuous = |figures: &Figures| figures.vacuous(&cycles, 100, true).len();
        assert_eq!(vacuous(&good), 0);
        assert_eq!(vacuous(&Figures { inside: 4, ..good.clone() }), 1);
        assert_eq!(vacuous(&Figures { rebalances: 4, aborts: 4, ..good.clone() }), 2);
        assert_eq!(vacuous(&Figures { records: 99, ..good.clone() }), 1);
        assert_eq!(vacuous(&Figures::default()), 6);
        assert_eq!(Figures::default().vacuous(&[], 0, true).len(), 1);
    }
}
