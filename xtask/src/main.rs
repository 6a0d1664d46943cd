//! The project's own commands, for everything that takes more than one `cargo` call.

mod bench;
mod cache;
mod chaos;
mod ci;
mod deny;
mod env;
mod external;
mod http_fuzz;
mod java;
mod kafka;
mod oracle;
mod packages;
mod postgres;
mod process;
mod replay;
mod rocksdb;
mod schemathesis;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use process::Failure;

const HELP: &str = "\
The project's own commands.

usage: cargo xtask COMMAND

  test     Sets up what the tests need, builds RocksDB once, and runs every test of the workspace.
           Ends with `N passed, N failed`.
  ci       What continuous integration runs: format, tidy, clippy, docs, licences, features, then `test`.
  tidy     Checks the project's own rules: module arrows, file sizes, module heads, clocks, unsafe,
           and that the tests are there that DIFFERENCES.md and RELIABILITY.md name.
  setup    Finds or installs what `test` needs, and stops there.
  env      Prints variables for plain `cargo`, so that it does not compile RocksDB again; compiles RocksDB once if
           necessary: `eval \"$(cargo xtask env)\"`.
  oracle [--seed S] [--cases N] [--family NAME] [ARGS]
           Compares the engine with Kafka Streams, record by record, on random topologies and inputs (JDK and Maven).
           Shows differences in their smallest cases, and ends with `N passed, N failed`; `--help` says more.
           With --broker, runs 20 topologies as real applications of both sides on the broker of `kafka start`.
  mutants --suite oracle [--only TEXT]
           Plants bugs in a copy of the engine and lets the recorded cases of `tests/oracle` find them: a table, and
           an error if one is not found.
  oracle-describe
           Lets Kafka Streams itself describe the topologies of streams-core/tests/describe (JDK and Maven).
  oracle-bytes
           Lets Kafka Streams itself write the bytes of streams-core/tests/bytes (JDK and Maven).
  replay   How many records of a replayed backlog are late: here, with event times aligned and without, and in Kafka
           Streams, in one process and in three, on one broker (JDK and Maven).
  chaos [--cycles N] [--records M] [--faults kill,pause,network,broker,disk,rolling,storm] [--brokers 1|3]
        [--guarantee exactly_once|at_least_once] [--topology joined|hops] [--seed S] [--record]
           Kills, pauses, cuts off and restarts processes of an application on a Kafka of its own under load, and audits what they
           have left in the broker's log and in their folders: how much is lost, doubled or out of order. `--help` says
           more; --debug builds what is not optimised; --record adds the run to the ledger.
  http-fuzz [--seconds N] [--seed S] [--serve]
           Fuzzes the HTTP API of an application with Schemathesis (found, or installed into the cache; Python), and fails
           unless every operation that the server describes has been seen to work. --serve only serves the application.
  bench engine [ARGS]
           CPU and time per record of pass-through, hot count and tumbling count, in memory and on a broker.
  bench operators [ARGS]
           CPU per record, in memory, of windows that overlap sixty times, slide, or are sessions, joins of streams, and an aligned replay.
  bench recovery [--state-mb MB] [ARGS]
           How fast a process with 1 GB of state is back after kill -9: with its state, and with an empty folder.
  bench serving [points|streams] [ARGS]
           CPU per query over HTTP, from memory and RocksDB (wrk asks), and what a thousand streams of changes cost a worker.
  bench compare [--workload W[,W..]] [--pairs N] [--guarantee alo|eos] [--scale PART] [--json FILE]
                [--before PROGRAM] [--check]
           Kafka Streams and this engine in turn on one broker: CPU per record, time, memory, changelog records.
           Answers are compared first. At full scale, all rows take about an hour per pair, with --scale 0.1 a tenth
           of that; --before measures against an older build (target/release/compare-millstream) instead; --check
           only compares answers.
  kafka    A real Apache Kafka for tests and for trying things out; `cargo xtask kafka` says more.
  postgres A real PostgreSQL, likewise; `cargo xtask postgres` says more.

Build output is kept outside the checkout, so that fresh clones share it: in $MILLSTREAM_CACHE, or else in
$XDG_CACHE_HOME/millstream, or else in ~/.cache/millstream. $CARGO_TARGET_DIR and $ROCKSDB_LIB_DIR (with
$ROCKSDB_STATIC=1) are used if they are set.

exit codes: 0 done, 1 something failed, 2 something is missing that this command may not install";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let result = match args.as_slice() {
        ["kafka", rest @ ..] => {
            let rest: Vec<String> = rest.iter().copied().map(str::to_owned).collect();
            kafka::run(&rest)
        }
        ["postgres", rest @ ..] => postgres::run(rest),
        ["bench", "engine", rest @ ..] => bench::engine(rest),
        ["bench", "operators", rest @ ..] => bench::operators(rest),
        ["bench", "recovery", rest @ ..] => bench::recovery(rest),
        ["bench", "serving", rest @ ..] => bench::serving(rest),
        ["bench", "compare", rest @ ..] if !rest.contains(&"--help") => bench::compare(rest),
        ["test"] => test::run(),
        ["ci"] => ci::run(),
        ["tidy"] => tidy::run(),
        ["oracle", rest @ ..] => oracle::compare(rest),
        ["mutants", "--suite", "oracle", rest @ ..] => oracle::mutants(rest),
        ["replay"] => replay::run(),
        ["chaos", rest @ ..] => chaos::run(rest),
        ["http-fuzz", rest @ ..] => http_fuzz::run(rest),
        ["oracle-describe"] => oracle::describe(),
        ["oracle-bytes"] => oracle::bytes(),
        ["setup"] => setup::run(),
        ["env"] => env::print(),
        [] | ["help" | "-h" | "--help", ..] | [_, "-h" | "--help"] | ["bench", _, "--help"] => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(Failure::failed(format!("unknown command `{}`\n\n{HELP}", args.join(" ")))),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.message.is_empty() {
                eprintln!("{}", failure.message);
            }
            ExitCode::from(failure.exit_code)
        }
    }
}
