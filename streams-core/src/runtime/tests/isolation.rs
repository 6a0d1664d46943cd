//! Tests with input that another program writes in transactions.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::by_hand::{Instance, log};
use super::said::Said;
use super::scene::stop;
use crate::clock::ManualClock;
use crate::config::Layers;
use crate::dsl::StreamsBuilder;
use crate::log::{CommitOutcome, Doorbell, Embedded, Log as _, OutgoingRecord, Producer, ProducerOptions};
use crate::record::{Headers, Offset, Partition, Timestamp, TopicPartition};
use crate::runtime::{App, AppState, Guarantee, OffsetReset, Settings};
use crate::testing::KeptState;
use crate::topic::Topic;
use crate::topology::Topology;

const WORDS: Topic<String, String> = Topic::new("words");
const NAMES: Topic<String, String> = Topic::new("names");
const OUT: Topic<String, String> = Topic::new("out");

/// Joins words with their names in a global table.
fn named_words() -> Topology {
    let builder = StreamsBuilder::new();
    let names = builder.global_table(NAMES);
    let words = builder.stream(WORDS);
    words.left_join_global(names, |_, word| word.clone(), |word, name| format!("{word} {name:?}")).to(OUT);
    builder.build().expect("a topology")
}

/// A program that writes in transactions.
struct Upstream(Box<dyn Producer>);

impl Upstream {
    fn new(log: &Embedded) -> Self {
        let options = ProducerOptions {
            client_id: "upstream".to_owned(),
            transactional_id: Some("upstream".to_owned()),
            transaction_timeout_ms: 600_000,
            ..ProducerOptions::default()
        };
        let mut producer = log.producer(options, Doorbell::new()).expect("a producer");
        assert_eq!(producer.init_transactions(), Poll::Ready(CommitOutcome::Done));
        Self(producer)
    }

    /// Writes in a transaction that stays open.
    fn write(&mut self, records: &[(&Topic<String, String>, &str, &str)]) {
        self.0.begin_transaction().expect("none is open");
        for (topic, key, value) in records {
            let topic = self.0.topic(topic.name());
            let headers = Headers::new();
            let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
            let record = OutgoingRecord { key, value, timestamp: Timestamp(0), headers: &headers };
            self.0.send(topic, Partition(0), record).expect("sent");
        }
        assert_eq!(self.0.flush(), Poll::Ready(Ok(())));
    }

    fn commit(&mut self) {
        assert_eq!(self.0.commit_transaction(), Poll::Ready(CommitOutcome::Done));
    }

    fn abort(&mut self) {
        assert_eq!(self.0.abort_transaction(), Poll::Ready(CommitOutcome::Done));
    }
}

fn world() -> (Embedded, ManualClock, Upstream) {
    let (log, clock) = log();
    for topic in ["words", "names"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    let upstream = Upstream::new(&log);
    (log, clock, upstream)
}

fn out(log: &Embedded) -> Vec<String> {
    log.read(&OUT).expect("readable").into_iter().map(|record| record.value).collect()
}

fn app() -> App {
    App::new("named", named_words()).at_least_once().cache_bytes(0)
}

/// The application with `auto.offset.reset=latest`, and a commit in every millisecond.
fn latest(guarantee: Guarantee) -> App {
    app().settings(Settings {
        guarantee: Some(guarantee),
        offset_reset: OffsetReset::Latest,
        out_of_range: OffsetReset::Latest,
        commit_interval: Some(Duration::from_millis(1)),
        cache_bytes: 0,
        ..Settings::default()
    })
}

/// Lets the instance do everything there is to do, and commit it.
fn settle(instance: &mut Instance, clock: &ManualClock) {
    for _ in 0..3 {
        instance.settle();
        clock.advance(Duration::from_millis(10));
    }
    assert_eq!((instance.state(), instance.error()), (AppState::Running, None));
}

/// Regression: the setting was refused under at-least-once, so records that had been aborted upstream were processed.
#[test]
fn aborted_records_are_not_processed_where_only_committed_ones_are_read() {
    let config = |layers: Layers| layers.set("application.id", "named").read().expect("a configuration");
    let configured = config(Layers::new().set("consumer.isolation.level", "read_committed"));
    let configured = App::configured(&configured, named_words()).at_least_once().cache_bytes(0);
    let committed = &["b Some(\"2\")"][..];
    let all = &["a Some(\"1\")", "b Some(\"2\")", "c None"][..];
    for (what, app, expected) in [
        ("at-least-once", app(), all),
        ("read_committed", app().read_committed(), committed),
        ("in the configuration", configured, committed),
        ("exactly-once", app().exactly_once(), committed),
    ] {
        let (log, _, mut upstream) = world();
        upstream.write(&[(&NAMES, "a", "1"), (&WORDS, "", "a")]);
        upstream.abort();
        upstream.write(&[(&NAMES, "b", "2"), (&WORDS, "", "b")]);
        upstream.commit();
        // The last record will never be read.
        upstream.write(&[(&WORDS, "", "c")]);
        upstream.abort();
        app.run_until_idle(log.clone()).expect("it comes to an end");
        assert_eq!(out(&log), expected, "{what}");
    }
}

#[test]
fn an_open_transaction_is_waited_for_where_only_committed_records_are_read() {
    for app in [app().read_committed(), app().exactly_once()] {
        let (log, clock, mut upstream) = world();
        log.send(&WORDS, "", "before").expect("sent");
        upstream.write(&[(&WORDS, "", "in")]);
        log.send(&WORDS, "", "behind").expect("sent");
        let mut instance = Instance::start(app.commit_interval(Duration::from_millis(1)), log.clone(), &clock);
        settle(&mut instance, &clock);
        assert_eq!(out(&log), ["before None"]);
        upstream.commit();
        settle(&mut instance, &clock);
        assert_eq!(out(&log), ["before None", "in None", "behind None"]);
    }
}

/// Regression: `latest` was the end of the topic, behind the records of transactions that were still open. They were
/// never processed, although they became visible after the application had started.
#[test]
fn latest_is_where_a_reader_of_committed_records_gets_to() {
    for (what, app, expected) in [
        ("exactly-once", latest(Guarantee::ExactlyOnce), &["in None", "behind None"][..]),
        ("read_committed", latest(Guarantee::AtLeastOnce).read_committed(), &["in None", "behind None"]),
        ("all records", latest(Guarantee::AtLeastOnce), &["behind None"]),
    ] {
        let (log, clock, mut upstream) = world();
        log.send(&WORDS, "", "before").expect("sent");
        upstream.write(&[(&WORDS, "", "in")]);
        let mut instance = Instance::start(app, log.clone(), &clock);
        settle(&mut instance, &clock);
        log.send(&WORDS, "", "behind").expect("sent");
        upstream.commit();
        settle(&mut instance, &clock);
        assert_eq!(out(&log), expected, "{what}");
    }
}

/// Regression: the same where a committed position was deleted.
#[test]
fn who_goes_on_at_the_latest_position_skips_no_open_transaction() {
    let (log, clock, mut upstream) = world();
    log.send(&WORDS, "", "before").expect("sent");
    let early = app().exactly_once().commit_interval(Duration::from_millis(1));
    let mut instance = Instance::start(early, log.clone(), &clock);
    settle(&mut instance, &clock);
    assert_eq!(out(&log), ["before None"]);
    stop(&mut instance);
    log.send(&WORDS, "", "deleted").expect("sent");
    let admin = log.admin(Doorbell::new()).expect("an admin");
    let deleted = admin.delete_records(vec![(TopicPartition::new("words", 0), Offset(2))]).wait();
    assert_eq!(deleted, Some(Ok(())));
    upstream.write(&[(&WORDS, "", "in")]);
    let mut instance = Instance::start(latest(Guarantee::ExactlyOnce), log.clone(), &clock);
    settle(&mut instance, &clock);
    upstream.commit();
    settle(&mut instance, &clock);
    assert_eq!(out(&log), ["before None", "in None"]);
}

/// Regression: an application did not start before other programs had ended the transactions that were open in a
/// global table's topic.
#[test]
fn a_global_table_is_complete_up_to_the_first_open_transaction() {
    for app in [app().read_committed(), app().exactly_once()] {
        let (log, clock, mut upstream) = world();
        log.send(&NAMES, "a", "1").expect("sent");
        log.send(&WORDS, "", "a").expect("sent");
        upstream.write(&[(&NAMES, "a", "2")]);
        let mut instance = Instance::start(app.commit_interval(Duration::from_millis(1)), log.clone(), &clock);
        settle(&mut instance, &clock);
        assert_eq!(out(&log), ["a Some(\"1\")"]);
        upstream.commit();
        settle(&mut instance, &clock);
        log.send(&WORDS, "", "a").expect("sent");
        settle(&mut instance, &clock);
        assert_eq!(out(&log), ["a Some(\"1\")", "a Some(\"2\")"]);
    }
}

/// A global table that has followed all records is not taken for one of another topic when only committed ones are
/// read from then on.
#[test]
fn a_global_table_may_be_ahead_of_an_open_transaction() {
    let (log, clock, mut upstream) = world();
    let state = KeptState::default();
    upstream.write(&[(&NAMES, "a", "1")]);
    log.send(&NAMES, "b", "2").expect("sent");
    for (app, word, expected) in
        [(app(), "a", &["a Some(\"1\")"][..]), (app().read_committed(), "b", &["a Some(\"1\")", "b Some(\"2\")"])]
    {
        let app = app.state_in(state.clone()).commit_interval(Duration::from_millis(1));
        let mut instance = Instance::start(app, log.clone(), &clock);
        log.send(&WORDS, "", word).expect("sent");
        settle(&mut instance, &clock);
        assert_eq!(out(&log), expected);
        stop(&mut instance);
    }
}

/// Regression: a batch job waited behind another program's open transaction without any message.
#[test]
fn a_batch_job_says_which_open_transaction_it_waits_for() {
    let log = Embedded::in_memory();
    for topic in ["words", "names"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    log.send(&WORDS, "", "before").expect("sent");
    let mut upstream = Upstream::new(&log);
    upstream.write(&[(&WORDS, "", "in")]);
    let clock = ManualClock::at(Timestamp(0));
    let app = app().read_committed().clock(Arc::new(clock.clone()));
    let said = Said::default();
    let job = std::thread::spawn({
        let (log, said) = (log.clone(), said.clone());
        move || said.listen(|| app.run_until_idle(log))
    });
    let bell = Doorbell::new();
    let expected = "waiting_for=\"records of words-0 from offset 1 on; it ends at 2; there an open transaction";
    let is_said = (0..2_000).any(|_| {
        clock.advance(Duration::from_secs(1));
        bell.wait(Duration::from_millis(30));
        said.text().contains(expected)
    });
    assert!(is_said, "{}", said.text());
    upstream.abort();
    let ended = (0..2_000).any(|_| {
        clock.advance(Duration::from_millis(100));
        bell.wait(Duration::from_millis(30));
        job.is_finished()
    });
    assert!(ended, "{}", said.text());
    let summary = job.join().expect("no panic").expect("no error");
    assert_eq!((summary.records_in, summary.dropped_total()), (1, 0));
    assert_eq!(out(&log), ["before None"]);
}

#[test]
fn exactly_once_never_reads_what_is_not_committed() {
    let config = Layers::new()
        .set("application.id", "named")
        .set("processing.guarantee", "exactly_once_v2")
        .set("consumer.isolation.level", "read_uncommitted");
    let config = config.read().expect("a configuration");
    let error =
        App::configured(&config, named_words()).start(Embedded::in_memory()).err().map(|error| error.to_string());
    let error = error.expect("it is refused");
    assert!(error.starts_with("setting consumer.isolation.level: ") && error.contains("`read_committed`"), "{error}");
}
