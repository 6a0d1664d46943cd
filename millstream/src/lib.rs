#![doc = include_str!("../../README.md")]
//!
//! # Where things are
//!
//! [`prelude`] has the names that nearly every program needs. Topologies are written with [`dsl`], and with windows from
//! [`windows`]; [`dsl::processor`] is for your own code between streams, with stores and with calls as time passes.
//! [`client`] is for programs that only write and read topics. [`testing`] has the test driver, [`config`] the settings. [`wire`] is for your own codecs; [`log`] and [`state`] are
//! for adapters to other logs and stores.
//!
//! [`macro@Value`] and [`macro@Key`] are also derives: they give your own type a wire format, for instance with
//! `#[streams(json)]`, which needs `serde` with its feature `derive` in addition to this crate.
#![forbid(unsafe_code)]

#[doc(hidden)]
pub use streams_core::__private;
#[doc(inline)]
pub use streams_core::{
    client, clock, config, dsl, log, private_folder, record, runtime, state, testing, topic, topology, windows, wire,
};
// For the tests of adapters.
#[doc(no_inline)]
pub use streams_core::{log_contract, store_contract};
#[cfg(feature = "kafka")]
#[doc(inline)]
pub use streams_kafka as kafka;
#[doc(inline)]
pub use streams_macros::{Key, Value};
#[cfg(feature = "rocksdb")]
#[doc(inline)]
pub use streams_rocksdb as rocksdb;

/// The names that nearly every program needs: `use millstream::prelude::*`.
pub mod prelude {
    #[doc(no_inline)]
    pub use streams_core::prelude::*;
    #[cfg(feature = "kafka")]
    #[doc(no_inline)]
    pub use streams_kafka::Kafka;
    // The derives have the same names as their traits.
    pub use streams_macros::{Key, Value};
    #[cfg(feature = "rocksdb")]
    #[doc(no_inline)]
    pub use streams_rocksdb::RocksDb;
}
