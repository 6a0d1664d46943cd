//! A process is killed ten times while it counts a million events.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::records::{TopicOf, Writer};
use millstream_tests::say;
use streams_core::log::{Embedded, Log};
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

use crate::counter::{Application, turn};
use crate::events::{Comparison, Events, PARTITIONS};
use crate::kills::kill_ten_times;

const EVENTS: Events = Events { number: 1_000_000 };
/// It is full every few thousand events, and then rows are written even without a commit. So a process dies sometimes
/// with some of its uncommitted work in the changelog, and sometimes with none.
const SMALL_CACHE: usize = 100 * 1024;

fn prepare(log: &dyn Log, id: &str) {
    let _ = TopicOf::create(log, &format!("{id}-counts"), PARTITIONS);
    let events = TopicOf::create(log, &format!("{id}-events"), PARTITIONS);
    let mut writer = Writer::new(&events);
    EVENTS.write(&mut writer, 0..EVENTS.number);
    writer.flush();
}

/// An application whose events are ready in an embedded log, and the log's folder.
fn on_embedded(folder: &Path) -> (PathBuf, Application) {
    let place = folder.join("log");
    prepare(&Embedded::open(&place).expect("a new log"), "counter");
    let log = ["--embedded".to_owned(), place.to_str().expect("a plain name").to_owned()];
    (place, application("counter".to_owned(), log, folder))
}

fn application(id: String, log: [String; 2], folder: &Path) -> Application {
    let commit_interval = Duration::from_millis(250);
    let folder = folder.to_owned();
    let session_timeout = Duration::from_secs(4);
    let (exactly_once, cache_bytes) = (false, SMALL_CACHE);
    let transaction_timeout = None;
    Application {
        id,
        log,
        exactly_once,
        cache_bytes,
        commit_interval,
        session_timeout,
        transaction_timeout,
        folder,
        stop_all: false,
        on_stall: None,
    }
}

/// Kills the application, and compares the last counts with the events.
fn kill_at_least_once(application: &Application, log: impl FnOnce() -> Box<dyn Log>) {
    let began = Instant::now();
    let books = kill_ten_times(application, &EVENTS);
    let Comparison { lost, twice } = EVENTS.compare(&*log(), &format!("{}-counts", application.id));
    say(&format!(
        "{}: at-least-once, {} events: lost {lost}, counted twice {twice}, processed since the last commit over all \
         kills {}; {:.0} s",
        application.log[0].trim_start_matches('-'),
        EVENTS.number,
        books.uncommitted,
        began.elapsed().as_secs_f64()
    ));
    assert_eq!(lost, 0);
    assert!(twice <= books.uncommitted, "more is counted twice than was not committed");
}

#[test]
fn at_least_once_on_the_embedded_log_loses_nothing() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let (place, application) = on_embedded(folder.path());
    kill_at_least_once(&application, || Box::new(Embedded::open(&place).expect("the log")));
}

#[test]
fn at_least_once_on_kafka_loses_nothing() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let id = unique_prefix();
    let kafka = Kafka::at(bootstrap_servers());
    prepare(&kafka, &id);
    let application = application(id, ["--kafka".to_owned(), bootstrap_servers().to_owned()], folder.path());
    kill_at_least_once(&application, || Box::new(kafka));
}

#[test]
fn exactly_once_on_the_embedded_log_counts_each_event_once() {
    let _turn = turn();
    let folder = tempfile::tempdir().expect("a folder");
    let (place, application) = on_embedded(folder.path());
    // Every update is forwarded, so that every count is in the output.
    let application = Application { exactly_once: true, cache_bytes: 0, ..application };
    let began = Instant::now();
    let books = kill_ten_times(&application, &EVENTS);
    let counts = EVENTS.check_each_count(&Embedded::open(&place).expect("the log"), "counter-counts");
    say(&format!(
        "embedded: exactly-once, {} events: {counts} counts, each there once; processed since the last commit over all \
         kills {}; {:.0} s",
        EVENTS.number,
        books.uncommitted,
        began.elapsed().as_secs_f64()
    ));
}
