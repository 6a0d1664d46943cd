//! Change data capture: the changes of a shop's database, as Debezium writes them, become tables that are joined by foreign key.
//!
//! `cargo run -p cdc` needs only Rust: feed, log, application and page are in one process. Start with `topology/mod.rs`;
//! `README.md` explains what is shown.
#![allow(unreachable_pub, reason = "a program has no users; `pub` says what other files may use")]

mod check;
mod debezium;
mod feed;
mod place;
mod rows;
mod run;
mod topology;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser;

use place::Place;
use run::{Plan, Stop, run};

/// A database's changes, joined by foreign key and compared with the database
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many changes there are after the snapshot
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(0..=1_000_000))]
    changes: u64,

    /// How many of them are written in a second
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,

    /// Determines what they are
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,

    /// End after the comparison; the exit code is 0 if the tables are equal
    #[arg(long)]
    once: bool,

    /// Serve the page at this port of this machine, or at the next one that is free; 0 is any
    #[arg(long, value_name = "PORT", default_value_t = 7070)]
    port: u16,

    /// The folder of the embedded log, which the next run goes on with
    #[arg(long, value_name = "FOLDER", default_value = "cdc-data", conflicts_with = "bootstrap_servers")]
    embedded: PathBuf,

    /// Run on this Kafka cluster (needs `--features kafka,rocksdb`)
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,

    /// Names the application on Kafka: its group and its internal topics
    #[arg(long, value_name = "NAME", default_value = "cdc", requires = "bootstrap_servers")]
    application_id: String,
}

/// Anything that ends a run early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.bootstrap_servers.is_some() && !cfg!(all(feature = "kafka", feature = "rocksdb")) {
        let given: Vec<String> = std::env::args().skip(1).collect();
        eprintln!(
            "cdc: built without Kafka; run it with\n  cargo run -p cdc --features kafka,rocksdb -- {}",
            given.join(" ")
        );
        return ExitCode::from(2);
    }
    match try_main(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("cdc: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_main(arguments: &Arguments) -> Result<bool, Failure> {
    let Arguments { seed, changes, rate, port, once, .. } = *arguments;
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    // The first signal ends the run, the second the process.
    ctrlc::set_handler(move || {
        if asked.ask() {
            std::process::exit(130);
        }
    })?;
    run(Plan { seed, changes, rate, port, once }, &place(arguments)?, &stop)
}

fn place(arguments: &Arguments) -> Result<Place, Failure> {
    match &arguments.bootstrap_servers {
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        Some(servers) => Ok(Place::kafka(servers, &arguments.application_id)),
        _ => Place::embedded(&arguments.embedded),
    }
}
