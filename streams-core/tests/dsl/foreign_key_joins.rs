//! Joins over foreign keys: what Kafka Streams' own tests expect, update by update, and what must hold whatever the
//! caches, the partitions and the crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::KTable;
use streams_core::record::{Headers, Record, Timestamp};
use streams_core::runtime::App;
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::{Tumbling, Windowed};

use crate::topology;

/// Rows such as `a>x`, which refer to the right row `x`; without a `>` they refer to none.
const LEFT: Topic<String, Option<String>> = Topic::new("left");
const RIGHT: Topic<String, Option<String>> = Topic::new("right");
const OUT: Topic<String, Option<String>> = Topic::new("out");
const JOINED: KeyValueStore<String, String> = KeyValueStore::new("joined");

type Text<'t> = KTable<'t, String, String>;

fn refers_to(row: &str) -> Option<String> {
    row.split_once('>').map(|(_, key)| key.to_owned())
}

fn joined<'t>(left_join: bool, left: Text<'t>, right: Text<'t>) -> Text<'t> {
    if left_join {
        let join = |row: String, other: Option<String>| format!("{row}+{}", other.unwrap_or_else(|| "null".to_owned()));
        left.left_join_on(right, |_, row| refers_to(row), join)
    } else {
        left.join_on(right, |_, row| refers_to(row), |row, other| format!("{row}+{other}"))
    }
}

fn join(left_join: bool, stored: bool) -> Topology {
    topology(|b| {
        let joined = joined(left_join, b.table(LEFT), b.table(RIGHT));
        let joined = if stored { joined.stored_as(JOINED) } else { joined };
        joined.to_stream().to(OUT);
    })
}

/// Pipes an update such as `l1=a>x` at a time, or a deletion such as `r1=`, and returns what came of it, as `1=a>x+b@4`.
fn after(driver: &mut TestDriver, update: &str, at: i64) -> String {
    let (key, row) = update[1..].split_once('=').unwrap();
    let topic = if update.starts_with('l') { LEFT } else { RIGHT };
    let row = (!row.is_empty()).then(|| row.to_owned());
    driver.pipe_at(&topic, key, row, Timestamp(at));
    let mut results: Vec<_> = driver
        .read_records(&OUT)
        .into_iter()
        .map(|record| format!("{}={}@{}", record.key, record.value.unwrap_or_default(), record.timestamp.0))
        .collect();
    results.sort();
    results.join(" ")
}

/// Runs updates, the n-th at time n, with and without caches, a store for the result, and several partitions.
#[track_caller]
fn check(updates: &[(&str, &str, &str)]) {
    for (left_join, stored, partitions, cached) in [
        (false, false, 1, false),
        (false, true, 3, false),
        (false, false, 3, true),
        (true, true, 1, false),
        (true, false, 2, true),
    ] {
        let setup = TestDriver::configure(join(left_join, stored)).partitions(partitions);
        let setup = if cached { setup } else { setup.with(|app| app.cache_bytes(0)) };
        let mut driver = setup.start();
        for (at, (update, inner, left)) in (1..).zip(updates) {
            let expected = if left_join { left } else { inner };
            let context = format!("{update}; left: {left_join}, stored: {stored}, cached: {cached}");
            assert_eq!(after(&mut driver, update, at), *expected, "{context}");
        }
    }
}

/// `doJoinFromLeftThenDeleteLeftEntity` and `doJoinFromLeftThenUpdateFkThenRevertBack`.
#[test]
fn updates_on_the_left_are_joined_as_kafka_streams_own_tests_expect() {
    check(&[
        ("rx=1", "", ""),
        ("ry=2", "", ""),
        ("rz=3", "", ""),
        ("l1=a>x", "1=a>x+1@4", "1=a>x+1@4"),
        ("l2=b>y", "2=b>y+2@5", "2=b>y+2@5"),
        ("l3=c>x", "3=c>x+1@6", "3=c>x+1@6"),
        ("l1=", "1=@7", "1=@7"),
        ("l3=c>y", "3=c>y+2@8", "3=c>y+2@8"),
        ("l3=c>x", "3=c>x+1@9", "3=c>x+1@9"),
        ("l3=d>x", "3=d>x+1@10", "3=d>x+1@10"),
    ]);
}

/// `doJoinFromRightThenDeleteRightEntity`.
#[test]
fn updates_on_the_right_reach_all_rows_that_refer_to_them() {
    check(&[
        ("l1=a>x", "", "1=a>x+null@1"),
        ("l2=b>y", "", "2=b>y+null@2"),
        ("l3=c>x", "", "3=c>x+null@3"),
        ("rx=1", "1=a>x+1@4 3=c>x+1@4", "1=a>x+1@4 3=c>x+1@4"),
        ("ry=2", "2=b>y+2@5", "2=b>y+2@5"),
        ("rz=3", "", ""),
        ("rx=4", "1=a>x+4@7 3=c>x+4@7", "1=a>x+4@7 3=c>x+4@7"),
        ("rx=", "1=@8 3=@8", "1=a>x+null@8 3=c>x+null@8"),
    ]);
}

/// `shouldEmitTombstoneWhenDeletingNonJoiningRecords`, `shouldNotEmitTombstonesWhenDeletingNonExistingRecords`,
/// `joinShouldProduceNullsWhenValueHasNonMatchingForeignKey` and `shouldUnsubscribeOldForeignKeyIfLeftSideIsUpdated`.
#[test]
fn what_may_have_been_joined_is_deleted() {
    check(&[
        ("l1=", "", ""),
        ("l1=a>x", "", "1=a>x+null@2"),
        ("l1=", "1=@3", "1=@3"),
        ("l1=", "", ""),
        ("l1=a>x", "", "1=a>x+null@5"),
        ("l1=a>y", "1=@6", "1=a>y+null@6"),
        ("l1=a>z", "1=@7", "1=a>z+null@7"),
        ("rx=1", "", ""),
        ("l1=a>x", "1=a>x+1@9", "1=a>x+1@9"),
        ("l1=a>y", "1=@10", "1=a>y+null@10"),
        ("rx=2", "", ""),
    ]);
}

/// `joinShouldDropRecordsWithNullForeignKey`-like cases of `SubscriptionSendProcessorSupplierTest`.
#[test]
fn rows_that_refer_to_nothing_are_dropped_or_joined_with_nothing() {
    check(&[
        ("rx=1", "", ""),
        ("l1=a", "", "1=a+null@2"),
        ("l1=b", "", "1=b+null@3"),
        ("l1=b>x", "1=b>x+1@4", "1=b>x+1@4"),
        ("l1=c", "1=@5", "1=c+null@5"),
        ("l1=", "", "1=@6"),
        ("rx=2", "", ""),
    ]);
    let mut driver = TestDriver::new(join(false, false));
    for (at, update) in (1..).zip(["l1=a", "l1=b>x", "l1=c"]) {
        after(&mut driver, update, at);
    }
    let dropped: u64 =
        driver.tasks().values().map(|task| task.dropped.get("null-foreign-key").copied().unwrap_or(0)).sum();
    assert_eq!(dropped, 2);
}

#[test]
fn a_row_may_refer_to_another_row_of_its_own_table() {
    let built = topology(|b| {
        let table = b.table(LEFT);
        joined(true, table, table).to_stream().to(OUT);
    });
    let mut driver = TestDriver::new(built);
    for (at, (update, expected)) in (1..).zip([
        ("l1=a>2", "1=a>2+null@1"),
        ("l2=b", "1=a>2+b@2 2=b+null@2"),
        ("l2=c>1", "1=a>2+c>1@3 2=c>1+a>2@3"),
        ("l1=", "1=@4 2=c>1+null@4"),
    ]) {
        assert_eq!(after(&mut driver, update, at), expected, "{update}");
    }
}

#[test]
fn a_row_without_bytes_is_no_row_as_in_java() {
    let mut driver = TestDriver::new(join(false, false));
    driver.pipe(&RIGHT, "x", Some(String::new()));
    driver.pipe(&LEFT, "1", Some("a>x".to_owned()));
    assert_eq!(driver.read(&OUT), [("1".to_owned(), None)]);
}

/// The messages carry the headers of the record that they come from, and so does the result.
#[test]
fn headers_come_along() {
    let mut headers = Headers::new();
    headers.push("trace", "7");
    let mut driver = TestDriver::new(join(false, true));
    driver.pipe(&RIGHT, "x", Some("1".to_owned()));
    let record =
        Record { headers: headers.clone(), ..Record::new("1".to_owned(), Some("a>x".to_owned()), Timestamp(5)) };
    driver.pipe_record(&LEFT, record);
    assert_eq!(driver.read_records(&OUT)[0].headers, headers);
}

/// The records of a conversation, as Kafka Streams 4.3.1's test driver shows them for the same program.
#[test]
fn a_conversation_has_javas_bytes_times_and_headers() {
    let mut headers = Headers::new();
    headers.push("h", "1");
    let built = topology(|b| _ = joined(false, b.table(LEFT), b.table(RIGHT)).named("j").to_stream().to(OUT));
    let mut driver = TestDriver::configure(built).with(|app| app.cache_bytes(0)).start();
    let mut shown = |update: (&Topic<String, Option<String>>, &str, Option<&str>), at: i64| {
        let (topic, key, row) = update;
        let record = Record::new(key.to_owned(), row.map(str::to_owned), Timestamp(at));
        driver.pipe_record(topic, Record { headers: headers.clone(), ..record });
        let mut lines = String::new();
        for topic in ["subscription-registration-topic", "subscription-store-changelog", "subscription-response-topic"]
        {
            let named = Topic::<Vec<u8>, Option<Vec<u8>>>::named(format!("test-j-{topic}")).unwrap();
            for record in driver.read_records(&named) {
                assert_eq!((record.timestamp.0, &record.headers), (at, &headers));
                lines += &format!(
                    "{} {} {}\n",
                    &topic[13..16],
                    hex(&record.key),
                    record.value.map_or("~".to_owned(), |value| hex(&value))
                );
            }
        }
        lines
    };
    assert_eq!(shown((&RIGHT, "x", Some("1")), 1), "");
    assert_eq!(
        shown((&LEFT, "7", Some("a>x")), 2),
        "reg 78 0103d1d0aa8d12590d4cf06fb25f7d51ba323700000000\n\
         sto 000000017837 0103d1d0aa8d12590d4cf06fb25f7d51ba323700000000\n\
         res 37 00d1d0aa8d12590d4cf06fb25f7d51ba3231\n"
    );
    assert_eq!(shown((&RIGHT, "x", Some("2")), 3), "res 37 00d1d0aa8d12590d4cf06fb25f7d51ba3232\n");
    assert_eq!(
        shown((&LEFT, "7", Some("b>yy")), 4),
        "reg 78 0100d8f93c4530f589af54e6dd70262d70d63700000000\n\
         reg 7979 0102d8f93c4530f589af54e6dd70262d70d63700000000\n\
         sto 000000017837 ~\n\
         sto 00000002797937 0102d8f93c4530f589af54e6dd70262d70d63700000000\n\
         res 37 00d8f93c4530f589af54e6dd70262d70d6\n"
    );
    assert_eq!(
        shown((&LEFT, "7", None), 5),
        "reg 7979 81013700000000\n\
         sto 00000002797937 ~\n\
         res 37 80\n"
    );
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// In Kafka Streams the result would stay: the deleted row's answer comes when there is a row again, which does not ask.
#[test]
fn an_answer_that_comes_too_late_is_asked_for_again() {
    let setup = TestDriver::configure(join(false, true)).commit_by_hand().with(|app| app.cache_bytes(0).exactly_once());
    let mut driver = setup.start();
    for update in ["rx=1", "l1=a>x", "l2=b>x"] {
        after(&mut driver, update, 1);
    }
    settle(&mut driver);
    assert_eq!(
        driver.rows(&JOINED),
        [("1", "a>x+1"), ("2", "b>x+1")].map(|(key, row)| (key.to_owned(), row.to_owned()))
    );
    // Under exactly-once, the messages of all these are read after the commit.
    for update in ["l1=", "l1=c", "rx=", "l2=d>x"] {
        after(&mut driver, update, 2);
    }
    settle(&mut driver);
    assert_eq!(driver.rows(&JOINED), []);
}

#[test]
fn windowed_rows_refer_to_other_rows_too() {
    const VISITS: Topic<String, String> = Topic::new("visits");
    const FLAGGED: Topic<Windowed<String>, String> = Topic::new("flagged").windows_of(Duration::from_secs(1));
    let built = topology(|b| {
        let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
        let pages = b.stream(VISITS).group_by_key().windowed_by(windows).reduce(|_, page| page);
        pages
            .join_on(b.table(RIGHT), |_, page| page.clone(), |page, flag| format!("{page}: {flag}"))
            .to_stream()
            .filter_some()
            .to(FLAGGED);
    });
    let mut driver = TestDriver::configure(built).partitions(3).start();
    driver.pipe(&RIGHT, "/home", Some("new".to_owned()));
    for (visitor, page, time) in [("ada", "/home", 5), ("ada", "/cart", 7), ("eve", "/home", 1_500)] {
        driver.pipe_at(&VISITS, visitor, page, Timestamp(time));
    }
    driver.pipe_at(&RIGHT, "/home", Some("old".to_owned()), Timestamp(9));
    let mut flagged: Vec<_> = driver
        .read(&FLAGGED)
        .into_iter()
        .map(|(key, text)| (key.key, key.window.start.0, key.window.end.0, text))
        .collect();
    flagged.sort();
    let row = |key: &str, start, text: &str| (key.to_owned(), start, start + 1_000, text.to_owned());
    assert_eq!(
        flagged,
        [row("ada", 0, "/home: new"), row("eve", 1_000, "/home: new"), row("eve", 1_000, "/home: old")]
    );
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Left { key: u8, row: Option<(u8, Option<u8>)> },
    Right { key: u8, row: Option<u8> },
    Commit,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let left = (0..5_u8, prop::option::weighted(0.8, (0..5_u8, prop::option::weighted(0.85, 0..4_u8))));
    let right = (0..4_u8, prop::option::weighted(0.7, 0..9_u8));
    let step = prop_oneof![
        10 => left.prop_map(|(key, row)| Step::Left { key, row }),
        6 => right.prop_map(|(key, row)| Step::Right { key, row }),
        2 => Just(Step::Commit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever the caches, the partitions, the guarantee and the crashes, the result is the join of the final tables.
    #[test]
    fn results_are_those_of_the_final_tables(
        steps in steps(),
        partitions in 1..4_u32,
        (left_join, stored, cached, exactly_once) in any::<(bool, bool, bool, bool)>(),
    ) {
        let setup = TestDriver::configure(join(left_join, stored)).partitions(partitions).commit_by_hand();
        let mut driver = setup.with(move |app: App| {
            let app = if cached { app } else { app.cache_bytes(0) };
            if exactly_once { app.exactly_once() } else { app }
        }).start();
        let (mut left, mut right) = (BTreeMap::new(), BTreeMap::new());
        for (at, step) in (0..).map(Timestamp).zip(steps) {
            match step {
                Step::Left { key, row } => {
                    let row = row.map(|(row, other)| match other {
                        Some(other) => format!("{row}>{other}"),
                        None => row.to_string(),
                    });
                    driver.pipe_at(&LEFT, key.to_string(), row.clone(), at);
                    left.insert(key.to_string(), row);
                }
                Step::Right { key, row } => {
                    let row = row.map(|row| row.to_string());
                    driver.pipe_at(&RIGHT, key.to_string(), row.clone(), at);
                    right.insert(key.to_string(), row);
                }
                Step::Commit => settle(&mut driver),
                Step::Kill => {
                    driver.kill();
                    driver.restart();
                    driver.run();
                }
            }
        }
        settle(&mut driver);
        let mut expected = BTreeMap::new();
        for (key, row) in left.into_iter().filter_map(|(key, row)| Some((key, row?))) {
            let other = refers_to(&row).and_then(|other| right.get(&other).cloned().flatten());
            match other {
                Some(other) => _ = expected.insert(key, format!("{row}+{other}")),
                None if left_join => _ = expected.insert(key, format!("{row}+null")),
                None => {}
            }
        }
        let mut found = BTreeMap::new();
        for (key, result) in driver.read(&OUT) {
            match result {
                Some(result) => _ = found.insert(key, result),
                None => _ = found.remove(&key),
            }
        }
        prop_assert_eq!(&found, &expected);
        if stored {
            prop_assert_eq!(driver.rows(&JOINED).into_iter().collect::<BTreeMap<_, _>>(), expected);
        }
    }
}

/// Commits until the conversation is over: under exactly-once a message is read when it is committed.
fn settle(driver: &mut TestDriver) {
    for _ in 0..6 {
        driver.commit();
        driver.run();
    }
}
