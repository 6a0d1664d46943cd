//! The commands as users experience them, on an embedded log that another process has left: the records of `word-counts` are
//! those that a run of three lines has written.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "this is how tests fail")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use millstream::prelude::*;
use serde_json::{Value as Json, json};

const LINES: Topic<(), String> = Topic::new("lines");
const COUNTS: Topic<Bytes, i64> = Topic::new("word-counts");

/// Lets one test run at a time: a process that another test starts would have this test's log open, too, until it becomes
/// `word-count`.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A folder with a log, which goes with it.
struct Folder {
    path: PathBuf,
    _alone: MutexGuard<'static, ()>,
}

impl Folder {
    /// An empty log with both topics, `word-counts` with two partitions.
    fn new(name: &str) -> Self {
        let _alone = alone();
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        let log = Embedded::open(&path).expect("a log");
        log.create_topic(LINES.name(), 1).expect("a new topic");
        log.create_topic(COUNTS.name(), 2).expect("a new topic");
        Self { path, _alone }
    }

    /// A log with the counts of a few words, of which one has a null.
    fn with_counts(name: &str) -> Self {
        let this = Self::new(name);
        let log = this.log();
        for (time, (word, count)) in (1_000..).step_by(1_000).zip([("to", 1), ("be", 1), ("to", 2), ("or", 1)]) {
            let client = Client::new(log.clone()).expect("a client");
            client.send_at(&COUNTS, Bytes::from(word), count, Timestamp(time)).expect("sent");
        }
        this
    }

    fn log(&self) -> Embedded {
        Embedded::open(&self.path).expect("nobody else has it open")
    }

    fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

fn command(arguments: &[&str], folder: Option<&Folder>) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_word-count"));
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("KSTREAM_")) {
        command.env_remove(name);
    }
    if let Some(folder) = folder {
        command.arg("--embedded").arg(folder.path());
    }
    command
}

fn run_with_input(arguments: &[&str], folder: Option<&Folder>, input: &str) -> Output {
    let mut child = command(arguments, folder).spawn().expect("word-count starts");
    let _ = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("an end")
}

fn run(arguments: &[&str], folder: Option<&Folder>) -> Output {
    run_with_input(arguments, folder, "")
}

fn stdout(output: &Output) -> String {
    assert_eq!(output.status.code(), Some(0), "{}", stderr(output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The exit code and what is said on standard error.
fn refused(arguments: &[&str], folder: Option<&Folder>) -> (Option<i32>, String) {
    let output = run(arguments, folder);
    assert_eq!(output.stdout, b"", "{arguments:?}");
    (output.status.code(), stderr(&output))
}

fn json_lines(output: &Output) -> Vec<Json> {
    stdout(output).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

#[test]
fn the_topology_is_described_in_every_format() {
    let _alone = alone();
    for (arguments, start) in [
        (&["describe"] as &[&str], "Topologies:\n   Sub-topology: 0\n"),
        (&["describe", "--format", "mermaid"], "flowchart"),
        (&["describe", "--format", "dot"], "digraph"),
        (&["describe", "--format", "json"], "{\n"),
        (&["describe", "--json"], "{\n"),
    ] {
        let text = stdout(&run(arguments, None));
        assert!(text.starts_with(start), "{arguments:?}: {text}");
    }
}

#[test]
fn an_earlier_topology_is_compared() {
    let folder = Folder::new("compared");
    let file = folder.path().join("earlier.json");
    let diff = ["describe", "--diff", file.to_str().expect("a plain name")];
    let now: Json = serde_json::from_str(&stdout(&run(&["describe", "--json"], None))).expect("JSON");

    std::fs::write(&file, now.to_string()).expect("written");
    assert_eq!(stdout(&run(&diff, None)), "the same topology\n");

    let mut earlier = now;
    earlier["stores"][0]["name"] = "totals".into();
    std::fs::write(&file, earlier.to_string()).expect("written");
    let output = run(&diff, None);
    assert_eq!(output.status.code(), Some(1), "for a check before a release");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.ends_with("incompatible: the store `totals` is gone, with its rows\n"), "{text}");
    assert_eq!(stderr(&output), "");

    std::fs::write(&file, "[]").expect("written");
    let (code, error) = refused(&diff, None);
    assert_eq!(code, Some(1));
    assert!(error.starts_with("word-count: ") && error.contains("earlier.json is no topology: make one"), "{error}");
}

#[test]
fn settings_say_where_they_came_from_and_hide_secrets() {
    let _alone = alone();
    let arguments =
        ["config", "--application-id", "other", "-X", "sasl.password=geheim", "-X", "num.stream.threads=3", "--json"];
    let output = command(&arguments, None).env("KSTREAM_COMMIT_INTERVAL_MS", "250").output().expect("an end");
    let text = stdout(&output);
    let settings: Vec<Json> = serde_json::from_str(&text).expect("JSON");
    let of = |name: &str| settings.iter().find(|setting| setting["name"] == name).expect("a setting").clone();
    for (name, value, origin) in [
        ("application.id", "other", "command line"),
        ("num.stream.threads", "3", "command line"),
        ("commit.interval.ms", "250ms", "KSTREAM_COMMIT_INTERVAL_MS"),
        ("poll.ms", "100ms", "default"),
    ] {
        assert_eq!(of(name), json!({ "name": name, "value": value, "origin": origin }));
    }
    assert!(!text.contains("geheim"), "{text}");

    let (code, error) = refused(&["config", "-X", "num.stream.thread=3"], None);
    assert_eq!(code, Some(1));
    assert!(error.contains("did you mean `num.stream.threads`?"), "{error}");
}

#[test]
fn topics_are_listed_created_and_described() {
    let folder = Folder::new("listed");
    let list = |expected: &str| {
        let text = stdout(&run(&["topics", "list"], Some(&folder)));
        let lines: Vec<_> = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        assert_eq!(lines.join("\n"), expected);
    };
    list(
        "TOPIC ROLE PARTITIONS KEY VALUE\n\
         lines input 1 () Bytes\n\
         word-counts output 2 Bytes i64\n\
         word-count-counts-changelog changelog missing Bytes i64\n\
         word-count-counts-repartition repartition missing Bytes Bytes",
    );
    assert_eq!(stdout(&run(&["topics", "create"], Some(&folder))), "nothing to create: all topics are there\n");
    let create = ["topics", "create", "extra", "--partitions", "3", "--set", "retention.ms=1000"];
    let dry = stdout(&run(&[&create[..], &["--dry-run"]].concat(), Some(&folder)));
    assert_eq!(dry, "would create extra (3 partitions)\n");
    assert_eq!(stdout(&run(&create, Some(&folder))), "created extra (3 partitions)\n");
    let (code, error) = refused(&create, Some(&folder));
    assert_eq!((code, error.as_str()), (Some(1), "word-count: topic `extra` already exists\n"));

    let described = stdout(&run(&["topics", "describe", "extra", "--json"], Some(&folder)));
    let described: Json = serde_json::from_str(&described).expect("JSON");
    assert_eq!(described["partitions"][2], json!({ "partition": 2, "start": 0, "end": 0 }));
    assert_eq!(described["settings"]["retention.ms"], "1000");
}

#[test]
fn records_are_printed_with_the_applications_types() {
    let folder = Folder::with_counts("printed");
    let text = stdout(&run(&["tail", "word-counts", "--key", "to"], Some(&folder)));
    let lines: Vec<_> = text.lines().map(|line| line.split('\t').skip(1).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(lines, ["1970-01-01T00:00:01.000Z to 1", "1970-01-01T00:00:03.000Z to 2"]);

    let all = json_lines(&run(&["tail", "word-counts", "--json"], Some(&folder)));
    assert_eq!(all.len(), 4);
    let be = all.iter().find(|record| record["key"] == "be").expect("a record");
    assert_eq!((&be["value"], &be["timestamp"], &be["headers"]), (&json!(1), &json!(2_000), &json!({})));

    for (arguments, count) in [
        (&["--limit", "3"] as &[&str], 3),
        (&["--limit", "0"], 0),
        (&["--from", "end"], 0),
        (&["--from", "2500ms"], 2),
        (&["--from", "1970-01-01T00:00:02Z"], 3),
        (&["--key", "not"], 0),
    ] {
        let output = run(&[&["tail", "word-counts", "--json"], arguments].concat(), Some(&folder));
        assert_eq!(json_lines(&output).len(), count, "{arguments:?}");
    }
    let last = |number: &str| {
        let records = json_lines(&run(&["tail", "word-counts", "--json", "--last", number], Some(&folder)));
        records.iter().map(|record| record["key"].as_str().expect("a key").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(last("3"), ["be", "to", "or"]);
    assert_eq!((last("0").len(), last("99").len()), (0, 4));
    let both = [0, 1].map(|partition: u32| {
        let partition = partition.to_string();
        json_lines(&run(&["tail", "word-counts", "--json", "--partition", &partition], Some(&folder))).len()
    });
    assert_eq!(both.iter().sum::<usize>(), 4);
}

#[test]
fn a_record_of_another_type_is_shown_with_the_reason() {
    let folder = Folder::new("undecodable");
    let client = Client::new(folder.log()).expect("a client");
    client.send(&Topic::<Bytes, String>::new("word-counts"), Bytes::from("to"), "two").expect("sent");
    drop(client);
    let [record] = &json_lines(&run(&["tail", "word-counts", "--json"], Some(&folder)))[..] else { panic!("one") };
    assert_eq!(record["key"], "to");
    assert_eq!(record["value"]["undecodable"], "dHdv");
    assert!(record["value"]["reason"].as_str().expect("a text").contains("it has 3 bytes"), "{record}");
}

#[test]
fn what_makes_no_sense_is_answered_with_the_next_step() {
    let folder = Folder::with_counts("refused");
    for (arguments, code, expected) in [
        (&["tail", "word-count"] as &[&str], 1, "; did you mean `word-counts`?"),
        (&["tail", "xyz"], 1, "; the application has `lines`, `word-counts`"),
        (&["tail", "counts-changelog"], 1, "topic `word-count-counts-changelog` is not there yet on "),
        (&["tail", "word-counts", "--from", "9"], 1, " cannot be read at offset 9: its records are at offsets 0 to "),
        (&["tail", "word-counts", "--from", "yesterday"], 2, "write `beginning`, `end`, an offset such as 42"),
        (
            &["tail", "word-counts", "--partition", "2"],
            1,
            "topic `word-counts` has 2 partitions, numbered from 0: not 2",
        ),
        (&["send", "word-counts", "--key", "to", "two"], 1, "the value is not a value of type i64: `two` is not"),
        (&["send", "word-counts", "--key", "to", "--null"], 1, "the value is not a value of type i64: "),
        (&["send", "word-counts", "1"], 1, "the key is not a value of type Bytes: "),
        (&["send", "word-counts", "1", "--key", "a", "--partition", "-1"], 1, "numbered from 0: not -1"),
        (&["lag", "--every", "1s"], 2, "--watch"),
        (&["nothing", "--bootstrap-servers", "x:1"], 2, ""),
        (&["topics", "create", "a b"], 1, "a name may contain only"),
        (&["topics", "create", "x", "--set", "y"], 2, "it is not of the form NAME=VALUE"),
    ] {
        let (actual, error) = refused(arguments, Some(&folder));
        assert_eq!(actual, Some(code), "{arguments:?}: {error}");
        assert!(error.contains(expected), "{arguments:?}: {error}");
    }
    let (code, error) = refused(&["tail", "word-counts"], None);
    assert_eq!(code, Some(1));
    assert!(error.contains("Say `--bootstrap-servers HOST:PORT` for Kafka, or `--embedded FOLDER`"), "{error}");
    let (code, error) = refused(&["tail", "word-counts", "--embedded", "no/such/folder"], None);
    assert_eq!((code, error.contains("there is no embedded log in no/such/folder")), (Some(1), true), "{error}");
    assert!(!Path::new("no/such/folder").exists());
}

#[test]
fn a_log_that_somebody_has_open_is_left_alone() {
    let folder = Folder::new("open");
    let _log = folder.log();
    let (code, error) = refused(&["lag"], Some(&folder));
    assert_eq!(code, Some(1));
    assert!(error.contains("is in use by"), "{error}");
}

#[test]
fn records_are_sent_from_arguments_and_lines() {
    let folder = Folder::new("sent");
    let sent = |arguments: &[&str], input: &str| stdout(&run_with_input(arguments, Some(&folder), input));
    assert_eq!(sent(&["send", "lines", "to be"], ""), "1 record sent to lines\n");
    assert_eq!(sent(&["send", "lines", "--json"], "or\nnot\n"), "{\n  \"sent\": 2,\n  \"topic\": \"lines\"\n}\n");
    let counts = ["send", "word-counts", "--separator", "="];
    assert_eq!(sent(&counts, "to=1\n"), "1 record sent to word-counts\n");
    assert_eq!(sent(&["send", "word-counts", "--key", "be", "-5"], ""), "1 record sent to word-counts\n");
    let read = || Client::new(folder.log()).expect("a client").read(&COUNTS);
    let mut records: Vec<_> =
        read().expect("read").into_iter().map(|record| (record.key.escape_ascii().to_string(), record.value)).collect();
    records.sort();
    assert_eq!(records, [("be".to_owned(), -5), ("to".to_owned(), 1)]);

    // Keys go where they go with any other client.
    let words = ["is", "that", "the", "question", "whether"];
    let text: Vec<_> = words.map(|word| format!("{word}=1\n")).into();
    sent(&counts, &text.concat());
    for word in words {
        let found = json_lines(&run(&["tail", "word-counts", "--json", "--key", word], Some(&folder)));
        let client = Client::new(folder.log()).expect("a client");
        let (place, _) = client.send(&COUNTS, Bytes::from(word), 2).expect("sent");
        assert_eq!(found[0]["partition"], place.partition.0, "{word}");
    }

    // Only where the topic's type allows it, or is not known.
    folder.log().create_topic("others", 1).expect("a new topic");
    assert_eq!(sent(&["send", "others", "--key", "be", "--null"], ""), "1 record sent to others\n");
    let text = stdout(&run(&["tail", "others"], Some(&folder)));
    assert!(text.ends_with("\tbe\tnull\n"), "{text}");

    // What is wrong in one of many lines leaves those before it as they are.
    let output = run_with_input(&counts, Some(&folder), "or=1\nis\nthe=1\n");
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "word-count: line 2: there is no `=` after a key in `is` (sent before it: 1)\n");
    assert_eq!(read().expect("read").len(), 13);
}

#[test]
fn the_lag_is_what_is_there_and_not_committed() {
    let folder = Folder::new("lag");
    let client = Client::new(folder.log()).expect("a client");
    client.send_all(&LINES, [(), (), ()].map(|key| (key, "to be"))).expect("sent");
    drop(client);
    let lag = || serde_json::from_str::<Json>(&stdout(&run(&["lag", "--json"], Some(&folder)))).expect("JSON");
    let mut found = lag();
    let behind = found["partitions"][0].as_object_mut().and_then(|row| row.remove("lag_ms"));
    // The first record was sent a moment ago.
    assert!(behind.as_ref().and_then(Json::as_u64).is_some_and(|behind| behind < 60_000), "{behind:?}");
    let lines = json!({ "topic": "lines", "partition": 0, "committed": null, "end": 3, "lag": 3, "owner": null });
    assert_eq!(found, json!({ "lag": 3, "partitions": [lines] }));
    let text = stdout(&run(&["lag"], Some(&folder)));
    assert!(text.starts_with("TOPIC") && text.ends_with("3 records behind\n"), "{text}");
    assert!(text.contains("OWNER") && text.contains("nobody"), "{text}");
}

#[test]
fn dead_letters_are_listed_shown_and_replayed() {
    let folder = Folder::new("dead-letters");
    let log = folder.log();
    let client = Client::new(log.clone()).expect("a client");
    client.send(&Topic::<Bytes, String>::new("word-counts"), Bytes::from("to"), "two").expect("sent");
    drop(client);
    let builder = StreamsBuilder::new();
    builder.stream(COUNTS).for_each(|_, _| {});
    let app = App::new("sums", builder.build().expect("a topology")).dead_letters_to("dead-letters");
    app.on_undecodable(millstream::config::OnError::DeadLetter).run_until_idle(log.clone()).expect("it ends");
    drop(log);

    let (code, error) = refused(&["dlq", "list"], Some(&folder));
    assert_eq!(code, Some(1));
    assert!(error.contains("Say `--topic TOPIC`"), "{error}");
    let dlq = |arguments: &[&str]| {
        let topic = ["--topic", "dead-letters"];
        run(&[&["dlq"], arguments, &topic].concat(), Some(&folder))
    };
    let [letter] = &json_lines(&dlq(&["list", "--json"]))[..] else { panic!("one letter") };
    assert_eq!(letter["reason"], "undecodable");
    let from = letter["from"].as_str().expect("a text").to_owned();
    assert!(from.starts_with("word-counts/") && from.ends_with("@0"), "{from}");
    let text = stdout(&dlq(&["list"]));
    assert!(text.lines().count() == 2 && text.contains(&from), "{text}");

    let shown: Json = serde_json::from_str(&stdout(&dlq(&["show", "0@0", "--json"]))).expect("JSON");
    assert_eq!((&shown["key"], &shown["value"]["undecodable"]), (&json!("to"), &json!("dHdv")));
    assert_eq!(shown["headers"]["__streams.errors.topic"], json!(["word-counts"]));
    let missing = dlq(&["show", "0@7"]);
    assert_eq!((missing.status.code(), stderr(&missing).contains("no dead letter 0@7")), (Some(1), true));

    let would = "nothing was put back; without `--dry-run`: 1 record put back, 0 left\n";
    assert_eq!(stdout(&dlq(&["replay", "--dry-run"])), would);
    assert_eq!(stdout(&dlq(&["replay"])), "1 record put back, 0 left\n");
    assert_eq!(stdout(&dlq(&["replay"])), "0 records put back, 0 left\n");
    assert_eq!(json_lines(&run(&["tail", "word-counts", "--json"], Some(&folder))).len(), 2);
}

/// Runs the application over two lines in this process. The state is in memory, but a folder of its name is there.
fn count_two_lines(folder: &Folder) -> PathBuf {
    let log = folder.log();
    Client::new(log.clone()).expect("a client").send_all(&LINES, [((), "to be"), ((), "or")]).expect("sent");
    let builder = StreamsBuilder::new();
    let words = builder.stream(LINES).flat_map_values(|line| vec![Bytes::from(line)]).group_by(|_, word| word.clone());
    words.count().stored_as(KeyValueStore::<Bytes, i64>::new("counts")).to_stream().to(COUNTS);
    App::new("word-count", builder.build().expect("a topology")).run_until_idle(log).expect("it ends");
    let state = folder.path().join("state");
    std::fs::create_dir_all(state.join("word-count").join("0_0")).expect("a folder");
    state
}

#[test]
fn a_reset_deletes_what_it_has_printed_and_only_if_it_was_told_to() {
    let folder = Folder::new("reset");
    let state = count_two_lines(&folder);
    let setting = format!("state.dir={}", state.display());
    let reset = |arguments: &[&str]| run(&[&["reset", "-X", &setting], arguments].concat(), Some(&folder));
    let printed = format!(
        "topic word-count-counts-repartition\n\
         topic word-count-counts-changelog\n\
         state folder {}\n\
         2 positions of the group word-count\n",
        state.join("word-count").display()
    );
    assert_eq!(stdout(&reset(&["--dry-run"])), format!("{printed}nothing was deleted\n"));
    let refused = reset(&[]);
    assert_eq!((refused.status.code(), stderr(&refused).contains("say `--yes` to delete this")), (Some(1), true));
    assert_eq!(stdout(&reset(&["--dry-run"])), format!("{printed}nothing was deleted\n"), "still there");

    assert_eq!(stdout(&reset(&["--yes"])), format!("{printed}deleted; the application begins anew\n"));
    assert!(!state.join("word-count").exists() && state.exists());
    assert_eq!(stdout(&reset(&["--yes"])), "there is nothing of `word-count` to delete\n");
    let lag: Json = serde_json::from_str(&stdout(&run(&["lag", "--json"], Some(&folder)))).expect("JSON");
    let mut first = lag["partitions"][0].clone();
    assert!(first["lag_ms"].take().is_u64(), "the first line is of a moment ago: {lag}");
    let expected = json!({ "topic": "lines", "partition": 0, "committed": null, "end": 2, "lag": 2,
        "lag_ms": null, "owner": null });
    assert_eq!(first, expected);
    assert_eq!(json_lines(&run(&["tail", "word-counts", "--json"], Some(&folder))).len(), 2, "results stay");

    // It counts all lines again.
    count_two_lines(&folder);
    let counts = json_lines(&run(&["tail", "word-counts", "--json", "--key", "to be"], Some(&folder)));
    assert_eq!(counts.last().expect("a count")["value"], 2);
}

#[test]
fn state_that_somebody_has_open_is_not_deleted() {
    let folder = Folder::new("reset-open");
    let state = count_two_lines(&folder);
    let _lock =
        millstream::private_folder::FolderLock::hold(&state.join("word-count"), ".lock").expect("nobody has it");
    let setting = format!("state.dir={}", state.display());
    let output = run(&["reset", "-X", &setting, "--yes"], Some(&folder));
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("it is in use by"), "{}", stderr(&output));
    let listed = stdout(&run(&["topics", "list"], Some(&folder)));
    assert!(!listed.contains("missing"), "nothing is deleted: {listed}");
}

/// What a child prints until it has printed `lines`, and what it does after that.
fn read_lines(child: &mut Child, lines: usize) -> Vec<String> {
    let out = BufReader::new(child.stdout.as_mut().expect("a pipe"));
    out.lines().take(lines).map(|line| line.expect("a line")).collect()
}

#[cfg(unix)]
#[test]
fn what_goes_on_ends_with_ctrl_c() {
    let folder = Folder::with_counts("followed");
    for (arguments, lines) in [(&["tail", "word-counts", "--follow"] as &[&str], 4), (&["lag", "--watch"], 3)] {
        let mut child = command(arguments, Some(&folder)).spawn().expect("word-count starts");
        assert_eq!(read_lines(&mut child, lines).len(), lines, "{arguments:?}");
        let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill");
        assert!(killed.success());
        let output = child.wait_with_output().expect("an end");
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{arguments:?}");
    }
    // The log was closed, so nothing has to be read back.
    drop(folder.log());
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new("closed-pipe");
    let client = Client::new(folder.log()).expect("a client");
    client.send_all(&LINES, (0..20_000).map(|number| ((), format!("line {number}")))).expect("sent");
    drop(client);
    for arguments in [&["tail", "lines"] as &[&str], &["tail", "lines", "--follow"]] {
        let mut child = command(arguments, Some(&folder)).spawn().expect("word-count starts");
        assert_eq!(read_lines(&mut child, 1).len(), 1);
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("an end");
        assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()), "{arguments:?}");
    }
}

#[test]
fn shells_get_completions() {
    let _alone = alone();
    for (shell, expected) in
        [("bash", "complete -F "), ("zsh", "#compdef word-count"), ("fish", "complete -c word-count")]
    {
        let script = stdout(&run(&["completions", shell], None));
        assert!(script.contains(expected), "{shell}");
    }
}
