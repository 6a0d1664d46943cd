//! cargo-deny, which holds dependencies against `deny.toml`: licences, sources, bans, known weaknesses.

use std::path::PathBuf;
use std::process::Command;

use crate::cache;
use crate::process::{Failure, cargo_program, command, find_program, run, succeeds};

/// The version that continuous integration builds for itself.
const VERSION: &str = "0.20.2";

/// Finds cargo-deny, or builds it into the cache where nobody waits: under continuous integration (`CI` is set).
/// Building takes about three minutes on two cores.
///
/// # Errors
/// Where it is to come from.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    let folder = cache::folder()?.join("tools");
    let ours = folder.join("bin").join("cargo-deny");
    if let Some(installed) = find_program("cargo-deny").or_else(|| ours.is_file().then(|| ours.clone())) {
        return Ok(installed);
    }
    if std::env::var_os("CI").is_none_or(|value| value.is_empty()) {
        return Err(Failure::missing("not installed; `cargo install --locked cargo-deny` brings it"));
    }
    let mut install = command(cargo_program());
    // Not into the folder of what is tested: none of it is shared.
    install.env_remove("CARGO_TARGET_DIR").args(["install", "--locked", "--quiet", "--version", VERSION, "--root"]);
    run(install.arg(folder).arg("cargo-deny"))?;
    Ok(ours)
}

/// Licences, sources and bans.
pub(crate) fn check(program: &PathBuf) -> Result<(), Failure> {
    run(deny(program).args(["--hide-inclusion-graph", "bans", "licenses", "sources"]))
}

/// Fetches what is known of weaknesses; whether it could be, for the network may be closed.
pub(crate) fn fetch_advisories(program: &PathBuf) -> bool {
    succeeds(command(program).args(["fetch", "db"]))
}

/// Known weaknesses, by what was fetched.
pub(crate) fn advisories(program: &PathBuf) -> Result<(), Failure> {
    run(deny(program).args(["--disable-fetch", "advisories"]))
}

fn deny(program: &PathBuf) -> Command {
    let mut deny = command(program);
    deny.arg("check");
    deny
}
