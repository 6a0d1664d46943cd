//! Joins of two streams, record by record: what is sent to every topic, changelogs too, is what Kafka Streams 4.3.1 sends.

use std::fmt::Write as _;
use std::time::Duration;

use streams_core::dsl::{KStream, StreamsBuilder};
use streams_core::record::{Headers, Timestamp};
use streams_core::testing::{KeptState, RawRecord, TestDriver, TopologyTestDriver};
use streams_core::topic::Topic;
use streams_core::topology::{Optimizations, Topology};
use streams_core::windows::{JoinSpan, JoinWindows};

use crate::topology;

type Text = Option<String>;

const L: Topic<Text, Text> = Topic::new("l");
const R: Topic<Text, Text> = Topic::new("r");
const O: Topic<Text, String> = Topic::new("o");

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

fn shown(text: Text) -> String {
    text.unwrap_or_else(|| "null".to_owned())
}

/// The kind of a join.
#[derive(Clone, Copy)]
enum Kind {
    Inner,
    Left,
    Outer,
}

use Kind::{Inner, Left, Outer};

fn join<'t>(
    kind: Kind,
    left: KStream<'t, Text, Text>,
    right: KStream<'t, Text, Text>,
    span: JoinSpan,
) -> KStream<'t, Text, String> {
    match kind {
        Inner => left.join(right.within(span), |left, right| format!("{left}/{right}")),
        Left => left.left_join(right.within(span), |left, right| format!("{left}/{}", shown(right))),
        Outer => left.outer_join(right.within(span), |left, right| format!("{}/{}", shown(left), shown(right))),
    }
}

fn joined(kind: Kind, span: JoinSpan) -> Topology {
    topology(|b| _ = join(kind, b.stream(L), b.stream(R), span).to(O))
}

/// The records that were sent to topics whose names end with `topics`, each as key, value and timestamp.
fn sent(driver: &mut TopologyTestDriver, topics: &str) -> String {
    let text =
        |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or("~".to_owned(), |bytes| bytes.escape_ascii().to_string());
    let mut sent = String::new();
    for record in driver.take_sent().into_iter().filter(|record| record.topic.ends_with(topics)) {
        let at = record.timestamp.map_or("-".to_owned(), |timestamp| timestamp.0.to_string());
        let headers: String = record.headers.iter().map(|header| format!(" {}", header.name)).collect();
        let (space, key, value) = (if sent.is_empty() { "" } else { ", " }, text(&record.key), text(&record.value));
        write!(sent, "{space}{key} {value} {at}{headers}").unwrap();
    }
    sent
}

/// A record for a topic: key and value (`~` is null), timestamp, and the name of a header, if it is to have one.
fn pipe(driver: &mut TopologyTestDriver, topic: &str, record: &str) {
    let mut parts = record.split(' ');
    let mut bytes = || parts.next().filter(|part| *part != "~").map(|part| part.as_bytes().to_vec());
    let (key, value) = (bytes(), bytes());
    let timestamp = Timestamp(parts.next().unwrap().parse().unwrap());
    let mut headers = Headers::new();
    parts.for_each(|name| headers.push(name, "x"));
    driver.pipe_bytes(topic, &RawRecord { key, value, timestamp, headers }).unwrap();
}

/// A step of a test: the topic, the record, and the results.
type Step = (&'static str, &'static str, &'static str);

#[track_caller]
fn check(topology: Topology, steps: &[Step]) -> TopologyTestDriver {
    let mut driver = TopologyTestDriver::new(topology).unwrap();
    for (number, (topic, record, expected)) in steps.iter().enumerate() {
        pipe(&mut driver, topic, record);
        assert_eq!(sent(&mut driver, "o"), *expected, "step {number}: {topic} {record}");
    }
    driver
}

fn dropped(driver: &TopologyTestDriver) -> Vec<(&'static str, u64)> {
    driver.dropped().into_iter().map(|((_, reason), count)| (reason.label(), count)).collect()
}

#[test]
fn a_record_is_joined_with_every_other_one_within_the_time_both_ends_included() {
    let driver = check(
        joined(Inner, JoinWindows::of(ms(10)).after(ms(5)).grace(ms(100))),
        &[
            ("l", "a x 100", ""),
            ("r", "a before 89", ""),
            ("r", "a first 90 h", "a x/first 100 h"),
            ("r", "b other 100", ""),
            ("r", "a last 105", "a x/last 105"),
            ("r", "a after 106", ""),
            ("l", "a y 101", "a y/last 105, a y/after 106"),
            ("l", "a x 100", "a x/first 100, a x/last 105"),
            ("r", "a again 100", "a x/again 100, a x/again 100, a y/again 101"),
        ],
    );
    assert_eq!(dropped(&driver), []);
}

#[test]
fn the_other_record_may_have_to_be_later_or_earlier() {
    check(
        joined(Inner, JoinWindows::of(ms(10)).later_by(ms(5)).grace(ms(100))),
        &[
            ("l", "a x 100", ""),
            ("r", "a 4 104", ""),
            ("r", "a 5 105", "a x/5 105"),
            ("r", "a 10 110", "a x/10 110"),
            ("r", "a 11 111", ""),
            ("l", "a y 101", "a y/10 110, a y/11 111"),
        ],
    );
    check(
        joined(Inner, JoinWindows::of(ms(10)).earlier_by(ms(5)).grace(ms(100))),
        &[("r", "a x 100", ""), ("l", "a 4 104", ""), ("l", "a 5 105", "5/x"), ("l", "a 11 111", "")]
            .map(|(topic, record, result)| (topic, record, if result.is_empty() { "" } else { "a 5/x 105" })),
    );
}

/// The time of the other side's newest record decides, not stream time.
#[test]
fn a_record_is_found_as_long_as_it_is_kept() {
    let driver = check(
        joined(Inner, JoinWindows::of(ms(10)).grace(ms(5))),
        &[
            ("l", "a x 0", ""),
            ("l", "b y 24", ""),
            ("r", "a late 1", "a x/late 1"),
            ("l", "b y 25", ""),
            ("r", "a later 1", ""),
            ("r", "b new 140", ""),
            ("r", "a kept 116", ""),
            ("r", "a over 115", ""),
            ("l", "a z 117", "a z/kept 117"),
            // What nobody can find counts as late once its whole segment of a minute has expired.
            ("r", "b new 60025", ""),
            ("r", "a over 60000", ""),
            ("r", "a over 59999", ""),
        ],
    );
    assert_eq!(dropped(&driver), [("late", 1)]);
}

#[test]
fn nulls_are_dropped_except_null_keys_where_records_may_have_no_match() {
    let nulls = ["~ n 1", "a ~ 2", "~ ~ 3"];
    for (kind, left, right, counted) in [
        (Inner, ["", "", ""], ["", "", ""], [("null-key", 4), ("null-value", 2)]),
        (Left, ["~ n/null 1", "", ""], ["", "", ""], [("null-key", 3), ("null-value", 2)]),
        (Outer, ["~ n/null 1", "", ""], ["~ null/n 1", "", ""], [("null-key", 2), ("null-value", 2)]),
    ] {
        let steps = [("l", left), ("r", right)].into_iter();
        let steps = steps.flat_map(|(topic, results)| nulls.into_iter().zip(results).map(move |(r, o)| (topic, r, o)));
        let driver = check(joined(kind, JoinWindows::of(ms(10)).no_grace()), &steps.collect::<Vec<_>>());
        let mut sums = std::collections::BTreeMap::new();
        dropped(&driver).into_iter().for_each(|(reason, count)| *sums.entry(reason).or_default() += count);
        assert_eq!(sums.into_iter().collect::<Vec<_>>(), counted);
    }
}

#[test]
fn unmatched_records_are_joined_with_nothing_once_their_time_and_grace_are_over() {
    check(
        joined(Left, JoinWindows::of(ms(10)).grace(ms(5))),
        &[
            ("l", "a x 0", ""),
            ("l", "b y 1", ""),
            ("l", "b y2 1 own", ""),
            ("r", "z other 15", ""),
            ("r", "b m 3", "b y/m 3, b y2/m 3"),
            ("r", "z other 16 trigger", "a x/null 0 trigger"),
            ("l", "c z 30", ""),
            ("l", "c z 46", "c z/null 30"),
        ],
    );
    check(
        joined(Outer, JoinWindows::of(ms(10)).no_grace()),
        &[
            ("l", "b l 5", ""),
            ("r", "c r 5", ""),
            ("l", "a l 5", ""),
            ("r", "a r 4", "a l/r 5"),
            ("r", "z r 20", "c null/r 5, b l/null 5"),
            ("l", "z l 31", "z null/r 20"),
        ],
    );
}

/// When it is looked at depends on the side of the record that arrives, and on where the last look ended.
#[test]
fn what_is_over_is_joined_with_nothing_when_java_looks() {
    check(
        joined(Left, JoinWindows::of(ms(10)).no_grace()),
        &[
            ("l", "a 1 0", ""),
            ("l", "b 2 11", "a 1/null 0"),
            // The last look ended at 0; only a record that is more than 10 later looks again.
            ("l", "c 3 12", ""),
            ("r", "~ x 100", ""),
            ("l", "a ~ 200", ""),
            ("r", "q late 199", ""),
            ("r", "q x 201", "b 2/null 11, c 3/null 12"),
        ],
    );
    check(
        joined(Outer, JoinWindows::of(ms(1)).before(ms(20)).no_grace()),
        &[
            ("r", "a 1 0", ""),
            ("l", "b 2 2", ""),
            // Waits for left records until 20, but a right record looks only 20 after the first one.
            ("r", "c 3 20", ""),
            ("r", "d 4 21", "a null/1 0, b 2/null 2"),
            ("l", "e 5 22", ""),
        ],
    );
}

#[test]
fn a_record_whose_time_after_it_is_over_does_not_wait_for_the_grace() {
    check(
        joined(Left, JoinWindows::of(ms(10)).grace(ms(50))),
        &[
            ("r", "z now 100", ""),
            ("l", "a late 89", "a late/null 89"),
            ("l", "a in-time 90", ""),
            ("r", "a match 88", "a late/match 89, a in-time/match 90"),
        ],
    );
}

#[test]
fn a_stream_may_be_joined_with_itself() {
    let span = JoinWindows::of(ms(10)).no_grace();
    check(
        topology(|b| {
            let stream = b.stream(L);
            join(Inner, stream, stream, span).to(O);
        }),
        &[
            ("l", "a x 0", "a x/x 0"),
            ("l", "a y 5", "a y/x 5, a x/y 5, a y/y 5"),
            ("l", "b z 5", "b z/z 5"),
            ("l", "a w 11", "a w/y 11, a y/w 11, a w/w 11"),
        ],
    );
}

/// The results of an input, and what is sent to the changelogs.
fn results_of(topology: Topology, records: &[&str]) -> (Vec<String>, String) {
    let mut driver = TopologyTestDriver::new(topology).unwrap();
    let (mut results, mut changelogs) = (Vec::new(), String::new());
    for record in records {
        pipe(&mut driver, "l", record);
        let sent = driver.take_sent();
        changelogs.extend(sent.iter().filter(|sent| sent.topic.ends_with("changelog")).map(|_| '.'));
        let line = |sent: &streams_core::runtime::SentRecord| {
            let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map(|bytes| bytes.escape_ascii().to_string());
            format!("{:?} {:?} {:?}", text(&sent.key), text(&sent.value), sent.timestamp)
        };
        results.push(sent.iter().filter(|sent| &*sent.topic == "o").map(line).collect::<Vec<_>>().join(", "));
    }
    (results, changelogs)
}

#[test]
fn a_self_join_on_a_single_store_has_the_same_results_from_half_the_rows() {
    let records = [
        "a x 10",
        "a y 15",
        "b z 15",
        "a w 21",
        "a x 15",
        "a ~ 20",
        "~ n 20",
        "a late 13",
        "a v 40",
        "a u 32",
        "a t 23",
    ];
    for span in [
        JoinWindows::of(ms(10)).grace(ms(5)),
        JoinWindows::of(ms(10)).before(ms(0)).no_grace(),
        JoinWindows::of(ms(3)).after(ms(9)).grace(ms(100)),
    ] {
        let write = |b: &StreamsBuilder| {
            let stream = b.stream(L);
            join(Inner, stream, stream, span).to(O);
        };
        let optimized = || {
            let builder = StreamsBuilder::new();
            write(&builder);
            builder.build_with(Optimizations::NONE.single_store_self_join()).unwrap()
        };
        assert_eq!(optimized().internal_topics().len(), 1);
        let ((expected, logged), (results, logged_once)) =
            (results_of(topology(write), &records), results_of(optimized(), &records));
        assert_eq!(results, expected);
        assert_eq!(logged.len(), 2 * logged_once.len());
    }
}

/// Kafka Streams rewrites all of these, and so loses the results of null keys, and joins records with themselves that are
/// not as far apart as they must be.
#[test]
fn self_joins_that_a_single_store_would_change_keep_two() {
    let within = JoinWindows::of(ms(10));
    for (kind, span) in
        [(Left, within.no_grace()), (Outer, within.no_grace()), (Inner, within.later_by(ms(1)).no_grace())]
    {
        let builder = StreamsBuilder::new();
        let stream = builder.stream(L);
        join(kind, stream, stream, span).to(O);
        let optimized = builder.build_with(Optimizations::ALL).unwrap();
        let (expected, _) =
            results_of(topology(|b| _ = join(kind, b.stream(L), b.stream(L), span).to(O)), &["~ n 1", "a x 2"]);
        assert_eq!(results_of(optimized, &["~ n 1", "a x 2"]).0, expected);
    }
}

#[test]
fn both_streams_go_through_repartition_topics_if_their_keys_changed() {
    let write = |b: &StreamsBuilder| {
        let rekeyed =
            |topic| b.stream(topic).select_key(|_, value: &Text| value.clone().map(|value| value[..1].into()));
        join(Outer, rekeyed(L), rekeyed(R), JoinWindows::of(ms(10)).no_grace()).to(O);
    };
    check(
        topology(write),
        &[
            ("l", "k ax 0", ""),
            ("r", "l ay 3", "a ax/ay 3"),
            // A record without a key comes back from the topic and has no match.
            ("l", "k ~ 3", ""),
            ("r", "l b 20", ""),
            ("l", "l c 31", "b null/b 20"),
        ],
    );
}

#[test]
fn joiners_may_see_the_key() {
    let span = JoinWindows::of(ms(10)).no_grace();
    let key = |key: &Text| shown(key.clone());
    check(
        topology(|b| {
            let (left, right) = (b.stream(L), b.stream(R));
            left.join_with_key(right.within(span), move |k, l, r| format!("{}: {l}/{r}", key(k))).to(O);
            left.left_join_with_key(right.within(span), move |k, l, r| format!("{}: {l}/{}", key(k), shown(r))).to(O);
            left.outer_join_with_key(right.within(span), move |k, l, r| {
                format!("{}: {}/{}", key(k), shown(l), shown(r))
            })
            .to(O);
        }),
        &[
            ("l", "a x 0", ""),
            ("r", "a y 1", "a a: x/y 1, a a: x/y 1, a a: x/y 1"),
            ("r", "b z 2", ""),
            ("l", "~ n 3", "~ null: n/null 3, ~ null: n/null 3"),
            ("l", "c w 13", "b b: null/z 2"),
        ],
    );
}

#[test]
fn streams_of_keys_that_may_be_null_and_keys_that_may_not_are_joined() {
    const NOT_NULL: Topic<String, String> = Topic::new("r");
    let span = JoinWindows::of(ms(10)).no_grace();
    for outer in [false, true] {
        check(
            topology(|b| {
                let right = b.stream(NOT_NULL).within(span);
                if outer {
                    b.stream(L).outer_join(right, |l, r| format!("{}/{}", shown(l), shown(r))).to(O);
                } else {
                    b.stream(L).join(right, |l, r| format!("{l}/{r}")).to(O);
                }
            }),
            &[("l", "a x 0", ""), ("r", "a y 1", "a x/y 1")],
        );
    }
    check(
        topology(|b| _ = b.stream(NOT_NULL).join(b.stream(L).within(span), |r, l| format!("{r}/{l}")).to(O)),
        &[("l", "a x 0", ""), ("l", "~ n 0", ""), ("r", "a y 1", "a y/x 1")],
    );
}

#[test]
fn changelogs_are_javas_byte_for_byte() {
    let mut driver = TopologyTestDriver::new(joined(Left, JoinWindows::of(ms(10)).no_grace())).unwrap();
    let left = "JOINTHIS-0000000004-store-changelog";
    let right = "OUTEROTHER-0000000005-store-changelog";
    let unmatched = "OUTERSHARED-0000000004-store-changelog";
    for (topic, record, changelog, expected) in [
        ("l", "a x 5 h", left, r"a\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x01 x 5 h"),
        ("l", "a y 5 h", left, r"a\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x02 y 5 h"),
        (
            "l",
            "b z 6 h",
            unmatched,
            r"\x00\x00\x00\x00\x00\x00\x00\x06\x01b \x01\x00\x00\x00\x01\x00\x00\x00\x02\x01z 6",
        ),
        (
            "l",
            "b w 6 h",
            unmatched,
            r"\x00\x00\x00\x00\x00\x00\x00\x06\x01b \x01\x00\x00\x00\x02\x00\x00\x00\x02\x01z\x00\x00\x00\x02\x01w 6",
        ),
        ("r", "b ~ 6 h", right, r"b\x00\x00\x00\x00\x00\x00\x00\x06\x00\x00\x00\x01 ~ 6 h"),
        ("r", "b m 7 h", unmatched, r"\x00\x00\x00\x00\x00\x00\x00\x06\x01b ~ 7"),
        ("r", "z m 16", unmatched, r"\x00\x00\x00\x00\x00\x00\x00\x05\x01a ~ 16"),
        ("r", "z m 0", right, r"z\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x04 m 0"),
    ] {
        pipe(&mut driver, topic, record);
        assert_eq!(sent(&mut driver, changelog), expected, "{topic} {record}");
    }
}

#[test]
fn names_and_settings_of_stores_and_nodes_are_the_users() {
    let span = JoinWindows::of(ms(10)).no_grace();
    let write = |b: &StreamsBuilder| {
        let right = b.stream(R).within(span).stores_named("both").changelog_config("segment.bytes", "77");
        b.stream(L).left_join(right, |left, _| left).named("joined").to(O);
    };
    let described = topology(write).describe();
    for expected in [
        "Processor: joined-this-windowed (stores: [both-this-join-store])",
        "Processor: joined-other-windowed (stores: [both-outer-other-join-store])",
        "Processor: joined-this-join (stores: [both-left-shared-join-store, both-outer-other-join-store])",
        "Processor: joined-merge (stores: [])",
    ] {
        assert!(described.contains(expected), "{expected}:\n{described}");
    }
    let topology = topology(write);
    let settings = |changelog: &str| {
        let topic = topology.internal_topics().iter().find(|topic| *topic.name == *changelog).unwrap();
        topic.settings(topology.graph(), &[], Duration::ZERO).get("segment.bytes").cloned()
    };
    for store in ["both-this-join", "both-outer-other-join", "both-left-shared-join"] {
        assert_eq!(settings(&format!("{store}-store-changelog")).as_deref(), Some("77"), "{store}");
    }
    let unlogged = crate::topology(|b| {
        let right = b.stream(R).within(span).not_logged();
        b.stream(L).left_join(right, |left, _| left).to(O);
    });
    assert_eq!(unlogged.internal_topics(), []);
}

/// Inputs with several records of one key and time, records that are never matched, and some that come late.
const STORY: [(&str, &str); 20] = [
    ("l", "a 1 10"),
    ("l", "a 2 10"),
    ("r", "b 3 11"),
    ("l", "c 4 12"),
    ("l", "a 5 10"),
    ("r", "a 6 12"),
    ("r", "a 7 10"),
    ("l", "d 8 20"),
    ("l", "a 9 10"),
    ("r", "c 10 22"),
    ("r", "e 11 23"),
    ("l", "~ 12 23"),
    ("l", "b 13 21"),
    ("r", "a 14 20"),
    ("l", "f 15 40"),
    ("r", "f 16 40"),
    ("l", "a 17 9"),
    ("r", "g 18 60"),
    ("l", "h 19 61"),
    ("r", "h 20 200"),
];

/// One of the story's records.
#[derive(Clone)]
struct Told {
    topic: Topic<Text, Text>,
    key: Text,
    value: Text,
    at: Timestamp,
}

fn told() -> Vec<Told> {
    let record = |(topic, record): &(&str, &str)| {
        let mut parts = record.split(' ').map(|part| (part != "~").then(|| part.to_owned()));
        let (key, value, at) = (parts.next().unwrap(), parts.next().unwrap(), parts.next().unwrap().unwrap());
        Told { topic: if *topic == "l" { L } else { R }, key, value, at: Timestamp(at.parse().unwrap()) }
    };
    STORY.iter().map(record).collect()
}

/// Runs a story on production's worker, with `after` called after each record, and returns the results in order of
/// their bytes.
fn run(mut driver: TestDriver, story: Vec<Told>, mut after: impl FnMut(usize, &mut TestDriver)) -> Vec<String> {
    for (number, Told { topic, key, value, at }) in story.into_iter().enumerate() {
        driver.pipe_at(&topic, key, value, at);
        after(number, &mut driver);
    }
    driver.commit();
    let records = driver.read_records(&O).into_iter();
    let mut results: Vec<_> =
        records.map(|record| format!("{} {} {}", shown(record.key), record.value, record.timestamp.0)).collect();
    assert!(results.len() > 9, "{} results", results.len());
    results.sort();
    results
}

fn kill(driver: &mut TestDriver) {
    driver.kill();
    driver.restart();
}

fn configured(kind: Kind, exactly_once: bool, keeps_state: bool) -> streams_core::testing::Setup {
    let mut setup = TestDriver::configure(joined(kind, JoinWindows::of(ms(10)).grace(ms(5))));
    if exactly_once {
        setup = setup.with(|app| app.exactly_once());
    }
    if keeps_state { setup.state_in(KeptState::default()) } else { setup }
}

/// With its state or without, at every moment: nothing is lost, and nothing comes twice.
#[test]
fn a_join_that_is_killed_goes_on_as_if_nothing_had_happened() {
    for kind in [Inner, Left, Outer] {
        let expected = run(configured(kind, false, false).start(), told(), |_, _| {});
        for (exactly_once, keeps_state) in [(false, false), (false, true), (true, false), (true, true)] {
            for killed in (0..STORY.len()).step_by(2) {
                let driver = configured(kind, exactly_once, keeps_state).start();
                let results = run(driver, told(), |number, driver| {
                    if number == killed {
                        kill(driver);
                    }
                });
                assert_eq!(results, expected, "killed after {killed}, {exactly_once} {keeps_state}");
            }
        }
    }
}

/// Killed before each commit, so that the work since the last one is done again.
#[test]
fn every_result_comes_once_although_work_is_repeated() {
    // So that records come in the same order when they are read again.
    let mut story = told();
    story.sort_by(|one, other| (one.at, one.topic.name()).cmp(&(other.at, other.topic.name())));
    for kind in [Inner, Left, Outer] {
        let results = |keeps_state: bool, kills: bool| {
            let driver = configured(kind, true, keeps_state).commit_by_hand().start();
            run(driver, story.clone(), |number, driver| match number % 3 {
                2 => driver.commit(),
                1 if kills => kill(driver),
                _ => {}
            })
        };
        let expected = results(false, false);
        for keeps_state in [false, true] {
            assert_eq!(results(keeps_state, true), expected, "{keeps_state}");
        }
    }
}
