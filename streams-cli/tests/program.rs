//! A program whose only call is `Cli::main`. Without a harness, because then this is both: the program, if it is told so, and
//! otherwise the tests, which start it.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "this is how tests fail")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::Duration;

use millstream::cli::Cli;
use millstream::prelude::*;

/// Tells a child that it is the program.
const AS_PROGRAM: &str = "MILLSTREAM_TEST_AS_PROGRAM";

const ORDERS: Topic<String, i64> = Topic::new("orders");
const LARGE: Topic<String, i64> = Topic::new("large-orders");

fn topology() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.stream(ORDERS).filter(|_, cents| *cents >= 1_000).to(LARGE);
    builder.build()
}

fn adapted(app: App) -> App {
    app.exactly_once().dead_letters_to("dead-orders")
}

type Test = (&'static str, fn());

const TESTS: [Test; 5] = [
    ("without_a_command_and_with_run_the_application_runs_until_it_is_told_to_end", runs_until_it_is_told_to_end),
    ("settings_of_the_program_are_below_all_others", settings_of_the_program_are_below_all_others),
    ("what_the_program_says_in_code_counts_for_all_commands", what_the_program_says_in_code_counts_for_all_commands),
    ("where_to_run_must_be_said", where_to_run_must_be_said),
    ("help_and_mistakes_name_the_program", help_and_mistakes_name_the_program),
];

fn main() -> ExitCode {
    if std::env::var_os(AS_PROGRAM).is_some() {
        let config = StreamsConfig { num_stream_threads: 2, ..StreamsConfig::new("orders").expect("an id") };
        return Cli::new("orders", |_| topology()).config(config).app(adapted).main();
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

fn program(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(arguments).env(AS_PROGRAM, "1").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn output(arguments: &[&str]) -> (Option<i32>, String, String) {
    told(&program(arguments).output().expect("an end"))
}

fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

fn runs_until_it_is_told_to_end() {
    for (number, command) in [None, Some("run")].into_iter().enumerate() {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("run-{number}"));
        let _ = std::fs::remove_dir_all(&folder);
        let log = Embedded::open(&folder).expect("a log");
        log.create_topic(ORDERS.name(), 1).expect("a new topic");
        log.send(&ORDERS, "ada", 1_500).expect("sent");
        log.send(&ORDERS, "bob", 500).expect("sent");
        drop(log);

        let place = folder.to_str().expect("a plain name");
        let arguments: Vec<_> = command.into_iter().chain(["--embedded", place]).collect();
        // It owns the log, so nobody can see how far it is before it ends. On a busy machine that takes more than one run.
        let mut printed = String::new();
        for _ in 0..20 {
            run_for_a_moment(&arguments);
            let (code, text, errors) = output(&["tail", "large-orders", "--embedded", place]);
            assert_eq!(code, Some(0), "{errors}");
            printed = text;
            if !printed.is_empty() {
                break;
            }
        }
        assert!(printed.ends_with("\tada\t1500\n") && printed.lines().count() == 1, "{printed}");
        let _ = std::fs::remove_dir_all(&folder);
    }
}

/// Starts it, and tells it to end half a second after it says that it has started.
fn run_for_a_moment(arguments: &[&str]) {
    let mut child = program(arguments).spawn().expect("it starts");
    let mut line = String::new();
    let errors = child.stderr.as_mut().expect("a pipe");
    BufReader::new(errors).read_line(&mut line).expect("a line");
    assert!(line.starts_with("millstream: orders starts: exactly-once on an embedded log in "), "{line}");
    std::thread::sleep(Duration::from_millis(500));
    assert!(Command::new("kill").arg(child.id().to_string()).status().expect("kill").success());
    let (code, _, errors) = told(&child.wait_with_output().expect("an end"));
    assert_eq!(code, Some(0), "{errors}");
}

fn settings_of_the_program_are_below_all_others() {
    for (arguments, expected) in [
        (&["config"] as &[&str], "num.stream.threads = 2 (code)\n"),
        (&["config", "-X", "num.stream.threads=3"], "num.stream.threads = 3 (command line)\n"),
    ] {
        let (code, printed, errors) = output(arguments);
        assert_eq!(code, Some(0), "{errors}");
        assert!(printed.contains(expected), "{printed}");
    }
}

/// Regression: `dlq` knew only the topic that was configured.
fn what_the_program_says_in_code_counts_for_all_commands() {
    let (code, printed, errors) = output(&["config"]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(printed.contains("errors.dead.letter.queue.topic.name = dead-orders (code)\n"), "{printed}");
    assert!(printed.contains("processing.guarantee = exactly_once_v2 (code)\n"), "{printed}");

    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("dead-orders");
    let _ = std::fs::remove_dir_all(&folder);
    let log = Embedded::open(&folder).expect("a log");
    log.send(&Topic::<(), String>::new("dead-orders"), (), "from nowhere").expect("sent");
    drop(log);
    let (code, printed, errors) = output(&["dlq", "list", "--embedded", folder.to_str().expect("a plain name")]);
    assert_eq!(code, Some(0), "{errors}");
    assert!(printed.contains("0@0") && printed.contains("unknown"), "{printed}");
    let _ = std::fs::remove_dir_all(&folder);
}

fn where_to_run_must_be_said() {
    for arguments in [&[] as &[&str], &["run"], &["lag"]] {
        let (code, printed, errors) = output(arguments);
        assert_eq!((code, printed.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(errors.starts_with("orders: where are the topics? Say "), "{errors}");
    }
}

fn help_and_mistakes_name_the_program() {
    let (code, printed, _) = output(&["--help"]);
    assert_eq!(code, Some(0));
    assert!(printed.contains("Usage: orders") && printed.contains("  tail "), "{printed}");
    let (code, _, errors) = output(&["tial", "orders"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("'tail'") && errors.contains("Usage: orders"), "{errors}");
}
