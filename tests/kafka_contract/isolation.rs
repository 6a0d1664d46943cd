//! Input that another program writes in transactions, on a real broker.

use millstream_tests::kafka::bootstrap_servers;
use streams_core::config::Layers;
use streams_core::dsl::StreamsBuilder;
use streams_core::log::{CommitOutcome, Doorbell, Log as _, LogError, Producer, ProducerOptions};
use streams_core::record::TopicPartition;
use streams_core::runtime::App;
use streams_core::testing::log_contract::unique_prefix;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_kafka::Kafka;

use crate::bench::{Reader, decide, send, topic, wait_for, writer};

/// Another program that writes in transactions.
fn upstream(kafka: &Kafka, bell: &Doorbell) -> Result<Box<dyn Producer>, LogError> {
    let options = ProducerOptions {
        client_id: "upstream".into(),
        transactional_id: Some(unique_prefix()),
        transaction_timeout_ms: 60_000,
        ..ProducerOptions::default()
    };
    let mut upstream = kafka.producer(options, bell.clone())?;
    assert_eq!(decide("registration", bell, || upstream.init_transactions()), CommitOutcome::Done);
    Ok(upstream)
}

/// A topology that forwards values.
fn copy(from: &str, to: &str) -> Topology {
    let named = |name: &str| Topic::<(), String>::named(name).expect("a name");
    let builder = StreamsBuilder::new();
    builder.stream(named(from)).to(named(to));
    builder.build().expect("a topology")
}

/// Regression: `latest` was the end of the topic, after records of transactions that were still open, so these were never
/// processed.
#[test]
fn latest_is_where_a_reader_of_committed_records_gets_to() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let [input, out] = [topic(&kafka, 1)?, topic(&kafka, 1)?];
    let partition = TopicPartition::new(input.as_str(), 0);
    let mut upstream = upstream(&kafka, &bell)?;
    let write = |value: &str| -> Result<(), LogError> {
        let mut producer = writer(&kafka, &bell)?;
        send(&mut *producer, &bell, &partition, value)?;
        decide("flush", &bell, || producer.flush())
    };
    write("before")?;
    upstream.begin_transaction()?;
    send(&mut *upstream, &bell, &partition, "in")?;
    decide("flush", &bell, || upstream.flush())?;
    let config = Layers::new()
        .set("application.id", unique_prefix())
        .set("processing.guarantee", "exactly_once_v2")
        .set("auto.offset.reset", "latest");
    let config = config.read().expect("a configuration");
    let running = App::configured(&config, copy(&input, &out)).start(kafka.clone()).expect("it starts");
    running.wait_until_running().expect("no error");
    wait_for("a position", &bell, || running.tasks().values().any(|task| !task.positions.is_empty()).then_some(()));
    write("behind")?;
    assert_eq!(decide("commit", &bell, || upstream.commit_transaction()), CommitOutcome::Done);
    let mut reader = Reader::new(&kafka, &TopicPartition::new(out, 0), None)?;
    reader.until("the last record", |reader| reader.values.last().is_some_and(|last| last == "behind"));
    assert_eq!(reader.values, ["in", "behind"]);
    running.close().expect("no error");
    Ok(())
}

/// Regression: records aborted upstream were processed, because the setting was refused under at-least-once.
#[test]
fn aborted_records_are_not_processed_where_only_committed_ones_are_read() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let input = topic(&kafka, 1)?;
    let mut upstream = upstream(&kafka, &bell)?;
    for (value, is_committed) in [("aborted", false), ("committed", true), ("aborted at the end", false)] {
        upstream.begin_transaction()?;
        send(&mut *upstream, &bell, &TopicPartition::new(input.as_str(), 0), value)?;
        decide("flush", &bell, || upstream.flush())?;
        let ended = match is_committed {
            true => decide("commit", &bell, || upstream.commit_transaction()),
            false => decide("abort", &bell, || upstream.abort_transaction()),
        };
        assert_eq!(ended, CommitOutcome::Done);
    }
    let run = |app: fn(App) -> App| -> Result<Vec<String>, LogError> {
        let out = topic(&kafka, 1)?;
        let app = app(App::new(unique_prefix(), copy(&input, &out)));
        // It ends although the last record will never be read.
        app.run_until_idle(kafka.clone()).expect("no error");
        let mut reader = Reader::new(&kafka, &TopicPartition::new(out, 0), None)?;
        reader.until("the end", |reader| reader.end.is_some());
        Ok(reader.values)
    };
    assert_eq!(run(App::at_least_once)?, ["aborted", "committed", "aborted at the end"]);
    assert_eq!(run(App::read_committed)?, ["committed"]);
    Ok(())
}
