//! What the setting demands, and what it leaves as it is.

use std::time::Duration;

use super::replays::{BOUND, COUNTS, EVENTS, Replay, counting, late, minute, settings};
use crate::record::Timestamp;
use crate::runtime::tests::by_hand::{Instance, log};
use crate::runtime::{App, Guarantee, Settings};
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

/// Nothing is skipped or processed twice, in whatever order senders' records were processed before.
#[test]
fn it_can_be_turned_on_and_off_between_two_runs() {
    for is_aligned in [true, false] {
        let small = Settings { records_per_round: 20, ..settings(Guarantee::ExactlyOnce, 1, true) };
        let of = |is_aligned: bool| Settings { event_time_alignment: is_aligned.then_some(BOUND), ..small.clone() };
        let mut replay = Replay::of(&minute(&[(0, 20), (1, 40), (2, 100), (3, 200)]), of(is_aligned));
        let mut instances = replay.instances(1);
        while replay.counted().values().sum::<i64>() < 100 {
            replay.step(&mut instances);
        }
        let first = std::sync::Arc::clone(&instances[0].status);
        replay.stop(&mut instances, 0);
        let counted: i64 = replay.counted().values().sum();
        assert!(counted < replay.all(), "{counted} were counted before");
        replay.settings = of(!is_aligned);
        instances.push(replay.instance("one"));
        replay.run(&mut instances);
        let counted: i64 = replay.counted().values().sum();
        let late = late(first.metrics.snapshot().values()) + replay.late(&instances);
        assert_eq!(counted + late.cast_signed(), replay.all(), "aligned first: {is_aligned}; {late} are late");
    }
}
