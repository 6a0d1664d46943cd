//! Logs of many services: errors and latencies per minute, errors that were never seen before, alerts, metrics for Prometheus.
//!
//! `cargo run -p logs` needs only Rust: lines, log, application and page are in one process. Start with `topology/mod.rs`;
//! `README.md` explains what is shown.
#![allow(unreachable_pub, reason = "a program has no users; `pub` says what other files may use")]

mod check;
mod generator;
mod line;
mod metrics;
mod notify;
mod place;
mod run;
mod signature;
mod topology;
mod web;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;

use notify::{Notifier, Webhook};
use place::Place;
use run::{Plan, Stop, run, say};
use topology::Alerting;

/// Logs of many services: errors, latencies, alerts
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many lines are written in a second; with 0 only what comes by POST /logs
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=100_000))]
    rate: u64,

    /// Determines what they are
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,

    /// End after this many seconds; the exit code is 0 if everything was found
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,

    /// POST alerts there; without it they are printed
    #[arg(long, value_name = "URL", value_parser = Webhook::parse)]
    webhook: Option<Webhook>,

    /// How long the webhook may take to answer, in seconds
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    webhook_timeout: Duration,

    /// How often an alert is sent before it is given up and becomes a dead letter; 20 take about an hour
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    webhook_attempts: u32,

    /// After an alert, others of the same service are silenced so long, in seconds
    #[arg(long, value_name = "S", default_value = "60", value_parser = seconds)]
    silence: Duration,

    /// So many errors of a service in a minute are an alert
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(i64).range(1..))]
    burst: i64,

    /// Serve the page at this port of this machine, or at the next one that is free; 0 is any
    #[arg(long, value_name = "PORT", default_value_t = 7070)]
    port: u16,

    /// The folder of the embedded log, which the next run goes on with
    #[arg(long, value_name = "FOLDER", default_value = "logs-data", conflicts_with = "bootstrap_servers")]
    embedded: PathBuf,

    /// Run on this Kafka cluster (needs `--features kafka,rocksdb`)
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,

    /// Names the application on Kafka: its group and its internal topics
    #[arg(long, value_name = "NAME", default_value = "logs", requires = "bootstrap_servers")]
    application_id: String,
}

/// Anything that ends a run early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.bootstrap_servers.is_some() && !cfg!(all(feature = "kafka", feature = "rocksdb")) {
        let given: Vec<String> = std::env::args().skip(1).collect();
        eprintln!(
            "logs: built without Kafka; run it with\n  cargo run -p logs --features kafka,rocksdb -- {}",
            given.join(" ")
        );
        return ExitCode::from(2);
    }
    match try_main(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("logs: {error}");
            ExitCode::FAILURE
        }
    }
}

fn try_main(arguments: &Arguments) -> Result<bool, Failure> {
    let stop = Arc::new(Stop::default());
    let asked = Arc::clone(&stop);
    // The first signal ends the run, the second the process.
    ctrlc::set_handler(move || {
        if asked.ask() {
            std::process::exit(130);
        }
    })?;
    let alerting = Alerting {
        burst: arguments.burst,
        silence: arguments.silence,
        attempts: arguments.webhook_attempts,
        timeout: arguments.webhook_timeout,
        notifier: arguments.webhook.clone().map_or(Notifier::Lines(say), Notifier::Webhook),
    };
    let Arguments { seed, rate, seconds: time, port, .. } = *arguments;
    run(&Plan { seed, rate, time, port, alerting }, &place(arguments)?, &stop)
}

fn place(arguments: &Arguments) -> Result<Place, Failure> {
    match &arguments.bootstrap_servers {
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        Some(servers) => Ok(Place::kafka(servers, &arguments.application_id)),
        _ => Place::embedded(&arguments.embedded),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration >= Duration::from_millis(1))
        .ok_or_else(|| "it must be a millisecond or more".to_owned())
}
