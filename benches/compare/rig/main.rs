//! Compares this engine with Kafka Streams: the same records, the same settings, one broker, in turn.
//!
//! `cargo xtask bench compare` builds both sides and starts this. For each workload the two take turns in the order A B B
//! A, so that slow changes of the machine affect both equally. Each run is a separate process with a new application id,
//! output topic and state folder. Answers are compared first: if they differ, no figures are printed. [`run`] starts and
//! measures a run, [`data`] generates the data, and [`answers`] compares the outputs.

mod answers;
mod broker;
mod contender;
mod data;
mod figures;
mod interrupt;
mod rig;
mod run;
mod table;
mod topics;
mod workloads;

use std::ffi::OsString;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;

use contender::Contender;
use interrupt::{Interrupt, Interrupted};
use rig::{Plan, Purpose, Rig};
use table::{Outcome, Row};
use workloads::{ALL, Guarantee, Workload, named};

type Failure = Box<dyn std::error::Error>;

/// The scale of `--check`.
const CHECK_SCALE: f64 = 0.001;

/// The exit code that shells use for a program ended by Ctrl-C.
const EXIT_INTERRUPTED: u8 = 130;

/// Measures Kafka Streams and this engine in turn on one broker.
#[derive(Parser)]
#[command(name = "cargo xtask bench compare")]
struct Arguments {
    /// The rows to measure, separated by commas; all by default
    #[arg(long, value_name = "W[,W..]", value_delimiter = ',', value_parser = named)]
    workload: Vec<&'static Workload>,

    /// The number of runs of each side
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,

    /// Run every row under this guarantee instead of its own
    #[arg(long, value_enum)]
    guarantee: Option<Guarantee>,

    /// The fraction of the records: 0.1 is a tenth. Keys, windows and caches stay the same
    #[arg(long, value_name = "PART", default_value_t = 1.0)]
    scale: f64,

    /// Write a line of JSON per row into this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// Measure against this older build of `compare-millstream` instead of Kafka Streams
    #[arg(long, value_name = "PROGRAM")]
    before: Option<PathBuf>,

    /// Only compare answers, once, with a thousandth of the records: no figures
    #[arg(long)]
    check: bool,

    /// The path of Java, for running Kafka Streams
    #[arg(long, hide = true)]
    java: PathBuf,

    /// The class path of Kafka Streams and its side of the comparison
    #[arg(long, hide = true)]
    class_path: OsString,

    /// The name of the broker to start
    #[arg(long, hide = true)]
    broker: String,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match compare(&arguments) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) if error.is::<Interrupted>() => ExitCode::from(EXIT_INTERRUPTED),
        Err(error) => {
            eprintln!("bench compare: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Measures row by row. Returns whether every row has equal answers.
fn compare(arguments: &Arguments) -> Result<bool, Failure> {
    let interrupt = Interrupt::watch()?;
    let mut json = arguments.json.as_ref().map(File::create).transpose()?;
    let ours = std::env::current_exe()?.with_file_name("compare-millstream");
    let rival = match &arguments.before {
        Some(program) => Contender::Before { program: program.canonicalize()? },
        None => Contender::KafkaStreams { java: arguments.java.clone(), class_path: arguments.class_path.clone() },
    };
    let plans = plans(arguments);
    let mut rig = Rig::start(&arguments.broker, [rival, Contender::Millstream { program: ours }], interrupt)?;
    let mut rows = Vec::new();
    let mut interrupted = None;
    for (number, plan) in plans.iter().enumerate() {
        let outcome = match rig.measure(plan) {
            Ok(outcome) => outcome,
            Err(error) if error.is::<Interrupted>() => {
                interrupted = Some(error);
                break;
            }
            Err(error) => Outcome::Failed(error.to_string()),
        };
        let row = Row { plan: *plan, outcome };
        eprintln!("{}: {}", plan.workload.name, row.verdict());
        if let Some(json) = &mut json {
            writeln!(json, "{}", row.json(rig.rival()))?;
        }
        rows.push(row);
        rig.forget_data_but(plans.iter().skip(number + 1).map(|plan| plan.workload.data))?;
    }
    if arguments.check {
        println!("{}", table::verdicts(&rows));
    } else if !rows.is_empty() {
        println!("{}\n{}", table::ratios(&rows, rig.rival()), table::figures(&rows, rig.rival()));
    }
    match interrupted {
        Some(error) => Err(error),
        None => Ok(rows.iter().all(Row::is_equal)),
    }
}

/// The rows to measure, in order.
fn plans(arguments: &Arguments) -> Vec<Plan> {
    let chosen = if arguments.workload.is_empty() { ALL.iter().collect() } else { arguments.workload.clone() };
    let (purpose, pairs, scale) = if arguments.check {
        (Purpose::Answers, 1, arguments.scale * CHECK_SCALE)
    } else {
        (Purpose::Figures, arguments.pairs, arguments.scale)
    };
    let plan = |workload: &'static Workload| Plan {
        workload,
        guarantee: arguments.guarantee.unwrap_or(workload.guarantee),
        pairs,
        scale,
        purpose,
    };
    chosen.into_iter().map(plan).collect()
}
