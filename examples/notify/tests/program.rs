//! The program as its users run it: killed, stopped, and started with what makes no sense.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is how tests fail")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

#[path = "../src/tests/exchange.rs"]
mod exchange;

use exchange::ask;

/// Far longer than any of these takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn notify(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_notify"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Both servers in a process, which is killed if the test fails.
struct Both {
    child: Child,
    output: BufReader<ChildStdout>,
    consumer: SocketAddr,
    producer: SocketAddr,
}

impl Both {
    fn start(folder: &Path) -> Self {
        let folder = folder.to_str().expect("a plain name");
        let mut child =
            notify(&["--embedded", folder, "--producer-port", "0", "--consumer-port", "0"]).spawn().expect("it starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut address = |starts: &str| {
            let mut line = String::new();
            output.read_line(&mut line).expect("readable");
            assert!(line.starts_with(starts), "{line}");
            let port = line.trim_end().rsplit(':').next().and_then(|port| port.parse().ok()).expect("a port");
            SocketAddr::from(([127, 0, 0, 1], port))
        };
        let consumer = address("Kafka CONSUMER (Group: notifications-group) 👥📥 started at http://localhost:");
        let producer = address("Kafka PRODUCER 📨 started at http://localhost:");
        Self { child, output, consumer, producer }
    }

    fn send(&self, message: &str) -> bool {
        let form = ("Content-Type", "application/x-www-form-urlencoded");
        let body = format!("fromID=2&toID=1&message={message}");
        ask(self.producer, "POST", "/send", &[form], body.as_bytes()).status == 200
    }

    fn list(&self) -> String {
        ask(self.consumer, "GET", "/notifications/1", &[], b"").text()
    }

    fn list_with(&self, message: &str) -> String {
        let began = Instant::now();
        loop {
            let list = self.list();
            if list.contains(message) {
                return list;
            }
            assert!(began.elapsed() < PATIENCE, "no {message} in {list}");
        }
    }
}

impl Drop for Both {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How often each message is in a list.
fn counts(list: &str) -> BTreeMap<String, usize> {
    let list: serde_json::Value = serde_json::from_str(list).expect("JSON");
    let mut counts = BTreeMap::new();
    for notification in list["notifications"].as_array().expect("a list") {
        *counts.entry(notification["message"].as_str().expect("a text").to_owned()).or_insert(0) += 1;
    }
    counts
}

#[test]
fn what_was_answered_is_there_once_after_every_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut expected = BTreeMap::new();
    for round in 0..3 {
        let mut both = Both::start(folder.path());
        for number in 0..20 {
            let message = format!("{round}-{number}.");
            assert!(both.send(&message));
            expected.insert(message, 1);
        }
        // At once: what was answered is in the log, and perhaps nowhere else yet.
        both.child.kill().unwrap();
        both.child.wait().unwrap();
    }
    let both = Both::start(folder.path());
    assert!(both.send("last"));
    expected.insert("last".to_owned(), 1);
    assert_eq!(counts(&both.list_with("last")), expected);
}

#[cfg(unix)]
#[test]
fn it_ends_with_a_summary_although_somebody_listens() {
    let folder = tempfile::tempdir().unwrap();
    let mut both = Both::start(folder.path());
    let mut listener = TcpStream::connect(both.consumer).unwrap();
    listener.write_all(b"GET /notifications/1/stream HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut head = [0; 15];
    listener.read_exact(&mut head).unwrap();
    assert_eq!(&head, b"HTTP/1.1 200 OK");
    assert!(both.send("Hello"));
    both.list_with("Hello");
    let began = Instant::now();
    assert!(Command::new("kill").arg(both.child.id().to_string()).status().unwrap().success());
    let mut rest = String::new();
    both.output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "notifications: 1, posts: 0, dead letters: 0\n");
    assert_eq!(both.child.wait().unwrap().code(), Some(0));
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
}

#[test]
fn what_makes_no_sense_is_refused_with_what_does() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("data");
    let folder = folder.to_str().expect("a plain name");
    let apart = "a server of its own needs a log that processes can share, which is Kafka; run it with\n  \
                 cargo run -p notify --features kafka,rocksdb -- ";
    for (arguments, code, said) in [
        (&["--embedded", folder, "--consumer-port", &port][..], 1, format!("notify: port {port} cannot be used")),
        (&["--embedded", folder, "--producer-port", &port], 1, format!("notify: port {port} cannot be used")),
        (&["producer", "--port", "1"], 2, format!("{apart}producer --port 1 --bootstrap-servers localhost:9092\n")),
        (&["consumer"], 2, format!("{apart}consumer --bootstrap-servers localhost:9092\n")),
        (&["--producer-port", "70000"], 2, "70000 is not in 0..=65535".to_owned()),
        (&["send"], 2, "required arguments".to_owned()),
    ] {
        let output = notify(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{arguments:?}: {errors}");
        assert!(errors.contains(&said), "{arguments:?}: {errors}");
    }
    assert!(!Path::new(folder).exists(), "nothing was begun");
    if cfg!(not(all(feature = "kafka", feature = "rocksdb"))) {
        let output = notify(&["consumer", "--bootstrap-servers", "localhost:9092"]).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        let command = "cargo run -p notify --features kafka,rocksdb -- consumer --bootstrap-servers localhost:9092\n";
        assert!(String::from_utf8_lossy(&output.stderr).contains(command));
    }
}
