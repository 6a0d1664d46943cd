//! Topics that get more partitions while an application is running.

use std::time::{Duration, Instant};

use streams_core::log::Embedded;
use streams_core::runtime::{App, AppError, AppState, Guarantee, Running, Settings};
use streams_core::topic::Topic;
use streams_core::topology::Topology;

use crate::world::{COUNTS, LINES, log_with_lines, send_lines, topics, topology, word_count};

const OUT: Topic<String, String> = Topic::new("out");
const SITES: Topic<String, String> = Topic::new("sites");

/// Waits until `done`, for as long as the slowest machine may need.
fn wait_until(running: &Running, what: &str, done: impl Fn() -> bool) {
    let patience = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < patience, "{what}: {:?}, {:?}", running.state(), running.tasks());
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn started(topology: Topology, log: &Embedded, guarantee: Guarantee) -> Running {
    let commit_interval = Some(Duration::from_millis(50));
    let settings = Settings { guarantee: Some(guarantee), commit_interval, ..Settings::default() };
    App::new("app", topology).settings(settings).start(log.clone()).unwrap()
}

fn values(log: &Embedded) -> Vec<String> {
    let mut values: Vec<_> = log.read(&OUT).unwrap_or_default().into_iter().map(|record| record.value).collect();
    values.sort();
    values
}

/// Regression: the group assigned the new partitions, and nobody read them, although the application was RUNNING.
#[test]
fn new_partitions_are_read_where_nothing_depends_on_their_number() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let log = log_with_lines(1, &["a", "b"]);
        let running = started(topology(|builder| _ = builder.stream(LINES).to(OUT)), &log, guarantee);
        wait_until(&running, "the first ones", || values(&log) == ["a", "b"]);
        log.add_partitions("lines", 4).unwrap();
        send_lines(&log, &["c", "d", "e", "f", "g", "h"]);
        wait_until(&running, "all", || values(&log).len() >= 8);
        assert_eq!(values(&log), ["a", "b", "c", "d", "e", "f", "g", "h"], "{guarantee:?}");
        wait_until(&running, "it is over", || running.state() == AppState::Running);
        assert_eq!(running.assignment().len(), 4);
        running.close().unwrap();
    }
}

/// Regression: it ended with the message that somebody had deleted a changelog, or went on and left the new ones unread.
#[test]
fn new_partitions_end_what_depends_on_their_number_and_both_numbers_are_told() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let log = log_with_lines(1, &["a", "b"]);
        let running = started(word_count(), &log, guarantee);
        wait_until(&running, "the first ones", || log.read(&COUNTS).is_ok_and(|counts| counts.len() == 2));
        let before = topics(&log);
        log.add_partitions("lines", 2).unwrap();
        wait_until(&running, "the end", || running.state().is_final());
        let error = running.wait().unwrap_err();
        let AppError::InputsGrown { inputs, internal } = &error else { panic!("{error}") };
        assert_eq!(inputs, "`lines` has 2 partitions now, not 1");
        assert_eq!(internal, "`app-by-word-repartition` has 1, `app-word-counts-changelog` has 1");
        for part in ["reset the application", "`.repartition()`"] {
            assert!(error.to_string().contains(part), "{part}: {error}");
        }
        assert_eq!(topics(&log), before, "nothing was created");
    }
}

#[test]
fn a_join_ends_when_only_one_of_its_topics_grows() {
    let log = log_with_lines(2, &["a", "b"]);
    log.create_topic("sites", 2).unwrap();
    let joined = topology(|builder| {
        let sites = builder.table(SITES);
        builder.stream(LINES).join(sites, |line, _| line).to(OUT);
    });
    let running = started(joined, &log, Guarantee::ExactlyOnce);
    wait_until(&running, "it runs", || running.state() == AppState::Running);
    log.add_partitions("sites", 3).unwrap();
    wait_until(&running, "the end", || running.state().is_final());
    let message = running.wait().unwrap_err().to_string();
    for part in ["lines (2)", "sites (3)", "must have the same number of partitions"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}
