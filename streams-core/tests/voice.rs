//! What an application prints on standard error if its program has no `tracing` subscriber. Each program runs in a
//! process of its own, because a subscriber is set for a whole process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::process::{Command, Stdio};
use std::time::Duration;

use streams_core::prelude::*;
use streams_core::runtime::{AppState, ErrorSettings, OnError, Settings};

const NUMBERS: Topic<String, i64> = Topic::new("numbers");
const TEXTS: Topic<String, String> = Topic::new("numbers");
const OUT: Topic<String, i64> = Topic::new("out");

/// Names the program that a process runs.
const PROGRAM: &str = "VOICE_PROGRAM";

/// A program's name, what it does, and the lines that it prints on standard error.
type Program = (&'static str, fn(), &'static [&'static str]);

const PROGRAMS: &[Program] = &[
    ("fine", fine, &[START]),
    ("quiet", quiet, &[]),
    ("subscribed", subscribed, &[]),
    ("two in a row", two_in_a_row, &[START, START]),
    ("late", late, &[START, LATE]),
    ("undecodable", undecodable, &[START, UNDECODABLE]),
    ("undecodable row", undecodable_row, &[START, UNDECODABLE_ROW]),
    ("a service that fails", service_that_fails, &[START, "millstream: error: the application stops: MISSING"]),
    ("a job that fails", job_that_fails, &[START, "Error: MISSING"]),
];

const START: &str = "millstream: copy starts: exactly-once on an embedded log in memory, 2 workers, state in memory";

const LATE: &str = "millstream: warning: 750 of 1000 records were dropped at KSTREAM-AGGREGATE-0000000002: they came \
                    after their window was closed; a longer grace keeps it open";

const UNDECODABLE: &str = "millstream: warning: 2 of 5 records were skipped in topic `numbers`: their bytes cannot be \
                           read; for instance offset 3 of numbers-0: \
                           the value cannot be read: not a value of type i64: it has 4 bytes, but this type takes 8; the \
                           topic contains another type (first bytes: 6e696e65)";

const UNDECODABLE_ROW: &str = "millstream: warning: 2 records were skipped in topic `numbers`: their bytes cannot be \
                               read; for instance offset 3 of \
                               numbers-0: the value cannot be read: not a value of type i64: it has 4 bytes, but this \
                               type takes 8; the topic contains another type (first bytes: 6e696e65)";

const MISSING: &str = "topic `numbers` does not exist; create it before the application starts, with \
                       `client.create_topic(..).partitions(N).create()` of a `Client`, or on Kafka with \
                       `kafka-topics.sh --bootstrap-server HOST:PORT --create --topic numbers --partitions N`";

fn copy() -> App {
    let builder = StreamsBuilder::new();
    builder.stream(NUMBERS).to(OUT);
    App::new("copy", builder.build().unwrap()).workers(2)
}

fn numbers() -> Embedded {
    let log = Embedded::in_memory();
    for n in 0..3 {
        log.send(&NUMBERS, format!("{n}"), n).unwrap();
    }
    log
}

fn fine() {
    copy().run_until_idle(numbers()).unwrap();
}

fn quiet() {
    copy().quiet().run_until_idle(numbers()).unwrap();
}

fn subscribed() {
    tracing_subscriber::fmt().with_writer(std::io::sink).init();
    copy().run_until_idle(numbers()).unwrap();
}

/// A replay in no order of time, on eight partitions.
fn late() {
    let log = Embedded::in_memory();
    log.create_topic(NUMBERS.name(), 8).unwrap();
    for n in 0..1_000 {
        let (key, hour) = (format!("{}", n % 50), if n < 250 { 100 } else { 0 });
        log.send_at(&NUMBERS, key, n, Timestamp(hour * 60 * 60 * 1_000)).unwrap();
    }
    let builder = StreamsBuilder::new();
    let hours = Tumbling::of(Duration::from_secs(60 * 60)).no_grace();
    builder.stream(NUMBERS).group_by_key().windowed_by(hours).count().to_stream().for_each(|_, _| {});
    App::new("copy", builder.build().unwrap()).workers(2).run_until_idle(log).unwrap();
}

fn with_texts(log: &Embedded) {
    for text in ["nine", "four"] {
        log.send(&TEXTS, "text", text).unwrap();
    }
}

fn undecodable() {
    let log = numbers();
    with_texts(&log);
    let settings = Settings {
        workers: 2,
        errors: ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() },
        ..Settings::default()
    };
    copy().settings(settings).run_until_idle(log).unwrap();
}

fn undecodable_row() {
    let log = numbers();
    with_texts(&log);
    log.create_topic("others", 1).unwrap();
    let builder = StreamsBuilder::new();
    let rows = builder.global_table(NUMBERS);
    let others = builder.stream(Topic::<String, i64>::new("others"));
    others.join_global(rows, |key, _| key.clone(), |value, row| value + row).to(OUT);
    let settings = Settings {
        workers: 2,
        errors: ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() },
        ..Settings::default()
    };
    App::new("copy", builder.build().unwrap()).settings(settings).run_until_idle(log).unwrap();
}

/// The program sets its subscriber after the start.
fn subscribed_later() {
    let log = numbers();
    log.create_topic(OUT.name(), 1).unwrap();
    let settings = Settings {
        workers: 2,
        errors: ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() },
        ..Settings::default()
    };
    let running = copy().settings(settings).start(log.clone()).unwrap();
    tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false).without_time().init();
    with_texts(&log);
    log.send(&NUMBERS, "last", 9).unwrap();
    let out = Client::new(log).unwrap().tail(&OUT, StartAt::Beginning).unwrap();
    assert_eq!(out.take(4).map(|received| received.unwrap().record.value).max(), Some(9));
    running.close().unwrap();
}

fn two_in_a_row() {
    copy().run_until_idle(numbers()).unwrap();
    copy().run_until_idle(numbers()).unwrap();
}

fn service_that_fails() {
    let running = copy().start(Embedded::in_memory()).unwrap();
    let handle = running.handle();
    drop(running.wait().unwrap_err());
    assert_eq!(handle.state(), AppState::Error);
}

fn job_that_fails() {
    // As `main` prints it.
    eprintln!("Error: {:?}", copy().run_until_idle(Embedded::in_memory()).unwrap_err());
}

/// Runs a program of this file in a process, and returns the lines on its standard error.
fn said_by(name: &str) -> Vec<String> {
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "programs_without_a_subscriber_are_told_what_a_person_must_know", "--nocapture"]);
    process.env(PROGRAM, name).env("RUST_BACKTRACE", "0").stdin(Stdio::null());
    let output = process.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{name}: {said}");
    let mut lines: Vec<String> = said.replace(MISSING, "MISSING").lines().map(str::to_owned).collect();
    // Where the machine is slow, a number is told before it is complete.
    let is_told_again = |pair: &[String]| pair.iter().all(|line| line.contains(" records were "));
    while let Some(at) = lines.windows(2).position(is_told_again) {
        lines.remove(at);
    }
    lines
}

/// Regression: the application went on to print, and the program's subscriber heard nothing of it.
#[test]
fn a_subscriber_that_is_set_after_the_start_hears_the_application() {
    let said = said_by("subscribed later");
    let skipped = said.iter().find(|line| line.contains("were skipped")).expect("a warning");
    assert!(skipped.starts_with(" WARN millstream: 2 of 6 records were skipped in topic `numbers`"), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with(" INFO") && line.contains("streams_core::runtime")), "{said:?}");
    assert_eq!(said[0], START);
}

#[test]
fn programs_without_a_subscriber_are_told_what_a_person_must_know() {
    if let Ok(name) = std::env::var(PROGRAM) {
        if name == "subscribed later" {
            return subscribed_later();
        }
        let (_, program, _) = PROGRAMS.iter().find(|(known, ..)| *known == name).unwrap();
        return program();
    }
    for (name, _, expected) in PROGRAMS {
        assert_eq!(said_by(name), *expected, "{name}");
    }
}
