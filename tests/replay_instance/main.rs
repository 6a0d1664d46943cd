//! One process of the replay that `millstream_tests::replay` describes, with its command line and what it prints.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use clap::Parser;
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;
use millstream::runtime::{Running, Settings};
use millstream_tests::replay::{GRACE_MS, KEYS, WINDOW_MS};

#[derive(Parser)]
struct Arguments {
    /// The addresses of the brokers
    servers: String,
    /// Names the application
    id: String,
    input: String,
    output: String,
    state_dir: PathBuf,
    /// How far apart in event time tasks may be; as far as they like if it is left out
    bound_ms: Option<u64>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("replay-instance: {error}");
            ExitCode::FAILURE
        }
    }
}

const fn ms(millis: i64) -> Duration {
    Duration::from_millis(millis.unsigned_abs())
}

fn topology(arguments: &Arguments) -> Result<Topology, Box<dyn Error>> {
    let input = Topic::<i64, i64>::named(&*arguments.input)?;
    let output = Topic::<Windowed<i64>, i64>::named(&*arguments.output)?;
    let builder = StreamsBuilder::new();
    let events = builder.stream(input).timestamped_by(|event, _| Timestamp(event.value));
    let windows = Tumbling::of(ms(WINDOW_MS)).grace(ms(GRACE_MS));
    events.group_by(|_, time| time % KEYS).windowed_by(windows).count().to_stream().to(output);
    Ok(builder.build()?)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let settings = Settings { state_dir: arguments.state_dir.clone(), ..Settings::default() };
    let app = App::new(&arguments.id, topology(arguments)?).settings(settings).state_in(RocksDb::default());
    let app = app.at_least_once().workers(2).commit_interval(Duration::from_millis(200)).quiet();
    let app = match arguments.bound_ms {
        Some(bound) => app.align_event_time(Duration::from_millis(bound)),
        None => app,
    };
    let running = app.start(Kafka::at(&*arguments.servers))?;
    let (end, ended) = channel::<()>();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        drop(end);
    });
    let mut said = String::new();
    loop {
        if let Some(error) = running.error() {
            return Err(error.to_string().into());
        }
        match ended.recv_timeout(Duration::from_millis(50)) {
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(running.close()?),
        }
        let now = counted(&running);
        if now != said {
            println!("{now}");
            said = now;
        }
    }
}

fn counted(running: &Running) -> String {
    let tasks = running.tasks();
    let processed: u64 = tasks.values().map(|task| task.processed).sum();
    let late: u64 = tasks.values().filter_map(|task| task.dropped.get("late")).sum();
    format!("counted processed={processed} late={late}")
}
