//! Processors that read the rows of windowed tables.

use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::record::Timestamp;
use streams_core::state::{KeyValueStore, SessionStore, WindowStore};
use streams_core::testing::TestDriver;
use streams_core::topology::{Topology, TopologyError};
use streams_core::windows::{Hopping, Sessions, Sliding, Tumbling};

use crate::{A, B, OUT, topology};

const WINDOWS: WindowStore<String, i64> = WindowStore::new("windows");
const SESSIONS: SessionStore<String, i64> = SessionStore::new("sessions");

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A record of `B` asks for windows of its key that start within 10 of its time, and for all.
fn asking(count: impl Fn(&StreamsBuilder)) -> Topology {
    topology(|builder| {
        count(builder);
        let asked = builder.stream(B).process(WINDOWS.read_only(), |windows, key, _: String, out| {
            let now = out.timestamp().0;
            let own = windows.fetch(key, Timestamp(now - 10)..=Timestamp(now + 10)).into_iter();
            let own = own.map(|(start, row)| format!("{}:{}@{}", start.0, row.value, row.timestamp.0));
            let all = windows.all().into_iter();
            let all =
                all.map(|(key, row)| format!("{}{}-{}:{}", key.key, key.window.start.0, key.window.end.0, row.value));
            let exactly = windows.get(key, Timestamp(now));
            out.send(
                key.clone(),
                format!("{} | {exactly:?} | {}", own.collect::<Vec<_>>().join(" "), all.collect::<Vec<_>>().join(" ")),
            );
        });
        _ = asked.to(OUT);
    })
}

/// What is found, with caches, without, and after a crash.
fn found(build: impl Fn() -> Topology, records: &[(i64, &str)], (time, key): (i64, &str)) -> String {
    let mut answers = Vec::new();
    for (caching, crashes) in [(0, false), (1 << 20, false), (1 << 20, true)] {
        let mut driver = TestDriver::configure(build()).caching(caching).start();
        for (time, key) in records {
            driver.pipe_at(&A, *key, "v", Timestamp(*time));
        }
        if crashes {
            driver.commit();
            driver.kill();
            driver.restart();
        }
        driver.pipe_at(&B, key, "?", Timestamp(time));
        driver.commit();
        answers.push(driver.read(&OUT).pop().unwrap().1);
    }
    assert_eq!(answers[0], answers[1], "with a cache");
    assert_eq!(answers[0], answers[2], "after a crash");
    answers.swap_remove(0)
}

#[test]
fn tumbling_and_hopping_windows_are_found_by_their_starts() {
    let tumbling = || {
        asking(|builder| {
            let windows = Tumbling::of(millis(10)).grace(millis(100));
            builder.stream(A).group_by_key().windowed_by(windows).count().stored_as(WINDOWS);
        })
    };
    let records = [(3, "k"), (12, "k"), (7, "j"), (18, "k"), (25, "k"), (1, "k")];
    assert_eq!(
        found(tumbling, &records, (10, "k")),
        "0:2@3 10:2@18 20:1@25 | Some(2) | j0-10:1 k0-10:2 k10-20:2 k20-30:1"
    );
    assert_eq!(found(tumbling, &records, (31, "j")), " | None | j0-10:1 k0-10:2 k10-20:2 k20-30:1");

    let hopping = || {
        asking(|builder| {
            let windows = Hopping::of(millis(10)).advance_by(millis(5)).grace(millis(100));
            builder.stream(A).group_by_key().windowed_by(windows).count().stored_as(WINDOWS);
        })
    };
    assert_eq!(found(hopping, &[(3, "k"), (6, "k")], (5, "k")), "0:2@6 5:1@6 | Some(1) | k0-10:2 k5-15:1");
}

#[test]
fn sliding_windows_are_found_by_their_starts() {
    let sliding = || {
        asking(|builder| {
            let windows = Sliding::of(millis(10)).grace(millis(100));
            builder.stream(A).group_by_key().windowed_by(windows).count().stored_as(WINDOWS);
        })
    };
    let answer = found(sliding, &[(20, "k"), (24, "k"), (22, "j")], (14, "k"));
    assert_eq!(answer, "10:1@20 14:2@24 21:1@24 | Some(2) | j12-22:1 k10-20:1 k14-24:2 k21-31:1");
}

/// Rows lie in spans of a minute or more, and the bytes of a key may begin with those of another.
#[test]
fn windows_of_keys_with_the_same_beginning_are_found_in_every_span() {
    let day = millis(86_400_000);
    let records = [(5, "k"), (70_000, "kk"), (70_001, "k"), (200_000, "k"), (3_000_000, "j"), (3_000_001, "k")];
    let windows = || {
        asking(|builder| {
            let windows = Tumbling::of(millis(10)).grace(day);
            builder.stream(A).group_by_key().windowed_by(windows).count().stored_as(WINDOWS);
        })
    };
    let sliding = || {
        asking(|builder| {
            let windows = Sliding::of(millis(10)).grace(day);
            builder.stream(A).group_by_key().windowed_by(windows).count().stored_as(WINDOWS);
        })
    };
    let own = |answer: String| answer.split(" | ").next().unwrap().to_owned();
    assert_eq!(own(found(windows, &records, (70_005, "k"))), "70000:1@70001");
    assert_eq!(own(found(windows, &records, (3_000_000, "k"))), "3000000:1@3000001");
    assert_eq!(own(found(sliding, &records, (70_000, "k"))), "69991:1@70001");
    assert_eq!(own(found(sliding, &records, (200_000, "k"))), "199990:1@200000");
    assert_eq!(own(found(sliding, &records, (70_000, "kk"))), "69990:1@70000");

    let sessions = || {
        topology(|builder: &StreamsBuilder| {
            let gap = Sessions::gap(millis(10)).grace(day);
            builder.stream(A).group_by_key().windowed_by(gap).count().stored_as(SESSIONS);
            let asked = builder.stream(B).process(SESSIONS.read_only(), |sessions, key, _: String, out| {
                let all = sessions.fetch(key).into_iter().map(|(session, _)| session.start.0.to_string());
                let later = sessions.find(key, out.timestamp(), Timestamp(i64::MAX)).len();
                out.send(key.clone(), format!("{} | {later}", all.collect::<Vec<_>>().join(" ")));
            });
            _ = asked.to(OUT);
        })
    };
    assert_eq!(found(sessions, &records, (100_000, "k")), "5 70001 200000 3000001 | 2");
    assert_eq!(found(sessions, &records, (100_000, "kk")), "70000 | 0");
}

/// What is kept longer only because whole segments expire is not found.
#[test]
fn windows_that_are_over_are_not_found() {
    let build = || {
        asking(|builder| {
            let windows = Tumbling::of(millis(10)).no_grace();
            let counts = builder.stream(A).group_by_key().windowed_by(windows).count().stored_as(WINDOWS);
            counts.retention(millis(20));
        })
    };
    let mut driver = TestDriver::configure(build()).caching(0).start();
    for (time, expected) in [(5, "k0-10:1"), (15, "k0-10:1 k10-20:1"), (25, "k10-20:1 k20-30:1"), (99, "k90-100:1")] {
        driver.pipe_at(&A, "k", "v", Timestamp(time));
        driver.pipe_at(&B, "k", "?", Timestamp(time));
        let answer = driver.read(&OUT).pop().unwrap().1;
        assert_eq!(answer.rsplit("| ").next(), Some(expected), "at {time}");
    }
}

#[test]
fn sessions_are_found_by_their_ends_and_starts() {
    let build = || {
        topology(|builder: &StreamsBuilder| {
            let gap = Sessions::gap(millis(10)).grace(millis(100));
            builder.stream(A).group_by_key().windowed_by(gap).count().stored_as(SESSIONS);
            let asked = builder.stream(B).process(SESSIONS.read_only(), |sessions, key, _: String, out| {
                let now = out.timestamp();
                let near = sessions.find(key, now, Timestamp(now.0 + 10)).into_iter();
                let near = near.map(|(session, count)| format!("{}-{}:{count}", session.start.0, session.end.0));
                let own = sessions.fetch(key).len();
                let all = sessions.fetch_keys(.."k".to_owned()).into_iter().map(|(key, ..)| key);
                let (near, all) = (near.collect::<Vec<_>>().join(" "), all.collect::<Vec<_>>().join(" "));
                out.send(key.clone(), format!("{near} | {own} | {all}"));
            });
            _ = asked.to(OUT);
        })
    };
    let records = [(3, "k"), (9, "k"), (50, "k"), (7, "j"), (80, "k"), (45, "k")];
    assert_eq!(found(build, &records, (46, "k")), "45-50:2 | 3 | j");
    assert_eq!(found(build, &records, (9, "k")), "3-9:2 | 3 | j");
}

#[test]
fn a_store_of_windows_is_read_with_its_own_constant() {
    let refused = |read: fn(&StreamsBuilder)| {
        let builder = StreamsBuilder::new();
        let windows = Tumbling::of(millis(10)).no_grace();
        builder.stream(A).group_by_key().windowed_by(windows).count().stored_as(WINDOWS);
        read(&builder);
        builder.build().unwrap_err()
    };
    let error = refused(|builder| {
        const PLAIN: KeyValueStore<String, i64> = KeyValueStore::new("windows");
        _ = builder
            .stream(B)
            .process(PLAIN.read_only(), |_, key, value: String, out| out.send(key.clone(), value))
            .to(OUT);
    });
    assert!(matches!(error, TopologyError::StoreRead { read: "KeyValueStore", is: "WindowStore", .. }), "{error}");
    let error = refused(|builder| {
        const SAME: SessionStore<String, i64> = SessionStore::new("windows");
        _ = builder
            .stream(B)
            .process(SAME.read_only(), |_, key, value: String, out| out.send(key.clone(), value))
            .to(OUT);
    });
    assert!(matches!(error, TopologyError::StoreRead { read: "SessionStore", is: "WindowStore", .. }), "{error}");
}
