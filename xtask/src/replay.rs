//! `cargo xtask replay`: what of a backlog is late when it is replayed, here and in Kafka Streams. `tests/replay` does it; this
//! module builds both sides and starts it.

use std::process::Command;

use crate::java;
use crate::process::{Failure, run as run_program};
use crate::setup;
use crate::test::Build;

/// Runs `cargo xtask replay`.
pub(crate) fn run() -> Result<(), Failure> {
    setup::ensure(setup::FOR_TESTS)?;
    let mut build = Build::begin()?;
    let class_path = java::class_path("tests/java/replay", "replay-java")?;
    build.rocksdb.wait()?;
    let binaries = ["--bin", "replay", "--bin", "replay-instance"];
    run_program(build.cargo(&["build", "--locked", "-p", "millstream-tests"]).args(binaries))?;
    let servers = build.kafka()?;
    let java = setup::java_program("java").unwrap_or_else(|| "java".into());
    let mut replay = Command::new(build.target().join("debug/replay"));
    replay.args(["--servers", &servers]).arg("--java").arg(java).arg("--class-path").arg(class_path);
    run_program(&mut replay)
}
