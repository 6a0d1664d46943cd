//! Tests of positions that no longer exist, in applications that have set `auto.offset.reset`.

use crate::log::{Doorbell, Log as _};
use crate::record::{Offset, TopicPartition};
use crate::runtime::tests::faulty_log::FaultKind;
use crate::runtime::tests::scene::{Scene, hand_over, stop};
use crate::runtime::{Guarantee, OffsetReset, Settings};

fn settings(name: &str, reset: OffsetReset) -> Settings {
    let settings = Scene::settings(name, Guarantee::ExactlyOnce);
    Settings { offset_reset: reset, out_of_range: reset, ..settings }
}

/// Deletes the first records of the input.
fn delete_before(scene: &Scene, offset: i64) {
    let admin = scene.log.admin(Doorbell::new()).expect("an admin");
    let deleted = admin.delete_records(vec![(TopicPartition::new("lines", 0), Offset(offset))]).wait();
    assert_eq!(deleted, Some(Ok(())));
}

/// Regression: the task was lost, came back at the right position, and was then moved by the answer to the old
/// request. `earliest` repeated records, `latest` lost some.
#[test]
fn the_answer_to_who_lost_the_task_moves_nobody() {
    for (reset, fault) in [(OffsetReset::Earliest, FaultKind::AdminLate), (OffsetReset::Latest, FaultKind::AdminSlow)] {
        let scene = Scene::new();
        let (mut first, faults) = scene.start(settings("m", reset));
        first.step_until(|instance| instance.running_tasks() == 2);
        scene.send(2);
        scene.pass(&mut first, 2);
        scene.send(2);
        delete_before(&scene, 3);
        faults.begin_for_ever(fault);
        first.settle();
        assert_eq!(scene.counts(), [1, 2], "{reset:?}: it waits for the answer");
        let (mut second, _) = scene.start(settings("a", reset));
        hand_over(&mut first, &mut second);
        // What is left of the first four records is processed or skipped.
        second.settle();
        scene.send(3);
        scene.pass(&mut second, 2);
        let so_far = scene.counts();
        stop(&mut second);
        // The task comes back, and the old answer arrives with the next records.
        faults.forget(fault);
        first.step_until(|instance| instance.running_tasks() == 2);
        scene.send(2);
        faults.end_all();
        scene.pass(&mut first, 2);
        let expected = (1..=so_far.len() as i64 + 2).collect::<Vec<_>>();
        assert_eq!(scene.counts(), expected, "{reset:?}, after {so_far:?}");
    }
}

/// Regression: fetched records that were waiting to be processed were dropped when the position after them turned out
/// to be gone.
#[test]
fn records_that_are_fetched_are_processed_before_a_lost_position_is_given_up() {
    for (reset, expected) in [(OffsetReset::Earliest, 6), (OffsetReset::Latest, 5)] {
        let scene = Scene::new();
        let (mut instance, _) = scene.start(settings("m", reset));
        instance.step_until(|instance| instance.running_tasks() == 2);
        instance.status.paused.store(true, std::sync::atomic::Ordering::SeqCst);
        scene.send(3);
        instance.settle();
        scene.send(4);
        delete_before(&scene, 5);
        instance.settle();
        scene.send(1);
        instance.status.paused.store(false, std::sync::atomic::Ordering::SeqCst);
        // The reset applies after the lost position: all remaining records are read, or none.
        scene.pass(&mut instance, 2);
        scene.send(2);
        scene.pass(&mut instance, 2);
        assert_eq!(instance.error(), None, "{reset:?}");
        let expected = (1..=expected + i64::from(reset == OffsetReset::Earliest) * 2).collect::<Vec<_>>();
        assert_eq!(scene.counts(), expected, "{reset:?}");
    }
}
