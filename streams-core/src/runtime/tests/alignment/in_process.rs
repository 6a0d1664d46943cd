//! The tasks of a process advance together, whatever the workers they are on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::dsl::StreamsBuilder;
use crate::record::Timestamp;
use crate::runtime::tests::by_hand::{Instance, log};
use crate::runtime::{App, Settings};
use crate::testing::TestDriver;
use crate::topic::Topic;
use crate::topology::Topology;

const EVENTS: Topic<i32, i64> = Topic::new("events");

/// The order in which records are processed: their times.
type Order = Arc<Mutex<Vec<i64>>>;

fn noting(order: &Order) -> Topology {
    let builder = StreamsBuilder::new();
    let order = Arc::clone(order);
    builder.stream(EVENTS).for_each(move |_, time| order.lock().expect("no panic").push(*time));
    builder.build().expect("a topology")
}

/// Four partitions of the same twenty seconds, whose records are 10 to 100 ms apart. Keys are tried out until they are in
/// the right partition.
fn backlog() -> Vec<(i32, i64)> {
    let key_in = |partition: i32| {
        let is_there = |key: &i32| crate::wire::murmur2::partition_of(&key.to_be_bytes(), 4).0 == partition;
        (0..1_000).find(is_there).expect("some key is there")
    };
    let records = |(partition, apart): (i32, usize)| {
        let key = key_in(partition);
        (0..20_000).step_by(apart).map(move |time| (key, time))
    };
    [(0, 10), (1, 20), (2, 50), (3, 100)].into_iter().flat_map(records).collect()
}

/// How far a record was ahead of the oldest one that was not processed yet.
fn ahead(order: &[i64]) -> i64 {
    let mut oldest_after = i64::MAX;
    let mut ahead = 0;
    for time in order.iter().rev() {
        ahead = ahead.max(time - oldest_after.min(*time));
        oldest_after = oldest_after.min(*time);
    }
    ahead
}

fn replay(workers: usize, bound: Option<Duration>) -> Vec<i64> {
    let (log, clock) = log();
    log.create_topic("events", 4).expect("a topic");
    let backlog = backlog();
    for (key, time) in &backlog {
        log.send_at(&EVENTS, *key, *time, Timestamp(*time)).expect("sent");
    }
    let order = Order::default();
    let settings = Settings { workers, event_time_alignment: bound, ..Settings::default() };
    let mut instance = Instance::start(App::new("app", noting(&order)).settings(settings), log, &clock);
    let all = || order.lock().expect("no panic").len() == backlog.len();
    instance.step_until(|_| all());
    drop(instance);
    Arc::try_unwrap(order).expect("nobody else has it").into_inner().expect("no panic")
}

#[test]
fn no_task_goes_ahead_of_the_others_by_more_than_the_bound() {
    for workers in [1, 2, 4] {
        for bound in [0, 100, 3_000] {
            let ahead = ahead(&replay(workers, Some(Duration::from_millis(bound))));
            assert!(ahead <= bound.cast_signed(), "{ahead} ms ahead with {workers} workers and a bound of {bound} ms");
        }
        let ahead = ahead(&replay(workers, None));
        assert!(ahead > 5_000, "{ahead} ms ahead with {workers} workers and no bound");
    }
}

/// A task at the end of its input, or one without any records, holds nobody up.
#[test]
fn who_has_nothing_to_do_holds_nobody_up() {
    let order = Order::default();
    let setup = TestDriver::configure(noting(&order)).partitions(4);
    let mut driver = setup.with(|app| app.workers(2).align_event_time(Duration::ZERO)).start();
    for time in [5, 1_000, 3, 2_000_000] {
        driver.pipe_at(&EVENTS, 1, time, Timestamp(time));
    }
    assert_eq!(*order.lock().expect("no panic"), [5, 1_000, 3, 2_000_000]);
}
