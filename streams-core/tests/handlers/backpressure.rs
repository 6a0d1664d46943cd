//! A task whose handlers are behind takes no more records; others go on.

use std::time::Duration;

use streams_core::runtime::Settings;
use streams_core::testing::TestDriver;

use crate::service::{JOBS, Service, done, metrics, setup};

fn processed(driver: &mut TestDriver) -> Vec<u64> {
    driver.tasks().values().map(|task| task.processed).collect()
}

/// Tasks of the same process have one limit, unless the handler has its own.
#[test]
fn all_tasks_of_a_process_accept_together_as_much_as_their_part_of_the_memory_has_room_for() {
    // The other parts are set, so that a thirty-second of the usual 64 MiB is left.
    let (large, all) = ("slow ".to_owned() + &"x".repeat(100_000), 60);
    for (own_limit, expected) in [(false, 20..=23), (true, 60..=60)] {
        let service = Service::default();
        let setup = setup(&service, move |handled| {
            let handled = handled.concurrency(all);
            if own_limit { handled.max_bytes(usize::MAX) } else { handled }
        });
        let setup = setup.with(|app| {
            let settings =
                Settings { uncommitted_bytes: 65 << 20, input_buffer_bytes: 65 << 20, ..Settings::default() };
            let app = app.settings(settings).exactly_once().dead_letters_to("dead-letters").cache_bytes(1 << 20);
            app.memory_bytes((2 * 65 + 65 + 1 + 2) << 20)
        });
        let mut driver = setup.start();
        (0..all).for_each(|number| driver.pipe(&JOBS, format!("key-{number}"), large.as_str()));
        let seen = metrics(&mut driver, "work").in_flight();
        assert!(expected.contains(&seen), "{seen} of 100 kB are in flight, own limit: {own_limit}");
        let busy = driver.tasks().values().filter(|task| task.in_flight() > 0).count();
        assert_eq!(busy, 3, "each task has something");
        for _ in 0..10 {
            driver.advance_wall_clock(Duration::from_secs(10));
        }
        assert_eq!((done(&mut driver).len(), metrics(&mut driver, "work").in_flight()), (all, 0));
    }
}

#[test]
fn a_task_that_has_accepted_as_much_as_it_may_takes_nothing_more_until_some_is_done() {
    for by_bytes in [false, true] {
        let service = Service::default();
        let setup = setup(&service, move |handled| match by_bytes {
            false => handled.max_records(5),
            // A row is counted with 200 bytes more than its key and value, and the last one may go beyond.
            true => handled.max_bytes(4 * 207 + 1),
        });
        let mut driver = setup.start();
        // The keys are in two partitions.
        for (key, value, count) in [("ada", "slow", 20), ("bob", "quick", 20)] {
            (0..count).for_each(|_| driver.pipe(&JOBS, key, value));
        }
        let mut seen = processed(&mut driver);
        seen.sort_unstable();
        assert_eq!(seen, [0, 5, 20], "{by_bytes}");
        assert_eq!(done(&mut driver).len(), 20);
        assert_eq!(metrics(&mut driver, "work").in_flight(), 5);
        for _ in 0..25 {
            driver.advance_wall_clock(Duration::from_secs(10));
            assert!(metrics(&mut driver, "work").in_flight() <= 5);
        }
        assert_eq!((done(&mut driver).len(), metrics(&mut driver, "work").in_flight()), (20, 0));
    }
}
