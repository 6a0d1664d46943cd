//! Three terminals: one counts, one prints counts as they change, and one sends lines.
#![allow(clippy::expect_used, reason = "this is how tests fail")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use millstream::log::Doorbell;

fn word_count(arguments: &[&str], folder: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_word-count"));
    command.args(arguments).args(["--embedded", folder]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn printed(arguments: &[&str], folder: &str) -> String {
    let output = word_count(arguments, folder).output().expect("an end");
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!((output.status.code(), errors.as_str()), (Some(0), ""), "{arguments:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A process that is killed if the test fails.
struct Terminal(Child);

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// An empty log with the topics, in a folder that was not there.
fn with_topics(name: &str) -> String {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    let folder = folder.to_str().expect("a plain name");
    assert!(printed(&["topics", "create", "--partitions", "3"], folder).contains("created lines (3 partitions)"));
    folder.to_owned()
}

/// The first terminal, once it answers the others.
fn counting(folder: &str) -> Terminal {
    let first = Terminal(word_count(&["run"], folder).spawn().expect("it starts"));
    let began = Instant::now();
    while !PathBuf::from(folder).join("port").exists() {
        assert!(began.elapsed() < Duration::from_secs(60), "no port");
        Doorbell::new().wait(Duration::from_millis(20));
    }
    first
}

#[test]
fn a_killed_process_is_not_asked() {
    let folder = with_topics("killed-terminal");
    let mut first = counting(&folder);
    assert_eq!(printed(&["send", "lines", "to be"], &folder), "1 record sent to lines\n");
    first.0.kill().expect("killed");
    first.0.wait().expect("an end");
    assert!(PathBuf::from(&folder).join("port").exists());
    assert_eq!(printed(&["tail", "lines"], &folder).lines().count(), 1);
    assert!(!PathBuf::from(&folder).join("port").exists());
    let _ = std::fs::remove_dir_all(folder);
}

#[test]
fn counts_are_followed_while_lines_are_sent() {
    let folder = with_topics("three-terminals");
    let folder = folder.as_str();
    let mut first = counting(folder);
    let following = ["tail", "word-counts", "--follow", "--limit", "4"];
    let mut second = Terminal(word_count(&following, folder).spawn().expect("it starts"));
    // The third terminal.
    assert_eq!(printed(&["send", "lines", "to be or not to be"], folder), "1 record sent to lines\n");
    let lines = BufReader::new(second.0.stdout.take().expect("a pipe")).lines();
    let mut counts: Vec<String> =
        lines.map(|line| line.expect("a line").split('\t').skip(2).collect::<Vec<_>>().join(" ")).collect();
    counts.sort();
    assert_eq!(counts, ["be 2", "not 1", "or 1", "to 2"]);
    assert_eq!(second.0.wait().expect("an end").code(), Some(0));
    let row = printed(&["store", "get", "counts", "be"], folder);
    assert!(row.starts_with("be\t2\t"), "{row}");

    assert!(Command::new("kill").arg(first.0.id().to_string()).status().expect("kill").success());
    let mut errors = String::new();
    first.0.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("a text");
    assert_eq!((first.0.wait().expect("an end").code(), errors.as_str()), (Some(0), ""));
    assert!(!PathBuf::from(folder).join("port").exists());
    let _ = std::fs::remove_dir_all(folder);
}
