//! Tests of tasks that do not get on: because code of the application does not come back, or because they wait.

use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::by_hand::log;
use super::said::said;
use crate::clock::ManualClock;
use crate::config::OnStall;
use crate::dsl::StreamsBuilder;
use crate::log::{Doorbell, Embedded};
use crate::runtime::control::{Control, ControlTurn, Status};
use crate::runtime::worker::{Turn, Worker};
use crate::runtime::{App, AppError, AppState, Guarantee};
use crate::topic::Topic;
use crate::topology::Topology;

const ORDERS: Topic<String, String> = Topic::new("orders");
const DONE: Topic<String, i64> = Topic::new("done");
const MINUTE: Duration = Duration::from_secs(60);

/// The application's code stands still with the order `wait` until the gate opens, in the process that has the gate.
#[derive(Clone, Default)]
struct Gate(Arc<Mutex<Option<Receiver<()>>>>);

impl Gate {
    fn closed() -> (Self, Sender<()>) {
        let (open, opened) = channel();
        (Self(Arc::new(Mutex::new(Some(opened)))), open)
    }

    /// Whether the code stands still in front of it.
    fn is_reached(&self) -> bool {
        self.0.lock().expect("lock").is_none()
    }

    fn pass(&self, order: &str) {
        let gate = (order == "wait").then(|| self.0.lock().expect("lock").take()).flatten();
        if let Some(gate) = gate {
            let _ = gate.recv();
        }
    }
}

fn orders(gate: &Gate) -> Topology {
    let (builder, gate) = (StreamsBuilder::new(), gate.clone());
    let passed = builder.stream(ORDERS).map_values(move |order| {
        gate.pass(&order);
        order
    });
    passed.group_by_key().count().to_stream().to(DONE);
    builder.build().expect("a topology")
}

/// An instance whose workers have threads of their own, while the test steps the control.
struct Instance {
    control: Control,
    status: Arc<Status>,
    clock: ManualClock,
    threads: Vec<JoinHandle<()>>,
}

impl Instance {
    fn start(app: App, log: &Embedded, clock: &ManualClock) -> Self {
        let (parts, _) =
            app.clock(Arc::new(clock.clone())).into_parts(Arc::new(log.clone())).expect("settings that fit");
        let status = Status::new();
        let control = Control::new(parts, Arc::clone(&status)).expect("a control");
        Self { control, status, clock: clock.clone(), threads: Vec::new() }
    }

    fn step(&mut self) {
        if let ControlTurn::Spawn(seeds) = self.control.step() {
            let run = |seed| {
                std::thread::spawn(move || {
                    let mut worker = Worker::new(seed).expect("a worker");
                    loop {
                        match worker.run_once() {
                            Turn::Busy => {}
                            Turn::Idle(_) => worker.wait(Duration::from_millis(1)),
                            Turn::Finished => return,
                        }
                    }
                })
            };
            self.threads.extend(seeds.into_iter().map(run));
        }
    }

    /// Steps until that is so, without the clock.
    fn until(&mut self, what: &str, mut is_so: impl FnMut(&Self) -> bool) {
        for _ in 0..20_000 {
            if is_so(self) {
                return;
            }
            self.step();
            self.status.doorbell.wait(Duration::from_millis(1));
        }
        panic!("waited for {what}: {:?}, {:?}", self.state(), self.status.error());
    }

    fn until_state(&mut self, state: AppState) {
        self.until(&state.to_string(), |instance| instance.state() == state);
    }

    /// Lets seconds pass, with many steps in each.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.clock.advance(Duration::from_secs(1));
            for _ in 0..20 {
                self.step();
                Doorbell::new().wait(Duration::from_micros(100));
            }
        }
    }

    fn state(&self) -> AppState {
        *self.status.state.borrow()
    }

    fn stop(&self) {
        self.status.stop.store(true, std::sync::atomic::Ordering::SeqCst);
    }
}

struct Shop {
    log: Embedded,
    clock: ManualClock,
}

impl Shop {
    /// With one order before the one with which the code stands still.
    fn new() -> Self {
        let (log, clock) = log();
        log.create_topic(ORDERS.name(), 2).expect("a topic");
        Self { log, clock }
    }

    fn send(&self, orders: &[&str]) {
        for order in orders {
            self.log.send(&ORDERS, "ada", *order).expect("sent");
        }
    }

    fn start(&self, gate: &Gate, guarantee: Guarantee, answer: OnStall) -> Instance {
        let app = App::new("shop", orders(gate)).on_stall(MINUTE, answer);
        let app = match guarantee {
            Guarantee::ExactlyOnce => app.exactly_once(),
            Guarantee::AtLeastOnce => app.at_least_once(),
        };
        Instance::start(app.commit_interval(Duration::from_secs(1)), &self.log, &self.clock)
    }

    fn counts(&self) -> Vec<i64> {
        self.log.read(&DONE).expect("readable").into_iter().map(|record| record.value).collect()
    }
}

fn sentence<'a>(said: &'a str, part: &str) -> Vec<&'a str> {
    said.lines().filter(|line| line.contains(part)).collect()
}

/// A stalled worker, the sentence about it and, for each guarantee, what comes of the order when the gate opens.
#[test]
fn a_step_that_does_not_end_is_told_once_with_its_record_and_again_when_it_does() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let (shop, (gate, open)) = (Shop::new(), Gate::closed());
        let said = said(|| {
            let mut instance = shop.start(&gate, guarantee, OnStall::Warn);
            instance.until_state(AppState::Running);
            shop.send(&["buy", "wait"]);
            instance.until("the code stands still", |_| gate.is_reached());
            instance.pass(180);
            assert_eq!((instance.state(), instance.status.error()), (AppState::Running, None), "{guarantee:?}");
            open.send(()).expect("somebody waits");
            instance.until("the counts", |_| {
                shop.clock.advance(Duration::from_millis(10));
                shop.counts().last() == Some(&2)
            });
            instance.stop();
            instance.until_state(AppState::NotRunning);
        });
        let told = sentence(&said, "has not got on");
        assert_eq!(told.len(), 1, "{guarantee:?}: {said}");
        for part in ["task 0_", "for 6", "offset 1 of orders-", "a time limit"] {
            assert!(told[0].contains(part), "{part:?} in {}", told[0]);
        }
        assert_eq!(sentence(&said, "gets on again, after 1").len(), 1, "{said}");
    }
}

/// The other one does the work of the one that stands still, which does nothing of it when it comes back.
#[test]
fn an_instance_that_leaves_is_succeeded_and_comes_back_when_its_code_does() {
    for guarantee in [Guarantee::ExactlyOnce, Guarantee::AtLeastOnce] {
        let (shop, (gate, open)) = (Shop::new(), Gate::closed());
        let mut stuck = shop.start(&gate, guarantee, OnStall::Leave);
        stuck.until_state(AppState::Running);
        shop.send(&["buy", "wait"]);
        stuck.until("the code stands still", |_| gate.is_reached());
        stuck.pass(70);
        assert_eq!((stuck.state(), stuck.status.error()), (AppState::Rebalancing, None), "{guarantee:?}");
        let mut other = shop.start(&Gate::default(), guarantee, OnStall::Leave);
        other.until_state(AppState::Running);
        shop.send(&["buy"]);
        other.until("the counts", |_| {
            shop.clock.advance(Duration::from_millis(10));
            shop.counts().last() == Some(&3)
        });
        open.send(()).expect("somebody waits");
        stuck.until("its return", |instance| {
            instance.control.is_assigned() || {
                other.step();
                false
            }
        });
        for _ in 0..20 {
            other.pass(1);
            stuck.pass(1);
        }
        assert_eq!((stuck.state(), other.state()), (AppState::Running, AppState::Running), "{guarantee:?}");
        shop.send(&["buy"]);
        for _ in 0..5 {
            other.pass(1);
            stuck.pass(1);
        }
        let counts = shop.counts();
        assert_eq!(counts.last(), Some(&4), "{guarantee:?}: {counts:?}");
        assert!(counts.is_sorted(), "what the first one did too late is not behind the other's: {counts:?}");
        for instance in [&mut stuck, &mut other] {
            instance.stop();
            instance.until_state(AppState::NotRunning);
        }
    }
}

#[test]
fn an_instance_that_fails_ends_without_the_thread_that_does_not_come_back() {
    let (shop, (gate, open)) = (Shop::new(), Gate::closed());
    let mut instance = shop.start(&gate, Guarantee::ExactlyOnce, OnStall::Fail);
    instance.until_state(AppState::Running);
    shop.send(&["wait"]);
    instance.until("the code stands still", |_| gate.is_reached());
    instance.pass(90);
    assert_eq!(instance.state(), AppState::Error);
    let error = instance.status.error().expect("an error");
    assert!(matches!(error, AppError::Stalled { .. }), "{error}");
    assert!(
        error.to_string().contains("offset 0 of orders-")
            && instance.threads.iter().any(|thread| !thread.is_finished())
    );
    drop(open);
    for _ in 0..1_000 {
        shop.clock.advance(Duration::from_secs(1));
        Doorbell::new().wait(Duration::from_millis(1));
    }
    assert!(instance.threads.iter().all(JoinHandle::is_finished), "when the code comes back, its thread ends");
    assert_eq!(shop.counts(), Vec::<i64>::new());
}

/// Nobody who asks an application to stop has to wait for ever, whatever its settings are.
#[test]
fn an_application_that_is_asked_to_stop_waits_for_its_code_only_so_long() {
    for answer in [OnStall::Warn, OnStall::Leave] {
        let (shop, (gate, open)) = (Shop::new(), Gate::closed());
        let mut instance = shop.start(&gate, Guarantee::ExactlyOnce, answer);
        instance.until_state(AppState::Running);
        shop.send(&["wait"]);
        instance.until("the code stands still", |_| gate.is_reached());
        instance.pass(20);
        instance.stop();
        instance.pass(30);
        assert_eq!(instance.state(), AppState::PendingShutdown, "it may still come back");
        instance.pass(20);
        assert_eq!(instance.state(), AppState::Error, "{answer:?}");
        assert!(matches!(instance.status.error(), Some(AppError::Stalled { .. })), "{:?}", instance.status.error());
        drop(open);
    }
}
