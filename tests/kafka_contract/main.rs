//! The log contract, and what the Kafka adapter promises beyond it, on a real broker.
//!
//! Run with `cargo test -p millstream-tests --test kafka_contract`; `millstream_tests::kafka` says where the broker comes
//! from.

mod bench;
mod client;
mod contract;
mod cuts;
mod damage;
mod expired;
mod fellows;
mod grown;
mod isolation;
mod outages;
mod reading;
mod replicas;
mod sessions;
mod short_of_replicas;
mod times;
