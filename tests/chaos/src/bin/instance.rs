//! One process of an application that is killed. It runs until its standard input ends or it gets SIGTERM.
//!
//! It prints its changes of state, and now and then what it has done, `at tasks=.. opening=.. uncommitted=.. buffered=..
//! processed=.. restored=.. dropped=..`; warnings and errors go to standard error, and what the engine tells of tasks that run.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use clap::Parser;
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;
use millstream::runtime::{Running, Settings, TaskMetrics, TaskPhase};
use millstream_chaos::topologies::Kind;

#[derive(Parser)]
struct Arguments {
    /// The addresses of the brokers
    #[arg(long)]
    servers: String,
    /// Names the application
    #[arg(long)]
    id: String,
    /// The number of this process, which its testimonies have
    #[arg(long)]
    process: i64,
    #[arg(long)]
    topology: Kind,
    #[arg(long)]
    exactly_once: bool,
    #[arg(long)]
    state_dir: PathBuf,
    #[arg(long)]
    threads: usize,
    #[arg(long)]
    commit_interval_ms: u64,
    #[arg(long)]
    session_timeout_ms: u64,
    #[arg(long)]
    write_buffer_bytes: usize,
    #[arg(long)]
    transaction_timeout_ms: Option<u64>,
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::INFO)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .init();
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("chaos-instance: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let settings = Settings {
        workers: arguments.threads,
        commit_interval: Some(Duration::from_millis(arguments.commit_interval_ms)),
        state_dir: arguments.state_dir.clone(),
        session_timeout: Duration::from_millis(arguments.session_timeout_ms),
        transaction_timeout: arguments.transaction_timeout_ms.map(Duration::from_millis),
        ..Settings::default()
    };
    let state = RocksDb::default().with_cache_bytes(16 << 20).with_write_buffer_bytes(arguments.write_buffer_bytes);
    let topology = arguments.topology.topology(&arguments.id, arguments.process)?;
    let app = App::new(&arguments.id, topology).settings(settings).state_in(state);
    let app = if arguments.exactly_once { app.exactly_once() } else { app.at_least_once() };
    let app = app.on_state_change(|from, to| println!("{from} -> {to}"));
    let running = app.start(Kafka::at(&*arguments.servers))?;
    running.stop_on_signals()?;
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
        match ended.recv_timeout(Duration::from_millis(300)) {
            Ok(_) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(running.close()?),
        }
        if running.state() == AppState::NotRunning {
            return Ok(running.wait()?);
        }
        let now = done(&running);
        if now != said {
            println!("{now}");
            said = now;
        }
    }
}

fn done(running: &Running) -> String {
    let (owned, tasks) = (running.assignment(), running.tasks());
    // Tasks that went elsewhere have their last figures still.
    let ours = || tasks.iter().filter(|(task, _)| owned.contains_key(task)).map(|(_, task)| task);
    let is_opening = |phase: TaskPhase| matches!(phase, TaskPhase::Opening | TaskPhase::Restoring);
    let opening = ours().filter(|task| is_opening(task.phase)).count();
    let uncommitted: u64 = ours().map(|task| task.uncommitted).sum();
    let buffered: u64 = ours().map(|task| task.buffered).sum();
    let all = |figure: fn(&TaskMetrics) -> u64| tasks.values().map(figure).sum::<u64>();
    let (processed, restored) = (all(|task| task.processed), all(|task| task.restored));
    let dropped = all(TaskMetrics::dropped_total);
    format!(
        "at tasks={} opening={opening} uncommitted={uncommitted} buffered={buffered} processed={processed} \
         restored={restored} dropped={dropped}",
        owned.len()
    )
}
