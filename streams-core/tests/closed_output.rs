//! Applications whose standard output and standard error nobody reads any more, as behind `| head`. Each runs in a process of
//! its own.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use streams_core::log::Doorbell;
use streams_core::prelude::*;
use streams_core::runtime::{AppState, ErrorSettings, OnError, Settings};

const NUMBERS: Topic<String, i64> = Topic::new("numbers");
const TEXTS: Topic<String, String> = Topic::new("numbers");
const OUT: Topic<String, i64> = Topic::new("out");

const PROGRAM: &str = "CLOSED_OUTPUT_PROGRAM";

/// A program ends with this status if the application did what it should.
const AS_IT_SHOULD: i32 = 7;

/// How a program's output is set up, and what its application does with each record.
const PROGRAMS: [&str; 5] = ["voice", "subscriber", "listener", "printing closure", "service"];

/// The parent closes the pipes when it has read this line, and then says so.
fn until_pipes_are_closed() {
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn run(program: &str) {
    until_pipes_are_closed();
    let log = Embedded::in_memory();
    for number in 0..3 {
        log.send(&NUMBERS, format!("{number}"), number).unwrap();
        // Each of them makes the application say something.
        log.send(&TEXTS, format!("text {number}"), "nine").unwrap();
    }
    if program != "voice" {
        tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    }
    let prints = program == "printing closure";
    let builder = StreamsBuilder::new();
    let numbers = builder.stream(NUMBERS).map_values(move |number| {
        if prints {
            println!("{number}");
        }
        number
    });
    numbers.to(OUT);
    let errors = ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() };
    let settings = Settings { workers: 2, errors, ..Settings::default() };
    let app = App::new("copy", builder.build().unwrap()).settings(settings);
    let app = if program == "listener" { app.on_state_change(|_, to| println!("{to}")) } else { app };
    let outcome = if program == "service" {
        let running = app.start(log.clone()).unwrap();
        running.wait_until_running().unwrap();
        let began = Instant::now();
        while log.read(&OUT).unwrap_or_default().len() < 3 && began.elapsed() < Duration::from_secs(60) {
            Doorbell::new().wait(Duration::from_millis(10));
        }
        let handle = running.handle();
        let closed = running.close();
        assert_eq!(handle.state(), AppState::NotRunning);
        closed
    } else {
        app.run_until_idle(log.clone()).map(|_| ())
    };
    let is_as_it_should = match outcome {
        // Whose own code prints into the void fails with it, and ends in good order.
        Err(error) => prints && error.to_string().contains("printing to stdout"),
        Ok(()) => !prints && log.read(&OUT).unwrap().len() == 3,
    };
    std::process::exit(if is_as_it_should { AS_IT_SHOULD } else { 1 });
}

/// Regression: the usual subscriber panics when nobody reads what it prints, in the middle of whatever the application does;
/// some that had started never ended.
#[test]
fn an_application_goes_on_and_ends_although_nobody_reads_its_output() {
    if let Ok(program) = std::env::var(PROGRAM) {
        run(&program);
        return;
    }
    for program in PROGRAMS {
        let mut process = Command::new(std::env::current_exe().unwrap());
        process.args(["--exact", "an_application_goes_on_and_ends_although_nobody_reads_its_output", "--nocapture"]);
        process.env(PROGRAM, program).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = process.spawn().unwrap();
        let printed = BufReader::new(child.stdout.take().unwrap());
        assert!(printed.lines().any(|line| line.unwrap() == "ready"), "{program}");
        drop(child.stderr.take());
        child.stdin.take().unwrap().write_all(b"closed\n").unwrap();
        let began = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > Duration::from_secs(90) {
                child.kill().unwrap();
                panic!("{program}: it does not end");
            }
            Doorbell::new().wait(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(AS_IT_SHOULD), "{program}: {status}");
    }
}
