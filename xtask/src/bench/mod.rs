//! `cargo xtask bench`: the cost of a record. `benches` does the measuring; this module builds and starts it.

mod compare;
mod engine;
mod operators;
mod recovery;
mod serving;

pub(crate) use compare::{compare, compare_answers};
pub(crate) use engine::engine;
pub(crate) use operators::operators;
pub(crate) use recovery::recovery;
pub(crate) use serving::serving;
