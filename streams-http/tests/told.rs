//! What a server says when it starts, in a program without a `tracing` subscriber. The program runs in a process of its own,
//! because a subscriber is set for a whole process.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

use std::process::Command;

use millstream::prelude::*;

/// Set in the process that is looked at.
const IS_PROGRAM: &str = "TOLD_PROGRAM";

#[test]
fn the_address_is_told_and_that_a_port_is_in_use() {
    if std::env::var_os(IS_PROGRAM).is_some() {
        return program();
    }
    let program = std::env::current_exe().unwrap();
    let output = Command::new(program).args(["--nocapture", "--test-threads=1"]).env(IS_PROGRAM, "1").output().unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let told: Vec<&str> = text.lines().filter(|line| line.contains("answers")).collect();
    let port = told.first().and_then(|line| line.rsplit(':').next()).unwrap_or_else(|| panic!("{text}"));
    assert_eq!(told.len(), 2, "{text}");
    assert_eq!(told[0], format!("millstream: copy answers at http://127.0.0.1:{port}"));
    assert!(told[1].ends_with(&format!(" (port {port} is in use)")), "{text}");
}

fn program() {
    const IN: Topic<String, String> = Topic::new("in");
    let builder = StreamsBuilder::new();
    builder.stream(IN).to(Topic::<String, String>::new("out"));
    let topology = builder.build().unwrap();
    let log = Embedded::in_memory();
    log.create_topic("in", 1).unwrap();
    let running = App::new("copy", topology).start(log).unwrap();
    let first = Http::of(&running).bind("127.0.0.1:0").start().unwrap();
    let _second = Http::of(&running).bind(first.address().to_string()).start().unwrap();
    running.wait_until_running().unwrap();
}
