//! The engine of Millstream.
//!
//! Modules are declared from the bottom up, in the order in which they depend on each other. Nothing here compiles C:
//! the adapters to Apache Kafka and RocksDB are separate crates, behind the [`log`] and [`state`] ports.
//!
//! Applications depend on `millstream`, which re-exports what they need; adapters depend on this crate.
#![forbid(unsafe_code)]

pub mod aggregates;
mod calendar;
pub mod clock;
pub mod config;
mod drop_reason;
mod error_text;
mod executor;
mod letter_headers;
pub mod private_folder;
mod random;
pub mod record;
pub mod topic;
mod voice;
pub mod windows;
pub mod wire;

pub mod log;
pub mod state;

pub mod client;

mod operators;
pub mod topology;

pub mod dsl;

pub mod runtime;

pub mod query;

pub mod dead_letters;

pub mod testing;

#[cfg(test)]
mod golden;

pub mod prelude;

/// For threads of the other crates that are no application's: what is logged there is printed as on those, if nobody listens.
#[doc(hidden)]
pub use voice::aloud;

/// For the code that the derives generate only.
#[doc(hidden)]
pub mod __private {
    pub use serde_json::Value as JsonValue;

    pub use crate::error_text::write_error;
    pub use crate::wire::json::Json;
    pub use crate::wire::msgpack::MessagePack;
    pub use crate::wire::{Codec, DecodeError, EncodeError, Key, Value, WindowSize};
}
