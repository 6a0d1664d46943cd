//! Schemathesis, the fuzzer of HTTP APIs: a program in Python, in an environment of its own in the cache.

use std::fs;
use std::path::{Path, PathBuf};

use crate::process::{Failure, command, run, succeeds};
use crate::{cache, setup};

/// The version that is installed. Another one may check other things.
const VERSION: &str = "4.32.5";

/// Finds Schemathesis, or installs it into the cache, which takes half a minute.
///
/// # Errors
/// [`Failure::missing`], which says what to paste, or that it cannot be installed, for instance without a network.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    let folder = cache::folder()?.join("tools").join(format!("schemathesis-{VERSION}"));
    let program = program_in(&folder);
    if program.is_file() {
        return Ok(program);
    }
    setup::ensure(setup::FOR_HTTP_FUZZ)?;
    println!("\n== installing Schemathesis {VERSION}, once for this machine");
    install("python3", &folder)?;
    Ok(program)
}

fn program_in(folder: &Path) -> PathBuf {
    folder.join(if cfg!(windows) { "Scripts" } else { "bin" }).join("schemathesis")
}

/// A failure counts as missing: everything else should be checked even if this cannot be.
fn install(python: &str, folder: &Path) -> Result<(), Failure> {
    let (pip, wanted) = (program_in(folder).with_file_name("pip"), format!("schemathesis=={VERSION}"));
    let installed = run(command(python).args(["-m", "venv", "--clear"]).arg(folder))
        .and_then(|()| run(command(&pip).args(["install", "--quiet", "--disable-pip-version-check", &wanted])));
    // It must not be taken for whole at the next start.
    let is_whole = installed.is_ok() && succeeds(command(program_in(folder)).arg("--version"));
    if is_whole {
        return Ok(());
    }
    let _ = fs::remove_dir_all(folder);
    let reason = installed.err().map_or("it does not start".to_owned(), |failure| failure.message);
    let paste = format!("python3 -m venv {0} && {0}/bin/pip install {wanted}", folder.display());
    Err(Failure::missing(format!("Schemathesis cannot be installed: {reason}. Paste this, then try again:\n  {paste}")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{Failure, install};

    #[test]
    fn what_cannot_be_installed_is_missing_and_one_line_to_paste() {
        let failure = install("no-such-python-anywhere", Path::new("/nowhere")).expect_err("no program");
        assert_eq!(failure.exit_code, Failure::missing("").exit_code);
        let paste = "python3 -m venv /nowhere && /nowhere/bin/pip install schemathesis==";
        assert!(failure.message.contains("`no-such-python-anywhere"), "{}", failure.message);
        assert!(failure.message.contains(paste), "{}", failure.message);
    }
}
