//! cargo-deny, which checks dependencies against `deny.toml`: licences, sources, bans, known vulnerabilities.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::cache;
use crate::process::{Failure, cargo_program, command, find_program, run, succeeds};

/// The version that continuous integration builds for itself.
const VERSION: &str = "0.20.2";

/// Finds cargo-deny or, under continuous integration (`CI` is set), where nobody waits, builds it into the cache. That
/// takes about three minutes on two cores.
///
/// # Errors
/// [`Failure::missing`], which says how to install it, or that it cannot be installed, for instance without a network.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    let folder = cache::folder()?.join("tools");
    let ours = folder.join("bin").join("cargo-deny");
    if let Some(installed) = find_program("cargo-deny").or_else(|| ours.is_file().then(|| ours.clone())) {
        return Ok(installed);
    }
    if std::env::var_os("CI").is_none_or(|value| value.is_empty()) {
        return Err(Failure::missing("not installed; `cargo install --locked cargo-deny` installs it"));
    }
    println!("\n== building cargo-deny {VERSION}, once for this machine");
    install(command(cargo_program()), &folder)?;
    Ok(ours)
}

/// A failure counts as missing: the tests should run even if dependencies cannot be checked.
fn install(mut cargo: Command, folder: &Path) -> Result<(), Failure> {
    // Not into the target folder of the tests, because nothing is shared.
    cargo.env_remove("CARGO_TARGET_DIR").args(["install", "--locked", "--quiet", "--version", VERSION, "--root"]);
    run(cargo.arg(folder).arg("cargo-deny"))
        .map_err(|failure| Failure::missing(format!("it cannot be installed: {}", failure.message)))
}

/// Checks licences, sources and bans.
pub(crate) fn check(program: &PathBuf) -> Result<(), Failure> {
    run(command(program).args(["check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))
}

/// Fetches the database of known vulnerabilities. Returns whether that succeeded, because there may be no network.
pub(crate) fn fetch_advisories(program: &PathBuf) -> bool {
    succeeds(command(program).args(["fetch", "db"]))
}

/// Checks for known vulnerabilities, using the fetched database and no network.
pub(crate) fn advisories(program: &PathBuf) -> Result<(), Failure> {
    let checked = run(command(program).args(["--offline", "check", "advisories"]));
    checked.map_err(|_| {
        Failure::failed(
            "there are some, printed above: update the crates that they name, or list an advisory that does not apply \
             here under `ignore` in deny.toml, with the reason",
        )
    })
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
