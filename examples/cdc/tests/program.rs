//! The program as its users have it: killed, asked, interrupted, misused.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "this is how tests fail")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn cdc(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdc"));
    command.args(["--port", "0", "--embedded"]).arg(folder).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A run that can be asked.
struct Run {
    child: Child,
    output: BufReader<ChildStdout>,
    address: String,
}

impl Run {
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let mut child = cdc(folder, arguments).stderr(Stdio::inherit()).spawn().expect("cdc starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = String::new();
        let address = loop {
            line.clear();
            assert_ne!(output.read_line(&mut line).expect("readable"), 0, "it has ended");
            if let Some((_, rest)) = line.split_once("open http://") {
                break rest.split(' ').next().unwrap_or_default().to_owned();
            }
        };
        Self { child, output, address }
    }

    fn get(&self, path: &str) -> (u16, Json) {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        let host = &self.address;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").expect("sent");
        let mut text = String::new();
        stream.read_to_string(&mut text).expect("an answer");
        let (head, body) = text.split_once("\r\n\r\n").expect("a head");
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, serde_json::from_str(body).unwrap_or_else(|error| panic!("{path}: {error} in {body}")))
    }

    /// Waits until so many changes are written.
    fn until_written(&self, changes: u64) {
        let began = Instant::now();
        while self.get("/check").1["written"].as_u64().is_none_or(|written| written < changes) {
            assert!(began.elapsed() < PATIENCE, "the feed does not get on");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn end(mut self) -> (Option<i32>, String) {
        let mut output = String::new();
        self.output.read_to_string(&mut output).expect("readable");
        (self.child.wait().expect("a status").code(), output)
    }
}

/// A test that fails leaves nothing behind.
impl Drop for Run {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn tables_are_equal_to_the_database_after_kills() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--changes", "900", "--rate", "1500", "--once"];
    for written in [150, 500] {
        let mut run = Run::start(folder.path(), &arguments);
        run.until_written(written);
        run.child.kill().expect("it runs");
        let (code, output) = run.end();
        assert_eq!(code, None, "it was killed: {output}");
    }
    let run = Run::start(folder.path(), &arguments);
    let (code, output) = run.end();
    assert!(output.contains("tables equal to the database: yes (") && output.contains("dead letters"), "{output}");
    assert!(output.contains("changes were written by an earlier run"), "{output}");
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn an_order_can_be_asked_for_and_ctrl_c_ends_it_soon() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = Run::start(folder.path(), &["--changes", "100000", "--rate", "500"]);
    run.until_written(150);
    let began = Instant::now();
    let order = loop {
        match run.get("/orders/7") {
            (200, order) => break order,
            (404, _) if began.elapsed() < PATIENCE => std::thread::sleep(Duration::from_millis(10)),
            other => panic!("{other:?}"),
        }
    };
    assert!(order["order"]["quantity"].is_u64() && order["customer"]["address"].is_string(), "{order}");
    for (path, status, code) in [
        ("/orders/1000000", 404, "not_found"),
        ("/orders/seven", 400, "bad_request"),
        ("/orders/-7", 400, "bad_request"),
    ] {
        let (answered, body) = run.get(path);
        assert_eq!((answered, body["error"]["code"].as_str()), (status, Some(code)), "{path}: {body}");
    }
    let began = Instant::now();
    let id = run.child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
    let (code, output) = run.end();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(output.contains("tables equal to the database: yes"), "{output}");
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn arguments_that_make_no_sense_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, message) in
        [(&["--rate", "0"][..], "0 is not in 1..=100000"), (&["--changes", "many"], "invalid digit")]
    {
        let output = cdc(folder.path(), arguments).output().expect("cdc starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{errors}");
    }
}

#[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
#[test]
fn kafka_needs_another_build_which_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cdc"));
    let output = command.args(["--bootstrap-servers", "localhost:9092", "--once"]).output().expect("cdc starts");
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = "cargo run -p cdc --features kafka,rocksdb -- --bootstrap-servers localhost:9092 --once";
    assert!(errors.contains(line), "{errors}");
}
