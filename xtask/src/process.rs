//! Runs other programs, above all `cargo`.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Why a command fails, and with which exit code.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) message: String,
    pub(crate) exit_code: u8,
}

impl Failure {
    /// Something failed.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 1 }
    }

    /// Something is missing that the user must provide.
    pub(crate) fn missing(message: impl Into<String>) -> Self {
        Self { message: message.into(), exit_code: 2 }
    }
}

/// The folder of the workspace.
pub(crate) fn workspace() -> PathBuf {
    // Set by every `cargo run` and `cargo test`; the path that was compiled in may be another checkout.
    let manifest = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    Path::new(&manifest).parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The same `cargo` that runs us.
pub(crate) fn cargo_program() -> std::ffi::OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// A program that starts in the workspace and reads nothing.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(workspace()).stdin(Stdio::null());
    command
}

/// The output of a program, if it succeeds. Its error output is passed through.
pub(crate) fn output_of(command: &mut Command) -> Result<String, Failure> {
    let shown = shown(command);
    let output = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| Failure::failed(format!("`{shown}` cannot be started: {error}")))?;
    if !output.status.success() {
        return Err(Failure::failed(format!("`{shown}` ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a program and passes its output through.
pub(crate) fn run(command: &mut Command) -> Result<(), Failure> {
    let shown = shown(command);
    let status = command.status().map_err(|error| Failure::failed(format!("`{shown}` cannot be started: {error}")))?;
    if status.success() { Ok(()) } else { Err(Failure::failed(format!("`{shown}` ended with {status}"))) }
}

/// Whether a program starts and succeeds; its output is discarded.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// A command as people would type it.
pub(crate) fn shown(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let program = program.file_name().unwrap_or(command.get_program());
    std::iter::once(program).chain(command.get_args()).map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}

/// The path of a program, if it is in one of the folders in `PATH`.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file() || file.with_extension("exe").is_file()
}

#[cfg(test)]
mod tests {
    use super::{command, output_of, run, shown, succeeds};

    #[test]
    fn commands_are_shown_as_typed() {
        assert_eq!(shown(command("/usr/bin/cargo").args(["test", "-p", "x"])), "cargo test -p x");
    }

    #[test]
    fn a_program_that_fails_or_is_not_there_is_named() {
        assert_eq!(output_of(command("cargo").arg("--version")).expect("cargo runs").get(..6), Some("cargo "));
        let failure = run(command("cargo").args(["--no-such-flag", "-q"]).stderr(std::process::Stdio::null()));
        assert!(failure.expect_err("no such flag").message.contains("`cargo --no-such-flag -q` ended with"));
        let failure = run(&mut command("no-such-program-anywhere")).expect_err("no such program");
        assert!(failure.message.contains("`no-such-program-anywhere` cannot be started"), "{}", failure.message);
        assert!(!succeeds(command("cargo").arg("--no-such-flag")));
    }
}
