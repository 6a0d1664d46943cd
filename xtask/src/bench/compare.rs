//! `cargo xtask bench compare`: this engine beside Kafka Streams, on one broker and the same topics.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::java;
use crate::process::{Failure, run as run_program, workspace};
use crate::test::Build;
use crate::{cache, setup};

/// The rig, and our side of the comparison.
const RIG: &str = "compare";
const OURS: &str = "compare-millstream";

/// Builds both sides and runs the rig with the arguments after `compare`. The rig cleans up after itself, even after
/// Ctrl-C, so it replaces this process: nothing must end before it.
pub(crate) fn compare(args: &[&str]) -> Result<(), Failure> {
    setup::ensure(setup::FOR_TESTS)?;
    let mut build = Build::begin()?;
    build.rocksdb.wait()?;
    let ours = ["build", "--locked", "--release", "-p", "millstream-benches", "--bin", RIG, "--bin", OURS];
    run_program(&mut build.cargo(&ours))?;
    let mut rig = rig(&build.target().join("release"))?;
    instead_of_us(rig.args(args))
}

/// Checks that both sides give the same answers to a few records of every workload. There are no figures, so nothing is
/// optimised.
pub(crate) fn compare_answers(build: &mut Build) -> Result<(), Failure> {
    build.rocksdb.wait()?;
    let programs = build.programs_beside_tests(&[RIG, OURS])?;
    run_program(rig(&programs)?.arg("--check"))
}

/// The rig in this folder, ready for its arguments, with Java's side built.
fn rig(programs: &Path) -> Result<Command, Failure> {
    let class_path = java::class_path("benches/compare/java", "compare-java")?;
    let mut rig = Command::new(programs.join(RIG));
    rig.args([OsString::from("--java"), java_program().into(), "--class-path".into(), class_path]);
    // A broker for this checkout alone, so that two checkouts do not stop each other's.
    rig.args(["--broker", &format!("compare-{}", cache::fingerprint([&*workspace().to_string_lossy()]))]);
    Ok(rig)
}

fn java_program() -> PathBuf {
    setup::java_program("java").unwrap_or_else(|| "java".into())
}

#[cfg(unix)]
fn instead_of_us(command: &mut Command) -> Result<(), Failure> {
    let error = std::os::unix::process::CommandExt::exec(command);
    Err(Failure::failed(format!("the comparison cannot be started: {error}")))
}

#[cfg(not(unix))]
fn instead_of_us(command: &mut Command) -> Result<(), Failure> {
    run_program(command)
}
