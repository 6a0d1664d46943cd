//! The broker is down when the application starts, and for a minute in the middle.

use std::time::{Duration, Instant};

use millstream_tests::kafka::OwnCluster;
use millstream_tests::records::{TopicOf, Writer};
use millstream_tests::say;
use streams_kafka::Kafka;

use crate::counter::{Application, positions, repeated, turn};
use crate::events::{Comparison, Events, PARTITIONS};

const EVENTS: Events = Events { number: 300_000 };
const OUTAGE: Duration = Duration::from_secs(61);

#[test]
fn an_application_waits_for_its_broker_and_outlives_its_outage() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let cluster = OwnCluster::start("outage", 1);
    let kafka = Kafka::at(cluster.bootstrap_servers());
    let _ = TopicOf::create(&kafka, "counter-counts", PARTITIONS);
    let events = TopicOf::create(&kafka, "counter-events", PARTITIONS);
    let mut writer = Writer::new(&events);
    EVENTS.write(&mut writer, 0..200_000);
    writer.flush();

    cluster.kill(1);
    let application = Application {
        id: "counter".to_owned(),
        log: ["--kafka".to_owned(), cluster.bootstrap_servers().to_owned()],
        exactly_once: false,
        cache_bytes: 32 * 1024,
        commit_interval: Duration::from_millis(500),
        session_timeout: Duration::from_secs(4),
        transaction_timeout: None,
        stop_all: false,
        on_stall: None,
        folder: folder.path().to_owned(),
    };
    let counter = application.start(1);
    counter.until_said("cannot be reached");
    say("the broker is down: the application says so and waits");
    assert!(counter.is_alive());
    cluster.revive();
    let beginning = counter.beginning();
    assert_eq!(beginning.positions, [0, 0]);

    counter.until_processed(&beginning, EVENTS.number / 20);
    cluster.kill(1);
    let (began, warned) = (Instant::now(), counter.warnings());
    let at = positions(&beginning, &counter.progress()).iter().sum::<i64>();
    // Records that are sent meanwhile wait in the writer.
    EVENTS.write(&mut writer, 200_000..250_000);
    // This is the outage itself, not a wait for something.
    std::thread::sleep(OUTAGE);
    assert!(counter.is_alive(), "it stays");
    counter.until_said_times("-> DISCONNECTED", 2);
    let warned = counter.warnings() - warned;
    // One line of librdkafka's every ten seconds, and our own lines about the outage.
    let most = began.elapsed().as_secs() as usize / 10 + 6;
    assert!(warned <= most, "{warned} warnings in {:?}", began.elapsed());
    cluster.revive();
    let down = began.elapsed().as_secs_f64();
    say(&format!("the broker was down for {down:.0} s, after {at} records; {warned} warnings meanwhile"));
    EVENTS.write(&mut writer, 250_000..EVENTS.number);
    writer.flush();

    counter.until_processed(&beginning, EVENTS.number);
    let (progress, said) = counter.finish();
    said.iter().filter(|line| line.contains("WARN") || line.contains("->")).for_each(|line| say(line));
    let last = |what: &str| said.iter().rposition(|line| line.contains(what));
    assert!(last("DISCONNECTED -> ") < last("-> RUNNING"), "it is there again: {said:?}");
    // Ten attempts per second and client are enough; a client without back-off made 12,000.
    let attempts = said.iter().filter_map(|line| repeated_errors(line)).max().unwrap_or(0);
    assert!(attempts < 10_000, "{attempts} attempts to connect between two lines");
    let Comparison { lost, twice } = EVENTS.compare(&kafka, "counter-counts");
    let repeated = repeated(&progress);
    say(&format!("outage: {} events, lost {lost}, counted twice {twice}, repeated {repeated}", EVENTS.number));
    assert_eq!(lost, 0);
    assert!(twice <= repeated, "counted twice, although not repeated");
}

/// The number of messages that librdkafka has suppressed.
fn repeated_errors(line: &str) -> Option<u64> {
    let (before, _) = line.split_once(" identical error(s) suppressed")?;
    before.rsplit(' ').next()?.parse().ok()
}
