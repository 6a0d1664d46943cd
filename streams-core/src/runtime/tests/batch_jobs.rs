//! Tests of when a batch job commits: rarely while there are records, and as soon as there are none.

use std::time::Duration;

use super::by_hand::{Instance, log};
use crate::clock::ManualClock;
use crate::dsl::StreamsBuilder;
use crate::log::Embedded;
use crate::operators::PunctuationTime;
use crate::operators::process::{Forward, Processor, PunctuationId, Schedule};
use crate::operators::processor_stores::Refs;
use crate::record::{Record, Timestamp};
use crate::runtime::{App, Settings};
use crate::topic::Topic;
use crate::topology::Topology;

const WORDS: Topic<String, String> = Topic::new("words");
const COUNTS: Topic<String, i64> = Topic::new("counts");
const LEFT: Topic<String, String> = Topic::new("left");
const RIGHT: Topic<String, String> = Topic::new("right");
const JOINED: Topic<String, String> = Topic::new("joined");

/// Counts words. A record takes 30 ms.
fn slow_counts(clock: &ManualClock) -> Topology {
    let (builder, clock) = (StreamsBuilder::new(), clock.clone());
    let slow = builder.stream(WORDS).map_values(move |word| {
        clock.advance(Duration::from_millis(30));
        word
    });
    slow.group_by_key().count().to_stream().to(COUNTS);
    builder.build().expect("a topology")
}

/// Regression: a batch job committed every 100 ms, so it wrote and sent nearly every change of a cached row. Under
/// exactly-once it did so again, once that was the default.
#[test]
fn a_batch_job_commits_when_it_has_caught_up() {
    let second = Duration::from_secs(1);
    let rows = [
        ("at-least-once", App::at_least_once as fn(App) -> App, None, 1),
        ("at-least-once", App::at_least_once, Some(second), 3),
        ("exactly-once", App::exactly_once, None, 3),
        ("exactly-once", App::exactly_once, Some(second * 5), 1),
        ("what the log chooses", |app| app, None, 3),
    ];
    for (what, guarantee, interval, commits) in rows {
        let (log, clock) = log();
        log.create_topic("words", 1).expect("a topic");
        let app = guarantee(App::new("batch", slow_counts(&clock))).committing_when_idle();
        let app = interval.into_iter().fold(app, App::commit_interval);
        let mut instance = Instance::start(app, log.clone(), &clock);
        instance.step_until(|instance| instance.running_tasks() == 1);
        (0..100).for_each(|_| _ = log.send(&WORDS, "a", "word").expect("sent"));
        instance.settle();
        clock.advance(Duration::from_millis(100));
        instance.settle();
        let counts = log.read(&COUNTS).expect("readable").into_iter().map(|record| record.value).collect::<Vec<_>>();
        assert_eq!((counts.len(), counts.last()), (commits, Some(&100)), "{what}, {interval:?}: {counts:?}");
    }
}

/// Runs a batch job over left records at 0, 10, .. 40 and right ones at 5, 15, .. 45, all with one key. A task waits up to
/// a second for the records of an input that is empty.
fn joined(topology: Topology, configure: impl FnOnce(App) -> App) -> Vec<String> {
    let (log, clock) = log();
    for topic in ["left", "right", "joined"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    for number in 0..5 {
        log.send_at(&LEFT, "k", format!("l{number}"), Timestamp(number * 10)).expect("sent");
        log.send_at(&RIGHT, "k", format!("r{number}"), Timestamp(number * 10 + 5)).expect("sent");
    }
    let settings = Settings { task_idle: Some(Duration::from_secs(1)), ..Settings::default() };
    let app = configure(App::new("app", topology).settings(settings)).committing_when_idle();
    run_for(&mut Instance::start(app, log.clone(), &clock), &clock, Duration::from_secs(3));
    log.read(&JOINED).expect("readable").into_iter().map(|record| record.value).collect()
}

/// Steps an instance while time passes in steps of 25 ms.
fn run_for(instance: &mut Instance, clock: &ManualClock, time: Duration) {
    const STEP: Duration = Duration::from_millis(25);
    for _ in 0..time.as_millis() / STEP.as_millis() {
        for _ in 0..20 {
            instance.step_control();
            instance.step_worker();
        }
        clock.advance(STEP);
    }
}

/// What a task waits for may be what this very job holds back: in a cache, or in its open transaction.
#[test]
fn records_that_wait_for_other_inputs_do_not_put_off_a_commit() {
    let builder = StreamsBuilder::new();
    let table = builder.table(RIGHT);
    let counts = builder.stream(LEFT).group_by_key().count().to_stream();
    let rekeyed = counts.map(|key: String, count: Option<i64>| (key, count.unwrap_or(0).to_string()));
    rekeyed.left_join(table, |count, row: Option<String>| format!("{count} {row:?}")).to(JOINED);
    assert_eq!(joined(builder.build().expect("a topology"), App::at_least_once), [r#"5 Some("r3")"#]);

    let builder = StreamsBuilder::new();
    let table = builder.table(RIGHT);
    let rekeyed = builder.stream(LEFT).map(|key: String, value: String| (key, value));
    rekeyed.left_join(table, |value, row: Option<String>| format!("{value} {}", row.unwrap_or_default())).to(JOINED);
    let configure = |app: App| app.exactly_once().commit_interval(Duration::from_secs(5));
    let expected = ["l0 ", "l1 r0", "l2 r1", "l3 r2", "l4 r3"];
    assert_eq!(joined(builder.build().expect("a topology"), configure), expected);
}

/// Takes longer for each punctuation than lies between two of them.
struct Busy(ManualClock);

impl Processor<String, String, String, String> for Busy {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_millis(10), PunctuationTime::WallClock);
    }

    fn process(&mut self, (): Refs<'_, ()>, record: Record<String, String>, out: &mut Forward<'_, String, String>) {
        out.send(record.key, record.value);
    }

    fn punctuate(&mut self, _: PunctuationId, _: Timestamp, (): Refs<'_, ()>, _: &mut Forward<'_, String, String>) {
        self.0.advance(Duration::from_millis(12));
    }
}

#[test]
fn punctuators_do_not_put_off_a_commit() {
    let (log, clock) = log();
    log.create_topic("words", 1).expect("a topic");
    let (builder, busy) = (StreamsBuilder::new(), clock.clone());
    builder.stream(WORDS).process_with((), move || Busy(busy.clone())).to(Topic::<String, String>::new("copies"));
    let app = App::new("app", builder.build().expect("a topology")).at_least_once().committing_when_idle();
    let mut instance = Instance::start(app, log.clone(), &clock);
    instance.step_until(|instance| instance.running_tasks() == 1);
    log.send(&WORDS, "a", "word").expect("sent");
    run_for(&mut instance, &clock, Duration::from_secs(1));
    assert_eq!(committed(&log, "app", "words"), Some(1));
}

fn committed(log: &Embedded, group: &str, topic: &str) -> Option<i64> {
    use crate::log::{Doorbell, Log as _};
    use crate::record::TopicPartition;

    let admin = log.admin(Doorbell::new()).expect("an admin");
    let committed = admin.committed(group, vec![TopicPartition::new(topic, 0)]).wait();
    let Some(Ok(committed)) = committed else { panic!("no answer: {committed:?}") };
    committed.first().and_then(Option::as_ref).map(|committed| committed.offset.0)
}
