//! Several streams that are aggregated together.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use streams_core::record::Timestamp;
use streams_core::runtime::App;
use streams_core::state::{KeyValueStore, WindowStore};
use streams_core::testing::TestDriver;
use streams_core::topic::Topic;
use streams_core::windows::{Hopping, SessionWindows, Sessions, Sliding, Tumbling, Windowed};

use crate::topology;

const ONE: Topic<Option<String>, Option<String>> = Topic::new("one");
const TWO: Topic<Option<String>, Option<String>> = Topic::new("two");
const OUT: Topic<String, Option<String>> = Topic::new("out");
const SUMS: KeyValueStore<u64, i64> = KeyValueStore::new("sums");

fn append(text: &mut String, value: Option<String>) {
    *text += value.as_deref().unwrap_or("~");
}

/// Pipes records such as `1:k=A@7`, of stream 1 or 2; `~` is null.
fn pipe(driver: &mut TestDriver, record: &str) {
    let (topic, rest) = record.split_once(':').unwrap();
    let (key, rest) = rest.split_once('=').unwrap();
    let (value, time) = rest.split_once('@').unwrap();
    let some = |text: &str| (text != "~").then(|| text.to_owned());
    let topic = if topic == "1" { ONE } else { TWO };
    driver.pipe_at(&topic, some(key), some(value), Timestamp(time.parse().unwrap()));
}

fn dropped(driver: &mut TestDriver) -> u64 {
    driver.tasks().values().map(|task| task.dropped_total()).sum()
}

/// `CogroupedKStreamImplTest.shouldCogroupAndAggregateTwoKStreamsWithSharedKeys`, and records without key or value.
#[test]
fn two_streams_share_the_rows_as_kafka_streams_own_test_expects() {
    let input = "1:k1=A@0 1:k2=A@1 1:k1=A@10 1:k2=A@100 2:k2=B@100 2:k2=B@200 2:k1=B@1 2:k2=B@500 2:k1=B@500 \
                 2:k2=B@500 2:k3=B@500 2:k2=B@100 2:k2=~@600 2:~=B@600 1:~=A@600";
    let expected = "k1=A@0 k2=A@1 k1=AA@10 k2=AA@100 k2=AAB@100 k2=AABB@200 k1=AAB@10 k2=AABBB@500 k1=AABB@500 \
                    k2=AABBBB@500 k3=B@500 k2=AABBBBB@500";
    for cache_bytes in [0, 1 << 20] {
        let built = topology(|b| {
            let (one, two) = (b.stream(ONE).group_by_key(), b.stream(TWO).group_by_key());
            one.cogroup(append).cogroup(two, append).aggregate(String::new).to_stream().to(OUT);
        });
        let mut driver = TestDriver::configure(built).with(move |app| app.cache_bytes(cache_bytes)).start();
        input.split(' ').for_each(|record| pipe(&mut driver, record));
        let records = driver.read_records(&OUT).into_iter();
        let records = records.map(|record| format!("{}={}@{}", record.key, record.value.unwrap(), record.timestamp.0));
        assert_eq!(records.collect::<Vec<_>>().join(" "), expected);
        assert_eq!(dropped(&mut driver), 3);
    }
}

#[test]
fn a_row_can_be_deleted_and_begins_anew() {
    let built = topology(|b| {
        let (one, two) = (b.stream(ONE).group_by_key(), b.stream(TWO).group_by_key());
        let cogrouped = one
            .cogroup(append)
            .cogroup_with(two, |key, value, text| (value.as_deref() != Some("end")).then(|| format!("{text}{key}")));
        cogrouped.aggregate(|| ">".to_owned()).to_stream().to(OUT);
    });
    let mut driver = TestDriver::new(built);
    "1:k=A@1 2:k=x@2 2:k=end@3 2:k=end@4 1:k=B@5".split(' ').for_each(|record| pipe(&mut driver, record));
    let values: Vec<_> = driver.read(&OUT).into_iter().map(|(_, value)| value.unwrap_or_default()).collect();
    assert_eq!(values, [">A", ">Ak", "", ">B"]);
}

/// As in all time windows, null values are passed on, and each closed window counts as a drop.
#[test]
fn windows_have_rows_of_all_streams() {
    const STORE: WindowStore<String, String> = WindowStore::new("windows");
    const TEXTS: Topic<Windowed<String>, String> = Topic::new("texts").windows_of(Duration::from_millis(10));
    for cache_bytes in [0, 1 << 20] {
        let built = topology(|b| {
            let windows = Hopping::of(Duration::from_millis(10)).advance_by(Duration::from_millis(5)).no_grace();
            let (one, two) = (b.stream(ONE).group_by_key(), b.stream(TWO).group_by_key());
            let both = one.cogroup(append).cogroup(two, append).windowed_by(windows).aggregate(String::new);
            both.stored_as(STORE).to_stream().to(TEXTS);
        });
        let mut driver = TestDriver::configure(built).with(move |app| app.cache_bytes(cache_bytes)).start();
        "1:k=A@7 2:k=B@3 2:k=~@8 1:k=C@21 2:k=D@9 1:~=E@9".split(' ').for_each(|record| pipe(&mut driver, record));
        let texts = driver.read(&TEXTS).into_iter().map(|(key, text)| (key.window.start.0, text));
        let texts: Vec<_> = texts.map(|(start, text)| format!("{start}={text}")).collect();
        // Stream 2 has its own stream time, by which its record at 9 is not late. But the rows are over in the common
        // store. In Kafka Streams, too.
        let expected = "0=A 5=A 0=AB 0=AB~ 5=A~ 15=C 20=C 0=D 5=D";
        assert_eq!(texts.join(" "), expected, "cache: {cache_bytes}");
        assert_eq!(dropped(&mut driver), 1);
    }
}

/// The second stream's time lags behind the store's. `RocksDBWindowStore` keeps rows by the minute, finds none that is over
/// by the retention, and counts those whose whole minute is. They are logged and forwarded all the same.
#[test]
fn rows_that_are_over_in_the_common_store_begin_anew_and_count_as_dropped_a_minute_later() {
    const TEXTS: Topic<Windowed<String>, String> = Topic::new("texts").windows_of(Duration::from_millis(10));
    for cache_bytes in [0, 1 << 20] {
        let built = topology(|b| {
            let (one, two) = (b.stream(ONE).group_by_key(), b.stream(TWO).group_by_key());
            let windows = Tumbling::of(Duration::from_millis(10)).no_grace();
            let both = one.cogroup(append).cogroup(two, append).windowed_by(windows).aggregate(String::new);
            both.retention(Duration::from_secs(80)).to_stream().to(TEXTS);
        });
        let mut driver = TestDriver::configure(built).with(move |app| app.cache_bytes(cache_bytes)).start();
        "1:k=A@60005 2:k=B@59999 1:k=C@139990 2:k=D@60001 2:k=E@60002"
            .split(' ')
            .for_each(|record| pipe(&mut driver, record));
        assert_eq!(dropped(&mut driver), 0);
        "1:k=F@140000 2:k=G@60003 2:k=H@60004 2:k=I@60012".split(' ').for_each(|record| pipe(&mut driver, record));
        let texts = driver.read(&TEXTS).into_iter().map(|(key, text)| format!("{}={text}", key.window.start.0));
        let expected = "60000=A 59990=B 139990=C 60000=AD 60000=ADE 140000=F 60000=G 60000=H 60010=I";
        assert_eq!(texts.collect::<Vec<_>>().join(" "), expected, "cache: {cache_bytes}");
        assert_eq!(dropped(&mut driver), 0, "their minute is not over");
        "1:k=J@199999 2:k=K@60019 1:k=L@200000 2:k=M@60019".split(' ').for_each(|record| pipe(&mut driver, record));
        let texts = driver.read(&TEXTS).into_iter().map(|(key, text)| format!("{}={text}", key.window.start.0));
        let expected = "199990=J 60010=K 200000=L 60010=M";
        assert_eq!(texts.collect::<Vec<_>>().join(" "), expected, "cache: {cache_bytes}");
        assert_eq!(dropped(&mut driver), 1);
    }
}

/// Sliding windows hold what is near in time from whichever stream it comes. The second stream's time lags behind in the end:
/// its row is over in the common store, which counts.
#[test]
fn sliding_windows_hold_the_records_of_all_streams_near_each_other() {
    const TEXTS: Topic<Windowed<String>, String> = Topic::new("texts").windows_of(Duration::from_millis(10));
    let built = topology(|b| {
        let (one, two) = (b.stream(ONE).group_by_key(), b.stream(TWO).group_by_key());
        let windows = Sliding::of(Duration::from_millis(10)).no_grace();
        let both = one.cogroup(append).cogroup(two, append).windowed_by(windows).aggregate(String::new);
        both.to_stream().to(TEXTS);
    });
    let mut driver = TestDriver::configure(built).with(|app| app.cache_bytes(0)).start();
    "1:k=A@100 2:k=B@105 1:l=C@105 1:~=D@105 2:k=~@105".split(' ').for_each(|record| pipe(&mut driver, record));
    let read = |driver: &mut TestDriver| {
        let texts = driver.read(&TEXTS).into_iter();
        texts.map(|(key, text)| format!("{}{}={text}", key.key, key.window.start.0)).collect::<Vec<_>>().join(" ")
    };
    assert_eq!((read(&mut driver).as_str(), dropped(&mut driver)), ("k90=A k101=B k95=AB l95=C", 2));
    "1:k=E@600000 2:k=F@106".split(' ').for_each(|record| pipe(&mut driver, record));
    assert_eq!((read(&mut driver).as_str(), dropped(&mut driver)), ("k599990=E k96=F", 3));
}

/// `SessionWindowedCogroupedKStreamImplTest.sessionWindowMixAggregatorsTest`.
#[test]
fn sessions_last_as_long_as_records_of_any_stream_come() {
    let input = "1:k1=A@0 1:k2=A@0 1:k2=A@1 1:k1=A@2 2:k1=B@3 2:k2=B@3 2:k2=B@444 2:k1=B@444";
    let expected = "k1=0+A@0 k2=0+A@0 k2=~@0 k2=0+0+A+A@1 k1=~@0 k1=0+0+A+A@2 k1=~@2 k1=0+0+0+A+A-B@3 k2=~@1 \
                    k2=0+0+0+A+A-B@3 k2=0-B@444 k1=0-B@444";
    for cache_bytes in [0, 1 << 20] {
        let sessions = Sessions::gap(Duration::from_millis(100)).grace(Duration::from_secs(86_400));
        let mut driver = in_sessions(sessions, cache_bytes);
        input.split(' ').for_each(|record| pipe(&mut driver, record));
        assert_eq!(sessions_of(&mut driver), expected, "cache: {cache_bytes}");
    }
}

/// Each stream has its own stream time, by which its sessions are late. The common store lets go of whole minutes, finds none
/// that is over, and counts those that it does not take any more.
#[test]
fn sessions_of_a_stream_that_lags_behind_are_not_found_and_count_as_dropped_a_minute_later() {
    let mut driver = in_sessions(Sessions::gap(Duration::from_millis(10)).no_grace(), 0);
    "2:k=B@0 1:k=A@59000 2:k=C@5 2:k=D@6".split(' ').for_each(|record| pipe(&mut driver, record));
    assert_eq!(dropped(&mut driver), 0);
    "1:k=E@61000 2:k=F@7 1:k=G@5".split(' ').for_each(|record| pipe(&mut driver, record));
    let expected = "k=0-B@0 k=0+A@59000 k=0-C@5 k=0-D@6 k=0+E@61000 k=0-F@7";
    assert_eq!(sessions_of(&mut driver), expected);
    assert_eq!(dropped(&mut driver), 2, "one is over in the store, and one is late");
}

fn in_sessions(sessions: SessionWindows, cache_bytes: usize) -> TestDriver {
    let built = topology(|b| {
        let (one, two) = (b.stream(ONE).group_by_key(), b.stream(TWO).group_by_key());
        let text = |value: Option<String>| value.unwrap_or_else(|| "~".to_owned());
        let both = one.cogroup(move |all: &mut String, value| *all += &format!("+{}", text(value)));
        let both = both.cogroup(two, move |all, value| *all += &format!("-{}", text(value)));
        let rows = both.windowed_by(sessions).aggregate(|| "0".to_owned(), |one, other| format!("{one}+{other}"));
        rows.to_stream_by(|session, _| session.key.clone()).to(OUT);
    });
    TestDriver::configure(built).with(move |app| app.cache_bytes(cache_bytes)).start()
}

fn sessions_of(driver: &mut TestDriver) -> String {
    let records = driver.read_records(&OUT).into_iter();
    let records = records.map(|record| {
        format!("{}={}@{}", record.key, record.value.unwrap_or_else(|| "~".to_owned()), record.timestamp.0)
    });
    records.collect::<Vec<_>>().join(" ")
}

#[test]
fn groups_that_need_a_topic_each_need_a_name() {
    let builder = streams_core::dsl::StreamsBuilder::new();
    let group = |topic: Topic<Option<String>, Option<String>>| builder.stream(topic).group_by(|_, value| value.clone());
    _ = group(ONE)
        .cogroup(append)
        .cogroup(group(TWO), append)
        .aggregate(String::new)
        .stored_as(KeyValueStore::new("rows"));
    let error = builder.build().unwrap_err().to_string();
    assert!(error.contains("would all be called `rows-repartition`; name the groups with `.named(..)`"), "{error}");
}

/// One step of a random history.
#[derive(Debug, Clone)]
enum Step {
    Add { stream: usize, key: u64, value: i64 },
    Commit,
    Kill,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        10 => (0..3_usize, 0..5_u64, -9..9_i64).prop_map(|(stream, key, value)| Step::Add { stream, key, value }),
        2 => Just(Step::Commit),
        1 => Just(Step::Kill),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Under exactly-once each record counts once, whatever the caches, the partitions and the crashes.
    #[test]
    fn every_record_of_every_stream_counts_once(steps in steps(), partitions in 1..4_u32, cached: bool) {
        const NUMBERS: [Topic<u64, i64>; 3] = [Topic::new("a"), Topic::new("b"), Topic::new("c")];
        let built = topology(|b| {
            let [first, second, third] = NUMBERS.map(|topic| b.stream(topic));
            // The keys of the second stream are changed, and go through a topic.
            let second = second.select_key(|key, _| *key).group_by_key();
            let add = |sum: &mut i64, value| *sum += value;
            let all = first.group_by_key().cogroup(add).cogroup(second, add).cogroup(third.group_by_key(), add);
            _ = all.aggregate(|| 0).stored_as(SUMS);
        });
        let setup = TestDriver::configure(built).partitions(partitions).commit_by_hand().with(move |app: App| {
            (if cached { app } else { app.cache_bytes(0) }).exactly_once()
        });
        let mut driver = setup.start();
        let mut sums = BTreeMap::new();
        for (at, step) in (0..).map(Timestamp).zip(steps) {
            match step {
                Step::Add { stream, key, value } => {
                    driver.pipe_at(&NUMBERS[stream], key, value, at);
                    *sums.entry(key).or_insert(0) += value;
                }
                Step::Commit => driver.commit(),
                Step::Kill => {
                    driver.kill();
                    driver.restart();
                    driver.run();
                }
            }
        }
        for _ in 0..3 {
            driver.commit();
            driver.run();
        }
        prop_assert_eq!(driver.rows(&SUMS).into_iter().collect::<BTreeMap<_, _>>(), sums);
    }
}
