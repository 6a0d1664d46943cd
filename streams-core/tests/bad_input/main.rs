//! What users see if an application gets bad input. The tests use what users use: configuration, DSL, `App` on an
//! embedded log, and the test driver.
//!
//! There is one file per theme: `names.rs` (settings and names), `topics.rs` (topics that are missing or have another
//! shape), `gone.rs` (topics that were deleted), `full.rs` (disks without space), `grown.rs` (topics that get more partitions), `positions.rs` (positions that do not exist), `records.rs` (records that
//! cannot be read or used), `clocks.rs` (clocks that are set), `renamed.rs` (names that changed between runs), `state.rs` (folders and their contents).
//!
//! In all cases, the message names the topic, partition, offset, store or setting and the next step, and nothing is
//! skipped, reset or created silently.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod changelogs;
mod clocks;
mod damaged;
mod failures;
mod full;
mod gone;
mod grown;
mod names;
mod positions;
mod records;
mod renamed;
mod state;
mod topics;
mod world;
