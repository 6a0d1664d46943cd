//! The program as users experience it: in a pipe, killed, interrupted, misused.
#![allow(clippy::expect_used, clippy::panic, reason = "this is how tests fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::channel;
use std::time::Duration;

/// Far longer than any of these runs takes.
const PATIENCE: Duration = Duration::from_secs(180);

fn pulse(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pulse"));
    command.args(["--port", "0"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs it to its end.
fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    finish(pulse(arguments).spawn().expect("pulse starts"))
}

/// Waits for the end, and returns exit code, output and errors. A program that does not end is killed and fails the test.
fn finish(mut child: Child) -> (Option<i32>, String, String) {
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let read = |stream: Option<Box<dyn Read + Send>>| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            stream.map(|mut stream| stream.read_to_end(&mut text));
            String::from_utf8_lossy(&text).into_owned()
        })
    };
    let stdout = read(stdout.map(|stream| Box::new(stream) as _));
    let stderr = read(stderr.map(|stream| Box::new(stream) as _));
    let status = wait(child);
    (status.code(), stdout.join().expect("output"), stderr.join().expect("errors"))
}

fn wait(mut child: Child) -> ExitStatus {
    let id = child.id();
    let (ended, end) = channel();
    std::thread::spawn(move || ended.send(child.wait()));
    match end.recv_timeout(PATIENCE) {
        Ok(status) => status.expect("a status"),
        Err(_) => {
            let _ = Command::new("kill").args(["-9", &id.to_string()]).status();
            panic!("pulse did not end");
        }
    }
}

/// Reads lines until one contains `text`.
fn read_until(lines: &mut impl BufRead, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        assert_ne!(lines.read_line(&mut read).expect("readable"), 0, "no {text:?} in:\n{read}");
    }
    read
}

/// The number of windows that are right according to the summary.
fn windows_right(summary: &str) -> Option<u64> {
    let (_, rest) = summary.split_once("numbers right: yes (")?;
    rest.split_once(" windows checked")?.0.replace(',', "").parse().ok()
}

/// The tasks in the summary: sub-topology and partition, worker, phase, restored, lag.
fn tasks(summary: &str) -> Vec<(String, String, String, u64, String)> {
    let table = summary.rsplit("lag\n").next().unwrap_or_default();
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() == 6 && row[0].contains('_'));
    let number = |text: &str| text.replace(',', "").parse().expect("a number");
    rows.map(|row| (row[0].into(), row[1].into(), row[2].into(), number(row[4]), row[5].into())).collect()
}

#[test]
fn numbers_are_right_after_a_kill() {
    let (code, output, errors) = run(&["--seconds", "6", "--kill-at", "3", "--visitors", "200"]);
    assert_eq!((code, errors.as_str()), (Some(0), ""), "{output}");
    assert!(windows_right(&output).is_some_and(|windows| windows > 200), "{output}");
    assert!(output.contains("killed: at 3.") && output.contains("every task was running again"), "{output}");

    let tasks = tasks(&output);
    let ids: Vec<&str> = tasks.iter().map(|task| task.0.as_str()).collect();
    let expected: Vec<String> =
        (0..6).flat_map(|part| (0..4).map(move |partition| format!("{part}_{partition}"))).collect();
    assert_eq!(ids, expected, "{output}");
    for worker in ["1", "2"] {
        assert!(tasks.iter().any(|task| task.1 == worker), "worker {worker} has no task:\n{output}");
    }
    assert!(tasks.iter().all(|task| task.2 == "running" && task.4 == "0"), "{output}");
    assert!(tasks.iter().map(|task| task.3).sum::<u64>() > 100, "too little was restored:\n{output}");

    let lines = output.lines().filter(|line| line.starts_with("00:") && line.contains("events/s")).count();
    assert!((3..=8).contains(&lines), "{lines} lines in 6 seconds:\n{output}");
}

/// The check is worth something only if it finds what at-least-once counts twice.
#[test]
fn numbers_are_wrong_after_a_kill_without_exactly_once() {
    // A kill nearly always hits uncommitted work, but not always.
    let mut last = None;
    for _ in 0..5 {
        let (code, output, _) = run(&["--seconds", "2", "--kill-at", "1.5", "--at-least-once"]);
        if output.contains("numbers right: NO") {
            assert_eq!(code, Some(1), "{output}");
            return;
        }
        last = Some(output);
    }
    panic!("nothing was counted twice, five times:\n{last:?}");
}

#[test]
fn a_reader_that_has_had_enough_ends_it() {
    let mut child = pulse(&[]).stdin(Stdio::piped()).spawn().expect("pulse starts");
    let _stdin = child.stdin.take();
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    read_until(&mut output, "events/s");
    drop(output);
    let (code, _, errors) = finish(child);
    assert_eq!(code, Some(0), "{errors}");
    assert!(windows_right(&errors).is_some(), "the summary goes where it can be seen:\n{errors}");
}

#[test]
fn the_end_of_its_input_ends_it_and_k_kills() {
    let mut child = pulse(&[]).stdin(Stdio::piped()).spawn().expect("pulse starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    read_until(&mut output, "events/s");
    input.write_all(b"k\n").expect("pulse reads");
    read_until(&mut output, "every task is running again");
    drop(input);
    let rest = read_until(&mut output, "numbers right: yes");
    assert!(rest.contains("killed: at"), "{rest}");
    assert_eq!(wait(child).code(), Some(0));
}

/// It was once kept until its end came: with `/dev/zero` as the input, until there was no memory left.
#[cfg(target_os = "linux")]
#[test]
fn a_line_without_an_end_is_not_kept() {
    let mut child = pulse(&[]).stdin(Stdio::piped()).spawn().expect("pulse starts");
    let mut input = child.stdin.take().expect("a pipe");
    let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
    read_until(&mut output, "events/s");
    let zeros = vec![0; 1 << 20];
    for _ in 0..400 {
        input.write_all(&zeros).expect("pulse reads");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).expect("it runs");
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(kilobytes < 300_000, "{kilobytes} kB");
    input.write_all(b"\nq\n").expect("pulse reads");
    read_until(&mut output, "numbers right: yes");
    assert_eq!(wait(child).code(), Some(0));
}

#[cfg(unix)]
#[test]
fn signals_end_it_with_a_summary() {
    use rustix::process::{Pid, Signal, kill_process};

    for signal in [Signal::TERM, Signal::INT] {
        let mut child = pulse(&["--seconds", "600"]).spawn().expect("pulse starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        read_until(&mut output, "events/s");
        kill_process(Pid::from_child(&child), signal).expect("pulse runs");
        read_until(&mut output, "numbers right: yes");
        assert_eq!(wait(child).code(), Some(0), "{signal:?}");
    }
}

#[test]
fn a_runs_folder_is_removed_unless_it_is_kept() {
    let parent = tempfile::tempdir().expect("a folder");
    let folders = || std::fs::read_dir(parent.path()).expect("readable").count();
    let place = parent.path().to_str().expect("a plain name");
    let (code, output, _) = run(&["--seconds", "1", "--data-dir", place]);
    assert_eq!((code, folders()), (Some(0), 0), "{output}");
    let (code, output, _) = run(&["--seconds", "1", "--data-dir", place, "--keep"]);
    assert_eq!((code, folders()), (Some(0), 1), "{output}");
    let kept = output.lines().find_map(|line| line.strip_prefix("kept: ")).expect("it is said where");
    assert!(std::path::Path::new(kept).join("log").is_dir(), "{kept}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for (arguments, message) in [
        (["--seconds", "3", "--kill-at", "3"], "--kill-at must be less than --seconds"),
        (["--visitors", "0", "--seed", "1"], "0 is not in 1..=100000"),
        (["--seconds", "never", "--seed", "1"], "not a number of seconds"),
        (["--seconds", "-1", "--seed", "1"], "unexpected argument '-1'"),
    ] {
        let (code, _, errors) = run(&arguments);
        assert_eq!(code, Some(2), "{arguments:?}");
        assert!(errors.contains(message), "{errors}");
    }
}

#[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
#[test]
fn kafka_needs_another_build_which_is_named() {
    let (code, _, errors) = run(&["--bootstrap-servers", "localhost:9092", "--seconds", "6"]);
    assert_eq!(code, Some(2));
    let command =
        "cargo run -p pulse --features kafka,rocksdb -- --port 0 --bootstrap-servers localhost:9092 --seconds 6";
    assert!(errors.contains(command), "{errors}");
}
