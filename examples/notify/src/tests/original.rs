//! What the original answers and sends, request by request, as it was recorded from the Go program (`original.json`): built
//! with gin 1.9.1 and Go 1.26, with lists instead of a broker. One test for each of its properties.

use std::collections::BTreeMap;

use clap::Parser as _;
use millstream::wire::murmur2::partition_of;
use serde_json::Value as Json;

use super::*;
use crate::notification::{Notification, users};
use crate::topics::{DEAD_LETTERS, NOTIFICATIONS};
use crate::{Arguments, Verb};

/// Keys and values as they are in the log.
const RAW: Topic<Option<Vec<u8>>, Option<Vec<u8>>> = Topic::new("notifications");

fn original() -> Json {
    serde_json::from_str(include_str!("../../tests/original.json")).unwrap()
}

/// A text, or `{"bytes":[..]}` if it is none.
fn bytes(json: &Json) -> Vec<u8> {
    let byte = |byte: &Json| u8::try_from(byte.as_u64().unwrap()).unwrap();
    json.as_str().map_or_else(|| json["bytes"].as_array().unwrap().iter().map(byte).collect(), |text| text.into())
}

fn answer(json: &Json) -> Answer {
    Answer {
        status: u16::try_from(json["status"].as_u64().unwrap()).unwrap(),
        media_type: json["type"].as_str().unwrap().to_owned(),
        location: json["location"].as_str().map(str::to_owned),
        body: bytes(&json["body"]),
    }
}

fn request<'a>(exchange: &'a Json, name: &str) -> &'a str {
    exchange[name].as_str().unwrap_or_default()
}

#[test]
fn kn_1_the_users_are_emma_bruno_rick_and_lena() {
    let users: Vec<(i64, String)> = users().into_iter().map(|user| (user.id, user.name)).collect();
    assert_eq!(users, [(1, "Emma"), (2, "Bruno"), (3, "Rick"), (4, "Lena")].map(|(id, name)| (id, name.to_owned())));
}

#[test]
fn kn_2_sending_is_a_form_to_port_8080() {
    let arguments = Arguments::parse_from(["notify"]);
    assert_eq!(arguments.producer_port, 8080);
    let apart = Arguments::parse_from(["notify", "producer", "--bootstrap-servers", "localhost:9092"]);
    assert!(matches!(apart.verb, Some(Verb::Producer { port: 8080, .. })));
    let instance = Instance::start(&Embedded::in_memory());
    let sent = instance.send("fromID=2&toID=1&message=Bruno started following you.");
    assert_eq!(sent.text(), r#"{"message":"Notification sent successfully!"}"#);
}

#[test]
fn kn_3_every_answer_to_the_sender_is_the_originals() {
    let instance = Instance::start(&Embedded::in_memory());
    let original = original();
    for exchange in original["sends"].as_array().unwrap() {
        let (method, path, media_type) =
            (request(exchange, "method"), request(exchange, "path"), request(exchange, "content_type"));
        let headers: &[(&str, &str)] = if media_type.is_empty() { &[] } else { &[("Content-Type", media_type)] };
        let found = ask(instance.producer.1, method, path, headers, &bytes(&exchange["request"]));
        let expected = answer(&exchange["answer"]);
        assert_eq!((found.text(), found), (expected.text(), expected), "{exchange}");
    }
    // Each of them is six letters in JSON, and a topic accepts about a megabyte.
    let failed = instance.send(&format!("fromID=2&toID=1&message={}", "<".repeat(200_000)));
    assert_eq!((failed.status, failed.media_type.as_str()), (500, "application/json; charset=utf-8"));
    assert!(
        failed.text().starts_with(r#"{"message":""#) && failed.text().contains("notifications"),
        "{}",
        failed.text()
    );
    let endless = instance.send(&"x".repeat(1_100_000));
    assert_eq!((endless.status, &*endless.text()), (413, r#"{"message":"a body has at most 1048576 bytes"}"#));
}

#[test]
fn kn_4_every_record_is_the_originals() {
    let log = Embedded::in_memory();
    let instance = Instance::start(&log);
    let original = original();
    let mut expected: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for exchange in original["sends"].as_array().unwrap().iter().filter(|exchange| exchange["key"].is_string()) {
        let (path, media_type) = (request(exchange, "path"), request(exchange, "content_type"));
        let headers = [("Content-Type", media_type)];
        ask(instance.producer.1, "POST", path, &headers, &bytes(&exchange["request"]));
        expected.entry(bytes(&exchange["key"])).or_default().push(bytes(&exchange["value"]));
    }
    let mut found: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for received in Client::new(log).unwrap().records(&RAW).unwrap() {
        let received = received.unwrap();
        let key = received.record.key.unwrap();
        assert_eq!(received.partition.partition, partition_of(&key, 3), "as Kafka's clients in Java partition");
        found.entry(key).or_default().push(received.record.value.unwrap());
    }
    let texts = |records: &BTreeMap<Vec<u8>, Vec<Vec<u8>>>| -> Vec<String> {
        records.values().flatten().map(|value| String::from_utf8_lossy(value).into_owned()).collect()
    };
    assert!(expected.values().flatten().count() > 20);
    assert_eq!((texts(&found), found), (texts(&expected), expected));
}

#[test]
fn kn_5_the_consumer_is_the_group_notifications_group_at_port_8081() {
    let instance = Instance::start(&Embedded::in_memory());
    assert_eq!(instance.app.about().application_id(), "notifications-group");
    assert_eq!(NOTIFICATIONS.name(), "notifications");
    assert_eq!(Arguments::parse_from(["notify"]).consumer_port, 8081);
    let apart = Arguments::parse_from(["notify", "consumer", "--bootstrap-servers", "localhost:9092"]);
    assert!(matches!(apart.verb, Some(Verb::Consumer { port: 8081, .. })));
}

/// The records of the original, with what became of them there.
fn with_records(log: &Embedded, records: &[Json]) -> Instance {
    let instance = Instance::start(log);
    for record in records {
        instance.client.send(&RAW, Some(bytes(&record["key"])), Some(bytes(&record["value"]))).unwrap();
    }
    // What is sent last to each partition is there, so all before it is, too.
    for user in 1..100 {
        instance.client.send(&NOTIFICATIONS, format!("last-{user}"), Notification::default()).unwrap();
    }
    for user in 1..100 {
        instance.get_until(&format!("/notifications/last-{user}"), |body| body.starts_with(r#"{"notifications""#));
    }
    instance
}

#[test]
fn kn_6_what_the_original_leaves_out_becomes_a_dead_letter_and_the_rest_goes_on() {
    let log = Embedded::in_memory();
    let original = original();
    let records = original["records"].as_array().unwrap();
    let instance = with_records(&log, records);
    let mut expected: Vec<Vec<u8>> = records
        .iter()
        .filter(|record| record["malformed"].as_bool().unwrap() || is_refused_here(record))
        .map(|record| bytes(&record["value"]))
        .collect();
    expected.sort();
    let began = Instant::now();
    let mut letters = Vec::new();
    // They are committed a moment later.
    while letters.len() < expected.len() && began.elapsed() < PATIENCE {
        letters = instance.client.read(&DEAD_LETTERS).unwrap();
    }
    let mut found: Vec<Vec<u8>> = letters.iter().map(|letter| letter.value.clone().unwrap_or_default()).collect();
    found.sort();
    let texts = |values: &[Vec<u8>]| values.iter().map(|value| value.escape_ascii().to_string()).collect::<Vec<_>>();
    assert_eq!(texts(&found), texts(&expected));
    assert!(found.len() > 15);
    for letter in &letters {
        assert_eq!(letter.headers.get("__streams.errors.topic"), Some(&b"notifications"[..]));
    }
}

/// Differences that `README.md` tells of: half of a surrogate pair, and a key that is no text.
fn is_refused_here(record: &Json) -> bool {
    let value = String::from_utf8_lossy(&bytes(&record["value"])).into_owned();
    record["key"].is_object() || value.contains("\\ud83d\"") || value.contains("\\ude00x")
}

#[test]
fn kn_7_every_list_is_the_originals() {
    let original = original();
    let records = original["records"].as_array().unwrap();
    let instance = with_records(&Embedded::in_memory(), records);
    let ours: Vec<String> = records.iter().filter(|it| is_refused_here(it)).map(|it| it["key"].to_string()).collect();
    for exchange in original["gets"].as_array().unwrap() {
        let (method, path) = (request(exchange, "method"), request(exchange, "path"));
        let name = path.rsplit('/').next().unwrap();
        // The library has pages and probes of its own.
        if path == "/" || ours.iter().any(|key| key.trim_matches('"') == name) || name.eq_ignore_ascii_case("%ff") {
            continue;
        }
        let found = ask(instance.consumer.address(), method, path, &[], b"");
        let expected = answer(&exchange["answer"]);
        assert_eq!((found.text(), found), (expected.text(), expected), "{exchange}");
    }
}

#[test]
fn kn_8_the_calls_of_the_article_have_its_answers() {
    let instance = Instance::start(&Embedded::in_memory());
    for form in [
        "fromID=2&toID=1&message=Bruno started following you.",
        "fromID=1&toID=2&message=Emma mentioned you in a comment: 'Great seeing you yesterday, @Bruno!'",
        "fromID=4&toID=1&message=Lena liked your post: 'My weekend getaway!'",
    ] {
        let sent = instance.send(form);
        assert_eq!((sent.status, &*sent.text()), (200, r#"{"message":"Notification sent successfully!"}"#));
    }
    let emma = concat!(
        r#"{"notifications":[{"from":{"id":2,"name":"Bruno"},"to":{"id":1,"name":"Emma"},"#,
        r#""message":"Bruno started following you."},"#,
        r#"{"from":{"id":4,"name":"Lena"},"to":{"id":1,"name":"Emma"},"#,
        r#""message":"Lena liked your post: 'My weekend getaway!'"}]}"#
    );
    assert_eq!(instance.get_until("/notifications/1", |body| body == emma), emma);
}
