//! What tasks count of records: how many come in and go out, how old they are, and how late.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::config::OnError;
use crate::dsl::StreamsBuilder;
use crate::record::Timestamp;
use crate::runtime::{App, Histogram, ReceivedRecords, TaskMetrics};
use crate::state::{KeyValueStore, StoreSize};
use crate::testing::TestDriver;
use crate::topic::Topic;
use crate::topology::Topology;

const IN: Topic<String, String> = Topic::new("in");
const OUT: Topic<String, String> = Topic::new("out");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");

const START: i64 = 1_000_000_000;

fn topology() -> Topology {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(IN);
    lines.group_by_key().count().stored_as(COUNTS);
    lines.filter(|_, line| line != "unsent").to(OUT);
    builder.build().expect("a topology")
}

fn driver(change: impl Fn(App) -> App + 'static) -> TestDriver {
    TestDriver::configure(topology()).start_at(Timestamp(START)).with(change).start()
}

/// All tasks together.
fn total(driver: &mut TestDriver, of: impl Fn(&TaskMetrics) -> Option<Histogram>) -> Histogram {
    let mut total = Histogram::of_delays();
    driver.tasks().values().filter_map(of).for_each(|histogram| total.merge(&histogram));
    total
}

/// How many delays there are within some bounds, how many at all, and their sum in milliseconds.
fn summed_up(histogram: &Histogram) -> (BTreeMap<u128, u64>, u64, u128) {
    let buckets: BTreeMap<u128, u64> = histogram.buckets().map(|(bound, count)| (bound.as_millis(), count)).collect();
    let shown = [0, 5, 2_500, 10_000, 600_000].map(|bound| (bound, buckets[&bound]));
    (shown.into(), histogram.count(), histogram.sum().as_millis())
}

#[test]
fn ages_and_lateness_are_counted_in_milliseconds_where_records_come_in_and_go_out() {
    let mut driver = driver(|app| app);
    // One key, so one task, whose stream time is that of the first record.
    for (age, line) in [(0, "a"), (4, "b"), (7_000, "c"), (90_000, "unsent"), (-5_000, "d")] {
        driver.pipe_at(&IN, "key".to_owned(), line, Timestamp(START - age));
    }
    let received = |of: fn(&ReceivedRecords) -> Histogram| {
        move |task: &TaskMetrics| task.received.get("in").filter(|received| received.records > 0).map(of)
    };
    let lateness = total(&mut driver, received(|received| received.lateness));
    let expected = [(0, 2), (5, 3), (2_500, 3), (10_000, 4), (600_000, 5)];
    assert_eq!(summed_up(&lateness), (expected.into(), 5, 4 + 7_000 + 90_000));
    let ages = total(&mut driver, received(|received| received.ages));
    assert_eq!(summed_up(&ages), (expected.into(), 5, 4 + 7_000 + 90_000), "one from the future counts as new");
    let sent = total(&mut driver, |task| {
        task.sent.values().find(|sent| sent.topic.as_deref() == Some("out")).map(|sent| sent.ages)
    });
    let expected = [(0, 2), (5, 3), (2_500, 3), (10_000, 4), (600_000, 4)];
    assert_eq!(summed_up(&sent), (expected.into(), 4, 4 + 7_000), "without the one that was not sent");
}

#[test]
fn records_are_counted_by_the_topics_that_they_come_from_and_go_to() {
    let mut driver = driver(|app| app.on_undecodable(OnError::Skip));
    for (key, line) in [("a", "1"), ("b", "2"), ("c", "unsent")] {
        driver.pipe(&IN, key.to_owned(), line);
    }
    let bytes: Topic<String, Vec<u8>> = Topic::new("in");
    driver.pipe(&bytes, "d".to_owned(), vec![0xff]);
    let tasks = driver.tasks();
    let received: u64 = tasks.values().map(|task| task.received["in"].records).sum();
    let sent: Vec<_> = tasks.values().flat_map(|task| task.sent.values()).collect();
    assert_eq!(received, 4, "also the one that was left out");
    assert!(sent.iter().all(|sent| sent.topic.as_deref() == Some("out")), "{sent:?}");
    assert_eq!(sent.iter().map(|sent| sent.records()).sum::<u64>(), 2);
}

#[test]
fn counts_go_on_when_a_task_is_opened_again() {
    let mut driver = driver(|app| app);
    let received =
        |driver: &mut TestDriver| driver.tasks().values().map(|task| task.received["in"].records).sum::<u64>();
    driver.pipe(&IN, "a".to_owned(), "1");
    assert_eq!(received(&mut driver), 1);
    // The tasks move to the other instance and back.
    driver.start_another();
    driver.stop_another();
    driver.pipe(&IN, "a".to_owned(), "2");
    assert_eq!(received(&mut driver), 2);
}

#[test]
fn dead_letters_are_counted_by_the_node_that_failed_and_the_reason() {
    let builder = StreamsBuilder::new();
    builder
        .stream(IN)
        .try_map_values(|line: String| line.parse::<i64>())
        .named("parse")
        .to(Topic::<String, i64>::new("out"));
    let letters = |app: App| {
        app.dead_letters_to("letters").on_undecodable(OnError::DeadLetter).on_processing_error(OnError::DeadLetter)
    };
    let mut driver = TestDriver::configure(builder.build().expect("a topology")).with(letters).start();
    for line in ["1", "one", "two", "2"] {
        driver.pipe(&IN, "a".to_owned(), line);
    }
    let bytes: Topic<String, Vec<u8>> = Topic::new("in");
    driver.pipe(&bytes, "b".to_owned(), vec![0xff]);
    let mut written = BTreeMap::new();
    for ((node, reason), count) in driver.tasks().values().flat_map(|task| task.dead_letters.clone()) {
        *written.entry((node.to_string(), reason)).or_insert(0) += count;
    }
    let expected = [(("KSTREAM-SOURCE-0000000000".to_owned(), "undecodable"), 1), (("parse".to_owned(), "failed"), 2)];
    assert_eq!(written, expected.into());
}

#[test]
fn stores_are_measured_a_few_seconds_after_they_were_written() {
    let mut driver = driver(|app| app);
    for key in ["a", "b", "c", "a"] {
        driver.pipe(&IN, key.to_owned(), "line");
    }
    driver.commit();
    let measured = |driver: &mut TestDriver| {
        let sizes: Vec<_> = driver.tasks().values().map(|task| task.stores["counts"].size).collect();
        let sum = |of: fn(&StoreSize) -> Option<u64>| sizes.iter().filter_map(of).sum::<u64>();
        (sum(|size| size.rows), sum(|size| size.bytes))
    };
    driver.advance_wall_clock(Duration::from_secs(3));
    // A key of a byte, a timestamp and a count.
    assert_eq!(measured(&mut driver), (3, 3 * (1 + 8 + 8)));
}

/// A store from which rows expire has an index, which is no entry.
#[test]
fn an_index_is_not_counted_as_entries() {
    let builder = StreamsBuilder::new();
    let rows = KeyValueStore::<String, String>::new("rows");
    builder.stream(IN).to_table().stored_as(rows).expire_after(Duration::from_secs(60));
    let mut driver = TestDriver::new(builder.build().expect("a topology"));
    for key in ["a", "b"] {
        driver.pipe(&IN, key.to_owned(), "line");
    }
    driver.commit();
    driver.advance_wall_clock(Duration::from_secs(3));
    let entries: u64 = driver.tasks().values().filter_map(|task| task.stores["rows"].size.rows).sum();
    assert_eq!(entries, 2);
}
