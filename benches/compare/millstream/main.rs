//! This engine's side of the comparison: runs a topology until it has processed a number of records, then shuts it down
//! cleanly.
//!
//! Its command line and its output are the same as those of the Java program beside it, so the rig need not know which of
//! the two it runs. It prints `running` once all its tasks are running, `warm N` once it has processed N records, at least
//! two fifths of all, and `closed` once everything is committed.

mod topologies;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use millstream::prelude::*;
use millstream::runtime::Running;

use topologies::topology;

type Failure = Box<dyn std::error::Error>;

/// How often to check whether it is done.
const POLL: Duration = Duration::from_millis(50);

/// One side of `cargo xtask bench compare`.
#[derive(Parser)]
struct Arguments {
    /// The application's settings, by Kafka Streams' names
    settings: PathBuf,
    /// The topology to run
    topology: String,
    /// The number of records to process
    records: u64,
    /// The topic to write to
    output: String,
    /// The topics to read: a stream, and a table if the topology has one
    #[arg(required = true)]
    inputs: Vec<String>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("compare-millstream: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = Layers::new().file(&arguments.settings).read()?;
    let topology = topology(&arguments.topology, &arguments.output, &arguments.inputs)?;
    let app = App::configured(&config, topology).state_in(RocksDb::default());
    let running = app.start(Kafka::configured(&config)?)?;
    running.wait_until_running()?;
    say("running")?;
    let warm = until(&running, arguments.records * 2 / 5);
    say(&format!("warm {warm}"))?;
    until(&running, arguments.records);
    running.close()?;
    say("closed")
}

/// Waits until that many records have been processed or the application has failed. Returns the number processed.
fn until(running: &Running, records: u64) -> u64 {
    loop {
        let processed = running.tasks().values().map(|task| task.processed).sum();
        if processed >= records || running.state().is_final() {
            return processed;
        }
        std::thread::sleep(POLL);
    }
}

/// Prints a line at once, because the rig takes the time when it reads the line.
fn say(line: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
