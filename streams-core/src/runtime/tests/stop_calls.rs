//! Tests of instances that end with an error and call all others to stop.

use std::time::Duration;

use super::by_hand::{Instance, log};
use super::said::said;
use crate::clock::ManualClock;
use crate::config::OnError;
use crate::dsl::StreamsBuilder;
use crate::log::{Doorbell, Embedded, Log as _};
use crate::runtime::{App, AppError, AppState, Uncaught};
use crate::state::KeyValueStore;
use crate::testing::KeptState;
use crate::topic::Topic;
use crate::topology::Topology;

const PRICES: Topic<String, String> = Topic::new("prices");
const SUMS: Topic<String, i64> = Topic::new("sums");
const STORE: KeyValueStore<String, i64> = KeyValueStore::new("summed");
const PARTITIONS: u32 = 6;

fn sums() -> Topology {
    let builder = StreamsBuilder::new();
    let cents = builder.stream(PRICES).try_map_values(|price| price.parse::<i64>()).named("parse");
    cents.group_by_key().reduce(|sum, cents| sum + cents).stored_as(STORE).to_stream().to(SUMS);
    builder.build().expect("a topology")
}

fn app() -> App {
    App::new("shop", sums()).on_uncaught_error(|_| Uncaught::StopApplication)
}

struct Shop {
    log: Embedded,
    clock: ManualClock,
    /// What the processes keep; nothing if their state is in memory.
    states: Option<[KeptState; 3]>,
}

impl Shop {
    fn new(is_static: bool) -> Self {
        let (log, clock) = log();
        log.create_topic(PRICES.name(), PARTITIONS).expect("a topic");
        Self { log, clock, states: is_static.then(Default::default) }
    }

    fn start(&self, number: usize, app: App) -> Instance {
        let app = match &self.states {
            Some(states) => app.state_in(states[number].clone()),
            None => app,
        };
        Instance::start(app, self.log.clone(), &self.clock)
    }

    fn start_all(&self, app: impl Fn() -> App) -> Vec<Instance> {
        let mut instances: Vec<_> = (0..3).map(|number| self.start(number, app())).collect();
        self.pass(&mut instances, 5);
        assert!(instances.iter().all(|instance| instance.state() == AppState::Running), "{:?}", errors(&instances));
        assert!(instances.iter().all(|instance| instance.running_tasks() == 2));
        instances
    }

    /// Lets seconds pass for all of them.
    fn pass(&self, instances: &mut [Instance], seconds: u64) {
        for _ in 0..seconds * 4 {
            self.clock.advance(Duration::from_millis(250));
            for _ in 0..20 {
                for instance in instances.iter_mut() {
                    instance.step_control();
                    instance.step_worker();
                }
            }
        }
    }

    fn send(&self, price: &str) {
        for pen in ["red", "green", "blue", "black", "white", "pink", "grey"] {
            self.log.send(&PRICES, pen, price).expect("sent");
        }
    }

    fn sum(&self) -> i64 {
        let last = self.log.read(&SUMS).expect("readable").into_iter().map(|record| (record.key, record.value));
        last.collect::<std::collections::BTreeMap<_, _>>().values().sum()
    }

    fn members(&self) -> Vec<String> {
        let admin = self.log.admin(Doorbell::new()).expect("an admin");
        let members = admin.group_members("shop").wait().expect("an answer").expect("members");
        members.into_iter().map(|member| member.client_id).collect()
    }
}

fn errors(instances: &[Instance]) -> Vec<Option<AppError>> {
    instances.iter().map(Instance::error).collect()
}

/// Sends a record with which only its owner fails, and returns the number of that instance.
fn fail_one(shop: &Shop, instances: &mut [Instance]) -> usize {
    shop.log.send(&PRICES, "red", "cheap").expect("sent");
    shop.pass(instances, 9);
    let has_failed = |instance: &Instance| matches!(instance.error(), Some(AppError::Record { .. }));
    instances.iter().position(has_failed).expect("one has failed with the record")
}

#[test]
fn all_instances_stop_within_seconds_and_say_who_has_called_them_and_why() {
    for is_static in [false, true] {
        let shop = Shop::new(is_static);
        let mut instances = shop.start_all(app);
        shop.send("10");
        shop.pass(&mut instances, 1);
        let failed = fail_one(&shop, &mut instances);
        assert_eq!(shop.sum(), 70, "sound work was committed");
        for (number, instance) in instances.iter().enumerate() {
            assert_eq!(instance.state(), AppState::Error, "{number}");
            let error = instance.error().expect("an error").to_string();
            if number == failed {
                assert!(error.contains("parse") && !error.contains("stopped as a whole"), "{error}");
            } else {
                let (_, reason) = error.split_once("stopped as a whole by its member shop-").expect("a call");
                assert!(reason.contains("task 0_") && reason.contains(": parse: "), "{error}");
            }
        }
        assert_eq!(shop.members(), Vec::<String>::new(), "nobody stays in the group");
        drop(instances);
        let mut again = shop.start_all(|| app().on_processing_error(OnError::Skip));
        shop.send("1");
        shop.pass(&mut again, 2);
        assert_eq!((shop.sum(), errors(&again)), (77, vec![None, None, None]), "the user has started it again");
    }
}

/// The caller dies while its name is in the group, and the user starts the application again at once.
#[test]
fn a_call_that_is_left_over_stops_nobody_who_is_started_after_it() {
    for is_static in [false, true] {
        let shop = Shop::new(is_static);
        let mut instances = shop.start_all(app);
        shop.log.send(&PRICES, "red", "cheap").expect("sent");
        let is_call = |name: &String| name.contains(".stop.");
        for _ in 0..10_000 {
            for instance in &mut instances {
                instance.step_control();
                instance.step_worker();
            }
            shop.clock.advance(Duration::from_millis(1));
            if shop.members().iter().any(is_call) {
                break;
            }
        }
        assert!(shop.members().iter().any(is_call), "{:?}", errors(&instances));
        instances.iter_mut().for_each(|instance| instance.control.die());
        drop(instances);
        let mut again: Vec<_> =
            (0..3).map(|number| shop.start(number, app().on_processing_error(OnError::Skip))).collect();
        shop.send("1");
        shop.pass(&mut again, 5);
        assert!(shop.members().iter().any(is_call), "its session lasts 10 seconds");
        shop.pass(&mut again, 60);
        assert_eq!((shop.sum(), errors(&again)), (7, vec![None, None, None]), "static: {is_static}");
        assert!(again.iter().all(|instance| instance.state() == AppState::Running));
    }
}

#[test]
fn other_decisions_stop_nobody_else() {
    let shop = Shop::new(false);
    let mut instances = shop.start_all(|| App::new("shop", sums()).on_uncaught_error(|_| Uncaught::StopInstance));
    shop.log.send(&PRICES, "red", "cheap").expect("sent");
    shop.pass(&mut instances, 3);
    // The tasks go to the others, who fail with the same record.
    let ended: Vec<_> = errors(&instances).into_iter().flatten().collect();
    let is_its_own = |error: &AppError| matches!(error, AppError::Record { .. });
    assert!(!ended.is_empty() && ended.iter().all(is_its_own), "{ended:?}");
}

/// One that is alone calls nobody, and does not come back into the group.
#[test]
fn who_is_alone_ends_at_once() {
    let shop = Shop::new(false);
    let mut alone = shop.start(0, app());
    alone.step_until(|instance| instance.state() == AppState::Running);
    shop.log.send(&PRICES, "red", "cheap").expect("sent");
    let said = said(|| alone.step_until(|instance| instance.state() == AppState::Error));
    assert!(!said.contains("called to stop"), "{said}");
}

/// One does not answer, as if it were cut off, so the caller says which one it is.
#[test]
fn who_does_not_hear_the_call_is_named() {
    let shop = Shop::new(false);
    let mut instances = shop.start_all(app);
    shop.log.send(&PRICES, "red", "cheap").expect("sent");
    let failed = fail_alone(&shop, &mut instances);
    let deaf = shop.members();
    let said = said(|| shop.pass(&mut instances[failed..=failed], 30));
    assert_eq!(instances[failed].state(), AppState::Error);
    let line = said.lines().find(|line| line.contains("have not left the group")).unwrap_or_else(|| panic!("{said}"));
    assert!(deaf.iter().filter(|name| line.contains(*name)).count() == 2, "{line}\n{deaf:?}");
}

/// As [`fail_one`], but the others stand still from then on.
fn fail_alone(shop: &Shop, instances: &mut [Instance]) -> usize {
    for (number, instance) in instances.iter_mut().enumerate() {
        for _ in 0..1_000 {
            instance.step_control();
            instance.step_worker();
        }
        shop.clock.advance(Duration::from_millis(1));
        if instance.error().is_some() {
            return number;
        }
    }
    panic!("nobody fails: {:?}", errors(instances));
}

#[test]
fn a_closure_decides_by_the_error() {
    let shop = Shop::new(false);
    let decide = |error: &AppError| match error {
        AppError::Record { .. } => Uncaught::StopApplication,
        _ => Uncaught::StopInstance,
    };
    let mut instances = shop.start_all(|| App::new("shop", sums()).on_uncaught_error(decide));
    let failed = fail_one(&shop, &mut instances);
    let called = errors(&instances).into_iter().flatten();
    let called = called.filter(|error| matches!(error, AppError::StoppedByMember { .. })).count();
    assert_eq!((failed < 3, called), (true, 2));
}
