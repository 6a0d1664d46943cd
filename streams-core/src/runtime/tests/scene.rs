//! A small setting for instances that are stepped by hand: one input topic whose words are counted.

use std::time::Duration;

use super::by_hand::{Instance, log};
use super::faulty_log::{Faults, faulty_log};
use super::{COUNTS, LINES, word_count};
use crate::clock::ManualClock;
use crate::log::Embedded;
use crate::runtime::{App, AppState, Guarantee, Settings};

/// One topic with one partition. The tasks, one per sub-topology, go to the member with the first name.
pub(super) struct Scene {
    pub(super) log: Embedded,
    pub(super) clock: ManualClock,
}

impl Scene {
    pub(super) fn new() -> Self {
        let (log, clock) = log();
        log.create_topic("lines", 1).expect("a topic");
        Self { log, clock }
    }

    /// Settings for a member with that name, without a cache.
    pub(super) fn settings(name: &str, guarantee: Guarantee) -> Settings {
        Settings { client_id: Some(name.to_owned()), guarantee: Some(guarantee), cache_bytes: 0, ..Settings::default() }
    }

    pub(super) fn start(&self, settings: Settings) -> (Instance, Faults) {
        self.start_app(App::new("app", word_count()).settings(settings))
    }

    pub(super) fn start_app(&self, app: App) -> (Instance, Faults) {
        let faults = Faults::new(&self.clock);
        let log = faulty_log(&self.log, &faults);
        (Instance::start(app, log, &self.clock), faults)
    }

    /// Sends the same word `times` times.
    pub(super) fn send(&self, times: usize) {
        for _ in 0..times {
            self.log.send(&LINES, (), "to").expect("sent");
        }
    }

    pub(super) fn counts(&self) -> Vec<i64> {
        self.log.read(&COUNTS).expect("readable").into_iter().map(|record| record.value).collect()
    }

    /// Lets time pass while the instance keeps running.
    pub(super) fn pass(&self, instance: &mut Instance, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.clock.advance(Duration::from_millis(250));
            for _ in 0..10 {
                instance.step_control();
                instance.step_worker();
            }
        }
    }
}

pub(super) fn stop(instance: &mut Instance) {
    instance.status.stop.store(true, std::sync::atomic::Ordering::SeqCst);
    instance.step_until(|instance| instance.state().is_final());
    assert_eq!(instance.error(), None);
}

/// `from` gives up its tasks and hears nothing after that; `to` takes over.
pub(super) fn hand_over(from: &mut Instance, to: &mut Instance) {
    for _ in 0..1_000 {
        if !to.control.is_assigned() {
            from.step_control();
            from.step_worker();
        }
        to.step_control();
        to.step_worker();
        if to.running_tasks() == 2 && to.state() == AppState::Running {
            return;
        }
    }
    panic!("it is not handed over: {:?}, {:?}", from.state(), to.state());
}
