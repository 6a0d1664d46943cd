//! S2: the outputs are what the plain programs have computed.
//!
//! With exactly-once they are equal. With at-least-once nothing may be missing, and what is there more often is counted.

use std::collections::BTreeMap;

use super::{Record, Verdict};
use crate::numbers::{Numbers, Totals};

/// The key of a row: its numbers, as many as its bytes have.
pub type RowKey = Vec<i64>;

/// The rows that records have left, the last of each key.
///
/// # Errors
/// When a record is not a row.
pub fn rows<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<BTreeMap<RowKey, Totals>, String> {
    let mut rows = BTreeMap::new();
    for record in records {
        let (key, totals) = row(record).ok_or_else(|| format!("no row: {record:?}"))?;
        match totals {
            Some(totals) => rows.insert(key, totals),
            None => rows.remove(&key),
        };
    }
    Ok(rows)
}

fn row(record: &Record) -> Option<(RowKey, Option<Totals>)> {
    let totals = match record.value.as_deref() {
        Some(value) => Some(Totals::read(value)?),
        None => None,
    };
    Some((numbers(&record.key)?, totals))
}

fn numbers(bytes: &[u8]) -> Option<RowKey> {
    let (chunks, rest) = bytes.as_chunks::<8>();
    rest.is_empty().then(|| chunks.iter().map(|chunk| i64::from_be_bytes(*chunk)).collect())
}

/// Compares rows. `may_have_more` allows rows that should not be there, such as that of a session whose end was not
/// acknowledged before a crash.
#[must_use]
pub fn check_rows(
    what: &str,
    found: &BTreeMap<RowKey, Totals>,
    expected: &BTreeMap<RowKey, Totals>,
    once: bool,
    may_have_more: bool,
) -> Verdict {
    let mut verdict = Verdict::default();
    if expected.is_empty() {
        verdict.error(format!("vacuous: {what} would be empty"));
    }
    for (key, expected) in expected {
        let found = found.get(key).copied().unwrap_or(Totals::NONE);
        if found == *expected {
            continue;
        }
        let more = found.count() - expected.count();
        let is_more = !once && more > 0 && found.sum() > expected.sum();
        if more > 0 {
            verdict.doubled += more.unsigned_abs();
        } else if !is_more {
            verdict.lost += more.unsigned_abs().max(1);
        }
        if !is_more {
            verdict.error(format!("{what}: the row {key:?} is {:?} instead of {:?}", found.0, expected.0));
        }
    }
    let more = found.iter().filter(|(key, _)| !expected.contains_key(*key));
    for (key, totals) in more.filter(|_| !may_have_more) {
        verdict.error(format!("{what}: there should be no row {key:?}, but it is {:?}", totals.0));
    }
    verdict
}

/// Compares the joined pairs with the expected ones, which are in ascending order.
#[must_use]
pub fn check_pairs(records: &[Record], expected: &[(i64, i64)], once: bool) -> Verdict {
    let mut verdict = Verdict::default();
    if expected.is_empty() {
        verdict.error("vacuous: there would be no pairs");
    }
    let mut times = BTreeMap::<(i64, i64), i64>::new();
    expected.iter().for_each(|pair| *times.entry(*pair).or_default() -= 1);
    let known: BTreeMap<(i64, i64), i64> = times.clone();
    for record in records {
        let Some(Numbers([left, right])) = record.value.as_deref().and_then(Numbers::read) else {
            verdict.error(format!("no pair: {record:?}"));
            continue;
        };
        if !known.contains_key(&(left, right)) {
            verdict.error(format!("{left} and {right} are no pair"));
        }
        *times.entry((left, right)).or_default() += 1;
    }
    for ((left, right), more) in times.into_iter().filter(|(pair, more)| *more != 0 && known.contains_key(pair)) {
        if more < 0 {
            verdict.lost += more.unsigned_abs();
            verdict.error(format!("the pair of {left} and {right} is missing"));
        } else {
            verdict.doubled += more.unsigned_abs();
            if once {
                verdict.error(format!("the pair of {left} and {right} is there {} times", more + 1));
            }
        }
    }
    verdict
}

/// With exactly-once, the totals of a row only grow.
#[must_use]
pub fn check_growth(what: &str, records: &[Record]) -> Verdict {
    let mut verdict = Verdict::default();
    let mut counts = BTreeMap::new();
    for (key, totals) in records.iter().filter_map(row) {
        let count = totals.map_or(0, |totals| totals.count());
        if let Some(before) = counts.insert(key.clone(), count).filter(|before| *before >= count) {
            verdict.reordered += 1;
            verdict.error(format!("{what}: the row {key:?} has {count} records after it had {before}"));
        }
    }
    verdict
}
