//! Files with the answers of Kafka Streams itself, which tests compare with.

use crate::process::{Failure, command, find_program, run, workspace};

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
