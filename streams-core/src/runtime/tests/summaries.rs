//! What a batch job says it has done.

use std::time::Duration;

use crate::dsl::StreamsBuilder;
use crate::log::Embedded;
use crate::record::Timestamp;
use crate::runtime::{App, ErrorSettings, Guarantee, OnError, Settings};
use crate::testing::TestDriver;
use crate::topic::Topic;
use crate::topology::Topology;
use crate::windows::{Tumbling, Windowed};

const HOUR: Duration = Duration::from_secs(60 * 60);
const VIEWS: Topic<Option<String>, i64> = Topic::new("views");
const TEXTS: Topic<Option<String>, String> = Topic::new("views");
const OUT: Topic<Windowed<String>, i64> = Topic::new("out").windows_of(HOUR);

/// Counts by the number's last digit, through a repartition topic.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let hours = Tumbling::of(HOUR).no_grace();
    let views = builder.stream(VIEWS);
    views.group_by(|_, view| (view % 10).to_string()).windowed_by(hours).count().to_stream().to(OUT);
    builder.build().expect("a topology")
}

/// A hundred views, of which some are late, and two texts.
fn log() -> Embedded {
    let log = Embedded::in_memory();
    log.create_topic("views", 3).expect("a topic");
    for view in 0..100 {
        let hour = if view < 60 { 100 } else { 0 };
        log.send_at(&VIEWS, Some(format!("{view}")), view, Timestamp(hour * 60 * 60 * 1_000)).expect("sent");
    }
    for text in ["nine", "four"] {
        log.send_at(&TEXTS, None, text, Timestamp(0)).expect("sent");
    }
    log
}

fn app(topology: Topology, guarantee: Guarantee) -> App {
    let guarantee = Some(guarantee);
    let errors = ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() };
    App::new("job", topology).settings(Settings { workers: 2, guarantee, errors, ..Settings::default() }).quiet()
}

const GUARANTEES: [Guarantee; 2] = [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce];

#[test]
fn a_batch_job_says_what_came_in_went_out_and_was_dropped() {
    for guarantee in GUARANTEES {
        let log = log();
        let app = || app(topology(), guarantee).cache_bytes(0);
        let summary = app().run_until_idle(log.clone()).expect("no error");
        let out = log.read(&OUT).expect("readable").len() as u64;
        assert_eq!((summary.records_in, summary.records_out), (102, out), "{guarantee:?}");
        assert_eq!(summary.dropped, [("late", 100 - out), ("undecodable", 2)].into(), "{guarantee:?}");
        assert!(out >= 60, "the views of the last hour are never late: {out}");
        let again = app().run_until_idle(log.clone()).expect("no error");
        assert_eq!((again.records_in, again.records_out, again.dropped_total()), (0, 0, 0), "there was no more to do");
    }
}

#[test]
fn only_what_was_committed_counts_and_work_that_was_undone_counts_once() {
    let setup = TestDriver::configure(topology()).caching(0).with(|app| app.exactly_once());
    let mut driver = setup.start();
    let done = |driver: &TestDriver| {
        let summary = driver.summary();
        (summary.records_in, summary.records_out, summary.dropped_total())
    };
    let hour = |hour: i64| Timestamp(hour * 60 * 60 * 1_000);
    driver.pipe_at(&VIEWS, Some("a".to_owned()), 1, hour(100));
    assert_eq!(done(&driver), (0, 0, 0), "nothing is committed");
    driver.commit();
    assert_eq!(done(&driver), (1, 1, 0));
    driver.pipe_at(&VIEWS, Some("a".to_owned()), 1, hour(0));
    driver.pipe_at(&VIEWS, Some("a".to_owned()), 1, hour(100));
    // The transaction times out, so the tasks are opened again and the records are processed again.
    driver.advance_wall_clock(Duration::from_secs(11));
    driver.commit();
    assert_eq!(done(&driver), (3, 2, 1));
    assert_eq!(driver.tasks().values().map(|task| task.processed).max(), Some(5), "they were processed again");
}
