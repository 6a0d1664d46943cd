//! Tests of what a failure leaves behind while something else is in progress: nothing may be committed that was not
//! done, and everything must come to an end.

use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::by_hand::{Instance, log};
use super::wrapped_log::{Fetch, Fetching, Wrap, WrappedLog};
use super::{COUNTS, LINES, STORE, word_count};
use crate::dsl::StreamsBuilder;
use crate::log::{
    CommitOutcome, CommittedOffset, Committer, Consumer, Doorbell, Embedded, FetchEvent, GroupMetadata, Isolation, Log,
    LogError, LogErrorKind, Member, MemberEvent, OffsetToCommit, Reply,
};
use crate::operators::PunctuationTime;
use crate::operators::process::{Forward, Processor, PunctuationId, Schedule};
use crate::operators::processor_stores::Refs;
use crate::record::{Offset, Record, TaskId, Timestamp, TopicPartition};
use crate::runtime::{App, AppError, AppState, Guarantee, Settings};
use crate::state::{META, StoreIndex};
use crate::testing::{KeptState, TestDriver};
use crate::topic::Topic;
use crate::wire::murmur2::partition_of;

const ROWS: StoreIndex = StoreIndex(1);

fn committed(log: &Embedded, group: &str, topic: &str, partition: i32) -> Option<i64> {
    let admin = log.admin(Doorbell::new()).expect("an admin");
    let answer = admin.committed(group, vec![TopicPartition::new(topic, partition)]).wait();
    answer.expect("an answer").expect("offsets").into_iter().next().flatten().map(|committed| committed.offset.0)
}

/// The application's result, within a time limit.
fn end_of(app: App, log: impl Log) -> Result<(), AppError> {
    let (ended, end) = std::sync::mpsc::channel();
    let thread = std::thread::spawn(move || ended.send(app.start(log).and_then(crate::runtime::Running::wait)));
    let outcome = end.recv_timeout(Duration::from_secs(120)).expect("it ends");
    thread.join().expect("no panic").expect("somebody waits");
    outcome
}

/// Regression: the second task's row was lost, because its failure went unnoticed and the retry found nothing left to
/// write.
#[test]
fn when_two_tasks_cannot_be_committed_no_position_of_either_is() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 2).expect("a topic");
    let admin = log.admin(Doorbell::new()).expect("an admin");
    let small = [("max.message.bytes", "1000"), ("cleanup.policy", "compact")];
    let configs = small.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    let topic = crate::log::NewTopic { name: "app-rows-changelog".into(), partitions: 2, replication: None, configs };
    assert_eq!(admin.create_topics(vec![topic]).wait(), Some(Ok(vec![Ok(())])));
    const BY_KEY: Topic<String, String> = Topic::new("lines");
    for key in ["a", "b", "c", "d", "e", "f"] {
        for _ in 0..2 {
            log.send(&BY_KEY, key, "x".repeat(600)).expect("sent");
        }
    }
    let builder = StreamsBuilder::new();
    let joined = builder.stream(BY_KEY).group_by_key().reduce(|left, right| left + &right);
    joined.stored_as(crate::state::KeyValueStore::new("rows"));
    let app = App::new("app", builder.build().expect("a topology")).at_least_once().cache_bytes(1 << 20);
    let error = app.run_until_idle(log.clone()).expect_err("rows are too large");
    assert!(error.to_string().contains("max.message.bytes"), "{error}");
    assert_eq!([0, 1].map(|partition| committed(&log, "app", "lines", partition)), [None, None]);
}

/// Sends a record for each punctuation, and does nothing else.
struct Ticks;

const TICKS: Topic<String, i64> = Topic::new("ticks");

impl Processor<(), String, String, i64> for Ticks {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_secs(60), PunctuationTime::WallClock);
    }

    fn process(&mut self, (): Refs<'_, ()>, _: Record<(), String>, _: &mut Forward<'_, String, i64>) {}

    fn punctuate(&mut self, _: PunctuationId, at: Timestamp, (): Refs<'_, ()>, out: &mut Forward<'_, String, i64>) {
        out.send("tick".to_owned(), at.0);
    }
}

/// Sends its name each time it is called, which is every ten milliseconds.
struct Named(&'static str);

impl Processor<(), String, String, i64> for Named {
    type Stores = ();

    fn init(&mut self, schedule: &mut Schedule) {
        schedule.every(Duration::from_millis(10), PunctuationTime::WallClock);
    }

    fn process(&mut self, (): Refs<'_, ()>, _: Record<(), String>, _: &mut Forward<'_, String, i64>) {}

    fn punctuate(&mut self, _: PunctuationId, at: Timestamp, (): Refs<'_, ()>, out: &mut Forward<'_, String, i64>) {
        out.send(self.0.to_owned(), at.0);
    }
}

/// Regression: nodes are built from the last to the first, and the last one's punctuators fired first.
#[test]
fn punctuators_are_scheduled_in_the_order_of_the_topology() {
    let builder = StreamsBuilder::new();
    let lines = builder.stream(LINES);
    for name in ["first", "second"] {
        lines.process_with((), move || Named(name)).to(TICKS);
    }
    let mut driver = TestDriver::new(builder.build().expect("a topology"));
    driver.advance_wall_clock(Duration::from_millis(10));
    let names: Vec<_> = driver.read(&TICKS).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["first", "second"]);
}

/// Regression: only records and state counted as work to commit.
#[test]
fn what_a_punctuator_sends_is_committed_although_no_record_came() {
    for exactly_once in [false, true] {
        let builder = StreamsBuilder::new();
        builder.stream(LINES).process_with((), || Ticks).to(TICKS);
        let setup = TestDriver::configure(builder.build().expect("a topology"));
        let setup = setup.with(move |app| if exactly_once { app.exactly_once() } else { app.at_least_once() });
        let mut driver = setup.start();
        driver.advance_wall_clock(Duration::from_secs(60));
        assert_eq!(driver.read(&TICKS).len(), 1, "exactly once: {exactly_once}");
        // The application stays alive however far the clock is advanced, and missed punctuations are not replayed.
        driver.advance_wall_clock(Duration::from_secs(24 * 60 * 60));
        assert_eq!(driver.read(&TICKS).len(), 1, "exactly once: {exactly_once}");
    }
}

/// Regression: the record was refused again and again, and this was never reported.
#[test]
fn a_transactional_id_that_is_refused_ends_the_application() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 1).expect("a topic");
    let settings = Settings {
        guarantee: Some(Guarantee::ExactlyOnce),
        transaction_timeout: Some(Duration::from_secs(20 * 60)),
        session_timeout: Duration::from_secs(30 * 60),
        ..Settings::default()
    };
    let error = end_of(App::new("refused", word_count()).settings(settings), log).expect_err("more than 15 minutes");
    assert!(error.to_string().starts_with("registering the transactional id: "), "{error}");
}

/// Regression: it was the producer that noticed the timeout, while a record was being processed, and not a commit.
#[test]
fn work_whose_transaction_times_out_in_the_middle_of_a_record_is_done_again() {
    let mut driver = TestDriver::configure(word_count()).caching(0).with(|app| app.exactly_once()).start();
    driver.pipe(&LINES, (), "to");
    let many = 5_000;
    for number in 0..many {
        driver.log().send(&LINES, (), format!("word-{number}-{}", "x".repeat(50))).expect("sent");
    }
    driver.advance_wall_clock(Duration::from_secs(11));
    driver.commit();
    let counts = driver.read(&COUNTS);
    assert_eq!(counts.len(), many + 1);
    assert!(counts.iter().all(|(_, count)| *count == 1), "each is counted once");
}

const PEOPLE: Topic<String, i64> = Topic::new("people");

/// Regression: later rows were stored with their position, so the restart skipped the earlier ones.
#[test]
fn behind_a_record_that_cannot_be_read_a_global_table_keeps_nothing() {
    let topology = || {
        let builder = StreamsBuilder::new();
        let people = builder.global_table(PEOPLE);
        let lines = builder.stream(LINES);
        lines.join_global(people, |(), line| line.clone(), |_, age| age).to(COUNTS_OF_NOBODY);
        builder.build().expect("a topology")
    };
    const COUNTS_OF_NOBODY: Topic<(), i64> = Topic::new("ages");
    let (log, clock) = log();
    for topic in ["lines", "people"] {
        log.create_topic(topic, 1).expect("a topic");
    }
    let folder = tempfile::tempdir().expect("a folder");
    let state = KeptState::default();
    let app = || App::new("global", topology()).state_in(state.clone()).state_dir(folder.path());
    log.send(&PEOPLE, "ann", 30).expect("sent");
    let mut instance = Instance::start(app(), log.clone(), &clock);
    instance.step_until(|instance| instance.state() == AppState::Running);
    log.send(&Topic::<String, String>::new("people"), "bob", "forty").expect("sent");
    instance.step_control();
    assert!(matches!(instance.error(), Some(AppError::Record { offset: 1, .. })), "{:?}", instance.error());
    log.send(&PEOPLE, "eve", 50).expect("sent");
    instance.step_control();
    instance.step_until(|instance| instance.state() == AppState::Error);
    drop(instance);
    let mut again = Instance::start(app(), log, &clock);
    again.step_until(|instance| instance.state() == AppState::Error);
    assert!(matches!(again.error(), Some(AppError::Record { offset: 1, .. })), "{:?}", again.error());
}

/// Regression: records fetched for the other task in the same round were dropped, but later ones were not.
#[test]
fn when_a_task_cannot_be_restored_no_other_has_a_hole() {
    for (refusing, small) in [("1_0", 0), ("1_1", 1)] {
        let (log, clock) = log();
        log.create_topic("lines", 2).expect("a topic");
        // The first fetch has records of both changelogs; the other changelog has more after it.
        let (mut words, mut few) = (0, 0);
        for word in (0..60_000).map(|number| format!("word-{number}")) {
            let is_small = partition_of(word.as_bytes(), 2).0 == small;
            if !is_small || few < 50 {
                few += usize::from(is_small);
                words += 1;
                log.send(&LINES, (), word).expect("sent");
            }
        }
        let folder = tempfile::tempdir().expect("a folder");
        let state = KeptState::default();
        let app = || App::new("holes", word_count()).state_in(state.clone()).state_dir(folder.path());
        App::new("holes", word_count()).run_until_idle(log.clone()).expect("no error");
        state.refuse_rows(Some(refusing));
        let mut instance = Instance::start(app(), odd(&log), &clock);
        instance.step_until(|instance| state.has_refused() || instance.error().is_some());
        // The worker continues for a while before it is told that the application is ending.
        for _ in 0..200 {
            instance.step_worker();
        }
        instance.step_until(|instance| instance.state().is_final());
        let error = instance.error().expect("an error").to_string();
        assert_eq!(error, format!("task {refusing}: the disk is full"));
        drop(instance);
        state.refuse_rows(None);
        let mut again = Instance::start(app(), log, &clock);
        again.step_until(|instance| instance.running_tasks() == 4);
        assert_eq!(
            ["1_0", "1_1"].map(|task| state.rows(task, ROWS).expect("rows")).iter().sum::<usize>(),
            words,
            "{refusing}"
        );
    }
}

/// Regression: the log accepted everything except positions, and the application waited for its end for ever.
#[test]
fn who_is_to_stop_does_not_wait_for_ever_for_a_commit() {
    let (embedded, clock) = log();
    embedded.create_topic("lines", 1).expect("a topic");
    let app = App::new("away", word_count()).at_least_once().cache_bytes(0);
    let mut instance = Instance::start(app, odd(&embedded), &clock);
    instance.step_until(|instance| instance.state() == AppState::Running);
    embedded.send(&LINES, (), "to").expect("sent");
    instance.settle();
    instance.status.stop.store(true, std::sync::atomic::Ordering::SeqCst);
    instance.settle();
    assert_eq!(instance.state(), AppState::PendingShutdown, "it tries");
    clock.advance(Duration::from_secs(31));
    instance.step_until(|instance| instance.state().is_final());
    let error = instance.error().expect("an error").to_string();
    assert!(error.starts_with("committing before the end: ") && error.contains("done again"), "{error}");
}

/// A log that currently cannot commit positions and that, like Kafka, returns records of several partitions in one
/// fetch.
struct Odd;

fn odd(log: &Embedded) -> WrappedLog<Odd> {
    WrappedLog { log: log.clone(), wrap: Odd }
}

struct Greedy;

struct MemberWithout(Box<dyn Member>);

struct CommitterWithout(Arc<dyn Committer>);

impl Wrap for Odd {
    fn consumer(&self, inner: Box<dyn Consumer>) -> Box<dyn Consumer> {
        Box::new(Fetching { inner, fetch: Greedy })
    }

    fn member(&self, inner: Box<dyn Member>, _doorbell: Doorbell) -> Box<dyn Member> {
        Box::new(MemberWithout(inner))
    }
}

impl Fetch for Greedy {
    fn fetch(&mut self, inner: &mut dyn Consumer, records_max: usize, events: &mut Vec<FetchEvent>) {
        for _ in 0..2 {
            inner.fetch(records_max, events);
        }
    }
}

impl Member for MemberWithout {
    fn poll(&mut self) -> Option<MemberEvent> {
        self.0.poll()
    }

    fn acknowledge_revoked(&mut self) {
        self.0.acknowledge_revoked();
    }

    fn committer(&self) -> Arc<dyn Committer> {
        Arc::new(CommitterWithout(self.0.committer()))
    }

    fn leave(&mut self) -> Poll<()> {
        self.0.leave()
    }
}

impl Committer for CommitterWithout {
    fn commit(&self, _: &GroupMetadata, _: Vec<OffsetToCommit>) -> Reply<CommitOutcome> {
        Reply::ready(CommitOutcome::Retriable(LogError::new(LogErrorKind::Unavailable, "no coordinator")))
    }

    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>> {
        self.0.committed(partitions)
    }
}

/// A member that was removed from the group without noticing, and later gets its task back, has everything that was
/// written meanwhile.
#[test]
fn who_comes_back_reads_what_was_written_while_it_was_out() {
    let (log, clock) = log();
    log.create_topic("lines", 1).expect("a topic");
    let folder = tempfile::tempdir().expect("a folder");
    let state = KeptState::default();
    let app = || {
        let app = App::new("zombie", word_count()).at_least_once();
        app.cache_bytes(1 << 20).commit_interval(Duration::from_secs(3_600))
    };
    let kept = || app().state_in(state.clone()).state_dir(folder.path());
    let note = || {
        let bytes = state.get("1_0", META, b"changelog/count-store").expect("a folder");
        bytes.map(|bytes| i64::from_be_bytes(bytes.try_into().expect("8 bytes")))
    };

    let mut first = Instance::start(kept(), log.clone(), &clock);
    first.step_until(|instance| instance.running_tasks() == 2);
    log.send(&LINES, (), "to").expect("sent");
    first.settle();
    commit(&mut first);
    commit(&mut first);
    assert_eq!(note(), Some(1));
    log.send(&LINES, (), "to").expect("sent");
    first.settle();

    // It stands still beyond its session, and another member takes over.
    clock.advance(Duration::from_secs(60));
    let mut second = Instance::start(app(), log.clone(), &clock);
    second.step_until(|instance| instance.running_tasks() == 2);
    log.send(&LINES, (), "be").expect("sent");
    second.settle();
    commit(&mut second);
    commit(&mut second);

    // The first continues before it hears that it was removed. It would write after the second's records, but its
    // member was not polled within the session, so it waits.
    let changes = |log: &Embedded| end_of_topic(log, "zombie-count-store-changelog");
    let written = changes(&log);
    let worker = first.worker.as_mut().expect("a worker");
    worker.commit_now();
    for _ in 0..50 {
        worker.run_once();
    }
    assert_eq!((note(), changes(&log)), (Some(1), written), "it wrote nothing");
    drop(second);
    clock.advance(Duration::from_secs(60));
    first.settle();
    first.step_until(|instance| instance.running_tasks() == 2 && instance.state() == AppState::Running);
    let mut tasks = first.worker.as_ref().expect("a worker").slots().running();
    let wanted = TaskId { subtopology: 1, partition: crate::record::Partition(0) };
    let task = tasks.find(|task| task.id == wanted).expect("the task");
    let be = task.state.borrow().get(ROWS, b"be").expect("readable");
    assert!(be.is_some(), "{} rows, none of `be`", STORE.name());
}

fn end_of_topic(log: &Embedded, topic: &str) -> Option<Offset> {
    let admin = log.admin(Doorbell::new()).expect("an admin");
    let ends = admin.end_offsets(vec![TopicPartition::new(topic, 0)], Isolation::ReadUncommitted).wait();
    ends.expect("an answer").expect("offsets").first().copied()
}

fn commit(instance: &mut Instance) {
    instance.worker.as_mut().expect("a worker").commit_now();
    instance.settle();
}

/// Regression: a task that became ready between the revocation and the next assignment was run, and its output went
/// into the transaction without its positions.
#[test]
fn between_a_revocation_and_the_next_assignment_nothing_is_processed() {
    let (log, clock) = log();
    log.create_topic("lines", 2).expect("a topic");
    log.send(&LINES, (), "to").expect("sent");
    let app = || App::new("revoked", word_count()).exactly_once();
    let mut first = Instance::start(app(), log.clone(), &clock);
    // The worker has been assigned its tasks, and has not started to open them.
    first.step_until(|instance| instance.worker.is_some());
    for _ in 0..20 {
        first.step_control();
    }
    let _ = first.step_worker();
    assert_eq!(first.running_tasks(), 0);
    let mut second = Instance::start(app(), log.clone(), &clock);
    let mut revoked = false;
    for _ in 0..50 {
        second.step_control();
        second.step_worker();
        first.step_control();
        revoked |= !first.control.is_assigned();
        if revoked {
            break;
        }
    }
    assert!(revoked, "the group takes its tasks back");
    for _ in 0..200 {
        first.step_worker();
    }
    assert_eq!(first.running_tasks(), 0, "nobody has told it that they are its own again");
    let mut both = |_: ()| {
        first.settle();
        second.settle();
        first.running_tasks() + second.running_tasks()
    };
    for _ in 0..10 {
        both(());
    }
    clock.advance(Duration::from_secs(1));
    assert_eq!(both(()), 4, "each task runs somewhere");
    for _ in 0..10 {
        clock.advance(Duration::from_millis(200));
        both(());
    }
    let counts = super::last(log.read(&COUNTS).expect("readable").into_iter().map(|it| (it.key, it.value)).collect());
    assert_eq!(counts, ["to 1"]);
}

/// Regression: the offset still existed but the tombstones before it did not, so deleted rows came back. State that
/// was restored and never written since is as old as its restoration.
#[test]
fn state_that_may_have_missed_deletions_is_built_anew() {
    for (hours, restored) in [(11, 0), (13, 2)] {
        for was_written in [true, false] {
            let (log, clock) = log();
            log.create_topic("lines", 1).expect("a topic");
            let folder = tempfile::tempdir().expect("a folder");
            let state = KeptState::default();
            let app = || App::new("old", word_count()).at_least_once().cache_bytes(0);
            let kept = || app().state_in(state.clone()).state_dir(folder.path());
            let mut instance = Instance::start(if was_written { kept() } else { app() }, log.clone(), &clock);
            instance.step_until(|instance| instance.running_tasks() == 2);
            for word in ["to", "be"] {
                log.send(&LINES, (), word).expect("sent");
            }
            instance.settle();
            commit(&mut instance);
            commit(&mut instance);
            drop(instance);
            if !was_written {
                clock.advance(Duration::from_secs(60));
                Instance::start(kept(), log.clone(), &clock).step_until(|instance| instance.running_tasks() == 2);
            }
            clock.advance(Duration::from_secs(hours * 60 * 60));
            let mut again = Instance::start(kept(), log, &clock);
            again.step_until(|instance| instance.running_tasks() == 2);
            again.worker.as_mut().expect("a worker").publish_now();
            let tasks = again.status.metrics.snapshot();
            let read = tasks.values().map(|task| task.restored).sum::<u64>();
            assert_eq!(read, restored, "after {hours} hours, written: {was_written}");
            assert_eq!(state.rows("1_0", ROWS), Ok(2));
        }
    }
}
