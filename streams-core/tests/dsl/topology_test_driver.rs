//! The driver that behaves as Kafka Streams' own: what it sends is what `TopologyTestDriver` 4.3.1 printed.

use std::fmt::Write as _;
use std::time::Duration;

use streams_core::dsl::StreamsBuilder;
use streams_core::dsl::processor::{Forward, Processor, PunctuationId, PunctuationTime, Refs, Schedule};
use streams_core::record::{Record, Timestamp};
use streams_core::state::KeyValueStore;
use streams_core::testing::{RawRecord, TopologyTestDriver};
use streams_core::topic::Topic;

use crate::{OUT, topology};

const IN: Topic<String, String> = Topic::new("in");

/// What was sent, each record as topic, key, value, timestamp.
fn sent(driver: &mut TopologyTestDriver) -> String {
    let text =
        |bytes: &Option<Vec<u8>>| bytes.as_deref().map_or("~".to_owned(), |bytes| bytes.escape_ascii().to_string());
    let mut sent = String::new();
    for record in driver.take_sent() {
        let (topic, key, value) = (&record.topic, text(&record.key), text(&record.value));
        let at = record.timestamp.map_or("-".to_owned(), |timestamp| timestamp.0.to_string());
        write!(sent, "{}{topic} {key} {value} {at}", if sent.is_empty() { "" } else { " | " }).unwrap();
    }
    sent
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
