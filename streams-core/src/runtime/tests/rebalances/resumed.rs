//! Tests that a task that comes back continues only if nobody can have owned it in between.

use std::time::Duration;

use crate::runtime::tests::faulty_log::FaultKind;
use crate::runtime::tests::scene::{Scene, hand_over, stop};
use crate::runtime::{AppState, Guarantee};

/// Regression: a member gave up its tasks, missed the generation in which another one had them, and continued from
/// its old positions when they came back.
#[test]
fn a_suspended_task_is_opened_again_when_another_member_had_it() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let scene = Scene::new();
        let (mut first, _) = scene.start(Scene::settings("m", guarantee));
        first.step_until(|instance| instance.running_tasks() == 2);
        scene.send(6);
        scene.pass(&mut first, 31);
        assert_eq!(scene.counts(), [1, 2, 3, 4, 5, 6], "{guarantee:?}");
        let (mut second, _) = scene.start(Scene::settings("a", guarantee));
        hand_over(&mut first, &mut second);
        scene.send(3);
        scene.pass(&mut second, 2);
        stop(&mut second);
        first.step_until(|instance| instance.running_tasks() == 2 && instance.state() == AppState::Running);
        scene.send(4);
        scene.pass(&mut first, 31);
        assert_eq!(scene.counts(), (1..=13).collect::<Vec<_>>(), "{guarantee:?}");
    }
}

/// Regression: a member that had given up its tasks had nothing to lose, so it was not told that it was removed from
/// the group. As a new member it continued from the old one's state.
#[test]
fn a_suspended_task_is_opened_again_by_a_new_member() {
    let scene = Scene::new();
    let (mut first, _) = scene.start(Scene::settings("m", Guarantee::ExactlyOnce));
    first.step_until(|instance| instance.running_tasks() == 2);
    scene.send(1);
    scene.pass(&mut first, 2);
    let (mut second, _) = scene.start(Scene::settings("a", Guarantee::ExactlyOnce));
    hand_over(&mut first, &mut second);
    scene.send(3);
    scene.pass(&mut second, 60);
    assert_eq!(scene.counts(), [1, 2, 3, 4]);
    drop(second);
    scene.clock.advance(Duration::from_secs(60));
    first.step_until(|instance| instance.running_tasks() == 2 && instance.state() == AppState::Running);
    scene.send(1);
    scene.pass(&mut first, 2);
    assert_eq!(scene.counts(), [1, 2, 3, 4, 5]);
}

/// Positions that were read before another member had the task must not be used.
#[test]
fn a_task_that_was_being_opened_is_opened_again_when_another_member_had_it() {
    for fault in [FaultKind::PositionsLate, FaultKind::AdminLate] {
        let scene = Scene::new();
        // Another member creates the internal topics first.
        let (mut founder, _) = scene.start(Scene::settings("f", Guarantee::ExactlyOnce));
        founder.step_until(|instance| instance.running_tasks() == 2);
        stop(&mut founder);
        let (mut first, faults) = scene.start(Scene::settings("m", Guarantee::ExactlyOnce));
        first.step_until(|instance| instance.worker.is_some());
        faults.begin_for_ever(fault);
        first.settle();
        assert_eq!(first.running_tasks(), 0, "{fault:?}");
        let (mut second, _) = scene.start(Scene::settings("a", Guarantee::ExactlyOnce));
        hand_over(&mut first, &mut second);
        scene.send(5);
        scene.pass(&mut second, 2);
        assert_eq!(scene.counts(), [1, 2, 3, 4, 5], "{fault:?}");
        stop(&mut second);
        first.settle();
        faults.end_all();
        first.step_until(|instance| instance.running_tasks() == 2 && instance.state() == AppState::Running);
        scene.pass(&mut first, 2);
        assert_eq!(scene.counts(), [1, 2, 3, 4, 5], "{fault:?}");
    }
}
