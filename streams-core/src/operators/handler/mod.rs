//! `handle`: asynchronous work on each record, such as a call of another service.
//!
//! A record is accepted into a store with a changelog ([`crate::state::in_flight`]), in the transaction that commits its
//! input position. A handler, which is a future on the [executor](crate::executor), then works on it, however long that
//! takes, while no transaction waits for it. When it ends, the worker is rung, and the task sends its value on and deletes
//! the record from the store, again in one transaction. So whatever crashes, each record is handled at least once, and what
//! is made of it is sent exactly once.
//!
//! # When handlers start
//!
//! Under exactly-once, after the commit with which their record was accepted. Until then the work may be undone, and the
//! record may be left out because another operator fails with it, so that it never was there. It is the rule for everything
//! else that leaves a task: it is seen once it is committed. Under at-least-once it is seen at once, and so handlers start
//! at once.
//!
//! # What is undone
//!
//! When work is undone, the task is opened again from its last commit: handlers that run are cancelled, and begin again with
//! what the store has. What they would have sent has no effect, because a task hears of attempts only that it has begun
//! itself: each has a number, and a mailbox that dies with the task.
//!
//! `schedule.rs` says which record is next, `permits.rs` how many handlers run, `attempt.rs` is one of them, and `node.rs`
//! decides what becomes of it. `budget.rs` says how many bytes all of them may hold, `retry.rs` has the pauses, `retry_topics.rs` the topics in which records wait for longer, and
//! `options.rs` what else the program says.

mod attempt;
mod budget;
mod counts;
mod job;
mod node;
#[cfg(test)]
mod node_tests;
mod options;
mod permits;
mod retry;
pub(crate) mod retry_topics;
mod schedule;

pub use attempt::Permanent;
pub(crate) use attempt::{HandleAll, each, together};
pub(crate) use budget::InFlightBudget;
pub use counts::HandlerMetrics;
pub use job::{Job, JobId};
pub(crate) use node::{Attend, Handling, recipe};
pub use options::GiveUp;
pub(crate) use options::{HandlerOptions, Order};
pub use retry::Retry;
