//! Notifications between users: whoever is told something has a list of it, now and after a restart.
//!
//! `cargo run -p notify` needs only Rust: both servers, the application and the log are in one process. Start with
//! `topology.rs`, which says what becomes of the records; `producer.rs` and `consumer.rs` have the routes. `README.md` has the
//! requests to try.
#![allow(unreachable_pub, reason = "a program has no users; `pub` says what other files may use")]

mod consumer;
mod go;
mod inbox;
mod notification;
mod producer;
mod running;
mod server;
mod stream;
#[cfg(test)]
mod tests;
mod topics;
mod topology;

use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use clap::{Args, Parser, Subcommand};
use millstream::cli::{Cli, Command, CommandPort};
use millstream::log::Log;
use millstream::prelude::*;

use running::{GROUP, say};

/// Notifications between users; without a command, both servers in one process
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// The folder of the embedded log
    #[arg(long, value_name = "FOLDER", default_value = "notify-data", conflicts_with = "bootstrap_servers")]
    embedded: PathBuf,

    /// The port for sending; 0 is any
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    producer_port: u16,

    /// The port for reading; 0 is any
    #[arg(long, value_name = "PORT", default_value_t = 8081)]
    consumer_port: u16,

    #[command(flatten)]
    kafka: OnKafka,
}

#[derive(Subcommand)]
enum Verb {
    /// The server for sending, on Kafka
    Producer {
        /// Its port; 0 is any
        #[arg(long, default_value_t = 8080)]
        port: u16,

        #[command(flatten)]
        kafka: OnKafka,
    },
    /// The application and the server for reading, on Kafka; several divide the users among them
    Consumer {
        /// Its port; 0 is any
        #[arg(long, default_value_t = 8081)]
        port: u16,

        #[command(flatten)]
        kafka: OnKafka,
    },
    #[command(flatten)]
    Other(Command),
}

#[derive(Args)]
struct OnKafka {
    /// The Kafka cluster (needs `--features kafka,rocksdb`)
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,

    /// The folder for state on Kafka; each consumer on a machine needs its own
    #[arg(long, value_name = "FOLDER", default_value = "notify-state")]
    state_dir: PathBuf,
}

/// Anything that ends the program early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (kafka, is_apart) = match &arguments.verb {
        Some(Verb::Other(command)) => {
            let cli = Cli::new(GROUP, |_| topology::topology()).app(running::configured);
            return cli.execute::<Arguments>(command);
        }
        Some(Verb::Producer { kafka, .. } | Verb::Consumer { kafka, .. }) => (kafka, true),
        None => (&arguments.kafka, false),
    };
    let is_built = cfg!(all(feature = "kafka", feature = "rocksdb"));
    match &kafka.bootstrap_servers {
        None if is_apart => {
            return refuse("a server of its own needs a log that processes can share, which is Kafka", true);
        }
        Some(_) if !is_built => return refuse("built without Kafka", false),
        _ => {}
    }
    let outcome = match &arguments.verb {
        Some(Verb::Producer { port, kafka }) => on_kafka(kafka).and_then(|log| produce(&log, *port)),
        Some(Verb::Consumer { port, kafka }) => on_kafka(kafka).and_then(|log| consume(&log, kafka, *port)),
        _ => both(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "notify: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Both servers, and the application between them.
fn both(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { kafka, embedded, producer_port, consumer_port, .. } = arguments;
    // What is not there should be said before anything else is done.
    for port in [producer_port, consumer_port] {
        drop(server::listen(*port)?);
    }
    let log: Arc<dyn Log> = match kafka.bootstrap_servers {
        Some(_) => on_kafka(kafka)?,
        None => Arc::new(Embedded::open(embedded)?),
    };
    let client = running::client(&log)?;
    let app = running::start(&log, kafka.bootstrap_servers.is_some().then_some(&*kafka.state_dir))?;
    app.stop_on_signals()?;
    let handle = app.handle();
    let consumer = running::serve_consumer(&app, client.clone(), *consumer_port)?;
    let producer = running::serve_producer(client, *producer_port)?;
    let port = if kafka.bootstrap_servers.is_none() { CommandPort::open(&app, embedded) } else { None };
    let outcome = app.wait();
    drop((producer, consumer, port));
    say(running::summary(&handle));
    Ok(outcome?)
}

fn produce(log: &Arc<dyn Log>, port: u16) -> Result<(), Failure> {
    let (stop, stopped) = mpsc::channel();
    ctrlc::set_handler(move || {
        // Whoever waited may have ended already.
        let _ = stop.send(());
    })?;
    let server = running::serve_producer(running::client(log)?, port)?;
    // The handler is never dropped, so this ends with a signal.
    let _ = stopped.recv();
    drop(server);
    say("the producer has ended");
    Ok(())
}

fn consume(log: &Arc<dyn Log>, kafka: &OnKafka, port: u16) -> Result<(), Failure> {
    let client = running::client(log)?;
    let app = running::start(log, Some(&kafka.state_dir))?;
    app.stop_on_signals()?;
    let handle = app.handle();
    let server = running::serve_consumer(&app, client, port)?;
    let outcome = app.wait();
    drop(server);
    say(running::summary(&handle));
    Ok(outcome?)
}

#[cfg(all(feature = "kafka", feature = "rocksdb"))]
fn on_kafka(kafka: &OnKafka) -> Result<Arc<dyn Log>, Failure> {
    let servers = kafka.bootstrap_servers.as_deref().ok_or("`--bootstrap-servers` is missing")?;
    Ok(Arc::new(Kafka::at(servers)))
}

#[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
fn on_kafka(_: &OnKafka) -> Result<Arc<dyn Log>, Failure> {
    Err("built without Kafka".into())
}

/// Says which command works.
fn refuse(reason: &str, adds_servers: bool) -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let servers = if adds_servers { " --bootstrap-servers localhost:9092" } else { "" };
    let command = format!("cargo run -p notify --features kafka,rocksdb -- {}{servers}", given.join(" "));
    let _ = writeln!(io::stderr(), "notify: {reason}; run it with\n  {command}");
    ExitCode::from(2)
}
