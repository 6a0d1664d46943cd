//! Tests of what a commit writes.

use std::collections::BTreeMap;
use std::time::Duration;

use super::by_hand::{Instance, log};
use crate::dsl::StreamsBuilder;
use crate::record::Timestamp;
use crate::runtime::App;
use crate::state::{KeyValueStore, StoreIndex};
use crate::testing::KeptState;
use crate::topic::Topic;
use crate::topology::Topology;
use crate::windows::{Tumbling, Windowed};
use crate::wire::murmur2::partition_of;

const WORDS: Topic<String, String> = Topic::new("words");

fn windowed() -> Topology {
    let builder = StreamsBuilder::new();
    let window = Tumbling::of(Duration::from_secs(60)).no_grace();
    let _: crate::dsl::KTable<'_, Windowed<String>, _> =
        builder.stream(WORDS).group_by_key().windowed_by(window).count();
    builder.build().expect("a topology")
}

/// Regression: every commit of any task wrote every task's stream times and age.
#[test]
fn nothing_is_written_for_a_task_where_nothing_happened() {
    for exactly_once in [false, true] {
        let (log, clock) = log();
        log.create_topic("words", 2).expect("a topic");
        let folder = tempfile::tempdir().expect("a folder");
        let state = KeptState::default();
        let app = App::new("idle", windowed()).state_in(state.clone()).state_dir(folder.path());
        let app = if exactly_once { app.exactly_once() } else { app.at_least_once() };
        let mut instance = Instance::start(app, log.clone(), &clock);
        instance.step_until(|instance| instance.running_tasks() == 2);
        let keys = ["a", "b", "c", "d", "e", "f"];
        let key_of =
            |partition: i32| *keys.iter().find(|key| partition_of(key.as_bytes(), 2).0 == partition).expect("one");
        let mut time = 0;
        let mut written_after = |partitions: &[i32]| {
            let before = ["0_0", "0_1"].map(|task| state.writes(task));
            time += 1;
            for partition in partitions {
                log.send_at(&WORDS, key_of(*partition), "word", Timestamp(time)).expect("sent");
            }
            instance.settle();
            instance.worker.as_mut().expect("a worker").commit_now();
            instance.settle();
            let after = ["0_0", "0_1"].map(|task| state.writes(task));
            [after[0] > before[0], after[1] > before[1]]
        };
        let seen = [&[0, 1][..], &[0], &[1], &[], &[0, 1]].map(&mut written_after);
        assert_eq!(seen, [[true, true], [true, false], [false, true], [false, false], [true, true]], "{exactly_once}");
    }
}

const COUNTS: Topic<String, i64> = Topic::new("counts");

/// Counts words in a store without a changelog. Tests send five words at a time, so that a batch of rows is larger
/// than a batch of metadata.
fn unlogged_counts() -> Topology {
    let builder = StreamsBuilder::new();
    let store = KeyValueStore::new("counts");
    builder.stream(WORDS).group_by_key().count().stored_as(store).not_logged().to_stream().to(COUNTS);
    builder.build().expect("a topology")
}

/// Regression: state that had not reached the disk when its transaction was committed was missing from then on,
/// without any message.
#[test]
fn a_store_without_a_changelog_is_whole_or_empty_under_exactly_once() {
    let (log, clock) = log();
    log.create_topic("words", 1).expect("a topic");
    let folder = tempfile::tempdir().expect("a folder");
    let state = KeptState::default();
    let app = || App::new("unlogged", unlogged_counts()).exactly_once().cache_bytes(0);
    let start = || Instance::start(app().state_in(state.clone()).state_dir(folder.path()), log.clone(), &clock);
    let send = || {
        for key in ["a", "b", "c", "d", "e"] {
            log.send(&WORDS, key, "word").expect("sent");
        }
    };
    let counts = || {
        let last: BTreeMap<_, _> =
            log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value)).collect();
        let mut counts: Vec<i64> = last.into_values().collect();
        counts.dedup();
        counts
    };
    let commit = |instance: &mut Instance| {
        instance.settle();
        instance.worker.as_mut().expect("a worker").commit_now();
        instance.settle();
    };
    let is_running = |instance: &Instance| instance.running_tasks() == 1;

    // A crash between two commits leaves the store as of the last commit.
    let mut instance = start();
    instance.step_until(is_running);
    send();
    commit(&mut instance);
    send();
    instance.settle();
    drop(instance);
    clock.advance(Duration::from_secs(60));
    let mut instance = start();
    instance.step_until(is_running);
    commit(&mut instance);
    assert_eq!(counts(), [2]);

    // A crash between the end of a transaction and the writing of its state loses an interval.
    state.refuse_rows(Some("0_0"));
    send();
    commit(&mut instance);
    instance.step_until(|instance| instance.state().is_final());
    assert!(state.has_refused());
    assert_eq!(counts(), [3], "it is committed");
    drop(instance);
    state.refuse_rows(None);
    clock.advance(Duration::from_secs(60));
    let mut instance = start();
    instance.step_until(is_running);
    assert_eq!(state.rows("0_0", StoreIndex(1)), Ok(0));
    send();
    commit(&mut instance);
    assert_eq!(counts(), [1]);

    // From then on the store is complete again.
    drop(instance);
    clock.advance(Duration::from_secs(60));
    let mut instance = start();
    instance.step_until(is_running);
    send();
    commit(&mut instance);
    assert_eq!(counts(), [2]);
}
