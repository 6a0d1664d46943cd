//! Tests in which positions cannot be committed but everything else works.

use super::LINES;
use super::by_hand::Instance;
use super::faulty_log::FaultKind;
use super::said::said;
use super::scene::Scene;
use crate::runtime::{Guarantee, Settings};

/// Regression: processing continued without limit, so the work to repeat after a crash kept growing, without any
/// message.
#[test]
fn work_that_cannot_be_committed_stops_at_the_budget_and_goes_on_by_itself() {
    let said = said(stops_at_the_budget_and_goes_on);
    assert_eq!(said.matches("`statestore.uncommitted.max.bytes` is reached").count(), 1, "told once: {said}");
}

fn stops_at_the_budget_and_goes_on() {
    let scene = Scene::new();
    let settings = Settings { uncommitted_bytes: 10_000, ..Scene::settings("m", Guarantee::AtLeastOnce) };
    let (mut instance, faults) = scene.start(settings);
    instance.step_until(|instance| instance.running_tasks() == 2);
    faults.begin_for_ever(FaultKind::CommitsAway);
    let many = 20_000;
    for number in 0..many {
        scene.log.send(&LINES, (), format!("word-{number}")).expect("sent");
    }
    scene.pass(&mut instance, 10);
    assert_eq!(instance.error(), None);
    let uncommitted = |instance: &Instance| -> usize {
        let running = instance.worker.iter().flat_map(|worker| worker.slots().running());
        running.map(|task| task.state.borrow().uncommitted_bytes()).sum()
    };
    let waiting = uncommitted(&instance);
    // One round may exceed the budget.
    assert!((10_000..400_000).contains(&waiting), "{waiting} bytes wait for a commit");
    let stopped_at = scene.counts().len();
    scene.pass(&mut instance, 10);
    assert_eq!((uncommitted(&instance), scene.counts().len()), (waiting, stopped_at));
    faults.end_all();
    scene.pass(&mut instance, 60);
    assert_eq!(scene.counts(), vec![1; many]);
    assert!(uncommitted(&instance) < waiting);
}
