//! Sliding windows in whole programs: every set of records that are near each other, whatever happens on the way.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::{StreamsBuilder, Suppress};
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::WindowStore;
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::windows::{Sliding, Windowed};

use crate::results::{MAYBE, WORDS, pipe_at};
use crate::topology;

const TEN: Duration = Duration::from_millis(10);
const DIFFERENCE: i64 = 10;
const COUNTS: WindowStore<String, i64> = WindowStore::new("sliding");
const OUT: Topic<Windowed<String>, Option<i64>> = Topic::new("sliding-out").windows_of(TEN);

fn counts(b: &StreamsBuilder) {
    let windows = Sliding::of(TEN).grace(Duration::from_millis(200));
    b.stream(WORDS).group_by_key().windowed_by(windows).count().stored_as(COUNTS).to_stream().to(OUT);
}

#[derive(Debug, Clone)]
enum Step {
    Record(u8, i64),
    Commit,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (0..3_u8, 0..100_i64).prop_map(|(key, at)| Step::Record(key, at)),
        1 => Just(Step::Commit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..60)
}

type Rows = BTreeMap<(String, i64), i64>;

/// The definition: a window ends with each record, or starts at 0 if it would start earlier, and one starts after each
/// record if there are records in it. None is late.
fn expected(steps: &[Step]) -> Rows {
    let mut times: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for step in steps {
        if let Step::Record(key, at) = step {
            times.entry(format!("k{key}")).or_default().push(*at);
        }
    }
    let mut rows = Rows::new();
    for (key, times) in times {
        let starts: BTreeSet<i64> = times.iter().flat_map(|at| [(at - DIFFERENCE).max(0), at + 1]).collect();
        for start in starts {
            let count = times.iter().filter(|at| (start..=start + DIFFERENCE).contains(*at)).count();
            if count > 0 {
                rows.insert((key.clone(), start), i64::try_from(count).unwrap());
            }
        }
    }
    rows
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn there_is_a_window_for_each_set_of_records_that_are_near_each_other(
        steps in steps(),
        cache in prop::sample::select(vec![0, 2_000, 10 << 20]),
        keeps in any::<bool>(),
    ) {
        let driver = TestDriver::configure(topology(counts)).caching(cache).with(App::exactly_once);
        let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
        for step in &steps {
            match step {
                Step::Record(key, at) => pipe_at(&mut driver, ('w', &format!("k{key}"), "x"), *at),
                Step::Commit => driver.commit(),
                Step::Kill => {
                    driver.kill();
                    driver.restart();
                }
            }
        }
        driver.commit();
        let expected = expected(&steps);
        let stored = driver.windows(&COUNTS).into_iter();
        let stored: Rows = stored.map(|(key, start, count)| ((key, start.0), count)).collect();
        prop_assert_eq!(&stored, &expected);
        let mut last = Rows::new();
        for (key, count) in driver.read(&OUT) {
            prop_assert_eq!(key.window.end.0, key.window.start.0 + DIFFERENCE);
            last.insert((key.key, key.window.start.0), count.unwrap_or_default());
        }
        prop_assert_eq!(&last, &expected);
    }
}

#[test]
fn a_keys_windows_are_found_by_their_starts() {
    let mut driver = TestDriver::new(topology(counts));
    for (key, at) in [("b", 20), ("a", 20), ("a", 70_000), ("ab", 70_000), ("a", 70_005)] {
        pipe_at(&mut driver, ('w', key, "x"), at);
    }
    driver.commit();
    let rows = driver.windows_with_key(&COUNTS, "a", Timestamp(10)..=Timestamp(69_999));
    let rows: Vec<_> = rows.into_iter().map(|(start, count)| (start.0, count)).collect();
    assert_eq!(rows, [(69_990, 1), (69_995, 2)], "the first ones are over");
    let all = driver.windows(&COUNTS).into_iter();
    let all: Vec<_> = all.map(|(key, start, count)| format!("{key}@{}={count}", start.0)).collect();
    assert_eq!(all, ["a@69990=1", "ab@69990=1", "a@69995=2", "a@70001=1"]);
}

#[test]
fn records_without_a_key_or_a_value_and_late_ones_are_counted() {
    let mut driver = TestDriver::new(topology(|b| {
        let windows = Sliding::of(TEN).no_grace();
        b.stream(MAYBE).group_by_key().windowed_by(windows).count().stored_as(COUNTS);
    }));
    for (key, value, at) in [("a", "-", 500), ("-", "x", 500), ("a", "x", 100), ("a", "x", 90), ("a", "x", 89)] {
        pipe_at(&mut driver, ('m', key, value), at);
    }
    let dropped: BTreeMap<_, _> = driver.tasks().into_values().flat_map(|task| task.dropped).collect();
    // The window that ended with the fourth one has closed, the one that began with it has not.
    assert_eq!(dropped, BTreeMap::from([("null-key", 1), ("null-value", 1), ("late", 2)]));
    let rows: Vec<_> = driver.windows(&COUNTS).into_iter().map(|(_, start, count)| (start.0, count)).collect();
    assert_eq!(rows, [(90, 2), (91, 1)]);
}

#[test]
fn a_suppression_sends_each_window_when_it_is_over() {
    let mut driver = TestDriver::new(topology(|b| {
        let windows = Sliding::of(TEN).grace(Duration::from_millis(5));
        let counts = b.stream(WORDS).group_by_key().windowed_by(windows).count();
        counts.suppress(Suppress::until_window_closes().unbounded()).to_stream().to(OUT);
    }));
    let mut sent = Vec::new();
    for at in [20, 24, 25, 30, 36] {
        pipe_at(&mut driver, ('w', "a", "x"), at);
        driver.commit();
        let rows = driver.read(&OUT).into_iter();
        sent.push(rows.map(|(key, count)| (key.window.start.0, count.unwrap_or_default())).collect::<Vec<_>>());
    }
    let expected = [vec![], vec![], vec![(10, 1)], vec![(14, 2), (15, 3)], vec![(20, 4), (21, 3)]];
    assert_eq!(sent, expected);
}
