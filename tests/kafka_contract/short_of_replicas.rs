//! Topics of which fewer replicas are in sync than `min.insync.replicas` asks for, for a while.

use millstream_tests::kafka::OwnCluster;
use millstream_tests::records::TopicOf;
use millstream_tests::said;
use streams_core::log::{Doorbell, LogError};
use streams_core::record::TopicPartition;
use streams_core::runtime::{App, AppState};
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

use crate::bench::{Reader, count, counts, decide, send, topic, wait_for, writer};

/// The broker refuses what is written until there are enough; librdkafka repeats it, and gives up when the transaction's time
/// is up.
#[test]
fn what_too_few_replicas_would_have_waits_is_told_and_is_written_once() -> Result<(), LogError> {
    said::listen();
    let cluster = OwnCluster::start("short", 3);
    let (kafka, bell) = (Kafka::at(cluster.bootstrap_servers()), Doorbell::new());
    let (from, to) = (topic(&kafka, 1)?, unique_prefix());
    // It has three replicas, and needs all of them.
    let _ = TopicOf::create_with(&kafka, &to, 1, &[("min.insync.replicas", "3")]);
    let mut producer = writer(&kafka, &bell)?;
    for _ in 0..9 {
        send(&mut *producer, &bell, &TopicPartition::new(from.as_str(), 0), "line")?;
    }
    decide("flush", &bell, || producer.flush())?;
    cluster.kill(3);
    let app = App::new(unique_prefix(), count(&from, &to)).exactly_once().cache_bytes(0);
    let running = app.start(kafka.clone()).expect("it starts");
    let partition = format!("{to}-0");
    wait_for("a sentence", &bell, || {
        let told = said::lines_with(&[&partition, "was not written", "`min.insync.replicas`"]);
        told.first().map(|line| assert!(line.contains("WARN"), "{line}"))
    });
    assert_eq!(running.error(), None);
    cluster.revive();
    let mut reader = Reader::new(&kafka, &TopicPartition::new(to.as_str(), 0), None)?;
    reader.until("all counts", |reader| reader.values.len() >= 9);
    wait_for("it to run", &bell, || (running.state() == AppState::Running).then_some(()));
    running.close().expect("no error");
    reader.until("the end", |reader| reader.end.is_some());
    assert_eq!(reader.values, counts(9), "each once");
    Ok(())
}
