//! Whoever has nothing to say, or is gone, holds nobody up for ever.

use std::time::Duration;

use super::replays::{Event, GUARANTEES, Replay, minute, settings};
use crate::runtime::Guarantee;
use crate::runtime::tests::by_hand::Instance;

/// Half as many records as in the other replays.
fn out_of_step() -> Vec<Event> {
    minute(&[(0, 20), (1, 40), (2, 100), (3, 200)])
}

fn assert_complete(replay: &Replay, instances: &[Instance], what: &str) {
    assert_eq!(replay.late(instances), 0, "{what}");
    assert_eq!(replay.counted(), replay.expected(), "{what}");
}

#[test]
fn partitions_without_records_are_not_waited_for() {
    for (guarantee, names) in GUARANTEES.into_iter().flat_map(|guarantee| [1, 3].map(|count| (guarantee, count))) {
        for partitions in [vec![(1, 40)], vec![(0, 20), (2, 100)], vec![]] {
            let events = minute(&partitions);
            let mut replay = Replay::of(&events, settings(guarantee, 1, true));
            let mut instances = replay.instances(names);
            for _ in 0..100 {
                replay.step(&mut instances);
            }
            replay.run(&mut instances);
            assert_complete(&replay, &instances, &format!("{guarantee:?}, {names} instances, {partitions:?}"));
            // Long after that, others have something, too.
            for (partition, time) in [(3, 90_000), (0, 100_000)] {
                replay.send(&[Event::new(partition, "later", time)]);
                replay.run(&mut instances);
            }
            let counted = replay.counted();
            let later = [90_000, 100_000].map(|start| counted.get(&("later".to_owned(), start)).copied());
            assert_eq!(later, [Some(1), Some(1)], "{guarantee:?}, {names} instances, {partitions:?}");
        }
    }
}

/// Two tasks before a gap of an hour must not wait for each other.
#[test]
fn a_gap_in_the_input_is_no_reason_to_wait() {
    for guarantee in GUARANTEES {
        let mut events = minute(&[(0, 100), (1, 200), (2, 300), (3, 500)]);
        let later = events.iter().map(|event| Event { time: event.time + 3_600_000, ..event.clone() });
        events.extend(later.collect::<Vec<_>>());
        events.sort_by_key(|event| event.time);
        let replay = Replay::of(&events, settings(guarantee, 1, true));
        let mut instances = replay.instances(3);
        replay.run(&mut instances);
        assert_complete(&replay, &instances, &format!("{guarantee:?}"));
    }
}

#[test]
fn a_task_that_moves_in_the_middle_loses_nothing() {
    for guarantee in GUARANTEES {
        let replay = Replay::of(&out_of_step(), settings(guarantee, 1, true));
        let mut instances = replay.instances(1);
        (0..12).for_each(|_| replay.step(&mut instances));
        let before: i64 = replay.counted().values().sum();
        instances.push(replay.instance("two"));
        (0..30).for_each(|_| replay.step(&mut instances));
        assert!(instances.iter().all(|instance| instance.running_tasks() > 0), "tasks have moved");
        assert!(before < replay.all(), "{before} of {} were counted before", replay.all());
        replay.stop(&mut instances, 0);
        replay.run(&mut instances);
        assert_eq!(replay.counted(), replay.expected(), "{guarantee:?}");
    }
}

#[test]
fn a_restart_in_the_middle_loses_nothing() {
    for workers in [1, 2] {
        let settings = settings(Guarantee::ExactlyOnce, workers, true);
        let replay = Replay::of(&out_of_step(), settings);
        let mut instances = replay.instances(1);
        let mut counted = Vec::new();
        for _ in 0..4 {
            (0..12).for_each(|_| replay.step(&mut instances));
            counted.push(replay.counted().values().sum::<i64>());
            // Killed. The group notices after its session.
            replay.clock.advance(Duration::from_secs(60));
            instances = replay.instances(1);
        }
        assert!(counted[0] < replay.all(), "{counted:?} of {} are counted in the middle", replay.all());
        replay.run(&mut instances);
        assert_complete(&replay, &instances, &format!("{workers} workers"));
    }
}

/// The others wait for its tasks until somebody else has them, but not for ever.
#[test]
fn an_instance_that_dies_in_the_middle_is_waited_for_until_others_have_its_tasks() {
    let replay = Replay::of(&out_of_step(), settings(Guarantee::ExactlyOnce, 1, true));
    let mut instances = replay.instances(3);
    let counted = || replay.counted().values().sum::<i64>();
    while counted() < 500 {
        replay.step(&mut instances);
    }
    assert!(counted() < replay.all(), "{} of {} were counted before", counted(), replay.all());
    drop(instances.remove(1));
    replay.run(&mut instances);
    assert_complete(&replay, &instances, "one of three");
}

/// A paused application says so. Without its tasks, the others go on.
#[test]
fn a_paused_application_is_not_waited_for() {
    for guarantee in GUARANTEES {
        let mut replay = Replay::of(&[], settings(guarantee, 1, true));
        let mut instances = replay.instances(3);
        (0..200).for_each(|_| replay.step(&mut instances));
        instances[1].status.paused.store(true, std::sync::atomic::Ordering::Relaxed);
        replay.send(&minute(&[(0, 100), (1, 100), (2, 100), (3, 100)]));
        for _ in 0..400 {
            replay.step(&mut instances);
        }
        let counted: i64 = replay.counted().values().sum();
        assert!(counted > 0, "{guarantee:?}: everybody waits for the instance that is paused");
        instances[1].status.paused.store(false, std::sync::atomic::Ordering::Relaxed);
        replay.run(&mut instances);
    }
}

/// Buffers of a few records, so that whoever waits holds the others up before it has too many in memory.
#[test]
fn who_has_too_many_records_that_wait_lets_others_catch_up() {
    for guarantee in GUARANTEES {
        let mut settings = settings(guarantee, 1, true);
        (settings.buffered_records, settings.records_per_round) = (5, 10);
        let replay = Replay::of(&out_of_step(), settings);
        let mut instances = replay.instances(3);
        replay.run(&mut instances);
        assert_complete(&replay, &instances, &format!("{guarantee:?}"));
    }
}
