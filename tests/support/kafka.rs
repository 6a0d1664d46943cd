//! A real Kafka for the suites that need one.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use crate::proxy::Proxy;

/// The bootstrap servers of a running Kafka: those in the environment variable `MILLSTREAM_KAFKA`, or the broker of
/// `cargo xtask kafka start`, which all suites share and which keeps running.
///
/// # Panics
/// When there is no broker and none can be started; the message says why.
#[must_use]
pub fn bootstrap_servers() -> &'static str {
    static SERVERS: OnceLock<String> = OnceLock::new();
    let start = || printed(&xtask(&["start"]), "bootstrap.servers");
    SERVERS.get_or_init(|| std::env::var("MILLSTREAM_KAFKA").unwrap_or_else(|_| start()))
}

/// Gives a topic more partitions.
///
/// # Panics
/// When that fails.
pub fn add_partitions(topic: &str, partitions: u32) {
    let class = "org.apache.kafka.tools.TopicCommand";
    let (servers, partitions) = (bootstrap_servers(), partitions.to_string());
    xtask(&["exec", class, "--bootstrap-server", servers, "--alter", "--topic", topic, "--partitions", &partitions]);
}

/// Deletes a group and its positions, as if they had expired.
///
/// # Panics
/// When that fails, for instance because the group has a member.
pub fn delete_group(group: &str) {
    let class = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
    xtask(&["exec", class, "--bootstrap-server", bootstrap_servers(), "--delete", "--group", group]);
}

/// A separate cluster for a test that breaks it. It has a name, is empty, and is removed when this is dropped.
#[derive(Debug)]
pub struct OwnCluster {
    name: String,
    bootstrap_servers: String,
}

impl OwnCluster {
    /// Starts a cluster of one or three brokers.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start(name: &str, brokers: usize) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let started = xtask(&["start", "--fresh", "--brokers", &brokers.to_string(), "--name", &name]);
        Self { name, bootstrap_servers: printed(&started, "bootstrap.servers") }
    }

    /// Starts one broker, which can also be reached through the proxy.
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_behind(proxy: &Proxy, name: &str) -> Self {
        Self::start_behind_all(std::slice::from_ref(proxy), name)
    }

    /// Starts as many brokers as there are proxies, one or three, each of which can also be reached through its proxy.
    ///
    /// # Panics
    /// When they do not start.
    #[must_use]
    pub fn start_behind_all(proxies: &[Proxy], name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let ports = proxies.iter().map(|proxy| proxy.port().to_string()).collect::<Vec<_>>().join(",");
        let brokers = proxies.len().to_string();
        let started = xtask(&["start", "--fresh", "--brokers", &brokers, "--proxies", &ports, "--name", &name]);
        let behind = printed(&started, "behind.proxies");
        for (proxy, behind) in proxies.iter().zip(behind.split(',')) {
            proxy.lead_to(behind.parse().unwrap_or_else(|error| panic!("{behind:?}: {error}")));
        }
        Self { name, bootstrap_servers: printed(&started, "bootstrap.servers") }
    }

    /// Starts one broker, with a listener for TLS and passwords, too (`cargo xtask kafka start --secure`).
    ///
    /// # Panics
    /// When it does not start.
    #[must_use]
    pub fn start_secured(name: &str) -> Self {
        let name = format!("{name}-{}", std::process::id());
        let started = xtask(&["start", "--fresh", "--secure", "--name", &name]);
        Self { name, bootstrap_servers: printed(&started, "bootstrap.servers") }
    }

    /// The folder with the brokers' data and output, and for a secured one with what its clients need.
    ///
    /// # Panics
    /// When a broker does not run.
    #[must_use]
    pub fn folder(&self) -> PathBuf {
        printed(&xtask(&["status", "--name", &self.name]), "folder").into()
    }

    /// Runs one of Kafka's own classes.
    ///
    /// # Errors
    /// What it prints when it fails.
    pub fn exec(&self, class: &str, args: &[&str]) -> Result<String, String> {
        run(&[&["exec", "--name", &self.name, class], args].concat())
    }

    /// The brokers' addresses, which stay the same when brokers are killed and started again.
    #[must_use]
    pub fn bootstrap_servers(&self) -> &str {
        &self.bootstrap_servers
    }

    /// Ends a broker (counted from 1) like a crash.
    ///
    /// # Panics
    /// When that fails.
    pub fn kill(&self, broker: usize) {
        xtask(&["kill", &broker.to_string(), "--name", &self.name]);
    }

    /// Starts the brokers that were killed, with their data.
    ///
    /// # Panics
    /// When they do not start.
    pub fn revive(&self) {
        xtask(&["start", "--name", &self.name]);
    }
}

impl Drop for OwnCluster {
    fn drop(&mut self) {
        let _ = run(&["stop", "--name", &self.name]);
    }
}

/// Runs `cargo xtask kafka ..` and returns its output.
fn xtask(args: &[&str]) -> String {
    run(args).unwrap_or_else(|error| panic!("cargo xtask kafka {}: {error}", args.join(" ")))
}

fn run(args: &[&str]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["xtask", "kafka"]).args(args);
    // In a separate process group: Ctrl-C is for the suite, and must not stop this half-way.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let output = command.output().map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The value of a line `name=value`; empty if there is no such line.
fn printed(lines: &str, name: &str) -> String {
    let value = |line: &str| Some(line.strip_prefix(name)?.strip_prefix('=')?.to_owned());
    lines.lines().find_map(value).unwrap_or_default()
}
