//! Files with the answers of Kafka Streams itself, which tests compare with.

use crate::process::{Failure, command, find_program, run, workspace};

/// Generates the golden files of `streams-core/tests/describe` again.
pub(crate) fn describe() -> Result<(), Failure> {
    if find_program("mvn").is_none() {
        return Err(Failure::missing("Maven is missing; `cargo xtask setup` installs it"));
    }
    let mut maven = command("mvn");
    maven.current_dir(workspace().join("tests/java/describe")).args([
        "-q",
        "-B",
        "compile",
        "exec:java",
        "-Dexec.args=../../../streams-core/tests/describe",
    ]);
    run(&mut maven)
}
