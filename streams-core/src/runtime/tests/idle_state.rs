//! State that follows a changelog in which nothing happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use super::by_hand::Instance;
use super::scene::Scene;
use super::word_count;
use crate::clock::{Clock, ManualClock};
use crate::record::Timestamp;
use crate::runtime::{App, AppState, Guarantee};
use crate::testing::KeptState;

/// A clock that people can set: monotonic time does not notice.
struct SetClock {
    inner: ManualClock,
    by_ms: Arc<AtomicI64>,
}

impl Clock for SetClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.inner.now().0 + self.by_ms.load(Ordering::SeqCst))
    }

    fn monotonic(&self) -> Duration {
        self.inner.monotonic()
    }
}

const HOUR: Duration = Duration::from_secs(60 * 60);

/// An instance that keeps its state, after it has counted twice and dies later. `meanwhile` gets it in between, with
/// what its wall clock is ahead. How many records are restored when it starts again soon after its death?
fn restored_after(meanwhile: impl FnOnce(&Scene, &mut Instance, &AtomicI64)) -> u64 {
    let scene = Scene::new();
    let (state, by_ms) = (KeptState::default(), Arc::new(AtomicI64::new(0)));
    let start = || {
        let clock = Arc::new(SetClock { inner: scene.clock.clone(), by_ms: Arc::clone(&by_ms) });
        let app = App::new("app", word_count()).settings(Scene::settings("m", Guarantee::ExactlyOnce));
        let app = app.state_in(state.clone());
        let mut instance = Instance::start_with(app, scene.log.clone(), clock);
        instance.step_until(|instance| instance.running_tasks() == 2 && instance.state() == AppState::Running);
        instance
    };
    let mut instance = start();
    scene.send(2);
    scene.pass(&mut instance, 2);
    meanwhile(&scene, &mut instance, &by_ms);
    drop(instance);
    scene.clock.advance(Duration::from_secs(60));
    let mut again = start();
    again.worker.as_mut().expect("a worker").publish_now();
    again.status.metrics.snapshot().values().map(|task| task.restored).sum()
}

/// Lives on for that long.
fn live_on(scene: &Scene, instance: &mut Instance, time: Duration) {
    for _ in 0..time.as_secs() / 20 {
        scene.clock.advance(Duration::from_secs(20));
        instance.step_control();
        instance.step_worker();
    }
}

/// Its age was noted only when something was written: an idle task lost its state in each crash.
#[test]
fn state_is_as_young_as_its_following() {
    assert_eq!(restored_after(|scene, instance, _| live_on(scene, instance, 13 * HOUR)), 0);
}

/// It is the state of those who run that is up to date, whatever the clock says.
#[test]
fn a_clock_that_is_set_makes_no_state_old() {
    let by_hours = |hours: i64| hours * 60 * 60 * 1_000;
    let set = |scene: &Scene, instance: &mut Instance, by_ms: &AtomicI64| {
        by_ms.store(by_hours(13), Ordering::SeqCst);
        live_on(scene, instance, Duration::from_secs(300));
    };
    assert_eq!(restored_after(set), 0);
    let lost_meanwhile = |scene: &Scene, instance: &mut Instance, by_ms: &AtomicI64| {
        by_ms.store(by_hours(13), Ordering::SeqCst);
        // It is put out of the group, and opens its tasks anew.
        scene.clock.advance(Duration::from_secs(60));
        let restored = |instance: &mut Instance| {
            instance.worker.as_mut().expect("a worker").publish_now();
            instance.status.metrics.snapshot().values().map(|task| task.restored).sum::<u64>()
        };
        scene.pass(instance, 2);
        instance.step_until(|instance| instance.running_tasks() == 2);
        assert_eq!(restored(instance), 0);
        live_on(scene, instance, Duration::from_secs(300));
    };
    assert_eq!(restored_after(lost_meanwhile), 0);
}
