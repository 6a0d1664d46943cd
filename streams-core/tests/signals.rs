//! Signals to a process: which applications they stop, and when they end the process.
#![cfg(unix)]
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use streams_core::dsl::StreamsBuilder;
use streams_core::log::Embedded;
use streams_core::runtime::{App, AppState, Running};
use streams_core::topic::Topic;

const NUMBERS: Topic<(), i64> = Topic::new("numbers");

/// Set in processes that a test starts.
const IS_CHILD: &str = "SIGNALS_IS_CHILD";

/// An application that calls `process` for each number.
fn start(log: &Embedded, process: impl Fn(&i64) + Send + Sync + 'static) -> Running {
    let builder = StreamsBuilder::new();
    builder.stream(NUMBERS).for_each(move |_, number| process(number));
    let topology = builder.build().expect("a topology");
    let app = App::new("app", topology).on_state_change(|_, to| {
        // For the parent; a closed pipe does not matter here.
        if std::env::var_os(IS_CHILD).is_some() {
            println!("\nstate {to}");
        }
    });
    app.start(log.clone()).expect("it starts")
}

fn log() -> Embedded {
    let log = Embedded::in_memory();
    log.create_topic(NUMBERS.name(), 1).expect("a topic");
    log
}

fn terminate(process: u32) {
    let status = Command::new("kill").args(["-TERM", &process.to_string()]).status().expect("kill starts");
    assert!(status.success(), "{status}");
}

/// Runs one test of this file in a separate process.
fn child(test: &str) -> Child {
    let program = std::env::current_exe().expect("this program");
    let mut command = Command::new(program);
    command.args(["--exact", test, "--nocapture"]).env(IS_CHILD, "1").stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().expect("it starts")
}

fn is_child() -> bool {
    std::env::var_os(IS_CHILD).is_some()
}

#[test]
fn two_applications_in_a_row_are_each_stopped_by_a_signal() {
    if is_child() {
        return;
    }
    for _ in 0..2 {
        let running = start(&log(), |_| {});
        running.stop_on_signals().expect("the handler is installed, once");
        running.wait_until_running().expect("it runs");
        terminate(std::process::id());
        let handle = running.handle();
        running.wait().expect("it stops in good order");
        assert_eq!(handle.state(), AppState::NotRunning);
    }
}

#[test]
fn a_second_signal_does_not_wait_for_a_record_that_never_ends() {
    if is_child() {
        let log = log();
        log.send(&NUMBERS, (), 1).expect("sent");
        let running = start(&log, |_| {
            println!("\nprocessing");
            loop {
                std::thread::park();
            }
        });
        running.stop_on_signals().expect("the handler is installed");
        println!("\nsignals are handled");
        let _ = running.wait();
        return;
    }
    let mut child = child("a_second_signal_does_not_wait_for_a_record_that_never_ends");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let mut open = vec!["processing", "signals are handled"];
    while !open.is_empty() {
        let line = lines.next().expect("the child says both");
        open.retain(|expected| *expected != line);
    }
    terminate(child.id());
    lines.find(|line| *line == format!("state {}", AppState::PendingShutdown)).expect("the first signal stops it");
    terminate(child.id());
    assert_eq!(child.wait().expect("an end").code(), Some(130));
}

#[test]
fn a_process_with_a_handler_is_told_to_call_stop_in_it() {
    if is_child() {
        ctrlc::set_handler(|| {}).expect("the first handler");
        let running = start(&log(), |_| {});
        let error = running.stop_on_signals().expect_err("the second handler").to_string();
        assert!(error.contains("start the application with `App::start` and call `Handle::stop`"), "{error}");
        running.close().expect("it stops in good order");
        println!("\ntold");
        return;
    }
    let output = child("a_process_with_a_handler_is_told_to_call_stop_in_it").wait_with_output().expect("an end");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.lines().any(|line| line == "told"), "{text}");
}
