//! Timestamps that a real broker, or the client library, does not accept.

use millstream_tests::kafka::bootstrap_servers;
use streams_core::client::Client;
use streams_core::dsl::StreamsBuilder;
use streams_core::log::{Doorbell, Log as _, LogError, NewTopic, OutgoingRecord};
use streams_core::record::{Headers, Partition, Timestamp};
use streams_core::runtime::App;
use streams_core::testing::log_contract::unique_prefix;
use streams_core::topic::Topic;
use streams_kafka::Kafka;

use crate::bench::{decide, topic, writer};

/// The input topic accepts any timestamp; the output topic has the brokers' default of an hour ahead.
#[test]
fn a_result_whose_time_the_broker_does_not_take_is_told_with_its_input() -> Result<(), LogError> {
    const FUTURE: i64 = 4_102_444_800_000;
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let input = unique_prefix();
    let configs = vec![("message.timestamp.after.max.ms".to_owned(), i64::MAX.to_string())];
    let new = NewTopic { name: input.clone(), partitions: 1, replication: None, configs };
    let created = kafka.admin(bell.clone())?.create_topics(vec![new]).wait().expect("an answer")?;
    assert_eq!(created, [Ok(())]);
    let output = topic(&kafka, 1)?;
    let mut producer = writer(&kafka, &bell)?;
    let handle = producer.topic(&input);
    for time in [1_700_000_000_000, 1_700_000_000_000, FUTURE, 1_700_000_000_000] {
        let headers = Headers::new();
        let record = OutgoingRecord { key: None, value: Some(b"v"), timestamp: Timestamp(time), headers: &headers };
        producer.send(handle, Partition(0), record).expect("there is room");
    }
    decide("flush", &bell, || producer.flush())?;
    for exactly_once in [false, true] {
        let named = |name: &str| Topic::<(), String>::named(name).expect("a name");
        let builder = StreamsBuilder::new();
        builder.stream(named(&input)).to(named(&output));
        let app = App::new(unique_prefix(), builder.build().expect("a topology"));
        let app = if exactly_once { app.exactly_once() } else { app.at_least_once() };
        let error = app.run_until_idle(kafka.clone()).expect_err("an hour ahead is allowed").to_string();
        let input = format!("task 0_0 made it from offset 2 of {input}-0, which has that timestamp");
        for part in [format!("{output}-0"), FUTURE.to_string(), "`message.timestamp.after.max.ms`".into(), input] {
            assert!(error.contains(&part), "exactly once: {exactly_once}: {part:?} in {error}");
        }
    }
    Ok(())
}

/// librdkafka takes 0 for "now".
#[test]
fn the_first_millisecond_of_1970_is_written_as_the_second() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let name = topic(&kafka, 1)?;
    let mut producer = writer(&kafka, &bell)?;
    let (handle, headers) = (producer.topic(&name), Headers::new());
    for time in [0, 1, 2] {
        let record = OutgoingRecord { key: None, value: Some(b"v"), timestamp: Timestamp(time), headers: &headers };
        producer.send(handle, Partition(0), record).expect("there is room");
    }
    decide("flush", &bell, || producer.flush())?;
    let client = Client::new(kafka).expect("a client");
    let records = client.records(&Topic::<(), String>::named(name).expect("a name")).expect("readable");
    let times: Vec<_> = records.map(|received| received.expect("a record").record.timestamp.0).collect();
    assert_eq!(times, [1, 1, 2]);
    Ok(())
}
