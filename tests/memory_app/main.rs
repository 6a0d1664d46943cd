//! The program of the test `memory`: it keeps the largest value of each key, with a budget for its memory, until there is
//! nothing left to do. Then it says how much memory it had at most.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;
use millstream::runtime::{Guarantee, Settings};

#[derive(Parser)]
struct Arguments {
    /// The addresses of the brokers
    servers: String,
    /// Names the application
    id: String,
    input: String,
    output: String,
    state_dir: PathBuf,
    /// What the application may hold in memory
    memory_bytes: usize,
    /// What the largest record needs on its way
    message_bytes: usize,
}

fn main() -> ExitCode {
    match run(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("memory-app: {error}");
            ExitCode::FAILURE
        }
    }
}

fn topology(arguments: &Arguments) -> Result<Topology, Box<dyn Error>> {
    let input = Topic::<String, Vec<u8>>::named(&*arguments.input)?;
    let output = Topic::<String, i64>::named(&*arguments.output)?;
    let builder = StreamsBuilder::new();
    let largest = builder.stream(input).group_by_key().reduce(|old, new| if new > old { new } else { old });
    largest.to_stream().filter_some().map_values(|value| i64::try_from(value.len()).unwrap_or(i64::MAX)).to(output);
    Ok(builder.build()?)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let settings = Settings {
        guarantee: Some(Guarantee::ExactlyOnce),
        state_dir: arguments.state_dir.clone(),
        memory_bytes: Some(arguments.memory_bytes),
        // The changelog has to take as large records as the input.
        topic_configs: vec![("max.message.bytes".to_owned(), arguments.message_bytes.to_string())],
        ..Settings::default()
    };
    let app = App::new(&arguments.id, topology(arguments)?).settings(settings).state_in(RocksDb::default());
    let kafka = Kafka::at(&*arguments.servers).set("message.max.bytes", arguments.message_bytes.to_string());
    println!("{}", app.run_until_idle(kafka)?);
    println!("peak={}", peak()?);
    Ok(())
}

/// The largest resident set so far, in bytes.
fn peak() -> Result<usize, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
    let kib = line.trim().trim_end_matches("kB").trim().parse::<usize>()?;
    Ok(kib * 1024)
}
