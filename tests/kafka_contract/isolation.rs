//! Input that another program writes in transactions, on a real broker.

use millstream_tests::kafka::bootstrap_servers;
use streams_core::dsl::StreamsBuilder;
use streams_core::log::{CommitOutcome, Doorbell, Log as _, LogError, ProducerOptions};
use streams_core::record::TopicPartition;
use streams_core::runtime::App;
use streams_core::testing::log_contract::unique_prefix;
use streams_core::topic::Topic;
use streams_kafka::Kafka;

use crate::bench::{Reader, decide, send, topic};

/// What was thrown away upstream was processed: the setting was refused under at-least-once.
#[test]
fn aborted_records_are_not_processed_where_only_committed_ones_are_read() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let input = topic(&kafka, 1)?;
    let options = ProducerOptions {
        client_id: "upstream".into(),
        transactional_id: Some(unique_prefix()),
        transaction_timeout_ms: 60_000,
    };
    let mut upstream = kafka.producer(options, bell.clone())?;
    assert_eq!(decide("registration", &bell, || upstream.init_transactions()), CommitOutcome::Done);
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
        let named = |name: &str| Topic::<(), String>::named(name).expect("a name");
        let builder = StreamsBuilder::new();
        builder.stream(named(&input)).to(named(&out));
        let app = app(App::new(unique_prefix(), builder.build().expect("a topology")));
        // It ends although the last record there is will never be read.
        app.run_until_idle(kafka.clone()).expect("no error");
        let mut reader = Reader::new(&kafka, &TopicPartition::new(out, 0), None)?;
        reader.until("the end", |reader| reader.end.is_some());
        Ok(reader.values)
    };
    assert_eq!(run(|app| app)?, ["aborted", "committed", "aborted at the end"]);
    assert_eq!(run(App::read_committed)?, ["committed"]);
    Ok(())
}
