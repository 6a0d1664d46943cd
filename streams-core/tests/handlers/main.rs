//! `handle`: asynchronous work on each record. Exactly-once on several partitions, with caches, unless a test is about
//! something else.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod backpressure;
mod building;
mod crashes;
mod failures;
mod order;
mod random;
mod retry_topics;
mod service;
mod success;
mod threads;
mod traps;
mod validated;
mod validation;
