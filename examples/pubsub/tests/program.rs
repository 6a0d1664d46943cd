//! The program as its users run it: what is typed, and what is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "this is how tests fail")]

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use millstream::log::Doorbell;
use millstream::prelude::*;

/// Far longer than any of these takes.
const PATIENCE: Duration = Duration::from_secs(30);

const TOPIC: Topic<String, String> = Topic::new("my-kafka-topic");

fn pubsub(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_pubsub"));
    command.args(arguments).arg("--embedded").arg(folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Types this, and waits for the end.
fn typed(folder: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = pubsub(folder, arguments).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

/// What is printed, line by line.
fn printed(folder: &Path, arguments: &[&str], input: &str) -> Vec<String> {
    let output = typed(folder, arguments, input);
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{errors}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

fn sorted(mut lines: Vec<String>) -> Vec<String> {
    lines.sort();
    lines
}

/// A process that is killed if the test fails, or waits for what does not come.
struct Started(Child);

impl Started {
    fn new(mut command: Command) -> Self {
        let child = command.spawn().unwrap();
        let id = child.id().to_string();
        std::thread::spawn(move || {
            // All tests have ended long before that.
            Doorbell::new().wait(PATIENCE);
            let _ = Command::new("kill").args(["-9", &id]).status();
        });
        Self(child)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Reads until a line contains this.
fn read_until(lines: &mut impl std::io::BufRead, text: &str) -> String {
    let mut read = String::new();
    while !read.contains(text) {
        assert_ne!(lines.read_line(&mut read).unwrap(), 0, "no {text:?} in:\n{read}");
    }
    read
}

#[test]
fn p0_what_is_typed_is_received_with_the_originals_topic_key_and_group() {
    let folder = tempfile::tempdir().unwrap();
    let lines = printed(folder.path(), &[], "Hello\nWorld\n");
    assert_eq!(lines, ["grp2 received: Hello", "grp2 received: World"]);
    let records = Client::new(Embedded::open(folder.path()).unwrap()).unwrap().read(&TOPIC).unwrap();
    let records: Vec<_> = records.into_iter().map(|record| (record.key, record.value)).collect();
    assert_eq!(records, [("Hello"), ("World")].map(|text| ("address-embedded".to_owned(), text.to_owned())));
}

#[test]
fn p1_a_message_over_http_is_answered_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Started::new(pubsub(folder.path(), &["--http", "0"]));
    let mut errors = BufReader::new(child.0.stderr.take().unwrap());
    let told = read_until(&mut errors, "publish with: curl");
    let port: u16 = told.rsplit("localhost:").next().and_then(|it| it.split('/').next()?.parse().ok()).expect("a port");
    let post = |path: &str, body: &str| {
        let mut connection = TcpStream::connect(("127.0.0.1", port)).unwrap();
        let length = body.len();
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}");
        connection.write_all(format!("{head}\r\n\r\n{body}").as_bytes()).unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().to_owned(), body.to_owned())
    };
    let place = |partition: u32, offset: u32| {
        ("200".to_owned(), format!(r#"{{"offset":{offset},"partition":{partition},"topic":"my-kafka-topic"}}"#))
    };
    let (status, first) = post("/publish/my-kafka-topic?key=a", "Hello");
    let partition = (0..3).find(|partition| (status.clone(), first.clone()) == place(*partition, 0)).expect("a place");
    assert_eq!(post("/publish/my-kafka-topic?key=a", "World"), place(partition, 1));
    for (path, body, status) in [
        ("/publish/my-kafka-topics", "x", "404"),
        ("/publish/..%2F", "x", "400"),
        ("/publish", "x", "404"),
        ("/publish/my-kafka-topic", &"x".repeat(1_000_001), "413"),
    ] {
        let (found, message) = post(path, body);
        assert_eq!(found, status, "{path}: {message}");
        assert!(message.starts_with(r#"{"message":""#), "{path}: {message}");
    }
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    read_until(&mut lines, "grp2 received: World");
}

#[test]
fn p2_each_group_gets_everything_and_its_subscribers_share_the_partitions() {
    let folder = tempfile::tempdir().unwrap();
    let input: String = (0..30).map(|number| format!("k{number}:m{number:02}\n")).collect();
    let arguments = ["--group", "a", "--group", "b", "--subscribers", "2", "--key-separator", ":"];
    let output = typed(folder.path(), &arguments, &input);
    let errors = String::from_utf8_lossy(&output.stderr);
    let lines = String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect();
    let expected = ["a", "b"].map(|group| (0..30).map(move |number| format!("{group} received: m{number:02}")));
    assert_eq!(sorted(lines), expected.into_iter().flatten().collect::<Vec<_>>(), "{errors}");
    for group in ["a", "b"] {
        let of_group = |it: &&str| it.starts_with(&format!("{group} #")) && it.contains(" has partition");
        let last: BTreeSet<&str> = errors.lines().filter(of_group).collect();
        let all: String = last.into_iter().collect();
        for partition in ["0", "1", "2"] {
            assert!(all.contains(partition), "nobody has {partition}: {errors}");
        }
        assert!(all.contains("#1 has") && all.contains("#2 has"), "{errors}");
        assert!(errors.contains(&format!("messages received by {group}: 30\n")), "{errors}");
    }
}

#[test]
fn p2_a_new_group_begins_where_it_is_told_to() {
    let folder = tempfile::tempdir().unwrap();
    let begun = Timestamp(1_000);
    {
        let client = Client::new(Embedded::open(folder.path()).unwrap()).unwrap();
        client.create_topic(&TOPIC).create().unwrap();
        for (number, text) in ["old", "older", "new"].into_iter().enumerate() {
            let time = Timestamp(begun.0 * (i64::try_from(number).unwrap() + 1));
            client.send_at(&TOPIC, "k", text, time).unwrap();
        }
    }
    let now = "now\n";
    for (group, from, expected) in [
        ("from-beginning", "beginning", &["old", "older", "new", "now"][..]),
        ("from-offset", "offset:1", &["older", "new", "now", "now"]),
        ("from-time", "time:1970-01-01T00:00:03Z", &["new", "now", "now", "now"]),
        ("from-end", "end", &["now"]),
        // It has a position now.
        ("from-end", "beginning", &["now"]),
    ] {
        let lines = printed(folder.path(), &["--group", group, "--from", from], now);
        let expected: Vec<_> = expected.iter().map(|text| format!("{group} received: {text}")).collect();
        assert_eq!(lines, expected, "{from}");
    }
}

#[test]
fn p3_order_is_kept_by_key_and_offsets_survive_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Started::new(pubsub(folder.path(), &["--key-separator", ":"]));
    let mut input = child.0.stdin.take().unwrap();
    for number in 0..20 {
        writeln!(input, "k{}:{number}", number % 4).unwrap();
    }
    let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
    let numbers: Vec<u32> = (0..20)
        .map(|_| lines.next().unwrap().unwrap().strip_prefix("grp2 received: ").unwrap().parse().unwrap())
        .collect();
    for key in 0..4 {
        let of_key: Vec<u32> = numbers.iter().copied().filter(|number| number % 4 == key).collect();
        assert_eq!(of_key, (0..5).map(|step| step * 4 + key).collect::<Vec<_>>());
    }
    // The group's positions are committed a moment after the messages were printed; another terminal sees that.
    let began = Instant::now();
    loop {
        let lag = typed(folder.path(), &["lag", "--json"], "").stdout;
        let lag: serde_json::Value = serde_json::from_slice(&lag).unwrap();
        let committed = lag["partitions"].as_array().unwrap().iter().map(|it| it["committed"].as_i64().unwrap_or(0));
        if committed.sum::<i64>() == 20 {
            break;
        }
        assert!(began.elapsed() < PATIENCE, "{lag}");
        Doorbell::new().wait(Duration::from_millis(20));
    }
    child.0.kill().unwrap();
    child.0.wait().unwrap();
    assert_eq!(printed(folder.path(), &[], "after\n"), ["grp2 received: after"]);
    let records = Client::new(Embedded::open(folder.path()).unwrap()).unwrap().read(&TOPIC).unwrap();
    assert_eq!(records.len(), 21);
}

#[test]
fn p6_the_first_operations_are_commands_while_it_runs_and_afterwards() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(
        printed(folder.path(), &["topics", "create", "--partitions", "3"], ""),
        ["created my-kafka-topic (3 partitions)"]
    );
    let mut child = Started::new(pubsub(folder.path(), &[]));
    let mut errors = BufReader::new(child.0.stderr.take().unwrap());
    read_until(&mut errors, "answers the commands of other terminals");
    let sent = printed(folder.path(), &["send", "my-kafka-topic", "--key", "k", "Hello, Kafka"], "");
    assert_eq!(sent, ["1 record sent to my-kafka-topic"]);
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    read_until(&mut lines, "grp2 received: Hello, Kafka");
    // The end of its input ends it.
    drop(child.0.stdin.take());
    assert_eq!(child.0.wait().unwrap().code(), Some(0));
    let tail = printed(folder.path(), &["tail", "my-kafka-topic"], "");
    assert_eq!(tail.len(), 1);
    assert!(tail[0].ends_with("\tk\tHello, Kafka"), "{tail:?}");
    assert!(printed(folder.path(), &["topics", "list"], "").iter().any(|line| line.contains("my-kafka-topic")));
}

#[cfg(unix)]
#[test]
fn a_signal_ends_it_with_a_summary() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = Started::new(pubsub(folder.path(), &[]));
    writeln!(child.0.stdin.as_mut().unwrap(), "Hello").unwrap();
    let mut lines = BufReader::new(child.0.stdout.take().unwrap());
    read_until(&mut lines, "grp2 received: Hello");
    let began = Instant::now();
    assert!(Command::new("kill").arg(child.0.id().to_string()).status().unwrap().success());
    let mut errors = String::new();
    child.0.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert_eq!(child.0.wait().unwrap().code(), Some(0), "{errors}");
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(errors.ends_with("messages received by grp2: 1\n"), "{errors}");
}

#[test]
fn what_makes_no_sense_is_refused_with_what_does() {
    let apart = "processes of their own need a log that they can share, which is Kafka; run it with\n  \
                 cargo run -p pubsub --features kafka,rocksdb -- ";
    for (arguments, said) in [
        (&["publisher"][..], format!("{apart}publisher --bootstrap-servers localhost:9092\n")),
        (&["subscriber", "--group", "g"], format!("{apart}subscriber --group g --bootstrap-servers localhost:9092\n")),
        (&["--from", "yesterday"], "write `beginning`, `end`, `offset:42` or `time:2026-01-31T12:00:00Z`".to_owned()),
        (&["--subscribers", "0"], "0 is not in 1..=50".to_owned()),
        (&["--topic", "a/b"], "a name may contain only letters".to_owned()),
    ] {
        let output = Command::new(env!("CARGO_BIN_EXE_pubsub")).args(arguments).output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        assert!(errors.contains(&said), "{arguments:?}: {errors}");
    }
}
