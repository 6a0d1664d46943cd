//! Handles jobs, slowly and not always at the first attempt, until its input ends or it is killed; the suite `kill` does
//! both.
//!
//! It prints `started` when its tasks are running. Each call of the handler appends a line with key, value and the attempt's
//! number to the file of `--calls`.

use std::error::Error;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use clap::Parser;
use millstream::dsl::handler::{Job, Retry};
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;

#[derive(Parser)]
struct Arguments {
    #[arg(long)]
    kafka: String,
    /// Names the application and, with `-jobs` and `-done` appended, its topics
    #[arg(long)]
    id: String,
    #[arg(long)]
    state_dir: PathBuf,
    #[arg(long)]
    calls: PathBuf,
    /// Jobs that fail wait in retry topics
    #[arg(long)]
    retry_topics: bool,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kill-handler: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let app = App::new(&arguments.id, topology(arguments)?).exactly_once().workers(2);
    let app = app.state_dir(&arguments.state_dir).state_in(RocksDb::default());
    let app = app.session_timeout(Duration::from_secs(6));
    let running = app.start(Kafka::at(&arguments.kafka))?;
    running.wait_until_running()?;
    println!("started");
    let handle = running.handle();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        handle.stop();
    });
    Ok(running.wait()?)
}

fn topology(arguments: &Arguments) -> Result<Topology, Box<dyn Error>> {
    let jobs: Topic<String, i64> = Topic::named(format!("{}-jobs", arguments.id))?;
    let done: Topic<String, i64> = Topic::named(format!("{}-done", arguments.id))?;
    let calls = Arc::new(OpenOptions::new().create(true).append(true).open(&arguments.calls)?);
    let builder = StreamsBuilder::new();
    let handled = builder.stream(jobs).handle("work", move |job| work(Arc::clone(&calls), job)).concurrency(8);
    let pause = Duration::from_millis(20);
    let handled = if arguments.retry_topics {
        handled.unordered().retry(Retry::in_topics([pause * 10, pause * 25]))
    } else {
        handled.retry(Retry::exponential(pause).attempts(20))
    };
    handled.to(done);
    Ok(builder.build()?)
}

/// Takes up to 20 ms; every seventh job fails at its first attempt.
async fn work(calls: Arc<File>, job: Job<String, i64>) -> Result<i64, Box<dyn Error + Send + Sync>> {
    let number = *job.value();
    // One write, so that it is there as a whole or not at all if the process is killed.
    (&*calls).write_all(format!("{} {number} {}\n", job.key(), job.attempt()).as_bytes())?;
    job.sleep(Duration::from_millis(number.unsigned_abs() * 7 % 20)).await;
    if number % 7 == 0 && job.attempt() == 1 { Err("it is busy".into()) } else { Ok(number) }
}
