//! Real-time user activity: page views and clicks of simulated visitors, counted live and checked.
//!
//! `cargo run -p pulse` needs only Rust: visitors, log, application and page are in one process. Start with `topology/mod.rs`,
//! which defines what is counted; `README.md` explains what is shown.
#![allow(unreachable_pub, reason = "a program has no users; `pub` says what other files may use")]

mod background;
mod board;
mod bots;
mod browsers;
mod checking;
mod conduct;
mod drive;
mod earlier;
mod events;
mod folder;
mod instance;
mod intake;
mod lines;
mod pace;
mod place;
mod recommend;
mod reference;
mod results;
mod screen;
mod sender;
mod site;
mod stdin;
mod summary;
mod tasting;
mod terminal;
mod text;
mod topology;
mod traffic;
mod view;
mod watch;
mod web;

use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use millstream::log::{Doorbell, LogError, Reply};
use millstream::runtime::Guarantee;

use board::Shared;
use conduct::{Plan, conduct};
use folder::Folder;
use place::Place;
use summary::Summary;

/// Real-time user activity, live: visitors, windows, joins, and an instance that can be killed
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// How many visitors to simulate
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    visitors: u32,

    /// Determines what the visitors do
    #[arg(long, value_name = "N", default_value_t = 7)]
    seed: u64,

    /// End after this many seconds of traffic
    #[arg(long, value_name = "S", value_parser = seconds)]
    seconds: Option<Duration>,

    /// Kill the instance after this many seconds of traffic, and start it again
    #[arg(long, value_name = "S", value_parser = seconds)]
    kill_at: Option<Duration>,

    /// Commit without transactions: after a kill some events count twice, and pulse says so
    #[arg(long)]
    at_least_once: bool,

    /// Show a dashboard in the terminal, beside that in the browser
    #[arg(long)]
    terminal: bool,

    /// Serve the page at this port of this machine, or at the next one that is free; 0 is any
    #[arg(long, value_name = "PORT", default_value_t = 7070)]
    port: u16,

    /// Create the run's folder in this one [default: the folder for temporary files]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,

    /// Keep the run's folder
    #[arg(long)]
    keep: bool,

    /// Run on this Kafka cluster (needs `--features kafka,rocksdb`)
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,

    /// Names the application on Kafka: its group and its internal topics
    #[arg(long, value_name = "NAME", default_value = "pulse", requires = "bootstrap_servers")]
    application_id: String,
}

/// The time between two attempts to get an answer of the log.
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(100);
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// Anything that ends a run early.
type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let (Some(seconds), Some(kill_at)) = (arguments.seconds, arguments.kill_at)
        && kill_at >= seconds
    {
        let error = "--kill-at must be less than --seconds, or the run ends before the kill";
        Arguments::command().error(ErrorKind::ValueValidation, error).exit();
    }
    if arguments.bootstrap_servers.is_some() && !cfg!(all(feature = "kafka", feature = "rocksdb")) {
        let given: Vec<String> = std::env::args().skip(1).collect();
        eprintln!(
            "pulse: built without Kafka; run it with\n  cargo run -p pulse --features kafka,rocksdb -- {}",
            given.join(" ")
        );
        return ExitCode::from(2);
    }
    match run(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("pulse: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the simulation. Returns whether the numbers were right.
fn run(arguments: &Arguments) -> Result<bool, Failure> {
    let folder = Folder::new(arguments.data_dir.as_deref(), arguments.keep).map_err(|error| {
        format!("the run's folder cannot be created: {error}; choose another place with --data-dir")
    })?;
    let guarantee = if arguments.at_least_once { Guarantee::AtLeastOnce } else { Guarantee::ExactlyOnce };
    let place = place(arguments, &folder)?.guarantee(guarantee);
    let shared = Arc::new(Shared::default());
    if let Some(seconds) = arguments.seconds {
        shared.end_at(seconds);
    }
    stop_on_signals(&shared)?;
    let describe = place.describe();
    let plan = Plan {
        visitors: arguments.visitors as usize,
        seed: arguments.seed,
        kill_at: arguments.kill_at,
        port: arguments.port,
    };
    let conductor = {
        let (shared, path) = (Arc::clone(&shared), folder.path().to_owned());
        std::thread::Builder::new().name("conductor".to_owned()).spawn(move || conduct(plan, &place, &path, &shared))?
    };
    let shown = show(arguments, &shared, &describe, &conductor);
    let outcome = conductor.join().unwrap_or_else(|panic| Err(background::message(&*panic).into()));

    let mut summary = Summary::of(&shared, &describe);
    if arguments.keep {
        summary.kept(folder.path());
    }
    // Nobody reads our output any more; the summary is for the user at the terminal.
    if shown.is_err() || io::stdout().write_all(summary.text.as_bytes()).is_err() {
        let _ = io::stderr().write_all(summary.text.as_bytes());
    }
    outcome.map(|()| summary.is_good)
}

fn place(arguments: &Arguments, folder: &Folder) -> Result<Place, Failure> {
    match &arguments.bootstrap_servers {
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        Some(servers) => Ok(Place::kafka(servers, &arguments.application_id)),
        _ => Place::embedded(folder.path()),
    }
}

/// Shows the run until it has ended: as lines, or as a screen in a terminal.
fn show(
    arguments: &Arguments,
    shared: &Arc<Shared>,
    place: &str,
    conductor: &JoinHandle<Result<(), Failure>>,
) -> io::Result<()> {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    let live = arguments.terminal && io::stdout().is_terminal() && !is_dumb;
    let has_keys = live && io::stdin().is_terminal();
    let is_attended = arguments.seconds.is_none() || io::stdin().is_terminal();
    if !has_keys && is_attended && stdin::is_readable() {
        let shared = Arc::clone(shared);
        std::thread::spawn(move || stdin::follow(&shared));
    }
    let has_ended = || conductor.is_finished();
    if live { screen::show(shared, place, &has_ended) } else { lines::show(shared, place, arguments.port, &has_ended) }
}

/// The first Ctrl-C, SIGTERM or SIGHUP ends the run cleanly; the second ends the process.
fn stop_on_signals(shared: &Arc<Shared>) -> Result<(), Failure> {
    let shared = Arc::clone(shared);
    let asked = AtomicBool::new(false);
    ctrlc::set_handler(move || {
        if asked.swap(true, Ordering::SeqCst) {
            leave_at_once();
        }
        shared.stop();
    })?;
    Ok(())
}

/// Ends the process without waiting for anything.
fn leave_at_once() -> ! {
    terminal::give_back();
    folder::remove_at_once();
    std::process::exit(130);
}

/// Waits for the log's answer. While the log cannot give one, for instance because a new topic has no leader yet, the
/// question is repeated.
fn answer<T>(ask: impl Fn() -> Reply<Result<T, LogError>>) -> Result<T, Failure> {
    let began = Instant::now();
    loop {
        match ask().wait() {
            Some(Ok(answer)) => return Ok(answer),
            Some(Err(error)) if error.is_transient() && began.elapsed() < ANSWER_WITHIN => {
                Doorbell::new().wait(ASK_AGAIN_AFTER);
            }
            Some(Err(error)) if error.is_transient() => return Err(format!("the log does not answer: {error}").into()),
            Some(Err(error)) => return Err(error.into()),
            None => return Err("the log does not answer".into()),
        }
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| !duration.is_zero())
        .ok_or_else(|| "it must be more than 0".to_owned())
}
