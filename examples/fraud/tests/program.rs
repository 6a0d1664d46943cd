//! The program as users experience it: served, killed, interrupted, misused.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "this is how tests fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(60);

fn fraud(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fraud"));
    command.args(["--port", "0"]).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run, and where it is served.
struct Run {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Run {
    fn start(arguments: &[&str]) -> Self {
        let mut child = fraud(arguments).spawn().expect("fraud starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let line = read_until(&mut output, "open http://");
        let address = line.rsplit("http://").next().and_then(|rest| rest.split(' ').next()).expect("an address");
        let run = Self { child, output, address: address.to_owned() };
        let began = Instant::now();
        while run.ask("GET", "/readyz", "").0 != 200 {
            assert!(began.elapsed() < PATIENCE, "it never gets ready");
            std::thread::sleep(Duration::from_millis(20));
        }
        run
    }

    /// Status and body.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let head = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", self.address);
        // A server that has heard enough closes the connection.
        let _ = stream.write_all(format!("{head}Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text);
        let text = String::from_utf8_lossy(&text).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {path}: {text}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    fn get(&self, path: &str) -> Value {
        let (status, body) = self.ask("GET", path, "");
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error} in {body}"))
    }

    /// The data of server-sent events, as they come.
    fn follow(&self, path: &str) -> impl Iterator<Item = Value> + use<> {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address).expect("sent");
        let lines = BufReader::new(stream).lines().map_while(Result::ok);
        lines.filter_map(|line| line.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok()))
    }

    /// Ends it as Ctrl-C does, and returns how long that took and what it has written.
    fn interrupt(mut self) -> (Duration, String) {
        let began = Instant::now();
        kill_process(Pid::from_child(&self.child), Signal::INT).expect("fraud runs");
        let mut rest = String::new();
        self.output.read_to_string(&mut rest).expect("readable");
        assert_eq!(self.child.wait().expect("a status").code(), Some(0), "{rest}");
        (began.elapsed(), rest)
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

/// How many planted cases were found of how many.
fn found(summary: &str) -> (usize, usize) {
    let (_, rest) = summary.split_once("planted fraud found: ").unwrap_or_else(|| panic!("no summary: {summary}"));
    let mut numbers = rest.split(' ').filter_map(|word| word.parse().ok());
    (numbers.next().expect("a number"), numbers.next().expect("a number"))
}

#[test]
fn nothing_is_lost_or_told_twice_when_it_is_killed() {
    let folder = tempfile::tempdir().expect("a folder");
    let folder = folder.path().to_str().expect("a plain name");
    let mut first = Run::start(&["--embedded", folder, "--cards", "100"]);
    // Many alerts are there, and more are on their way.
    let alerts = first.follow("/api/stores/alerts/stream").filter(|event| event.to_string().contains("evidence"));
    assert_eq!(alerts.take(30).count(), 30);
    read_until(&mut first.output, " alerts");
    first.child.kill().expect("fraud runs");
    first.child.wait().expect("a status");

    let second = fraud(&["--embedded", folder, "--cards", "100", "--seconds", "1"]).output().expect("fraud starts");
    let summary = String::from_utf8_lossy(&second.stdout).into_owned();
    assert_eq!(second.status.code(), Some(0), "{summary}\n{}", String::from_utf8_lossy(&second.stderr));
    assert!(summary.contains("alerts right: yes"), "{summary}");
    let (found, planted) = found(&summary);
    // Nearly all of them are from the run that was killed: the payments of the second one follow those.
    assert!(found == planted && planted > 30, "{summary}");
}

#[test]
fn rules_change_over_http_and_nonsense_is_refused() {
    let run = Run::start(&["--cards", "50"]);
    assert_eq!(run.get("/rules")[0], json!({ "rule": "velocity", "attempts": 3 }));
    for (method, path, body, status, code) in [
        ("PUT", "/rules/velocity", r#"{"attempts":0}"#, 400, "bad_request"),
        ("PUT", "/rules/velocity", r#"{"attempts":1e3}"#, 400, "bad_request"),
        ("PUT", "/rules/travel", "", 400, "bad_request"),
        ("PUT", "/rules/travel", r#"{"km_per_hour":900,"by":"train"}"#, 400, "bad_request"),
        ("PUT", "/rules/test-charge", r#"{"small_cents":5000,"large_cents":2000}"#, 400, "bad_request"),
        ("PUT", "/rules/colour", "{}", 404, "unknown_rule"),
        ("PUT", "/rules/%ff", "{}", 400, "bad_request"),
        ("POST", "/rules/velocity", "{}", 405, "method_not_allowed"),
        ("PUT", "/rules/velocity", &"9".repeat(2_000_000), 413, "too_large"),
    ] {
        let (found, answer) = run.ask(method, path, body);
        let answer: Value = serde_json::from_str(&answer).unwrap_or_else(|error| panic!("{path}: {error}: {answer}"));
        assert_eq!((found, &answer["error"]["code"]), (status, &json!(code)), "{method} {path}: {answer}");
    }
    let (status, answer) = run.ask("PUT", "/rules/velocity", r#"{"attempts":2}"#);
    assert_eq!((status, answer.as_str()), (200, r#"{"rule":"velocity","attempts":2}"#));
    // From now on, three attempts are one too many, and the alert says so.
    let by_new_rule = |event: &Value| event["value"]["rule"] == json!({ "rule": "velocity", "attempts": 2 });
    let alert = run.follow("/api/stores/alerts/stream").find(by_new_rule).expect("an alert");
    let first = &alert["value"]["evidence"][0];
    let place =
        format!("/api/topics/card_tx/records?partition={}&from={}&limit=1", first["partition"], first["offset"]);
    let record = run.get(&place);
    assert_eq!(record["records"][0]["key"], alert["value"]["card"], "{record}");
    assert_eq!(run.get("/rules")[0]["attempts"], 2);

    let tiles = run.get("/api/live");
    assert_eq!(tiles["tiles"].as_array().map(Vec::len), Some(5), "{tiles}");
    let (took, summary) = run.interrupt();
    assert!(summary.contains("alerts right: yes") && summary.contains("not judged: "), "{summary}");
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    for (arguments, message) in [
        (&["--cards", "many"][..], "invalid value 'many'"),
        (&["--seconds", "0"], "it must be more than 0"),
        (&["--application-id", "x"], "--bootstrap-servers"),
        (&["--embedded", "x", "--bootstrap-servers", "y"], "cannot be used with"),
        #[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
        (
            &["--bootstrap-servers", "localhost:9092", "--seconds", "6"],
            "cargo run -p fraud --features kafka,rocksdb -- --port 0 --bootstrap-servers localhost:9092 --seconds 6",
        ),
    ] {
        let output = fraud(arguments).output().expect("fraud starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{arguments:?}: {errors}");
    }
}
