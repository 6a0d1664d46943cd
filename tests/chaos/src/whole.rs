//! All audits of a run that can be made from the broker's log.

use std::collections::BTreeMap;

use streams_core::log::{Isolation, Log};

use crate::audit::coverage::{self, Aborts, Testified};
use crate::audit::outputs::{RowKey, check_growth, check_pairs, check_rows, rows};
use crate::audit::{Record, Verdict, commits, read};
use crate::events::PARTITIONS;
use crate::expected::{Input, hops, joined};
use crate::numbers::Totals;
use crate::topologies::{Kind, WITNESS, topic_name};

/// What a run has left in the log.
#[derive(Debug, Clone, Default)]
pub struct Traces {
    /// The records of each input, in the order of [`Kind::inputs`].
    pub inputs: Vec<Vec<Record>>,
    /// The committed testimonies.
    pub witness: Vec<Testified>,
    /// All testimonies.
    pub all_witness: Vec<Testified>,
    /// The committed records of each output, in the order of [`Kind::outputs`].
    pub outputs: Vec<Vec<Record>>,
    /// The committed records of the changelogs, in the order of [`Kind::stores`].
    pub changelogs: Vec<Vec<Record>>,
}

impl Traces {
    /// Reads them.
    ///
    /// # Errors
    /// When there are records that nobody should have written.
    pub fn read(log: &dyn Log, kind: Kind, id: &str) -> Result<Self, String> {
        let read = |end: &str, isolation| read::topic(log, &topic_name(id, end), PARTITIONS, isolation);
        let committed = |ends: &[&str]| ends.iter().map(|end| read(end, Isolation::ReadCommitted)).collect();
        let changelogs: Vec<String> = kind.stores().iter().map(|store| format!("{store}-changelog")).collect();
        Ok(Self {
            inputs: committed(kind.inputs()),
            witness: coverage::testimonies(&read(WITNESS, Isolation::ReadCommitted))?,
            all_witness: coverage::testimonies(&read(WITNESS, Isolation::ReadUncommitted))?,
            outputs: committed(kind.outputs()),
            changelogs: committed(&changelogs.iter().map(String::as_str).collect::<Vec<_>>()),
        })
    }

    /// What became of transactions.
    #[must_use]
    pub fn aborts(&self) -> Aborts {
        coverage::aborts(&self.all_witness, &self.witness)
    }

    /// S1 and S2.
    #[must_use]
    pub fn check(&self, kind: Kind, once: bool) -> Verdict {
        let mut verdict = coverage::check(&self.witness, &self.inputs, once);
        match self.check_outputs(kind, once) {
            Ok(found) => verdict.add(found),
            Err(error) => verdict.error(error),
        }
        verdict
    }

    fn check_outputs(&self, kind: Kind, once: bool) -> Result<Verdict, String> {
        let input = |record: &Record| Input::of(record).ok_or_else(|| format!("no input: {record:?}"));
        let inputs = self.inputs.iter().map(|records| records.iter().map(input).collect());
        let inputs = inputs.collect::<Result<Vec<Vec<Input>>, String>>()?;
        let empty = Vec::new();
        let output = |number: usize| self.outputs.get(number).unwrap_or(&empty);
        let changelog = |number: usize| self.changelogs.get(number).unwrap_or(&empty);
        let mut verdict = Verdict::default();
        match (kind, inputs.as_slice()) {
            (Kind::Joined, [left, right]) => {
                verdict.add(check_pairs(output(0), &joined::pairs(left, right), once));
                let session = |(key, totals): ((i64, i64, i64), Totals)| (vec![key.0, key.1, key.2], totals);
                let sessions = joined::sessions(left).into_iter().map(session).collect();
                // After a crash, at-least-once does not repeat the tombstone of a session that has become another one.
                verdict.add(check_rows("sessions", &rows(output(1))?, &sessions, once, !once));
                verdict.add(check_rows("the changelog of sessions", &rows(changelog(0))?, &sessions, once, false));
            }
            (Kind::Hops, [events]) => {
                let tables = [("mids", hops::mids(events)), ("tops", hops::tops(events))];
                for (number, (what, expected)) in tables.into_iter().enumerate() {
                    let expected: BTreeMap<RowKey, Totals> =
                        expected.into_iter().map(|(key, totals)| (vec![key], totals)).collect();
                    verdict.add(check_rows(what, &rows(output(number))?, &expected, once, false));
                    let logged = rows(changelog(number))?;
                    verdict.add(check_rows(&format!("the changelog of {what}"), &logged, &expected, once, false));
                }
                if once {
                    verdict.add(check_growth("mids", output(0)));
                }
            }
            _ => verdict.error("not the inputs of this application"),
        }
        Ok(verdict)
    }

    /// S3, and under at-least-once A2, with the records of the broker's topic of positions: as these only rise, and every process
    /// begins at one of them, no more is done again than what was done since the last one.
    #[must_use]
    pub fn check_commits(&self, kind: Kind, id: &str, positions: &[Record], once: bool) -> Verdict {
        let end = |records: &[Record], partition: i32| {
            let of_partition = records.iter().filter(|record| record.partition == partition);
            of_partition.map(|record| record.offset + 1).max().unwrap_or(0)
        };
        let partitions = || (0..PARTITIONS).map(|partition| i32::try_from(partition).unwrap_or(0));
        let ends = |records: &Vec<Record>| partitions().map(|partition| end(records, partition)).collect();
        let names = kind.inputs().iter().map(|end| topic_name(id, end));
        let inputs: Vec<(String, Vec<i64>)> = names.zip(self.inputs.iter().map(ends)).collect();
        // Under at-least-once, a process that stands still may testify after its successor has begun.
        let begun = if once { coverage::handovers(&self.witness) } else { coverage::beginnings(&self.witness) };
        commits::check(&commits::of_group(positions, id), &inputs, &begun)
    }
}
