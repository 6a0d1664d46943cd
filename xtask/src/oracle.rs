//! What Kafka Streams itself says: the differential test, and files with its answers, which tests compare with.

use std::process::Command;

use crate::process::{Failure, cargo_program, command, find_program, run, workspace};
use crate::{cache, java, kafka, setup};

/// Compiles both sides and runs `tests/oracle` with these arguments, for instance `--seed 1 --cases 10000`.
pub(crate) fn compare(args: &[&str]) -> Result<(), Failure> {
    if args.contains(&"--broker") {
        return on_broker(args);
    }
    // Tests and help need no Java.
    let mut oracle = oracle(args)?;
    if !args.iter().any(|arg| ["--help", "-h", "--print", "--check-vectors", "--properties"].contains(arg)) {
        setup::ensure(setup::FOR_KAFKA)?;
        oracle.arg("--class-path").arg(java::class_path("tests/java/oracle", "oracle-java")?);
    }
    status(oracle)
}

fn status(mut oracle: Command) -> Result<(), Failure> {
    match oracle.status() {
        Ok(status) if status.success() => Ok(()),
        // It has said what differs.
        Ok(_) => Err(Failure::failed("")),
        Err(error) => Err(Failure::failed(format!("the oracle cannot be started: {error}"))),
    }
}

/// How many topologies run on a real broker, unless it is said.
const ON_BROKER: &str = "20";

/// Runs topologies on a real broker: that of `MILLSTREAM_KAFKA`, or that of `cargo xtask kafka start`.
fn on_broker(args: &[&str]) -> Result<(), Failure> {
    setup::ensure(setup::FOR_KAFKA)?;
    let servers = match std::env::var("MILLSTREAM_KAFKA").ok().filter(|servers| !servers.is_empty()) {
        Some(servers) => servers,
        None => kafka::servers("default").map_err(Failure::failed)?,
    };
    let mut oracle = program("oracle", &["--features", "broker"])?;
    oracle.args(args.iter().filter(|arg| **arg != "--broker")).args(["--broker", &servers]);
    if !args.contains(&"--cases") {
        oracle.args(["--cases", ON_BROKER]);
    }
    oracle.arg("--class-path").arg(java::class_path("tests/java/oracle", "oracle-java")?);
    status(oracle)
}

/// Plants bugs in a copy of the engine, and lets the recorded cases find them.
pub(crate) fn mutants(args: &[&str]) -> Result<(), Failure> {
    let mut mutants = program("mutants", &[])?;
    let status = mutants.arg(cache::folder()?.join("mutants")).args(args).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::failed("")),
        Err(error) => Err(Failure::failed(format!("the mutants cannot be started: {error}"))),
    }
}

fn oracle(args: &[&str]) -> Result<Command, Failure> {
    let mut oracle = program("oracle", &[])?;
    oracle.args(args);
    Ok(oracle)
}

/// A program of `tests/oracle`, optimised.
fn program(name: &str, features: &[&str]) -> Result<Command, Failure> {
    let mut cargo = command(cargo_program());
    cargo.env("CARGO_TARGET_DIR", cache::target_folder()?);
    cargo.args(["run", "-q", "--locked", "--release", "-p", "millstream-oracle", "--bin", name]);
    cargo.args(features).arg("--");
    Ok(cargo)
}

/// Generates the golden files of `streams-core/tests/describe` again.
pub(crate) fn describe() -> Result<(), Failure> {
    write("describe")
}

/// Generates the golden file of `streams-core/tests/bytes` again.
pub(crate) fn bytes() -> Result<(), Failure> {
    write("bytes")
}

/// Runs the Java program of that name, which writes files to the folder of the same name in `streams-core/tests`.
fn write(program: &str) -> Result<(), Failure> {
    if find_program("mvn").is_none() {
        return Err(Failure::missing("Maven is missing; `cargo xtask setup` installs it"));
    }
    let mut maven = command("mvn");
    maven.current_dir(workspace().join("tests/java").join(program)).args(["-q", "-B", "compile", "exec:java"]);
    run(maven.arg(format!("-Dexec.args=../../../streams-core/tests/{program}")))
}
