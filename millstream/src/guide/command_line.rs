//! The command line: the program that defines a topology is also the tool for it.
//!
//! With the feature `cli`, one call in `main` gives a program its commands ([`cli`](crate::cli)):
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use millstream::cli::Cli;
//! # use millstream::prelude::*;
//! # fn topology() -> Result<Topology, TopologyError> { StreamsBuilder::new().build() }
//!
//! fn main() -> ExitCode {
//!     Cli::new("orders", |_| topology()).main()
//! }
//! ```
//!
//! It knows the application's topics and their types, so it prints records as what they are and checks what it sends:
//!
//! | command | |
//! | --- | --- |
//! | `run`, or none | runs the application until Ctrl-C |
//! | `describe` | prints the topology as text, Mermaid, DOT or JSON; `--diff earlier.json` compares, and ends with 1 if state would be lost or misread |
//! | `config` | prints all settings and where each came from, without secrets |
//! | `topics list`, `create`, `describe` | what the application reads and writes, with types, and whether it is there |
//! | `tail TOPIC` | prints records; `--last 10` the last ones, `--from end --follow` those to come, `--key KEY` those of a key |
//! | `send TOPIC VALUE` | writes a record, or one per line of standard input |
//! | `lag` | prints how far the application has come in each partition, how old the next record is, and which member has it; `--watch` again and again |
//! | `dlq list`, `show`, `replay` | the application's [dead letters](super::failures), and how to put them back; `--dry-run` only counts |
//! | `store ls`, `get`, `scan`, `export` | the rows of the running application's stores; `export` writes them to a file, one JSON object per line |
//! | `reset` | deletes the application's state, internal topics and positions, after it has asked, so that it begins anew |
//! | `completions SHELL` | prints a script for `bash`, `zsh` and other shells |
//!
//! All take `--json`. Where the topics are is said by `--bootstrap-servers HOST:PORT` or `--embedded FOLDER`.
//!
//! ```text
//! $ orders send orders --key ada 1500 --embedded data
//! 1 record sent to orders
//! $ orders tail orders --embedded data
//! 0@0     2026-01-31T12:00:00.000Z        ada     1500
//! $ orders send orders --key ada cheap --embedded data
//! orders: the value is not a value of type i64: `cheap` is not such a number: invalid digit found in string; write one such
//! as `42`
//! ```
//!
//! How a key or value is typed and shown is up to its type; see [`Value::to_json`](crate::wire::Value::to_json).
//!
//! # Three terminals
//!
//! An embedded log belongs to one process at a time. With the features `cli` and `http`, that is no obstacle: an application that
//! `run` has started answers the other commands.
//!
//! ```text
//! $ orders topics create --embedded data
//! $ orders run --embedded data                               # the first terminal
//! $ orders tail large-orders --follow --embedded data        # the second
//! $ orders send orders --key ada 1500 --embedded data        # the third
//! $ orders store get orders-per-customer ada --embedded data
//! ada     1       2026-01-31T12:00:00.000Z
//! ```
//!
//! It opens a port on this machine for that, at any free number, and says in the file `port` in the log's folder where that is,
//! with a token that is another one each time. Only this user can read the file. The file goes when the application ends; one that a killed
//! process has left is noticed, and the command opens the log itself. What needs the log for itself, `run` and `reset`, says
//! which process has it. A program that starts its application by itself opens the same port with `CommandPort::open`.
//!
//! `store` asks the process that has the rows. On Kafka, give the application a [server](super::over_http) with the setting
//! `query.server.bind`, which `run` starts, and say `--url http://HOST:PORT`; the token comes from `query.server.token`
//! (`KSTREAM_QUERY_SERVER_TOKEN`), or from `--token`.
