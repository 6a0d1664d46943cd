//! Joins of tables: what Kafka Streams' own tests expect of each kind, record by record, and what must hold whatever the
//! caches, the partitions and the crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::{KTable, StreamsBuilder};
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::{Tumbling, Windowed};

use crate::topology;

pub(crate) const LEFT: Topic<u64, Option<String>> = Topic::new("left");
pub(crate) const RIGHT: Topic<u64, Option<String>> = Topic::new("right");
pub(crate) const OUT: Topic<u64, Option<String>> = Topic::new("out");
const JOINED: KeyValueStore<u64, String> = KeyValueStore::new("joined");

/// A join of the tables that it is given, as a closure that ends with text such as `A-a`.
pub(crate) type Join = for<'t> fn(Text<'t>, Text<'t>) -> Text<'t>;
pub(crate) type Text<'t> = KTable<'t, u64, String>;

pub(crate) const INNER: Join = |left, right| left.join(right, |left, right| format!("{left}-{right}"));
pub(crate) const LEFT_JOIN: Join =
    |left, right| left.left_join(right, |left, right| format!("{left}-{}", or_null(right)));
pub(crate) const OUTER: Join =
    |left, right| left.outer_join(right, |left, right| format!("{}-{}", or_null(left), or_null(right)));

pub(crate) fn or_null(text: Option<String>) -> String {
    text.unwrap_or_else(|| "null".to_owned())
}

fn some(text: &str) -> Option<String> {
    (text != "~").then(|| text.to_owned())
}

/// The input of Kafka Streams' `AbstractJoinIntegrationTest`: `l`eft or `r`ight, the row (`~` deletes it) and its time.
pub(crate) const INPUT: &str =
    "l~1 r~2 lA3 ra4 lB5 rb6 l~7 r~8 lC9 rc10 r~11 l~12 r~13 rd7 lD6 l~2 r~3 re14 lE15 l~10 r~9 lF4 rf3";
/// The same without records that are out of order.
const IN_ORDER: &str = "l~1 r~2 lA3 ra4 lB5 rb6 l~7 r~8 lC9 rc10 r~11 l~12 r~13 rd14 lD15";

/// Pipes one record of such an input.
pub(crate) fn pipe(driver: &mut TestDriver, record: &str) {
    let (side, rest) = record.split_at(1);
    let (row, time) = rest.split_at(1);
    let topic = if side == "l" { LEFT } else { RIGHT };
    driver.pipe_at(&topic, 1_u64, some(row), Timestamp(time.parse().unwrap()));
}

/// What came out since the last call, as in `A-a@4`.
pub(crate) fn read(driver: &mut TestDriver) -> String {
    let records = driver.read_records(&OUT).into_iter();
    let texts =
        records.map(|record| format!("{}@{}", record.value.unwrap_or_else(|| "~".to_owned()), record.timestamp.0));
    texts.collect::<Vec<_>>().join(" ")
}

/// Pipes the input with and without a store for the result, and compares what comes out after each record.
#[track_caller]
fn check(input: &str, join: Join, expected: &str) {
    for stored in [false, true] {
        let built = topology(|b| {
            let joined = join(b.table(LEFT), b.table(RIGHT));
            let joined = if stored { joined.stored_as(JOINED) } else { joined };
            joined.to_stream().to(OUT);
        });
        let mut driver = TestDriver::configure(built).partitions(3).with(|app| app.cache_bytes(0)).start();
        for (step, (record, expected)) in input.split(' ').zip(expected.split("; ")).enumerate() {
            pipe(&mut driver, record);
            assert_eq!(read(&mut driver), expected, "step {step}: {record}, stored: {stored}");
        }
    }
}

/// `TableTableJoinIntegrationTest.testInner`, without caches.
#[test]
fn an_inner_join_gives_what_kafka_streams_own_test_expects() {
    check(
        INPUT,
        INNER,
        "; ; ; A-a@4; B-a@5; B-b@6; ~@7; ; ; C-c@10; ~@11; ; ; ; D-d@7; ~@7; ; ; E-e@15; ~@14; ; ; F-f@4",
    );
}

/// `TableTableJoinIntegrationTest.testLeft`, without caches.
#[test]
fn a_left_join_gives_what_kafka_streams_own_test_expects() {
    check(
        INPUT,
        LEFT_JOIN,
        "; ; A-null@3; A-a@4; B-a@5; B-b@6; ~@7; ; C-null@9; C-c@10; C-null@11; ~@12; ; ; D-d@7; ~@7; ; ; E-e@15; ~@14; ; F-null@4; F-f@4",
    );
}

/// `TableTableJoinIntegrationTest.testOuter`, without caches.
#[test]
fn an_outer_join_gives_what_kafka_streams_own_test_expects() {
    check(
        INPUT,
        OUTER,
        "; ; A-null@3; A-a@4; B-a@5; B-b@6; null-b@7; ~@8; C-null@9; C-c@10; C-null@11; ~@12; ; null-d@7; D-d@7; null-d@7; ~@3; null-e@14; E-e@15; null-e@14; ~@9; F-null@4; F-f@4",
    );
}

/// The chains of `TableTableJoinIntegrationTest`, whose second join is with the right table again. Its update reaches both
/// joins, so some results come twice; and an inner join after an inner one does not hear of a deletion on the right.
#[test]
fn chains_of_joins_give_what_kafka_streams_own_tests_expect() {
    let chains: [(Join, Join, &str); 9] = [
        (INNER, INNER, "; ; ; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; ~@7; ; ; C-c-c@10 C-c-c@10; ; ; ; ; D-d-d@15"),
        (
            INNER,
            LEFT_JOIN,
            "; ; ; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; ~@7; ; ; C-c-c@10 C-c-c@10; ~@11; ; ; ; D-d-d@15",
        ),
        (
            INNER,
            OUTER,
            "; ; ; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; null-b@7; ~@8; ; C-c-c@10 C-c-c@10; ~@11 ~@11; ; ; null-d@14; D-d-d@15",
        ),
        (
            LEFT_JOIN,
            INNER,
            "; ; ; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; ~@7; ; ; C-c-c@10 C-c-c@10; ~@11; ; ; ; D-d-d@15",
        ),
        (
            LEFT_JOIN,
            LEFT_JOIN,
            "; ; A-null-null@3; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; ~@7; ; C-null-null@9; C-c-c@10 C-c-c@10; C-null-null@11 C-null-null@11; ~@12; ; ; D-d-d@15",
        ),
        (
            LEFT_JOIN,
            OUTER,
            "; ; A-null-null@3; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; null-b@7; ~@8; C-null-null@9; C-c-c@10 C-c-c@10; C-null-null@11 C-null-null@11; ~@12; ; null-d@14; D-d-d@15",
        ),
        (
            OUTER,
            INNER,
            "; ; ; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; null-b-b@7; ; ; C-c-c@10 C-c-c@10; ~@11; ; ; null-d-d@14 null-d-d@14; D-d-d@15",
        ),
        (
            OUTER,
            LEFT_JOIN,
            "; ; A-null-null@3; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; null-b-b@7; ~@8; C-null-null@9; C-c-c@10 C-c-c@10; C-null-null@11 C-null-null@11; ~@12; ; null-d-d@14 null-d-d@14; D-d-d@15",
        ),
        (
            OUTER,
            OUTER,
            "; ; A-null-null@3; A-a-a@4 A-a-a@4; B-a-a@5; B-b-b@6 B-b-b@6; null-b-b@7; ~@8 ~@8; C-null-null@9; C-c-c@10 C-c-c@10; C-null-null@11 C-null-null@11; ~@12; ; null-d-d@14 null-d-d@14; D-d-d@15",
        ),
    ];
    for (number, (first, second, expected)) in chains.into_iter().enumerate() {
        let built = topology(|b| {
            let (left, right) = (b.table(LEFT), b.table(RIGHT));
            second(first(left, right), right).stored_as(JOINED).to_stream().to(OUT);
        });
        let mut driver = TestDriver::configure(built).with(|app| app.cache_bytes(0)).start();
        for (step, (record, expected)) in IN_ORDER.split(' ').zip(expected.split("; ")).enumerate() {
            pipe(&mut driver, record);
            assert_eq!(read(&mut driver), expected, "chain {number}, step {step}: {record}");
        }
    }
}

#[test]
fn with_caches_a_commit_tells_the_last_result_and_not_what_came_and_went() {
    for (join, deleted) in [(INNER, "~@10"), (LEFT_JOIN, "~@10"), (OUTER, "~@11")] {
        let built = topology(|b| _ = join(b.table(LEFT), b.table(RIGHT)).stored_as(JOINED).to_stream().to(OUT));
        let mut driver = TestDriver::configure(built).commit_by_hand().start();
        let mut commit_after = |input: &str| {
            input.split(' ').for_each(|record| pipe(&mut driver, record));
            assert_eq!(read(&mut driver), "", "before the commit");
            driver.commit();
            (read(&mut driver), driver.rows(&JOINED))
        };
        let rows = |text: &str| vec![(1, text.to_owned())];
        assert_eq!(commit_after(INPUT), ("F-f@4".to_owned(), rows("F-f")));
        assert_eq!(commit_after("rg5 l~6 r~7 lG8 rh9"), ("G-h@9".to_owned(), rows("G-h")));
        // Both rows are gone before any is forwarded: each deletion is joined with what the other row was.
        assert_eq!(commit_after("l~10 r~11"), (deleted.to_owned(), vec![]));
        assert_eq!(commit_after("lI12 l~13"), (String::new(), vec![]));
    }
}

/// In Java, too: an update meets the updated row on the other side.
#[test]
fn a_table_joined_with_itself_tells_each_update_twice() {
    let built = topology(|b| {
        let table = b.table(LEFT);
        OUTER(table, table).to_stream().to(OUT);
    });
    let mut driver = TestDriver::configure(built).with(|app| app.cache_bytes(0)).start();
    for (record, expected) in [("lA1", "A-A@1 A-A@1"), ("lB2", "B-B@2 B-B@2"), ("l~3", "~@3 ~@3"), ("l~4", "")] {
        pipe(&mut driver, record);
        assert_eq!(read(&mut driver), expected, "{record}");
    }
}

#[test]
fn a_joiner_may_find_that_two_rows_have_no_result() {
    let built = topology(|b| {
        let joined = b.table(LEFT).join(b.table(RIGHT), |left, right| (left != right).then(|| left + &right));
        joined.stored_as(JOINED).to_stream().to(OUT);
    });
    let mut driver = TestDriver::configure(built).with(|app| app.cache_bytes(0)).start();
    for (record, expected) in [("lA1", ""), ("rb2", "Ab@2"), ("rA3", "~@3"), ("rc4", "Ac@4")] {
        pipe(&mut driver, record);
        assert_eq!(read(&mut driver), expected, "{record}");
    }
    assert_eq!(driver.rows(&JOINED), [(1, "Ac".to_owned())]);
}

#[test]
fn windowed_tables_are_joined_window_by_window() {
    const CLICKS: Topic<u64, String> = Topic::new("clicks");
    const BUYS: Topic<u64, String> = Topic::new("buys");
    const RATES: Topic<Windowed<u64>, String> = Topic::new("rates").windows_of(Duration::from_secs(1));
    for cache_bytes in [0, 1 << 20] {
        let built = topology(|b| {
            let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
            let count = |topic| b.stream(topic).group_by_key().windowed_by(windows).count();
            let rates = count(CLICKS).left_join(count(BUYS), |clicks, buys| format!("{}/{clicks}", buys.unwrap_or(0)));
            rates.to_stream().to(RATES);
        });
        let mut driver = TestDriver::configure(built).with(move |app| app.cache_bytes(cache_bytes)).start();
        for (topic, time) in [(CLICKS, 10), (BUYS, 20), (CLICKS, 1_010), (CLICKS, 1_020), (BUYS, 1_005)] {
            driver.pipe_at(&topic, 7_u64, "x", Timestamp(time));
        }
        let rates = driver.read_records(&RATES).into_iter();
        let rates: Vec<_> =
            rates.map(|rate| (rate.key.window.start.0, rate.key.window.end.0, rate.value, rate.timestamp.0)).collect();
        let rate = |start, text: &str, time| (start, start + 1_000, text.to_owned(), time);
        let expected = [
            rate(0, "0/1", 10),
            rate(0, "1/1", 20),
            rate(1_000, "0/1", 1_010),
            rate(1_000, "0/2", 1_020),
            rate(1_000, "1/2", 1_020),
        ];
        assert_eq!(rates, expected, "cache: {cache_bytes}");
    }
}

/// Old values must be those that were forwarded, or groups are counted wrongly.
#[test]
fn what_is_counted_in_joined_windows_adds_up_although_caches_hold_updates_back() {
    const CLICKS: Topic<u64, String> = Topic::new("clicks");
    const BUYS: Topic<u64, String> = Topic::new("buys");
    let built = topology(|b| {
        let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
        let count = |topic| b.stream(topic).group_by_key().windowed_by(windows).count();
        let joined = count(CLICKS).outer_join(count(BUYS), |clicks, buys| format!("{clicks:?} {buys:?}"));
        _ = joined.group_by(|windowed, text| (text, windowed.key)).count().stored_as(SUMS);
    });
    let mut driver = TestDriver::configure(built).commit_by_hand().start();
    for _ in 0..3 {
        for (topic, key) in [(CLICKS, 1_u64), (BUYS, 1), (CLICKS, 2), (BUYS, 1)] {
            driver.pipe_at(&topic, key, "x", Timestamp(5));
        }
        driver.commit();
    }
    let sums: Vec<_> = driver.rows(&SUMS).into_iter().filter(|(_, count)| *count != 0).collect();
    assert_eq!(sums, [("Some(3) None".to_owned(), 1), ("Some(3) Some(6)".to_owned(), 1)]);
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Put { left: bool, key: u64, row: Option<u8> },
    Commit,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let put = (any::<bool>(), 0..6_u64, prop::option::weighted(0.75, 0..9_u8));
    let step = prop_oneof![
        12 => put.prop_map(|(left, key, row)| Step::Put { left, key, row }),
        2 => Just(Step::Commit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..60)
}

const SUMS: KeyValueStore<String, i64> = KeyValueStore::new("sums");
const THIRD: Topic<u64, Option<String>> = Topic::new("third");

/// Two joins one after the other, and what is counted in their result by group, which needs old values.
fn joins_and_counts(builder: &StreamsBuilder, first: Join, second: Join, stored: bool) {
    let joined = first(builder.table(LEFT), builder.table(RIGHT));
    let joined = if stored { joined.stored_as(JOINED) } else { joined };
    let result = second(joined, builder.table(THIRD));
    result.to_stream().to(OUT);
    _ = result.group_by(|key, text| (text, *key)).count().stored_as(SUMS);
}

/// What a join of these rows is.
fn join_of(kind: usize, left: Option<&String>, right: Option<&String>) -> Option<String> {
    let (show_left, show_right) = (or_null(left.cloned()), or_null(right.cloned()));
    let has_result = match kind {
        0 => left.is_some() && right.is_some(),
        1 => left.is_some(),
        _ => left.is_some() || right.is_some(),
    };
    has_result.then(|| format!("{show_left}-{show_right}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever the caches, the partitions, the guarantee and the crashes, the result is the join of the final tables, and
    /// what was counted in it agrees.
    #[test]
    fn results_are_those_of_the_final_tables(
        steps in steps(),
        kinds in (0..3_usize, 0..3_usize),
        partitions in 1..4_u32,
        (stored, cached, exactly_once) in any::<(bool, bool, bool)>(),
    ) {
        let joins = [INNER, LEFT_JOIN, OUTER];
        let built: Topology = topology(|b| joins_and_counts(b, joins[kinds.0], joins[kinds.1], stored));
        let setup = TestDriver::configure(built).partitions(partitions).commit_by_hand().with(move |app: App| {
            let app = if cached { app } else { app.cache_bytes(0) };
            if exactly_once { app.exactly_once() } else { app }
        });
        let mut driver = setup.start();
        let mut tables: [BTreeMap<u64, String>; 3] = Default::default();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Put { left, key, row } => {
                    let table = if number % 3 == 2 { 2 } else { usize::from(left) };
                    let row = row.map(|row| row.to_string());
                    let topic = &[RIGHT, LEFT, THIRD][table];
                    driver.pipe_at(topic, key, row.clone(), Timestamp(i64::try_from(number).unwrap()));
                    match row {
                        Some(row) => _ = tables[table].insert(key, row),
                        None => _ = tables[table].remove(&key),
                    }
                }
                Step::Commit => driver.commit(),
                Step::Kill => {
                    driver.kill();
                    driver.restart();
                    driver.run();
                }
            }
        }
        driver.commit();
        let [right, left, third] = &tables;
        let (mut expected, mut counts) = (BTreeMap::new(), BTreeMap::new());
        for key in 0..6 {
            let first = join_of(kinds.0, left.get(&key), right.get(&key));
            if let Some(result) = join_of(kinds.1, first.as_ref(), third.get(&key)) {
                *counts.entry(result.clone()).or_insert(0) += 1;
                expected.insert(key, result);
            }
        }
        let mut found = BTreeMap::new();
        for (key, result) in driver.read(&OUT) {
            match result {
                Some(result) => _ = found.insert(key, result),
                None => _ = found.remove(&key),
            }
        }
        prop_assert_eq!(found, expected);
        let counted: BTreeMap<_, _> = driver.rows(&SUMS).into_iter().filter(|(_, count)| *count != 0).collect();
        if exactly_once {
            prop_assert_eq!(counted, counts);
        }
    }
}
