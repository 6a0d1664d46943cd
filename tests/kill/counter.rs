//! A process of `kill-counter`.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use millstream_tests::PATIENCE;
use millstream_tests::program::Program;
use millstream_tests::progress::{self, Partition};

use crate::events::PARTITIONS;

/// The settings that all processes of an application share.
#[derive(Clone)]
pub(crate) struct Application {
    pub(crate) id: String,
    /// `--kafka SERVERS` or `--embedded FOLDER`.
    pub(crate) log: [String; 2],
    pub(crate) exactly_once: bool,
    pub(crate) cache_bytes: usize,
    pub(crate) commit_interval: Duration,
    pub(crate) session_timeout: Duration,
    /// `None` is the engine's default.
    pub(crate) transaction_timeout: Option<Duration>,
    /// Contains state and progress.
    pub(crate) folder: PathBuf,
    /// Whether an error ends all processes.
    pub(crate) stop_all: bool,
    /// What becomes of a process that stands still; without it, none does.
    pub(crate) on_stall: Option<&'static str>,
}

/// The state from which a process starts counting.
#[derive(Debug)]
pub(crate) struct Beginning {
    /// The number of records in the changelogs.
    pub(crate) changelog: i64,
    /// The number of records read to restore the state.
    pub(crate) restored: i64,
    /// The committed positions by partition, at which it continues.
    pub(crate) positions: Vec<i64>,
    /// The sum of all counts.
    pub(crate) counted: i64,
}

/// A running process.
pub(crate) struct Counter {
    program: Program,
    progress: PathBuf,
}

impl Application {
    /// Starts the process with that number, on the state that all of them share.
    pub(crate) fn start(&self, number: usize) -> Counter {
        self.start_in("state", number)
    }

    /// Where a process has its state, if it was started in that place.
    pub(crate) fn state_in(&self, place: &str) -> PathBuf {
        self.folder.join(place).join(&self.id)
    }

    /// Starts the process with that number on the state in that place.
    pub(crate) fn start_in(&self, place: &str, number: usize) -> Counter {
        let progress = self.folder.join(format!("progress-{number}"));
        let mut command = Command::new(env!("CARGO_BIN_EXE_kill-counter"));
        command
            .args(&self.log)
            .args(["--id", &self.id, "--partitions", &PARTITIONS.to_string()])
            .args(["--cache-bytes", &self.cache_bytes.to_string()])
            .args(["--commit-interval-ms", &self.commit_interval.as_millis().to_string()])
            .args(["--session-timeout-s", &self.session_timeout.as_secs().to_string()])
            .args(self.transaction_timeout.map(|time| format!("--transaction-timeout-s={}", time.as_secs())))
            .args(self.exactly_once.then_some("--exactly-once"))
            .args(self.stop_all.then_some("--stop-all"))
            .args(self.on_stall.map(|answer| format!("--on-stall={answer}")))
            .args([Path::new("--state-dir"), &self.folder.join(place)])
            .args([Path::new("--progress"), &progress]);
        Counter { program: Program::start(&format!("process {number}"), &mut command), progress }
    }
}

impl Counter {
    /// Waits until it starts counting.
    pub(crate) fn beginning(&self) -> Beginning {
        self.program.until("its beginning", |lines| lines.iter().find_map(|line| parse(line)))
    }

    /// Waits until it has printed this.
    pub(crate) fn until_said(&self, what: &str) {
        self.until_said_times(what, 1);
    }

    /// Waits until it has printed this that many times.
    pub(crate) fn until_said_times(&self, what: &str, times: usize) {
        let said = |lines: &[String]| lines.iter().filter(|line| line.contains(what)).count();
        self.program.until(what, |lines| (said(lines) >= times).then_some(()));
    }

    /// How many lines with this it has printed.
    pub(crate) fn said(&self, what: &str) -> usize {
        self.program.lines().iter().filter(|line| line.contains(what)).count()
    }

    /// The number of warnings and errors that it has printed.
    pub(crate) fn warnings(&self) -> usize {
        let lines = self.program.lines();
        lines.iter().filter(|line| line.contains("WARN") || line.contains("ERROR")).count()
    }

    /// Waits for its end because of an error, and returns what it has printed.
    pub(crate) fn failed(&self) -> Vec<String> {
        assert_eq!(self.program.wait().code(), Some(1), "{}", self.program.last_lines());
        self.program.lines()
    }

    /// Asks it to end.
    pub(crate) fn ask_to_end(&mut self) {
        drop(self.program.input());
    }

    pub(crate) fn is_alive(&self) -> bool {
        self.program.ended().is_none()
    }

    /// Waits until it has reached this record, counted from the start of the input, and has processed some itself.
    pub(crate) fn until_processed(&self, beginning: &Beginning, records: i64) {
        let mut last_news = (Instant::now(), 0);
        loop {
            let progress = self.progress();
            let reached: i64 = positions(beginning, &progress).iter().sum();
            if reached >= records && progress.iter().any(|partition| partition.next > 0) {
                return;
            }
            if reached > last_news.1 {
                last_news = (Instant::now(), reached);
            }
            let said = || self.program.last_lines();
            assert!(last_news.0.elapsed() < PATIENCE, "stuck at {reached} of {records} records\n{}", said());
            if let Some(status) = self.program.ended() {
                panic!("ended ({status}) at {reached} of {records} records\n{}", said());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Ends it like a crash, and returns its progress.
    pub(crate) fn kill(self) -> Vec<Partition> {
        self.program.kill();
        progress::read(&self.progress, PARTITIONS as usize)
    }

    /// Shuts it down cleanly, and returns its progress and output.
    pub(crate) fn finish(self) -> (Vec<Partition>, Vec<String>) {
        let lines = self.program.finish();
        (progress::read(&self.progress, PARTITIONS as usize), lines)
    }

    /// The partitions of which it has processed records.
    pub(crate) fn partitions(&self) -> Vec<usize> {
        (0..).zip(self.progress()).filter(|(_, told)| told.next > 0).map(|(partition, _)| partition).collect()
    }

    pub(crate) fn progress(&self) -> Vec<Partition> {
        progress::read(&self.progress, PARTITIONS as usize)
    }
}

/// The position of a process in each partition.
pub(crate) fn positions(beginning: &Beginning, progress: &[Partition]) -> Vec<i64> {
    let behind = |(start, told): (&i64, &Partition)| if told.next == 0 { *start } else { told.next };
    beginning.positions.iter().zip(progress).map(behind).collect()
}

/// The number of records that a process has repeated itself, after it had lost its tasks or undone their work.
pub(crate) fn repeated(progress: &[Partition]) -> i64 {
    progress.iter().map(|partition| partition.repeated).sum()
}

/// The runs of a suite take turns, because each uses the whole machine.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock().unwrap_or_else(PoisonError::into_inner)
}

fn parse(line: &str) -> Option<Beginning> {
    let figures = line.strip_prefix("started ")?;
    let figure = |name: &str| figures.split(' ').find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
    let number = |name: &str| figure(name)?.parse().ok();
    Some(Beginning {
        changelog: number("changelog")?,
        restored: number("restored")?,
        positions: figure("positions")?.split(',').map(str::parse).collect::<Result<_, _>>().ok()?,
        counted: number("counted")?,
    })
}
