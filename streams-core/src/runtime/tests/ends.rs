//! Whatever fails, and whenever, an application reaches a final state and everybody who waits hears of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use futures::executor::block_on;

use super::failing_log::{FailingState, Failure, Fault, failing_log};
use super::{LINES, by_hand};
use crate::dsl::StreamsBuilder;
use crate::log::Embedded;
use crate::runtime::worker::panic_message;
use crate::runtime::{App, AppError, AppState};
use crate::topic::Topic;
use crate::topology::Topology;

const PEOPLE: Topic<String, i64> = Topic::new("people");
const AGES: Topic<String, i64> = Topic::new("ages");
const OUT: Topic<String, i64> = Topic::new("out");

/// A global table, a repartition topic, a changelog and an output topic, so that the application makes every kind of
/// request to its log.
fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let people = builder.global_table(PEOPLE);
    let lines = builder.stream(LINES);
    lines.join_global(people, |(), line| line.clone(), |_, age| age).map(|(), age| ("age".to_owned(), age)).to(AGES);
    lines.group_by(|(), line| line.clone()).count().to_stream().to(OUT);
    builder.build().expect("a topology")
}

fn world() -> Embedded {
    let log = Embedded::in_memory();
    for topic in ["lines", "people"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    log.send(&PEOPLE, "ann", 30).expect("sent");
    log.send(&LINES, (), "ann").expect("sent");
    log
}

/// How a test runs the application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Run {
    UntilStopped,
    UntilIdle,
}

/// What an observer sees of an application.
#[derive(Debug)]
struct Seen {
    outcome: Result<(), AppError>,
    /// The last state that a listener was called with.
    heard: Option<AppState>,
}

fn run(how: Run, app: App, fault: &Arc<Fault>) -> Seen {
    let last = Arc::new(Mutex::new(None));
    let listener = Arc::clone(&last);
    let log = failing_log(world(), fault);
    let app = app
        .state_in(FailingState(Arc::clone(fault)))
        .commit_interval(Duration::from_millis(1))
        .on_state_change(move |_, to| *listener.lock().expect("no panic") = Some(to));
    let outcome = catch_unwind(AssertUnwindSafe(|| match how {
        Run::UntilIdle => app.run_until_idle(log).map(drop),
        Run::UntilStopped => app.start(log).and_then(|running| {
            let handle = running.handle();
            let runs = running.wait_until_running();
            let states = handle.states();
            if runs.is_ok() {
                handle.stop();
            }
            let ended = block_on(handle.ended());
            let last = block_on(states.collect::<Vec<_>>()).last().copied();
            assert_eq!(last, Some(handle.state()), "the states' last one is the last");
            let waited = running.wait();
            assert_eq!(waited, ended, "both say how it ended");
            assert!(runs.is_ok() || runs == waited, "{runs:?}, but {waited:?}");
            waited
        }),
    }));
    // Before there are threads, a panic happens on the caller's own.
    let outcome = outcome.unwrap_or_else(|panic| {
        Err(AppError::Panic { thread: "the caller's".to_owned(), message: panic_message(&*panic) })
    });
    let heard = last.lock().expect("no panic").take();
    Seen { outcome, heard }
}

/// Runs a task with a time limit; a task that hangs is a failure.
fn in_patience<T: Send + 'static>(what: &str, task: impl FnOnce() -> T + Send + 'static) -> T {
    let (done, outcome) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || done.send(task()).is_ok());
    let Ok(outcome) = outcome.recv_timeout(Duration::from_secs(120)) else { panic!("{what}: it never ends") };
    assert!(thread.join().expect("no panic"));
    outcome
}

/// Requests whose failure an application survives: it repeats them or does without.
const SURVIVED: [&str; 5] = [
    "asking for a group's members",
    "asking for a group's members, as a member",
    "looking up topics, as a member",
    "looking up a topic's settings",
    "deleting records, as a member",
];

/// Requests that no application can do without.
const NEEDED: [&str; 14] = [
    "asking for end offsets",
    "asking for end offsets, as a member",
    "asking for first offsets, as a member",
    "asking for positions, as a member",
    "being a member, as a member",
    "creating a consumer",
    "creating a consumer, as a member",
    "creating a member",
    "creating a producer, as a member",
    "creating an admin client",
    "creating an admin client, as a member",
    "looking up topics",
    "opening a store",
    "opening a store, as a member",
];

/// Makes each call of one name fail in turn, until a run ends without reaching the call that should fail.
fn each_call_in_turn(how: Run, name: &str, failure: Failure, app: impl Fn() -> App) {
    for number in 1.. {
        let what = format!("{how:?}, {failure:?} of {name}, {number}");
        let fault = Fault::new(name, number, failure);
        let seen = in_patience(&what, {
            let (app, fault) = (app(), Arc::clone(&fault));
            move || run(how, app, &fault)
        });
        let is_survived = !fault.is_hit() || failure == Failure::Refusal && SURVIVED.contains(&name);
        // `run_until_idle` makes its own requests; if one fails, the application still shuts down cleanly.
        let asks_itself = how == Run::UntilIdle && name.starts_with("asking for end offsets");
        match (seen.outcome, seen.heard) {
            (Ok(()), Some(AppState::NotRunning)) if is_survived => {}
            (Err(error), heard)
                if matches!(heard, None | Some(AppState::Error))
                    || asks_itself && heard == Some(AppState::NotRunning) =>
            {
                assert!(error.to_string().contains(&format!("{name}: it was to fail")), "{what}: {error}");
            }
            other => panic!("{what}: {other:?}"),
        }
        if !fault.is_hit() {
            return;
        }
        assert!(number < 100, "{what}: there is no end to the calls");
    }
}

/// Regression: if the member could not be created, the application had ended but nobody was told.
#[test]
fn an_application_ends_with_the_error_whatever_fails() {
    let at_least_once = || App::new("ends", topology()).at_least_once();
    let exactly_once = || App::new("ends", topology()).exactly_once();
    let (stopped, idle) = (Run::UntilStopped, Run::UntilIdle);
    for (how, app) in [(stopped, &at_least_once as &dyn Fn() -> App), (stopped, &exactly_once), (idle, &at_least_once)]
    {
        let fault = Fault::none();
        let seen = in_patience("no fault", {
            let (app, fault) = (app(), Arc::clone(&fault));
            move || run(how, app, &fault)
        });
        assert_eq!(seen.outcome, Ok(()));
        let names = fault.names();
        assert!(NEEDED.iter().all(|needed| names.iter().any(|name| name == needed)), "{names:#?}");
        for name in names {
            each_call_in_turn(how, &name, Failure::Refusal, app);
            each_call_in_turn(how, &name, Failure::Panic, app);
        }
    }
}

/// An application can end without an answer to its leave request.
#[test]
fn a_group_that_never_answers_does_not_keep_an_application_from_ending() {
    let (log, clock) = by_hand::log();
    log.create_topic("lines", 1).expect("a topic");
    let fault = Fault::none();
    fault.let_nobody_leave();
    let log = failing_log(log, &fault);
    let mut instance = by_hand::Instance::start(App::new("stays", super::word_count()), log, &clock);
    instance.step_until(|instance| instance.state() == AppState::Running);
    instance.status.stop.store(true, Ordering::SeqCst);
    instance.settle();
    assert_eq!(instance.state(), AppState::PendingShutdown, "it waits");
    clock.advance(Duration::from_secs(11));
    instance.step_until(|instance| instance.state().is_final());
    assert_eq!((instance.state(), instance.error()), (AppState::NotRunning, None));
}
