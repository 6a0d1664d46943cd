//! Sinks whose topics are chosen record by record, on a log that creates no topics, as Kafka does.

use std::time::Duration;

use super::by_hand::{Instance, log};
use super::wrapped_log::{Wrap, WrappedLog};
use crate::clock::ManualClock;
use crate::dsl::{Partitions, StreamsBuilder};
use crate::log::Embedded;
use crate::runtime::{App, AppState, Guarantee};
use crate::topic::Topic;
use crate::topology::Topology;

const ORDERS: Topic<String, String> = Topic::new("orders");
const ALL: Topic<String, String> = Topic::new("all-orders");
const NORTH: Topic<String, String> = Topic::new("north");
const SOUTH: Topic<String, String> = Topic::new("south");

/// A log whose topics its operators create.
struct Operated;

impl Wrap for Operated {
    fn creates_output_topics(&self) -> Option<bool> {
        Some(false)
    }
}

/// Sends each order to the topic of its region, behind the copy that everybody gets.
fn by_region() -> Topology {
    let builder = StreamsBuilder::new();
    let orders = builder.stream(ORDERS);
    _ = orders.to(ALL);
    let chosen = orders.to_with(|_, region, _| Topic::<String, String>::named(region.as_str()));
    _ = chosen.named("by-region").partitioned_by(|order, _, to| match order.as_str() {
        "nowhere" => Partitions::none(),
        "too-far" => Partitions::One(i64::from(to.partitions)),
        _ => Partitions::All,
    });
    builder.build().expect("a topology")
}

fn world(topics: &[(&str, u32)]) -> (Embedded, ManualClock) {
    let (log, clock) = log();
    for (topic, partitions) in topics {
        log.create_topic(topic, *partitions).expect("a topic");
    }
    (log, clock)
}

fn instance(guarantee: Guarantee, (log, clock): (&Embedded, &ManualClock)) -> Instance {
    let app = App::new("app", by_region()).commit_interval(Duration::from_millis(100));
    let app = if guarantee == Guarantee::ExactlyOnce { app.exactly_once() } else { app.at_least_once() };
    Instance::start(app, WrappedLog { log: log.clone(), wrap: Operated }, clock)
}

/// Lets seconds pass, or fewer if the instance ends.
fn pass(instance: &mut Instance, clock: &ManualClock, seconds: u64) {
    for _ in 0..seconds * 10 {
        clock.advance(Duration::from_millis(100));
        instance.step_control();
        for _ in 0..5 {
            instance.step_worker();
        }
    }
}

fn keys(log: &Embedded, topic: &Topic<String, String>) -> Vec<String> {
    log.read(topic).expect("readable").into_iter().map(|record| record.key).collect()
}

#[test]
fn a_topic_is_looked_up_and_every_record_gets_there_in_order() {
    for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
        let (log, clock) = world(&[("orders", 1), ("all-orders", 1), ("north", 2), ("south", 1)]);
        for (order, region) in [("1", "south"), ("2", "north"), ("3", "south"), ("nowhere", "north"), ("4", "north")] {
            log.send(&ORDERS, order, region).expect("sent");
        }
        let mut instance = instance(guarantee, (&log, &clock));
        pass(&mut instance, &clock, 2);
        assert_eq!((instance.state(), instance.error()), (AppState::Running, None));
        assert_eq!(keys(&log, &ALL), ["1", "2", "3", "nowhere", "4"], "{guarantee:?}");
        assert_eq!(keys(&log, &SOUTH), ["1", "3"], "{guarantee:?}");
        assert_eq!(keys(&log, &NORTH), ["2", "4", "2", "4"], "{guarantee:?}: both partitions");
        let summary = instance.status.totals.summary(Duration::ZERO);
        let dropped: Vec<_> = summary.dropped.into_iter().collect();
        assert_eq!(dropped, [("no-partition", 1)], "{guarantee:?}");
    }
}

#[test]
fn a_topic_that_is_created_a_moment_later_is_waited_for() {
    let (log, clock) = world(&[("orders", 1), ("all-orders", 1)]);
    log.send(&ORDERS, "1", "south").expect("sent");
    let mut instance = instance(Guarantee::AtLeastOnce, (&log, &clock));
    pass(&mut instance, &clock, 3);
    log.send(&ORDERS, "2", "south").expect("sent");
    log.create_topic("south", 1).expect("a topic");
    pass(&mut instance, &clock, 3);
    assert_eq!((instance.state(), instance.error()), (AppState::Running, None));
    assert_eq!(keys(&log, &SOUTH), ["1", "2"]);
}

#[test]
fn a_topic_that_does_not_exist_ends_the_application_with_its_name_and_the_record() {
    for (order, region, what) in [
        ("1", "south", "by-region: topic `south` does not exist; create it, or choose another"),
        ("too-far", "north", "by-region: its partitioner chose partition 2 of topic north, which has 2, from 0 on"),
    ] {
        for guarantee in [Guarantee::AtLeastOnce, Guarantee::ExactlyOnce] {
            let (log, clock) = world(&[("orders", 1), ("all-orders", 1), ("north", 2)]);
            log.send(&ORDERS, order, region).expect("sent");
            let mut instance = instance(guarantee, (&log, &clock));
            pass(&mut instance, &clock, 10);
            let error = instance.error().map(|error| error.to_string()).unwrap_or_default();
            let expected = format!("{what}; task 0_0 made the record of offset 0 of orders-0");
            assert!(error.contains(&expected), "{guarantee:?}: {error}");
            assert_eq!(instance.state(), AppState::Error, "{guarantee:?}");
        }
    }
}
