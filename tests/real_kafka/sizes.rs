//! Records that are larger than their topic accepts, although producers may send them.

use std::collections::BTreeSet;

use millstream_tests::kafka::bootstrap_servers;
use streams_core::client::Client;
use streams_core::config::OnError;
use streams_core::dsl::StreamsBuilder;
use streams_core::runtime::{App, AppError, Guarantee};
use streams_core::testing::log_contract::unique_prefix;
use streams_core::topic::Topic;
use streams_kafka::Kafka;

/// The output topic takes 1 000 bytes at once, and producers make batches of a million.
const LIMIT: &str = "1000";

/// 400 records of 200 bytes, and two of 5 000 among them.
fn values() -> Vec<String> {
    let value = |number: usize| format!("{number:03}{}", "x".repeat(if number % 200 == 77 { 5_000 } else { 200 }));
    (0..400).map(value).collect()
}

struct Copy {
    kafka: Kafka,
    client: Client,
    prefix: String,
}

impl Copy {
    fn new() -> Self {
        let (kafka, prefix) = (Kafka::at(bootstrap_servers()), unique_prefix());
        let client = Client::new(kafka.clone()).expect("a client");
        let copy = Self { kafka, client, prefix };
        for (name, limit) in [("in", None), ("out", Some(LIMIT)), ("dead", None)] {
            let topic = copy.topic(name);
            let new = copy.client.create_topic(&topic).partitions(1);
            limit.into_iter().fold(new, |new, limit| new.set("max.message.bytes", limit)).create().expect("created");
        }
        for value in values() {
            copy.client.send(&copy.topic("in"), "k", value).expect("sent");
        }
        copy
    }

    fn topic(&self, name: &str) -> Topic<String, String> {
        Topic::named(format!("{}-{name}", self.prefix)).expect("a name")
    }

    fn values(&self, name: &str) -> Vec<String> {
        self.client.read(&self.topic(name)).expect("readable").into_iter().map(|record| record.value).collect()
    }

    fn run(&self, guarantee: Guarantee, answer: OnError) -> Result<(), AppError> {
        let builder = StreamsBuilder::new();
        builder.stream(self.topic("in")).to(self.topic("out")).named("copied");
        let app = App::new(format!("{}-app", self.prefix), builder.build().expect("a topology")).quiet();
        let app = app.on_production_error(answer).dead_letters_to(format!("{}-dead", self.prefix));
        let app = match guarantee {
            Guarantee::ExactlyOnce => app.exactly_once(),
            Guarantee::AtLeastOnce => app.at_least_once(),
        };
        app.run_until_idle(self.kafka.clone()).map(|_| ())
    }
}

/// Regression: the application ended, whatever its handler said, also because of small records that were sent together.
#[test]
fn what_a_topic_does_not_accept_is_a_dead_letter_and_all_else_arrives() {
    let (large, small): (Vec<_>, Vec<_>) = values().into_iter().partition(|value| value.len() > 1_000);
    let copy = Copy::new();
    copy.run(Guarantee::ExactlyOnce, OnError::DeadLetter).expect("no record ends it");
    assert_eq!((copy.values("out"), copy.values("dead")), (small.clone(), large.clone()));
    let copy = Copy::new();
    copy.run(Guarantee::AtLeastOnce, OnError::DeadLetter).expect("no record ends it");
    let different = |name: &str| copy.values(name).into_iter().collect::<BTreeSet<_>>();
    // What is done again may be there twice.
    assert_eq!((different("out"), different("dead")), (small.into_iter().collect(), large.into_iter().collect()));
}

#[test]
fn an_application_that_ends_because_of_a_large_record_names_it() {
    let copy = Copy::new();
    let error = copy.run(Guarantee::ExactlyOnce, OnError::Fail).expect_err("a large record").to_string();
    for part in [&format!("at offset 77 of {}-in-0", copy.prefix), "copied", "max.message.bytes"] {
        assert!(error.contains(part), "{part} in {error}");
    }
    assert!(copy.values("out").len() <= 77, "nothing behind it is committed");
}
