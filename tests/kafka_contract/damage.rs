//! Records that are damaged between the broker and its client, by a proxy that turns a bit in them.

use std::collections::BTreeMap;

use millstream_tests::kafka::OwnCluster;
use millstream_tests::proxy::Proxy;
use streams_core::client::Client;
use streams_core::log::{Doorbell, LogError, LogErrorKind};
use streams_core::record::{Offset, TopicPartition};
use streams_core::runtime::App;
use streams_core::topic::Topic;
use streams_kafka::Kafka;

use crate::bench::{Reader, count, decide, send, topic, wait_for, writer};

/// By this, the proxy finds the records that it damages.
const MARK: &str = "~9fK2!xQz7@Lw";

/// Every record ends with this, which no compression shortens. Behind a damaged batch, librdkafka may take the last hundred or
/// two hundred bytes of the batch for another one. It refuses what begins like this text; of other bytes it sometimes believes
/// so much that it ends the process with an assertion (2.12.1, `rd_slice_narrow_copy`).
const TAIL: &str = "nQvWys3vp9hB3dxPpD7KHXe5PYiGkPAuNaRL85xYKwzEInncIIA5ANxNK5KSUMi6roNLsM7YTBXaK9JQ\
                    EVT2mlAmrtVETW2TesULeetLDQBvW4ZBjyaXYl3AcCtLnMHwP92dWgW7hQxdGlvxzX5SCbFNVgnX8JVR\
                    9siFTrUTLzFoJusTeKuDFmi9ZCPvmW2QdpaJD8oCzfV3NIukIo7yaGKbXJD4aSJd9n4KhdfsuUeRSeZ7";

/// How many records a batch has.
const BATCH: usize = 10;

/// The records of ten batches. One in the fifth batch has the mark.
fn values() -> Vec<String> {
    let value = |number: usize| match number {
        45 => format!("{number} {MARK} {TAIL}"),
        number => format!("{number} is whole {TAIL}"),
    };
    (0..10 * BATCH).map(value).collect()
}

/// A broker that the application reaches only through a proxy.
struct Distant {
    // The proxy's clients are dropped first and the broker last.
    distant: Kafka,
    near: Kafka,
    bell: Doorbell,
    proxy: Proxy,
    _cluster: OwnCluster,
}

impl Distant {
    fn start(name: &str) -> Self {
        let proxy = Proxy::new();
        let cluster = OwnCluster::start_behind(&proxy, name);
        let (distant, near) = (Kafka::at(proxy.address()), Kafka::at(cluster.bootstrap_servers()));
        Self { distant, near, bell: Doorbell::new(), proxy, _cluster: cluster }
    }

    /// A new topic with the values, in batches that are packed like that.
    fn topic_with_values(&self, compression: &str) -> Result<TopicPartition, LogError> {
        let partition = TopicPartition::new(topic(&self.near, 1)?, 0);
        let packed = self.near.clone().set("producer.compression.type", compression);
        let mut producer = writer(&packed, &self.bell)?;
        for batch in values().chunks(BATCH) {
            for value in batch {
                send(&mut *producer, &self.bell, &partition, value)?;
            }
            decide("flush", &self.bell, || producer.flush())?;
        }
        Ok(partition)
    }

    /// Waits until as many copies more have been damaged.
    fn until_damaged(&self, more: usize) {
        let wanted = self.proxy.damages() + more;
        wait_for("damage", &self.bell, || (self.proxy.damages() >= wanted).then_some(()));
    }
}

/// librdkafka goes on behind a batch with a wrong checksum, and sometimes asks for an offset that it has found in its bytes.
#[test]
fn damaged_records_are_fetched_again_until_they_arrive_whole() -> Result<(), LogError> {
    let kafka = Distant::start("damage");
    for compression in ["none", "lz4", "snappy"] {
        let partition = kafka.topic_with_values(compression)?;
        let before = kafka.proxy.damages();
        kafka.proxy.damage(MARK.as_bytes());
        let mut reader = Reader::new(&kafka.distant, &partition, None)?;
        reader.until("damage", |_| kafka.proxy.damages() >= before + 8);
        assert_eq!(reader.values, values()[..4 * BATCH], "{compression}: nothing behind the damage");
        kafka.proxy.heal();
        reader.until("the end", |reader| reader.end.is_some());
        assert_eq!(reader.values, values(), "{compression}");
        assert_eq!(reader.errors, [], "{compression}");
    }
    Ok(())
}

#[test]
fn damage_that_lasts_is_an_error_that_names_the_place() -> Result<(), LogError> {
    let kafka = Distant::start("lasting-damage");
    let partition = kafka.topic_with_values("none")?;
    kafka.proxy.damage(MARK.as_bytes());
    let mut reader = Reader::new(&kafka.distant, &partition, None)?;
    reader.until("the error", |reader| !reader.errors.is_empty());
    let [error] = &reader.errors[..] else { panic!("{:?}", reader.errors) };
    assert_eq!(error.kind, LogErrorKind::Corrupt);
    for part in [&*format!("reading {partition} at offset 40"), "CRC32C", "another replica"] {
        assert!(error.message.contains(part), "{part} in {error}");
    }
    assert_eq!(reader.values, values()[..4 * BATCH], "nothing behind the damage");
    kafka.proxy.heal();
    reader.consumer.add(&partition, Offset(40));
    reader.until("the end", |reader| reader.end.is_some());
    assert_eq!(reader.values, values());
    Ok(())
}

/// The count of the marked lines is in the input, in a repartition topic and in a changelog, and each is damaged for a while.
#[test]
fn an_application_counts_and_restores_through_damage_exactly_once() -> Result<(), LogError> {
    const PARTITIONS: u32 = 3;
    let kafka = Distant::start("damaged-app");
    let [from, to] = [topic(&kafka.near, PARTITIONS)?, topic(&kafka.near, PARTITIONS)?];
    let mut producer = writer(&kafka.near, &kafka.bell)?;
    let mut expected = BTreeMap::new();
    let mut write = |round: i64| -> Result<_, LogError> {
        for number in 0..60 {
            let line =
                if number % 4 == 0 { format!("{MARK} {MARK} {}", number % 12) } else { format!("{}", number % 7) };
            let line = format!("{line} {TAIL}");
            let partition = TopicPartition::new(from.as_str(), number % 3);
            send(&mut *producer, &kafka.bell, &partition, &line)?;
            *expected.entry(line).or_insert(0) += 1;
        }
        decide(&format!("flush {round}"), &kafka.bell, || producer.flush())?;
        Ok(expected.clone())
    };
    let client = Client::new(kafka.near.clone()).expect("a client");
    let counts = Topic::<String, i64>::named(&to).expect("a name");
    let until_counted = |expected: BTreeMap<String, i64>| {
        wait_for("the counts", &kafka.bell, || {
            let read = client.read(&counts).expect("readable").into_iter();
            let last: BTreeMap<String, i64> = read.map(|record| (record.key, record.value)).collect();
            assert!(last.iter().all(|(line, count)| count <= &expected[line]), "{last:?}: counted twice");
            (last == expected).then_some(())
        });
    };
    let start = || {
        let app = App::new(format!("{from}-app"), count(&from, &to)).exactly_once().quiet();
        app.start(kafka.distant.clone()).expect("it starts")
    };

    let expected = write(1)?;
    kafka.proxy.damage(MARK.as_bytes());
    let running = start();
    kafka.until_damaged(5);
    kafka.proxy.heal();
    until_counted(expected);
    running.close().expect("no error");

    // All input is processed, so only what restores the state is read.
    kafka.proxy.damage(MARK.as_bytes());
    let running = start();
    kafka.until_damaged(5);
    kafka.proxy.heal();
    until_counted(write(2)?);
    running.close().expect("no error");
    Ok(())
}
