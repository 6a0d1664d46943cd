//! The committed cases with Java's answers: what `cargo xtask oracle --record-vectors` has written.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::fs;

use millstream_oracle::vectors::{self, Checked};

/// Together they stay small enough to be cloned by everybody.
const BYTES_MAX: u64 = 5_000_000;

#[test]
fn every_committed_case_is_answered_as_java_answered_it() {
    let files = vectors::files(&vectors::folder()).unwrap();
    let size: u64 = files.iter().map(|file| fs::metadata(file).unwrap().len()).sum();
    assert!(size <= BYTES_MAX, "{size} bytes");
    let Checked { differing, all } = vectors::check_all(&files).unwrap();
    if let Some((case, difference)) = differing.first() {
        panic!("{} of {all} cases differ; the first: {difference}\n{}", differing.len(), case.to_line());
    }
    assert!(all >= 2_000, "{all} cases");
}
