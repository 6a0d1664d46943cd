//! A task whose handlers are behind takes no more records; others go on.

use std::time::Duration;

use streams_core::testing::TestDriver;

use crate::service::{JOBS, Service, done, metrics, setup};

fn processed(driver: &mut TestDriver) -> Vec<u64> {
    driver.tasks().values().map(|task| task.processed).collect()
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
