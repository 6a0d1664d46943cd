//! Stores with one row per key.

use std::collections::BTreeMap;
use std::ops::Bound;

use futures::StreamExt;
use streams_core::state::Timestamped;

use super::*;

const STOCK: Topic<u64, Option<String>> = Topic::new("stock");
const ARTICLES: KeyValueStore<u64, String> = KeyValueStore::new("articles");

fn articles() -> Result<Topology, TopologyError> {
    let builder = StreamsBuilder::new();
    builder.table(STOCK).stored_as(ARTICLES);
    builder.build()
}

/// Enough for several pages of a thousand rows; some are deleted again.
fn stocked() -> (Running, KeyValuesOf, BTreeMap<u64, String>) {
    let log = log_with("stock");
    let (mut sent, mut model) = (Sent::default(), BTreeMap::new());
    for key in 0..3_500_u64 {
        sent.note(log.send_at(&STOCK, key, format!("article {key}"), Timestamp(1_000)).expect("sent"));
        model.insert(key, format!("article {key}"));
    }
    for key in (0..3_500_u64).step_by(7) {
        sent.note(log.send_at(&STOCK, key, None, Timestamp(2_000)).expect("sent"));
        model.remove(&key);
    }
    let running = start("stock-keeping", articles(), &log);
    let view = running.query(&ARTICLES).expect("a view").at_least(&sent.0).waiting(PATIENCE);
    (running, view, model)
}

type KeyValuesOf = streams_core::query::KeyValues<u64, String>;

#[test]
fn rows_of_all_tasks_are_found_by_key_and_in_ranges() {
    let (running, articles, model) = stocked();
    for key in [0, 1, 7, 8, 3_499, 3_500, u64::MAX] {
        assert_eq!(articles.get(key).wait(), Ok(model.get(&key).cloned()), "{key}");
    }
    let with_time = articles.get_with_time(1_u64).wait();
    assert_eq!(with_time, Ok(Some(Timestamped { value: "article 1".to_owned(), timestamp: Timestamp(1_000) })));
    let expected = |range: (Bound<u64>, Bound<u64>)| {
        model.range(range).map(|(key, value)| (*key, value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(articles.all().wait().expect("rows"), expected((Bound::Unbounded, Bound::Unbounded)));
    let range = (Bound::Excluded(8), Bound::Included(1_200));
    assert_eq!(articles.range(range).wait().expect("rows"), expected(range));
    let mut reversed = expected((Bound::Unbounded, Bound::Excluded(2_000)));
    reversed.reverse();
    assert_eq!(articles.range(..2_000).reversed().wait().expect("rows"), reversed);
    reversed.truncate(1_001);
    assert_eq!(articles.range(..2_000).reversed().limit(1_001).wait().expect("rows"), reversed);
    assert_eq!(articles.range(10..10).wait().expect("rows"), []);
    assert_eq!(articles.all().limit(0).wait().expect("rows"), []);
    // A big-endian number's first six bytes.
    let prefixed = articles.prefixed([0, 0, 0, 0, 0, 0, 3]).wait().expect("rows");
    assert_eq!(prefixed, expected((Bound::Included(768), Bound::Excluded(1_024))));
    running.close().expect("a clean end");
}

/// In memory the number is exact; rows in caches count when they are committed.
#[test]
fn committed_rows_of_all_tasks_are_counted_without_reading_them() {
    let (running, articles, model) = stocked();
    let expected = u64::try_from(model.len()).expect("a number");
    while articles.approximate_count().wait().expect("a count") != Some(expected) {
        streams_core::log::Doorbell::new().wait(Duration::from_millis(5));
    }
    let by_name = running.store("articles").expect("a view").approximate_count();
    assert_eq!(by_name.wait(), Ok(Some(expected)));
    running.close().expect("a clean end");
}

#[test]
fn rows_come_one_after_the_other_without_waiting_for_the_last() {
    let (running, articles, model) = stocked();
    let mut rows = articles.all().stream();
    for (key, value) in &model {
        let row = futures::executor::block_on(rows.next()).expect("a row").expect("no error");
        assert_eq!(row, (*key, value.clone()));
    }
    assert!(futures::executor::block_on(rows.next()).is_none());
    running.close().expect("a clean end");
}

/// A key that another program has put into a partition of its own choice is found all the same.
#[test]
fn a_key_in_a_partition_of_somebody_elses_choice_is_found() {
    use streams_core::log::{Doorbell, Log, OutgoingRecord, ProducerOptions};
    use streams_core::record::Partition;

    let log = log_with("stock");
    let mut producer = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    let topic = producer.topic("stock");
    for partition in 0..4_i32 {
        let key = u64::from(partition.unsigned_abs()).to_be_bytes();
        let (headers, timestamp) = (Headers::new(), Timestamp(1));
        let record = OutgoingRecord { key: Some(&key), value: Some(b"here"), timestamp, headers: &headers };
        producer.send(topic, Partition(partition), record).expect("there is room");
    }
    assert!(producer.flush().is_ready());
    let running = start("odd-partitions", articles(), &log);
    let position = (0..4).map(|partition| (TopicPartition::new("stock", partition), Offset(1))).collect();
    let articles = running.query(&ARTICLES).expect("a view").at_least(&position).waiting(PATIENCE);
    for key in 0..4_u64 {
        assert_eq!(articles.get(key).wait(), Ok(Some("here".to_owned())), "{key}");
    }
    running.close().expect("a clean end");
}
