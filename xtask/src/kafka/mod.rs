//! `cargo xtask kafka`: a real Apache Kafka for tests, one command away.
//!
//! ```text
//! cargo xtask kafka start [--brokers 1|3] [--fresh] [--proxies PORT[,..]] [--secure] [--name NAME]
//! cargo xtask kafka stop | status [--name NAME]
//! cargo xtask kafka kill N [--name NAME]
//! cargo xtask kafka exec [--name NAME] CLASS ARGS...
//! ```
//!
//! * `start` prints one line, `bootstrap.servers=127.0.0.1:PORT[,..]`, once every broker answers. Brokers that are already
//!   running stay (those that died or were killed are started again with their data); `--fresh` stops them and starts
//!   with empty data. With `--proxies`, each broker of a new cluster gets another listener, which advertises that port of
//!   127.0.0.1, so that a proxy can be put there; a second line, `behind.proxies=127.0.0.1:PORT[,..]`, has the actual
//!   addresses of these listeners. With `--secure`, each broker of a new cluster gets one for TLS and passwords, and checks
//!   rights there; another line, `secure.servers=127.0.0.1:PORT[,..]`, has their addresses, and the cluster's folder has
//!   what clients need: `broker.pem`, and their settings in `alice.properties` and `bob.properties`.
//! * `stop` kills the brokers and deletes their data.
//! * `status` prints the same line as `start`, then `folder=..` (data and the brokers' output) and
//!   `broker.N.pid=..`, and fails if not all brokers run.
//! * `kill` ends broker N (from 1) like a crash; its data stays.
//! * `exec` runs one of Kafka's own classes (`org.apache.kafka.tools.consumer.ConsoleConsumer`, ...) with the terminal
//!   passed through; `{bootstrap}` in an argument stands for the running brokers.
//!
//! The default NAME is `default`. Clusters are independent of each other.
//!
//! Maven downloads Kafka (`tests/java/broker/pom.xml`), so Java (17 or later) is needed, and Maven the first time;
//! `start` and `exec` install them as `cargo xtask test` does. The class path and one state file per NAME are in `kafka`
//! in the cache folder (`$MILLSTREAM_CACHE` or `~/.cache/millstream`). Brokers run in KRaft combined mode on free ports
//! of 127.0.0.1, and keep running after this command.

mod request;
mod secure;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::process::{Failure, workspace};
use crate::{cache, setup};
use request::Request;

type Result<T> = std::result::Result<T, String>;

const START_TIMEOUT: Duration = Duration::from_secs(90);

/// Runs the command line after `cargo xtask kafka`.
///
/// # Errors
/// A message for people.
pub(crate) fn run(args: &[String]) -> std::result::Result<(), Failure> {
    let request = Request::parse(args).map_err(Failure::failed)?;
    if let Request::Start { .. } | Request::Exec { .. } = &request {
        let has_class_path = cached_class_path().map_err(Failure::failed)?.is_some();
        setup::ensure(if has_class_path { setup::FOR_JAVA } else { setup::FOR_KAFKA })?;
    }
    answer(request).map_err(Failure::failed)
}

fn answer(request: Request) -> Result<()> {
    match request {
        Request::Start { name, brokers, fresh, proxies, secure } => {
            let _lock = lock(&name)?;
            let cluster = start(&name, brokers, fresh, &proxies, secure)?;
            println!("{}", cluster.bootstrap_line());
            for line in [cluster.behind_line(), cluster.secure_line()].into_iter().flatten() {
                println!("{line}");
            }
            Ok(())
        }
        Request::Stop { name } => stop(&name),
        Request::Status { name } => status(&name),
        Request::Kill { name, broker } => {
            let _lock = lock(&name)?;
            let cluster = Cluster::load(&name)?.ok_or_else(|| no_broker(&name))?;
            let broker = cluster.brokers.get(broker.wrapping_sub(1)).ok_or("there is no broker with that number")?;
            broker.kill(&cluster.folder)
        }
        Request::Exec { name, class, args } => exec(&name, &class, &args),
    }
}

/// The address, `host:port`, of the broker named `name`; starts one if none is running.
///
/// # Errors
/// A message for people.
pub(crate) fn servers(name: &str) -> Result<String> {
    let _lock = lock(name)?;
    let line = start(name, None, false, &[], false)?.bootstrap_line();
    Ok(line.split_once('=').map_or_else(|| line.clone(), |(_, servers)| servers.trim().to_owned()))
}

/// Ends the broker named `name`, if one is running.
///
/// # Errors
/// A message for people.
pub(crate) fn stop(name: &str) -> Result<()> {
    let _lock = lock(name)?;
    Cluster::load(name)?.map_or(Ok(()), |cluster| cluster.stop(name))
}

fn start(name: &str, brokers: Option<usize>, fresh: bool, proxies: &[u16], secure: bool) -> Result<Cluster> {
    let mut found = Cluster::load(name)?;
    if fresh && let Some(cluster) = found.take() {
        cluster.stop(name)?;
    }
    let class_path = class_path()?;
    let found = found.filter(|cluster| cluster.folder.is_dir());
    let is_new = found.is_none();
    let mut cluster = match found {
        Some(cluster) => match brokers {
            Some(asked) if asked != cluster.brokers.len() => {
                let running = cluster.brokers.len();
                return Err(format!("a cluster of {running} is already there: `stop` it, or add --fresh or --name"));
            }
            _ if !proxies.is_empty() || secure && cluster.secure.is_empty() => {
                return Err("a cluster is there already: add --fresh or --name".to_owned());
            }
            _ => cluster,
        },
        None => Cluster::create(name, brokers.unwrap_or(1), proxies, secure, &class_path)?,
    };
    cluster.spawn_missing(&class_path)?;
    cluster.save(name)?;
    match cluster.wait_until_answering() {
        Ok(()) => Ok(cluster),
        Err(error) => {
            let output = cluster.last_output();
            // There is nothing worth keeping; the next attempt uses other ports.
            if is_new {
                cluster.stop(name)?;
            }
            Err(format!("{error}\n{output}"))
        }
    }
}

fn status(name: &str) -> Result<()> {
    let cluster = Cluster::load(name)?.ok_or_else(|| no_broker(name))?;
    println!("{}", cluster.bootstrap_line());
    println!("folder={}", cluster.folder.display());
    if let Some(line) = cluster.secure_line() {
        println!("{line}");
    }
    let mut dead = Vec::new();
    for (number, broker) in (1..).zip(&cluster.brokers) {
        println!("broker.{number}.pid={}", broker.pid);
        if !broker.is_alive(&cluster.folder) {
            dead.push(number.to_string());
        }
    }
    if dead.is_empty() { Ok(()) } else { Err(format!("not running: broker {}", dead.join(", "))) }
}

fn no_broker(name: &str) -> String {
    let option = if name == request::DEFAULT { String::new() } else { format!(" --name {name}") };
    format!("no broker runs; `cargo xtask kafka start{option}` starts one")
}

fn exec(name: &str, class: &str, args: &[String]) -> Result<()> {
    let bootstrap = |arg: &String| match Cluster::load(name)? {
        _ if !arg.contains("{bootstrap}") => Ok(arg.clone()),
        Some(cluster) => Ok(arg.replace("{bootstrap}", &cluster.bootstrap())),
        None => Err(no_broker(name)),
    };
    let args = args.iter().map(bootstrap).collect::<Result<Vec<_>>>()?;
    let status = java(&class_path()?).arg("-Xmx512m").arg(class).args(args).status();
    succeeded(class, status)
}

/// The brokers of a cluster, as recorded in its state file.
#[derive(Debug, PartialEq, Eq)]
struct Cluster {
    folder: PathBuf,
    brokers: Vec<Broker>,
    /// The ports of the secured listeners, one for each broker; empty without `--secure`.
    secure: Vec<u16>,
}

#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Broker {
    port: u16,
    controller_port: u16,
    behind: Option<Behind>,
    /// 0 before the first start.
    pid: u32,
}

/// A broker's listener that is reached through a proxy.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
struct Behind {
    port: u16,
    proxy_port: u16,
}

impl Cluster {
    /// A new cluster with formatted, empty storage; nothing runs yet.
    fn create(name: &str, brokers: usize, proxies: &[u16], secure: bool, class_path: &str) -> Result<Self> {
        if !proxies.is_empty() && proxies.len() != brokers {
            return Err(format!("--proxies takes a port for each broker, {brokers} in all"));
        }
        let folder = std::env::temp_dir().join(format!("millstream-kafka-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
        let mut ports = free_ports(brokers * if secure { 4 } else { 3 })?;
        let secure = ports.split_off(brokers * 3);
        let mut proxies = proxies.iter();
        let brokers = ports.chunks_exact(3).filter_map(|ports| match *ports {
            [port, controller_port, behind] => {
                let behind = proxies.next().map(|proxy_port| Behind { port: behind, proxy_port: *proxy_port });
                Some(Broker { port, controller_port, behind, pid: 0 })
            }
            _ => None,
        });
        let cluster = Self { folder, brokers: brokers.collect(), secure };
        if let Some(servers) = cluster.secure_servers() {
            secure::make_keys(&cluster.folder)?;
            secure::write_clients(&cluster.folder, &servers)?;
        }
        cluster.format_storage(class_path)?;
        Ok(cluster)
    }

    fn format_storage(&self, class_path: &str) -> Result<()> {
        // Any valid id will do, because clusters on different ports never meet.
        const CLUSTER_ID: &str = "bWlsbHN0cmVhbS10ZXN0cw";
        let mut formatting = Vec::new();
        let users = if self.secure.is_empty() { Vec::new() } else { secure::formatting() };
        for number in 1..=self.brokers.len() {
            let file = self.properties_file(number);
            fs::write(&file, self.properties(number)).map_err(|error| format!("{}: {error}", file.display()))?;
            let child = java(class_path)
                .args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER_ID])
                .args(["--feature", "streams.version=1", "--feature", "transaction.version=2", "--config"])
                .arg(&file)
                .args(&users)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .spawn();
            formatting.push(child.map_err(|error| format!("java: {error}"))?);
        }
        formatting.into_iter().try_for_each(|mut child| succeeded("formatting the storage", child.wait()))
    }

    /// The broker's settings: Kafka's defaults, except for those that make tests fast and one machine sufficient. Records
    /// are kept for ever unless a topic sets a limit, because tests use timestamps in the past.
    fn properties(&self, number: usize) -> String {
        let broker = self.brokers.get(number.wrapping_sub(1)).copied().unwrap_or(Broker::NONE);
        let replicas = self.brokers.len();
        let in_sync = replicas.div_ceil(2);
        let voters = (1..)
            .zip(&self.brokers)
            .map(|(number, broker)| format!("{number}@127.0.0.1:{}", broker.controller_port))
            .collect::<Vec<_>>()
            .join(",");
        let behind = broker.behind.map(|Behind { port, proxy_port }| {
            (format!(",BEHIND://127.0.0.1:{port}"), format!(",BEHIND://127.0.0.1:{proxy_port}"))
        });
        let (behind, proxy) = behind.unwrap_or_default();
        let secure = self.secure.get(number.wrapping_sub(1)).map(|port| format!(",SECURE://127.0.0.1:{port}"));
        let secure = secure.unwrap_or_default();
        let mut text = format!(
            "process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{behind}{secure}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{proxy}{secure}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,BEHIND:PLAINTEXT,SECURE:SASL_SSL
log.dirs={data}
default.replication.factor={replicas}
min.insync.replicas={in_sync}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=5
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={in_sync}
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor={replicas}
share.coordinator.state.topic.min.isr={in_sync}
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=500
group.streams.initial.rebalance.delay.ms=0
transaction.abort.timed.out.transaction.cleanup.interval.ms=500
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
log.cleaner.backoff.ms=500
log.cleaner.dedupe.buffer.size=16777216
log.retention.ms=-1
log.retention.check.interval.ms=1000
log.segment.delete.delay.ms=1000
",
            port = broker.port,
            controller_port = broker.controller_port,
            data = self.folder.join(format!("data-{number}")).display(),
        );
        let _ = writeln!(text, "broker.rack=rack-{number}");
        if !self.secure.is_empty() {
            text += &secure::properties(&self.folder);
        }
        text
    }

    fn properties_file(&self, number: usize) -> PathBuf {
        self.folder.join(format!("broker-{number}.properties"))
    }

    fn output_file(&self, number: usize) -> PathBuf {
        self.folder.join(format!("broker-{number}.log"))
    }

    fn spawn_missing(&mut self, class_path: &str) -> Result<()> {
        let heap = if self.brokers.len() == 1 { "-Xmx1g" } else { "-Xmx512m" };
        for index in 0..self.brokers.len() {
            let number = index + 1;
            let (properties, output) = (self.properties_file(number), self.output_file(number));
            let Some(broker) = self.brokers.get_mut(index).filter(|broker| !broker.is_alive(&self.folder)) else {
                continue;
            };
            let log = File::options().create(true).append(true).open(&output);
            let log = log.map_err(|error| format!("{}: {error}", output.display()))?;
            let second = log.try_clone().map_err(|error| format!("{}: {error}", output.display()))?;
            let mut command = java(class_path);
            command.arg(heap).arg("kafka.Kafka").arg(properties);
            command.stdin(Stdio::null()).stdout(log).stderr(second).current_dir(&self.folder);
            // In a separate process group, so that Ctrl-C during a test run does not reach the broker.
            #[cfg(unix)]
            std::os::unix::process::CommandExt::process_group(&mut command, 0);
            broker.pid = command.spawn().map_err(|error| format!("java: {error}"))?.id();
        }
        Ok(())
    }

    fn wait_until_answering(&self) -> Result<()> {
        let started = Instant::now();
        // A process that has just started does not look like the broker for a moment.
        let mut seen_dead = 0;
        loop {
            if self.brokers.iter().all(|broker| brokers_known_at(broker.port) == Some(self.brokers.len())) {
                return Ok(());
            }
            let dead = self.brokers.iter().find(|broker| !broker.is_alive(&self.folder));
            seen_dead = if dead.is_some() { seen_dead + 1 } else { 0 };
            if let Some(broker) = dead.filter(|_| seen_dead > 10) {
                return Err(format!("the broker on port {} ended", broker.port));
            }
            if started.elapsed() > START_TIMEOUT {
                return Err(format!("not all brokers answered within {} s", START_TIMEOUT.as_secs()));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn stop(&self, name: &str) -> Result<()> {
        for broker in &self.brokers {
            broker.kill(&self.folder)?;
        }
        for path in [&self.folder, &state_file(name)?] {
            let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
            match removed {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("{}: {error}", path.display()));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The end of each broker's output, for the message if one does not start.
    fn last_output(&self) -> String {
        let mut text = String::new();
        for number in 1..=self.brokers.len() {
            let output = fs::read_to_string(self.output_file(number)).unwrap_or_default();
            let lines: Vec<_> = output.lines().collect();
            for line in lines.get(lines.len().saturating_sub(15)..).unwrap_or_default() {
                let _ = writeln!(text, "broker {number}: {line}");
            }
        }
        text
    }

    fn bootstrap(&self) -> String {
        self.brokers.iter().map(|broker| format!("127.0.0.1:{}", broker.port)).collect::<Vec<_>>().join(",")
    }

    fn bootstrap_line(&self) -> String {
        format!("bootstrap.servers={}", self.bootstrap())
    }

    /// The addresses of the listeners behind proxies, if there are any.
    fn behind_line(&self) -> Option<String> {
        let ports = self.brokers.iter().filter_map(|broker| broker.behind);
        let addresses = ports.map(|behind| format!("127.0.0.1:{}", behind.port)).collect::<Vec<_>>();
        (!addresses.is_empty()).then(|| format!("behind.proxies={}", addresses.join(",")))
    }

    /// The addresses of the secured listeners, if there are any.
    fn secure_servers(&self) -> Option<String> {
        let addresses = self.secure.iter().map(|port| format!("127.0.0.1:{port}")).collect::<Vec<_>>();
        (!addresses.is_empty()).then(|| addresses.join(","))
    }

    fn secure_line(&self) -> Option<String> {
        self.secure_servers().map(|servers| format!("secure.servers={servers}"))
    }

    fn load(name: &str) -> Result<Option<Self>> {
        let file = state_file(name)?;
        match fs::read_to_string(&file) {
            Ok(text) => {
                Self::from_text(&text).map(Some).ok_or_else(|| format!("{} is damaged: delete it", file.display()))
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    }

    fn save(&self, name: &str) -> Result<()> {
        let file = state_file(name)?;
        fs::write(&file, self.to_text()).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn to_text(&self) -> String {
        let mut text = format!("{}\nfolder={}\n", self.bootstrap_line(), self.folder.display());
        if let Some(line) = self.secure_line() {
            let _ = writeln!(text, "{line}");
        }
        for (number, broker) in (1..).zip(&self.brokers) {
            let Broker { port, controller_port, behind, pid } = broker;
            let _ = write!(text, "broker.{number}.port={port}\nbroker.{number}.controller={controller_port}\n");
            if let Some(Behind { port, proxy_port }) = behind {
                let _ = write!(text, "broker.{number}.behind={port}\nbroker.{number}.proxy={proxy_port}\n");
            }
            let _ = writeln!(text, "broker.{number}.pid={pid}");
        }
        text
    }

    fn from_text(text: &str) -> Option<Self> {
        let values: BTreeMap<_, _> = text.lines().filter_map(|line| line.split_once('=')).collect();
        let mut brokers = Vec::new();
        while let Some(port) = values.get(format!("broker.{}.port", brokers.len() + 1).as_str()) {
            let number = brokers.len() + 1;
            let value = |key: &str| values.get(format!("broker.{number}.{key}").as_str());
            let controller_port = value("controller")?.parse().ok()?;
            let behind = match (value("behind"), value("proxy")) {
                (Some(port), Some(proxy)) => Some(Behind { port: port.parse().ok()?, proxy_port: proxy.parse().ok()? }),
                _ => None,
            };
            let (port, pid) = (port.parse().ok()?, value("pid")?.parse().ok()?);
            brokers.push(Broker { port, controller_port, behind, pid });
        }
        let secure = values.get("secure.servers").copied().unwrap_or_default().split(',');
        let secure = secure.filter_map(|server| server.rsplit_once(':')?.1.parse().ok()).collect();
        (!brokers.is_empty()).then_some(Self { folder: values.get("folder")?.into(), brokers, secure })
    }
}

impl Broker {
    const NONE: Self = Self { port: 0, controller_port: 0, behind: None, pid: 0 };

    /// Whether the process is still running and is this broker: its id may belong to another process by now.
    fn is_alive(&self, folder: &Path) -> bool {
        if self.pid == 0 {
            return false;
        }
        let command_line = fs::read(format!("/proc/{}/cmdline", self.pid)).or_else(|_| {
            let output = Command::new("ps").args(["-o", "command=", "-p", &self.pid.to_string()]).output();
            output.map(|output| output.stdout)
        });
        command_line.is_ok_and(|line| String::from_utf8_lossy(&line).contains(&*folder.to_string_lossy()))
    }

    fn kill(&self, folder: &Path) -> Result<()> {
        if !self.is_alive(folder) {
            return Ok(());
        }
        succeeded("kill", Command::new("kill").args(["-9", &self.pid.to_string()]).status())?;
        while self.is_alive(folder) {
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }
}

/// The number of live brokers that the one at `port` knows; `None` while it does not answer.
fn brokers_known_at(port: u16) -> Option<usize> {
    // A Metadata request, version 1: length, key, version, correlation id, no client id, no topics.
    const REQUEST: &[u8] = &[0, 0, 0, 14, 0, 3, 0, 1, 0, 0, 0, 1, 0xff, 0xff, 0, 0, 0, 0];
    let timeout = Duration::from_secs(2);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], port)), timeout).ok()?;
    stream.set_read_timeout(Some(timeout)).ok()?;
    stream.write_all(REQUEST).ok()?;
    let mut head = [0; 12];
    stream.read_exact(&mut head).ok()?;
    let (_, count) = head.split_last_chunk::<4>()?;
    usize::try_from(i32::from_be_bytes(*count)).ok()
}

/// Different ports that nobody listens on, below those that the system assigns to outgoing connections. If somebody takes
/// one before the broker does, the broker ends and says so. Processes that start clusters at the same time start looking
/// at places far from each other.
fn free_ports(count: usize) -> Result<Vec<u16>> {
    const PORTS: std::ops::Range<u16> = 20_000..32_000;
    const APART: u16 = 16;
    let place = std::process::id() % u32::from((PORTS.end - PORTS.start) / APART);
    let first = PORTS.start + u16::try_from(place).unwrap_or(0) * APART;
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    let ports: Vec<_> = (first..PORTS.end).chain(PORTS.start..first).filter(is_free).take(count).collect();
    if ports.len() == count { Ok(ports) } else { Err("no free ports".to_owned()) }
}

fn java(class_path: &str) -> Command {
    let mut command = Command::new(setup::java_program("java").unwrap_or_else(|| "java".into()));
    command.args(["-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", "-Dorg.slf4j.simpleLogger.showDateTime=true"]);
    command.args(["-Djava.awt.headless=true", "-cp", class_path]);
    command
}

fn succeeded(what: &str, status: std::io::Result<ExitStatus>) -> Result<()> {
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{what}: {status}")),
        Err(error) => Err(format!("{what}: {error}")),
    }
}

/// The jars of Kafka as resolved by Maven, cached until the pom changes or a jar is gone.
fn class_path() -> Result<String> {
    if let Some(cached) = cached_class_path()? {
        return Ok(cached);
    }
    let (file, key_file) = class_path_files()?;
    let mut option = OsString::from("-Dmdep.outputFile=");
    option.push(&file);
    let maven = Command::new("mvn")
        .args(["-q", "-B", "dependency:build-classpath", "-f"])
        .arg(pom())
        .arg(option)
        .stdout(Stdio::null())
        .status();
    succeeded("mvn dependency:build-classpath", maven)?;
    fs::copy(pom(), &key_file).map_err(|error| format!("{}: {error}", key_file.display()))?;
    fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))
}

fn cached_class_path() -> Result<Option<String>> {
    let pom_text = fs::read_to_string(pom()).map_err(|error| format!("{}: {error}", pom().display()))?;
    let (file, key_file) = class_path_files()?;
    let is_current = fs::read_to_string(&key_file).is_ok_and(|text| text == pom_text);
    let cached = fs::read_to_string(&file).ok().filter(|jars| is_current && !jars.is_empty());
    Ok(cached.filter(|jars| std::env::split_paths(jars).all(|jar| jar.is_file())))
}

fn pom() -> PathBuf {
    workspace().join("tests/java/broker/pom.xml")
}

/// The class path, and the pom that it was made from.
fn class_path_files() -> Result<(PathBuf, PathBuf)> {
    let folder = cache_folder()?;
    Ok((folder.join("class-path"), folder.join("class-path.pom.xml")))
}

fn cache_folder() -> Result<PathBuf> {
    let folder = cache::folder().map_err(|failure| failure.message)?.join("kafka");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(folder)
}

fn state_file(name: &str) -> Result<PathBuf> {
    Ok(cache_folder()?.join(format!("{name}.properties")))
}

/// Allows one command at a time per cluster, so that test binaries that start it together get the same one.
fn lock(name: &str) -> Result<File> {
    let path = cache_folder()?.join(format!("{name}.lock"));
    let file = File::create(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.lock().map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster(brokers: u16) -> Cluster {
        let broker = |number| Broker {
            port: 9000 + number,
            controller_port: 9100 + number,
            behind: (number == 2).then_some(Behind { port: 9200, proxy_port: 9300 }),
            pid: 70 + u32::from(number),
        };
        let secure = (1..=brokers).map(|number| 9400 + number).collect();
        Cluster { folder: "/tmp/somewhere".into(), brokers: (1..=brokers).map(broker).collect(), secure }
    }

    #[test]
    fn what_is_remembered_lies_in_the_cache_folder() {
        let cache = crate::cache::folder().expect("a cache folder");
        assert_eq!(state_file("chaos"), Ok(cache.join("kafka").join("chaos.properties")));
    }

    #[test]
    fn the_state_file_gives_back_what_was_saved() {
        let text = cluster(3).to_text();
        assert!(text.starts_with("bootstrap.servers=127.0.0.1:9001,127.0.0.1:9002,127.0.0.1:9003\n"), "{text}");
        assert_eq!(Cluster::from_text(&text), Some(cluster(3)));
        assert_eq!(Cluster::from_text("bootstrap.servers=127.0.0.1:9001\n"), None);
    }

    #[test]
    fn internal_topics_have_as_many_replicas_as_there_are_brokers() {
        for (brokers, replicas, in_sync) in [(1, "1", "1"), (3, "3", "2")] {
            let text = cluster(brokers).properties(1);
            let value = |key| text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            assert_eq!(value("offsets.topic.replication.factor"), Some(replicas));
            assert_eq!(value("transaction.state.log.replication.factor"), Some(replicas));
            assert_eq!(value("transaction.state.log.min.isr"), Some(in_sync));
            assert_eq!(value("controller.quorum.voters").map(|voters| voters.split(',').count()), Some(brokers.into()));
        }
    }

    #[test]
    fn a_process_that_is_not_the_broker_is_not_alive_and_not_killed() {
        let stranger = Broker { pid: std::process::id(), ..Broker::NONE };
        let folder = Path::new("/nobody/has/this/folder");
        assert!(!stranger.is_alive(folder));
        assert_eq!(stranger.kill(folder), Ok(()));
    }
}
