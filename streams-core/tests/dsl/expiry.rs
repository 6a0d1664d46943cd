//! Rows that expire: what is forwarded and when, whatever the cache, the commits and the crashes.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::ProcessorWindowStore;
use streams_core::record::Timestamp;
use streams_core::runtime::{App, ErrorSettings, OnError, Settings};
use streams_core::state::{KeyValueStore, Timestamped, VersionedStore};
use streams_core::testing::{KeptState, TestDriver};
use streams_core::topic::Topic;
use streams_core::topology::TopologyError;
use streams_core::windows::Tumbling;

use crate::topology;

const IN: Topic<String, Option<String>> = Topic::new("in");
const OTHER: Topic<String, String> = Topic::new("other");
const OUT: Topic<String, Option<String>> = Topic::new("out");
const STORE: KeyValueStore<String, String> = KeyValueStore::new("rows");
const TEN: Duration = Duration::from_millis(10);

/// A record: time, key and value; `-` is null.
type Line<'a> = (i64, &'a str, &'a str);

fn pipe(driver: &mut TestDriver, (time, key, value): Line<'_>) {
    driver.pipe_at(&IN, key, (value != "-").then(|| value.to_owned()), Timestamp(time));
}

/// What came out, as `key=value@time`.
fn read(driver: &mut TestDriver) -> Vec<String> {
    driver.commit();
    let records = driver.read_records(&OUT).into_iter();
    let shown = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    records.map(|record| format!("{}={}@{}", record.key, shown(record.value), record.timestamp.0)).collect()
}

fn dropped(driver: &mut TestDriver) -> u64 {
    driver.tasks().values().map(|task| task.dropped_total()).sum()
}

fn rows(driver: &TestDriver) -> Vec<String> {
    driver.rows(&STORE).into_iter().map(|(key, value)| format!("{key}={value}")).collect()
}

fn table(b: &StreamsBuilder) {
    b.table(IN).expire_after(TEN).stored_as(STORE).to_stream().to(OUT);
}

/// Values of a key are concatenated.
fn aggregate(b: &StreamsBuilder) {
    let texts = b
        .stream(IN)
        .group_by_key()
        .aggregate_with(|_, value, all: Option<String>| Some(all.unwrap_or_default() + &value));
    texts.expire_after(TEN).stored_as(STORE).to_stream().to(OUT);
}

#[expect(clippy::type_complexity, reason = "a table of cases")]
const CASES: &[(fn(&StreamsBuilder), &[Line<'_>], &[&str], &[&str])] = &[
    (
        table,
        &[
            (0, "a", "1"),
            (5, "b", "1"),
            // Nine milliseconds after its update, a row is still there.
            (9, "c", "1"),
            (10, "b", "2"),
            (19, "d", "1"),
            // An update at the moment when the row expires comes after its deletion.
            (20, "b", "3"),
            (21, "b", "-"),
            // Too late for a row, but not for a deletion.
            (11, "e", "late"),
            (11, "d", "-"),
            (12, "e", "in time"),
            (22, "b", "4"),
            (100, "c", "2"),
            (90, "b", "late"),
        ],
        &[
            "a=1@0",
            "b=1@5",
            "c=1@9",
            "a=-@10",
            "b=2@10",
            "c=-@19",
            "d=1@19",
            "b=-@20",
            "b=3@20",
            "b=-@21",
            "d=-@11",
            "e=in time@12",
            "e=-@22",
            "b=4@22",
            "b=-@32",
            "c=2@100",
        ],
        &["c=2"],
    ),
    (
        aggregate,
        &[
            (0, "a", "1"),
            (9, "a", "2"),
            // An earlier record leaves the row's time as it is, even if that record alone had expired.
            (18, "b", "1"),
            (8, "a", "3"),
            (19, "b", "2"),
            (20, "a", "4"),
            (9, "c", "late"),
            (10, "c", "late"),
            (11, "c", "in time"),
            (28, "a", "5"),
            (50, "d", "1"),
        ],
        &[
            "a=1@0",
            "a=12@9",
            "b=1@18",
            "a=123@9",
            "a=-@19",
            "b=12@19",
            "a=4@20",
            "c=in time@11",
            "c=-@21",
            "a=45@28",
            "b=-@29",
            "a=-@38",
            "d=1@50",
        ],
        &["d=1"],
    ),
];

#[test]
fn rows_expire_before_the_record_that_advances_time_and_oldest_first() {
    for (number, (program, lines, expected, left)) in CASES.iter().enumerate() {
        for caching in [0, 1 << 20] {
            let mut driver = TestDriver::configure(topology(program)).caching(caching).start();
            lines.iter().for_each(|line| pipe(&mut driver, *line));
            assert_eq!(read(&mut driver), *expected, "case {number}, cache: {caching}");
            assert_eq!(rows(&driver), *left, "case {number}, cache: {caching}");
            assert_eq!(dropped(&mut driver), 2, "case {number}");
        }
    }
}

#[test]
fn nothing_expires_twice_or_never_wherever_the_application_is_killed() {
    for (number, (program, lines, expected, left)) in CASES.iter().enumerate() {
        for keeps in [false, true] {
            for killed_after in 0..=lines.len() {
                let driver = TestDriver::configure(topology(program)).with(App::exactly_once);
                let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
                for (done, line) in lines.iter().enumerate() {
                    if done == killed_after {
                        driver.kill();
                        driver.restart();
                    }
                    pipe(&mut driver, *line);
                }
                driver.kill();
                driver.restart();
                let context = format!("case {number}, keeps: {keeps}, killed after {killed_after}");
                assert_eq!(read(&mut driver), *expected, "{context}");
                assert_eq!(rows(&driver), *left, "{context}");
            }
        }
    }
}

#[test]
fn each_partition_has_its_own_time() {
    for partitions in [1, 3] {
        let mut driver = TestDriver::configure(topology(table)).partitions(partitions).start();
        let keys = ["a", "b", "c", "d", "e", "f"];
        keys.iter().for_each(|key| pipe(&mut driver, (0, key, "1")));
        keys.iter().for_each(|key| pipe(&mut driver, (100, key, "2")));
        let mut out = read(&mut driver);
        out.sort_by_key(|line| line[..1].to_owned());
        let expected: Vec<_> =
            keys.iter().flat_map(|key| [format!("{key}=1@0"), format!("{key}=-@10"), format!("{key}=2@100")]).collect();
        assert_eq!(out, expected, "partitions: {partitions}");
    }
}

#[test]
fn joins_and_groups_see_that_rows_have_expired() {
    let joined = topology(|b| {
        let table = b.table(IN).expire_after(TEN);
        b.stream(OTHER).left_join(table, |left, right| Some(format!("{left}/{}", right.unwrap_or_default()))).to(OUT);
    });
    let mut driver = TestDriver::new(joined);
    pipe(&mut driver, (0, "a", "1"));
    for (time, value) in [(9, "x"), (10, "y"), (5, "z")] {
        driver.pipe_at(&OTHER, "a", value, Timestamp(time));
    }
    assert_eq!(read(&mut driver), ["a=x/1@9", "a=y/@10", "a=z/@5"], "records of another topic advance time, too");

    let counted = topology(|b| {
        let rows = b.table(IN).expire_after(TEN);
        let counts = rows.group_by(|_, value| (value, 1_i64)).count();
        counts.to_stream().map_values(|count| count.map(|count| count.to_string())).to(OUT);
    });
    for caching in [0, 1 << 20] {
        let mut driver = TestDriver::configure(counted.clone()).caching(caching).start();
        for line in [(0, "a", "x"), (5, "b", "x"), (10, "c", "y")] {
            pipe(&mut driver, line);
        }
        // The counts have a cache.
        let all = ["x=1@0", "x=2@5", "x=1@10", "y=1@10"];
        let expected = if caching == 0 { &all[..] } else { &all[2..] };
        assert_eq!(read(&mut driver), expected, "cache: {caching}");
    }
}

/// More than are deleted in one go.
#[test]
fn many_rows_expire_in_the_order_of_their_times_and_keys() {
    let mut driver = TestDriver::new(topology(table));
    let rows: Vec<_> = (0..700_i64).map(|number| (number * 31 % 7, format!("k{:03}", number * 17 % 700))).collect();
    rows.iter().for_each(|(time, key)| pipe(&mut driver, (*time, key, "x")));
    read(&mut driver);
    pipe(&mut driver, (100, "z", "last"));
    let mut expected = rows;
    expected.sort();
    let mut expected: Vec<_> = expected.iter().map(|(time, key)| format!("{key}=-@{}", time + 10)).collect();
    expected.push("z=last@100".to_owned());
    assert_eq!(read(&mut driver), expected);
}

#[test]
fn cogroups_and_tables_of_streams_expire() {
    let cogroup: fn(&StreamsBuilder) = |b| {
        let (one, two) = (b.stream(IN).filter_some().group_by_key(), b.stream(OTHER).group_by_key());
        let texts = one.cogroup(|all: &mut String, value| *all += &value).cogroup(two, |all, value| *all += &value);
        texts.aggregate(String::new).expire_after(TEN).to_stream().to(OUT);
    };
    let of_stream: fn(&StreamsBuilder) = |b| {
        b.stream(IN).map(|key, value| (key + "'", value)).to_table().expire_after(TEN).to_stream().to(OUT);
    };
    for (program, expected) in [
        (cogroup, ["a=1@0", "a=12@3", "b=1@12", "a=-@13", "a=3@13"]),
        (of_stream, ["a'=1@0", "a'=2@3", "b'=1@12", "a'=-@13", "a'=3@13"]),
    ] {
        let mut driver = TestDriver::new(topology(program));
        [(0, "a", "1"), (3, "a", "2"), (12, "b", "1"), (13, "a", "3")].iter().for_each(|line| pipe(&mut driver, *line));
        assert_eq!(read(&mut driver), expected);
    }
}

#[test]
fn a_processor_reads_a_table_whose_rows_expire() {
    let mut driver = TestDriver::new(topology(|b| {
        b.table(IN).expire_after(TEN).stored_as(STORE);
        let read = b.stream(OTHER).process(STORE.read_only(), |rows, key: &String, _, out| {
            let row = rows.get_timestamped(key).map(|row| format!("{}@{}", row.value, row.timestamp.0));
            let (all, from) = (rows.all().len(), rows.range("b".to_owned()..).len());
            out.send(key.clone(), Some(format!("{} {all} {from}", row.unwrap_or_default())));
        });
        read.to(OUT);
    }));
    for line in [(0, "a", "1"), (4, "b", "1"), (5, "c", "1")] {
        pipe(&mut driver, line);
    }
    for time in [9, 10, 14] {
        driver.pipe_at(&OTHER, "a", "", Timestamp(time));
        driver.pipe_at(&OTHER, "b", "", Timestamp(time));
    }
    assert_eq!(
        read(&mut driver),
        ["a=1@0 3 2@9", "b=1@4 3 2@9", "a= 2 2@10", "b=1@4 2 2@10", "a= 1 1@14", "b= 1 1@14"]
    );
}

/// A record that is left out does not advance stream time, so nothing may expire because of it.
#[test]
fn a_record_that_cannot_be_read_expires_nothing() {
    const RAW: Topic<String, streams_core::wire::List<u64>> = Topic::new("in");
    let skips = |app: App| {
        app.settings(Settings {
            errors: ErrorSettings { undecodable: OnError::Skip, ..ErrorSettings::default() },
            ..Settings::default()
        })
    };
    let mut driver = TestDriver::configure(topology(table)).with(skips).start();
    pipe(&mut driver, (0, "a", "1"));
    driver.pipe_at(&RAW, "a", streams_core::wire::List(vec![u64::MAX]), Timestamp(1_000));
    pipe(&mut driver, (5, "a", "2"));
    assert_eq!(read(&mut driver), ["a=1@0", "a=2@5"]);
    assert_eq!(dropped(&mut driver), 1);
}

#[test]
fn where_rows_cannot_expire_it_is_an_error_with_the_place() {
    fn error(write: impl FnOnce(&StreamsBuilder)) -> String {
        let builder = StreamsBuilder::new();
        write(&builder);
        builder.build().map(drop).map_err(|error: TopologyError| error.to_string()).unwrap_err()
    }
    const VERSIONS: VersionedStore<String, String> = VersionedStore::new("versions", TEN);
    for (error, part) in [
        (error(|b| _ = b.table(IN).expire_after(Duration::ZERO)), "at least a millisecond"),
        (error(|b| _ = b.table(IN).expire_after(Duration::MAX)), "for ever need no such option"),
        (error(|b| _ = b.table(IN).expire_after(TEN).stored_as(VERSIONS)), "a versioned store keeps rows"),
        (error(|b| _ = b.table(IN).filter(|_, _| true).expire_after(TEN)), "it belongs directly after one of these"),
        (
            error(|b| {
                const WINDOWS: ProcessorWindowStore<String, String> = ProcessorWindowStore::new("windows", TEN, TEN);
                b.store(WINDOWS).expire_after(TEN);
                b.stream(IN).process(WINDOWS, |_, key: &String, value, out| out.send(key.clone(), value)).to(OUT);
            }),
            "the rows of a `ProcessorWindowStore` are kept for as long as its constant says",
        ),
        (
            error(|b| {
                let windows = Tumbling::of(TEN).no_grace();
                _ = b.stream(IN).group_by_key().windowed_by(windows).count().expire_after(TEN).to_stream();
            }),
            "it belongs directly after one of these",
        ),
    ] {
        assert!(error.contains("`.expire_after(..)` at ") && error.contains(part), "{error}");
    }
}

/// Puts each record by its key, or deletes that if its value is null, and sends what the store has then.
fn seen(b: &StreamsBuilder) {
    b.store(STORE).expire_after(TEN);
    let rows = b.stream(IN).process(STORE, |mut rows, key: &String, text: Option<String>, out| {
        match text {
            Some(text) => rows.put(key, text),
            None => rows.delete(key),
        }
        let all: Vec<_> = rows.all().into_iter().map(|(key, value)| format!("{key}={value}")).collect();
        let (prefixed, from) = (rows.prefix(&"b".to_owned()).len(), rows.range("b".to_owned()..).len());
        out.send(all.join(" "), Some(format!("{} {prefixed} {from}", rows.count())));
    });
    rows.to(OUT);
}

#[test]
fn rows_of_processors_stores_expire_wherever_the_application_is_killed() {
    let lines = [
        (0, "a", "1"),
        (5, "b", "1"),
        (9, "a", "2"),
        (14, "c", "1"),
        (15, "d", "1"),
        (5, "e", "late"),
        (6, "e", "in time"),
        (16, "c", "-"),
        (19, "f", "1"),
    ];
    let expected = [
        "a=1=1 0 0@0",
        "a=1 b=1=2 1 1@5",
        "a=2 b=1=2 1 1@9",
        "a=2 b=1 c=1=3 1 2@14",
        "a=2 c=1 d=1=3 0 2@15",
        "a=2 c=1 d=1=3 0 2@5",
        "a=2 c=1 d=1 e=in time=4 0 3@6",
        "a=2 d=1=2 0 1@16",
        "d=1 f=1=2 0 2@19",
    ];
    for keeps in [false, true] {
        for killed_after in 0..=lines.len() {
            let driver = TestDriver::configure(topology(seen)).with(App::exactly_once);
            let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
            for (done, line) in lines.iter().enumerate() {
                if done == killed_after {
                    driver.kill();
                    driver.restart();
                }
                pipe(&mut driver, *line);
            }
            assert_eq!(read(&mut driver), expected, "keeps: {keeps}, killed after {killed_after}");
            assert_eq!(rows(&driver), ["d=1", "f=1"]);
            assert_eq!(driver.get(&STORE, "d"), Some("1".to_owned()));
        }
    }
    let mut driver = TestDriver::new(topology(seen));
    lines.iter().for_each(|line| pipe(&mut driver, *line));
    assert_eq!(dropped(&mut driver), 1);
}

#[test]
fn rows_with_times_of_their_own_expire_by_those() {
    const FROM: KeyValueStore<String, Timestamped<String>> = KeyValueStore::new("from");
    let mut driver = TestDriver::new(topology(|b| {
        b.store(FROM).expire_after(TEN);
        let rows = b.stream(IN).filter_some().process(FROM, |mut rows, key: &String, text, out| {
            let timestamp = Timestamp(out.timestamp().0 + text.parse::<i64>().unwrap());
            rows.put(key, Timestamped { value: text, timestamp });
            let all: Vec<_> = rows.all().into_iter().map(|(key, row)| format!("{key}@{}", row.timestamp.0)).collect();
            out.send(all.join(" "), Some(String::new()));
        });
        rows.to(OUT);
    }));
    for line in [(0, "a", "0"), (0, "b", "5"), (9, "c", "-8"), (10, "d", "0"), (15, "e", "-5"), (16, "e", "-7")] {
        pipe(&mut driver, line);
    }
    let expected = ["a@0=@0", "a@0 b@5=@0", "a@0 b@5 c@1=@9", "b@5 c@1 d@10=@10", "d@10 e@10=@15", "d@10 e@9=@16"];
    assert_eq!(read(&mut driver), expected);
}

/// Otherwise nobody would know what to delete downstream. Names are as for a table that is kept for another reason.
#[test]
fn a_table_whose_rows_expire_is_kept_and_described_with_its_time_to_live() {
    let expiring = |ttl| topology(|b| _ = b.table(IN).expire_after(ttl).named("rows").to_stream().to(OUT));
    let program = expiring(TEN);
    let described = "Processor: rows (stores: [in-STATE-STORE-0000000000])";
    assert!(program.describe().contains(described), "{}", program.describe());
    let json = program.to_json();
    let store = &json["stores"][0];
    assert_eq!((&store["type"], &store["ttl_ms"]), (&"expiring".into(), &10.into()));
    assert_eq!(store["changelog"], "in-STATE-STORE-0000000000-changelog");
    assert_ne!(program.fingerprint().hash(), expiring(2 * TEN).fingerprint().hash());
}

#[derive(Debug, Clone)]
enum Step {
    /// Key, time, whether it is a deletion.
    Record(u8, i64, bool),
    Commit,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let record = (0..4_u8, prop_oneof![10 => -12..6_i64, 1 => 10..40_i64], prop::bool::weighted(0.15));
    let step = prop_oneof![
        12 => record.prop_map(|(key, by, deletes)| Step::Record(key, by, deletes)),
        1 => Just(Step::Commit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..80).prop_map(|mut steps| {
        let mut now = 20;
        for step in &mut steps {
            if let Step::Record(_, at, _) = step {
                let by = std::mem::replace(at, (now + *at).max(0));
                now += by.max(0);
            }
        }
        steps
    })
}

/// What comes out by looking at every row with every record, and the rows that are left.
fn modelled(aggregates: bool, steps: &[Step]) -> (Vec<String>, Vec<String>) {
    let mut rows: BTreeMap<String, (String, i64)> = BTreeMap::new();
    let (mut stream_time, mut out) = (-1, Vec::new());
    for (number, step) in steps.iter().enumerate() {
        let Step::Record(key, at, deletes) = *step else { continue };
        let key = format!("k{key}");
        stream_time = stream_time.max(at);
        let mut over: Vec<_> = rows.iter().map(|(key, (_, time))| (*time, key.clone())).collect();
        over.retain(|(time, _)| time + 10 <= stream_time);
        over.sort();
        for (time, key) in over {
            rows.remove(&key);
            out.push(format!("{key}=-@{}", time + 10));
        }
        match (aggregates, deletes) {
            (true, true) => {}
            (false, true) => {
                rows.remove(&key);
                out.push(format!("{key}=-@{at}"));
            }
            (_, false) => {
                let before = rows.get(&key).cloned().filter(|_| aggregates);
                let (text, time) = before.map_or((String::new(), at), |(text, time)| (text, time.max(at)));
                if time + 10 > stream_time {
                    let text = format!("{text}{number}.");
                    out.push(format!("{key}={text}@{time}"));
                    rows.insert(key, (text, time));
                }
            }
        }
    }
    (out, rows.into_iter().map(|(key, (text, _))| format!("{key}={text}")).collect())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_comes_out_does_not_depend_on_caches_commits_and_crashes(
        steps in steps(),
        aggregates in any::<bool>(),
        cache in prop::sample::select(vec![0, 400, 10 << 20]),
        keeps in any::<bool>(),
    ) {
        let program = topology(if aggregates { aggregate } else { table });
        let driver = TestDriver::configure(program).caching(cache).with(App::exactly_once);
        let mut driver = if keeps { driver.state_in(KeptState::default()).start() } else { driver.start() };
        for (number, step) in steps.iter().enumerate() {
            match step {
                Step::Record(key, at, deletes) => {
                    let value = if *deletes { "-".to_owned() } else { format!("{number}.") };
                    pipe(&mut driver, (*at, &format!("k{key}"), &value));
                }
                Step::Commit => driver.commit(),
                Step::Kill => {
                    driver.kill();
                    driver.restart();
                }
            }
        }
        let (out, left) = modelled(aggregates, &steps);
        prop_assert_eq!(read(&mut driver), out);
        prop_assert_eq!(rows(&driver), left);
    }
}
