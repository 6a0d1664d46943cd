//! What a user sees who feeds an application something bad: every row of the table is a test that goes the way a
//! user goes (configuration, DSL, `App` on an embedded log, test driver).
//!
//! One file per theme: `names.rs` (settings and names), `topics.rs` (topics that are missing or of another
//! shape), `gone.rs` (topics that were deleted), `positions.rs` (positions that do not exist), `records.rs` (records that cannot be read or used),
//! `state.rs` (folders and their content).
//!
//! What all have in common: the message names the topic, partition, offset, store or setting and the next step,
//! and nothing is skipped, reset or created silently.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod gone;
mod names;
mod positions;
mod records;
mod state;
mod topics;
mod world;
