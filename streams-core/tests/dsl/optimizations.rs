//! Optimised topologies do the same as others.

use std::time::Duration;

use bytes::Bytes;
use streams_core::config::Layers;
use streams_core::dsl::StreamsBuilder;
use streams_core::log::Embedded;
use streams_core::record::Timestamp;
use streams_core::runtime::{App, ErrorSettings, OnError, Settings};
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::topology::{InternalTopicKind, Optimizations, Topology};

const A: Topic<String, String> = Topic::new("a");
const B: Topic<String, String> = Topic::new("b");
const C: Topic<String, String> = Topic::new("c");
const G: Topic<String, i64> = Topic::new("g");
const COUNTS: Topic<String, i64> = Topic::new("counts");
const LAST: Topic<String, String> = Topic::new("last");
const ROWS: Topic<String, Option<String>> = Topic::new("rows");
const LAST_ROWS: Topic<String, Option<String>> = Topic::new("last-rows");

/// Writes a program.
type Write = fn(&StreamsBuilder);

fn built(optimizations: Optimizations, write: Write) -> Topology {
    let builder = StreamsBuilder::new();
    write(&builder);
    builder.build_with(optimizations).unwrap()
}

fn last(_: String, value: String) -> String {
    value
}

/// The names of the repartition topics, in order.
fn repartitions(topology: &Topology) -> Vec<&str> {
    let topics = topology.internal_topics().iter();
    let topics = topics.filter(|topic| matches!(topic.kind, InternalTopicKind::Repartition { .. }));
    topics.map(|topic| &*topic.name).collect()
}

#[test]
fn a_merged_repartition_topic_feeds_all_that_had_one() {
    let write = |b: &StreamsBuilder| {
        let keyed = b.stream(A).select_key(|_, value| value.clone());
        keyed.group_by_key().named("counted").count().to_stream().to(COUNTS);
        keyed.filter(|_, value| value != "x").group_by_key().named("reduced").reduce(last).to_stream().to(LAST);
    };
    for (optimizations, topics) in [
        (Optimizations::NONE, &["counted-repartition", "reduced-repartition"][..]),
        (Optimizations::NONE.merge_repartition_topics(), &["counted-repartition"]),
    ] {
        let topology = built(optimizations, write);
        assert_eq!(repartitions(&topology), topics);
        let mut driver = TestDriver::new(topology);
        for value in ["x", "y", "x"] {
            driver.pipe(&A, "k", value);
        }
        let text = |text: &str| text.to_owned();
        assert_eq!(driver.read(&COUNTS), [(text("x"), 1), (text("y"), 1), (text("x"), 2)]);
        assert_eq!(driver.read(&LAST), [(text("y"), text("y"))]);
    }
}

/// Kafka Streams merges these topics, so that records reach an aggregation in tasks that their keys do not belong to, or of
/// other types; where a merge follows another one, it refuses the topology.
#[test]
fn repartition_topics_are_merged_only_where_all_records_come_the_same_way() {
    let cases: [(&str, Write, &[&str]); 6] = [
        (
            "another stream with changed keys joins in on the way",
            |b| {
                let keyed = b.stream(A).select_key(|_, value| value.clone());
                keyed.group_by_key().named("one").count().to_stream().to(COUNTS);
                let other = b.stream(B).select_key(|_, value| value.clone());
                keyed.merge(other).group_by_key().named("both").reduce(last).to_stream().to(LAST);
            },
            &["one-repartition", "both-repartition"],
        ),
        (
            "a processor changes what it likes",
            |b| {
                let keyed = b.stream(A).select_key(|_, value| value.clone());
                let processed = keyed.process((), |(), key, value: String, out| out.send(key.clone() + "'", value));
                processed.group_by_key().named("one").count().to_stream().to(COUNTS);
                processed.group_by_key().named("other").reduce(last).to_stream().to(LAST);
            },
            &["one-repartition", "other-repartition"],
        ),
        (
            "a global table's rows are other values",
            |b| {
                let (keyed, rows) = (b.stream(A).select_key(|_, value| value.clone()), b.global_table(G));
                let joined = keyed.left_join_global(rows, |key, _| key.clone(), |_, row| row.unwrap_or(0));
                joined.group_by_key().named("one").reduce(|sum, row| sum + row).to_stream().to(COUNTS);
                keyed.group_by_key().named("other").reduce(last).to_stream().to(LAST);
            },
            &["one-repartition", "other-repartition"],
        ),
        (
            "a merge follows another one",
            |b| {
                let [a, b, c] = [A, B, C].map(|topic| b.stream(topic).select_key(|_, value| value.clone()));
                let merged = a.merge(b).merge(c);
                merged.group_by_key().named("one").count().to_stream().to(COUNTS);
                merged.group_by_key().named("other").reduce(last).to_stream().to(LAST);
            },
            &["one-repartition"],
        ),
        (
            "two branches of a split are grouped",
            |b| {
                let branches = b.stream(A).select_key(|_, value| value.clone()).split();
                branches.branch(|_, value| value == "x").group_by_key().named("one").count().to_stream().to(COUNTS);
                branches.default_branch().group_by_key().named("other").reduce(last).to_stream().to(LAST);
            },
            &["one-repartition"],
        ),
        (
            "what a filter lets pass is grouped twice",
            |b| {
                let kept = b.stream(A).select_key(|_, value| value.clone()).filter(|_, value| value != "z");
                kept.group_by_key().named("one").count().to_stream().to(COUNTS);
                kept.group_by_key().named("other").reduce(last).to_stream().to(LAST);
            },
            &["one-repartition"],
        ),
    ];
    for (case, write, topics) in cases {
        let mut expected: Vec<&str> = topics.to_vec();
        expected.sort_unstable();
        let topology = built(Optimizations::ALL, write);
        let mut found = repartitions(&topology);
        found.sort_unstable();
        assert_eq!(found, expected, "{case}:\n{}", topology.describe());
        let results = |topology: Topology| {
            let read = topology.describe();
            let mut driver = TestDriver::new(topology);
            for (topic, value) in [(A, "x"), (B, "y"), (A, "z"), (B, "x")] {
                if read.contains(&format!("(topics: [{}])", topic.name())) {
                    driver.pipe(&topic, "k", value);
                }
            }
            (driver.read(&COUNTS), driver.read(&LAST))
        };
        assert_eq!(results(topology), results(built(Optimizations::NONE, write)), "{case}");
    }
}

/// What was processed but not committed is not in the table yet when it is restored: otherwise its old rows would be taken
/// out of the counts again, without ever having been added.
#[test]
fn a_table_is_restored_from_the_topic_that_it_reads_as_far_as_that_is_committed() {
    let topology = built(Optimizations::NONE.reuse_source_topics(), |b| {
        let rows = b.table(ROWS);
        b.stream(A).join(rows, |value, row| format!("{value} {row}")).to(LAST);
        rows.group_by(|key, row| (row.clone(), key.clone())).count().to_stream().to(COUNTS);
    });
    let changelogs = topology.internal_topics().iter().filter(|topic| topic.name.ends_with("-changelog"));
    assert_eq!(
        changelogs.map(|topic| &*topic.name).collect::<Vec<_>>(),
        ["KTABLE-AGGREGATE-STATE-STORE-0000000007-changelog"]
    );
    let mut driver = TestDriver::configure(topology).with(|app| app.exactly_once()).start();
    let text = |text: &str| text.to_owned();
    for (key, row) in [("k", Some("x")), ("l", Some("y")), ("m", Some("z")), ("m", None)] {
        driver.pipe(&ROWS, key, row.map(str::to_owned));
    }
    driver.commit();
    for restart in 0..2 {
        driver.pipe(&ROWS, "k", Some(text("y")));
        driver.kill();
        driver.restart();
        for key in ["k", "l", "m"] {
            driver.pipe(&A, key, "joined with");
        }
        driver.commit();
        let joined = ["k", "l"].map(|key| (text(key), text("joined with y")));
        assert_eq!(driver.read(&LAST), joined, "restart {restart}");
        let counts: std::collections::BTreeMap<_, _> = driver.read(&COUNTS).into_iter().collect();
        assert_eq!(counts.get("y"), Some(&2), "restart {restart}");
    }
}

/// The times that were extracted are in no topic but the changelog.
#[test]
fn a_table_whose_times_are_extracted_has_a_changelog_of_its_own() {
    let topology = built(Optimizations::ALL, |b| {
        let rows = b.table(ROWS).timestamped_by(|_, _| Timestamp(7));
        rows.stored_as(KeyValueStore::new("rows")).to_stream().to(LAST_ROWS);
    });
    let names: Vec<_> = topology.internal_topics().iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["rows-changelog"]);
}

/// Their deletions are in no topic but the changelog.
#[test]
fn rows_that_expire_have_a_changelog_of_their_own() {
    let topology = built(Optimizations::ALL, |b| {
        b.table(ROWS)
            .expire_after(Duration::from_millis(10))
            .stored_as(KeyValueStore::new("rows"))
            .to_stream()
            .to(LAST_ROWS);
    });
    let names: Vec<_> = topology.internal_topics().iter().map(|topic| topic.name.to_string()).collect();
    assert_eq!(names, ["rows-changelog"]);
    let mut driver = TestDriver::configure(topology).with(|app| app.exactly_once()).start();
    let row = |row: &str| Some(row.to_owned());
    driver.pipe_at(&ROWS, "k", row("x"), Timestamp(0));
    driver.pipe_at(&ROWS, "l", row("y"), Timestamp(10));
    driver.commit();
    driver.kill();
    driver.restart();
    driver.pipe_at(&ROWS, "k", row("z"), Timestamp(10));
    driver.commit();
    let expected = [("k", row("x")), ("k", None), ("l", row("y")), ("k", row("z"))];
    assert_eq!(driver.read(&LAST_ROWS), expected.map(|(key, row)| (key.to_owned(), row)));
}

/// A restore reads what was left out, too.
#[test]
fn what_a_table_left_out_is_left_out_of_a_restore_from_its_topic() {
    let topology = built(Optimizations::NONE.reuse_source_topics(), |b| {
        b.table(ROWS).stored_as(KeyValueStore::new("rows")).to_stream().to(LAST_ROWS);
    });
    let settings = || Settings {
        errors: ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() },
        ..Settings::default()
    };
    let skip = move |app: App| app.settings(settings()).exactly_once();
    let mut driver = TestDriver::configure(topology).with(skip).start();
    let raw: Topic<Option<String>, Option<Bytes>> = Topic::new("rows");
    let bytes = |bytes: &'static [u8]| Some(Bytes::from_static(bytes));
    for (key, row) in
        [(Some("k"), bytes(b"x")), (None, bytes(b"nobody's")), (Some("l"), bytes(b"\xff")), (Some("m"), bytes(b"y"))]
    {
        driver.pipe(&raw, key.map(str::to_owned), row);
    }
    let rows = |driver: &TestDriver| {
        let store = KeyValueStore::<String, String>::new("rows");
        driver.rows(&store).into_iter().map(|(key, row)| format!("{key}={row}")).collect::<Vec<_>>()
    };
    driver.pipe_at(&ROWS, "n", Some("too early".to_owned()), Timestamp(-1));
    driver.commit();
    assert_eq!(rows(&driver), ["k=x", "m=y"]);
    driver.kill();
    driver.restart();
    assert_eq!(rows(&driver), ["k=x", "m=y"]);
}

#[test]
fn a_setting_that_the_topology_was_not_built_with_is_an_error() {
    let started = |set: &str, optimizations| {
        let config = Layers::new().set("application.id", "app").set("topology.optimization", set).read().unwrap();
        let topology = built(optimizations, |b| _ = b.stream(A).to(LAST));
        let log = Embedded::in_memory();
        let mut app = App::configured(&config, topology).quiet();
        app = app.workers(1);
        app.run_until_idle(log).err().map(|error| error.to_string())
    };
    assert_eq!(
        started("all", Optimizations::NONE).unwrap(),
        "setting topology.optimization: it is `all`, but the topology was built with `none`; build it with \
         `builder.build_with(config.topology_optimization)`"
    );
    for (set, optimizations) in [("all", Optimizations::ALL), ("none", Optimizations::ALL)] {
        let error = started(set, optimizations);
        assert!(!error.unwrap_or_default().contains("topology.optimization"), "{set}");
    }
}
