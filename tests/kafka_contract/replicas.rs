//! What applications say about topics that only one broker has.

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::said;
use streams_core::log::{Doorbell, LogError};
use streams_core::runtime::{App, AppState};
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

use crate::bench::{count, topic, wait_for};

/// Runs it twice, under one guarantee after the other, and returns what it says about replicas each time.
fn told(kafka: &Kafka, from: &str, to: &str) -> [Vec<String>; 2] {
    let (id, bell) = (unique_prefix(), Doorbell::new());
    let app = || App::new(id.as_str(), count(from, to));
    [app().exactly_once(), app().at_least_once()].map(|app| {
        let before = said::lines_with(&[&id, "replica"]).len();
        let running = app.start(kafka.clone()).expect("it starts");
        wait_for("it to run", &bell, || (running.state() == AppState::Running).then_some(()));
        running.close().expect("no error");
        said::lines_with(&[&id, "replica"]).split_off(before)
    })
}

/// A lone broker is what people try first, so this is one sentence, and the application runs.
#[test]
fn topics_that_one_broker_has_are_told_once_under_exactly_once() -> Result<(), LogError> {
    said::listen();
    let kafka = Kafka::at(bootstrap_servers());
    let [from, to] = [topic(&kafka, 1)?, topic(&kafka, 1)?];
    let [exactly_once, at_least_once] = told(&kafka, &from, &to);
    assert_eq!(at_least_once, [] as [String; 0]);
    let [line] = &exactly_once[..] else { panic!("{exactly_once:?}") };
    for part in ["WARN millstream: ", &from, &to, "by-line-repartition", "changelog", "`replication.factor=3`"] {
        assert!(line.contains(part), "{part} in {line}");
    }
    Ok(())
}
