//! `cargo xtask chaos`: `tests/chaos` kills processes on a real Kafka; this module builds it and starts it.

use std::process::Command;

use crate::process::{Failure, run as run_program};
use crate::setup;
use crate::test::Build;

/// The program that kills, and the one that is killed.
const RIG: &str = "chaos";
const INSTANCE: &str = "chaos-instance";

/// Builds the rig and runs it with these arguments. It cleans up after itself, even after Ctrl-C, so it replaces this process:
/// nothing must end before it.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    setup::ensure(setup::FOR_TESTS)?;
    let mut build = Build::begin()?;
    let (profile, folder) = if args.contains(&"--debug") { ("dev", "debug") } else { ("release", "release") };
    build.rocksdb.wait()?;
    run_program(&mut build.cargo(&["build", "--locked", "--profile", profile, "-p", "millstream-chaos"]))?;
    let mut rig = Command::new(build.target().join(folder).join(RIG));
    instead_of_us(rig.args(args.iter().filter(|arg| **arg != "--debug")))
}

/// A short run, for continuous integration.
pub(crate) fn short(build: &mut Build) -> Result<(), Failure> {
    let args = ["--cycles", "4", "--records", "48000", "--rate", "3000", "--faults", "kill,rolling"];
    build.rocksdb.wait()?;
    let programs = build.programs_beside_tests(&[RIG, INSTANCE])?;
    run_program(Command::new(programs.join(RIG)).args(args))
}

#[cfg(unix)]
fn instead_of_us(command: &mut Command) -> Result<(), Failure> {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(Failure::failed(format!("the rig cannot be started: {error}")))
}

#[cfg(not(unix))]
fn instead_of_us(command: &mut Command) -> Result<(), Failure> {
    run_program(command)
}
