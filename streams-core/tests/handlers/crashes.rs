//! Crashes, moves and undone work: each record is handled at least once, and what is made of it is sent once.

use std::time::Duration;

use streams_core::dsl::handler::Retry;

use crate::service::{Service, done, left_in_changelog, metrics, pipe, plain, setup, sorted};

const SECOND: Duration = Duration::from_secs(1);
const NONE: [&str; 0] = [];

#[test]
fn what_was_accepted_is_handled_again_after_a_crash_and_its_result_is_sent_once() {
    for exactly_once in [true, false] {
        let service = Service::default();
        let setup = setup(&service, plain);
        let mut driver = setup.with(move |app| if exactly_once { app } else { app.at_least_once() }).start();
        pipe(&mut driver, &[("ada", "slow"), ("ada", "later"), ("bob", "quick")]);
        assert_eq!(sorted(service.calls()), ["ada slow 1", "bob quick 1"]);
        driver.kill();
        assert_eq!(service.running(), 1, "it is polled no more before the next start");
        driver.restart();
        assert_eq!((service.calls(), service.running()), (vec!["ada slow 1".to_owned()], 1));
        driver.advance_wall_clock(10 * SECOND);
        driver.commit();
        assert_eq!(done(&mut driver), ["ada later", "ada slow", "bob quick"], "{exactly_once}");
        assert_eq!(service.calls(), ["ada later 1"]);
    }
}

#[test]
fn a_crash_between_a_handlers_end_and_the_commit_repeats_it_and_nothing_is_sent_twice() {
    let service = Service::default();
    let mut driver = setup(&service, plain).partitions(1).commit_by_hand().start();
    pipe(&mut driver, &[("ada", "a"), ("ada", "b")]);
    driver.commit();
    // Both are handled, and what came of it is not committed: a commit by hand has flushed it with the next one only.
    pipe(&mut driver, &[("ada", "c")]);
    driver.kill();
    driver.restart();
    driver.commit();
    driver.commit();
    assert_eq!(done(&mut driver), ["ada a", "ada b", "ada c"]);
    assert_eq!(left_in_changelog(&driver), 0);
}

/// Attempts, and when the next one is due, are not forgotten.
#[test]
fn a_restart_neither_skips_a_pause_nor_counts_attempts_anew() {
    let service = Service::default();
    let mut driver = setup(&service, |handled| handled.retry(Retry::after([SECOND, 3_600 * SECOND]))).start();
    pipe(&mut driver, &[("ada", "fails 2"), ("ada", "later")]);
    driver.advance_wall_clock(SECOND);
    assert_eq!(service.calls(), ["ada fails 2 1", "ada fails 2 2"]);
    // A minute passes.
    driver.restart();
    driver.advance_wall_clock(3_500 * SECOND);
    assert_eq!(service.calls(), NONE);
    driver.advance_wall_clock(50 * SECOND);
    assert_eq!(service.calls(), ["ada fails 2 3", "ada later 1"]);
    assert_eq!(done(&mut driver), ["ada fails 2", "ada later"]);
}

#[test]
fn an_instance_that_stops_waits_for_its_handlers_as_long_as_was_said() {
    for (patience, expected) in [(10, &["ada slow"][..]), (9, &[])] {
        let service = Service::default();
        let setup = setup(&service, plain);
        let mut driver = setup.with(move |app| app.handler_stop_timeout(Duration::from_secs(patience))).start();
        pipe(&mut driver, &[("ada", "slow"), ("ada", "later")]);
        driver.stop();
        assert_eq!(done(&mut driver), expected, "{patience}");
        driver.restart();
        driver.advance_wall_clock(10 * SECOND);
        driver.commit();
        assert_eq!(
            done(&mut driver).last().map(String::as_str),
            Some(if patience == 10 { "ada later" } else { "ada slow" })
        );
        let calls = service.calls().iter().filter(|call| *call == "ada slow 1").count();
        assert_eq!(calls, if patience == 10 { 1 } else { 2 });
    }
}

#[test]
fn what_handlers_come_to_while_an_instance_stops_is_not_done_again() {
    let service = Service::default();
    let setup = setup(&service, plain).partitions(1).commit_by_hand();
    // A transaction may be open for six seconds then.
    let setup = setup.with(|app| app.session_timeout(9 * SECOND));
    let mut driver = setup.with(|app| app.handler_stop_timeout(20 * SECOND)).start();
    pipe(&mut driver, &[("ada", "slow"), ("bob", "naps")]);
    driver.commit();
    driver.stop();
    driver.restart();
    driver.commit();
    assert_eq!(done(&mut driver), ["ada slow", "bob naps"]);
    assert_eq!(service.calls(), ["ada slow 1", "bob naps 1"]);
}

#[test]
fn tasks_that_move_take_their_records_along_and_attempts_that_stay_behind_have_no_effect() {
    for crash in [false, true] {
        let service = Service::default();
        let setup = setup(&service, plain).partitions(6);
        let mut driver = setup.start();
        let keys: Vec<_> = (0..12).map(|number| format!("key-{number:02}")).collect();
        let jobs: Vec<_> = keys.iter().flat_map(|key| [(key.as_str(), "slow"), (key.as_str(), "later")]).collect();
        pipe(&mut driver, &jobs);
        assert_eq!(service.calls().len(), 12);
        driver.start_another();
        let moved = service.calls().len();
        assert!(moved > 0, "handlers of tasks that were revoked begin again");
        assert_eq!(service.running(), 12, "and those that stayed behind are cancelled");
        driver.advance_wall_clock(5 * SECOND);
        if crash {
            driver.kill_another()
        } else {
            driver.stop_another()
        }
        for _ in 0..4 {
            driver.advance_wall_clock(10 * SECOND);
            driver.commit();
        }
        let expected: Vec<_> = jobs.iter().map(|(key, value)| format!("{key} {value}")).collect();
        assert_eq!(done(&mut driver), sorted(expected), "{crash}");
        assert_eq!(metrics(&mut driver, "work").in_flight(), 0);
    }
}

/// The transaction times out, so everything since the last commit is undone: also what handlers had come to.
#[test]
fn what_handlers_have_come_to_is_undone_with_its_transaction_and_comes_again() {
    let service = Service::default();
    let mut driver = setup(&service, plain).partitions(1).commit_by_hand().start();
    pipe(&mut driver, &[("ada", "a"), ("bob", "slow")]);
    driver.commit();
    assert_eq!(service.calls(), ["ada a 1", "bob slow 1"]);
    pipe(&mut driver, &[("ada", "b")]);
    // Longer than a transaction may stay open. The handler that ends meanwhile belongs to what is undone.
    driver.advance_wall_clock(11 * SECOND);
    for _ in 0..4 {
        driver.advance_wall_clock(SECOND);
        driver.commit();
    }
    driver.advance_wall_clock(10 * SECOND);
    driver.commit();
    assert_eq!(done(&mut driver), ["ada a", "ada b", "bob slow"]);
    assert_eq!((left_in_changelog(&driver), metrics(&mut driver, "work").in_flight()), (0, 0));
}
