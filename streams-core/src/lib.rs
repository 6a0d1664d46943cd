//! The engine of Millstream.
//!
//! Modules are declared in reading order: what a record is, how bytes become values, what the user
//! writes, what it means, what it does to one record, how it runs, what it remembers, and where
//! records come from and go. Nothing here is C code: Apache Kafka and RocksDB are adapters in crates
//! of their own, behind the [`log`] and [`state`] ports.
//!
//! This crate is an implementation detail with a public face: applications depend on `millstream`,
//! adapters depend on this crate.
#![forbid(unsafe_code)]

pub mod clock;
pub mod config;
pub mod private_folder;
mod random;
pub mod record;
pub mod topic;
pub mod windows;
pub mod wire;

pub mod log;
pub mod state;

mod operators;
pub mod topology;

pub mod dsl;

pub mod runtime;

pub mod testing;

pub mod prelude;

/// What the derives' code refers to. Not for use by hand.
#[doc(hidden)]
pub mod __private {
    pub use crate::wire::json::Json;
    pub use crate::wire::msgpack::MessagePack;
    pub use crate::wire::{Codec, DecodeError, EncodeError, Key, Value};
}
