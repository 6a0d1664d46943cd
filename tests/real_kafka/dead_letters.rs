//! Dead letters on Kafka: written by an application under exactly-once, read by Kafka's own console consumer, and put back.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::records::{TopicOf, Writer};
use millstream_tests::say;
use streams_core::client::Client;
use streams_core::config::{ErrorSettings, OnError};
use streams_core::dead_letters::Replay;
use streams_core::dsl::StreamsBuilder;
use streams_core::log::Isolation;
use streams_core::record::Timestamp;
use streams_core::runtime::{App, DropReason, Guarantee, Settings};
use streams_core::testing::log_contract::unique_prefix;
use streams_core::topic::Topic;
use streams_core::topology::Topology;
use streams_core::windows::Tumbling;
use streams_kafka::Kafka;

use crate::console;

/// How many dead letters there are of each kind.
const EACH: i64 = 10;

/// More than a producer sends.
const TOO_LARGE: usize = 2_000_000;

/// The kinds, by what the header `millstream.errors.reason` says, with the exception that the records stand for.
const KINDS: [(&str, &str); 5] = [
    ("undecodable", "millstream::OperatorError::Decode"),
    ("failed", "millstream::OperatorError::Refused"),
    ("failed", "millstream::OperatorError::Panic"),
    ("unwritable", "millstream::OperatorError::Send"),
    ("late", "millstream::DropReason"),
];

const HEADERS: [&str; 8] = [
    "__streams.errors.exception",
    "__streams.errors.message",
    "__streams.errors.stacktrace",
    "__streams.errors.topic",
    "__streams.errors.partition",
    "__streams.errors.offset",
    "millstream.errors.node",
    "millstream.errors.reason",
];

/// Checks numbers, repeats a letter so often, and counts in windows.
fn topology(prefix: &str) -> Topology {
    let topic = |name: &str| format!("{prefix}-{name}");
    let builder = StreamsBuilder::new();
    let numbers = builder.stream(Topic::<String, i64>::named(topic("numbers")).expect("a name"));
    let checked = numbers.try_map_values(|number| match number {
        100..200 => Err("out of range"),
        200..300 => panic!("who sends {number}?"),
        number => Ok(number),
    });
    let checked = checked.named("check");
    let repeated =
        checked.map_values(|number| "x".repeat(usize::try_from(number).unwrap_or(0).min(300) / 300 * TOO_LARGE));
    repeated.to(Topic::<String, String>::named(topic("letters")).expect("a name")).named("letters");
    let windows = Tumbling::of(Duration::from_secs(1)).no_grace();
    checked.group_by_key().windowed_by(windows).count().to_stream().for_each(|_, _| {});
    builder.build().expect("a topology")
}

fn run(kafka: &Kafka, prefix: &str) {
    let errors = ErrorSettings {
        undecodable: OnError::DeadLetter,
        processing: OnError::DeadLetter,
        production: OnError::DeadLetter,
        dead_letter_topic: Some(format!("{prefix}-dead")),
        dead_letter_drops: BTreeSet::from([DropReason::Late]),
        ..ErrorSettings::default()
    };
    let settings = Settings { errors, workers: 2, guarantee: Some(Guarantee::ExactlyOnce), ..Settings::default() };
    let app = App::new(format!("{prefix}-app"), topology(prefix)).settings(settings).quiet();
    let summary = app.run_until_idle(kafka.clone()).expect("no record ends it");
    say(&summary.to_string());
}

/// What the console consumer prints of a dead letter.
struct Letter {
    timestamp: i64,
    headers: Vec<(String, String)>,
    key: String,
}

impl Letter {
    fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(found, _)| found == name).map_or("", |(_, value)| value)
    }

    fn kind(&self) -> (&str, &str) {
        (self.header("millstream.errors.reason"), self.header("__streams.errors.exception"))
    }
}

fn letters(topic: &str, count: i64) -> Vec<Letter> {
    let printed = console::with_headers(bootstrap_servers(), topic, count);
    let parse = |line: &str| {
        let mut parts = line.splitn(4, console::FIELD);
        let mut next = || parts.next().unwrap_or_else(|| panic!("{line:?} has too few parts")).to_owned();
        let (timestamp, headers, key) = (next(), next(), next());
        let timestamp = timestamp.trim_start().trim_start_matches("CreateTime:").parse().expect("a time");
        let pair = |text: &str| text.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
        Letter { timestamp, headers: headers.split(console::HEADER).filter_map(pair).collect(), key }
    };
    printed.iter().map(|line| parse(line)).collect()
}

#[test]
fn dead_letters_say_what_kip_1034_says_and_are_put_back_once() {
    let (kafka, prefix) = (Kafka::at(bootstrap_servers()), unique_prefix());
    let topic = |name: &str| format!("{prefix}-{name}");
    let numbers_name = topic("numbers");
    let numbers = TopicOf::create(&kafka, &numbers_name, 2);
    for name in [topic("letters"), topic("dead")] {
        let _ = TopicOf::create(&kafka, &name, 2);
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let now = i64::try_from(now).expect("before the year 292278994");
    let mut writer = Writer::new(&numbers);
    let mut sent = BTreeMap::new();
    for number in 0..EACH {
        let partition = i32::try_from(number % 2).expect("small");
        for (kind, value) in [(5, 7), (0, 0), (1, 100 + number), (2, 200 + number), (3, 300 + number), (4, 8)] {
            let key = format!("{kind}-{number}");
            // Each record moves time on by a second, and those that are late lie an hour back.
            let time = now - 60_000 + number * 6_000 + kind * 1_000 - if kind == 4 { 3_600_000 } else { 0 };
            let value = if kind == 0 { b"none".to_vec() } else { i64::to_be_bytes(value).to_vec() };
            writer.send_bytes(partition, key.as_bytes(), &value, Timestamp(time));
            sent.insert(key, (partition, time));
        }
    }
    writer.flush();
    run(&kafka, &prefix);

    let kinds = i64::try_from(KINDS.len()).expect("few");
    let dead = letters(&topic("dead"), EACH * kinds);
    for letter in &dead {
        let (kind, number) = letter.key.split_once('-').expect("a kind and a number");
        let kind: usize = kind.parse().expect("a number");
        assert_eq!(Some(&letter.kind()), KINDS.get(kind), "{kind}-{number}");
        let names: Vec<_> = letter.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, HEADERS);
        let (partition, time) = sent[&letter.key];
        assert_eq!(letter.timestamp, time);
        assert_eq!(letter.header("__streams.errors.topic"), numbers_name);
        assert_eq!(letter.header("__streams.errors.partition"), partition.to_string());
        let offset = number.parse::<i64>().expect("a number") / 2 * 6 + i64::try_from((kind + 1) % 6).expect("small");
        assert_eq!(letter.header("__streams.errors.offset"), offset.to_string(), "{}", letter.key);
    }
    let keys: BTreeSet<_> = dead.iter().map(|letter| &letter.key).collect();
    assert_eq!(keys.len(), dead.len(), "each once");

    let replay = || Replay::of(topic("dead")).run(kafka.clone()).expect("put back").to_string();
    let all = EACH * kinds;
    assert_eq!(replay(), format!("{all} records put back, 0 left"));
    assert_eq!(replay(), "0 records put back, 0 left");
    // All of them are poison: they fail again, and are not put back again.
    run(&kafka, &prefix);
    let twice = letters(&topic("dead"), 2 * all);
    let again = twice.iter().filter(|letter| letter.header("millstream.errors.replays") == "1");
    assert_eq!(i64::try_from(again.count()), Ok(all));
    assert_eq!(replay(), format!("0 records put back, {all} left"));
    run(&kafka, &prefix);
    let mut count = 0;
    TopicOf::new(&kafka, &topic("dead"), 2).read(Isolation::ReadCommitted, |_| count += 1);
    assert_eq!(count, 2 * all, "the pills don't go round");
    say(&format!("dead letters: {EACH} of each of {kinds} kinds, {all} put back once, none twice"));
}

/// A broker refuses such a record long after it was processed.
#[test]
fn a_record_whose_time_the_broker_refuses_is_found_and_left_out() {
    let (kafka, prefix) = (Kafka::at(bootstrap_servers()), unique_prefix());
    let topic = |name: &str| Topic::<String, String>::named(format!("{prefix}-{name}")).expect("a name");
    let client = Client::new(kafka.clone()).expect("a client");
    let any_time = ("message.timestamp.after.max.ms", "315360000000");
    for (name, settings) in [("in", Some(any_time)), ("out", None), ("dead", None)] {
        let topic = topic(name);
        let new = client.create_topic(&topic).partitions(1);
        let new = settings.into_iter().fold(new, |new, (name, value)| new.set(name, value));
        new.create().expect("created");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    let now = i64::try_from(now).expect("before the year 292278994");
    for number in 0..20 {
        // The broker's limit is an hour unless set.
        let ahead = if number % 10 == 4 { 5 * 3_600_000 + number } else { 0 };
        client.send_at(&topic("in"), "k", number.to_string(), Timestamp(now + ahead)).expect("sent");
    }
    let builder = StreamsBuilder::new();
    builder.stream(topic("in")).to(topic("out"));
    let app = App::new(format!("{prefix}-app"), builder.build().expect("a topology")).exactly_once().quiet();
    let app = app.on_production_error(OnError::DeadLetter).dead_letters_to(format!("{prefix}-dead"));
    app.run_until_idle(kafka.clone()).expect("no record ends it");
    let values = |name: &str| -> Vec<String> {
        client.read(&topic(name)).expect("readable").into_iter().map(|record| record.value).collect()
    };
    let (dead, out): (Vec<_>, Vec<_>) =
        (0..20).map(|number| number.to_string()).partition(|number| number.ends_with('4'));
    assert_eq!((values("out"), values("dead")), (out, dead.clone()));
    let again = Replay::of(format!("{prefix}-dead")).run(kafka).expect("put back");
    assert_eq!(again.to_string(), "2 records put back, 0 left");
    let back = client.read(&topic("in")).expect("readable").split_off(20);
    let times: Vec<_> = back.iter().map(|record| record.timestamp.0 - now - 5 * 3_600_000).collect();
    assert_eq!((times, values("in").split_off(20)), (vec![4, 14], dead), "with the times that they had");
}
