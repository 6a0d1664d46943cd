//! Publish and subscribe.
//!
//! `cargo run -p pubsub` needs only Rust: what is typed is published to a topic of an embedded log, and a group in the same
//! process receives it. Start with `pubsub.rs`, which is all of it; the other files are about what is typed and printed.
//! `README.md` is a walk through topics, partitions, groups and offsets.
#![allow(unreachable_pub, reason = "a program has no users; `pub` says what other files may use")]

mod assignment;
mod from;
mod http;
mod publisher;
mod pubsub;
mod say;
mod together;

use std::io;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, mpsc};

use clap::{Args, Parser, Subcommand};
use millstream::cli::{Cli, Command, CommandPort};
use millstream::log::Log;
use millstream::prelude::*;

use from::From;
use publisher::Publisher;
use pubsub::{GROUP, Messages, PARTITIONS, TOPIC, subscribe, subscriber};
use say::{say, shown, tell};
use together::Groups;

/// Publish and subscribe; without a command, everything in one process
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    /// A group that receives every message; several groups, each one does
    #[arg(long = "group", value_name = "GROUP", default_values = [GROUP])]
    groups: Vec<String>,

    /// How many subscribers share the partitions in each group
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=50))]
    subscribers: u8,

    /// Where a new group begins: `beginning`, `end`, `offset:42` or `time:2026-01-31T12:00:00Z`
    #[arg(long, value_name = "PLACE", default_value = "beginning")]
    from: From,

    /// The folder of the embedded log
    #[arg(long, value_name = "FOLDER", default_value = "pubsub-data", conflicts_with = "bootstrap_servers")]
    embedded: PathBuf,

    #[command(flatten)]
    sending: Sending,

    #[command(flatten)]
    place: Place,
}

#[derive(Subcommand)]
enum Verb {
    /// Publish lines of standard input, and print where they are; on Kafka
    Publisher {
        #[command(flatten)]
        sending: Sending,

        #[command(flatten)]
        place: Place,
    },
    /// Print messages as they come, until Ctrl-C; on Kafka
    Subscriber {
        /// The group
        #[arg(long, default_value = GROUP)]
        group: String,

        /// Where a new group begins: `beginning`, `end`, `offset:42` or `time:2026-01-31T12:00:00Z`
        #[arg(long, value_name = "PLACE", default_value = "beginning")]
        from: From,

        #[command(flatten)]
        place: Place,
    },
    #[command(flatten)]
    Other(Command),
}

#[derive(Args)]
struct Sending {
    /// The key of each message [default: address- and the broker's address]
    #[arg(long)]
    key: Option<String>,

    /// What is before this character in a line is its key
    #[arg(long, value_name = "C")]
    key_separator: Option<char>,

    /// Take messages over HTTP as well, at this port or the next one that is free
    #[arg(long, value_name = "PORT")]
    http: Option<u16>,
}

#[derive(Args)]
struct Place {
    /// The topic
    #[arg(long, default_value = TOPIC, value_parser = |name: &str| Messages::named(name))]
    topic: Messages,

    /// The Kafka cluster (needs `--features kafka,rocksdb`)
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,
}

/// Anything that ends the program early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let (place, is_apart) = match &arguments.verb {
        Some(Verb::Other(command)) => {
            let topology = |_: &StreamsConfig| subscriber(&Topic::new(TOPIC), From::default().0, |_, _, _| {});
            return Cli::new(GROUP, topology).execute::<Arguments>(command);
        }
        Some(Verb::Publisher { place, .. } | Verb::Subscriber { place, .. }) => (place, true),
        None => (&arguments.place, false),
    };
    let is_built = cfg!(all(feature = "kafka", feature = "rocksdb"));
    match &place.bootstrap_servers {
        None if is_apart => {
            return refuse("processes of their own need a log that they can share, which is Kafka", true);
        }
        Some(_) if !is_built => return refuse("built without Kafka", false),
        _ => {}
    }
    let outcome = match &arguments.verb {
        Some(Verb::Publisher { sending, place }) => publish(sending, place),
        Some(Verb::Subscriber { group, from, place }) => receive(group, *from, place),
        _ => both(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tell(format_args!("pubsub: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Publisher and subscribers in this process.
fn both(arguments: &Arguments) -> Result<(), Failure> {
    let Arguments { sending, place, embedded, .. } = arguments;
    let (log, address): (Arc<dyn Log>, &str) = match &place.bootstrap_servers {
        Some(servers) => (on_kafka(place)?, servers),
        None => (Arc::new(Embedded::open(embedded)?), "embedded"),
    };
    let publisher = publisher(&log, sending, place, address)?;
    let (names, subscribers) = (arguments.groups.clone(), usize::from(arguments.subscribers));
    let groups = Groups { names, subscribers, from: arguments.from }.start(&log, &publisher)?;
    let first = groups.iter().flat_map(|group| &group.subscribers).next();
    let port = first.filter(|_| place.bootstrap_servers.is_none()).and_then(|app| CommandPort::open(app, embedded));
    serve(sending, &publisher)?;
    together::run(groups, publisher, sending.http.is_some())?;
    drop(port);
    Ok(())
}

/// The publisher as a process of its own.
fn publish(sending: &Sending, place: &Place) -> Result<(), Failure> {
    let address = place.bootstrap_servers.as_deref().unwrap_or_default();
    let publisher = publisher(&on_kafka(place)?, sending, place, address)?;
    let (stop, stopped) = mpsc::channel();
    let by_signal = stop.clone();
    ctrlc::set_handler(move || {
        // Whoever waited may have ended already.
        let _ = by_signal.send(Ok(None));
    })?;
    serve(sending, &publisher)?;
    let stays = sending.http.is_some();
    std::thread::Builder::new().name("input".to_owned()).spawn(move || {
        let told = |partition: &millstream::record::TopicPartition, offset: millstream::record::Offset| {
            say(format_args!("{} partition {} offset {offset}", partition.topic, partition.partition));
        };
        let outcome = publisher.lines(io::stdin().lock(), told);
        if outcome.is_err() || !stays {
            let _ = stop.send(outcome.map(Some));
        }
    })?;
    match stopped.recv()?? {
        Some(count) => tell(format_args!("messages published: {count}")),
        None => tell("stopped"),
    }
    Ok(())
}

/// A subscriber as a process of its own.
fn receive(group: &str, from: From, place: &Place) -> Result<(), Failure> {
    let log = on_kafka(place)?;
    create(&Client::new(Arc::clone(&log))?, &place.topic)?;
    let topology = subscriber(&place.topic, from.0, |at, key, text| {
        say(format_args!("{}\t{}\t{}\t{}\t{}", at.topic, at.partition, at.offset, shown(key), shown(text)));
    })?;
    let running = subscribe(&log, group, topology)?;
    running.stop_on_signals()?;
    let (handle, name) = (running.handle(), group.to_owned());
    assignment::follow(running.handle(), place.topic.name(), move |it| say(format_args!("{name} has {it}")));
    let outcome = running.wait();
    let received: u64 = handle.tasks().values().map(|task| task.processed).sum();
    tell(format_args!("messages received by {group} here: {received}"));
    Ok(outcome?)
}

fn publisher(log: &Arc<dyn Log>, sending: &Sending, place: &Place, address: &str) -> Result<Publisher, Failure> {
    let client = Client::new(Arc::clone(log))?;
    create(&client, &place.topic)?;
    let key = sending.key.clone().unwrap_or_else(|| format!("address-{address}"));
    Ok(Publisher { client, topic: place.topic.clone(), key: Some(key), separator: sending.key_separator })
}

/// Creates the topic, unless it is there.
fn create(client: &Client, topic: &Messages) -> Result<(), Failure> {
    match client.create_topic(topic).partitions(PARTITIONS).if_missing().create() {
        // As many as it has are right, too.
        Ok(()) | Err(millstream::client::ClientError::OtherPartitions { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn serve(sending: &Sending, publisher: &Publisher) -> Result<(), Failure> {
    if let Some(asked) = sending.http {
        let port = http::serve(publisher.client.clone(), asked)?;
        let why = if port == asked || asked == 0 { String::new() } else { format!(" (port {asked} is in use)") };
        tell(format_args!(
            "publish with: curl -d Hello http://localhost:{port}/publish/{}{why}",
            publisher.topic.name()
        ));
    }
    Ok(())
}

#[cfg(all(feature = "kafka", feature = "rocksdb"))]
fn on_kafka(place: &Place) -> Result<Arc<dyn Log>, Failure> {
    let servers = place.bootstrap_servers.as_deref().ok_or("`--bootstrap-servers` is missing")?;
    Ok(Arc::new(Kafka::at(servers)))
}

#[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
fn on_kafka(_: &Place) -> Result<Arc<dyn Log>, Failure> {
    Err("built without Kafka".into())
}

/// Says which command works.
fn refuse(reason: &str, adds_servers: bool) -> ExitCode {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let servers = if adds_servers { " --bootstrap-servers localhost:9092" } else { "" };
    let command = format!("cargo run -p pubsub --features kafka,rocksdb -- {}{servers}", given.join(" "));
    tell(format_args!("pubsub: {reason}; run it with\n  {command}"));
    ExitCode::from(2)
}
