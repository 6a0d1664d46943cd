//! Random histories: instances come, go and crash, transactions time out, handlers fail, and take their time.
//!
//! In the end each record has been handled at least once, its result was sent exactly once, those of a key in the order of
//! their records, and nothing is left in flight.

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use streams_core::dsl::handler::Retry;
use streams_core::testing::TestDriver;

use crate::service::{DONE, JOBS, Service, metrics, setup};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Clone, Copy)]
enum Step {
    Pipe,
    Commit,
    Pass(u64),
    Restart,
    StartAnother,
    KillAnother,
    StopAnother,
}

fn step(random: &mut Rng, others: usize) -> Step {
    match random.u32(0..100) {
        0..55 => Step::Pipe,
        55..75 => Step::Commit,
        // Longer than a transaction may stay open now and then.
        75..88 => Step::Pass([1, 3, 9, 12][random.usize(0..4)]),
        88..91 => Step::Restart,
        91..95 if others < 2 => Step::StartAnother,
        95..97 if others > 0 => Step::KillAnother,
        97..100 if others > 0 => Step::StopAnother,
        _ => Step::Commit,
    }
}

/// What was sent to the handler, by key.
type Sent = BTreeMap<String, Vec<String>>;

fn pipe(driver: &mut TestDriver, random: &mut Rng, sent: &mut Sent) {
    let key = format!("key-{}", random.u32(0..8));
    let of_key = sent.entry(key.clone()).or_default();
    let what = ["quick", "slow", "fails 1", "fails 2", "quick", "quick"][random.usize(0..6)];
    // Each value is there once.
    let value = format!("{what} {}", "x".repeat(of_key.len()));
    driver.pipe(&JOBS, key.as_str(), value.as_str());
    of_key.push(value);
}

/// In which order records are handled, and where they wait to be handled again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    PerKey,
    Unordered,
    InTopics,
}

fn history(seed: u64, way: Way) {
    let (service, mut random) = (Service::default(), Rng::with_seed(seed));
    let setup = setup(&service, move |handled| {
        let handled = handled.concurrency(5).max_records(20);
        let in_place = Retry::exponential(SECOND).attempts(5);
        match way {
            Way::PerKey => handled.retry(in_place),
            Way::Unordered => handled.unordered().retry(in_place),
            Way::InTopics => handled.unordered().retry(Retry::in_topics([2 * SECOND, 7 * SECOND, 2 * SECOND])),
        }
    });
    let workers = random.usize(1..3);
    let mut driver = setup.commit_by_hand().with(move |app| app.workers(workers)).start();
    let (mut sent, mut others) = (Sent::new(), 0);
    for _ in 0..150 {
        let step = step(&mut random, others);
        match step {
            Step::Pipe => pipe(&mut driver, &mut random, &mut sent),
            Step::Commit => driver.commit(),
            Step::Pass(seconds) => driver.advance_wall_clock(Duration::from_secs(seconds)),
            Step::Restart => driver.restart(),
            Step::StartAnother => driver.start_another(),
            Step::KillAnother => driver.kill_another(),
            Step::StopAnother => driver.stop_another(),
        }
        match step {
            Step::StartAnother => others += 1,
            Step::KillAnother | Step::StopAnother => others -= 1,
            _ => {}
        }
        assert!(service.running() <= 5, "{seed}");
    }
    (0..400).for_each(|_| {
        driver.advance_wall_clock(SECOND);
        driver.commit();
    });
    let mut done = Sent::new();
    for (key, value) in driver.read(&DONE) {
        done.entry(key).or_default().push(value);
    }
    if way != Way::PerKey {
        sent.values_mut().chain(done.values_mut()).for_each(|values| values.sort());
    }
    assert_eq!(done, sent, "seed {seed}");
    let calls = service.calls();
    for (key, values) in &sent {
        for value in values {
            assert!(calls.iter().any(|call| call.starts_with(&format!("{key} {value} "))), "{seed}: {key} {value}");
        }
    }
    assert_eq!((metrics(&mut driver, "work").in_flight(), service.running()), (0, 0), "seed {seed}");
}

#[test]
fn whatever_happens_each_record_is_handled_and_its_result_is_sent_once_in_its_keys_order() {
    let seeds = std::env::var("MILLSTREAM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(12);
    (0..seeds).for_each(|seed| history(seed, Way::PerKey));
}

#[test]
fn whatever_happens_each_record_is_handled_and_its_result_is_sent_once_in_any_order() {
    (100..105).for_each(|seed| history(seed, Way::Unordered));
}

#[test]
fn whatever_happens_each_record_comes_out_of_its_retry_topics_and_its_result_is_sent_once() {
    let seeds = std::env::var("MILLSTREAM_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(4);
    (200..200 + seeds).for_each(|seed| history(seed, Way::InTopics));
}
