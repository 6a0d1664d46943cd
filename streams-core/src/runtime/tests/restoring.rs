//! Tests of restoring state while its changelog changes.

use super::faulty_log::FaultKind;
use super::scene::{Scene, hand_over, stop};
use crate::log::{Doorbell, Log as _};
use crate::record::{Offset, TopicPartition};
use crate::runtime::{Guarantee, OnChangelogLoss, Settings};

/// Settings for a member that goes on with what is left of its changelogs.
fn rebuilding(name: &str) -> Settings {
    let on_changelog_loss = OnChangelogLoss::Rebuild;
    Settings { on_changelog_loss, ..Scene::settings(name, Guarantee::AtLeastOnce) }
}

/// An application has counted four records and has ended.
fn with_four_counts() -> Scene {
    let scene = Scene::new();
    let (mut founder, _) = scene.start(Scene::settings("f", Guarantee::AtLeastOnce));
    founder.step_until(|instance| instance.running_tasks() == 2);
    scene.send(4);
    founder.settle();
    stop(&mut founder);
    scene
}

/// Deletes the changelog's records but the last, which alone holds the final count.
fn delete_head(scene: &Scene) {
    let admin = scene.log.admin(Doorbell::new()).expect("an admin");
    let changelog = TopicPartition::new("app-count-store-changelog", 0);
    assert_eq!(admin.delete_records(vec![(changelog, Offset(3))]).wait(), Some(Ok(())));
}

/// Regression: the changelog's first records were deleted between the lookup of its start and the first fetch. The
/// application ended with "changelog app-count-store-changelog-0 no longer holds offset 0; restart the application".
#[test]
fn a_changelog_that_loses_its_head_while_it_is_asked_for_is_read_from_its_new_one() {
    let scene = with_four_counts();
    let (mut instance, faults) = scene.start(rebuilding("m"));
    instance.step_until(|instance| instance.worker.is_some());
    faults.begin_for_ever(FaultKind::AdminLate);
    instance.settle();
    assert_eq!(instance.running_tasks(), 0);
    delete_head(&scene);
    faults.end_all();
    instance.step_until(|instance| instance.error().is_some() || instance.running_tasks() == 2);
    assert_eq!(instance.error(), None);
    scene.send(1);
    scene.pass(&mut instance, 31);
    assert_eq!(scene.counts(), [1, 2, 3, 4, 5]);
}

/// The same for a task that was given up meanwhile: opening it again does not make it this member's again.
#[test]
fn a_task_that_was_given_up_stays_so_when_its_changelog_is_read_anew() {
    let scene = with_four_counts();
    let (mut former, faults) = scene.start(rebuilding("m"));
    former.step_until(|instance| instance.control.is_assigned());
    faults.begin_for_ever(FaultKind::AdminLate);
    former.settle();
    assert_eq!(former.running_tasks(), 0);
    let (mut owner, _) = scene.start(rebuilding("a"));
    hand_over(&mut former, &mut owner);
    delete_head(&scene);
    faults.end_all();
    for _ in 0..1_000 {
        former.step_worker();
    }
    assert_eq!(former.running_tasks(), 0);
    scene.send(1);
    owner.settle();
    (0..1_000).for_each(|_| _ = former.step_worker());
    assert_eq!(scene.counts(), [1, 2, 3, 4, 5]);
}

#[test]
fn the_time_that_restoring_takes_is_counted_and_nothing_else() {
    let scene = with_four_counts();
    let (mut instance, faults) = scene.start(rebuilding("m"));
    faults.begin_for_ever(FaultKind::FetchNothing);
    instance.settle();
    scene.pass(&mut instance, 10);
    assert_eq!(instance.running_tasks(), 1, "the one without a store");
    faults.end_all();
    instance.step_until(|instance| instance.running_tasks() == 2);
    scene.pass(&mut instance, 10);
    let tasks = instance.status.metrics.snapshot();
    let took: Vec<_> = tasks.values().map(|task| (task.restored, task.restoring.as_secs())).collect();
    assert_eq!(took, [(0, 0), (4, 10)]);
}
