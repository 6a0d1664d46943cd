//! What it costs to serve state over HTTP: CPU per point query, from memory and from RocksDB, and what a thousand streams of
//! changes cost the worker that makes them.
//!
//! The server is a process of its own, so its CPU can be told from that of whoever asks. Queries come from `wrk`, and some are
//! compared with what was written before any is measured. Streams are followed by this process; in the end each must have the
//! value that its key was last given.

mod application;
mod cpu;
mod points;
mod server;
mod streams;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};

type Failure = Box<dyn std::error::Error>;

/// Measures what it costs to serve state over HTTP.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Point queries
    Points {
        /// How many rows the store has
        #[arg(long, default_value_t = 1_000_000)]
        keys: i64,
        /// How many connections ask at once
        #[arg(long, default_value_t = 16)]
        connections: usize,
        #[arg(long, default_value_t = 10)]
        seconds: u64,
    },
    /// Streams of changes, one key each
    Streams {
        #[arg(long, default_value_t = 1_000)]
        subscribers: i64,
        /// How often a second each key changes. Streams are told ten times a second at most
        #[arg(long, default_value_t = 100)]
        updates: u64,
        #[arg(long, default_value_t = 10)]
        seconds: u64,
        /// How often to measure with and without subscribers
        #[arg(long, default_value_t = 2)]
        pairs: usize,
    },
    /// The process that serves
    #[command(hide = true)]
    Serve { state: State, keys: i64 },
}

/// Where the store is.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum State {
    Memory,
    Rocksdb,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().what {
        What::Points { keys, connections, seconds } => points::measure(keys, connections, seconds),
        What::Streams { subscribers, updates, seconds, pairs } => {
            streams::measure(subscribers, updates, seconds, pairs)
        }
        What::Serve { state, keys } => application::serve(state, keys),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("serving: {error}");
            ExitCode::FAILURE
        }
    }
}
