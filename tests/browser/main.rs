//! The dashboard in a browser: what a person sees, presses and reads.
//!
//! `chromium.rs` drives a browser over its own protocol. What is looked at is a small shop (`application.rs`), where one thing is
//! tried at a time, and the example `pulse` (`pulse.rs`), where everything is tried as its README says (`visit.rs`). With `MILLSTREAM_SHOTS`
//! set to a folder, every tab is also saved there as a picture.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod application;
mod chromium;
mod dashboard;
mod layouts;
mod pulse;
mod visit;
