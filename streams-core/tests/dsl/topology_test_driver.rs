//! The driver that behaves as Kafka Streams' own: what it sends is what `TopologyTestDriver` 4.3.1 printed.

use std::fmt::Write as _;
use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{Forward, Processor, PunctuationId, PunctuationTime, Refs, Schedule};
use streams_core::record::{Record, Timestamp};
use streams_core::runtime::{AppError, DropReason, OnError};
use streams_core::state::{KeyValueStore, WindowStore};
use streams_core::testing::{RawRecord, TopologyTestDriver};
use streams_core::topic::Topic;
use streams_core::windows::Tumbling;
use streams_core::wire::Value as _;

use crate::{OUT, topology};

const IN: Topic<String, String> = Topic::new("in");

/// What was sent, each record as topic, key, value, timestamp.
fn sent(driver: &mut TopologyTestDriver) -> String {
    let text = |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or("~".to_owned(), shown);
    let mut sent = String::new();
    for record in driver.take_sent() {
        let (topic, key, value) = (&record.topic, text(&record.key), text(&record.value));
        let at = record.timestamp.map_or("-".to_owned(), |timestamp| timestamp.0.to_string());
        write!(sent, "{}{topic} {key} {value} {at}", if sent.is_empty() { "" } else { " | " }).unwrap();
    }
    sent
}

fn shown(bytes: &[u8]) -> String {
    let shown =
        |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") };
    bytes.iter().map(shown).collect()
}

/// A step of a test: what happens, and what is sent then.
enum Step {
    Pipe(&'static str, &'static str, &'static str, i64, &'static str),
    Advance(u64, &'static str),
}

use Step::{Advance, Pipe};

fn check(cache_bytes: usize, write: impl FnOnce(&StreamsBuilder), steps: &[Step]) {
    let mut driver = TopologyTestDriver::configure(topology(write)).cache_bytes(cache_bytes).start().unwrap();
    for (number, step) in steps.iter().enumerate() {
        let expected = match step {
            Pipe(topic, key, value, at, expected) => {
                let [key, value] = [key, value].map(|text| Some(text.as_bytes().to_vec()));
                let record = RawRecord { key, value, timestamp: Timestamp(*at), ..RawRecord::default() };
                driver.pipe_bytes(topic, &record).unwrap();
                expected
            }
            Advance(millis, expected) => {
                driver.advance_wall_clock(Duration::from_millis(*millis)).unwrap();
                expected
            }
        };
        assert_eq!(sent(&mut driver), *expected, "step {number}");
    }
}

/// Kafka Streams keeps the inputs in a heap, so equal timestamps come in an order of their own.
#[test]
fn records_that_come_in_again_at_the_same_time_are_taken_in_javas_order() {
    let write = |builder: &StreamsBuilder| {
        let two = builder.stream(IN).flat_map_values(|value: String| vec![value.clone() + "1", value + "2"]);
        for name in ["b", "c", "d", "e"] {
            let topic: Topic<String, String> = Topic::named(name).unwrap();
            two.to(topic);
        }
        for name in ["b", "c", "d", "e"] {
            let topic: Topic<String, String> = Topic::named(name).unwrap();
            builder.stream(topic).map_values(move |value: String| name.to_owned() + &value).to(OUT);
        }
    };
    check(
        0,
        write,
        &[
            Pipe(
                "in",
                "k",
                "x",
                10,
                "b k x1 10 | c k x1 10 | d k x1 10 | e k x1 10 | b k x2 10 | c k x2 10 | d k x2 10 | e k x2 10 | \
                 out k bx1 10 | out k ex1 10 | out k bx2 10 | out k ex2 10 | out k dx1 10 | out k cx1 10 | \
                 out k dx2 10 | out k cx2 10",
            ),
            Pipe(
                "in",
                "k",
                "y",
                5,
                "b k y1 5 | c k y1 5 | d k y1 5 | e k y1 5 | b k y2 5 | c k y2 5 | d k y2 5 | e k y2 5 | \
                 out k by1 5 | out k ey1 5 | out k by2 5 | out k ey2 5 | out k dy1 5 | out k cy1 5 | out k dy2 5 | \
                 out k cy2 5",
            ),
            Pipe("e", "k", "z", 7, "out k ez 7"),
        ],
    );
}

/// Within a topic records stay in order; among the topics the first records' times decide.
#[test]
fn the_smallest_first_timestamp_comes_next() {
    const STEPS: [(i64, &str); 6] = [(5, "b1"), (1, "c2"), (2, "b3"), (9, "c4"), (2, "d5"), (2, "c6")];
    let write = |builder: &StreamsBuilder| {
        struct Spread;
        impl Processor<String, String, String, String> for Spread {
            type Stores = ();
            fn process(&mut self, _: (), record: Record<String, String>, out: &mut Forward<'_, String, String>) {
                for (later, value) in STEPS {
                    let timestamp = Timestamp(record.timestamp.0 + later);
                    out.send_with(record.key.clone(), value.to_owned(), timestamp, record.headers.clone());
                }
            }
        }
        let spread = builder.stream(IN).process_with((), || Spread);
        for name in ["b", "c", "d"] {
            let topic: Topic<String, String> = Topic::named(name).unwrap();
            spread.filter(move |_, value: &String| value.starts_with(name)).to(topic);
        }
        for name in ["b", "c", "d"] {
            let topic: Topic<String, String> = Topic::named(name).unwrap();
            builder.stream(topic).to(OUT);
        }
    };
    check(
        0,
        write,
        &[Pipe(
            "in",
            "k",
            "x",
            10,
            "b k b1 15 | c k c2 11 | b k b3 12 | c k c4 19 | d k d5 12 | c k c6 12 | out k c2 11 | out k d5 12 | \
             out k b1 15 | out k b3 12 | out k c4 19 | out k c6 12",
        )],
    );
}

/// Records that are left out do not give others time to get in front.
#[test]
fn a_record_behind_one_without_a_time_is_taken_in_javas_order() {
    let [b, c] = ["b", "c"].map(|name| Topic::<String, String>::named(name).unwrap());
    let write = |builder: &StreamsBuilder| {
        let three = builder.stream(IN).flat_map_values(|value: String| {
            vec![value.clone() + "1", "late".to_owned(), "later".to_owned(), value + "2", "last".to_owned()]
        });
        three.to(b.clone());
        let timed =
            builder.stream(b).timestamped_by(|record, _| (!record.value.starts_with('l')).then_some(record.timestamp));
        timed.to(c.clone());
        timed.map_values(|value| "b".to_owned() + &value).to(OUT);
        builder.stream(c).map_values(|value| "c".to_owned() + &value).to(OUT);
    };
    check(
        0,
        write,
        &[Pipe(
            "in",
            "k",
            "x",
            10,
            "b k x1 10 | b k late 10 | b k later 10 | b k x2 10 | b k last 10 | c k x1 10 | out k bx1 10 | c k x2 10 | \
             out k bx2 10 | out k cx1 10 | out k cx2 10",
        )],
    );
}

/// What a record changes is flushed before the next one, whether that was piped or comes in again.
#[test]
fn each_record_is_followed_by_a_commit() {
    const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
    const PARITY: KeyValueStore<String, String> = KeyValueStore::new("parity");
    const PARITIES: Topic<String, String> = Topic::new("parities");
    let write = |builder: &StreamsBuilder| {
        let words = |user: String, text: String| {
            text.split('-').map(|word| (word.to_owned(), user.clone())).collect::<Vec<_>>()
        };
        let counts = builder.stream(IN).flat_map(words).group_by_key().count().stored_as(COUNTS);
        counts.to_stream().map_values(|count| count.unwrap_or_default().to_string()).to(OUT);
        let by_parity = counts.group_by(|word: &String, count: i64| {
            (if count % 2 == 0 { "even" } else { "odd" }.to_owned(), word.clone())
        });
        let parity = by_parity.reduce(|old, new| old + "+" + &new, |old, new| old + "-" + &new).stored_as(PARITY);
        parity.to_stream().map_values(Option::unwrap_or_default).to(PARITIES);
    };
    check(
        1_000_000,
        write,
        &[
            Pipe(
                "in",
                "u",
                "a-b-a",
                10,
                "app-counts-repartition a u 10 | app-counts-repartition b u 10 | app-counts-repartition a u 10 | \
                 app-counts-changelog a \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 10 | out a 1 10 | \
                 app-parity-repartition odd a\\x01 10 | \
                 app-counts-changelog b \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 10 | out b 1 10 | \
                 app-parity-repartition odd b\\x01 10 | app-parity-changelog odd a 10 | parities odd a 10 | \
                 app-counts-changelog a \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02 10 | out a 2 10 | \
                 app-parity-repartition odd a\\x00 10 | app-parity-repartition even a\\x01 10 | \
                 app-parity-changelog odd a+b 10 | parities odd a+b 10 | app-parity-changelog odd a+b-a 10 | \
                 parities odd a+b-a 10 | app-parity-changelog even a 10 | parities even a 10",
            ),
            Pipe(
                "in",
                "u",
                "b-a-c",
                5,
                "app-counts-repartition b u 5 | app-counts-repartition a u 5 | app-counts-repartition c u 5 | \
                 app-counts-changelog b \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02 10 | out b 2 10 | \
                 app-parity-repartition odd b\\x00 10 | app-parity-repartition even b\\x01 10 | \
                 app-counts-changelog a \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 10 | out a 3 10 | \
                 app-parity-repartition even a\\x00 10 | app-parity-repartition odd a\\x01 10 | \
                 app-counts-changelog c \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 5 | out c 1 5 | \
                 app-parity-repartition odd c\\x01 5 | app-parity-changelog odd a+b-a-b 10 | \
                 parities odd a+b-a-b 10 | app-parity-changelog even a+b 10 | parities even a+b 10 | \
                 app-parity-changelog even a+b-a 10 | parities even a+b-a 10 | \
                 app-parity-changelog odd a+b-a-b+a 10 | parities odd a+b-a-b+a 10 | \
                 app-parity-changelog odd a+b-a-b+a+c 10 | parities odd a+b-a-b+a+c 10",
            ),
        ],
    );
}

/// Sends a record whenever it is called.
struct Ticker(&'static str, PunctuationTime);

impl Processor<String, String, String, String> for Ticker {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_millis(10), self.1);
    }

    fn process(&mut self, _: (), record: Record<String, String>, out: &mut Forward<'_, String, String>) {
        out.send_record(record);
    }

    fn punctuate(&mut self, _: PunctuationId, at: Timestamp, _: Refs<'_, ()>, out: &mut Forward<'_, String, String>) {
        out.send_with(self.0.to_owned(), "tick".to_owned(), at, streams_core::record::Headers::new());
    }
}

#[test]
fn stream_time_is_one_for_all_and_the_wall_clock_fires_once_per_advance() {
    const MID: Topic<String, String> = Topic::new("mid");
    let write = |builder: &StreamsBuilder| {
        builder.stream(IN).process_with((), || Ticker("stream", PunctuationTime::Stream)).to(MID);
        builder.stream(MID).process_with((), || Ticker("wall", PunctuationTime::WallClock)).to(OUT);
    };
    check(
        0,
        write,
        &[
            Pipe("in", "k", "x", 3, "mid k x 3 | mid stream tick 3 | out k x 3 | out stream tick 3"),
            Pipe("in", "k", "y", 25, "mid k y 25 | mid stream tick 25 | out k y 25 | out stream tick 25"),
            Advance(5, ""),
            Advance(5, "out wall tick 10"),
            Advance(35, "out wall tick 45"),
            Pipe("in", "k", "z", 24, "mid k z 24 | out k z 24"),
            Advance(4, ""),
            Advance(1, "out wall tick 50"),
        ],
    );
}

#[test]
fn what_is_sent_to_a_global_tables_topic_is_there_at_once() {
    const NAMES: Topic<String, String> = Topic::new("names");
    const ORDERS: Topic<String, String> = Topic::new("orders");
    const MORE: Topic<String, String> = Topic::new("in2");
    let write = |builder: &StreamsBuilder| {
        let names = builder.global_table(NAMES);
        let orders = builder.stream(ORDERS);
        orders.join_global(names, |key, _| key.clone(), |order, name| order + &name).to(OUT);
        builder.stream(IN).to(NAMES);
        builder.stream(MORE).flat_map_values(|value| vec![value.clone() + "1", value + "2"]).to(ORDERS);
    };
    check(
        0,
        write,
        &[
            Pipe("orders", "k", "x", 3, ""),
            Pipe("in", "k", "n", 3, "names k n 3"),
            Pipe("orders", "k", "y", 3, "out k yn 3"),
            Pipe("names", "k", "m", 1, ""),
            Pipe("in2", "k", "z", 2, "orders k z1 2 | orders k z2 2 | out k z1m 2 | out k z2m 2"),
        ],
    );
}

#[test]
fn a_topic_that_is_read_and_written_comes_round() {
    let write = |builder: &StreamsBuilder| {
        builder.stream(IN).filter(|_, value: &String| value.len() < 4).map_values(|value| value + "a").to(IN);
    };
    check(0, write, &[Pipe("in", "k", "x", 3, "in k xa 3 | in k xaa 3 | in k xaaa 3")]);
}

/// Rows are gone as soon as their window is a retention behind the newest, whenever they are really deleted.
#[test]
fn rows_that_have_expired_are_not_seen() {
    const WINDOWS: WindowStore<String, i64> = WindowStore::new("w");
    let counting = topology(|builder| {
        let windows = Tumbling::of(Duration::from_millis(10)).grace(Duration::from_millis(20));
        let counts = builder.stream(IN).group_by_key().windowed_by(windows).count();
        counts.stored_as(WINDOWS).retention(Duration::from_millis(30));
    });
    let mut driver = TopologyTestDriver::configure(counting).cache_bytes(0).start().unwrap();
    for (at, expected) in [
        (0, "k@0/10=1"),
        (5, "k@0/10=2"),
        (10, "k@0/10=2 k@10/20=1"),
        (29, "k@0/10=2 k@10/20=1 k@20/30=1"),
        (30, "k@10/20=1 k@20/30=1 k@30/40=1"),
        (31, "k@10/20=1 k@20/30=1 k@30/40=2"),
        (39, "k@10/20=1 k@20/30=1 k@30/40=3"),
        (40, "k@20/30=1 k@30/40=3 k@40/50=1"),
        (25, "k@20/30=2 k@30/40=3 k@40/50=1"),
        (19, "k@20/30=2 k@30/40=3 k@40/50=1"),
        (100, "k@100/110=1"),
        (0, "k@100/110=1"),
    ] {
        driver.pipe_at(&IN, "k", "x", Timestamp(at)).unwrap();
        let rows = driver.rows().unwrap().into_iter().map(|row| {
            let (window, count) = (row.window.unwrap(), i64::decode(&row.value).unwrap());
            format!("{}@{}/{}={count}", row.key.escape_ascii(), window.start.0, window.end.0)
        });
        assert_eq!(rows.collect::<Vec<_>>().join(" "), expected, "after {at}");
    }
    assert_eq!(driver.dropped_records_total(), 2);
}

#[test]
fn rows_of_all_stores_are_seen_with_their_times() {
    const NAMES: Topic<String, String> = Topic::new("names");
    const NAMED: KeyValueStore<String, String> = KeyValueStore::new("named");
    const SEEN: KeyValueStore<String, i64> = KeyValueStore::new("seen");
    const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
    let topology = topology(|builder| {
        builder.global_table(NAMES).stored_as(NAMED);
        let records = builder.stream(IN);
        let forwarded = records.process(SEEN, |mut seen, key, _, out: &mut Forward<'_, String, String>| {
            seen.put(key, 7);
            out.send(key.clone(), String::new());
        });
        forwarded.for_each(|_, _| ());
        records.group_by_key().count().stored_as(COUNTS);
    });
    let mut driver = TopologyTestDriver::new(topology).unwrap();
    driver.pipe_at(&IN, "a", "x", Timestamp(3)).unwrap();
    driver.pipe_at(&IN, "b", "x", Timestamp(4)).unwrap();
    driver.pipe_at(&IN, "a", "x", Timestamp(2)).unwrap();
    driver.pipe_at(&NAMES, "n", "v", Timestamp(9)).unwrap();
    let rows = driver.rows().unwrap().into_iter().map(|row| {
        let at = row.timestamp.map_or("-".to_owned(), |at| at.0.to_string());
        format!("{} {} {} {} {at}", row.kind, row.store, row.key.escape_ascii(), row.value.escape_ascii())
    });
    let number = |number: u8| format!("\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x{number:02x}");
    let expected = [
        format!("key-value seen a {} -", number(7)),
        format!("key-value seen b {} -", number(7)),
        format!("table counts a {} 3", number(2)),
        format!("table counts b {} 4", number(1)),
        "table named n v 9".to_owned(),
    ];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
}

#[test]
fn dropped_records_are_counted_by_node_and_reason() {
    const TABLE: Topic<String, String> = Topic::new("tab");
    const RECORDS: Topic<Option<String>, Option<String>> = Topic::new("in");
    const JOINED: Topic<String, String> = Topic::new("out");
    let topology = topology(|builder| {
        let records = builder.stream(RECORDS);
        records.group_by_key().count().to_stream().for_each(|_, _| ());
        records.select_key(|_, _| None::<String>).repartition().for_each(|_, _| ());
        let table = builder.table(TABLE);
        records.join(table, |_, row| row).to(JOINED);
    });
    let mut driver = TopologyTestDriver::new(topology).unwrap();
    for (topic, key, value, sum) in
        [("in", None, Some("v"), 2), ("tab", None, Some("v"), 3), ("in", Some("k"), None, 5)]
    {
        let [key, value] = [key, value].map(|text: Option<&str>| text.map(|text| text.as_bytes().to_vec()));
        driver.pipe_bytes(topic, &RawRecord { key, value, timestamp: Timestamp(1), ..RawRecord::default() }).unwrap();
        assert_eq!(driver.dropped_records_total(), sum);
    }
    let dropped =
        driver.dropped().into_iter().map(|((node, reason), count)| format!("{node} {} {count}", reason.label()));
    let expected = [
        "KSTREAM-AGGREGATE-0000000002 null-key 1",
        "KSTREAM-AGGREGATE-0000000002 null-value 1",
        "KSTREAM-FILTER-0000000008 null-key 2", // which Kafka Streams does not count
        "KSTREAM-JOIN-0000000014 null-key 1",
        "KSTREAM-JOIN-0000000014 null-value 1",
        "KTABLE-SOURCE-0000000013 null-key 1",
    ];
    assert_eq!(dropped.collect::<Vec<_>>(), expected);
}

#[test]
fn errors_are_values() {
    let mut driver = TopologyTestDriver::new(topology(|builder| {
        let checked = builder.stream(IN).map_values(|value| {
            assert!(value != "bad", "no good");
            value
        });
        checked.to(OUT);
    }))
    .unwrap();
    let error = |outcome: Result<(), AppError>| outcome.unwrap_err().to_string();
    assert_eq!(error(driver.pipe(&OUT, "k", "v")), "the topology does not read topic `out`; it reads `in`");
    driver.pipe(&IN, "k", "good").unwrap();
    let panicked = error(driver.pipe(&IN, "k", "bad"));
    assert!(
        panicked.starts_with(
            "task 0_0 failed at offset 1 of in-0: KSTREAM-MAPVALUES-0000000001: the application's code panicked: no good"
        ),
        "{panicked}"
    );
    assert_eq!(error(driver.pipe(&IN, "k", "good")), panicked, "it has ended");
    assert_eq!(error(driver.advance_wall_clock(Duration::ZERO)), panicked);
    assert_eq!(sent(&mut driver), "out k good 0");

    let undecodable = RawRecord { key: Some(b"k".to_vec()), value: Some(vec![0xff]), ..RawRecord::default() };
    let copy = || topology(|builder| _ = builder.stream(IN).to(OUT));
    let mut driver = TopologyTestDriver::new(copy()).unwrap();
    let refused = error(driver.pipe_bytes("in", &undecodable));
    assert!(refused.starts_with("task 0_0 failed at offset 0 of in-0: the value cannot be read"), "{refused}");
    let mut driver = TopologyTestDriver::configure(copy()).on_undecodable(OnError::Skip).start().unwrap();
    driver.pipe_bytes("in", &undecodable).unwrap();
    assert_eq!(driver.dropped().into_iter().collect::<Vec<_>>(), [(("in".to_owned(), DropReason::Undecodable), 1)]);

    let nameless = TopologyTestDriver::configure(copy()).application_id("").start();
    assert!(matches!(nameless, Err(AppError::ApplicationId { .. })));
}

#[test]
fn an_application_without_input_of_its_own_has_nothing_to_do() {
    const NAMES: Topic<String, String> = Topic::new("names");
    let mut driver = TopologyTestDriver::new(topology(|builder| _ = builder.global_table(NAMES))).unwrap();
    driver.pipe(&NAMES, "k", "v").unwrap();
    driver.advance_wall_clock(Duration::from_secs(1)).unwrap();
    assert_eq!((sent(&mut driver), driver.rows().unwrap().len()), (String::new(), 1));
}

const WINDOWS: WindowStore<String, i64> = WindowStore::new("w");
const REDUCED: KeyValueStore<String, String> = KeyValueStore::new("r");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("c");
const JOINED: KeyValueStore<String, String> = KeyValueStore::new("j");
const MAPPED: KeyValueStore<String, String> = KeyValueStore::new("m");
const FILTERED: KeyValueStore<String, String> = KeyValueStore::new("f");
const TABLE: KeyValueStore<String, String> = KeyValueStore::new("t");

/// One record changes the rows of many stores.
fn many_stores(builder: &StreamsBuilder, is_joined: bool) {
    let to = |name: &str| Topic::<String, Option<String>>::named(name).unwrap();
    let shown = |number: Option<i64>| number.map_or("null".to_owned(), |number| number.to_string());
    let records = builder.stream(IN);
    let words = records.flat_map_values(|text: String| text.split('-').map(str::to_owned).collect());
    let groups = words.group_by_key();
    let windows = groups.windowed_by(Tumbling::of(Duration::from_millis(10)).no_grace()).count().stored_as(WINDOWS);
    let reduced = groups.reduce(|old, new| old + &new).stored_as(REDUCED);
    let counts = groups.count().stored_as(COUNTS);
    if is_joined {
        counts.join(reduced, |count, text| format!("{count}{text}")).to_stream().to(to("joined"));
        let left = reduced.left_join(counts, move |text, count| text + &shown(count)).stored_as(JOINED);
        left.to_stream().to(to("left"));
    }
    windows.to_stream().map(move |key, count| (key.key, count.map(|count| count.to_string()))).to(to("windows"));
    let mapped = counts.map_values(|count| format!("m{count}")).stored_as(MAPPED);
    mapped.filter(|_, text| text.len() < 3).stored_as(FILTERED).to_stream().to(to("filtered"));
    let table = records.filter(|_, text: &String| text.contains('-')).to_table().stored_as(TABLE);
    if is_joined {
        table.join(counts, |text, count| text + &count.to_string()).to_stream().to(to("tc"));
    }
    let named = |text: String, row: Option<String>| Some(format!("{text}/{}", row.unwrap_or("null".to_owned())));
    records.left_join(table, named).to(to("st"));
}

/// Stores that one record changes are flushed one after the other, in the order in which the topology names them; what
/// a flush forwards may wait in a later cache.
#[test]
fn caches_are_flushed_in_javas_order() {
    check(
        1_000_000,
        |builder| many_stores(builder, false),
        &[
            Pipe(
                "in",
                "k",
                "x",
                10,
                "st k x/null 10 | \
                 app-w-changelog k\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x0a\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 10 | \
                 windows k 1 10 | app-r-changelog k x 10 | \
                 app-c-changelog k \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 10 | app-m-changelog k m1 10 | \
                 app-f-changelog k m1 10 | filtered k m1 10",
            ),
            Pipe(
                "in",
                "k",
                "y-z",
                12,
                "st k y-z/y-z 12 | \
                 app-w-changelog k\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x0a\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 12 | \
                 windows k 3 12 | app-r-changelog k xyz 12 | \
                 app-c-changelog k \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 12 | app-m-changelog k m3 12 | \
                 app-f-changelog k m3 12 | filtered k m3 12 | app-t-changelog k y-z 12",
            ),
            Pipe(
                "in",
                "l",
                "u-v-w",
                25,
                "st l u-v-w/u-v-w 25 | \
                 app-w-changelog l\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x14\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 25 | \
                 windows l 3 25 | app-r-changelog l uvw 25 | \
                 app-c-changelog l \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 25 | app-m-changelog l m3 25 | \
                 app-f-changelog l m3 25 | filtered l m3 25 | app-t-changelog l u-v-w 25",
            ),
            Pipe(
                "in",
                "k",
                "q",
                5,
                "st k q/y-z 5 | app-r-changelog k xyzq 12 | \
                 app-c-changelog k \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x04 12 | app-m-changelog k m4 12 | \
                 app-f-changelog k m4 12 | filtered k m4 12",
            ),
            Pipe(
                "in",
                "k",
                "a-b-c",
                33,
                "st k a-b-c/a-b-c 33 | \
                 app-w-changelog k\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x1e\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 33 | \
                 windows k 3 33 | app-r-changelog k xyzqabc 33 | \
                 app-c-changelog k \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x07 33 | app-m-changelog k m7 33 | \
                 app-f-changelog k m7 33 | filtered k m7 33 | app-t-changelog k a-b-c 33",
            ),
        ],
    );
}

#[test]
fn without_caches_updates_go_through_all_stores_in_javas_order() {
    check(
        0,
        |builder| many_stores(builder, true),
        &[
            Pipe(
                "in",
                "k",
                "x",
                10,
                "\
                 app-w-changelog k\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x0a\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 10 | \
                 windows k 1 10 | app-r-changelog k x 10 | app-j-changelog k xnull 10 | left k xnull 10 | \
                 app-c-changelog k \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 10 | joined k 1x 10 | \
                 app-j-changelog k x1 10 | left k x1 10 | app-m-changelog k m1 10 | app-f-changelog k m1 10 | \
                 filtered k m1 10 | st k x/null 10",
            ),
            Pipe(
                "in",
                "k",
                "y-z",
                12,
                "\
                 app-w-changelog k\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x0a\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02 12 | \
                 windows k 2 12 | app-r-changelog k xy 12 | joined k 1xy 12 | app-j-changelog k xy1 12 | \
                 left k xy1 12 | app-c-changelog k \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02 12 | joined k 2xy 12 | \
                 app-j-changelog k xy2 12 | left k xy2 12 | app-m-changelog k m2 12 | app-f-changelog k m2 12 | \
                 filtered k m2 12 | \
                 app-w-changelog k\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x0a\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 12 | \
                 windows k 3 12 | app-r-changelog k xyz 12 | joined k 2xyz 12 | app-j-changelog k xyz2 12 | \
                 left k xyz2 12 | app-c-changelog k \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 12 | \
                 joined k 3xyz 12 | app-j-changelog k xyz3 12 | left k xyz3 12 | app-m-changelog k m3 12 | \
                 app-f-changelog k m3 12 | filtered k m3 12 | app-t-changelog k y-z 12 | tc k y-z3 12 | \
                 st k y-z/y-z 12",
            ),
            Pipe(
                "in",
                "l",
                "u-v-w",
                25,
                "\
                 app-w-changelog l\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x14\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 25 | \
                 windows l 1 25 | app-r-changelog l u 25 | app-j-changelog l unull 25 | left l unull 25 | \
                 app-c-changelog l \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x01 25 | joined l 1u 25 | \
                 app-j-changelog l u1 25 | left l u1 25 | app-m-changelog l m1 25 | app-f-changelog l m1 25 | \
                 filtered l m1 25 | \
                 app-w-changelog l\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x14\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02 25 | \
                 windows l 2 25 | app-r-changelog l uv 25 | joined l 1uv 25 | app-j-changelog l uv1 25 | \
                 left l uv1 25 | app-c-changelog l \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x02 25 | joined l 2uv 25 | \
                 app-j-changelog l uv2 25 | left l uv2 25 | app-m-changelog l m2 25 | app-f-changelog l m2 25 | \
                 filtered l m2 25 | \
                 app-w-changelog l\\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x14\\x00\\x00\\x00\\x00 \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 25 | \
                 windows l 3 25 | app-r-changelog l uvw 25 | joined l 2uvw 25 | app-j-changelog l uvw2 25 | \
                 left l uvw2 25 | app-c-changelog l \\x00\\x00\\x00\\x00\\x00\\x00\\x00\\x03 25 | \
                 joined l 3uvw 25 | app-j-changelog l uvw3 25 | left l uvw3 25 | app-m-changelog l m3 25 | \
                 app-f-changelog l m3 25 | filtered l m3 25 | app-t-changelog l u-v-w 25 | tc l u-v-w3 25 | \
                 st l u-v-w/u-v-w 25",
            ),
        ],
    );
}
