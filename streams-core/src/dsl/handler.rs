//! Handlers: asynchronous work on each record. See [`KStream::handle`](super::KStream::handle), and
//! [`KStream::validate`](super::KStream::validate) for what should come before it.
//!
//! The names have a separate module, because programs with handlers need them and other programs do not.

pub use crate::operators::handler::{GiveUp, HandlerMetrics, Job, JobId, Permanent, Retry};
pub use crate::operators::rules::HasRules;
pub use crate::operators::validate::Violation;
