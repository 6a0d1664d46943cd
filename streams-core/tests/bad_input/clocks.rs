//! Clocks of machines that are wrong, and are set while an application runs.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use streams_core::clock::{Clock, SharedClock, SystemClock};
use streams_core::dsl::Suppress;
use streams_core::log::Embedded;
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::{JoinWindows, Sessions, Tumbling};

use crate::world::topology;

const CLICKS: Topic<String, i64> = Topic::new("clicks");
const BUYS: Topic<String, i64> = Topic::new("buys");
const COUNTS: Topic<String, String> = Topic::new("counts");
const VISITS: Topic<String, String> = Topic::new("visits");
const BOUGHT: Topic<String, String> = Topic::new("bought");

const HOUR_MS: i64 = 3_600_000;

/// Each look at it is an hour later or earlier than the one before. What passes is right.
struct Wandering {
    right: SystemClock,
    looks: AtomicI64,
}

impl Clock for Wandering {
    fn now(&self) -> Timestamp {
        let look = self.looks.fetch_add(1, Ordering::SeqCst);
        Timestamp(self.right.now().0 + if look % 2 == 0 { HOUR_MS } else { -HOUR_MS })
    }

    fn monotonic(&self) -> Duration {
        self.right.monotonic()
    }
}

/// Everything that depends on time: windows that close, sessions, and a join that waits for the other side.
fn visits() -> Topology {
    let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
    topology(|builder| {
        let clicks = builder.stream(CLICKS);
        let windows = Tumbling::of(minutes(5)).grace(minutes(1));
        let closed = Suppress::until_window_closes().unbounded();
        let counts = clicks.group_by_key().windowed_by(windows).count().suppress(closed);
        counts.to_stream().map(|key, count| (key.key, format!("{}: {count:?}", key.window.start.0))).to(COUNTS);
        let sessions = clicks.group_by_key().windowed_by(Sessions::gap(minutes(2)).grace(minutes(1))).count();
        let sessions = sessions.to_stream().map(|key, count| (key.key, format!("{}: {count:?}", key.window.start.0)));
        sessions.to(VISITS);
        let buys = builder.stream(BUYS).within(JoinWindows::of(minutes(1)).grace(minutes(1)));
        clicks.left_join(buys, |click, buy| format!("{click} {buy:?}")).to(BOUGHT);
    })
}

/// Clicks every twenty seconds, by three visitors, with some late ones and a pause, and some buys.
fn log() -> Embedded {
    let log = Embedded::in_memory();
    for (topic, step) in [(CLICKS, 1), (BUYS, 7)] {
        log.create_topic(topic.name(), 2).unwrap();
        for number in (0..300).step_by(step) {
            let (late, pause) = (if number % 11 == 0 { 40_000 } else { 0 }, if number > 150 { 900_000 } else { 0 });
            let time = 1_700_000_000_000 + number * 20_000 + pause - late;
            log.send_at(&topic, format!("visitor-{}", number % 3), number, Timestamp(time)).unwrap();
        }
    }
    log
}

/// All results, in order for each key.
fn results(log: &Embedded) -> Vec<(String, String, Timestamp)> {
    let mut all: Vec<_> = [COUNTS, VISITS, BOUGHT]
        .iter()
        .flat_map(|topic| log.read(topic).unwrap())
        .map(|record| (record.key, record.value, record.timestamp))
        .collect();
    all.sort_by(|left, right| left.0.cmp(&right.0));
    all
}

#[test]
fn a_clock_that_is_set_back_and_forth_by_hours_changes_no_result() {
    for exactly_once in [false, true] {
        let run = |wanders: bool| {
            let log = log();
            // What caches merge depends on when it is committed.
            let app = App::new("visits", visits()).cache_bytes(0);
            let app = if exactly_once { app.exactly_once() } else { app.at_least_once() };
            let clock = Arc::new(Wandering { right: SystemClock::new(), looks: AtomicI64::new(0) });
            let app = if wanders { app.clock(Arc::clone(&clock) as SharedClock) } else { app };
            app.run_until_idle(log.clone()).unwrap();
            assert_eq!(clock.looks.load(Ordering::SeqCst) > 100, wanders, "it was looked at");
            results(&log)
        };
        let expected = run(false);
        assert!(expected.len() > 500, "{}", expected.len());
        assert!(run(true) == expected, "exactly once: {exactly_once}");
    }
}
