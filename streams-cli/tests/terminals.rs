//! Several terminals: one runs the application on an embedded log, and others send, look and ask meanwhile. Without a harness,
//! because then this is both: the program, if it is told so, and otherwise the tests, which start it.
#![allow(clippy::expect_used, clippy::unwrap_used, clippy::panic, reason = "this is how tests fail")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};

use millstream::cli::Cli;
use millstream::config::OnError;
use millstream::log::Doorbell;
use millstream::prelude::*;
use serde_json::{Value as Json, json};

/// Tells a child that it is the program.
const AS_PROGRAM: &str = "MILLSTREAM_TEST_AS_PROGRAM";

const ORDERS: Topic<String, i64> = Topic::new("orders");
const LARGE: Topic<String, i64> = Topic::new("large-orders");
const PER_CUSTOMER: KeyValueStore<String, i64> = KeyValueStore::new("per-customer");
const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("per-minute");

/// Nothing that is waited for takes that long.
const PATIENCE: Duration = Duration::from_secs(60);

fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    let refuse = |cents: i64| if cents < 0 { Err("nobody pays that") } else { Ok(cents) };
    let orders = builder.stream(ORDERS).try_map_values(refuse).named("check");
    orders.filter(|_, cents| *cents >= 1_000).to(LARGE);
    let customers = orders.group_by_key();
    customers.count().stored_as(PER_CUSTOMER);
    let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(60));
    customers.windowed_by(minutes).count().stored_as(PER_MINUTE);
    builder.build()
}

type Test = (&'static str, fn());

const TESTS: [Test; 11] = [
    ("one_runs_one_reads_and_one_writes", one_runs_one_reads_and_one_writes),
    ("topics_and_lag_are_those_of_the_running_application", topics_and_lag_are_those_of_the_running_application),
    ("stores_are_looked_into_and_exported", stores_are_looked_into_and_exported),
    ("an_export_that_is_interrupted_leaves_nothing", an_export_that_is_interrupted_leaves_nothing),
    ("an_application_with_a_server_is_asked_there", an_application_with_a_server_is_asked_there),
    ("dead_letters_go_back_while_the_application_runs", dead_letters_go_back_while_the_application_runs),
    ("the_port_is_for_this_user_and_closed_at_the_end", the_port_is_for_this_user_and_closed_at_the_end),
    ("what_a_killed_application_has_left_is_noticed", what_a_killed_application_has_left_is_noticed),
    ("a_log_that_is_open_without_a_port_is_an_error", a_log_that_is_open_without_a_port_is_an_error),
    ("an_application_that_stands_still_is_not_waited_for", an_application_that_stands_still_is_not_waited_for),
    ("what_needs_the_log_for_itself_says_so", what_needs_the_log_for_itself_says_so),
];

fn main() -> ExitCode {
    if std::env::var_os(AS_PROGRAM).is_some() {
        let adapted = |app: App| app.dead_letters_to("dead-orders").on_processing_error(OnError::DeadLetter).workers(2);
        return Cli::new("orders", |_| topology()).app(adapted).main();
    }
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let chosen = TESTS.into_iter().filter(|(name, _)| name.contains(&filter));
    let failed: Vec<bool> = chosen
        .map(|(name, test)| {
            let failed = std::panic::catch_unwind(test).is_err();
            println!("test {name} ... {}", if failed { "FAILED" } else { "ok" });
            failed
        })
        .collect();
    let failures = failed.iter().filter(|failed| **failed).count();
    let (passed, outcome) = (failed.len() - failures, if failures == 0 { "ok" } else { "FAILED" });
    println!("\ntest result: {outcome}. {passed} passed; {failures} failed; 0 ignored; 0 measured; 0 filtered out\n");
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A folder with a log that has the input topic, with three partitions. It is deleted in the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("terminals-{name}"));
        let _ = std::fs::remove_dir_all(&path);
        let log = Embedded::open(&path).expect("a log");
        log.create_topic(ORDERS.name(), 3).expect("a new topic");
        log.create_topic("others", 1).expect("a new topic");
        Self(path)
    }

    fn path(&self) -> &str {
        self.0.to_str().expect("a plain name")
    }

    /// A command in another terminal.
    fn command(&self, arguments: &[&str]) -> Command {
        program(&[arguments, &["--embedded", self.path()]].concat())
    }

    fn output(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        told(&self.command(arguments).output().expect("an end"))
    }

    /// What a command prints that succeeds.
    fn stdout(&self, arguments: &[&str]) -> String {
        let (code, printed, errors) = self.output(arguments);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{arguments:?}: {printed}");
        printed
    }

    fn json(&self, arguments: &[&str]) -> Json {
        serde_json::from_str(&self.stdout(&[arguments, &["--json"]].concat())).expect("JSON")
    }

    fn json_lines(&self, arguments: &[&str]) -> Vec<Json> {
        let printed = self.stdout(&[arguments, &["--json"]].concat());
        printed.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    fn send(&self, key: &str, cents: &str) {
        assert_eq!(self.stdout(&["send", "orders", "--key", key, cents]), "1 record sent to orders\n");
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(arguments).env(AS_PROGRAM, "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// The first terminal. The application is killed if nobody has ended it.
struct Running(Child);

impl Running {
    fn on(folder: &Folder) -> Self {
        let mut child = folder.command(&["run"]).spawn().expect("it starts");
        let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
        let expected = format!("orders answers the commands of other terminals: `--embedded {}`", folder.path());
        let mut line = String::new();
        while !line.contains(&expected) {
            line.clear();
            assert!(errors.read_line(&mut line).expect("a line") > 0, "it has not opened a port");
        }
        // Somebody has to read on.
        std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
        Self(child)
    }

    /// Ends it as Ctrl-C does.
    fn end(mut self) {
        assert!(Command::new("kill").arg(self.0.id().to_string()).status().expect("kill").success());
        assert_eq!(self.0.wait().expect("an end").code(), Some(0));
    }

    fn kill(mut self) {
        self.0.kill().expect("killed");
        self.0.wait().expect("an end");
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn eventually(mut is_true: impl FnMut() -> bool) {
    let began = Instant::now();
    while !is_true() {
        assert!(began.elapsed() < PATIENCE, "it has not become true");
        Doorbell::new().wait(Duration::from_millis(50));
    }
}

fn one_runs_one_reads_and_one_writes() {
    let folder = Folder::new("three");
    let running = Running::on(&folder);
    // The second terminal follows, and the third one sends.
    let mut following =
        folder.command(&["tail", "large-orders", "--follow", "--limit", "2"]).spawn().expect("it starts");
    folder.send("ada", "1500");
    folder.send("bob", "500");
    folder.send("eve", "2500");
    let mut printed = String::new();
    following.stdout.take().expect("a pipe").read_to_string(&mut printed).expect("a text");
    assert_eq!(following.wait().expect("an end").code(), Some(0));
    let mut rows: Vec<_> = printed.lines().map(|line| line.split('\t').skip(2).collect::<Vec<_>>().join(" ")).collect();
    rows.sort();
    assert_eq!(rows, ["ada 1500", "eve 2500"], "{printed}");

    // Many lines are as good as one, and what is wrong in one of them stops there.
    let mut sending =
        folder.command(&["send", "orders", "--separator", "="]).stdin(Stdio::piped()).spawn().expect("it starts");
    let lines: String = (0..5_000).map(|number| format!("customer {number}=7\n")).collect();
    sending.stdin.take().expect("a pipe").write_all(lines.as_bytes()).expect("written");
    assert_eq!(told(&sending.wait_with_output().expect("an end")).1, "5000 records sent to orders\n");
    let (code, _, errors) = folder.output(&["send", "orders", "--key", "ada", "cheap"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("the value is not a value of type i64"), "{errors}");
    assert_eq!(folder.json_lines(&["tail", "orders"]).len(), 5_003);
    let of_ada = folder.json_lines(&["tail", "orders", "--key", "ada"]);
    assert_eq!((of_ada.len(), &of_ada[0]["value"]), (1, &json!(1500)));
    assert_eq!(folder.json_lines(&["tail", "orders", "--last", "300"]).len(), 300);
    assert_eq!(folder.json_lines(&["tail", "orders", "--from", "end"]).len(), 0);
    assert_eq!(folder.json_lines(&["tail", "orders", "--from", "2999-01-01T00:00:00Z"]).len(), 0);
    // Also topics that the application does not know, and those that are not there yet.
    assert_eq!(folder.stdout(&["send", "others", "text"]), "1 record sent to others\n");
    assert!(folder.stdout(&["topics", "create", "news", "--partitions", "2"]).contains("created news (2 partitions)"));
    let (code, _, errors) = folder.output(&["tail", "odrers"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("did you mean `orders`?"), "{errors}");
    // Ctrl-C ends what goes on.
    let mut following = folder.command(&["tail", "orders", "--follow", "--limit", "9999"]).spawn().expect("it starts");
    let mut lines = BufReader::new(following.stdout.take().expect("a pipe")).lines();
    assert!(lines.next().is_some());
    // Somebody has to read on.
    let reading = std::thread::spawn(move || lines.count());
    assert!(Command::new("kill").args(["-INT", &following.id().to_string()]).status().expect("kill").success());
    assert_eq!(following.wait().expect("an end").code(), Some(0));
    reading.join().expect("read");

    // Who follows is told when there is nothing more to come.
    let following = folder.command(&["tail", "orders", "--from", "end", "--follow"]).spawn().expect("it starts");
    Doorbell::new().wait(Duration::from_millis(500));
    running.end();
    let (code, printed, errors) = told(&following.wait_with_output().expect("an end"));
    assert_eq!((code, printed.as_str()), (Some(1), ""), "{errors}");
    assert!(errors.starts_with("orders: the application that runs the log has ended"), "{errors}");
    // Everything is there afterwards.
    assert_eq!(folder.json_lines(&["tail", "others"]).len(), 1);
    assert_eq!(folder.json(&["topics", "describe", "news"])["partitions"].as_array().map(Vec::len), Some(2));
}

fn topics_and_lag_are_those_of_the_running_application() {
    let folder = Folder::new("topics");
    let _running = Running::on(&folder);
    folder.send("ada", "1500");
    eventually(|| folder.json(&["lag"])["lag"] == 0);
    let lag = folder.json(&["lag"]);
    let committed = lag["partitions"].as_array().expect("a list").iter().filter(|row| row["committed"] == 1).count();
    assert_eq!(committed, 1, "{lag}");
    let rows = lag["partitions"].as_array().expect("a list");
    assert!(rows.iter().all(|row| row["lag_ms"] == 0 && row["owner"]["member"].is_string()), "{lag}");
    let topics = folder.json(&["topics", "list"]);
    let found = |name: &str| {
        let topics = topics.as_array().expect("a list");
        topics.iter().find(|topic| topic["topic"] == name).unwrap_or_else(|| panic!("{name}: {topics:?}")).clone()
    };
    assert_eq!((&found("orders")["role"], &found("orders")["partitions"]), (&json!("input"), &json!(3)));
    assert_eq!(found("orders-per-customer-changelog")["role"], "changelog");
    let described = folder.json(&["topics", "describe", "per-customer-changelog"]);
    assert_eq!(described["settings"]["cleanup.policy"], "compact");
    let ends: i64 =
        described["partitions"].as_array().expect("a list").iter().map(|row| row["end"].as_i64().unwrap()).sum();
    assert!(ends >= 1, "{described}");
    // Its settings include what the log has decided.
    let config = folder.stdout(&["config"]);
    for expected in [
        "errors.dead.letter.queue.topic.name = dead-orders (code)\n",
        "processing.guarantee = exactly_once_v2 (decided by the log)\n",
    ] {
        assert!(config.contains(expected), "{config}");
    }
    assert_eq!(folder.json(&["config"]).as_array().map(Vec::len), Some(config.lines().count()));
}

fn stores_are_looked_into_and_exported() {
    let folder = Folder::new("stores");
    let running = Running::on(&folder);
    for (key, cents) in [("ada", "1500"), ("bob", "500"), ("ada", "700"), ("eve / mallory?", "1")] {
        folder.send(key, cents);
    }
    let store = |arguments: &[&str]| folder.json_lines(&[&["store"], arguments].concat());
    eventually(|| store(&["scan", "per-customer"]).len() == 3);
    let listed = folder.stdout(&["store", "ls"]);
    assert!(listed.starts_with("STORE") && listed.contains("per-customer") && listed.contains("window"), "{listed}");
    let row = |key: &str| store(&["get", "per-customer", key]).remove(0);
    eventually(|| row("ada")["value"] == 2);
    assert_eq!(row("eve / mallory?")["value"], 1);
    let keys = |arguments: &[&str]| {
        let rows = store(&[&["scan", "per-customer"], arguments].concat());
        rows.iter().map(|row| row["key"].as_str().expect("a key").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(keys(&["--from", "b", "--to", "c"]), ["bob"]);
    assert_eq!(keys(&["--prefix", "e"]), ["eve / mallory?"]);
    assert_eq!(keys(&["--reverse", "--limit", "1"]), ["eve / mallory?"]);
    let windows = store(&["get", "per-minute", "ada"]);
    assert!(windows.iter().all(|row| row["key"]["key"] == "ada"), "{windows:?}");
    assert_eq!(windows.iter().map(|row| row["value"].as_i64().unwrap()).sum::<i64>(), 2);
    assert_eq!(store(&["scan", "per-minute", "--window-to", "1970-01-01T01:00:00Z"]), [] as [Json; 0]);

    let file = folder.0.join("rows.jsonl");
    let name = file.to_str().expect("a plain name");
    let exported = folder.stdout(&["store", "export", "per-customer", name]);
    assert_eq!(exported, format!("3 rows of per-customer written to {name}\n"));
    let lines = std::fs::read_to_string(&file).expect("a file");
    let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.iter().map(|row| row["key"].clone()).collect::<Vec<_>>(), ["ada", "bob", "eve / mallory?"]);
    assert!(!folder.0.join("rows.jsonl.part").exists());
    for (arguments, expected) in [
        (&["export", "per-customer", name] as &[&str], "is there already: say `--force`"),
        (&["get", "per-customer", "nobody"], "has no row with the key `nobody`"),
        (&["get", "per-minute", "nobody"], "has no row with the key `nobody`"),
        (&["scan", "nothing"], "nothing"),
        (&["scan", "per-customer", "--key", "a", "--prefix", "b"], "only one of them"),
    ] {
        let (code, _, errors) = folder.output(&[&["store"], arguments].concat());
        assert_eq!(code, Some(1), "{arguments:?}");
        assert!(errors.contains(expected), "{arguments:?}: {errors}");
    }
    running.end();
    let (code, _, errors) = folder.output(&["store", "ls"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("no application runs on the embedded log in "), "{errors}");
    let (code, _, errors) = told(&program(&["store", "ls"]).output().expect("an end"));
    assert_eq!(code, Some(1));
    assert!(errors.contains("where does the application run? Say `--embedded FOLDER`"), "{errors}");
    let (code, _, errors) = told(&program(&["store", "ls", "--url", "http://127.0.0.1:1"]).output().expect("an end"));
    assert_eq!(code, Some(1));
    assert!(errors.contains("http://127.0.0.1:1 does not answer"), "{errors}");
}

fn an_export_that_is_interrupted_leaves_nothing() {
    let folder = Folder::new("interrupted");
    // A store without an end.
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", server.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in server.incoming().flatten() {
            let _ = (&stream).read(&mut [0; 4096]);
            Doorbell::new().wait(Duration::from_millis(10));
            let body = r#"{"rows": [{"key": "ada", "value": 1}], "next": "more"}"#;
            let length = body.len();
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}");
            let _ = (&stream).write_all(answer.as_bytes());
        }
    });
    let file = folder.0.join("rows.jsonl");
    let part = folder.0.join("rows.jsonl.part");
    let arguments = ["store", "export", "endless", file.to_str().expect("a plain name"), "--url", &url];
    let exporting = program(&arguments).spawn().expect("it starts");
    eventually(|| part.exists());
    assert!(Command::new("kill").args(["-INT", &exporting.id().to_string()]).status().expect("kill").success());
    let (code, printed, errors) = told(&exporting.wait_with_output().expect("an end"));
    assert_eq!((code, printed.as_str()), (Some(1), ""));
    assert!(errors.starts_with("orders: interrupted after ") && errors.lines().count() == 1, "{errors}");
    assert!(!file.exists() && !part.exists());
}

/// A server that is configured is started, too, and then nobody needs the folder.
fn an_application_with_a_server_is_asked_there() {
    let folder = Folder::new("served");
    let setting = ["-X", "query.server.bind=127.0.0.1:0"];
    let mut child = folder.command(&[&["run"], &setting as &[&str]].concat()).spawn().expect("it starts");
    let mut errors = BufReader::new(child.stderr.take().expect("a pipe"));
    let _running = Running(child);
    let mut line = String::new();
    let url = loop {
        line.clear();
        assert!(errors.read_line(&mut line).expect("a line") > 0, "it has no server");
        if let Some((_, url)) = line.trim_end().split_once(" answers at ") {
            break url.to_owned();
        }
    };
    std::thread::spawn(move || errors.read_to_end(&mut Vec::new()));
    folder.send("ada", "1500");
    let get = |arguments: &[&str]| {
        let arguments = [&["store", "get", "per-customer", "ada", "--json"], arguments].concat();
        told(&program(&arguments).output().expect("an end")).1
    };
    eventually(|| get(&["--url", &url]).contains("\"value\":1"));
    let bind = format!("query.server.bind={}", url.trim_start_matches("http://"));
    assert!(get(&["-X", &bind]).contains("\"value\":1"));
}

fn dead_letters_go_back_while_the_application_runs() {
    let folder = Folder::new("dead-letters");
    let _running = Running::on(&folder);
    folder.send("ada", "-5");
    let letters = || folder.json_lines(&["dlq", "list"]);
    eventually(|| letters().len() == 1);
    let letter = letters().remove(0);
    assert_eq!((&letter["node"], &letter["reason"]), (&json!("check"), &json!("failed")));
    let place = format!("{}@{}", letter["partition"], letter["offset"]);
    assert_eq!(folder.json(&["dlq", "show", &place])["value"], -5);
    // Behind it there is only the mark of its transaction.
    let mark = format!("{}@{}", letter["partition"], letter["offset"].as_i64().expect("a number") + 1);
    let (code, _, errors) = folder.output(&["dlq", "show", &mark]);
    assert_eq!(code, Some(1));
    assert!(errors.contains(&format!("there is no dead letter {mark}")), "{errors}");
    let would = folder.json(&["dlq", "replay", "--dry-run"]);
    assert_eq!(would, json!({ "put_back": 1, "left": 0, "dry_run": true }));
    assert_eq!(folder.json_lines(&["tail", "orders"]).len(), 1);
    let replayed = folder.json(&["dlq", "replay"]);
    assert_eq!((&replayed["put_back"], &replayed["dry_run"]), (&json!(1), &json!(false)));
    eventually(|| letters().len() == 2);
    assert_eq!(folder.json_lines(&["tail", "orders"]).len(), 2);
    let (code, _, errors) = folder.output(&["dlq", "replay", "--topic", "others"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("puts back its own dead letters only; stop it to replay those in `others`"), "{errors}");
}

fn the_port_is_for_this_user_and_closed_at_the_end() {
    let folder = Folder::new("port");
    let running = Running::on(&folder);
    let file = folder.0.join("port");
    let port: Json = serde_json::from_slice(&std::fs::read(&file).expect("a file")).expect("JSON");
    let url = port["url"].as_str().expect("a URL").to_owned();
    assert!(url.starts_with("http://127.0.0.1:"), "{url}");
    assert_eq!(port["token"].as_str().map(str::len), Some(64));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&file).expect("a file").permissions().mode() & 0o777, 0o600);
    }
    // Whoever does not know the token is told nothing.
    let (code, _, errors) = told(&program(&["store", "ls", "--url", &url]).output().expect("an end"));
    assert_eq!(code, Some(1));
    assert!(errors.contains("this needs a token") && errors.contains("say `--token`"), "{errors}");
    let token = port["token"].as_str().expect("a token");
    let (code, printed, _) =
        told(&program(&["store", "ls", "--url", &url, "--token", token]).output().expect("an end"));
    assert_eq!((code, printed.contains("per-customer")), (Some(0), true));
    let with_environment = program(&["store", "ls", "--url", &url]).env("KSTREAM_QUERY_SERVER_TOKEN", token).output();
    assert_eq!(told(&with_environment.expect("an end")).0, Some(0));
    running.end();
    assert!(!file.exists());
}

fn what_a_killed_application_has_left_is_noticed() {
    let folder = Folder::new("killed");
    let running = Running::on(&folder);
    folder.send("ada", "1500");
    running.kill();
    let file = folder.0.join("port");
    assert!(file.exists());
    let (code, _, errors) = folder.output(&["store", "ls"]);
    assert_eq!(code, Some(1));
    assert!(errors.contains("no application runs on the embedded log in "), "{errors}");
    // The log itself is as good as ever, and the next command opens it.
    assert_eq!(folder.json_lines(&["tail", "orders"]).len(), 1);
    assert!(!file.exists());

    // Somebody else has got the port meanwhile, and speaks otherwise.
    let stranger = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", stranger.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in stranger.incoming().flatten() {
            let _ = (&stream).read(&mut [0; 1024]);
            let _ = (&stream).write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi");
        }
    });
    std::fs::write(&file, json!({ "url": url, "token": "stale" }).to_string()).expect("written");
    assert_eq!(folder.json_lines(&["tail", "orders"]).len(), 1);
    // So has another application, which does not know the token.
    let other = Folder::new("other");
    let other_running = Running::on(&other);
    let of_other: Json = serde_json::from_slice(&std::fs::read(other.0.join("port")).unwrap()).expect("JSON");
    std::fs::write(&file, json!({ "url": of_other["url"], "token": "stale" }).to_string()).expect("written");
    assert_eq!(folder.json_lines(&["tail", "orders"]).len(), 1);
    other_running.end();
    // And the application starts again.
    std::fs::write(&file, json!({ "url": url, "token": "stale" }).to_string()).expect("written");
    let running = Running::on(&folder);
    folder.send("bob", "1500");
    running.end();
}

fn a_log_that_is_open_without_a_port_is_an_error() {
    let folder = Folder::new("without");
    let _log = Embedded::open(&folder.0).expect("a log");
    for command in [&["tail", "orders"] as &[&str], &["lag"], &["store", "ls"]] {
        let (code, _, errors) = folder.output(command);
        assert_eq!(code, Some(1), "{command:?}");
        let process = format!("is in use by process {}", std::process::id());
        assert!(errors.contains(&process) && errors.contains("It does not answer commands"), "{command:?}: {errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

/// An application that stands still has the log and does not answer.
fn an_application_that_stands_still_is_not_waited_for() {
    let folder = Folder::new("still");
    let running = Running::on(&folder);
    let signal = |name: &str| {
        let id = running.0.id().to_string();
        assert!(Command::new("kill").args([name, &id]).status().expect("kill").success());
    };
    signal("-STOP");
    let began = Instant::now();
    let (code, _, errors) = folder.output(&["tail", "orders"]);
    signal("-CONT");
    assert_eq!(code, Some(1), "{errors}");
    assert!(errors.contains("is in use by process ") && errors.contains("It does not answer commands"), "{errors}");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    folder.send("ada", "1500");
}

fn what_needs_the_log_for_itself_says_so() {
    let folder = Folder::new("alone");
    let running = Running::on(&folder);
    for command in [&["run"] as &[&str], &["reset", "--yes"]] {
        let (code, _, errors) = folder.output(command);
        assert_eq!(code, Some(1), "{command:?}");
        assert!(errors.contains("is in use by process ") && errors.contains("stop it"), "{command:?}: {errors}");
    }
    assert!(Path::new(&folder.0.join("port")).exists());
    running.end();
}
