//! Kafka Streams for Rust: you write a typed topology, and it runs as partition-parallel tasks with state that survives
//! crashes, on Apache Kafka, or without a broker on an embedded log in the same process.
//!
//! ```
//! use millstream::prelude::*;
//!
//! const LINES: Topic<(), String> = Topic::new("lines");
//! const COUNTS: Topic<String, i64> = Topic::new("word-counts");
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let builder = StreamsBuilder::new();
//!     builder
//!         .stream(LINES)
//!         .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect())
//!         .group_by(|_, word| word.clone())
//!         .count()
//!         .to_stream()
//!         .to(COUNTS);
//!
//!     let log = Embedded::in_memory(); // or Kafka::at("localhost:9092")
//!     log.send(&LINES, (), "to be or not to be")?;
//!     let summary = App::new("word-count", builder.build()?).run_until_idle(log.clone())?;
//!     println!("{summary}");
//!     for record in log.read(&COUNTS)? {
//!         println!("{}: {}", record.key, record.value);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! ```text
//! millstream: word-count starts: exactly-once on an embedded log in memory, 1 worker, state in memory
//! 1 record in, 4 out, 0.1 s
//! or: 1
//! not: 1
//! to: 2
//! be: 2
//! ```
//!
//! # In a few sentences
//!
//! A **topic** is a named sequence of records, divided into partitions by the records' keys. Read as a **stream**, each of
//! its records is something that happened; read as a **table**, the last record of a key is that key's row. You connect
//! streams and tables with operators, and the result is a **topology**. For each partition there is a **task** that runs
//! it, with **state** of its own; each change of the state is also written to a changelog topic, from which it is restored
//! after a loss. Positions, state and output are committed together. All processes with the same application id divide
//! the tasks among themselves. More of that in [`guide::concepts`].
//!
//! # Where to begin
//!
//! | you want to | read |
//! | --- | --- |
//! | build a first application, step by step | [`guide::tutorial`] |
//! | see all operators | [`dsl`], above all [`KStream`](dsl::KStream) and [`KTable`](dsl::KTable) |
//! | give your own types a format | [`macro@Value`] and [`macro@Key`], the derives |
//! | count per minute | [`windows`] |
//! | write an operator of your own, with stores and timers | [`dsl::processor`] |
//! | call another service or a database for each record | [`guide::handlers`] |
//! | ask a running application for its state | [`guide::queries`], [`query`] |
//! | test a topology | [`testing::TestDriver`]; [`testing::TopologyTestDriver`] compares with Kafka Streams |
//! | read and write topics from outside a topology | [`client`] |
//! | run it: settings, logging, errors, several processes | [`guide::running`], [`config`] |
//! | ask it how it is: probes, lag, Prometheus | [`guide::over_http`], with the feature `http` |
//! | have its results in a database | `sql`, with the feature of that name; `connect` for other targets |
//! | look at its topics and positions from a terminal | `cli`, with the feature of that name, and its chapter of the [`guide`] |
//! | drop duplicates, let rows expire, count by calendar days | [`guide::beyond`], which is what Kafka Streams does not have |
//! | know what is different from Kafka Streams | [`guide::differences`] |
//! | write an adapter to another log or store | [`log`], [`state`] |
//!
//! # Logging
//!
//! Millstream reports through [`tracing`](https://docs.rs/tracing). As long as a program has set no subscriber, what a
//! person must know appears on standard error: what was started, a broker that does not answer, records that were dropped.
//! [`App::quiet`](runtime::App::quiet) turns that off; see [`guide::running`].
//!
//! # What is not there yet
//!
//! Standby tasks, above all. The whole list, with what to use until then, is in [`guide::differences`].
#![forbid(unsafe_code)]

pub mod guide;

/// So that the README's programs are compiled and run, too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}

#[cfg(feature = "cli")]
#[doc(inline)]
pub use streams_cli as cli;
#[cfg(feature = "connect")]
#[doc(inline)]
pub use streams_connect as connect;
#[doc(hidden)]
pub use streams_core::__private;
#[doc(inline)]
pub use streams_core::{
    aggregates, client, clock, config, dead_letters, dsl, log, private_folder, query, record, runtime, state, testing,
    topic, topology, windows, wire,
};
#[cfg(feature = "http")]
#[doc(inline)]
pub use streams_http as http;
#[cfg(feature = "kafka")]
#[doc(inline)]
pub use streams_kafka as kafka;
#[doc(inline)]
pub use streams_macros::{Key, Value};
#[cfg(feature = "rocksdb")]
#[doc(inline)]
pub use streams_rocksdb as rocksdb;
#[cfg(feature = "sql")]
#[doc(inline)]
pub use streams_sql as sql;

// For the tests of adapters; the modules `testing::log_contract` and `testing::store_contract` tell of them.
#[doc(hidden)]
pub use streams_core::{log_contract, store_contract};

/// The names that nearly every program needs: `use millstream::prelude::*`.
pub mod prelude {
    #[doc(no_inline)]
    pub use streams_core::prelude::*;
    #[cfg(feature = "http")]
    #[doc(no_inline)]
    pub use streams_http::Http;
    #[cfg(feature = "kafka")]
    #[doc(no_inline)]
    pub use streams_kafka::Kafka;
    // The derives have the same names as their traits.
    pub use streams_macros::{Key, Value};
    #[cfg(feature = "rocksdb")]
    #[doc(no_inline)]
    pub use streams_rocksdb::RocksDb;
}
