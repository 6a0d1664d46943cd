//! Tests with input that another program writes in transactions.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::by_hand::{Instance, log};
use super::said::Said;
use crate::clock::ManualClock;
use crate::config::Layers;
use crate::dsl::StreamsBuilder;
use crate::log::{CommitOutcome, Doorbell, Embedded, Log as _, OutgoingRecord, Producer, ProducerOptions};
use crate::record::{Headers, Partition, Timestamp};
use crate::runtime::{App, AppState};
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
    App::new("named", named_words()).cache_bytes(0)
}

/// Regression: the setting was refused under at-least-once, so records that had been aborted upstream were processed.
#[test]
fn aborted_records_are_not_processed_where_only_committed_ones_are_read() {
    let config = |layers: Layers| layers.set("application.id", "named").read().expect("a configuration");
    let configured = config(Layers::new().set("consumer.isolation.level", "read_committed"));
    let configured = App::configured(&configured, named_words()).cache_bytes(0);
    let committed = &["b Some(\"2\")"][..];
    let all = &["a Some(\"1\")", "b Some(\"2\")", "c None"][..];
    for (what, app, expected) in [
        ("as it is", app(), all),
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
        let mut settle = || {
            for _ in 0..3 {
                instance.settle();
                clock.advance(Duration::from_millis(10));
            }
            assert_eq!((instance.state(), instance.error()), (AppState::Running, None));
        };
        settle();
        assert_eq!(out(&log), ["before None"]);
        upstream.commit();
        settle();
        assert_eq!(out(&log), ["before None", "in None", "behind None"]);
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
    assert_eq!(job.join().expect("no panic"), Ok(()));
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
