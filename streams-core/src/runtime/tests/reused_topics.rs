//! Tests of tables whose changelog is the topic that they read: they are restored as far as that has been processed, and
//! what follows is not seen before its time.

use std::collections::BTreeMap;
use std::task::Poll;
use std::time::Duration;

use super::COUNTS;
use super::by_hand::Instance;
use super::scene::{Scene, hand_over, stop};
use crate::dsl::StreamsBuilder;
use crate::log::{Doorbell, Log as _, OutgoingRecord, ProducerOptions};
use crate::record::{Headers, Partition, Timestamp, TopicPartition};
use crate::runtime::{App, Guarantee, Settings};
use crate::state::StatePlace as _;
use crate::testing::KeptState;
use crate::topic::Topic;
use crate::topology::{Optimizations, Topology};

const ROWS: Topic<String, String> = Topic::new("rows");
const ASKED: Topic<String, String> = Topic::new("asked");
const ANSWERS: Topic<String, String> = Topic::new("answers");

/// How many records a worker processes in a round, so that a commit may be in the middle of a batch.
const ROUND: usize = 3;

/// Each record of `asked` gets the row of its key. Keys are counted by their row.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let rows = builder.table(ROWS);
    builder.stream(ASKED).join(rows, |asked, row| format!("{asked} {row}")).to(ANSWERS);
    rows.group_by(|key, row| (row.clone(), key.clone())).count().to_stream().to(COUNTS);
    builder.build_with(Optimizations::NONE.reuse_source_topics()).expect("a topology")
}

fn scene() -> Scene {
    let scene = Scene::new();
    for topic in ["rows", "asked"] {
        scene.log.create_topic(topic, 1).expect("a topic");
    }
    scene
}

fn start(scene: &Scene, name: &str, guarantee: Guarantee, state: &KeptState) -> Instance {
    let settings = Settings { records_per_round: ROUND, ..Scene::settings(name, guarantee) };
    scene.start_app(App::new("app", topology()).settings(settings).state_in(state.clone())).0
}

/// State of a process with that number. The least number gets the tasks.
fn state_of(number: u8) -> KeptState {
    let state = KeptState::default();
    state.note("app", "process-id", &format!("00000000-0000-4000-8000-00000000000{number}"));
    state
}

/// Writes rows of the same key as one batch. The row `v3` is of second 3.
fn send_rows(scene: &Scene, numbers: std::ops::Range<i64>) {
    let mut producer = scene.log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    let topic = producer.topic("rows");
    for number in numbers {
        let (value, timestamp) = (format!("v{number}"), Timestamp(number * 1_000));
        let (key, value) = (Some("k".as_bytes()), Some(value.as_bytes()));
        let record = OutgoingRecord { key, value, timestamp, headers: &Headers::new() };
        producer.send(topic, Partition(0), record).expect("sent");
    }
    assert_eq!(producer.flush(), Poll::Ready(Ok(())));
}

/// The group's committed position in the topic of rows.
fn committed(scene: &Scene) -> i64 {
    let admin = scene.log.admin(Doorbell::new()).expect("an admin");
    let committed = admin.committed("app", vec![TopicPartition::new("rows", 0)]).wait();
    let Some(Ok(committed)) = committed else { panic!("no answer: {committed:?}") };
    committed.first().and_then(Option::as_ref).map_or(0, |committed| committed.offset.0)
}

/// Steps until some rows are committed, but not all of those that are there.
fn commit_some(scene: &Scene, instance: &mut Instance) -> i64 {
    let before = committed(scene);
    for _ in 0..100 {
        scene.clock.advance(Duration::from_secs(31));
        instance.step_control();
        instance.step_worker();
        if committed(scene) > before {
            return committed(scene);
        }
    }
    panic!("nothing is committed");
}

/// Asks for the row as of just after the last committed one, when all of `rows` are there. So the question is processed
/// before the rows that follow, and what those do to a restored table shows.
fn is_restored_to(scene: &Scene, instance: &mut Instance, committed: i64, rows: i64, guarantee: Guarantee) {
    let asked = Timestamp((committed - 1) * 1_000 + 500);
    scene.log.send_at(&ASKED, "k", format!("{committed}:"), asked).expect("sent");
    instance.step_until(|instance| instance.running_tasks() == 2);
    scene.pass(instance, 62);
    let answers: Vec<_> = scene.log.read(&ANSWERS).expect("readable").into_iter().map(|record| record.value).collect();
    assert_eq!(answers.last(), Some(&format!("{committed}: v{}", committed - 1)), "{guarantee:?}");
    // At-least-once may count again what was sent and not committed.
    if guarantee == Guarantee::ExactlyOnce {
        let counts = scene.log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value));
        let counts: BTreeMap<_, _> = counts.collect();
        let expected = (0..rows).map(|number| (format!("v{number}"), i64::from(number == rows - 1)));
        assert_eq!(counts, expected.collect());
    }
}

#[test]
fn a_table_is_restored_to_the_committed_position_in_the_middle_of_a_batch() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        for keeps_state in [false, true] {
            let (scene, state) = (scene(), KeptState::default());
            let mut first = start(&scene, "m", guarantee, &state);
            first.step_until(|instance| instance.running_tasks() == 2);
            send_rows(&scene, 0..8);
            let position = commit_some(&scene, &mut first);
            assert!((1..8).contains(&position), "{position}");
            drop(first);
            scene.clock.advance(Duration::from_secs(60));
            let state = if keeps_state { state } else { KeptState::default() };
            let mut second = start(&scene, "n", guarantee, &state);
            is_restored_to(&scene, &mut second, position, 8, guarantee);
            assert_eq!(committed(&scene), 8, "{guarantee:?}");
        }
    }
}

/// A member that had the task before follows the topic from where it was to where the task's last owner has committed.
#[test]
fn a_table_that_has_moved_is_restored_to_where_its_last_owner_has_committed() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let scene = scene();
        let mut first = start(&scene, "m", guarantee, &state_of(2));
        first.step_until(|instance| instance.running_tasks() == 2);
        send_rows(&scene, 0..2);
        scene.pass(&mut first, 31);
        assert_eq!(committed(&scene), 2);
        let mut second = start(&scene, "a", guarantee, &state_of(1));
        hand_over(&mut first, &mut second);
        send_rows(&scene, 2..10);
        let position = commit_some(&scene, &mut second);
        assert!((3..10).contains(&position), "{position}");
        drop(second);
        scene.clock.advance(Duration::from_secs(60));
        is_restored_to(&scene, &mut first, position, 10, guarantee);
        stop(&mut first);
    }
}
