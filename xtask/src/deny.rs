//! cargo-deny, which holds dependencies against `deny.toml`: licences, sources, bans, known weaknesses.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::process::{Failure, cargo_program, command, find_program, run, succeeds};

/// The version that continuous integration builds for itself.
const VERSION: &str = "0.20.2";

/// Finds cargo-deny, or builds it into the cache where nobody waits: under continuous integration (`CI` is set).
/// Building takes about three minutes on two cores.
///
/// # Errors
/// [`Failure::missing`]: where it is to come from, or that it cannot be had, for instance without a network.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    let folder = cache::folder()?.join("tools");
    let ours = folder.join("bin").join("cargo-deny");
    if let Some(installed) = find_program("cargo-deny").or_else(|| ours.is_file().then(|| ours.clone())) {
        return Ok(installed);
    }
    if std::env::var_os("CI").is_none_or(|value| value.is_empty()) {
        return Err(Failure::missing("not installed; `cargo install --locked cargo-deny` brings it"));
    }
    println!("\n== building cargo-deny {VERSION}, once for this machine");
    install(command(cargo_program()), &folder)?;
    Ok(ours)
}

/// Dependencies that nobody could check are no reason to keep tests from running.
fn install(mut cargo: Command, folder: &Path) -> Result<(), Failure> {
    // Not into the folder of what is tested: none of it is shared.
    cargo.env_remove("CARGO_TARGET_DIR").args(["install", "--locked", "--quiet", "--version", VERSION, "--root"]);
    run(cargo.arg(folder).arg("cargo-deny"))
        .map_err(|failure| Failure::missing(format!("it cannot be installed: {}", failure.message)))
}

/// Licences, sources and bans.
pub(crate) fn check(program: &PathBuf) -> Result<(), Failure> {
    run(command(program).args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
}

/// Fetches what is known of weaknesses; whether it could be, for the network may be closed.
pub(crate) fn fetch_advisories(program: &PathBuf) -> bool {
    succeeds(command(program).args(["fetch", "db"]))
}

/// Known weaknesses, by what was fetched.
pub(crate) fn advisories(program: &PathBuf) -> Result<(), Failure> {
    run(command(program).args(["--offline", "check", "advisories"]))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Failure, command, install};

    #[test]
    fn what_cannot_be_installed_is_missing_and_has_not_failed() {
        let failure = install(command("no-such-program-anywhere"), Path::new("/nowhere")).expect_err("no program");
        assert_eq!(failure.exit_code, Failure::missing("").exit_code);
        assert!(failure.message.starts_with("it cannot be installed: `no-such-program-"), "{}", failure.message);
    }
}
