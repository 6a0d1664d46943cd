//! Sensor roll-ups in event time: per second, minute and hour, with late readings, and devices that fall silent.
//!
//! `cargo run -p iot` needs only Rust: devices, log, application and page are in one process. Start with `topology/mod.rs`;
//! `README.md` explains what is shown.
#![allow(unreachable_pub, reason = "a program has no users; `pub` says what other files may use")]

mod check;
mod fold;
mod following;
mod generator;
mod place;
mod readings;
mod run;
mod silences;
mod topology;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

use place::Place;
use run::{Plan, Stop, run};

/// Sensor roll-ups in event time, compared with a plain fold of what the sensors have sent
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many devices there are
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    devices: u32,

    /// How much faster than the clock event time passes: at 60, an hour takes a minute
    #[arg(long, value_name = "N", default_value_t = 60, value_parser = clap::value_parser!(u32).range(1..=3_600))]
    fast: u32,

    /// Determines the readings
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,

    /// End after this many seconds
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,

    /// Serve the page at this port of this machine, or at the next one that is free; 0 is any
    #[arg(long, value_name = "PORT", default_value_t = 7070)]
    port: u16,

    /// Keep the log in this folder [default: in memory, gone at the end]
    #[arg(long, value_name = "FOLDER", conflicts_with = "bootstrap_servers")]
    embedded: Option<PathBuf>,

    /// Run on this Kafka cluster (needs `--features kafka,rocksdb`)
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,

    /// Names the application on Kafka: its group and its internal topics
    #[arg(long, value_name = "NAME", default_value = "iot", requires = "bootstrap_servers")]
    application_id: String,
}

/// Anything that ends a run early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.bootstrap_servers.is_some() && !cfg!(all(feature = "kafka", feature = "rocksdb")) {
        let given: Vec<String> = std::env::args().skip(1).collect();
        eprintln!(
            "iot: built without Kafka; run it with\n  cargo run -p iot --features kafka,rocksdb -- {}",
            given.join(" ")
        );
        return ExitCode::from(2);
    }
    match place(&arguments).and_then(|place| begin(&place, &arguments)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("iot: {error}");
            ExitCode::FAILURE
        }
    }
}

fn place(arguments: &Arguments) -> Result<Place, Failure> {
    match &arguments.bootstrap_servers {
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        Some(servers) => Ok(Place::kafka(servers, &arguments.application_id)),
        _ => Place::embedded(arguments.embedded.as_deref()),
    }
}

/// Runs it until `--seconds` are over or the first Ctrl-C, SIGTERM or SIGHUP; the second ends the process.
fn begin(place: &Place, arguments: &Arguments) -> Result<bool, Failure> {
    let stop = Stop::default();
    let asked = stop.clone();
    ctrlc::set_handler(move || {
        if asked.ask() {
            std::process::exit(130);
        }
    })?;
    let plan = Plan {
        devices: arguments.devices as usize,
        fast: i64::from(arguments.fast),
        seed: arguments.seed,
        seconds: arguments.seconds,
        port: arguments.port,
    };
    run(place, plan, &stop)
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "it must be more than 0".to_owned())
}
