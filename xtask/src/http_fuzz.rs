//! `cargo xtask http-fuzz`: `tests/http_fuzz` fuzzes the HTTP API of an application; this module finds the fuzzer and builds the
//! rig.

use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::{Failure, cargo_program, command, output_of};
use crate::{cache, packages, schemathesis};

/// The rig's name among the suites.
const RIG: &str = "http_fuzz";

/// Runs the rig with these arguments.
pub(crate) fn run(args: &[&str]) -> Result<(), Failure> {
    fuzz(&schemathesis::find()?, args)
}

/// A short run with a fixed seed, for continuous integration.
pub(crate) fn short(fuzzer: &Path) -> Result<(), Failure> {
    fuzz(fuzzer, &["--seconds", "20", "--seed", "1"])
}

fn fuzz(fuzzer: &Path, args: &[&str]) -> Result<(), Failure> {
    match command(rig()?).arg("--fuzzer").arg(fuzzer).args(args).status() {
        Ok(status) if status.success() => Ok(()),
        // It has said what is wrong.
        Ok(_) => Err(Failure::failed("")),
        Err(error) => Err(Failure::failed(format!("the rig cannot be started: {error}"))),
    }
}

/// Builds the rig. It is named together with all packages that the tests without C have, because their features decide what
/// the crates below are compiled with: so nothing is compiled twice.
fn rig() -> Result<PathBuf, Failure> {
    let mut cargo = command(cargo_program());
    cargo.env("CARGO_TARGET_DIR", cache::target_folder()?);
    cargo.args(["test", "--locked", "--no-run", "--message-format", "json-render-diagnostics"]);
    cargo.args(packages::pure()?.iter().flat_map(|package| ["-p", package])).args(["--test", RIG]);
    executable(&output_of(&mut cargo)?).ok_or_else(|| Failure::failed("cargo does not say where it has put the rig"))
}

/// The rig among what cargo says that it has built.
fn executable(messages: &str) -> Option<PathBuf> {
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let mut rigs = messages.filter(|message| message["target"]["name"] == RIG);
    rigs.find_map(|message| Some(PathBuf::from(message["executable"].as_str()?)))
}

#[cfg(test)]
mod tests {
    use super::executable;

    #[test]
    fn the_rig_is_found_among_what_was_built() {
        let messages = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"streams_core\"},\"executable\":null}\n\
                        {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"http_fuzz\"},\"executable\":\"/t/http_fuzz-1\"}\n\
                        {\"reason\":\"build-finished\",\"success\":true}\n";
        assert_eq!(executable(messages), Some("/t/http_fuzz-1".into()));
        assert_eq!(executable("{\"reason\":\"build-finished\"}\nno JSON\n"), None);
    }
}
