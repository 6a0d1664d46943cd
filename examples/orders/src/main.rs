//! Orders, event-sourced: commands lead to events, events to tables that are read.
//!
//! `cargo run -p orders` needs a C compiler for SQLite, and nothing else: log, application and server are in one process.
//! `model.rs` has the rules, `topology.rs` how commands become events and tables, `read.rs` the tables in a database, `api.rs` what
//! can be asked.
#![allow(unreachable_pub, reason = "a program has no users; `pub` says what other files may use")]

mod api;
mod history;
mod model;
mod read;
mod topology;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use millstream::cli::{Cli, Command, Place};
use millstream::http::Http;
#[cfg(feature = "rocksdb")]
use millstream::prelude::RocksDb;

use history::At;
use read::Reader;

/// The folder of the embedded log, unless another place is named.
const FOLDER: &str = "orders-data";

/// How many partitions topics on the embedded log have.
const PARTITIONS: u32 = 4;

/// Orders, event-sourced, with tables in SQLite or PostgreSQL
#[derive(Parser)]
#[command(version, disable_help_subcommand = true, args_conflicts_with_subcommands = true)]
struct Arguments {
    #[command(subcommand)]
    verb: Option<Verb>,

    #[command(flatten)]
    serve: Serve,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve until Ctrl-C; also what happens without a command
    Run(Serve),
    /// Print an order as it was, made of its events alone
    State(State),
    /// Fill a table again from its topic, beside the one that is read
    Rebuild(Rebuild),
    #[command(flatten)]
    Other(Command),
}

#[derive(Args)]
struct Serve {
    /// Where the tables are: a file of SQLite, or the address of a PostgreSQL, `postgresql://app@localhost/shop`. Again for
    /// a second database; what is read is in the first one
    #[arg(long, value_name = "WHERE", default_value = "orders.db")]
    sql: Vec<String>,

    /// Serve at this port of this machine, or at the next one that is free
    #[arg(long, default_value_t = 7070)]
    port: u16,

    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct State {
    /// The order
    id: String,

    /// Up to an offset of `order-events`, or a time such as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "OFFSET|TIME", value_parser = At::parse)]
    at: Option<At>,

    #[command(flatten)]
    place: Place,
}

#[derive(Args)]
struct Rebuild {
    table: read::Table,

    /// Where the tables are
    #[arg(long, value_name = "WHERE", default_value = "orders.db")]
    sql: String,

    #[command(flatten)]
    place: Place,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match arguments.verb {
        None => serve(arguments.serve),
        Some(Verb::Run(serve_)) => serve(serve_),
        Some(Verb::State(State { id, at, place })) => cli().with_log(&or_embedded(place), |log| {
            match history::state(log, &id, at.unwrap_or(At::Now))? {
                Some(order) => println!("{}", serde_json::to_string(&order)?),
                None => return Err(format!("there was no order {id}").into()),
            }
            Ok(())
        }),
        Some(Verb::Rebuild(Rebuild { table, sql, place })) => cli().with_log(&or_embedded(place), |log| {
            let records = read::rebuild(table, &read::Place::of(&sql), log)?;
            println!("made of {records} records");
            Ok(())
        }),
        Some(Verb::Other(command)) => cli().execute::<Arguments>(&command),
    }
}

fn cli() -> Cli {
    Cli::new("orders", |_| topology::topology()).creates_topics(PARTITIONS).app(|app| {
        let app = app.exactly_once();
        #[cfg(feature = "rocksdb")]
        let app = app.state_in(RocksDb::default());
        app
    })
}

fn serve(Serve { sql, port, place }: Serve) -> ExitCode {
    let places: Vec<read::Place> = sql.iter().map(|text| read::Place::of(text)).collect();
    let cli = cli().beside(move |app, log| {
        let sinks = places.iter().map(|place| read::start(place, log)).collect::<Result<Vec<_>, _>>()?;
        let reader = Reader::of(places.first().cloned().ok_or("there are no tables")?);
        let routes = api::routes(app, log, reader)?;
        let http = Http::of(app).bind(format!("127.0.0.1:{port}")).routes(routes).start()?;
        println!("orders at {}/orders, tables in {}", http.url(), sql.join(", "));
        Ok((http, sinks))
    });
    cli.run(&or_embedded(place))
}

/// Without a place, an embedded log in a folder.
fn or_embedded(place: Place) -> Place {
    if place.bootstrap_servers.is_none() && place.embedded.is_none() {
        return Place { embedded: Some(PathBuf::from(FOLDER)), ..place };
    }
    place
}
