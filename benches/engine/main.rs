//! The cost of a record: records per second and CPU per record of three topologies with one worker.
//!
//! `engine` runs on the embedded log in memory, so it measures only the engine; `engine --bootstrap-servers HOST:PORT`
//! runs on a real broker. Before a figure is printed, each run's output is compared with the result of a simple loop over
//! the same input. `compare` measures Kafka Streams on the same machine.

mod measure;
mod workloads;

use std::process::ExitCode;

use clap::Parser;
use comfy_table::{CellAlignment, Table, presets};

use measure::Measured;
use workloads::Workload;

/// Measures the CPU and time that a record costs.
#[derive(Parser)]
struct Arguments {
    /// Measure on this Kafka cluster instead of in memory
    #[arg(long, value_name = "HOST:PORT")]
    bootstrap_servers: Option<String>,

    /// The number of records of each workload
    #[arg(long, default_value_t = 2_000_000)]
    records: u64,

    /// The number of runs of each workload, of which the median is shown
    #[arg(long, default_value_t = 3)]
    runs: usize,

    /// The workloads to run; all that make sense by default
    #[arg(long, value_enum)]
    workload: Vec<Workload>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("engine: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let on_kafka = arguments.bootstrap_servers.is_some();
    let chosen = if arguments.workload.is_empty() { Workload::for_log(on_kafka) } else { arguments.workload.clone() };
    let mut table = Table::new();
    table.load_preset(presets::UTF8_BORDERS_ONLY);
    table.set_header(["workload", "records", "records/s", "CPU µs/record", "spread", "output"]);
    for workload in chosen {
        let mut runs = Vec::new();
        for number in 1..=arguments.runs.max(1) {
            eprintln!("{workload}: run {number} of {}", arguments.runs.max(1));
            runs.push(workload.measure(arguments.bootstrap_servers.as_deref(), arguments.records)?);
        }
        runs.sort_by(|left, right| left.cpu_per_record().total_cmp(&right.cpu_per_record()));
        let (Some(least), Some(median), Some(most)) = (runs.first(), runs.get(runs.len() / 2), runs.last()) else {
            continue;
        };
        table.add_row(row(workload, least, median, most));
    }
    for column in 1..=4 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!("{table}");
    Ok(())
}

fn row(workload: Workload, least: &Measured, median: &Measured, most: &Measured) -> [String; 6] {
    [
        workload.to_string(),
        median.records.to_string(),
        format!("{:.0}", median.records_per_second()),
        format!("{:.2}", median.cpu_per_record()),
        format!("{:.2}-{:.2}", least.cpu_per_record(), most.cpu_per_record()),
        "equal to the reference".to_owned(),
    ]
}
