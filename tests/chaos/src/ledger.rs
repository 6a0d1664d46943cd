//! The ledger: a line for each run that was recorded, only ever added to. Together they say how often processes were killed
//! and what was found.

use std::fs::{OpenOptions, read_to_string};
use std::io::{self, Write as _};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use streams_core::record::Timestamp;

/// One run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The day, as `2026-08-27`.
    pub date: String,
    /// The version of the library.
    pub version: String,
    /// The topology.
    pub topology: String,
    /// The guarantee.
    pub guarantee: String,
    /// The kinds of faults.
    pub faults: String,
    /// How many brokers.
    pub brokers: usize,
    /// The seed.
    pub seed: u64,
    /// How many cycles.
    pub cycles: usize,
    /// How many records were fed.
    pub records: i64,
    /// How many processes were killed.
    pub kills: u64,
    /// How many of them inside a transaction; with at-least-once, with work that was not committed.
    pub inside: u64,
    /// How often a process's tasks were taken away or assigned.
    pub rebalances: u64,
    /// How often work was aborted.
    pub aborts: u64,
    /// How often a task was opened and restored after a fault.
    pub restores: u64,
    /// Lost records or effects of records.
    pub lost: u64,
    /// Doubled ones.
    pub doubled: u64,
    /// Those that are out of order.
    pub reordered: u64,
    /// All errors.
    pub errors: u64,
}

/// Today's date, as [`Entry::date`] has it.
#[must_use]
pub fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(0)).to_string().chars().take(10).collect()
}

/// Adds a run.
///
/// # Errors
/// When the file cannot be written.
pub fn add(file: &Path, entry: &Entry) -> io::Result<()> {
    let mut ledger = OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(ledger, "{}", serde_json::to_string(entry)?)
}

/// All runs.
///
/// # Errors
/// When the file cannot be read, or a line is not an [`Entry`].
pub fn read(file: &Path) -> io::Result<Vec<Entry>> {
    read_to_string(file)?.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_added_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("ledger.jsonl");
        let entry = Entry { date: "2026-08-27".into(), seed: 4, ..Entry::default() };
        add(&file, &entry).expect("added");
        add(&file, &Entry { seed: 5, ..entry.clone() }).expect("added");
        assert_eq!(read(&file).expect("entries"), [entry.clone(), Entry { seed: 5, ..entry }]);
    }

    #[test]
    fn no_recorded_run_has_found_anything_wrong() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("ledger.jsonl");
        for entry in read(&file).expect("the ledger") {
            assert_eq!((entry.lost, entry.reordered, entry.errors), (0, 0, 0), "{entry:?}");
            assert!(entry.doubled == 0 || entry.guarantee == "at_least_once", "{entry:?}");
        }
    }
}
