//! How many records of a replayed backlog are late: here, with event times aligned and without, and in Kafka Streams, each
//! in one process and in three. `cargo xtask replay` builds all of it and starts this.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use clap::Parser;
use millstream::testing::log_contract::unique_prefix;
use millstream_tests::replay::{GRACE_MS, RECORDS, Replay, expected};

#[derive(Parser)]
struct Arguments {
    /// The addresses of the brokers
    #[arg(long)]
    servers: String,
    /// The path of Java
    #[arg(long)]
    java: PathBuf,
    /// The class path of Kafka Streams and `tests/java/replay`
    #[arg(long)]
    class_path: OsString,
}

fn main() -> ExitCode {
    let Arguments { servers, java, class_path } = Arguments::parse();
    let ours = std::env::current_exe().expect("a path").with_file_name("replay-instance");
    let millstream = || Command::new(&ours);
    let kafka_streams = || {
        let mut command = Command::new(&java);
        command.args(["-Xmx1g", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-cp"]).arg(&class_path);
        command.arg("millstream.Replay");
        command
    };
    let replay = Replay::write(&servers, &unique_prefix());
    let expected = expected();
    let mut is_whole = true;
    println!(
        "{RECORDS} records over 4 partitions, through a repartition topic into windows with {GRACE_MS} ms of grace:"
    );
    println!("{:<18} {:>9} {:>22} {:>21}", "", "processes", "late, by process", "not in final tables");
    for processes in [1, 3] {
        for (name, bound, rows) in [
            ("aligned", Some(GRACE_MS), "this, aligned"),
            ("apart", None, "this, not aligned"),
            ("java", None, "Kafka Streams"),
        ] {
            let name = format!("{name}-{processes}");
            let replayed = match rows {
                "Kafka Streams" => replay.by(&name, processes, kafka_streams, None),
                _ => replay.by(&name, processes, millstream, bound),
            };
            let late: Vec<_> = replayed.late.iter().map(u64::to_string).collect();
            let (late, missing) = (late.join(" + "), replayed.missing());
            println!("{rows:<18} {processes:>9} {late:>22} {missing:>21}");
            is_whole &= bound.is_none() || replayed.table == expected && replayed.late.iter().all(|late| *late == 0);
        }
    }
    if is_whole {
        println!("aligned, the final tables are those of all records");
        return ExitCode::SUCCESS;
    }
    println!("aligned, the final tables are not those of all records");
    ExitCode::FAILURE
}
