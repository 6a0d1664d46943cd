//! The program as its users have it: killed, sent lines, with webhooks that fail, interrupted, misused.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "this is how tests fail")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value as Json;

/// Far longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn logs(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logs"));
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
        let mut child = logs(folder, arguments).stderr(Stdio::inherit()).spawn().expect("logs starts");
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

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, String) {
        let mut stream = TcpStream::connect(&self.address).expect("a server");
        let (host, length) = (&self.address, body.len());
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
        );
        // A server that has heard enough closes the connection.
        let _ = stream.write_all(&[head.as_bytes(), body].concat());
        let mut text = String::new();
        let _ = stream.read_to_string(&mut text);
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer to {path}: {text}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        (status, body.to_owned())
    }

    fn json(&self, path: &str) -> Json {
        let (status, body) = self.ask("GET", path, b"");
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {status}: {error} in {body}"))
    }

    /// Sends errors of now.
    fn post(&self, errors: &[(&str, &str)]) {
        let now = chrono::Utc::now().to_rfc3339();
        let lines: String =
            errors.iter().map(|(service, text)| format!("{now} ERROR {service} {text} latency_ms=20\n")).collect();
        let answer = self.ask("POST", "/logs", lines.as_bytes());
        assert_eq!(answer, (202, format!(r#"{{"accepted":{}}}"#, errors.len())));
    }

    fn interrupt(self) -> (Option<i32>, String) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().expect("kill").success());
        self.end()
    }

    fn kill(mut self) {
        self.child.kill().expect("it runs");
        let (code, output) = self.end();
        assert_eq!(code, None, "it was killed: {output}");
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

fn until<T>(what: &str, mut is: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = is() {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "not true: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// What a webhook answers to its next requests; without a status it does not.
type Answers = Arc<Mutex<Vec<Option<u16>>>>;

/// A webhook, with the bodies that it has got by their ids.
struct Hook {
    url: String,
    answers: Answers,
    got: Arc<Mutex<BTreeMap<String, Vec<Json>>>>,
}

impl Hook {
    /// After these answers there are only good ones.
    fn open(answers: &[Option<u16>]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/alerts", listener.local_addr().expect("an address"));
        let hook = Self { url, answers: Arc::new(Mutex::new(answers.to_vec())), got: Arc::default() };
        let (answers, got) = (Arc::clone(&hook.answers), Arc::clone(&hook.got));
        std::thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (answers, got) = (Arc::clone(&answers), Arc::clone(&got));
                std::thread::spawn(move || answer(&stream, &answers, &got));
            }
        });
        hook
    }

    /// The services of the alerts, each once, and how many requests there were.
    fn told(&self) -> (Vec<String>, usize) {
        let got = self.got.lock().expect("no panic");
        let mut services: Vec<_> =
            got.values().map(|bodies| bodies[0]["service"].as_str().expect("a service")).collect();
        services.sort_unstable();
        (services.into_iter().map(str::to_owned).collect(), got.values().map(Vec::len).sum())
    }
}

fn answer(mut stream: &TcpStream, answers: &Answers, got: &Mutex<BTreeMap<String, Vec<Json>>>) {
    let mut reader = BufReader::new(stream);
    let (mut id, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let line = line.trim_end().to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("idempotency-key: ") {
            id = value.to_owned();
        } else if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().expect("a length");
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).expect("a body");
    let body: Json = serde_json::from_slice(&body).expect("JSON");
    assert_eq!(body["id"].as_str().map(str::to_lowercase).as_deref(), Some(id.as_str()));
    got.lock().expect("no panic").entry(id).or_default().push(body);
    let answer = {
        let mut answers = answers.lock().expect("no panic");
        if answers.is_empty() { Some(200) } else { answers.remove(0) }
    };
    match answer {
        Some(status) => drop(write!(stream, "HTTP/1.1 {status} x\r\nContent-Length: 0\r\n\r\n")),
        None => std::thread::sleep(PATIENCE),
    }
}

#[test]
fn everything_is_found_after_a_kill() {
    let folder = tempfile::tempdir().expect("a folder");
    let run = Run::start(folder.path(), &["--rate", "600", "--silence", "5"]);
    until("errors of now are counted", || {
        let (_, metrics) = run.ask("GET", "/metrics", b"");
        metrics.contains("log_errors_total{").then_some(())
    });
    run.kill();
    let (code, output) = Run::start(folder.path(), &["--rate", "600", "--silence", "5", "--seconds", "1.5"]).end();
    assert!(output.contains("lines were written by earlier runs"), "{output}");
    assert!(output.contains("everything found that should be: yes") && output.contains("bad lines"), "{output}");
    assert!(output.contains("logs: ALERT "), "{output}");
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn a_webhook_that_fails_gets_each_alert_in_the_end_and_no_silenced_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let hook = Hook::open(&[Some(500)]);
    let arguments = ["--rate", "0", "--silence", "3600", "--webhook", &hook.url];
    let run = Run::start(folder.path(), &arguments);
    run.post(&[("cart", "no stock of 7"), ("cart", "no stock of 8"), ("cart", "user 'x' is unknown")]);
    until("it was told", || (hook.told().1 == 2).then_some(()));
    assert_eq!(hook.told(), (vec!["cart".to_owned()], 2));
    let metrics = until("all alerts are counted", || {
        let (_, metrics) = run.ask("GET", "/metrics", b"");
        metrics.contains(r#"log_alerts_total{service="cart"} 2"#).then_some(metrics)
    });
    assert!(metrics.contains(r#"log_errors_total{service="cart"} 3"#), "{metrics}");

    // One that was not told when the process was killed is told by the next one.
    hook.answers.lock().expect("no panic").extend([Some(503); 100]);
    run.post(&[("mail", "queue 7 is full")]);
    until("the webhook was asked", || (hook.told().1 > 2).then_some(()));
    run.kill();
    hook.answers.lock().expect("no panic").clear();
    let run = Run::start(folder.path(), &arguments);
    until("it was told", || {
        let notices = run.json("/api/topics/log-notices/records?from=beginning&limit=10");
        (notices["records"].as_array().map(Vec::len) == Some(2)).then_some(())
    });
    run.post(&[("mail", "queue 7 is gone"), ("cart", "again something new")]);
    let (code, output) = run.interrupt();
    assert_eq!(code, Some(0), "{output}");
    assert!(output.contains("5 alerts, 2 of them told;"), "{output}");
    assert_eq!(hook.told().0, ["cart", "mail"]);
}

#[test]
fn an_alert_that_nobody_takes_is_a_dead_letter_and_ctrl_c_does_not_wait_for_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let hook = Hook::open(&[None, Some(410), None]);
    let arguments = ["--rate", "0", "--webhook-timeout", "0.2", "--webhook-attempts", "1", "--webhook", &hook.url];
    let run = Run::start(folder.path(), &arguments);
    for (number, (service, reason)) in [("cart", "200ms"), ("mail", "410 Gone")].into_iter().enumerate() {
        run.post(&[(service, "no stock of 7")]);
        let letters = until("it is a dead letter", || {
            let letters = run.json("/api/dead-letters?limit=10");
            (letters["letters"].as_array().map(Vec::len) == Some(number + 1)).then_some(letters)
        });
        let letter = letters["letters"][0].to_string();
        assert!(letter.contains("log-alerts") && letter.contains(service) && letter.contains(reason), "{letter}");
    }
    let _ = run.interrupt();

    let arguments = ["--rate", "0", "--webhook-timeout", "60", "--webhook", &hook.url];
    let run = Run::start(folder.path(), &arguments);
    run.post(&[("auth", "no stock of 7")]);
    until("the webhook was asked", || (hook.told().1 == 3).then_some(()));
    let began = Instant::now();
    let (code, output) = run.interrupt();
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(output.contains("3 wait to be told or were given up"), "{output}");
    assert_eq!(code, Some(0), "{output}");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    for (arguments, message) in [
        (&["--silence", "0"][..], "a millisecond or more"),
        (&["--webhook", "https://hooks.example.org"], "put a proxy"),
        (&["--burst", "0"], "0 is not in 1.."),
        (&["--seconds", "soon"], "not a number of seconds"),
    ] {
        let output = logs(folder.path(), arguments).output().expect("logs starts");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(message), "{errors}");
    }
    let run = Run::start(folder.path(), &["--rate", "0"]);
    for (body, status, reason) in [
        (String::new(), 400, "1 to 1000 lines"),
        ("x\n".repeat(1_001), 400, "and not 1001"),
        ("x".repeat(20_000), 400, "line 1 has 20000 bytes"),
        ("x".repeat(3 << 20), 413, "error"),
    ] {
        let (answered, body) = run.ask("POST", "/logs", body.as_bytes());
        assert_eq!(answered, status, "{body}");
        assert!(body.contains(reason), "{body}");
    }
    let (code, output) = run.interrupt();
    assert_eq!(code, Some(0), "{output}");
}

#[cfg(not(all(feature = "kafka", feature = "rocksdb")))]
#[test]
fn kafka_needs_another_build_which_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logs"));
    let output = command.args(["--bootstrap-servers", "localhost:9092", "--rate", "5"]).output().expect("logs starts");
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = "cargo run -p logs --features kafka,rocksdb -- --bootstrap-servers localhost:9092 --rate 5";
    assert!(errors.contains(line), "{errors}");
}
