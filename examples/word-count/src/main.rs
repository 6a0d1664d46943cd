//! Counts words.
//!
//! `word-count FILE...` (or with text on standard input) counts on an embedded log in this process and prints
//! `word<TAB>count` lines. `word-count --bootstrap-servers HOST:PORT` counts the words of a Kafka topic as lines arrive,
//! until Ctrl-C; if it is started several times with the same `--application-id`, the processes share the work.
//! `word-count tail word-counts --bootstrap-servers HOST:PORT` prints the counts; `--help` lists the other commands.
//!
//! # Three terminals
//!
//! Without Kafka, `word-count run` counts on an embedded log in a folder. Built with the feature `http`, it answers commands in
//! other terminals:
//!
//! ```text
//! cargo build -p word-count --features http; alias word-count=target/debug/word-count
//! word-count topics create --embedded data
//! word-count run --embedded data                                     # the first terminal
//! word-count tail word-counts --follow --embedded data               # the second
//! word-count send lines "to be or not to be" --embedded data         # the third
//! word-count store get counts be --embedded data
//! ```

mod text;
mod topology;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use bytes::Bytes;
use clap::{Parser, Subcommand};
use millstream::cli::{Cli, Command, Place};
use millstream::log::{Doorbell, Log, LogError, NewTopic, OutgoingRecord, ProducerOptions};
use millstream::prelude::*;
use millstream::record::Partition;
use millstream::runtime::Settings;

use text::for_each_record;
use topology::{Counts, Lines, word_count};

/// The approximate size at which a long line is divided into records.
const RECORD_BYTES: usize = 64 << 10;

/// The topics, unless others are named.
const LINES: Lines = Topic::new("lines");
const COUNTS: Counts = Topic::new("word-counts");

/// A topic setting that allows words of any length, each of which is a record in several topics. This is the maximum that
/// Kafka allows.
const WORD_OF_ANY_LENGTH: (&str, &str) = ("max.message.bytes", "2147483647");

/// Counts words: from files or standard input, or from a Kafka topic as lines arrive.
#[derive(Parser)]
#[command(version, args_conflicts_with_subcommands = true, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<RunOr>,

    /// Text files to count; standard input if there are none
    #[arg(conflicts_with = "bootstrap_servers")]
    files: Vec<PathBuf>,

    /// Count on this Kafka cluster instead (needs `--features kafka,rocksdb`)
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,

    /// The topic with lines
    #[arg(long, default_value = "lines", requires = "bootstrap_servers")]
    input: String,

    /// The topic for counts
    #[arg(long, default_value = "word-counts", requires = "bootstrap_servers")]
    output: String,

    /// Names the application: its group, its internal topics, its state folder
    #[arg(long, default_value = "word-count", requires = "bootstrap_servers")]
    application_id: String,

    /// The state folder; each process on the same machine needs its own
    #[arg(long, default_value = "state", requires = "bootstrap_servers")]
    state_dir: PathBuf,

    /// Worker threads
    #[arg(long, default_value_t = 1)]
    threads: usize,

    /// How often work is committed
    #[arg(long, value_name = "MS", default_value_t = 1_000, requires = "bootstrap_servers")]
    commit_interval_ms: u64,

    /// Count every line exactly once, whatever is killed; read the counts with `isolation.level=read_committed`
    #[arg(long, requires = "bootstrap_servers")]
    exactly_once: bool,
}

#[derive(Subcommand)]
enum RunOr {
    /// Count lines as they arrive, on an embedded log that other terminals can use, too, until Ctrl-C
    Run(Place),
    #[command(flatten)]
    Other(Command),
}

fn main() -> ExitCode {
    tracing_subscriber::fmt()
        .with_max_level(tracing_subscriber::filter::LevelFilter::WARN)
        .with_writer(io::stderr)
        .init();
    let arguments = Arguments::parse();
    if let Some(command) = &arguments.command {
        let cli = Cli::new("word-count", |_| word_count(LINES, COUNTS));
        return match command {
            RunOr::Run(place) => cli.run(place),
            RunOr::Other(command) => cli.execute::<Arguments>(command),
        };
    }
    let outcome = match &arguments.bootstrap_servers {
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        Some(servers) => on_kafka(servers, &arguments),
        #[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
        Some(_) => return needs_another_build(),
        None => on_files(&arguments),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if is_closed_pipe(&*error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("word-count: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether nobody reads our output any more (`word-count FILE | head`).
fn is_closed_pipe(error: &(dyn std::error::Error + 'static)) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// Counts the whole input and prints the result.
fn on_files(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let log = Embedded::in_memory();
    create_topics(&log, &[LINES.name(), COUNTS.name()])?;
    if arguments.files.is_empty() {
        write_text(&log, LINES.name(), io::stdin().lock())?;
    }
    for path in &arguments.files {
        let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
        write_text(&log, LINES.name(), BufReader::new(file)).map_err(|error| format!("{}: {error}", path.display()))?;
    }
    let settings =
        Settings { workers: arguments.threads, topic_configs: vec![word_of_any_length()], ..Settings::default() };
    App::new("word-count", word_count(LINES, COUNTS)?).settings(settings).run_until_idle(log.clone())?;

    // Every update of a count is a record; the last one of each word is the result.
    let counts: BTreeMap<Bytes, i64> =
        log.read(&COUNTS)?.into_iter().map(|record| (record.key, record.value)).collect();
    let mut out = BufWriter::new(io::stdout().lock());
    for (word, count) in &counts {
        out.write_all(word)?;
        writeln!(out, "\t{count}")?;
    }
    out.flush()?;
    Ok(())
}

fn word_of_any_length() -> (String, String) {
    let (name, value) = WORD_OF_ANY_LENGTH;
    (name.to_owned(), value.to_owned())
}

fn create_topics(log: &Embedded, names: &[&str]) -> Result<(), LogError> {
    let topic = |name: &&str| NewTopic {
        name: (*name).to_owned(),
        partitions: 1,
        replication: None,
        configs: vec![word_of_any_length()],
    };
    let created = log.admin(Doorbell::new())?.create_topics(names.iter().map(topic).collect()).wait();
    created.transpose()?.into_iter().flatten().collect()
}

/// Writes a text, record by record.
fn write_text(log: &Embedded, topic: &str, text: impl BufRead) -> Result<(), Box<dyn std::error::Error>> {
    let mut producer = log.producer(ProducerOptions::default(), Doorbell::new())?;
    let topic = producer.topic(topic);
    let headers = Headers::new();
    for_each_record(text, RECORD_BYTES, |record| {
        let record = OutgoingRecord { key: None, value: Some(record), timestamp: Timestamp(0), headers: &headers };
        producer.send(topic, Partition(0), record).map_err(Box::<dyn std::error::Error>::from)
    })?;
    while producer.flush()?.is_pending() {}
    Ok(())
}

/// Counts as lines arrive, until Ctrl-C or SIGTERM.
#[cfg(all(feature = "kafka", feature = "rocksdb"))]
fn on_kafka(servers: &str, arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let topology = word_count(Topic::named(&arguments.input)?, Topic::named(&arguments.output)?)?;
    let app = App::new(&arguments.application_id, topology);
    let app = if arguments.exactly_once { app.exactly_once() } else { app.at_least_once() };
    let running = app
        .workers(arguments.threads)
        .commit_interval(std::time::Duration::from_millis(arguments.commit_interval_ms))
        .state_dir(&arguments.state_dir)
        .state_in(RocksDb::default())
        .on_state_change(|from, to| eprintln!("{from} -> {to}"))
        .start(Kafka::at(servers))?;
    running.stop_on_signals()?;
    let handle = running.handle();
    let outcome = running.wait();
    for (task, metrics) in handle.tasks() {
        eprintln!(
            "task {task}: {} records, {} restored, {} dropped, {} commits",
            metrics.processed,
            metrics.restored,
            metrics.dropped_total(),
            metrics.commits
        );
    }
    Ok(outcome?)
}

/// Prints how to build the program for Kafka.
#[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
fn needs_another_build() -> ExitCode {
    eprintln!(
        "word-count: built without Kafka; run it with\n  \
         cargo run -p word-count --features kafka,rocksdb -- {}",
        std::env::args().skip(1).collect::<Vec<_>>().join(" ")
    );
    ExitCode::from(2)
}
