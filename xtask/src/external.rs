//! A crate outside the workspace that depends on the facade like a user's: it is built with default features and counts
//! words on a real broker.

use std::fs;

use crate::process::{Failure, output_of, workspace};
use crate::test::Build;

const EXPECTED: &str = "be\t2\nis\t1\nnot\t1\nor\t1\nquestion\t1\nthat\t1\nthe\t1\nto\t2\n";

/// Builds `tests/external`, runs it on a broker and compares what it prints.
pub(crate) fn counts_words_on_kafka(build: &mut Build) -> Result<(), Failure> {
    build.rocksdb.wait()?;
    let folder = workspace().join("tests/external");
    // The same versions as in the workspace, so that nothing is compiled twice.
    fs::copy(workspace().join("Cargo.lock"), folder.join("Cargo.lock"))
        .map_err(|error| Failure::failed(format!("tests/external/Cargo.lock: {error}")))?;
    let servers = build.kafka()?;
    let mut cargo = build.cargo(&["run", "--quiet", "--", &servers]);
    let printed = output_of(cargo.current_dir(&folder))?;
    if printed == EXPECTED {
        println!("a crate outside the workspace counted on {servers}:\n{printed}");
        return Ok(());
    }
    Err(Failure::failed(format!("tests/external printed\n{printed}\ninstead of\n{EXPECTED}")))
}
