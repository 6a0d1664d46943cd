//! The cost of a record in operators with windows: CPU per record of the engine alone, with one worker, in memory.
//!
//! Before a figure is printed, each run's output is compared with what plain loops over the same input compute.

mod input;
mod log;
#[path = "../engine/measure.rs"]
mod measure;
mod reference;
mod workloads;

use std::process::ExitCode;

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};

use workloads::Workload;

/// Why a run failed.
type Failure = Box<dyn std::error::Error>;

/// Measures the CPU that a record costs in operators with windows.
#[derive(Parser)]
struct Arguments {
    /// The number of records of each workload
    #[arg(long, default_value_t = 500_000)]
    records: u64,

    /// The number of runs of each workload, of which the median is shown
    #[arg(long, default_value_t = 3)]
    runs: usize,

    /// The workloads to run; all by default
    #[arg(long, value_enum)]
    workload: Vec<Workload>,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("operators: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let chosen = if arguments.workload.is_empty() { Workload::ALL } else { &arguments.workload };
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["workload", "records", "results", "records/s", "CPU µs/record", "spread", "output"]);
    for workload in chosen {
        let mut runs = Vec::new();
        for number in 1..=arguments.runs.max(1) {
            eprintln!("{workload}: run {number} of {}", arguments.runs.max(1));
            runs.push(workload.measure(arguments.records)?);
        }
        runs.sort_by(|(left, _), (right, _)| left.cpu_per_record().total_cmp(&right.cpu_per_record()));
        let (Some((least, _)), Some((median, results)), Some((most, _))) =
            (runs.first(), runs.get(runs.len() / 2), runs.last())
        else {
            continue;
        };
        table.add_row([
            workload.to_string(),
            median.records.to_string(),
            results.to_string(),
            format!("{:.0}", median.records_per_second()),
            format!("{:.2}", median.cpu_per_record()),
            format!("{:.2}-{:.2}", least.cpu_per_record(), most.cpu_per_record()),
            "equal to the reference".to_owned(),
        ]);
    }
    for column in 1..=5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    Ok(())
}
