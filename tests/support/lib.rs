//! What the suites share.

pub mod kafka;
