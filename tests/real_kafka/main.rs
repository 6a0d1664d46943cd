//! Kafka's own clients together with our processes: its console producer writes real text, several processes of the
//! `word-count` example divide it, its console consumer reads the counts, and coreutils compute the correct ones.
//!
//! Run with `cargo test -p millstream-tests --test real_kafka`; `millstream_tests::kafka` says where the broker comes
//! from.

mod commands;
mod console;
mod copy;
mod counters;
mod counting;
mod dead_letters;
mod memory;
mod over_http;
mod replay;
mod run;
mod sizes;
mod text;
