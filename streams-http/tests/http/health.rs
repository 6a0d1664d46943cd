//! `/livez` and `/readyz`.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use millstream::clock::ManualClock;
use millstream::http::Http;
use millstream::log::Doorbell;
use millstream::prelude::*;
use serde_json::Value as Json;

use crate::support::{Answer, LINES, SHOUTED, ask, eventually, scene, scene_of};

/// A verdict in short: the word, and each check with whether it is good.
fn verdict(answer: &Answer) -> (u16, String, Vec<(String, bool)>) {
    let json = answer.json();
    let checks = json["checks"].as_array().unwrap().iter();
    let check = |check: &Json| (check["name"].as_str().unwrap().to_owned(), check["ok"].as_bool().unwrap());
    (answer.status, json["status"].as_str().unwrap().to_owned(), checks.map(check).collect())
}

fn checks(checks: &[(&str, bool)]) -> Vec<(String, bool)> {
    checks.iter().map(|(name, ok)| ((*name).to_owned(), *ok)).collect()
}

#[test]
fn an_application_that_runs_is_alive_and_ready() {
    let scene = scene(|http| http);
    scene.process(&[("a", "to be"), ("b", "or not")]);
    let alive = checks(&[("error", true), ("control", true), ("workers", true)]);
    assert_eq!(verdict(&scene.get("/livez")), (200, "alive".to_owned(), alive));
    let ready = checks(&[("state", true), ("tasks", true)]);
    assert_eq!(verdict(&scene.get("/readyz")), (200, "ready".to_owned(), ready));
    let detail = &scene.get("/readyz").json()["checks"][1]["detail"];
    assert_eq!(*detail, "3 of 3 tasks run");
}

struct Copy;

impl Processor<String, String, String, String> for Copy {
    type Stores = ();

    fn process(&mut self, (): Refs<'_, ()>, record: Record<String, String>, out: &mut Forward<'_, String, String>) {
        out.send(record.key, record.value);
    }
}

/// Regression of others: pods that restored their state were restarted, and began again.
#[test]
fn an_application_that_waits_is_alive_and_not_ready() {
    let opens = Arc::new(AtomicBool::new(false));
    let opened = Arc::clone(&opens);
    let builder = StreamsBuilder::new();
    let slowly_opened = move || {
        while !opened.load(Ordering::SeqCst) {
            Doorbell::new().wait(Duration::from_millis(5));
        }
        Copy
    };
    builder.stream(LINES).process_with((), slowly_opened).to(SHOUTED);
    let log = Embedded::in_memory();
    log.create_topic("lines", 1).unwrap();
    let app = App::new("opens-slowly", builder.build().unwrap()).quiet().start(log).unwrap();
    let http = Http::of(&app).bind("127.0.0.1:0").start().unwrap();
    eventually(|| app.state() == AppState::Rebalancing && !app.assignment().is_empty());
    let (live, ready) = (ask(http.address(), "GET", "/livez", &[]), ask(http.address(), "GET", "/readyz", &[]));
    assert_eq!((live.status, live.header("retry-after")), (200, None));
    assert_eq!((ready.status, ready.header("retry-after")), (503, Some("1")));
    assert_eq!(verdict(&ready).1, "not ready");
    assert_eq!(verdict(&ready).2, checks(&[("state", false), ("tasks", false)]));
    opens.store(true, Ordering::SeqCst);
    eventually(|| ask(http.address(), "GET", "/readyz", &[]).status == 200);
}

#[test]
fn an_application_that_has_failed_is_dead() {
    let builder = StreamsBuilder::new();
    builder.stream(LINES).try_map_values(|line| line.parse::<i64>()).to(Topic::<String, i64>::new("numbers"));
    let app = App::new("numbers", builder.build().unwrap()).quiet();
    let scene = scene_of(app, |http| http);
    scene.log.send(&LINES, "a", "not a number: hunter2").unwrap();
    eventually(|| scene.app.state() == AppState::Error);
    let live = scene.get("/livez");
    assert_eq!((live.status, live.header("retry-after")), (503, Some("1")));
    assert_eq!(verdict(&live), (503, "dead".to_owned(), checks(&[("error", false)])));
    // What is wrong names nodes and topics, which is nothing for strangers.
    assert!(!live.body.contains("lines"), "{live:?}");
    assert_eq!(scene.get("/readyz").status, 503);
    let app = scene.get("/api/app").json();
    assert_eq!(app["state"], "ERROR");
    assert!(app["error"].as_str().unwrap().contains("lines-"), "{app}");
}

#[test]
fn an_application_that_was_stopped_is_not_dead() {
    let scene = scene(|http| http);
    scene.app.stop();
    eventually(|| scene.app.state() == AppState::NotRunning);
    assert_eq!(verdict(&scene.get("/livez")), (200, "alive".to_owned(), checks(&[("error", true)])));
    assert_eq!(scene.get("/readyz").status, 503);
    assert_eq!(scene.get("/api/app").json()["state"], "NOT_RUNNING");
}

/// A worker that waits for something that never comes, for longer than `max.poll.interval.ms`.
#[test]
fn a_worker_that_stands_still_is_death() {
    let clock = ManualClock::at(Timestamp(1_000_000));
    let (holds, waits) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicBool::new(false)));
    let (held, waiting) = (Arc::clone(&holds), Arc::clone(&waits));
    let builder = StreamsBuilder::new();
    builder
        .stream(LINES)
        .map_values(move |line| {
            while held.load(Ordering::SeqCst) {
                waiting.store(true, Ordering::SeqCst);
                Doorbell::new().wait(Duration::from_millis(5));
            }
            line
        })
        .to(SHOUTED);
    let app = App::new("stands-still", builder.build().unwrap()).clock(Arc::new(clock.clone())).quiet();
    let scene = scene_of(app, |http| http);
    scene.log.send(&LINES, "a", "to be").unwrap();
    eventually(|| waits.load(Ordering::SeqCst));
    assert_eq!(scene.get("/livez").status, 200);
    clock.advance(Duration::from_secs(299));
    assert_eq!(verdict(&scene.get("/livez")).2[2], ("workers".to_owned(), true));
    clock.advance(Duration::from_secs(2));
    let dead = scene.get("/livez");
    assert_eq!((verdict(&dead).0, &verdict(&dead).2[2]), (503, &("workers".to_owned(), false)));
    holds.store(false, Ordering::SeqCst);
    eventually(|| scene.get("/livez").status == 200);
}

#[test]
fn an_application_may_be_ready_only_when_it_has_caught_up() {
    let scene = scene(|http| http.ready_within(2));
    scene.app.pause();
    let lag = |answer: &Answer| verdict(answer).2.last().cloned();
    assert_eq!(lag(&scene.get("/readyz")), Some(("lag".to_owned(), true)));
    for line in ["to be", "or", "not"] {
        scene.log.send(&LINES, "a", line).unwrap();
    }
    // The log is asked once per second.
    eventually(|| scene.get("/readyz").status == 503);
    let behind = scene.get("/readyz");
    assert_eq!(lag(&behind), Some(("lag".to_owned(), false)));
    assert!(behind.body.contains("3 records in the partition that is furthest behind, at most 2"), "{behind:?}");
    scene.app.resume();
    eventually(|| scene.get("/readyz").status == 200);
}
