//! Counts events by key until its input ends or it is killed; the suite `kill` does both.
//!
//! Before it starts counting, it prints one line, `started changelog=.. restored=.. positions=..,.. counted=..`: the
//! number of records in its changelogs, the number it has read to restore its state, its position in each partition, and
//! the sum of the restored counts. After that, its progress is in the file of `--progress`.
//!
//! With the key `poison`, it fails, and calls all other processes to stop if it was started with `--stop-all`. With the key
//! `stall`, it stands still for ever if it was started with `--on-stall`.

use std::collections::HashMap;
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use clap::Parser;
use millstream::config::OnStall;
use millstream::kafka::Kafka;
use millstream::log::{Embedded, Isolation, Log};
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;
use millstream::runtime::{Settings, TaskPhase, Uncaught};
use millstream_tests::progress::Teller;
use millstream_tests::records::TopicOf;

const STORE: KeyValueStore<String, i64> = KeyValueStore::new("counts");

const STALL: Duration = Duration::from_secs(5);

#[derive(Parser)]
struct Arguments {
    /// Count on this Kafka cluster
    #[arg(long, conflicts_with = "embedded", required_unless_present = "embedded")]
    kafka: Option<String>,
    /// Count on the embedded log in this folder
    #[arg(long)]
    embedded: Option<PathBuf>,
    /// Names the application and, with `-events` and `-counts` appended, its topics
    #[arg(long)]
    id: String,
    /// The number of partitions of the events
    #[arg(long)]
    partitions: u32,
    #[arg(long)]
    state_dir: PathBuf,
    #[arg(long)]
    progress: PathBuf,
    #[arg(long)]
    exactly_once: bool,
    #[arg(long)]
    cache_bytes: usize,
    #[arg(long)]
    commit_interval_ms: u64,
    #[arg(long, default_value_t = 4)]
    session_timeout_s: u64,
    /// The engine's own default otherwise
    #[arg(long)]
    transaction_timeout_s: Option<u64>,
    /// An error ends all processes of the application
    #[arg(long)]
    stop_all: bool,
    /// What becomes of a task that does not get on for 5 seconds
    #[arg(long)]
    on_stall: Option<String>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(std::io::stderr)
        .init();
    let arguments = Arguments::parse();
    let outcome = match (&arguments.kafka, &arguments.embedded) {
        (Some(servers), _) => run(Kafka::at(servers), &arguments),
        (None, Some(folder)) => Embedded::open(folder).map_err(Into::into).and_then(|log| run(log, &arguments)),
        (None, None) => Err("one of --kafka and --embedded is needed".into()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kill-counter: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(log: impl Log + Clone, arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let settings = Settings {
        commit_interval: Some(Duration::from_millis(arguments.commit_interval_ms)),
        cache_bytes: arguments.cache_bytes,
        state_dir: arguments.state_dir.clone(),
        session_timeout: Duration::from_secs(arguments.session_timeout_s),
        transaction_timeout: arguments.transaction_timeout_s.map(Duration::from_secs),
        ..Settings::default()
    };
    let app = App::new(&arguments.id, topology(arguments)?).settings(settings).state_in(RocksDb::default());
    let app = if arguments.exactly_once { app.exactly_once() } else { app.at_least_once() };
    let verdict = if arguments.stop_all { Uncaught::StopApplication } else { Uncaught::StopInstance };
    let app = app.on_uncaught_error(move |_| verdict);
    let app = match arguments.on_stall.as_deref() {
        None => app,
        Some("leave") => app.on_stall(STALL, OnStall::Leave),
        Some("fail") => app.on_stall(STALL, OnStall::Fail),
        Some(other) => return Err(format!("--on-stall {other}").into()),
    };
    let running = app.on_state_change(|from, to| eprintln!("{from} -> {to}")).start(log.clone())?;
    // Nothing is counted before the line has been printed.
    running.pause();
    running.wait_until_running()?;
    println!("{}", beginning(&running, &log, arguments));
    running.resume();
    let handle = running.handle();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        handle.stop();
    });
    Ok(running.wait()?)
}

fn topology(arguments: &Arguments) -> Result<Topology, Box<dyn Error>> {
    let events: Topic<String, i64> = Topic::named(format!("{}-events", arguments.id))?;
    let counts: Topic<String, i64> = Topic::named(format!("{}-counts", arguments.id))?;
    let teller = Mutex::new(Teller::create(&arguments.progress, arguments.partitions as usize)?);
    let builder = StreamsBuilder::new();
    let stalls = arguments.on_stall.is_some();
    builder
        .stream(events)
        .process_values((), move |(), key: &String, event: i64, out| {
            assert_ne!(key, "poison", "nobody can count this");
            if stalls && key == "stall" {
                loop {
                    std::thread::park();
                }
            }
            if let Some(position) = out.position() {
                let mut teller = teller.lock().unwrap_or_else(PoisonError::into_inner);
                teller.tell(position.partition.0, position.offset.0).expect("progress can be told");
            }
            out.send(event);
        })
        .group_by_key()
        .count()
        .stored_as(STORE)
        .to_stream()
        .to(counts);
    Ok(builder.build()?)
}

/// The line about the state from which counting starts. Tasks are not processing yet, but have restored their state.
fn beginning(running: &millstream::runtime::Running, log: &dyn Log, arguments: &Arguments) -> String {
    // Counters are published at intervals, and of tasks that went elsewhere before all were running, they stay.
    let tasks = loop {
        let (owned, mut tasks) = (running.assignment(), running.tasks());
        tasks.retain(|task, _| owned.contains_key(task));
        if tasks.len() == owned.len() && tasks.values().all(|task| task.phase == TaskPhase::Running) {
            break tasks;
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    let restored: u64 = tasks.values().map(|task| task.restored).sum();
    let positions = tasks.values().flat_map(|task| task.positions.values());
    let positions = positions.map(|position| position.0.to_string()).collect::<Vec<_>>().join(",");
    let isolation = if arguments.exactly_once { Isolation::ReadCommitted } else { Isolation::ReadUncommitted };
    let mut changelog = 0_u64;
    let mut counts = HashMap::<Vec<u8>, i64>::new();
    let topic = TopicOf::new(log, &format!("{}-counts-changelog", arguments.id), arguments.partitions);
    topic.read(isolation, |record| {
        changelog += 1;
        let count = record.value.and_then(|value| value.try_into().ok()).map_or(0, i64::from_be_bytes);
        counts.insert(record.key.unwrap_or_default().to_vec(), count);
    });
    let counted: i64 = counts.values().sum();
    format!("started changelog={changelog} restored={restored} positions={positions} counted={counted}")
}
