//! Tests of the runtime as a whole, with a small topology: words are re-keyed through a repartition topic and counted
//! in a store with a changelog.

use std::sync::Arc;
use std::time::Duration;

use super::{App, AppError, AppState, Guarantee};
use crate::config::Layers;
use crate::dsl::StreamsBuilder;
use crate::log::{Doorbell, Embedded, Log};
use crate::operators::{NodeId, Recipe, StoreId, map, repartition_filter, sink, source, stream_aggregate};
use crate::record::{Change, Record, Timestamp};
use crate::state::KeyValueStore;
use crate::state::kinds::Table;
use crate::testing::TestDriver;
use crate::topic::{Reading, Topic, TopicRef};
use crate::topology::{
    Graph, InternalTopic, InternalTopicKind, Node, NodeKind, StoreDefinition, Subtopology, Topology,
};
use crate::windows::WindowSizes;

mod alignment;
mod batch_jobs;
mod by_hand;
mod changed_topologies;
mod chosen_topics;
mod commits;
mod drops;
mod ends;
mod expired_positions;
mod failing_log;
mod failures;
mod faulty_log;
mod fellows;
mod flushing;
mod handlers;
mod held_up;
mod idle_state;
mod input_buffers;
mod isolation;
mod long_waits;
mod open_transactions;
mod patterns;
mod rebalances;
mod record_metrics;
mod restoring;
mod reused_topics;
mod running_tasks;
pub(super) mod said;
mod scene;
mod slow_records;
mod slow_stores;
mod stalls;
mod stop_calls;
mod summaries;
mod tally;
mod waiting;
mod world;
mod wrapped_log;

use said::said;

const LINES: Topic<(), String> = Topic::new("lines");
const COUNTS: Topic<String, i64> = Topic::new("counts");
const STORE: KeyValueStore<String, i64> = KeyValueStore::new("count-store");

/// lines -> map -> filter -> words-repartition | words-repartition -> count -> to-stream -> counts
fn word_count() -> Topology {
    let repartition = TopicRef::Internal("words-repartition".into());
    let external = |name: &str| TopicRef::External(name.into());
    let node = |name: &str, kind: NodeKind, parents: &[u32], children: &[u32], recipe: Recipe| Node {
        name: name.into(),
        kind,
        parents: parents.iter().copied().map(NodeId).collect(),
        children: children.iter().copied().map(NodeId).collect(),
        stores: Vec::new(),
        sends_old_values: false,
        recipe,
    };
    let mut nodes = vec![
        node(
            "lines",
            NodeKind::Source { topics: vec![external("lines")], reading: Reading::default() },
            &[],
            &[1],
            source::recipe::<(), String>(WindowSizes::NONE),
        ),
        node(
            "map",
            NodeKind::Processor,
            &[0],
            &[2],
            map::recipe(|(), line: String| {
                assert!(line != "panic", "the user's code gave up");
                (line.clone(), line)
            }),
        ),
        node("filter", NodeKind::Processor, &[1], &[3], repartition_filter::recipe::<String, String>(false)),
        node(
            "words-sink",
            NodeKind::Sink { topic: repartition.clone() },
            &[2],
            &[],
            sink::recipe::<String, String, String, String>(repartition.clone()),
        ),
        node(
            "words-source",
            NodeKind::Source { topics: vec![repartition.clone()], reading: Reading::default() },
            &[],
            &[5],
            source::recipe::<String, String>(WindowSizes::NONE),
        ),
        node(
            "count",
            NodeKind::Processor,
            &[4],
            &[6],
            stream_aggregate::recipe::<String, String, i64>(StoreId(0), |_, _, count| Some(count.unwrap_or(0) + 1)),
        ),
        node(
            "to-stream",
            NodeKind::Processor,
            &[5],
            &[7],
            map::recipe(|word: String, change: Change<i64>| (word, change.new)),
        ),
        node(
            "counts",
            NodeKind::Sink { topic: external("counts") },
            &[6],
            &[],
            sink::recipe::<String, Option<i64>, String, i64>(external("counts")),
        ),
    ];
    nodes[5].stores = vec![StoreId(0)];
    let changelog = TopicRef::Internal("count-store-changelog".into());
    let subtopology =
        |id, nodes: std::ops::Range<u32>, source: TopicRef, sink: TopicRef, stores: Vec<StoreId>| Subtopology {
            id,
            nodes: nodes.map(NodeId).collect(),
            sources: [source].into(),
            sinks: [sink].into(),
            stores,
            global: false,
        };
    Topology::new(
        Graph {
            nodes,
            stores: vec![StoreDefinition {
                name: "count-store".into(),
                kind: Arc::new(Table),
                windows: WindowSizes::NONE,
                shapes: crate::wire::Shapes::of::<String, i64>(),
                changelog: Some(changelog),
                is_readable: None,
                global: false,
                in_memory: false,
                cached: true,
                topic_configs: Vec::new(),
            }],
        },
        vec![
            subtopology(0, 0..4, external("lines"), repartition.clone(), Vec::new()),
            subtopology(1, 4..8, repartition, external("counts"), vec![StoreId(0)]),
        ],
        Vec::new(),
        vec![
            InternalTopic {
                name: "words-repartition".into(),
                kind: InternalTopicKind::Repartition { partitions: None },
            },
            InternalTopic {
                name: "count-store-changelog".into(),
                kind: InternalTopicKind::Changelog { store: StoreId(0) },
            },
        ],
    )
}

fn last(counts: Vec<(String, i64)>) -> Vec<String> {
    let counts = counts.into_iter().collect::<std::collections::BTreeMap<_, _>>();
    counts.into_iter().map(|(word, count)| format!("{word} {count}")).collect()
}

#[test]
fn every_update_comes_out_and_is_in_the_store() {
    let mut driver = TestDriver::configure(word_count()).partitions(3).start();
    for word in ["to", "be", "or", "not", "to", "be"] {
        driver.pipe(&LINES, (), word);
    }
    let mut counts = driver.read(&COUNTS);
    counts.sort();
    let counts = counts.iter().map(|(word, count)| format!("{word} {count}")).collect::<Vec<_>>();
    assert_eq!(counts, ["be 1", "be 2", "not 1", "or 1", "to 1", "to 2"]);
    assert_eq!(driver.get(&STORE, "to"), Some(2));
    assert_eq!(driver.get(&STORE, "never"), None);
    assert_eq!(driver.tasks().values().map(|task| task.processed).sum::<u64>(), 12);
}

#[test]
fn a_cache_merges_updates_until_the_commit() {
    let mut driver = TestDriver::configure(word_count()).caching(1 << 20).start();
    for word in ["to", "be", "to"] {
        driver.pipe(&LINES, (), word);
    }
    assert_eq!(driver.read(&COUNTS), []);
    driver.commit();
    let mut counts = driver.read(&COUNTS);
    counts.sort();
    assert_eq!(counts, [("be".to_owned(), 1), ("to".to_owned(), 2)]);
}

#[test]
fn a_killed_application_goes_on_with_its_state_restored() {
    for exactly_once in [false, true] {
        let setup = TestDriver::configure(word_count()).partitions(2);
        let setup = setup.with(move |app| if exactly_once { app.exactly_once() } else { app.at_least_once() });
        let mut driver = setup.start();
        for word in ["to", "be", "to"] {
            driver.pipe(&LINES, (), word);
        }
        driver.kill();
        driver.restart();
        assert_eq!(driver.get(&STORE, "to"), Some(2), "exactly once: {exactly_once}");
        driver.pipe(&LINES, (), "to");
        assert_eq!(last(driver.read(&COUNTS)), ["be 1", "to 3"], "exactly once: {exactly_once}");
        assert_eq!(driver.tasks().values().map(|task| task.restored).sum::<u64>(), 3);
    }
}

#[test]
fn exactly_once_shows_nothing_of_what_was_not_committed() {
    let setup = TestDriver::configure(word_count()).caching(0);
    let mut driver = setup.with(|app| app.exactly_once()).start();
    driver.pipe(&LINES, (), "to");
    assert_eq!(driver.read(&COUNTS), []);
    driver.kill();
    driver.restart();
    driver.commit();
    assert_eq!(driver.read(&COUNTS), [("to".to_owned(), 1)], "once, not twice");
}

#[test]
fn work_whose_transaction_timed_out_is_done_again() {
    let setup = TestDriver::configure(word_count()).caching(0);
    let mut driver = setup.with(|app| app.exactly_once()).start();
    driver.pipe(&LINES, (), "to");
    driver.commit();
    driver.pipe(&LINES, (), "to");
    // The process stands still for longer than a transaction may stay open, but not as long as the session timeout.
    driver.advance_wall_clock(Duration::from_secs(11));
    driver.pipe(&LINES, (), "be");
    driver.commit();
    let counts = [("to", 1), ("to", 2), ("be", 1)].map(|(word, count)| (word.to_owned(), count));
    assert_eq!(driver.read(&COUNTS), counts);
}

/// Regression: the count of dropped records started from 0 again.
#[test]
fn totals_go_on_when_a_task_is_opened_again() {
    const WORDS: Topic<Option<String>, String> = Topic::new("words");
    let builder = StreamsBuilder::new();
    _ = builder.stream(WORDS).group_by_key().count();
    let setup = TestDriver::configure(builder.build().expect("a topology"));
    let mut driver = setup.caching(0).with(|app| app.exactly_once()).start();
    let totals = |driver: &mut TestDriver| {
        let task = driver.tasks().into_values().next().expect("one task");
        (task.processed, task.dropped)
    };
    driver.pipe(&WORDS, None, "to");
    driver.pipe(&WORDS, "be".to_owned(), "be");
    driver.commit();
    assert_eq!(totals(&mut driver), (2, [("null-key", 1)].into()));
    driver.pipe(&WORDS, None, "or");
    driver.pipe(&WORDS, "be".to_owned(), "be");
    // The transaction times out, so the task is reopened and both records are processed again.
    driver.advance_wall_clock(Duration::from_secs(11));
    driver.commit();
    assert_eq!(totals(&mut driver), (6, [("null-key", 3)].into()));
}

#[test]
fn a_panic_in_the_users_code_ends_the_application_and_names_the_record() {
    let mut driver = TestDriver::new(word_count());
    driver.pipe(&LINES, (), "fine");
    let error = driver.error_after(&LINES, &Record::new((), "panic".to_owned(), Timestamp(0))).expect("an error");
    assert_eq!(
        error.to_string(),
        "task 0_0 failed at offset 1 of lines-0: map: the application's code panicked: the user's code gave up; the record \
         is not committed, so the next start processes it again: mend the code, or what sends such records, or set \
         `processing.exception.handler` to `skip` or `dead-letter`"
    );
}

#[test]
fn threads_do_the_same_as_the_driver() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    for number in 0..10_000 {
        log.send(&LINES, (), format!("word-{}", number % 100)).expect("sent");
    }
    App::new("threads", word_count()).workers(2).run_until_idle(log.clone()).expect("no error");
    let counts =
        last(log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value)).collect());
    assert_eq!(counts.len(), 100);
    assert!(counts.iter().all(|count| count.ends_with(" 100")), "{counts:?}");
}

#[test]
fn a_missing_input_topic_is_named() {
    let running = App::new("missing", word_count()).start(Embedded::in_memory()).expect("started");
    assert_eq!(running.wait(), Err(AppError::MissingTopics { topics: vec!["lines".to_owned()] }));
}

#[test]
fn state_is_in_memory_unless_the_application_says_otherwise() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let log = Embedded::in_memory();
    log.send(&LINES, (), "to").expect("sent");
    let app = || App::new("words", word_count()).state_dir(folder.path());
    let files = || std::fs::read_dir(folder.path()).expect("the folder").count();
    app().run_until_idle(log.clone()).expect("no error");
    assert_eq!(files(), 0);
    assert_eq!(last(log.read(&COUNTS).expect("readable").into_iter().map(|r| (r.key, r.value)).collect()), ["to 1"]);
}

#[test]
fn missing_outputs_are_created_as_wide_as_the_widest_input() {
    const NARROW: Topic<String, String> = Topic::new("narrow");
    const WIDE: Topic<String, String> = Topic::new("wide");
    const NEW: Topic<String, String> = Topic::new("new");
    const THERE: Topic<String, String> = Topic::new("there");
    let builder = StreamsBuilder::new();
    builder.stream(NARROW).to(NEW);
    builder.stream(WIDE).to(THERE);
    let log = Embedded::in_memory();
    // The partition counts of other outputs do not matter.
    for (topic, partitions) in [("narrow", 2), ("wide", 5), ("there", 7)] {
        log.create_topic(topic, partitions).expect("a topic");
    }
    App::new("wide", builder.build().expect("a topology")).run_until_idle(log.clone()).expect("no error");
    let admin = log.admin(Doorbell::new()).expect("an admin client");
    let topics = admin.topics(None).wait().expect("an answer").expect("topics");
    let mut widths = topics.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect::<Vec<_>>();
    widths.sort_unstable();
    assert_eq!(widths, [("narrow", 2), ("new", 5), ("there", 7), ("wide", 5)]);
}

/// The group takes the topic's tasks away before their worker notices that the topic is missing.
#[test]
fn an_input_topic_that_is_deleted_is_noticed_though_its_tasks_are_gone_with_it() {
    let (log, clock) = by_hand::log();
    log.create_topic("lines", 1).expect("a topic");
    let mut instance = by_hand::Instance::start(App::new("deleted", word_count()), log.clone(), &clock);
    instance.step_until(|instance| instance.state() == AppState::Running);
    let admin = log.admin(Doorbell::new()).expect("an admin client");
    let deleted = admin.delete_topics(vec!["lines".to_owned()]).wait().expect("an answer");
    assert_eq!(deleted, Ok(vec![Ok(())]));
    let mut seconds = 0;
    while instance.error().is_none() {
        instance.settle();
        clock.advance(Duration::from_secs(1));
        seconds += 1;
        assert!(seconds < 60, "nobody notices: {:?}", instance.state());
    }
    let error = instance.error().expect("an error").to_string();
    assert!(error.contains("`lines`") && error.contains("somebody has deleted it"), "{error}");
}

#[test]
fn an_application_goes_through_its_states() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 1).expect("a topic");
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = Arc::clone(&seen);
    let app = App::new("states", word_count())
        .on_state_change(move |from, to| listener.lock().expect("lock").push(format!("{from} -> {to}")));
    let running = app.start(log).expect("started");
    running.wait_until_running().expect("running");
    let handle = running.handle();
    let states = futures::executor::block_on(async {
        let states = handle.states();
        handle.stop();
        futures::StreamExt::collect::<Vec<_>>(states).await
    });
    assert_eq!((states.first(), states.last()), (Some(&AppState::Running), Some(&AppState::NotRunning)));
    running.wait().expect("no error");
    let expected = [
        "CREATED -> REBALANCING",
        "REBALANCING -> RUNNING",
        "RUNNING -> PENDING_SHUTDOWN",
        "PENDING_SHUTDOWN -> NOT_RUNNING",
    ];
    assert_eq!(*seen.lock().expect("lock"), expected, "each, in order, and the last before the end");
}

#[test]
fn a_handle_is_awaited_from_tokio() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 1).expect("a topic");
    let running = App::new("tokio", word_count()).start(log).expect("started");
    let handle = running.handle();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    let seen = runtime.spawn(async move {
        let first = handle.until(|state| state == AppState::Running).await;
        let states = handle.states();
        handle.stop();
        let ended = handle.ended().await;
        (first, futures::StreamExt::collect::<Vec<_>>(states).await.last().copied(), ended)
    });
    let (first, last, ended) = runtime.block_on(seen).expect("no panic");
    assert_eq!((first, last, ended), (AppState::Running, Some(AppState::NotRunning), Ok(())));
    running.wait().expect("no error");
}

#[test]
fn a_listener_that_panics_takes_nobody_along() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let listener = Arc::clone(&seen);
    let app = App::new("panics", word_count())
        .on_state_change(|_, _| panic!("this listener gave up"))
        .on_state_change(move |_, to| listener.lock().expect("lock").push(to));
    let error = app.start(Embedded::in_memory()).expect("started").wait();
    assert!(matches!(error, Err(AppError::MissingTopics { .. })), "{error:?}");
    let expected = [AppState::Rebalancing, AppState::PendingError, AppState::Error];
    assert_eq!(*seen.lock().expect("lock"), expected);
}

/// A log that leaves the choice of a guarantee to Kafka Streams' default, as Kafka does.
fn as_on_kafka(log: Embedded) -> impl Log {
    struct Plain;
    impl wrapped_log::Wrap for Plain {
        fn is_exactly_once_by_default(&self) -> Option<bool> {
            Some(false)
        }
    }
    wrapped_log::WrappedLog { log, wrap: Plain }
}

/// Regression: the first result on an embedded log came after 30 seconds, which looked as if nothing worked.
#[test]
fn the_log_decides_the_guarantee_unless_the_application_does() {
    let decided = |app: App, log: Arc<dyn Log>| {
        let (parts, _) = app.into_parts(log).expect("settings that fit");
        (parts.settings.guarantee(), parts.settings.commit_interval().as_millis())
    };
    let config = |layers: Layers| layers.set("application.id", "app").read().expect("a configuration");
    let chosen = |word: &str| App::configured(&config(Layers::new().set("processing.guarantee", word)), word_count());
    let app = || App::new("app", word_count());
    let (often, seldom) = ((Guarantee::ExactlyOnce, 100), (Guarantee::AtLeastOnce, 30_000));
    for (what, app, embedded, kafka) in [
        ("nothing", &app as &dyn Fn() -> App, often, seldom),
        ("a configuration", &|| App::configured(&config(Layers::new()), word_count()), often, seldom),
        ("at-least-once", &|| app().at_least_once(), seldom, seldom),
        ("exactly-once", &|| app().exactly_once(), often, often),
        ("at-least-once as a word", &|| chosen("at_least_once"), seldom, seldom),
        ("exactly-once as a word", &|| chosen("exactly_once_v2"), often, often),
    ] {
        let seen = decided(app(), Arc::new(Embedded::in_memory()));
        assert_eq!(seen, embedded, "{what} on an embedded log");
        assert_eq!(decided(app(), Arc::new(as_on_kafka(Embedded::in_memory()))), kafka, "{what} on Kafka");
    }
}

/// With the defaults a result can be read after a tenth of a second, and once it is there, only it.
#[test]
fn results_are_there_at_once_on_an_embedded_log() {
    let (log, clock) = by_hand::log();
    log.create_topic("lines", 1).expect("a topic");
    let mut instance = by_hand::Instance::start(App::new("first", word_count()), log.clone(), &clock);
    instance.step_until(|instance| instance.state() == AppState::Running);
    log.send(&LINES, (), "to be").expect("sent");
    for _ in 0..2 {
        instance.settle();
        clock.advance(Duration::from_millis(100));
    }
    instance.settle();
    let counts = log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value));
    assert_eq!(last(counts.collect()), ["to be 1"]);
}

#[test]
fn exactly_once_commits_often_whatever_else_is_configured() {
    let config = || crate::config::StreamsConfig::new("often").expect("a name");
    let slow = crate::config::StreamsConfig { commit_interval: Some(Duration::from_secs(7)), ..config() };
    let interval = |app: App| {
        let (parts, _) = app.into_parts(Arc::new(Embedded::in_memory())).expect("settings that fit");
        parts.settings.commit_interval()
    };
    let configured = |config: &crate::config::StreamsConfig| App::configured(config, word_count());
    assert_eq!(interval(configured(&config()).at_least_once()), Duration::from_secs(30));
    assert_eq!(interval(configured(&config()).exactly_once()), Duration::from_millis(100));
    assert_eq!(interval(configured(&slow).exactly_once()), Duration::from_secs(7));
    let settings = super::Settings::default();
    assert_eq!(interval(App::new("often", word_count()).settings(settings).exactly_once()), Duration::from_millis(100));
}

#[test]
fn a_batch_job_ends_although_another_instance_took_some_of_its_tasks() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 4).expect("a topic");
    let instance = || App::new("batch", word_count()).commit_interval(Duration::from_millis(20));
    let (ended, end) = std::sync::mpsc::channel();
    let batch = {
        let (app, log) = (instance(), log.clone());
        std::thread::spawn(move || ended.send(app.run_until_idle(log)))
    };
    let mut sent = 0;
    let mut send = || {
        log.send(&LINES, (), format!("word-{}", sent % 10)).expect("sent");
        sent += 1;
    };
    send();
    let other = instance().start(log.clone()).expect("started");
    // The batch job does not end as long as there is something to do.
    while other.state() != AppState::Running || other.assignment().is_empty() {
        send();
    }
    end.recv_timeout(Duration::from_secs(120)).expect("the batch job ends").expect("no error");
    batch.join().expect("no panic").expect("somebody waits");
    instance().run_until_idle(log.clone()).expect("no error");
    other.close().expect("no error");
    let counts = log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value));
    assert_eq!(counts.collect::<std::collections::BTreeMap<_, _>>().values().sum::<i64>(), sent);
}

#[test]
fn a_paused_application_keeps_its_tasks_and_processes_nothing_until_it_is_resumed() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 2).expect("a topic");
    let running = App::new("paused", word_count())
        .commit_interval(Duration::from_millis(20))
        .cache_bytes(0)
        .start(log.clone())
        .expect("started");
    running.wait_until_running().expect("running");
    let until = |done: &dyn Fn() -> bool| {
        let nobody = crate::log::Doorbell::new();
        let patience = 120_000 / 5;
        let got_there = (0..patience).any(|_| {
            nobody.wait(Duration::from_millis(5));
            done()
        });
        assert!(got_there, "{:?}", running.tasks());
    };
    let processed = || running.tasks().values().map(|task| task.processed).sum::<u64>();
    let words = |from: u32, to: u32| {
        (from..to).for_each(|number| log.send(&LINES, (), format!("word-{number}")).map(drop).expect("sent"));
    };
    words(0, 10);
    until(&|| processed() == 20);

    running.pause();
    assert!(running.is_paused());
    let assigned = running.assignment();
    words(10, 20);
    // The records are fetched, so the workers have seen them and are waiting.
    until(&|| running.tasks().values().map(|task| task.buffered).sum::<u64>() == 10);
    assert_eq!((processed(), running.state(), running.assignment()), (20, AppState::Running, assigned));

    running.resume();
    until(&|| processed() == 40);
    running.close().expect("no error");
    assert_eq!(log.read(&COUNTS).expect("readable").len(), 20);
}

#[test]
fn events_say_in_which_task_and_worker_they_happened() {
    let topology = {
        let builder = crate::dsl::StreamsBuilder::new();
        builder.stream(LINES).for_each(|(), line| tracing::info!("saw {line}"));
        builder.build().expect("a topology")
    };
    let said = said(|| TestDriver::new(topology).pipe(&LINES, (), "a line"));
    let line = said.lines().find(|line| line.contains("saw a line")).unwrap_or(&said);
    assert!(line.contains("worker{application=test number=0}:task{task=0_0}"), "{line}");
}

#[test]
fn an_application_id_that_is_a_path_is_refused() {
    for id in ["../up", "a/b", "", ".."] {
        assert!(
            matches!(App::new(id, word_count()).start(Embedded::in_memory()), Err(AppError::ApplicationId { .. })),
            "{id:?}"
        );
    }
}
