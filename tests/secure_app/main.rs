//! Counts words with the settings of a file, and says everything that it can say: each setting, the topology in all its
//! forms, every event at every level, librdkafka's debug log, its metrics, and errors and panics in both forms. The suite
//! `secure` looks for secrets in that.

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use millstream::config::Layers;
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream::rocksdb::RocksDb;

#[derive(Parser)]
struct Arguments {
    /// Settings
    #[arg(long)]
    config: PathBuf,
    /// More settings, `name=value`
    #[arg(long)]
    set: Vec<String>,
    /// Names the application and, with `-lines` and `-counts` appended, its topics
    #[arg(long)]
    id: String,
    #[arg(long)]
    state_dir: PathBuf,
    /// Say everything
    #[arg(long)]
    loud: bool,
}

fn main() -> ExitCode {
    use tracing_subscriber::filter::LevelFilter;

    let arguments = Arguments::parse();
    let level = if arguments.loud { LevelFilter::TRACE } else { LevelFilter::WARN };
    tracing_subscriber::fmt().with_max_level(level).with_writer(std::io::stderr).init();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            println!("error: {error}");
            println!("error in full: {error:?}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let layers = Layers::new().set("application.id", &*arguments.id).file(&arguments.config);
    let layers = arguments.set.iter().fold(layers, |layers, setting| layers.argument(setting));
    println!("{layers:?}");
    let config = layers.read()?;
    println!("{config}\n{config:?}");
    let kafka = Kafka::configured(&config)?;
    println!("{kafka:?}");
    let topology = topology(&arguments.id, kafka.clone())?;
    println!("{}\n{}\n{}\n{}", topology.describe(), topology.to_json(), topology.to_mermaid(), topology.to_dot());
    let app = App::configured(&config, topology).state_in(RocksDb::default()).state_dir(&arguments.state_dir);
    let running = app.on_state_change(|from, to| println!("{from} -> {to}")).start(kafka)?;
    let handle = running.handle();
    running.stop_on_signals()?;
    let outcome = running.wait();
    println!("{:?}\n{:?}", handle.tasks(), handle.error());
    outcome?;
    println!("ended");
    Ok(())
}

/// Counts words, and panics at the word `panic` with what a program's own message may contain.
fn topology(id: &str, kafka: Kafka) -> Result<Topology, Box<dyn Error>> {
    let lines: Topic<(), String> = Topic::named(format!("{id}-lines"))?;
    let counts: Topic<String, i64> = Topic::named(format!("{id}-counts"))?;
    let builder = StreamsBuilder::new();
    builder
        .stream(lines)
        .flat_map_values(|line| line.split_whitespace().map(str::to_owned).collect())
        .filter(move |_, word| {
            assert!(word != "panic", "a program's own panic, in which it shows {kafka:?}");
            true
        })
        .group_by(|_, word| word.clone())
        .count()
        .to_stream()
        .to(counts);
    Ok(builder.build()?)
}
