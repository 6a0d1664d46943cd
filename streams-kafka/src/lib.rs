//! Apache Kafka for Millstream: the log port over librdkafka.
//!
//! ```
//! use streams_core::log::Log;
//! use streams_kafka::Kafka;
//!
//! let kafka = Kafka::at("localhost:9092").set("producer.compression.type", "lz4");
//! assert_eq!(kafka.describe(), "Apache Kafka at localhost:9092");
//! ```
//!
//! Reading, writing and membership are apart: a *consumer* reads the partitions it is told to read and joins
//! no group, a *producer* writes (in transactions or not), and one *member* per process joins the group and
//! reads nothing. Commits carry the member's generation, so whoever has been replaced commits nothing
//! (KIP-447).
//!
//! No call waits for a broker. What librdkafka offers only as a blocking call runs on a thread of its own
//! and rings the doorbell.
//!
//! # Limits
//! * A record with the timestamp 0 (the first millisecond of 1970) is written with 1: librdkafka reads 0 as
//!   "now".
//! * A producer has two requests per broker under way, one per partition at most. Where a round trip takes long, raise
//!   `producer.max.in.flight.requests.per.connection` (5 at most).
//! * Kafka 2.5 or later (KIP-447); 4.x is what the suites run against.

#![deny(unsafe_code)]

mod admin;
mod committer;
mod consumer;
mod delivery;
mod errors;
mod helper;
mod logging;
mod member;
mod native;
mod producer;
mod servers;
mod setting_errors;
mod settings;
mod transaction;

pub use settings::Kafka;

/// The version of librdkafka this is built with, such as `2.12.1`.
///
/// ```
/// assert!(streams_kafka::librdkafka_version().starts_with("2."));
/// ```
#[must_use]
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}
