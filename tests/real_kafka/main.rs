//! Kafka's own clients around our processes: its console producer writes real text, several processes of the
//! `word-count` example share it, its console consumer reads the counts, and coreutils say what they must be.
//!
//! Run with `cargo test -p millstream-tests --test real_kafka`; see `millstream_tests::kafka` for where the
//! broker comes from.

mod console;
mod counters;
mod counting;
mod run;
mod text;
