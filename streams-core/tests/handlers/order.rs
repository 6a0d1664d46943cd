//! In which order records are handled, and how many at the same time.

use std::time::Duration;

use streams_core::prelude::*;
use streams_core::testing::TestDriver;

use streams_core::dsl::handler::{Job, Retry};

use crate::service::{DONE, Failed, JOBS, Service, done, metrics, pipe, plain, setup, sorted};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn later_records_of_a_key_wait_for_one_that_fails_and_other_keys_go_on() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| handled.retry(Retry::after([SECOND, SECOND]))).start();
    pipe(&mut driver, &[("ada", "fails 2"), ("ada", "later"), ("bob", "other"), ("ada", "last")]);
    assert_eq!(done(&mut driver), ["bob other"]);
    driver.advance_wall_clock(SECOND);
    assert_eq!(done(&mut driver), Vec::<String>::new());
    driver.advance_wall_clock(SECOND);
    assert_eq!(done(&mut driver), ["ada fails 2", "ada last", "ada later"]);
    let of_ada: Vec<_> = service.calls().into_iter().filter(|call| call.starts_with("ada")).collect();
    assert_eq!(of_ada, ["ada fails 2 1", "ada fails 2 2", "ada fails 2 3", "ada later 1", "ada last 1"]);
    assert_eq!(metrics(&mut driver, "work").retried, 2);
}

#[test]
fn without_an_order_later_records_of_a_key_go_on() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| handled.unordered().retry(Retry::after([SECOND]))).start();
    pipe(&mut driver, &[("ada", "fails 1"), ("ada", "later")]);
    assert_eq!(done(&mut driver), ["ada later"]);
    driver.advance_wall_clock(SECOND);
    assert_eq!(done(&mut driver), ["ada fails 1"]);
}

/// Over all tasks and workers, and also while calls that nobody waits for any more have not ended.
#[test]
fn never_more_calls_run_at_the_same_time_than_were_said() {
    for workers in [1, 2] {
        let service = Service::default();
        let setup = setup(&service, |handled| handled.concurrency(4));
        let mut driver = setup.with(move |app| app.workers(workers)).start();
        let keys: Vec<_> = (0..30).map(|number| format!("key-{number}")).collect();
        keys.iter().for_each(|key| driver.pipe(&JOBS, key.as_str(), "slow"));
        assert_eq!((service.running(), metrics(&mut driver, "work").running), (4, 4));
        for round in 1..=8 {
            driver.advance_wall_clock(10 * SECOND);
            driver.commit();
            let expected = (4 * round).min(30);
            assert_eq!(metrics(&mut driver, "work").succeeded, expected, "{workers} {round}");
        }
        assert_eq!((service.most(), done(&mut driver).len(), service.calls().len()), (4, 30, 30));
    }
}

#[test]
fn no_task_is_left_out_when_calls_are_scarce() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| handled.concurrency(1)).start();
    // The keys are in all three partitions.
    let keys: Vec<_> = (0..12).map(|number| format!("key-{number}")).collect();
    keys.iter().for_each(|key| driver.pipe(&JOBS, key.as_str(), "slow"));
    for _ in 0..3 {
        driver.advance_wall_clock(10 * SECOND);
    }
    let tasks = driver.tasks();
    assert_eq!(tasks.values().map(|task| task.handlers["work"].succeeded).collect::<Vec<_>>(), [1, 1, 1]);
}

/// Otherwise two tasks would handle records of the same key at the same time.
#[test]
fn records_whose_keys_have_changed_are_brought_together_unless_they_may_go_in_any_order() {
    for (unordered, expected) in [(false, true), (true, false)] {
        let builder = StreamsBuilder::new();
        let work = |job: Job<String, String>| async move { Ok::<_, Failed>(job.into_pair().1) };
        let handled = builder.stream(JOBS).select_key(|_, job| job.clone()).handle("work", work);
        let handled = if unordered { handled.unordered() } else { handled };
        handled.to(DONE);
        let described = builder.build().unwrap().describe();
        assert_eq!(described.contains("work-repartition"), expected, "{described}");
    }
}

#[test]
fn many_records_wait_without_being_handled_twice_or_out_of_order() {
    let service = Service::default();
    let mut driver = setup(&service, plain).partitions(1).commit_by_hand().start();
    for number in 0..9_000 {
        driver.log().send(&JOBS, format!("key-{}", number % 7), format!("{number:04}")).unwrap();
    }
    driver.run();
    for _ in 0..3 {
        driver.commit();
    }
    let calls = service.calls();
    assert_eq!(calls.len(), 9_000);
    for key in 0..7 {
        let prefix = format!("key-{key} ");
        let of_key: Vec<_> = calls.iter().filter(|call| call.starts_with(&prefix)).cloned().collect();
        assert_eq!(of_key, sorted(of_key.clone()));
    }
    assert_eq!((done(&mut driver).len(), metrics(&mut driver, "work").in_flight()), (9_000, 0));
}

#[test]
fn a_batch_is_handled_when_it_is_full_or_has_waited_and_has_no_two_records_of_a_key() {
    let builder = StreamsBuilder::new();
    let seen: std::sync::Arc<std::sync::Mutex<Vec<String>>> = std::sync::Arc::default();
    let sizes = std::sync::Arc::clone(&seen);
    let work = move |jobs: Vec<Job<String, String>>| {
        let keys: Vec<_> = jobs.iter().map(|job| format!("{}{}", job.key(), job.attempt())).collect();
        sizes.lock().unwrap().push(keys.join(" "));
        async move {
            let result = |job: Job<String, String>| match job.value().as_str() {
                "fails once" if job.attempt() == 1 => Err("it is busy"),
                _ => Ok(job.into_pair().1),
            };
            jobs.into_iter().map(result).collect()
        }
    };
    let handled = builder.stream(JOBS).handle_batches("work", 3, 5 * SECOND, work);
    handled.retry(Retry::after([SECOND])).to(DONE);
    let mut driver = TestDriver::configure(builder.build().unwrap()).with(|app| app.exactly_once()).start();
    let batches = |driver: &mut TestDriver| (std::mem::take(&mut *seen.lock().unwrap()), done(driver));
    let none = || (Vec::<String>::new(), Vec::<String>::new());
    pipe(&mut driver, &[("a", "fails once"), ("a", "later")]);
    assert_eq!(batches(&mut driver), none());
    pipe(&mut driver, &[("b", "1"), ("c", "2"), ("d", "3")]);
    assert_eq!(batches(&mut driver), (vec!["a1 b1 c1".to_owned()], vec!["b 1".to_owned(), "c 2".to_owned()]));
    // `d` has waited longer than `a` when the five seconds are over.
    driver.advance_wall_clock(SECOND);
    assert_eq!(batches(&mut driver), none());
    driver.advance_wall_clock(4 * SECOND);
    driver.commit();
    assert_eq!(batches(&mut driver), (vec!["a2 d1".to_owned()], vec!["a fails once".to_owned(), "d 3".to_owned()]));
    driver.advance_wall_clock(5 * SECOND);
    assert_eq!(batches(&mut driver), (vec!["a1".to_owned()], vec!["a later".to_owned()]));
}
