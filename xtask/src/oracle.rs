//! What Kafka Streams itself says: the differential test, and files with its answers, which tests compare with.

use std::process::Command;

use crate::process::{Failure, cargo_program, command, find_program, run, workspace};
use crate::{cache, java, setup};

/// Compiles both sides and runs `tests/oracle` with these arguments, for instance `--seed 1 --cases 10000`.
pub(crate) fn compare(args: &[&str]) -> Result<(), Failure> {
    // Tests and help need no Java.
    let mut oracle = oracle(args)?;
    if !args.iter().any(|arg| ["--help", "-h", "--print", "--check-vectors", "--properties"].contains(arg)) {
        setup::ensure(setup::FOR_KAFKA)?;
        oracle.arg("--class-path").arg(java::class_path("tests/java/oracle", "oracle-java")?);
    }
    match oracle.status() {
        Ok(status) if status.success() => Ok(()),
        // It has said what differs.
        Ok(_) => Err(Failure::failed("")),
        Err(error) => Err(Failure::failed(format!("the oracle cannot be started: {error}"))),
    }
}

/// Plants bugs in a copy of the engine, and lets the recorded cases find them.
pub(crate) fn mutants(args: &[&str]) -> Result<(), Failure> {
    let mut mutants = program("mutants")?;
    let status = mutants.arg(cache::folder()?.join("mutants")).args(args).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(Failure::failed("")),
        Err(error) => Err(Failure::failed(format!("the mutants cannot be started: {error}"))),
    }
}

fn oracle(args: &[&str]) -> Result<Command, Failure> {
    let mut oracle = program("oracle")?;
    oracle.args(args);
    Ok(oracle)
}

/// A program of `tests/oracle`, optimised.
fn program(name: &str) -> Result<Command, Failure> {
    let mut cargo = command(cargo_program());
    cargo.env("CARGO_TARGET_DIR", cache::target_folder()?);
    cargo.args(["run", "-q", "--locked", "--release", "-p", "millstream-oracle", "--bin", name, "--"]);
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
