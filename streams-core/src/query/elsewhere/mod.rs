//! Rows that other instances have: asks those as well, if somebody carries the questions to them ([`Elsewhere`]).
//!
//! A question that arrives at an instance is answered from that instance's own tasks (`answering.rs`), so it never goes further.
//! `everywhere.rs` follows a store in all instances at once.

mod answering;
mod everywhere;

pub(super) use everywhere::Everywhere;

pub use crate::runtime::queries::elsewhere::{
    Elsewhere, Followed, RemoteAnswer, RemoteError, RemoteNews, RemoteQuestion,
};
