//! Processes of the `word-count` example.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use millstream_tests::program::Program;

/// A process that counts words.
pub(crate) struct Counter {
    name: String,
    program: Program,
}

impl Counter {
    /// Starts a process with its own state folder in `folder`.
    pub(crate) fn start(name: &str, arguments: &[&str], folder: &Path) -> Self {
        let mut command = Command::new(word_count());
        command.args(arguments).arg("--state-dir").arg(folder.join(name));
        Self { name: name.to_owned(), program: Program::start(name, &mut command) }
    }

    /// Waits until it has tasks and they are running.
    pub(crate) fn until_running(&self) {
        let is_running = |lines: &[String]| {
            let state = lines.iter().rev().find_map(|line| line.split_once(" -> "));
            state.filter(|(_, to)| *to == "RUNNING").map(drop)
        };
        self.program.until("RUNNING", is_running);
    }

    /// Asks it to shut down cleanly.
    pub(crate) fn terminate(&self) {
        self.program.terminate();
    }

    /// Ends it like a crash (`kill -9`).
    pub(crate) fn kill(self) {
        self.program.kill();
    }

    /// Waits for its end, and returns what it has done.
    pub(crate) fn finish(self) -> Share {
        let lines = self.program.finish();
        let processed = |subtopology: &str| {
            let tasks = lines.iter().filter_map(|line| line.strip_prefix("task ")?.split_once(": "));
            let tasks = tasks.filter(|(task, _)| task.starts_with(subtopology));
            let records = tasks.filter_map(|(_, figures)| figures.split_once(" records")?.0.parse::<i64>().ok());
            records.sum()
        };
        Share { name: self.name, lines: processed("0_"), words: processed("1_") }
    }
}

/// The work of one process.
pub(crate) struct Share {
    pub(crate) name: String,
    /// The number of lines split into words.
    pub(crate) lines: i64,
    /// The number of words counted.
    pub(crate) words: i64,
}

/// What a command of the example prints, and whether it succeeds.
pub(crate) fn command(arguments: &[&str]) -> (bool, String) {
    let output = Command::new(word_count()).args(arguments).output().expect("it starts");
    let text = if output.status.success() { output.stdout } else { output.stderr };
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// The path of the example's program, built with the same profile as the tests.
fn word_count() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let output = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
            .args(["build", "--locked", "-p", "word-count", "--features", "kafka,rocksdb"])
            .arg("--message-format=json-render-diagnostics")
            .output()
            .expect("cargo");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let messages = String::from_utf8_lossy(&output.stdout);
        let messages = messages.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
        let built = messages.filter(|message| message["target"]["name"] == "word-count");
        let program = built.filter_map(|message| Some(PathBuf::from(message["executable"].as_str()?))).next_back();
        program.expect("cargo says where the program is")
    })
}
