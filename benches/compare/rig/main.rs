//! This engine beside Kafka Streams: the same records, the same settings, one broker, in turn.
//!
//! `cargo xtask bench compare` builds both sides and starts this. For each workload the two take turns in the
//! order A B B A, so that what drifts on the machine meets both alike; each run is a process of its own with an
//! application id, an output topic and a state folder that nobody had before. Answers come first: while they
//! differ, no figure is printed. What one run is told and how it is measured is [`run`]'s business, the data
//! [`data`]'s, what is compared [`answers`]'.

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

/// How much smaller than full scale `--check` is.
const CHECK_SCALE: f64 = 0.001;

/// What a shell reports of a program that Ctrl-C ended.
const EXIT_INTERRUPTED: u8 = 130;

/// Measures Kafka Streams and this engine in turn on one broker.
#[derive(Parser)]
#[command(name = "cargo xtask bench compare")]
struct Arguments {
    /// Which rows to measure, separated by commas; all unless some are named
    #[arg(long, value_name = "W[,W..]", value_delimiter = ',', value_parser = named)]
    workload: Vec<&'static Workload>,

    /// How often each side runs
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,

    /// Run every row under this guarantee instead of its own
    #[arg(long, value_enum)]
    guarantee: Option<Guarantee>,

    /// A part of the records: 0.1 is a tenth. Keys, windows and caches stay as they are
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

    /// Java, to run Kafka Streams with
    #[arg(long, hide = true)]
    java: PathBuf,

    /// Where Java finds Kafka Streams and its side of the comparison
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

/// Measures row by row; whether every row has equal answers.
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

/// What is to be done, in order.
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
