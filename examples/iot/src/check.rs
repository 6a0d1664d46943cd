//! Compares what the application tells with the fold, while it runs and at the end.

use std::collections::BTreeMap;
use std::fmt;

use millstream::client::{ClientError, Received};
use millstream::prelude::*;
use millstream::runtime::Running;

use crate::Failure;
use crate::fold::{Fold, LEVELS};
use crate::following::Following;
use crate::generator::MODELS;
use crate::readings::{Reading, Summary};
use crate::silences::Silences;
use crate::topology::{ALL, BY_GRACE_STORE, Counts, DEVICES_STORE, GRACES, HOURS, MINUTES, READINGS, SECONDS, STATUS};

/// So many examples of what is wrong are told.
const EXAMPLES_MAX: usize = 5;

/// Counts of minutes that are older than this may not be kept any more.
const COUNTS_KEPT_MS: i64 = 5 * 3_600_000;

/// Reads what goes in and what comes out.
pub struct Check {
    readings: Following<String, Reading>,
    levels: [Following<Windowed<String>, Summary>; 3],
    status: Following<String, Option<crate::readings::Status>>,
    /// What must come out.
    pub fold: Fold,
    /// When devices have sent, and what was told of them.
    pub silences: Silences,
    report: Report,
}

/// How the results compare.
#[derive(Debug, Default, Clone)]
pub struct Report {
    /// Readings, and those that were too late for the roll-up.
    pub readings: (u64, u64),
    /// Final results of each level that are right.
    pub finals: [u64; 3],
    /// How many readings count with each grace.
    pub by_grace: Vec<(&'static str, i64)>,
    /// How many devices were told to be offline, to be back, and were forgotten.
    pub told: [usize; 3],
    /// What is not there yet.
    pub missing: Vec<String>,
    /// What should not be.
    pub wrong: Vec<String>,
}

impl Check {
    /// Reads what earlier runs have left in the log.
    pub fn begin(client: &Client) -> Result<Self, ClientError> {
        let mut check = Self {
            readings: Following::new(client, READINGS),
            levels: [SECONDS, MINUTES, HOURS].map(|topic| Following::new(client, topic)),
            status: Following::new(client, STATUS),
            fold: Fold::default(),
            silences: Silences::default(),
            report: Report::default(),
        };
        // What was told of devices then is not judged.
        check.status.read()?;
        check.look()?;
        Ok(check)
    }

    /// Reads what is new, and compares it.
    pub fn look(&mut self) -> Result<&Report, ClientError> {
        // Results first: what they are made of is in the log before them.
        let mut results = Vec::new();
        for (level, topic) in self.levels.iter_mut().enumerate() {
            results.extend(topic.read()?.into_iter().map(|received| (level, received.record)));
        }
        for Received { record, partition, .. } in self.readings.read()? {
            // A model without a unit is a dead letter.
            if let Some((_, unit)) = MODELS.iter().find(|(model, _)| *model == record.value.model) {
                let temperature = unit.millidegrees(record.value.value);
                self.fold.take(partition.partition.0, &record.key, temperature, record.timestamp.0);
            }
        }
        for (level, record) in results {
            let Windowed { key, window } = record.key;
            match self.fold.compare(level, &(key, window.start.0), record.value, record.timestamp.0) {
                Ok(()) => self.report.finals[level] += 1,
                Err(wrong) => self.report.wrong.push(wrong),
            }
        }
        for Received { record, .. } in self.status.read()? {
            self.silences.told(&record.key, record.value);
        }
        self.report.readings = (self.fold.readings, self.fold.too_late);
        Ok(&self.report)
    }

    /// Compares all there is with what must be there by now.
    pub fn judge(&mut self, running: &Running) -> Result<Report, Failure> {
        self.look()?;
        let mut report = self.report.clone();
        report.missing = self.fold.overdue();
        let rows = running.query(&BY_GRACE_STORE)?.all(..).wait()?;
        report.missing.extend(self.compare_counts(&rows));
        for tried in [ALL].into_iter().chain(GRACES) {
            let accepted = rows.iter().map(|(_, counts)| counts.accepted(tried)).sum();
            report.by_grace.push((tried.name, accepted));
        }
        report.told = self.silences.counts();
        let kept = running.query(&DEVICES_STORE)?.all().wait()?.into_iter().map(|(name, _)| name).collect();
        report.wrong.extend(self.silences.wrong(&kept));
        Ok(report)
    }

    /// What of the counts by grace is not as it must be. They may just be on their way.
    fn compare_counts(&self, rows: &[(Windowed<String>, Counts)]) -> Vec<String> {
        let minutes: BTreeMap<i64, &Counts> = rows.iter().map(|(row, counts)| (row.window.start.0, counts)).collect();
        let newest = self.fold.counted.last_key_value().map_or(0, |((minute, _), _)| *minute);
        let recent = self.fold.counted.iter().filter(|((minute, _), _)| *minute > newest - COUNTS_KEPT_MS);
        let compare = |((minute, name), expected): (&(i64, &'static str), &i64)| {
            let tried = [ALL].into_iter().chain(GRACES).find(|tried| tried.name == *name)?;
            let found = minutes.get(minute).map_or(0, |counts| counts.accepted(tried));
            (found != *expected)
                .then(|| format!("minute {minute} has {found} readings with {name}, and not {expected}"))
        };
        recent.filter_map(compare).collect()
    }
}

impl Report {
    /// Whether everything is there that must be, and nothing else.
    pub fn is_right(&self) -> bool {
        self.missing.is_empty() && self.wrong.is_empty()
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (readings, too_late) = self.readings;
        writeln!(f, "{readings} readings, {too_late} of them too late for the roll-up")?;
        let finals = self.finals.iter().zip(LEVELS).map(|(finals, (what, _))| format!("{finals} {what}s"));
        writeln!(f, "final results, each once and as computed: {}", finals.collect::<Vec<_>>().join(", "))?;
        let counts = self.by_grace.iter().map(|(name, readings)| format!("{name} {readings}"));
        writeln!(f, "accepted by grace: {}", counts.collect::<Vec<_>>().join(", "))?;
        let [offline, back, forgotten] = self.told;
        writeln!(f, "devices: {offline} times offline, {back} times back, {forgotten} forgotten")?;
        for wrong in self.missing.iter().chain(&self.wrong).take(EXAMPLES_MAX) {
            writeln!(f, "wrong: {wrong}")?;
        }
        writeln!(f, "results right: {}", if self.is_right() { "yes" } else { "NO" })
    }
}
