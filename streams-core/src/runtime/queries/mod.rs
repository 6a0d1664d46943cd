//! Questions from outside about an application's stores, on their way to the workers and back.
//!
//! Whoever asks ([`crate::query`]) leaves a [`Question`] at the [`Desk`], which knows which worker has which task. The worker
//! looks into its task's stores for the question, for a short time in each round, and calls it back. Nothing here knows
//! what is asked: a question is a closure that gets to [`look`](Look) at a store, or hears why that is impossible.

mod desk;
pub(crate) mod elsewhere;
mod error;
mod inbox;
mod live;
mod position;
mod question;
mod task_reader;

pub(crate) use desk::{Desk, Floor};
pub use error::QueryError;
pub(crate) use inbox::Inbox;
pub(crate) use live::{LiveBatch, LiveRows, LiveStore};
pub use position::{Position, PositionError};
pub(crate) use question::{Freshness, Look, Question, Wish};
pub(crate) use task_reader::TaskReader;
