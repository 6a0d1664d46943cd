//! `cargo xtask bench`: what a record costs. The measuring is done in `benches`; here it is built and started.

mod compare;
mod engine;
mod java;

pub(crate) use compare::{compare, compare_answers};
pub(crate) use engine::engine;
