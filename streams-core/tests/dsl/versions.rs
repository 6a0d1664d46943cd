//! Tables that know what their rows were: joins with them, what comes out of order, and what they know after crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::{StreamsBuilder, Suppress};
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::{KeyValueStore, VersionedStore};
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::{Tumbling, Windowed};

use crate::table_joins::{INNER, INPUT, Join, LEFT, LEFT_JOIN, OUT, OUTER, RIGHT, Text, or_null, pipe, read};
use crate::topology;

const FIVE_MINUTES: Duration = Duration::from_secs(300);
const LEFT_ROWS: VersionedStore<u64, String> = VersionedStore::new("left-rows", FIVE_MINUTES);
const RIGHT_ROWS: VersionedStore<u64, String> = VersionedStore::new("right-rows", FIVE_MINUTES);
const JOINED: KeyValueStore<u64, String> = KeyValueStore::new("joined");

/// How a program may run without changing its output, if every record is committed.
fn ways(topology: &Topology) -> Vec<(&'static str, TestDriver)> {
    let setup = || TestDriver::configure(topology.clone()).partitions(3);
    vec![
        ("without caches", setup().with(|app| app.cache_bytes(0)).start()),
        ("with caches", setup().start()),
        ("exactly once", setup().with(|app| app.exactly_once()).start()),
    ]
}

#[track_caller]
fn check(what: &str, topology: &Topology, expected: &str) {
    for (way, mut driver) in ways(topology) {
        for (step, (record, expected)) in INPUT.split(' ').zip(expected.split("; ")).enumerate() {
            pipe(&mut driver, record);
            assert_eq!(read(&mut driver), expected, "{what}, {way}, step {step}: {record}");
        }
    }
}

/// `TableTableJoinIntegrationTest`, the tests with versioned stores on one side or both: what comes out of order is not
/// joined, if it is on a side that has versions.
#[test]
fn joins_of_tables_give_what_kafka_streams_own_tests_expect() {
    let expected: [(Join, [&str; 3]); 3] = [
        (
            INNER,
            [
                "; ; ; A-a@4; B-a@5; B-b@6; ~@7; ; ; C-c@10; ~@11; ; ; ; ; ; ; ; E-e@15; ; ; ; ",
                "; ; ; A-a@4; B-a@5; B-b@6; ~@7; ; ; C-c@10; ~@11; ; ; ; ; ; ; ; E-e@15; ; ~@15; ; E-f@15",
                "; ; ; A-a@4; B-a@5; B-b@6; ~@7; ; ; C-c@10; ~@11; ; ; ; ; ; ; ; E-e@15; ~@14; ; F-e@14; ",
            ],
        ),
        (
            LEFT_JOIN,
            [
                "; ; A-null@3; A-a@4; B-a@5; B-b@6; ~@7; ; C-null@9; C-c@10; C-null@11; ~@12; ; ; ; ; ; ; E-e@15; ; ; ; ",
                "; ; A-null@3; A-a@4; B-a@5; B-b@6; ~@7; ; C-null@9; C-c@10; C-null@11; ~@12; ; ; ; ; ; ; E-e@15; ; \
                 E-null@15; ; E-f@15",
                "; ; A-null@3; A-a@4; B-a@5; B-b@6; ~@7; ; C-null@9; C-c@10; C-null@11; ~@12; ; ; D-null@6; ~@2; ; ; \
                 E-e@15; ~@14; ; F-e@14; ",
            ],
        ),
        (
            OUTER,
            [
                "; ; A-null@3; A-a@4; B-a@5; B-b@6; null-b@7; ~@8; C-null@9; C-c@10; C-null@11; ~@12; ; ; ; ; ; \
                 null-e@14; E-e@15; ; ; ; ",
                "; ; A-null@3; A-a@4; B-a@5; B-b@6; null-b@7; ~@8; C-null@9; C-c@10; C-null@11; ~@12; ; null-d@7; ; ; \
                 ~@3; null-e@14; E-e@15; ; E-null@15; ; E-f@15",
                "; ; A-null@3; A-a@4; B-a@5; B-b@6; null-b@7; ~@8; C-null@9; C-c@10; C-null@11; ~@12; ; ; D-null@6; ~@2; \
                 ; null-e@14; E-e@15; null-e@14; ; F-e@14; ",
            ],
        ),
    ];
    for (join, expected) in expected {
        for (sides, expected) in ["both", "left", "right"].into_iter().zip(expected) {
            let built = topology(|b| {
                let (left, right) = (b.table(LEFT), b.table(RIGHT));
                let left = if sides == "right" { left.not_cached() } else { left.stored_as(LEFT_ROWS) };
                let right = if sides == "left" { right.not_cached() } else { right.stored_as(RIGHT_ROWS) };
                join(left, right).to_stream().to(OUT);
            });
            check(sides, &built, expected);
        }
    }
}

/// `StreamTableJoinIntegrationTest`, the tests with versioned stores.
#[test]
fn a_stream_gets_the_rows_of_its_own_time_as_in_kafka_streams_own_tests() {
    let inner = topology(|b| {
        let rows = b.table(RIGHT).stored_as(RIGHT_ROWS);
        let left = b.stream(LEFT).filter_some();
        left.join(rows, |left, right| Some(format!("{left}-{right}"))).to(OUT);
    });
    check("inner", &inner, "; ; ; ; B-a@5; ; ; ; ; ; ; ; ; ; D-b@6; ; ; ; E-e@15; ; ; F-a@4; ");
    let left = topology(|b| {
        let rows = b.table(RIGHT).stored_as(RIGHT_ROWS);
        let left = b.stream(LEFT).filter_some();
        left.left_join(rows, |left, right| Some(format!("{left}-{}", or_null(right)))).to(OUT);
    });
    check("left", &left, "; ; A-null@3; ; B-a@5; ; ; ; C-null@9; ; ; ; ; ; D-b@6; ; ; ; E-e@15; ; ; F-a@4; ");
}

/// Operators behind a versioned table forward what comes out of order, too, and stores of theirs may have versions or none.
/// An aggregation only counts the latest rows. (What Kafka Streams 4.3.1 printed.)
#[test]
fn operators_behind_a_versioned_table_forward_what_kafka_streams_does() {
    const MAPPED: VersionedStore<u64, String> = VersionedStore::new("mapped", FIVE_MINUTES);
    const CURRENT: KeyValueStore<u64, String> = KeyValueStore::new("current");
    type Derived = for<'t> fn(Text<'t>) -> Text<'t>;
    fn is_upper(row: &str) -> bool {
        row.chars().all(char::is_uppercase)
    }
    fn changes(rows: Text<'_>) -> Text<'_> {
        rows.group_by(|_, row| (1, row)).aggregate(
            String::new,
            |all, row| *all += &format!("+{row}"),
            |all, row| *all += &format!("-{row}"),
        )
    }
    let cases: [(&str, Derived, &str); 10] = [
        ("as it is", |rows| rows, "A@5; a@3; b@7; ~@6; ~@9; C@8; d@9"),
        ("mapped", |rows| rows.map_values(|row| row.to_lowercase()), "a@5; a@3; b@7; ~@6; ~@9; c@8; d@9"),
        ("filtered", |rows| rows.filter(|_, row| is_upper(row)), "A@5; ~@3; ~@7; ~@6; ~@9; C@8; ~@9"),
        (
            "mapped and stored",
            |rows| rows.map_values(|row| row.to_lowercase()).stored_as(CURRENT),
            "a@5; a@3; b@7; ~@6; ; c@8; d@9",
        ),
        (
            "filtered and stored",
            |rows| rows.filter(|_, row| is_upper(row)).stored_as(CURRENT),
            "A@5; ~@3; ; ; ; C@8; ~@9",
        ),
        (
            "mapped with versions",
            |rows| rows.map_values(|row| row.to_lowercase()).stored_as(MAPPED),
            "a@5; a@3; b@7; ~@6; ~@9; c@8; d@9",
        ),
        (
            "filtered with versions",
            |rows| rows.filter(|_, row| is_upper(row)).stored_as(MAPPED),
            "A@5; ~@3; ~@7; ~@6; ~@9; C@8; ~@9",
        ),
        ("aggregated", changes, "+A@5; ; +A-A+b@7; ; +A-A+b-b@9; ; +A-A+b-b+d@9"),
        (
            "aggregated with versions",
            |rows| changes(rows.map_values(|row| row).stored_as(MAPPED)),
            "+A@5; ; +A-A+b@7; ; +A-A+b-b@9; ; +A-A+b-b+d@9",
        ),
        (
            "aggregated behind a map without versions",
            |rows| changes(rows.map_values(|row| row)),
            "+A@5; ; +A-A+b@7; ; +A-A+b-b@9; ; +A-A+b-b+d@9",
        ),
    ];
    for (what, derive, expected) in cases {
        let built = topology(|b| _ = derive(b.table(RIGHT).stored_as(RIGHT_ROWS)).to_stream().to(OUT));
        let mut driver = TestDriver::configure(built).start();
        for (record, expected) in "rA5 ra3 rb7 r~6 r~9 rC8 rd9".split(' ').zip(expected.split("; ")) {
            pipe(&mut driver, record);
            assert_eq!(read(&mut driver), expected, "{what}: {record}");
        }
    }
}

/// A record that is older than the history is neither kept nor forwarded, and counted.
#[test]
fn what_is_older_than_the_history_is_dropped() {
    const SHORT: VersionedStore<u64, String> = VersionedStore::new("short", Duration::from_millis(10));
    let built = topology(|b| _ = b.table(RIGHT).stored_as(SHORT).to_stream().to(OUT));
    for (way, mut driver) in ways(&built) {
        for (record, expected) in [("ra20", "a@20"), ("rb10", "b@10"), ("rc9", ""), ("r~9", "")] {
            pipe(&mut driver, record);
            assert_eq!(read(&mut driver), expected, "{way}: {record}");
        }
        let as_of = |time| driver.get_as_of(&SHORT, 1_u64, Timestamp(time));
        let known = [(9, None), (10, Some("b")), (19, Some("b")), (20, Some("a")), (i64::MAX, Some("a"))];
        for (time, row) in known {
            assert_eq!(as_of(time).as_deref(), row, "{way}: as of {time}");
        }
        let dropped: u64 = driver.tasks().values().flat_map(|task| task.dropped.values()).sum();
        assert_eq!(dropped, 2, "{way}");
    }
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Write {
        key: u64,
        row: Option<u8>,
        late: i64,
    },
    /// A record of the stream that is joined with the table.
    Look {
        key: u64,
        late: i64,
    },
    Commit,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    // Most of what is late is a little late.
    let late = || prop_oneof![3 => Just(0), 3 => 0..5_i64, 1 => 0..40_i64];
    let write = (0..4_u64, prop::option::weighted(0.8, 0..9_u8), late());
    let step = prop_oneof![
        10 => write.prop_map(|(key, row, late)| Step::Write { key, row, late }),
        8 => (0..4_u64, late()).prop_map(|(key, late)| Step::Look { key, late }),
        2 => Just(Step::Commit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..80)
}

/// The timestamp of a step's record: time passes, no two records have the same one, and some are late.
fn time_at(number: usize, late: i64) -> Timestamp {
    let number = i64::try_from(number).unwrap();
    Timestamp((number - late).max(0) * 100 + number)
}

/// Every write to a partition of a table with versions, by key and time.
#[derive(Default)]
struct Model {
    writes: BTreeMap<u64, BTreeMap<i64, Option<String>>>,
    newest: i64,
}

impl Model {
    fn write(&mut self, key: u64, row: Option<String>, at: i64, history: i64) {
        if at >= self.newest - history {
            self.newest = self.newest.max(at);
            self.writes.entry(key).or_default().insert(at, row);
        }
    }

    fn as_of(&self, key: u64, at: i64, history: i64) -> Option<String> {
        let writes = self.writes.get(&key)?;
        let (from, row) = writes.range(..=at).next_back()?;
        let is_latest = writes.range(from + 1..).next().is_none();
        row.clone().filter(|_| is_latest || at >= self.newest - history)
    }

    fn latest(&self) -> BTreeMap<u64, String> {
        let latest = self.writes.iter().map(|(key, writes)| (*key, writes.values().next_back().cloned().flatten()));
        latest.filter_map(|(key, row)| Some((key, row?))).collect()
    }
}

const LOOKS: Topic<u64, u64> = Topic::new("looks");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

fn lookups_and_counts(b: &StreamsBuilder, history: Duration) -> VersionedStore<u64, String> {
    let store = VersionedStore::named("rows", history).unwrap();
    let rows = b.table(RIGHT).stored_as(store.clone());
    b.stream(LOOKS).left_join(rows, |_, row| row).to(OUT);
    // Right only if each row is added once, and subtracted once it is no longer the latest.
    _ = rows.group_by(|key, row| (row, *key)).count().stored_as(COUNTS);
    store
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 80, ..ProptestConfig::default() })]

    /// Whatever the caches, the partitions, the guarantee and the crashes, the table knows what was written, and a stream
    /// finds what was known when it came.
    #[test]
    fn tables_know_what_their_rows_were(
        steps in steps(),
        history in prop::sample::select(vec![0_i64, 100, 1_000, 100_000]),
        partitions in 1..4_u32,
        (cached, exactly_once, keeps_state) in any::<(bool, bool, bool)>(),
        commits_first in any::<bool>(),
    ) {
        let builder = StreamsBuilder::new();
        let store = lookups_and_counts(&builder, Duration::from_millis(history.unsigned_abs()));
        let change = move |app: App| {
            let app = if cached { app } else { app.cache_bytes(0) };
            if exactly_once { app.exactly_once() } else { app }
        };
        let setup = TestDriver::configure(builder.build().unwrap()).partitions(partitions).commit_by_hand().with(change);
        let mut driver = if keeps_state { setup.state_in(KeptState::default()) } else { setup }.start();
        let mut models = BTreeMap::<i32, Model>::new();
        let model_of = |key: u64| streams_core::wire::murmur2::partition_of(&key.to_be_bytes(), partitions).0;
        let mut found = Vec::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write { key, row, late } => {
                    let (row, at) = (row.map(|row| row.to_string()), time_at(number, late));
                    models.entry(model_of(key)).or_default().write(key, row.clone(), at.0, history);
                    driver.pipe_at(&RIGHT, key, row, at);
                }
                Step::Look { key, late } => {
                    let at = time_at(number, late);
                    let expected = models.entry(model_of(key)).or_default().as_of(key, at.0, history);
                    found.push((key, expected));
                    driver.pipe_at(&LOOKS, key, 0_u64, at);
                }
                Step::Commit => driver.commit(),
                Step::Kill => {
                    if commits_first {
                        driver.commit();
                    }
                    driver.kill();
                    driver.restart();
                    driver.run();
                }
            }
        }
        driver.commit();
        // What was not committed is processed again, by time, so that a stream may find other rows.
        if commits_first {
            let mut seen = driver.read(&OUT);
            seen.sort();
            found.sort();
            prop_assert_eq!(seen, found);
        }
        let mut counts = BTreeMap::new();
        for model in models.values() {
            for row in model.latest().into_values() {
                *counts.entry(row).or_insert(0) += 1;
            }
            for key in model.writes.keys().copied() {
                for at in (0..10_000).step_by(50) {
                    let row = driver.get_as_of(&store, key, Timestamp(at));
                    prop_assert_eq!(row, model.as_of(key, at, history), "{} as of {}", key, at);
                }
            }
        }
        if exactly_once {
            let counted: BTreeMap<_, _> = driver.rows(&COUNTS).into_iter().filter(|(_, count)| *count != 0).collect();
            prop_assert_eq!(counted, counts);
        }
    }
}

/// The error of a program.
fn refused(write: impl FnOnce(&StreamsBuilder)) -> String {
    let builder = StreamsBuilder::new();
    write(&builder);
    builder.build().unwrap_err().to_string()
}

#[test]
fn versions_where_none_can_be_are_refused() {
    let error = refused(|b| _ = b.global_table(RIGHT).stored_as(RIGHT_ROWS));
    assert!(error.contains("global"), "{error}");
    let waits = Suppress::until_time_limit(Duration::from_millis(10)).unbounded();
    let error = refused(|b| _ = b.table(RIGHT).stored_as(RIGHT_ROWS).filter(|_, _| true).suppress(waits));
    assert!(error.contains("versions"), "{error}");
    let error = refused(|b| {
        let windows = Tumbling::of(Duration::from_millis(10)).no_grace();
        let counts = b.stream(LOOKS).group_by_key().windowed_by(windows).count();
        _ = counts.stored_as(VersionedStore::<Windowed<u64>, i64>::new("counts", FIVE_MINUTES));
    });
    assert!(error.contains("`VersionedStore`") && error.contains("`WindowStore`"), "{error}");
    // Behind a store without versions there are none any more.
    _ = topology(|b| {
        let current = b.table(RIGHT).stored_as(RIGHT_ROWS).filter(|_, _| true).stored_as(JOINED);
        current.suppress(waits).to_stream().to(OUT);
    });
}

/// `StreamTableJoinWithGraceIntegrationTest`.
#[test]
fn records_wait_for_rows_of_their_time_as_in_kafka_streams_own_tests() {
    const GRACE: Duration = Duration::from_millis(2);
    let inner = topology(|b| {
        let rows = b.table(RIGHT).stored_as(RIGHT_ROWS).with_grace(GRACE);
        let left = b.stream(LEFT).filter_some();
        left.join(rows, |left, right| Some(format!("{left}-{right}"))).to(OUT);
    });
    check("inner", &inner, "; ; ; ; ; ; ; ; B-a@5; ; ; ; ; ; D-b@6; ; ; ; ; ; ; F-a@4; ");
    let left = topology(|b| {
        let rows = b.table(RIGHT).stored_as(RIGHT_ROWS).with_grace(GRACE);
        let left = b.stream(LEFT).filter_some();
        left.left_join(rows, |left, right| Some(format!("{left}-{}", or_null(right)))).to(OUT);
    });
    check("left", &left, "; ; ; ; A-null@3; ; ; ; B-a@5; ; ; ; ; ; D-b@6; ; ; ; C-null@9; ; ; F-a@4; ");
}

/// A record waits with its key, its value and its headers, and is joined once, with the row that has come in the meantime.
#[test]
fn what_waits_survives_crashes_and_is_joined_once() {
    const IN: Topic<u64, String> = Topic::new("in");
    let built = topology(|b| {
        let rows = b.table(RIGHT).stored_as(RIGHT_ROWS).with_grace(Duration::from_millis(10));
        b.stream(IN).left_join(rows, |left, right| Some(format!("{left}-{}", or_null(right)))).to(OUT);
    });
    for (exactly_once, keeps_state) in [(true, false), (true, true), (false, false), (false, true)] {
        let setup = TestDriver::configure(built.clone()).partitions(3).commit_by_hand();
        let setup = setup.with(move |app| if exactly_once { app.exactly_once() } else { app });
        let mut driver = if keeps_state { setup.state_in(KeptState::default()) } else { setup }.start();
        let crash = |driver: &mut TestDriver| {
            driver.kill();
            driver.restart();
            driver.run();
        };
        let way = format!("exactly once: {exactly_once}, keeps state: {keeps_state}");
        for (row, at) in [("a", 5), ("b", 5), ("c", 8)] {
            driver.pipe_at(&IN, 1_u64, row, Timestamp(at));
        }
        driver.commit();
        // Nothing of this is committed: it comes again.
        driver.pipe_at(&IN, 1_u64, "d", Timestamp(9));
        crash(&mut driver);
        driver.pipe_at(&RIGHT, 1_u64, Some("x".to_owned()), Timestamp(6));
        driver.pipe_at(&IN, 1_u64, "e", Timestamp(5));
        driver.commit();
        crash(&mut driver);
        driver.pipe_at(&IN, 1_u64, "f", Timestamp(14));
        driver.commit();
        assert_eq!(read(&mut driver), "", "{way}");
        driver.pipe_at(&IN, 1_u64, "g", Timestamp(18));
        driver.commit();
        assert_eq!(read(&mut driver), "a-null@5 b-null@5 e-null@5 c-x@8", "{way}");
        // Stream time is what it was: this is too late to wait, and these have been joined.
        crash(&mut driver);
        driver.pipe_at(&IN, 1_u64, "h", Timestamp(7));
        driver.pipe_at(&IN, 1_u64, "i", Timestamp(19));
        driver.commit();
        // It was logged before it was processed again.
        let twice = if exactly_once { "" } else { " d-x@9" };
        assert_eq!(read(&mut driver), format!("h-x@7 d-x@9{twice}"), "{way}");
    }
}

#[test]
fn a_table_that_does_not_know_rows_of_that_long_ago_is_refused() {
    let long = FIVE_MINUTES + Duration::from_millis(1);
    let error = refused(|b| {
        let rows = b.table(RIGHT).stored_as(RIGHT_ROWS).with_grace(long);
        b.stream(LEFT).join(rows, |_, right| right).named("late").to(OUT);
    });
    let reason = "its records wait 300.001s for rows of their time, but the table `KTABLE-SOURCE-0000000001` knows those only of \
                  the last 300s; give its store `right-rows` a history of at least 300.001s";
    assert!(error.contains("`late`") && error.contains(reason), "{error}");
    let error = refused(|b| {
        let rows = b.table(RIGHT).stored_as(JOINED).with_grace(Duration::ZERO);
        b.stream(LEFT).join(rows, |_, right| right).named("late").to(OUT);
    });
    let reason = "the table `KTABLE-SOURCE-0000000001` has only the latest rows; keep it in a `VersionedStore`";
    assert!(error.contains("`late`") && error.contains(reason), "{error}");
}
