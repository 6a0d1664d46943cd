#![doc = include_str!("../../README.md")]
//!
//! # Where things are
//!
//! [`prelude`] is what nearly every program imports. [`dsl`] is what topologies are written with, [`windows`] the
//! windows; [`dsl::processor`] is for code of your own between streams, with stores and with calls as time passes.
//! [`testing`] is the test driver, [`config`] the settings. [`wire`] is for codecs of your own, [`log`] and [`state`]
//! are for adapters to other logs and stores.
//!
//! [`macro@Value`] and [`macro@Key`] are also derives: they give a type of yours its wire format, for instance with
//! `#[streams(json)]`, which needs `serde` with its feature `derive` beside this crate.
//!
//! In the examples on those pages, read `millstream` for `streams_core`.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub use streams_core::__private;
#[doc(inline)]
pub use streams_core::{
    clock, config, dsl, log, private_folder, record, runtime, state, testing, topic, topology, windows, wire,
};
#[cfg(feature = "kafka")]
#[doc(inline)]
pub use streams_kafka as kafka;
#[doc(inline)]
pub use streams_macros::{Key, Value};
#[cfg(feature = "rocksdb")]
#[doc(inline)]
pub use streams_rocksdb as rocksdb;

/// What nearly every program imports: `use millstream::prelude::*`.
pub mod prelude {
    #[doc(no_inline)]
    pub use streams_core::prelude::*;
    #[cfg(feature = "kafka")]
    #[doc(no_inline)]
    pub use streams_kafka::Kafka;
    // The derives share their traits' names.
    pub use streams_macros::{Key, Value};
    #[cfg(feature = "rocksdb")]
    #[doc(no_inline)]
    pub use streams_rocksdb::RocksDb;
}
