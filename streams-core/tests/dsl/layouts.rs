//! State that the next version of a program finds on the disk although its rows would lie in another way.

use std::time::Duration;

use streams_core::log::Embedded;
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::KeyValueStore;
use streams_core::testing::KeptState;
use streams_core::topic::Topic;
use streams_core::windows::{Session, Sessions, Windowed};

use crate::topology;

const IN: Topic<String, String> = Topic::new("in");

/// A program's next version may let rows expire, or no longer: what is on the disk is of another kind then.
#[test]
fn a_table_gets_and_loses_its_time_to_live_between_two_runs() {
    const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
    const SEEN: Topic<String, Option<i64>> = Topic::new("seen");
    fn counts(expires: bool) -> streams_core::topology::Topology {
        topology(|b| {
            let counts = b.stream(IN).group_by_key().count().stored_as(COUNTS);
            (if expires { counts.expire_after(Duration::from_millis(10)) } else { counts }).to_stream().to(SEEN);
        })
    }
    let (log, state) = (Embedded::in_memory(), KeptState::default());
    let mut seen = Vec::new();
    for (expires, records) in
        [(false, &[(0, "a"), (1, "a"), (5, "b")][..]), (true, &[(9, "b"), (11, "b")]), (false, &[(40, "b"), (41, "a")])]
    {
        for (time, key) in records {
            log.send_at(&IN, *key, "", Timestamp(*time)).unwrap();
        }
        let app = App::new("counts", counts(expires)).cache_bytes(0).state_in(state.clone()).quiet();
        app.run_until_idle(log.clone()).unwrap();
        let all = log.read(&SEEN).unwrap();
        let new = all.iter().skip(seen.len()).map(|row| format!("{}={}", row.key, row.value.unwrap_or(-1)));
        seen.extend(new.collect::<Vec<_>>());
    }
    // In the second run, the row of `a` is from 1 and goes at 11. In the third one, all stays.
    assert_eq!(seen, ["a=1", "a=2", "b=1", "b=2", "a=-1", "b=3", "b=4", "a=1"]);
}

/// Sessions lie in spans of time, whose length depends on how long sessions are kept.
#[test]
fn sessions_that_are_kept_longer_are_found_where_they_lie_now() {
    const VISITS: Topic<Windowed<String, Session>, Option<i64>> = Topic::new("visits");
    let hour = Duration::from_secs(3_600);
    let (log, state) = (Embedded::in_memory(), KeptState::default());
    for kept in [2 * hour, 9 * hour] {
        let program = topology(|b| {
            let sessions = Sessions::gap(hour).no_grace();
            b.stream(IN).group_by_key().windowed_by(sessions).count().retention(kept).to_stream().to(VISITS);
        });
        // Two hours and more after 0, in the third span of an hour, and in the first one of four and a half.
        log.send_at(&IN, "a", "", Timestamp(2 * 3_600_000 + i64::try_from(kept.as_secs()).unwrap())).unwrap();
        let app = App::new("visits", program).state_in(state.clone()).quiet();
        app.run_until_idle(log.clone()).unwrap();
    }
    let counts: Vec<_> = log.read(&VISITS).unwrap().into_iter().map(|row| row.value).collect();
    assert_eq!(counts, [Some(1), None, Some(2)]);
}
