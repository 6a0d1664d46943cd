//! Handlers: asynchronous work on each record. See [`KStream::handle`](super::KStream::handle).
//!
//! The names have a separate module, because programs with handlers need them and other programs do not.

pub use crate::operators::handler::{GiveUp, HandlerMetrics, Job, JobId, Permanent, Retry};
