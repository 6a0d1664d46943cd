//! The places in which processes run: a folder each, the process that is there, and what it has said.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use millstream_tests::program::Program;

use crate::topologies::Kind;

/// What a process says whose disk is full.
const FULL: &str = "free some space on this disk";

/// What all processes of the application have in common.
#[derive(Debug, Clone)]
pub struct Application {
    /// The program `chaos-instance`.
    pub program: PathBuf,
    /// Its id.
    pub id: String,
    /// Its topology.
    pub kind: Kind,
    /// Whether it runs with exactly-once.
    pub exactly_once: bool,
    /// How many threads each process has.
    pub threads: usize,
    /// The time between commits.
    pub commit_interval: Duration,
    /// The session timeout.
    pub session: Duration,
    /// The transaction timeout; `None` is the engine's default.
    pub transaction: Option<Duration>,
    /// How many bytes RocksDB buffers before it writes files.
    pub write_buffer_bytes: usize,
}

/// What processes have gone through. Those that are gone are included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lived {
    /// How often a process's assignment changed, its first one not included.
    pub rebalances: u64,
    /// How often tasks were opened again after the first assignment of the first processes.
    pub restores: u64,
    /// How many records of changelogs were read.
    pub restored_records: u64,
    /// How often a process undid its own work.
    pub undone: u64,
    /// How many records were dropped, which should never happen.
    pub dropped: u64,
}

impl Lived {
    /// Adds what others have gone through.
    pub const fn add(&mut self, other: Self) {
        self.rebalances += other.rebalances;
        self.restores += other.restores;
        self.restored_records += other.restored_records;
        self.undone += other.undone;
        self.dropped += other.dropped;
    }
}

/// A running process.
#[derive(Debug)]
pub struct Instance {
    /// Its number, which its testimonies have.
    pub number: i64,
    program: Program,
    read: usize,
    is_running: bool,
    rebalances: u64,
    openings: u64,
    undone: u64,
    full: u64,
    last: Figures,
    last_news: Instant,
    last_lines: Vec<String>,
}

/// The figures that a process prints.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Figures {
    tasks: u64,
    unfinished: u64,
    restored: u64,
    dropped: u64,
}

/// A place.
#[derive(Debug)]
pub struct Place {
    /// Its state folder.
    pub folder: PathBuf,
    /// The addresses under which a process in this place finds the brokers.
    pub servers: String,
    /// The process that is there.
    pub instance: Option<Instance>,
}

impl Place {
    /// Starts a process there.
    ///
    /// # Panics
    /// When it cannot be started, or there is one.
    pub fn start(&mut self, application: &Application, number: i64) {
        assert!(self.instance.is_none(), "a process is there already");
        let mut command = Command::new(&application.program);
        // Ctrl-C is for the rig, which then ends the processes.
        command.process_group(0);
        command
            .args(["--servers", &self.servers, "--id", &application.id, "--process", &number.to_string()])
            .args(["--topology", application.kind.name(), "--threads", &application.threads.to_string()])
            .args(["--commit-interval-ms", &application.commit_interval.as_millis().to_string()])
            .args(["--session-timeout-ms", &application.session.as_millis().to_string()])
            .args(application.transaction.map(|time| format!("--transaction-timeout-ms={}", time.as_millis())))
            .args(["--write-buffer-bytes", &application.write_buffer_bytes.to_string()])
            .args(application.exactly_once.then_some("--exactly-once"))
            .args([Path::new("--state-dir"), &self.folder]);
        self.instance = Some(Instance {
            number,
            program: Program::start(&format!("process {number}"), &mut command),
            read: 0,
            is_running: false,
            rebalances: 0,
            openings: 0,
            undone: 0,
            full: 0,
            last: Figures::default(),
            last_news: Instant::now(),
            last_lines: Vec::new(),
        });
    }

    /// Kills the process that is there, if there is one.
    pub fn kill(&mut self) -> Option<(i64, Lived)> {
        let mut instance = self.instance.take()?;
        instance.look();
        let ended = (instance.number, instance.lived());
        instance.program.kill();
        Some(ended)
    }

    /// Shuts the process down that is there, if there is one.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn finish(&mut self) -> Option<Lived> {
        let mut instance = self.instance.take()?;
        instance.look();
        let lived = instance.lived();
        let _ = instance.program.finish();
        Some(lived)
    }
}

impl Instance {
    /// Reads what it has said.
    pub fn look(&mut self) {
        let (read, lines) = self.program.lines_from(self.read);
        self.read = read;
        for line in &lines {
            self.hear(line);
        }
        self.last_lines.extend(lines);
        self.last_lines.drain(..self.last_lines.len().saturating_sub(20));
    }

    fn hear(&mut self, line: &str) {
        if line.ends_with("-> RUNNING") {
            self.is_running = true;
            self.rebalances += 1;
        } else if line.contains(" -> ") && line.chars().all(|c| c.is_ascii_uppercase() || " ->_".contains(c)) {
            self.is_running = false;
        } else if line.contains("task runs") {
            self.openings += 1;
        } else if line.contains("is undone and done again") {
            self.undone += 1;
        } else if line.contains(FULL) {
            self.full += 1;
        } else if let Some(figures) = line.strip_prefix("at ") {
            let figure = |name: &str| {
                let value = |part: &str| part.strip_prefix(name)?.strip_prefix('=')?.parse().ok();
                figures.split(' ').find_map(value).unwrap_or(0)
            };
            let unfinished = figure("opening") + figure("uncommitted") + figure("buffered");
            let (tasks, restored, dropped) = (figure("tasks"), figure("restored"), figure("dropped"));
            self.last = Figures { tasks, unfinished, restored, dropped };
            self.last_news = Instant::now();
        }
    }

    /// Whether all its tasks run.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.is_running
    }

    /// Whether it has had nothing to do for so long.
    #[must_use]
    pub fn is_idle_for(&self, time: Duration) -> bool {
        self.is_running && self.last.unfinished == 0 && self.last_news.elapsed() > time
    }

    /// Whether it succeeded, and how it has ended, if it has.
    #[must_use]
    pub fn end(&self) -> Option<(bool, String)> {
        let status = self.program.ended()?;
        Some((status.success(), format!("process {} ended ({status})\n{}", self.number, self.last_words())))
    }

    /// What it has said last.
    #[must_use]
    pub fn last_words(&self) -> String {
        self.program.last_lines()
    }

    /// Whether it has said that its disk is full, more often than that.
    #[must_use]
    pub const fn has_said_full(&self, before: u64) -> bool {
        self.full > before
    }

    /// How often it has said that its disk is full.
    #[must_use]
    pub const fn said_full(&self) -> u64 {
        self.full
    }

    /// Stops it with SIGSTOP.
    pub fn pause(&self) {
        self.program.pause();
    }

    /// Lets it go on.
    pub fn resume(&self) {
        self.program.resume();
    }

    /// What it has gone through.
    #[must_use]
    pub fn lived(&self) -> Lived {
        Lived {
            rebalances: self.rebalances.saturating_sub(1),
            restores: self.openings,
            restored_records: self.last.restored,
            undone: self.undone,
            dropped: self.last.dropped,
        }
    }
}
