//! Handlers on a log that loses records, refuses commits, and does not say what has become of transactions.
//!
//! Whatever it does, each record is handled at least once, its result is there exactly once for those who read what is
//! committed, and in the end nothing is in flight.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fastrand::Rng;

use super::by_hand::{Instance, log};
use super::faulty_log::{FaultKind, Faults, faulty_log};
use super::tally::{Happening, Tally};
use super::wrapped_log::{Wrap, WrappedLog};
use crate::clock::ManualClock;
use crate::dsl::StreamsBuilder;
use crate::dsl::handler::{GiveUp, Job, Retry};
use crate::executor::Stepped;
use crate::log::Embedded;
use crate::runtime::{App, AppState, Guarantee, Settings};
use crate::topic::Topic;
use crate::topology::Topology;

const JOBS: Topic<String, String> = Topic::new("jobs");
const DONE: Topic<String, String> = Topic::new("done");

/// The jobs that were handled.
type Handled = Arc<Mutex<Vec<String>>>;

/// Where jobs wait that have failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retried {
    InPlace,
    InTopics,
}

/// A job is `NUMBER SECONDS FAILURES`: how long it takes, and how often it fails before it succeeds.
async fn work(handled: Handled, job: Job<String, String>) -> Result<String, &'static str> {
    handled.lock().unwrap_or_else(PoisonError::into_inner).push(job.value().clone());
    let numbers: Vec<u64> = job.value().split(' ').map(|number| number.parse().expect("a number")).collect();
    job.sleep(Duration::from_secs(numbers[1])).await;
    if u64::from(job.attempt()) <= numbers[2] { Err("it is busy") } else { Ok(job.into_pair().1) }
}

fn topology(handled: &Handled, retried: Retried) -> Topology {
    let (builder, handled) = (StreamsBuilder::new(), Arc::clone(handled));
    let worked = builder.stream(JOBS).handle("work", move |job| work(Arc::clone(&handled), job)).concurrency(4);
    let second = Duration::from_secs(1);
    let worked = match retried {
        Retried::InPlace => worked.retry(Retry::exponential(second).attempts(50)),
        Retried::InTopics => worked.unordered().retry(Retry::in_topics([second, second * 3])),
    };
    worked.to(DONE);
    builder.build().expect("a topology")
}

/// An application that is stopped, killed and started again on one log.
struct Place {
    log: Embedded,
    clock: ManualClock,
    executor: Arc<Stepped>,
    handled: Handled,
    retried: Retried,
    faults: Faults,
    instance: Option<Instance>,
    sent: Vec<(String, String)>,
}

impl Place {
    fn new(retried: Retried, tally: &Tally) -> Self {
        let (log, clock) = log();
        log.create_topic("jobs", 2).expect("a topic");
        let executor = Arc::new(Stepped::new(Arc::new(clock.clone())));
        let faults = Faults::noting(&clock, tally);
        let (handled, sent) = (Handled::default(), Vec::new());
        Self { log, clock, executor, handled, retried, faults, instance: None, sent }
    }

    fn start(&mut self) {
        let settings = Settings {
            guarantee: Some(Guarantee::ExactlyOnce),
            session_timeout: Duration::from_secs(12),
            ..Settings::default()
        };
        let app = App::new("app", topology(&self.handled, self.retried)).settings(settings);
        let app = app.executor(Arc::clone(&self.executor) as _);
        self.instance = Some(Instance::start(app, faulty_log(&self.log, &self.faults), &self.clock));
    }

    fn send(&mut self, key: u32, seconds: u64, failures: u32) {
        let (key, value) = (format!("key-{key}"), format!("{} {seconds} {failures}", self.sent.len()));
        self.log.send(&JOBS, key.clone(), value.clone()).expect("sent");
        self.sent.push((key, value));
    }

    fn step(&mut self) {
        if let Some(instance) = &mut self.instance {
            for _ in 0..10 {
                instance.step_control();
                instance.step_worker();
            }
        }
    }

    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 4 {
            self.clock.advance(Duration::from_millis(250));
            self.faults.tell_late();
            self.step();
        }
    }

    /// As a crash, after which the group waits for the dead member.
    fn kill(&mut self) {
        self.instance = None;
        self.start();
        self.pass(15);
    }

    /// In good order, as far as the log lets it.
    fn stop(&mut self) {
        let Some(instance) = &self.instance else { return };
        instance.status.stop.store(true, Ordering::SeqCst);
        for _ in 0..90 {
            self.pass(1);
            if self.instance.as_ref().is_some_and(|instance| instance.state().is_final()) {
                break;
            }
        }
        self.kill();
    }

    fn has_failed(&self) -> Option<String> {
        let instance = self.instance.as_ref()?;
        matches!(instance.state(), AppState::Error | AppState::PendingError).then(|| format!("{:?}", instance.error()))
    }

    /// The results by key, in their order.
    fn done(&self) -> BTreeMap<String, Vec<String>> {
        let mut done = BTreeMap::<String, Vec<String>>::new();
        for record in self.log.read(&DONE).expect("readable") {
            done.entry(record.key).or_default().push(record.value);
        }
        done
    }

    /// How often the handler was called.
    fn calls(&self) -> usize {
        self.handled.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

fn history(seed: u64, retried: Retried, tally: &Tally) {
    let (mut rng, mut place) = (Rng::with_seed(seed), Place::new(retried, tally));
    place.start();
    place.pass(1);
    for _ in 0..90 {
        match rng.u32(0..100) {
            0..55 => place.send(rng.u32(0..6), [0, 0, 1, 4][rng.usize(0..4)], rng.u32(0..3)),
            55..75 => place.faults.begin(FaultKind::draw_of_writing(&mut rng), Duration::from_secs(rng.u64(1..6))),
            75..95 => place.pass(rng.u64(1..4)),
            95..98 => place.kill(),
            _ => place.stop(),
        }
        place.step();
        assert_eq!(place.has_failed(), None, "seed {seed}");
    }
    place.faults.end_all();
    place.pass(150);
    assert_eq!(place.has_failed(), None, "seed {seed}");

    let mut sent = BTreeMap::<String, Vec<String>>::new();
    place.sent.iter().for_each(|(key, value)| sent.entry(key.clone()).or_default().push(value.clone()));
    let mut done = place.done();
    if retried == Retried::InTopics {
        sent.values_mut().chain(done.values_mut()).for_each(|values| values.sort());
    }
    assert_eq!(done, sent, "seed {seed}: each result once");
    let handled: BTreeSet<_> = place.handled.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    assert!(place.sent.iter().all(|(_, value)| handled.contains(value)), "seed {seed}: each is handled");
    // What is restored from the changelogs would be handled again.
    let calls = place.calls();
    place.kill();
    place.pass(10);
    assert_eq!(place.calls(), calls, "seed {seed}: nothing is in flight");
}

#[test]
fn whatever_the_log_refuses_each_record_is_handled_and_its_result_is_there_once() {
    let seeds = std::env::var("MILLSTREAM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12);
    let tally = Tally::default();
    for seed in 0..seeds {
        let retried = if seed % 3 == 2 { Retried::InTopics } else { Retried::InPlace };
        history(seed, retried, &tally);
    }
    use Happening::{CommitUnknown, RecordLost, RecordRefused, TransactionGivenUp};
    for what in [CommitUnknown, RecordLost, RecordRefused, TransactionGivenUp] {
        assert!(tally.has(what), "{what:?} has never happened");
    }
}

/// The transaction in which a handler's end is told is not committed, and one that the next round begins is.
#[test]
fn an_end_that_was_told_in_a_transaction_whose_fate_is_unknown_is_told_once() {
    for fault in [FaultKind::EndLost, FaultKind::EndUnknown, FaultKind::RecordsLost] {
        let mut place = Place::new(Retried::InPlace, &Tally::default());
        place.start();
        place.pass(1);
        place.send(0, 2, 0);
        place.send(1, 2, 1);
        place.pass(1);
        place.faults.begin(fault, Duration::from_secs(3));
        place.pass(60);
        place.faults.end_all();
        place.pass(60);
        let done: Vec<_> = place.done().into_values().flatten().collect();
        assert_eq!(done.len(), 2, "{fault:?}: {done:?}");
        assert!(done.contains(&"0 2 0".to_owned()) && done.contains(&"1 2 1".to_owned()), "{fault:?}: {done:?}");
    }
}

/// While an instance waits for a handler that takes long, what others have come to is committed: a crash does not undo it.
#[test]
fn an_instance_that_stops_commits_what_handlers_have_come_to_before_the_last_one_ends() {
    let mut place = Place::new(Retried::InPlace, &Tally::default());
    place.start();
    place.pass(1);
    place.send(0, 3, 0);
    place.send(1, 100, 0);
    place.pass(2);
    let instance = place.instance.as_ref().expect("it runs");
    instance.status.stop.store(true, Ordering::SeqCst);
    place.pass(4);
    let done: Vec<_> = place.done().into_values().flatten().collect();
    let is_stopping = !place.instance.as_ref().expect("it runs").state().is_final();
    assert_eq!((done, is_stopping), (vec!["0 3 0".to_owned()], true));
}

/// A log that does not create topics.
struct Strict;

impl Wrap for Strict {
    fn creates_output_topics(&self) -> Option<bool> {
        Some(false)
    }
}

#[test]
fn a_handlers_dead_letter_topic_must_exist_before_anything_is_handled() {
    for exists in [false, true] {
        let (log, clock) = log();
        ["jobs", "done"].iter().for_each(|topic| log.create_topic(topic, 1).expect("a topic"));
        if exists {
            log.create_topic("dead", 1).expect("a topic");
        }
        log.send(&JOBS, "ada", "0 0 0").expect("sent");
        let (builder, handled) = (StreamsBuilder::new(), Handled::default());
        let noting = Arc::clone(&handled);
        let worked = builder.stream(JOBS).handle("work", move |job| work(Arc::clone(&noting), job));
        worked.give_up(GiveUp::DeadLetter).to(DONE);
        let executor = Arc::new(Stepped::new(Arc::new(clock.clone())));
        let app = App::new("app", builder.build().expect("a topology")).executor(executor).dead_letters_to("dead");
        let mut instance = Instance::start(app, WrappedLog { log, wrap: Strict }, &clock);
        (0..40).for_each(|_| {
            clock.advance(Duration::from_millis(250));
            instance.settle();
        });
        let told = instance.error().map(|error| error.to_string()).unwrap_or_default();
        let handled = handled.lock().unwrap_or_else(PoisonError::into_inner).len();
        assert_eq!((told.contains("dead"), handled > 0), (!exists, exists), "{told}");
    }
}
