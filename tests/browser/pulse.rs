//! The example `pulse` as it is started by whoever follows the README, found or built by this suite.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::{Value as Json, json};

/// A run of pulse, which ends when its input does.
pub(crate) struct Pulse {
    process: Child,
    output: BufReader<ChildStdout>,
    url: String,
}

impl Pulse {
    /// Starts it, and waits until it says where its page is.
    pub(crate) fn start() -> Self {
        let mut command = Command::new(program());
        command.args(["--port", "0", "--seed", "7"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut line = String::new();
        let url = loop {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "pulse has ended before it said where its page is");
            if let Some((_, rest)) = line.split_once("open http://") {
                break format!("http://{}", rest.split(' ').next().unwrap());
            }
        };
        Self { process, output, url }
    }

    /// The address that it has printed.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Ends it, and gives the summary.
    pub(crate) fn end(mut self) -> String {
        drop(self.process.stdin.take());
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).unwrap();
        assert_eq!(self.process.wait().unwrap().code(), Some(0), "{rest}");
        rest
    }
}

impl Drop for Pulse {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Where the program is. Whoever runs all tests at once has built it for pulse's own, and would wait long if it were built a
/// second time, with the features that it has alone.
fn program() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let beside = tests
        .parent()
        .and_then(Path::parent)
        .map(|folder| folder.join(format!("pulse{}", std::env::consts::EXE_SUFFIX)));
    beside.filter(|program| is_up_to_date(program)).unwrap_or_else(build)
}

/// Whether no file that cargo has made it of is newer.
fn is_up_to_date(program: &Path) -> bool {
    let changed = |path: &Path| fs::metadata(path).and_then(|facts| facts.modified()).ok();
    let (Some(built), Ok(list)) = (changed(program), fs::read_to_string(program.with_extension("d"))) else {
        return false;
    };
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources);
    !sources.is_empty() && sources.split_whitespace().all(|file| changed(Path::new(file)).is_some_and(|at| at <= built))
}

fn build() -> PathBuf {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    let output =
        cargo.args(["build", "--locked", "-p", "pulse", "--message-format=json-render-diagnostics"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = String::from_utf8_lossy(&output.stdout);
    let messages = messages.lines().filter_map(|line| serde_json::from_str::<Json>(line).ok());
    let mut built = messages.filter(|message| message["target"]["name"] == json!("pulse"));
    built.find_map(|message| message["executable"].as_str().map(PathBuf::from)).unwrap()
}
