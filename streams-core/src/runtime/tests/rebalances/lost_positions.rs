//! Tests of positions that no longer exist, in applications that have set `auto.offset.reset`.

use crate::log::{Doorbell, Log as _};
use crate::record::{Offset, Timestamp, TopicPartition};
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
    let all = [OffsetReset::Earliest, OffsetReset::At(Offset(1)), OffsetReset::Since(Timestamp(0))];
    for (reset, expected) in all.map(|reset| (reset, 6)).into_iter().chain([(OffsetReset::Latest, 5)]) {
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
        let expected = (1..=expected + i64::from(reset != OffsetReset::Latest) * 2).collect::<Vec<_>>();
        assert_eq!(scene.counts(), expected, "{reset:?}");
    }
}

/// The group's committed position in the only partition of a topic.
fn committed(scene: &Scene, topic: &str) -> Option<i64> {
    let admin = scene.log.admin(Doorbell::new()).expect("an admin");
    let committed = admin.committed("app", vec![TopicPartition::new(topic, 0)]).wait();
    let Some(Ok(committed)) = committed else { panic!("no answer: {committed:?}") };
    committed.first().and_then(Option::as_ref).map(|committed| committed.offset.0)
}

/// The commit that proves membership repeats the last committed positions. If another one overtook it, or it another
/// one, positions would go back.
#[test]
fn the_proof_of_membership_and_a_commit_wait_for_each_other() {
    const REPARTITION: &str = "app-words-repartition";
    let start = || {
        let scene = Scene::new();
        let settings = Scene::settings("m", Guarantee::AtLeastOnce);
        let reset = OffsetReset::Earliest;
        let (mut instance, faults) = scene.start(Settings { offset_reset: reset, out_of_range: reset, ..settings });
        instance.step_until(|instance| instance.running_tasks() == 2);
        scene.send(2);
        instance.settle();
        (scene, instance, faults)
    };
    let lose_the_position = |scene: &Scene| {
        scene.send(2);
        delete_before(scene, 3);
    };

    // The proof is not answered, and a commit falls due.
    let (scene, mut instance, faults) = start();
    lose_the_position(&scene);
    let before = committed(&scene, REPARTITION);
    faults.begin_for_ever(FaultKind::CommitsLate);
    scene.pass(&mut instance, 31);
    assert_eq!(committed(&scene, REPARTITION), before, "the commit waits");
    faults.end_all();
    scene.pass(&mut instance, 31);
    assert_eq!((committed(&scene, "lines"), committed(&scene, REPARTITION)), (Some(4), Some(3)));
    assert_eq!(scene.counts(), [1, 2, 3]);

    // The commit is not answered, and a position is lost.
    let (scene, mut instance, faults) = start();
    faults.begin_for_ever(FaultKind::CommitsLate);
    scene.pass(&mut instance, 31);
    assert_eq!(committed(&scene, "lines"), Some(2));
    lose_the_position(&scene);
    scene.pass(&mut instance, 2);
    assert_eq!(committed(&scene, "lines"), Some(2), "the proof waits");
    faults.end_all();
    scene.pass(&mut instance, 31);
    assert_eq!(committed(&scene, "lines"), Some(4));
    assert_eq!(scene.counts(), [1, 2, 3]);
}
