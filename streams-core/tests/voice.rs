//! What an application prints on standard error if its program has no `tracing` subscriber. Each program runs in a
//! process of its own, because a subscriber is set for a whole process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::process::{Command, Stdio};

use streams_core::prelude::*;
use streams_core::runtime::AppState;

const NUMBERS: Topic<String, i64> = Topic::new("numbers");
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
    ("a service that fails", service_that_fails, &[START, "millstream: error: the application stops: MISSING"]),
    ("a job that fails", job_that_fails, &[START, "Error: MISSING"]),
];

const START: &str = "millstream: copy starts: exactly-once on an embedded log in memory, 2 workers, state in memory";

const MISSING: &str = "topic `numbers` does not exist; create it before the application starts: on Kafka with \
                       `kafka-topics.sh --bootstrap-server HOST:PORT --create --topic numbers --partitions N`, on an \
                       embedded log with `log.create_topic(\"numbers\", N)`";

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
    said.replace(MISSING, "MISSING").lines().map(str::to_owned).collect()
}

#[test]
fn programs_without_a_subscriber_are_told_what_a_person_must_know() {
    if let Ok(name) = std::env::var(PROGRAM) {
        let (_, program, _) = PROGRAMS.iter().find(|(known, ..)| *known == name).unwrap();
        return program();
    }
    for (name, _, expected) in PROGRAMS {
        assert_eq!(said_by(name), *expected, "{name}");
    }
}
