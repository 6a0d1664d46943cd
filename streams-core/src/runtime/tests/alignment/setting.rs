//! What the setting demands, and what it leaves as it is.

use std::time::Duration;

use super::replays::{BOUND, COUNTS, EVENTS, counting};
use crate::record::Timestamp;
use crate::runtime::App;
use crate::runtime::tests::by_hand::{Instance, log};
use crate::testing::TestDriver;
use crate::topic::Topic;

/// A repartition topic as it is written.
const WORDS: Topic<Option<String>, Option<String>> =
    Topic::new("test-KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition");

fn driver(bound: Option<Duration>) -> TestDriver {
    let setup = TestDriver::configure(counting()).partitions(2);
    let setup = setup.with(move |app| match bound {
        Some(bound) => app.align_event_time(bound),
        None => app,
    });
    setup.start()
}

#[test]
fn records_of_repartition_topics_are_kafka_streams_own_unless_they_are_aligned() {
    let mut driver = driver(None);
    driver.pipe_at(&EVENTS, 1, "to", Timestamp(5));
    let words = driver.read_records(&WORDS);
    let words: Vec<_> = words.iter().map(|word| (word.key.as_deref(), word.headers.len())).collect();
    assert_eq!(words, [(Some("to"), 0)]);
}

#[test]
fn aligned_records_say_who_sent_them_and_nobody_downstream_sees_that() {
    let mut driver = driver(Some(BOUND));
    driver.pipe_at(&EVENTS, 1, "to", Timestamp(5));
    let words = driver.read_records(&WORDS);
    assert!(words.len() > 1, "and how far the tasks are");
    assert!(words.iter().all(|word| word.headers.len() == 1), "{words:?}");
    let counts = driver.read_records(&COUNTS);
    assert_eq!(counts.iter().map(|count| (count.value, count.headers.len())).collect::<Vec<_>>(), [(1, 0)]);
}

#[test]
fn more_tasks_than_can_be_kept_track_of_are_refused() {
    let (log, clock) = log();
    log.create_topic("events", 151).expect("a topic");
    let mut instance = Instance::start(App::new("app", counting()).align_event_time(BOUND), log, &clock);
    instance.step_until(|instance| instance.error().is_some());
    let error = instance.error().expect("an error").to_string();
    let expected = "151 tasks send to app-KSTREAM-AGGREGATE-STATE-STORE-0000000002-repartition, and no more than 150 can \
                    be aligned";
    assert!(error.contains("event.time.alignment") && error.contains(expected), "{error}");
}
