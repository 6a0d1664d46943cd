//! Carries the committed records of a topic to a target outside the log.
//!
//! Several processes may run the same sink: they are members of a group that is named after it, and divide the topic's
//! partitions. Records of a partition reach the target in order.
//!
//! **How often a record arrives.** A target that keeps the position together with the data, as a database does in one
//! transaction, gets every record exactly once, whatever is killed: after a crash it says itself how far it is. With any other
//! target the group's position is committed after the records are safe there, so some may arrive again after a crash.
//!
//! **What is carried.** Only what is committed: records of transactions that are open or were aborted never arrive.
//!
//! `target.rs` is the port that targets implement, `worker.rs` the loop, `share.rs` a partition that it carries,
//! `progress.rs` what others may see of it.

mod error;
mod options;
mod patience;
mod progress;
mod running;
mod share;
mod target;
#[cfg(test)]
mod tests;
mod worker;

pub use error::SinkError;
pub use options::{OnRefused, Sink};
pub use progress::{Positions, Trouble};
pub use running::RunningSink;
pub use target::{Target, TargetError};
