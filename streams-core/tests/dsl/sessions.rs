//! Session windows in whole programs: several partitions, caches, crashes, and what comes after them.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::{StreamsBuilder, Suppress};
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::{KeyValueStore, SessionStore};
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::windows::{Session, Sessions, Windowed};

use crate::results::{COUNTS, TEXTS, WORDS, pipe_at, read};
use crate::topology;

const VISITS: SessionStore<String, i64> = SessionStore::new("visits");
const OUT: Topic<Windowed<String, Session>, Option<i64>> = Topic::new("visits-out");

fn session(start: i64, end: i64) -> Session {
    Session { start: Timestamp(start), end: Timestamp(end) }
}

/// Counts per session and value, behind a repartition.
fn visits(b: &StreamsBuilder) {
    let sessions = Sessions::gap(Duration::from_millis(10)).grace(Duration::from_millis(100));
    let visits = b.stream(WORDS).group_by(|_, value| value.clone()).windowed_by(sessions).count().stored_as(VISITS);
    visits.to_stream().to(OUT);
}

#[derive(Debug, Clone)]
enum Step {
    Record(u8, u8, i64),
    Commit,
    Kill,
    Stop,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..5_u8, 0..4_u8, 0..100_i64).prop_map(|(key, value, at)| Step::Record(key, value, at)),
        1 => Just(Step::Commit),
        1 => Just(Step::Kill),
        1 => Just(Step::Stop),
    ];
    prop::collection::vec(step, 1..60)
}

type Rows = BTreeMap<(String, Session), i64>;

/// Records that are no further apart than 10 ms belong together. None is late.
fn expected(steps: &[Step]) -> Rows {
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for step in steps {
        if let Step::Record(_, value, at) = step {
            times.entry(format!("v{value}")).or_default().push(*at);
        }
    }
    let mut rows = Rows::new();
    for (key, mut times) in times {
        times.sort_unstable();
        for group in times.chunk_by(|earlier, later| later - earlier <= 10) {
            rows.insert((key.clone(), session(group[0], group[group.len() - 1])), group.len() as i64);
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn the_last_rows_are_the_same_whatever_happens_on_the_way(
        steps in steps(),
        partitions in prop::sample::select(vec![1, 3]),
        cache in prop::sample::select(vec![0, 2_000, 10 << 20]),
        keeps in any::<bool>(),
        exactly_once in any::<bool>(),
    ) {
        let driver = TestDriver::configure(topology(visits)).partitions(partitions).caching(cache);
        let guarantee = if exactly_once { App::exactly_once } else { App::at_least_once };
        let driver = driver.with(guarantee);
        let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
        // At least once, what was not committed is counted again.
        let kills = exactly_once;
        for step in &steps {
            match step {
                Step::Record(key, value, at) => pipe_at(&mut driver, ('w', &format!("k{key}"), &format!("v{value}")), *at),
                Step::Commit => driver.commit(),
                Step::Kill if kills => {
                    driver.kill();
                    driver.restart();
                }
                Step::Kill | Step::Stop => {
                    driver.commit();
                    driver.kill();
                    driver.restart();
                }
            }
        }
        driver.commit();
        let expected = expected(&steps);
        let stored = driver.sessions(&VISITS).into_iter();
        let stored: Rows = stored.map(|(key, session, count)| ((key, session), count)).collect();
        prop_assert_eq!(&stored, &expected);
        let mut last = Rows::new();
        for (key, count) in driver.read(&OUT) {
            let row = (key.key, key.window);
            match count {
                Some(count) => last.insert(row, count),
                None => last.remove(&row),
            };
        }
        prop_assert_eq!(&last, &expected);
    }
}

#[test]
fn sessions_go_through_topics_and_stores_with_start_and_end() {
    const BY_SESSION: KeyValueStore<Windowed<String, Session>, i64> = KeyValueStore::new("by-session");
    let tens = Sessions::gap(Duration::from_millis(10)).no_grace();
    for caching in [0, 1 << 20] {
        let program = topology(|b| {
            let counts = b.stream(WORDS).group_by_key().windowed_by(tens).count().to_stream();
            let again = counts.repartition().filter_some().to_table().stored_as(BY_SESSION);
            let shown = again.to_stream().map(|key, count| {
                let Session { start, end } = key.window;
                (Some(format!("{}@{}..{}", key.key, start.0, end.0)), count.map(|count| count.to_string()))
            });
            shown.to(TEXTS);
        });
        let mut driver = TestDriver::configure(program).caching(caching).start();
        for (key, at) in [("a", 13), ("b", 14), ("a", 20)] {
            pipe_at(&mut driver, ('w', key, "x"), at);
            driver.commit();
        }
        assert_eq!(read(&mut driver, &TEXTS), "a@13..13=1 b@14..14=1 a@13..20=2", "cache: {caching}");
        let window = |key: &str, start, end| Windowed { key: key.to_owned(), window: session(start, end) };
        let rows = [(window("a", 13, 13), 1), (window("a", 13, 20), 2), (window("b", 14, 14), 1)];
        assert_eq!(driver.rows(&BY_SESSION), rows, "tombstones were left out");
    }
}

#[test]
fn a_key_may_need_more_room_than_all_caches_have() {
    let tens = Sessions::gap(Duration::from_millis(10)).grace(Duration::from_millis(10_000));
    let program = topology(|b| _ = b.stream(WORDS).group_by_key().windowed_by(tens).count().stored_as(VISITS));
    let mut driver = TestDriver::configure(program).caching(300).start();
    for at in (0..2_000).step_by(100) {
        pipe_at(&mut driver, ('w', "a", "x"), at);
    }
    let expected: Vec<_> = (0..2_000).step_by(100).map(|at| ("a".to_owned(), session(at, at), 1)).collect();
    assert_eq!(driver.sessions(&VISITS), expected, "and the application has something else to do than to make room");
}

/// A group of a session table's rows subtracts what was there before, also if a session was only updated.
#[test]
fn a_group_of_sessions_follows_them() {
    let tens = Sessions::gap(Duration::from_millis(10)).grace(Duration::from_millis(100));
    for caching in [0, 1 << 20] {
        let program = topology(|b| {
            let counts = b.stream(WORDS).group_by_key().windowed_by(tens).count();
            let records = counts.group_by(|_, count| ("all".to_owned(), count));
            records
                .reduce(|left, right| left + right, |left, right| left - right)
                .to_stream()
                .map(|key, sum| (Some(key), sum))
                .to(COUNTS);
        });
        let mut driver = TestDriver::configure(program).caching(caching).start();
        let mut sums = Vec::new();
        for (key, at) in [("a", 20), ("a", 20), ("b", 20), ("a", 50), ("a", 60), ("a", 35), ("a", 30), ("a", 45)] {
            pipe_at(&mut driver, ('w', key, "x"), at);
            driver.commit();
            sums.push(read(&mut driver, &COUNTS).split(' ').next_back().unwrap_or_default().to_owned());
        }
        let expected: Vec<_> = (1..=8).map(|sum| format!("all={sum}")).collect();
        assert_eq!(sums, expected, "cache: {caching}");
    }
}

#[test]
fn a_suppression_sends_each_session_when_it_is_over() {
    for caching in [0, 1 << 20] {
        let program = topology(|b| {
            let tens = Sessions::gap(Duration::from_millis(10)).grace(Duration::from_millis(5));
            let counts = b.stream(WORDS).group_by_key().windowed_by(tens).count();
            counts.suppress(Suppress::until_window_closes().unbounded()).to_stream().to(OUT);
        });
        let mut driver = TestDriver::configure(program).caching(caching).start();
        let mut sent = Vec::new();
        for (key, at) in [("a", 20), ("a", 30), ("b", 25), ("a", 25), ("b", 40), ("b", 45), ("a", 61)] {
            pipe_at(&mut driver, ('w', key, "x"), at);
            driver.commit();
            let rows = driver.read(&OUT).into_iter();
            sent.push(
                rows.map(|(key, count)| (key.key, key.window.start.0, key.window.end.0, count)).collect::<Vec<_>>(),
            );
        }
        let row = |key: &str, start, end, count| (key.to_owned(), start, end, Some(count));
        let expected = [
            vec![],
            vec![],
            vec![],
            vec![],
            vec![row("b", 25, 25, 1)],
            vec![row("a", 20, 30, 3)],
            vec![row("b", 40, 45, 2)],
        ];
        assert_eq!(sent, expected, "cache: {caching}");
    }
}

#[test]
fn late_records_are_counted_under_their_node() {
    let mut driver = TestDriver::new(topology(|b| {
        let tens = Sessions::gap(Duration::from_millis(10)).no_grace();
        b.stream(WORDS).group_by_key().windowed_by(tens).count().named("visits").stored_as(VISITS);
    }));
    for at in [100, 89, 90, 80] {
        pipe_at(&mut driver, ('w', "a", "x"), at);
    }
    let dropped: Vec<_> = driver.tasks().into_values().flat_map(|task| task.dropped).collect();
    assert_eq!(dropped, [("late", 1)]);
    assert_eq!(driver.sessions(&VISITS), [("a".to_owned(), session(80, 100), 3)]);
}

/// The store forgets a session a millisecond before a record is late for it, as Kafka Streams' stores do.
#[test]
fn a_session_is_found_a_moment_less_long_than_a_record_may_be_late_for_it() {
    let apart: &[_] = &[((0, 0), Some(1)), ((40, 40), Some(1)), ((40, 40), None), ((10, 40), Some(2))];
    let together: &[_] =
        &[((0, 0), Some(1)), ((40, 40), Some(1)), ((0, 0), None), ((40, 40), None), ((0, 40), Some(3))];
    for (retention, expected) in [(40, apart), (41, together)] {
        let mut driver = TestDriver::new(topology(|b| {
            let sessions = Sessions::gap(Duration::from_millis(30)).grace(Duration::from_millis(10));
            let counts = b.stream(WORDS).group_by_key().windowed_by(sessions).count();
            counts.retention(Duration::from_millis(retention)).to_stream().to(OUT);
        }));
        for time in [0, 40, 10] {
            pipe_at(&mut driver, ('w', "k", "v"), time);
        }
        let rows = driver.read(&OUT).into_iter().map(|(key, count)| ((key.window.start.0, key.window.end.0), count));
        assert_eq!(rows.collect::<Vec<_>>(), expected, "kept for {retention} ms");
    }
}
