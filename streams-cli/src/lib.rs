//! The command line of an application: the program that defines a topology is also the tool that describes it, shows what is
//! in its topics with its own types, sends records, and says how far it has come.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use millstream::cli::Cli;
//! use millstream::prelude::*;
//!
//! const ORDERS: Topic<String, i64> = Topic::new("orders");
//! const LARGE: Topic<String, i64> = Topic::new("large-orders");
//!
//! fn topology() -> Result<Topology, TopologyError> {
//!     let builder = StreamsBuilder::new();
//!     builder.stream(ORDERS).filter(|_, cents| *cents >= 1_000).to(LARGE);
//!     builder.build()
//! }
//!
//! fn main() -> ExitCode {
//!     Cli::new("orders", |_| topology()).main()
//! }
//! ```
//!
//! ```text
//! orders describe
//! orders run --embedded data
//! orders send orders --key ada 1500 --embedded data
//! orders tail large-orders --from beginning --embedded data
//! orders lag --bootstrap-servers localhost:9092
//! ```
//!
//! Without a command it runs the application. `--help` lists all commands and options; with `--json`, each command
//! prints JSON.
//!
//! With the feature `http`, an application that `run` has started on an embedded log answers the commands of other terminals, and
//! `store` looks into its stores; a program that starts its application by itself opens a `CommandPort` for that.
//!
//! Settings come in layers, the later ones first: the command line (`-X name=value`), the environment (`KSTREAM_..`), files
//! (`--config`), and the program's own code ([`Cli::config`]). `config` shows what results, and where each setting came from.
#![forbid(unsafe_code)]

mod arguments;
mod ask;
mod config;
mod describe;
mod dlq;
mod failure;
mod interrupt;
mod lag;
mod output;
mod place;
mod program;
mod reset;
#[cfg(feature = "http")]
mod running;
mod send;
mod shapes;
mod store;
mod tail;
mod topics;

pub use clap;

pub use arguments::{Command, Place};
pub use program::Cli;
#[cfg(feature = "http")]
pub use running::CommandPort;
