//! The commands of the `word-count` example on a real broker.

use std::time::Instant;

use millstream::config::OnError;
use millstream::kafka::Kafka;
use millstream::prelude::*;
use millstream_tests::PATIENCE;
use millstream_tests::kafka::bootstrap_servers;
use serde_json::{Value as Json, json};
use streams_core::testing::log_contract::unique_prefix;

use crate::counters::{Counter, command};

/// What a command prints.
fn printed(arguments: &[&str]) -> String {
    let (is_good, text) = command(&[arguments, &["--bootstrap-servers", bootstrap_servers()]].concat());
    assert!(is_good, "{arguments:?}: {text}");
    text
}

/// The same as JSON.
fn json(arguments: &[&str]) -> Json {
    let text = printed(&[arguments, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn dead_letters_on_a_broker_are_listed_shown_and_replayed_by_commands() {
    let (kafka, prefix) = (Kafka::at(bootstrap_servers()), unique_prefix());
    let name = |name: &str| format!("{prefix}-{name}");
    let prices = Topic::<String, String>::named(name("prices")).expect("a name");
    let client = Client::new(kafka.clone()).expect("a client");
    client.create_topic(&prices).partitions(2).create().expect("a topic");
    client.create_topic(&Topic::<String, String>::named(name("dead")).expect("a name")).create().expect("a topic");
    client.send(&prices, "pen", "cheap").expect("sent");
    client.send(&prices, "ink", "7").expect("sent");
    let builder = StreamsBuilder::new();
    builder.stream(prices.clone()).try_map_values(|price| price.parse::<i64>()).for_each(|_, _| {});
    let app = App::new(name("app"), builder.build().expect("a topology")).exactly_once().quiet();
    let app = app.on_processing_error(OnError::DeadLetter).dead_letters_to(name("dead"));
    app.run_until_idle(kafka).expect("it ends");

    let topic = name("dead");
    let letter = json(&["dlq", "list", "--topic", &topic]);
    let from = letter["from"].as_str().expect("a text");
    assert!(from.starts_with(&format!("{}/", name("prices"))) && letter["reason"] == "failed", "{letter}");
    let shown = json(&["dlq", "show", "0@0", "--topic", &topic]);
    assert_eq!(shown["key"], "pen");
    assert_eq!(shown["headers"]["__streams.errors.topic"], json!([name("prices")]), "{shown}");
    let replay = |more: &[&str]| printed(&[&["dlq", "replay", "--topic", &topic], more].concat());
    assert_eq!(replay(&["--dry-run"]), "nothing was put back; without `--dry-run`: 1 record put back, 0 left\n");
    assert_eq!(replay(&[]), "1 record put back, 0 left\n");
    assert_eq!(replay(&[]), "0 records put back, 0 left\n");
    let records = client.read(&prices).expect("readable");
    let back: Vec<_> =
        records.iter().filter(|record| record.headers.get("millstream.errors.replays").is_some()).collect();
    assert_eq!((records.len(), back.len(), &*back[0].value), (3, 1, "cheap"));
    let (is_good, text) =
        command(&["dlq", "list", "--topic", &name("none"), "--bootstrap-servers", bootstrap_servers()]);
    assert!(!is_good && text.contains(&name("none")), "{text}");
}

#[test]
fn topics_and_lag_on_a_broker_are_told_by_commands() {
    let (kafka, prefix) = (Kafka::at(bootstrap_servers()), unique_prefix());
    let (input, output) = (format!("{prefix}-lines"), format!("{prefix}-words"));
    for topic in [&input, &output] {
        let created = printed(&["topics", "create", topic, "--partitions", "2", "--set", "max.message.bytes=2000000"]);
        assert!(created.contains(topic.as_str()), "{created}");
    }
    let described = json(&["topics", "describe", &input]);
    let text = described.to_string();
    assert!(text.contains("\"max.message.bytes\":\"2000000\""), "{text}");
    let client = Client::new(kafka).expect("a client");
    let lines = Topic::<Option<String>, String>::named(&input).expect("a name");
    client.send(&lines, None, "to be or not to be").expect("sent");

    let folder = tempfile::tempdir().expect("a folder");
    let arguments = ["--bootstrap-servers", bootstrap_servers(), "--application-id", &prefix, "--input", &input];
    let counter = Counter::start("counter", &[arguments.as_slice(), &["--output", &output]].concat(), folder.path());
    // What the program reads behind its first part has a name of the application's own.
    let repartition = format!("{prefix}-counts-repartition");
    let lag = || {
        let lag = json(&["lag", "--application-id", &prefix]);
        let partitions = lag["partitions"].as_array().cloned().unwrap_or_default();
        let own = partitions.iter().filter(|partition| partition["topic"] == repartition.as_str());
        let sum = |partitions: &[&Json], field: &str| {
            partitions.iter().map(|it| it[field].as_i64().unwrap_or(0)).sum::<i64>()
        };
        let own: Vec<&Json> = own.collect();
        (sum(&own, "committed"), sum(&own, "end"), sum(&own, "lag"))
    };
    let began = Instant::now();
    counter.until_running();
    while lag() != (6, 6, 0) {
        assert!(began.elapsed() < PATIENCE, "{:?}", lag());
    }
    counter.terminate();
    counter.finish();
    let words = Topic::<String, Option<i64>>::named(&repartition).expect("a name");
    for word in ["that", "is", "the"] {
        client.send(&words, word, None).expect("sent");
    }
    assert_eq!(lag(), (6, 9, 3));
    let text = printed(&["lag", "--application-id", &prefix]);
    assert!(text.starts_with("TOPIC") && text.contains(&repartition), "{text}");
    let listed = printed(&["topics", "list", "--application-id", &prefix]);
    assert!(listed.contains(&repartition), "{listed}");
}
