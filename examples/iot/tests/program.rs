//! The program as users experience it: killed, interrupted, misused.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "this is how tests fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

fn iot(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_iot"));
    command.args(["--port", "0"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn start(arguments: &[&str]) -> (Child, BufReader<ChildStdout>) {
    let mut child = iot(arguments).spawn().expect("iot starts");
    let output = BufReader::new(child.stdout.take().expect("a pipe"));
    (child, output)
}

/// Reads lines until one contains `text`.
fn read_until(lines: &mut impl BufRead, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        assert_ne!(lines.read_line(&mut read).expect("readable"), 0, "no {text:?} in:\n{read}");
    }
    read
}

/// The numbers in the line that has this text.
fn numbers(summary: &str, text: &str) -> Vec<u64> {
    let line = summary.lines().find(|line| line.contains(text)).unwrap_or_else(|| panic!("no {text:?} in {summary}"));
    line.split([' ', ',']).filter_map(|word| word.parse().ok()).collect()
}

#[test]
fn every_result_is_sent_once_although_it_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a plain name");
    // Ten minutes of event time pass in a second.
    let arguments = ["--embedded", folder, "--devices", "100", "--fast", "600"];
    let (mut child, mut output) = start(&arguments);
    read_until(&mut output, " per hour");
    child.kill().expect("iot runs");
    child.wait().expect("a status");

    let second = iot(&[&arguments[..], &["--seconds", "2"]].concat()).output().expect("iot starts");
    let summary = String::from_utf8_lossy(&second.stdout).into_owned();
    assert_eq!(second.status.code(), Some(0), "{summary}\n{}", String::from_utf8_lossy(&second.stderr));
    assert!(summary.contains("results right: yes"), "{summary}");
    let finals = numbers(&summary, "final results, each once");
    assert!(finals.len() == 3 && finals[0] > 300 && finals[1] > 300 && finals[2] >= 100, "{summary}");
    let accepted = numbers(&summary, "accepted by grace");
    let readings = numbers(&summary, "too late for the roll-up");
    assert!(accepted[0] == readings[0] && readings[1] > 0, "all is counted, and some is too late: {summary}");
}

#[test]
fn it_is_served_and_an_interrupt_ends_it() {
    let (mut child, mut output) = start(&["--devices", "200"]);
    let line = read_until(&mut output, "open http://");
    let address = line.rsplit("http://").next().and_then(|rest| rest.split(' ').next()).expect("an address");
    let mut stream = TcpStream::connect(address).expect("a server");
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout");
    write!(stream, "GET /api/live/stream HTTP/1.1\r\nHost: {address}\r\n\r\n").expect("sent");
    let began = Instant::now();
    let pictures = BufReader::new(stream).lines().map_while(Result::ok);
    // A minute of event time has its points as soon as the first readings are counted.
    let is_full =
        |picture: &String| picture.contains("\"accepted-by-grace\",\"state\":\"live\"") && !picture.contains("[[],[]");
    let lines = pictures.filter(|line| line.starts_with("data: ")).find(is_full);
    assert!(lines.is_some() && began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());

    let began = Instant::now();
    kill_process(Pid::from_child(&child), Signal::INT).expect("iot runs");
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("readable");
    assert_eq!(child.wait().expect("a status").code(), Some(0), "{rest}");
    assert!(rest.contains("results right: yes"), "{rest}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for (arguments, message) in [
        (&["--fast", "0"][..], "0 is not in 1..=3600"),
        (&["--devices", "0"], "0 is not in 1..=10000"),
        (&["--seconds", "soon"], "not a number of seconds"),
        (&["--application-id", "x"], "--bootstrap-servers"),
        #[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
        (
            &["--bootstrap-servers", "localhost:9092", "--fast", "6"],
            "cargo run -p iot --features kafka,rocksdb -- --port 0 --bootstrap-servers localhost:9092 --fast 6",
        ),
    ] {
        let output = iot(arguments).output().expect("iot starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
    }
}
