//! The program of the test `asking`, which asks it over HTTP: it counts events by key until its input ends or it is killed.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;

const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

#[derive(Parser)]
struct Arguments {
    /// The addresses of the brokers
    servers: String,
    /// Names the application and, with `-events` appended, its input
    id: String,
    state_dir: PathBuf,
    /// Where to answer
    address: String,
    #[arg(long, default_value_t = 6)]
    session_timeout_s: u64,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("ask-app: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let events: Topic<String, i64> = Topic::named(format!("{}-events", arguments.id))?;
    let builder = StreamsBuilder::new();
    builder.stream(events).group_by_key().count().stored_as(COUNTS);
    let running = App::new(&arguments.id, builder.build()?)
        .exactly_once()
        .state_in(RocksDb::default())
        .state_dir(&arguments.state_dir)
        .session_timeout(Duration::from_secs(arguments.session_timeout_s))
        .on_state_change(|from, to| eprintln!("{from} -> {to}"))
        .start(Kafka::at(&*arguments.servers))?;
    let http = Http::of(&running).bind(&arguments.address).start()?;
    println!("answers at {}", http.address());
    let handle = running.handle();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        handle.stop();
    });
    Ok(running.wait()?)
}
