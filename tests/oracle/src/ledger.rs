//! The ledger: a line for each run that was recorded, only ever added to. Together they say how many cases have been
//! compared.

use std::fs::{OpenOptions, read_to_string};
use std::io::{self, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// One run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The day, as `2026-08-27`.
    pub date: String,
    /// The seed.
    pub seed: u64,
    /// How many cases.
    pub cases: u64,
    /// The only family, if there was only one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// In how many both sides did the same.
    pub passed: u64,
    /// In how many they did not.
    pub failed: u64,
}

/// Adds a run.
///
/// # Errors
/// When the file cannot be written.
pub fn add(file: &Path, entry: &Entry) -> io::Result<()> {
    let mut ledger = OpenOptions::new().create(true).append(true).open(file)?;
    writeln!(ledger, "{}", serde_json::to_string(entry)?)
}

/// The numbers of cases that passed and that failed, over all runs.
///
/// # Errors
/// When the file cannot be read, or a line is not an [`Entry`].
pub fn totals(file: &Path) -> io::Result<(u64, u64)> {
    let mut totals = (0, 0);
    for line in read_to_string(file)?.lines() {
        let entry: Entry = serde_json::from_str(line)?;
        totals.0 += entry.passed;
        totals.1 += entry.failed;
    }
    Ok(totals)
}
