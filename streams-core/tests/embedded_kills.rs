//! Programs on an embedded log on disk that choose nothing, a job that ends by itself and an application that lives on,
//! are killed at random moments, again and again. Their results have each event once.
//!
//! `MILLSTREAM_SEEDS` is the number of kills.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::log::Embedded;
use streams_core::runtime::App;
use streams_core::topic::Topic;
use streams_core::topology::Topology;

/// Set for a child process: the folder of its log, and whether it is a job.
const CHILD_FOLDER: &str = "EMBEDDED_KILLS_CHILD_FOLDER";
const CHILD_IS_JOB: &str = "EMBEDDED_KILLS_CHILD_IS_JOB";

const EVENTS: Topic<i64, i64> = Topic::new("events");
const COPIES: Topic<i64, i64> = Topic::new("copies");
const COUNTS: Topic<i64, i64> = Topic::new("counts");

const KEYS: i64 = 37;

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let events = builder.stream(EVENTS);
    events.to(COPIES);
    events.group_by(|_, event| event % KEYS).count().to_stream().to(COUNTS);
    builder.build().expect("a topology")
}

fn app() -> App {
    App::new("copier", topology()).quiet()
}

fn send(log: &Embedded, numbers: impl Iterator<Item = i64>) {
    for number in numbers {
        log.send(&EVENTS, number % 101, number).expect("sent");
    }
}

fn events(log: &Embedded) -> i64 {
    i64::try_from(log.read(&EVENTS).expect("readable").len()).expect("few")
}

/// The child's life: every event gets the next number.
fn live(folder: &Path, is_job: bool) {
    loop {
        let log = Embedded::open(folder).expect("the log");
        let next = events(&log);
        if is_job {
            send(&log, next..next + 700);
            app().run_until_idle(log).expect("a job");
        } else {
            let running = app().start(log.clone()).expect("an application");
            send(&log, next..);
            drop(running);
        }
    }
}

fn run_and_kill(folder: &Path, is_job: bool, time: Duration) {
    let mut child = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "programs_that_choose_nothing_have_each_event_once", "--nocapture", "--test-threads=1"])
        .env(CHILD_FOLDER, folder)
        .env(CHILD_IS_JOB, is_job.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a child");
    let mut out = child.stdout.take().expect("a pipe");
    let (end, ended) = mpsc::channel();
    std::thread::spawn(move || end.send(std::io::copy(&mut out, &mut std::io::sink()).is_ok()));
    assert!(ended.recv_timeout(time).is_err(), "the child ended by itself");
    child.kill().expect("killed");
    child.wait().expect("dead");
}

/// Checks the results, once everything has been processed, and returns how many events there are.
fn check(log: &Embedded) -> i64 {
    let number = events(log);
    let mut copies: Vec<i64> = log.read(&COPIES).expect("readable").into_iter().map(|record| record.value).collect();
    copies.sort_unstable();
    assert!(copies.iter().copied().eq(0..number), "{} copies of {number} events", copies.len());
    let mut counts = BTreeMap::new();
    for record in log.read(&COUNTS).expect("readable") {
        let before = counts.insert(record.key, record.value).unwrap_or(0);
        assert!(record.value > before, "key {}: {} after {before}", record.key, record.value);
    }
    let expected: BTreeMap<i64, i64> =
        (0..KEYS.min(number)).map(|key| (key, (number - key + KEYS - 1) / KEYS)).collect();
    assert_eq!(counts, expected);
    number
}

#[test]
fn programs_that_choose_nothing_have_each_event_once() {
    if let Some(folder) = std::env::var_os(CHILD_FOLDER).map(PathBuf::from) {
        return live(&folder, std::env::var(CHILD_IS_JOB).is_ok_and(|is_job| is_job == "true"));
    }
    let kills = std::env::var("MILLSTREAM_SEEDS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(6);
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Embedded::open(folder.path()).expect("the log");
    for topic in ["events", "copies", "counts"] {
        open().create_topic(topic, 3).expect("a new topic");
    }
    for kill in 0..kills {
        let is_job = kill % 2 == 0;
        run_and_kill(folder.path(), is_job, Duration::from_micros(fastrand::u64(..900_000)));
        if kill % 3 == 2 || kill + 1 == kills {
            app().run_until_idle(open()).expect("the rest");
            println!("kill {kill}: {} events", check(&open()));
        }
    }
}
