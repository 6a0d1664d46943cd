//! S1: the committed testimonies of each partition of the input are its records, each once and in their order. What aborted
//! transactions have left tells who died inside of one.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use super::{Record, Verdict};
use crate::numbers::Numbers;
use crate::topologies::{Testimony, witness_key};

/// A testimony, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Testified {
    /// Which partition of which input it is about.
    pub about: i64,
    /// The number of the process.
    pub process: i64,
    /// The offset of the input's record.
    pub offset: i64,
    /// The id of the input's record.
    pub id: i64,
    /// Where the testimony is.
    pub place: (i32, i64),
}

/// The testimonies of a witness topic, in its order.
///
/// # Errors
/// When there is a record of another kind.
pub fn testimonies(records: &[Record]) -> Result<Vec<Testified>, String> {
    let read = |record: &Record| {
        let about = i64::from_be_bytes(record.key.as_slice().try_into().ok()?);
        let Numbers([process, _, offset, id]) = Testimony::read(record.value.as_deref()?)?;
        Some(Testified { about, process, offset, id, place: (record.partition, record.offset) })
    };
    let read = |record: &Record| read(record).ok_or_else(|| format!("no testimony: {record:?}"));
    records.iter().map(read).collect()
}

/// Compares the committed testimonies with the records of the inputs.
#[must_use]
pub fn check(witness: &[Testified], inputs: &[Vec<Record>], once: bool) -> Verdict {
    let mut verdict = Verdict::default();
    let mut expected = BTreeMap::<i64, Vec<(i64, i64)>>::new();
    for (input, records) in inputs.iter().enumerate() {
        for record in records {
            let id = record.value.as_deref().and_then(|value| value.try_into().ok()).map_or(0, i64::from_be_bytes);
            expected.entry(witness_key(input, record.partition)).or_default().push((record.offset, id));
        }
    }
    if expected.is_empty() {
        verdict.error("vacuous: there was no input");
    }
    let mut seen = BTreeMap::<i64, Vec<(i64, i64)>>::new();
    for testified in witness {
        seen.entry(testified.about).or_default().push((testified.offset, testified.id));
    }
    for about in seen.keys().filter(|about| !expected.contains_key(about)) {
        verdict.error(format!("testimonies about a partition that has no records: {about}"));
    }
    for (about, expected) in expected {
        let seen = seen.get(&about).map_or(&[][..], Vec::as_slice);
        verdict.add(partition(about, seen, &expected, once));
    }
    verdict
}

fn partition(about: i64, seen: &[(i64, i64)], expected: &[(i64, i64)], once: bool) -> Verdict {
    let mut verdict = Verdict::default();
    if seen == expected {
        return verdict;
    }
    let known: BTreeMap<i64, i64> = expected.iter().copied().collect();
    let mut found = HashSet::new();
    let mut highest = -1;
    for (offset, id) in seen {
        if known.get(offset) != Some(id) {
            verdict.error(format!("partition {about}: no record {id} at offset {offset}"));
        } else if !found.insert(*offset) {
            verdict.doubled += 1;
            if once {
                verdict.error(format!("partition {about}: the record at offset {offset} was processed again"));
            }
        } else {
            if *offset < highest {
                verdict.reordered += 1;
                verdict.error(format!("partition {about}: the record at offset {offset} came after that at {highest}"));
            }
            highest = highest.max(*offset);
        }
    }
    for (offset, id) in expected.iter().filter(|(offset, _)| !found.contains(offset)) {
        verdict.lost += 1;
        verdict.error(format!("partition {about}: the record {id} at offset {offset} was not processed"));
    }
    verdict
}

/// What became of transactions, according to the testimonies that only those see who read what is not committed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Aborts {
    /// The processes whose last testimony was aborted: they ended inside a transaction.
    pub died_inside: BTreeSet<i64>,
    /// How often the work of a process was aborted, at least.
    pub aborts: u64,
}

/// Compares all testimonies, committed or not, with the committed ones.
#[must_use]
pub fn aborts(all: &[Testified], committed: &[Testified]) -> Aborts {
    let committed: HashSet<(i32, i64)> = committed.iter().map(|testified| testified.place).collect();
    let mut of_process = BTreeMap::<i64, BTreeMap<i64, Vec<bool>>>::new();
    for testified in all {
        let is_aborted = !committed.contains(&testified.place);
        of_process.entry(testified.process).or_default().entry(testified.about).or_default().push(is_aborted);
    }
    let mut result = Aborts::default();
    for (process, by_partition) in of_process {
        // Several tasks are in one transaction, so only one of them is counted.
        let runs = |fates: &Vec<bool>| fates.chunk_by(|a, b| a == b).filter(|run| run.first() == Some(&true)).count();
        result.aborts += by_partition.values().map(runs).max().unwrap_or(0) as u64;
        if by_partition.values().any(|fates| fates.last() == Some(&true)) {
            result.died_inside.insert(process);
        }
    }
    result
}

/// The processes whose last testimonies another one repeats: they ended with work that was not committed, under at-least-once.
#[must_use]
pub fn died_with_work(witness: &[Testified]) -> BTreeSet<i64> {
    let mut last = BTreeMap::<(i64, i64), i64>::new();
    let mut first_of = BTreeMap::<(i64, i64), Vec<i64>>::new();
    for testified in witness {
        last.insert((testified.about, testified.process), testified.offset);
        let by = first_of.entry((testified.about, testified.offset)).or_default();
        by.push(testified.process);
    }
    let is_repeated = |about: i64, process: i64, offset: i64| {
        let by = first_of.get(&(about, offset)).map_or(&[][..], Vec::as_slice);
        by.iter().skip_while(|other| **other != process).any(|other| *other != process)
    };
    let repeated = last.into_iter().filter(|((about, process), offset)| is_repeated(*about, *process, *offset));
    repeated.map(|((_, process), _)| process).collect()
}

/// The offsets at which one process continues another's work.
#[must_use]
pub fn handovers(witness: &[Testified]) -> BTreeSet<(i64, i64)> {
    let mut by_partition = BTreeMap::<i64, Vec<&Testified>>::new();
    for testified in witness {
        by_partition.entry(testified.about).or_default().push(testified);
    }
    let next = |pair: &[&Testified]| match pair {
        [one, next] if one.process != next.process => Some((next.about, next.offset)),
        _ => None,
    };
    by_partition.values().flat_map(|list| list.windows(2).filter_map(next)).collect()
}

/// Where a process begins to read, at first or anew, unless that is the begin of the partition.
#[must_use]
pub fn beginnings(witness: &[Testified]) -> BTreeSet<(i64, i64)> {
    let mut next = BTreeMap::<(i64, i64), i64>::new();
    let mut found = BTreeSet::new();
    for Testified { about, process, offset, .. } in witness {
        if next.insert((*about, *process), offset + 1) != Some(*offset) && *offset > 0 {
            found.insert((*about, *offset));
        }
    }
    found
}
