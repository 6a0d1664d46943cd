//! The broker that both sides use, for the duration of the comparison.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::Failure;

/// A new Kafka with one broker. Dropping this removes it with its data.
#[derive(Debug)]
pub(crate) struct Broker {
    name: String,
    pub(crate) servers: String,
}

impl Broker {
    /// Starts the broker, after stopping one that an earlier comparison left behind.
    pub(crate) fn start(name: &str) -> Result<Self, Failure> {
        // Created before the broker runs: if starting fails half-way, dropping this cleans up.
        let mut broker = Self { name: name.to_owned(), servers: String::new() };
        let printed = kafka(&["start", "--fresh", "--name", name])?;
        let servers = printed.lines().find_map(|line| line.strip_prefix("bootstrap.servers="));
        broker.servers = servers.ok_or("`cargo xtask kafka start` named no servers")?.to_owned();
        Ok(broker)
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Err(error) = kafka(&["stop", "--name", &self.name]) {
            eprintln!("the broker of the comparison cannot be stopped: {error}");
        }
    }
}

/// The output of `cargo xtask kafka ..`.
fn kafka(args: &[&str]) -> Result<String, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    // In a separate process group: Ctrl-C is for us, and must not stop it half-way.
    let output = command.args(["xtask", "kafka"]).args(args).process_group(0).output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim_end().into());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
