//! Programs that process records which are old by the wall clock.

use std::time::Duration;

use streams_core::record::Timestamp;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::windows::{Tumbling, Windowed};

use crate::{A, topology};

const COUNTS: Topic<Windowed<String>, Option<i64>> = Topic::new("counts").windows_of(HOUR);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Regression: retention deleted the windows' changelog a second after it was written, so that after a restart the counts
/// started from zero.
#[test]
fn windows_over_old_records_go_on_counting_after_a_crash() {
    for exactly_once in [false, true] {
        let topology = topology(|b| {
            let hours = Tumbling::of(HOUR).no_grace();
            b.stream(A).group_by_key().windowed_by(hours).count().to_stream().to(COUNTS);
        });
        let ten_days = i64::try_from((10 * DAY).as_millis()).unwrap();
        let setup = TestDriver::configure(topology).start_at(Timestamp(ten_days));
        let mut driver =
            setup.with(move |app| if exactly_once { app.exactly_once() } else { app.at_least_once() }).start();
        driver.pipe_at(&A, "k", "one", Timestamp(1_000));
        driver.pipe_at(&A, "k", "two", Timestamp(2_000));
        // Long enough for the log's housekeeping to run.
        driver.advance_wall_clock(Duration::from_secs(5));
        driver.kill();
        driver.restart();
        driver.pipe_at(&A, "k", "three", Timestamp(3_000));
        let counts: Vec<_> = driver.read(&COUNTS).into_iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [Some(1), Some(2), Some(3)], "exactly once: {exactly_once}");
    }
}
