//! Tests of state whose changelog gets no new records.

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

/// A clock whose wall-clock time can be set without affecting monotonic time.
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

/// Starts an instance with persistent state, which counts two records and is killed later. In between, `meanwhile`
/// gets the instance and the offset of its wall clock. Returns how many records are restored when it starts again
/// soon after.
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

/// Lets time pass while the instance keeps running.
fn live_on(scene: &Scene, instance: &mut Instance, time: Duration) {
    for _ in 0..time.as_secs() / 20 {
        scene.clock.advance(Duration::from_secs(20));
        instance.step_control();
        instance.step_worker();
    }
}

/// Regression: the age was recorded only with writes, so an idle task lost its state in every crash.
#[test]
fn state_is_as_young_as_its_following() {
    assert_eq!(restored_after(|scene, instance, _| live_on(scene, instance, 13 * HOUR)), 0);
}

/// The state of a running task is up to date, whatever the clock says.
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
        // The instance is removed from the group and opens its tasks again.
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
