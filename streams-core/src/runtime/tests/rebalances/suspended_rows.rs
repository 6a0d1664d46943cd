//! Tests that cached rows of suspended tasks leave room for the others.

use std::collections::BTreeSet;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::dsl::StreamsBuilder;
use crate::record::{Partition, TaskId};
use crate::runtime::control::ControlTurn;
use crate::runtime::tests::by_hand::{self, Instance};
use crate::runtime::worker::{Command, Worker};
use crate::runtime::{App, AppState, Guarantee, Settings};
use crate::topic::Topic;
use crate::topology::Topology;
use crate::wire::Value as _;
use crate::wire::murmur2::partition_of;

const KEYS: Topic<i64, i64> = Topic::new("keys");
const COUNTS: Topic<i64, i64> = Topic::new("counts");
const CHANGELOG: Topic<i64, i64> = Topic::new("app-counted-changelog");
const COUNTED: crate::state::KeyValueStore<i64, i64> = crate::state::KeyValueStore::new("counted");

/// What a count by number takes in the cache.
const ROW_BYTES: usize = 88;

fn counting() -> Topology {
    let builder = StreamsBuilder::new();
    builder.stream(KEYS).group_by_key().count().stored_as(COUNTED).to_stream().to(COUNTS);
    builder.build().expect("a topology")
}

/// The first keys of a partition.
fn keys_of(partition: i32, count: usize) -> Vec<i64> {
    let is_there = |key: &i64| {
        let mut bytes = Vec::new();
        key.encode(&mut bytes).expect("a number");
        partition_of(&bytes, 2) == Partition(partition)
    };
    (0..).filter(is_there).take(count).collect()
}

/// Forwards the control's commands, and remembers the last assignment.
struct Post {
    from_control: Receiver<Command>,
    to_worker: Sender<Command>,
}

impl Post {
    fn deliver(&self) -> Option<Command> {
        let mut last = None;
        for command in self.from_control.try_iter() {
            if let Command::Assign { tasks, metadata, epoch } = &command {
                let (tasks, metadata, epoch) = (tasks.clone(), metadata.clone(), *epoch);
                last = Some(Command::Assign { tasks, metadata, epoch });
            }
            self.to_worker.send(command).expect("a worker");
        }
        last
    }
}

fn start(cached_rows: usize, log: &crate::log::Embedded, clock: &crate::clock::ManualClock) -> (Instance, Post) {
    let settings = Settings {
        client_id: Some("m".to_owned()),
        guarantee: Some(Guarantee::AtLeastOnce),
        cache_bytes: cached_rows * ROW_BYTES,
        ..Settings::default()
    };
    let mut instance = Instance::start(App::new("app", counting()).settings(settings), log.clone(), clock);
    let mut seed = loop {
        if let ControlTurn::Spawn(seeds) = instance.control.step() {
            break seeds.into_iter().next().expect("one worker");
        }
    };
    let (to_worker, commands) = channel();
    let from_control = std::mem::replace(&mut seed.commands, commands);
    instance.worker = Some(Worker::new(seed).expect("a worker"));
    (instance, Post { from_control, to_worker })
}

/// Regression: nothing dropped the rows of suspended tasks, so the tasks that remained had no cache any more.
#[test]
fn rows_of_suspended_tasks_make_room_for_those_in_use() {
    let (log, clock) = by_hand::log();
    log.create_topic("keys", 2).expect("a topic");
    let (mut instance, post) = start(400, &log, &clock);
    let mut assigned = None;
    let mut settle = |instance: &mut Instance| {
        for _ in 0..200 {
            instance.step_control();
            assigned = post.deliver().or(assigned.take());
            instance.step_worker();
        }
    };
    settle(&mut instance);
    assert_eq!((instance.running_tasks(), instance.state()), (2, AppState::Running));

    let (idle, busy) = (keys_of(1, 390), keys_of(0, 200));
    let send = |keys: &[i64]| keys.iter().for_each(|key| _ = log.send(&KEYS, *key, 0).expect("sent"));
    send(&idle);
    settle(&mut instance);
    clock.advance(Duration::from_secs(31));
    settle(&mut instance);
    let logged = || log.read(&CHANGELOG).expect("readable").len();
    assert_eq!(logged(), 390, "committed");

    let Some(Command::Assign { tasks, metadata, epoch }) = assigned.take() else { panic!("it was assigned") };
    let revoked = BTreeSet::from([TaskId { subtopology: 0, partition: Partition(1) }]);
    post.to_worker.send(Command::Revoke { tasks: revoked, metadata: metadata.clone(), epoch }).expect("a worker");
    let settle = |instance: &mut Instance| {
        for _ in 0..200 {
            instance.step_control();
            instance.step_worker();
        }
    };
    settle(&mut instance);
    assert_eq!(instance.running_tasks(), 1);
    for _ in 0..5 {
        send(&busy);
        settle(&mut instance);
    }
    clock.advance(Duration::from_secs(31));
    settle(&mut instance);
    let written = logged() - 390;
    assert!((200..=220).contains(&written), "{written} records for 200 rows that fit into the cache");

    post.to_worker.send(Command::Assign { tasks, metadata, epoch }).expect("a worker");
    send(&idle);
    settle(&mut instance);
    assert_eq!(instance.running_tasks(), 2);
    clock.advance(Duration::from_secs(31));
    settle(&mut instance);
    let counts = log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value));
    let counts: std::collections::BTreeMap<_, _> = counts.collect();
    let expected = idle.iter().map(|key| (*key, 2)).chain(busy.iter().map(|key| (*key, 5)));
    assert_eq!(counts, expected.collect());
}
