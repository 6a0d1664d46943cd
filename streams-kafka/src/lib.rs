//! Apache Kafka for Millstream: the log port over librdkafka.
//!
//! ```
//! use millstream::log::Log;
//! use millstream::prelude::*;
//!
//! let kafka = Kafka::at("localhost:9092").set("producer.compression.type", "lz4");
//! assert_eq!(kafka.describe(), "Apache Kafka at localhost:9092");
//! ```
//!
//! Reading, writing and membership are separate: a *consumer* reads the partitions it is told to read and joins no group,
//! a *producer* writes (in transactions or not), and one *member* per process joins the group and reads nothing. Commits
//! carry the member's generation, so a member that has been replaced cannot commit (KIP-447).
//!
//! No call waits for a broker. librdkafka's blocking calls run on separate threads that ring the doorbell.
//!
//! # Limits
//! * A record with timestamp 0 (the first millisecond of 1970) is written with 1, because librdkafka reads 0 as "now".
//! * A producer has two requests per broker in flight, at most one per partition. If round trips take long, raise
//!   `producer.max.in.flight.requests.per.connection` (to at most 5).
//! * Kafka 2.5 or later is required (KIP-447); the suites run on 4.x.

#![deny(unsafe_code)]

mod admin;
mod admin_client;
mod committer;
mod consumer;
mod damage;
mod delivery;
mod errors;
mod fencing;
mod helper;
mod logging;
mod member;
mod native;
mod producer;
mod reasons;
mod servers;
mod setting_errors;
mod settings;
mod sizes;
mod transaction;

pub use settings::Kafka;

/// The version of librdkafka that this is built with, such as `2.12.1`.
///
/// ```
/// assert!(millstream::kafka::librdkafka_version().starts_with("2."));
/// ```
#[must_use]
pub fn librdkafka_version() -> String {
    rdkafka::util::get_rdkafka_version().1
}
