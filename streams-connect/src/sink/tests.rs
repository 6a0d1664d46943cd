//! Sinks on an embedded log, with a target that does what it is told.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use millstream::client::Newest;
use millstream::log::{
    Admin, CommitOutcome, CommittedOffset, Committer, Consumer, ConsumerOptions, Doorbell, GroupMetadata, Log,
    LogError, LogErrorKind, Member, MemberEvent, MemberOptions, OffsetToCommit, OutgoingRecord, Producer,
    ProducerOptions, RecordRef, Reply,
};
use millstream::prelude::*;
use millstream::record::{Offset, Partition, TopicPartition};

use super::{OnRefused, RunningSink, Sink, SinkError, Target, TargetError};

const EVENTS: Topic<String, String> = Topic::new("events");
const PARTITIONS: u32 = 4;
const SOON: Duration = Duration::from_secs(20);

/// What a target has been given, and how it is to behave. Clones are the same one, as two connections to one database are.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<Inside>>);

#[derive(Default)]
struct Inside {
    written: Vec<(i32, i64, String)>,
    /// Positions of its own, if it keeps any.
    positions: Option<BTreeMap<i32, i64>>,
    /// The next attempts to write fail like this.
    faults: VecDeque<TargetError>,
    /// It refuses records with these values.
    refuses: BTreeSet<String>,
    /// It panics when it is to write.
    panics: bool,
    taken: Vec<i32>,
    released: Vec<i32>,
}

impl Shelf {
    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with_positions() -> Self {
        let shelf = Self::default();
        shelf.inside().positions = Some(BTreeMap::new());
        shelf
    }

    fn values(&self) -> Vec<String> {
        let mut values: Vec<String> = self.inside().written.iter().map(|(.., value)| value.clone()).collect();
        values.sort();
        values
    }
}

impl Target for Shelf {
    fn describe(&self) -> String {
        "a shelf".to_owned()
    }

    fn take(&mut self, partition: &TopicPartition, begin: Offset) -> Result<Offset, TargetError> {
        let mut inside = self.inside();
        let number = partition.partition.0;
        inside.taken.push(number);
        let own = inside.positions.as_ref().and_then(|positions| positions.get(&number).copied());
        Ok(own.map_or(begin, Offset))
    }

    fn write(
        &mut self,
        partition: &TopicPartition,
        from: Offset,
        records: &[RecordRef<'_>],
        next: Offset,
    ) -> Result<(), TargetError> {
        let mut inside = self.inside();
        assert!(!inside.panics, "as it was told");
        if let Some(fault) = inside.faults.pop_front() {
            return Err(fault);
        }
        let number = partition.partition.0;
        assert!(records.iter().all(|record| record.offset >= from && record.offset < next), "{from} to {next}");
        for record in records {
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            if inside.refuses.contains(&value) {
                let reason = format!("`{value}` is not welcome");
                return Err(TargetError::Refused { offset: record.offset, reason });
            }
        }
        for record in records {
            let value = String::from_utf8_lossy(record.value.unwrap_or_default()).into_owned();
            inside.written.push((number, record.offset.0, value));
        }
        if let Some(positions) = &mut inside.positions {
            positions.insert(number, next.0);
        }
        Ok(())
    }

    fn release(&mut self, partition: &TopicPartition) {
        self.inside().released.push(partition.partition.0);
    }
}

/// Events `from..to`, over all partitions.
fn send(log: &Embedded, events: std::ops::Range<u32>) -> Vec<String> {
    let client = Client::new(log.clone()).expect("a client");
    let values: Vec<String> = events.map(|event| format!("event-{event:05}")).collect();
    client.send_all(&EVENTS, values.iter().map(|value| (value.clone(), value.clone()))).expect("they are sent");
    values
}

fn log() -> Embedded {
    let log = Embedded::in_memory();
    log.create_topic(EVENTS.name(), PARTITIONS).expect("a topic");
    log
}

fn sink(shelf: &Shelf) -> Sink {
    Sink::new("to-shelf", &EVENTS, shelf.clone()).batch(7)
}

/// Waits until something is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < SOON, "{what}");
        Doorbell::new().wait(Duration::from_millis(5));
    }
}

fn until_written(shelf: &Shelf, count: usize) {
    until("all is written", || shelf.inside().written.len() >= count);
}

/// The sink's error.
fn error_of(sink: RunningSink) -> SinkError {
    until("it ends", || sink.has_ended());
    sink.wait().expect_err("it has failed")
}

#[test]
fn committed_records_of_all_partitions_arrive_once_and_in_order() {
    let log = log();
    let mut expected = send(&log, 0..500);
    // A transaction that is aborted, and one that is not.
    for (value, commits) in [("aborted", false), ("committed", true)] {
        let options = ProducerOptions {
            transactional_id: Some("t".to_owned()),
            transaction_timeout_ms: 60_000,
            ..ProducerOptions::default()
        };
        let mut producer = log.producer(options, Doorbell::new()).expect("a producer");
        while producer.init_transactions().is_pending() {}
        producer.begin_transaction().expect("it begins");
        let topic = producer.topic(EVENTS.name());
        let headers = Headers::new();
        let record = OutgoingRecord {
            key: Some(b"k"),
            value: Some(value.as_bytes()),
            timestamp: Timestamp(0),
            headers: &headers,
        };
        producer.send(topic, Partition(2), record).expect("it is sent");
        if commits {
            while producer.commit_transaction().is_pending() {}
        } else {
            while producer.abort_transaction().is_pending() {}
        }
    }
    expected.push("committed".to_owned());
    expected.extend(send(&log, 500..600));
    expected.sort();

    let shelf = Shelf::default();
    let running = sink(&shelf).start(log).expect("it starts");
    until_written(&shelf, expected.len());
    running.close().expect("it ends well");
    assert_eq!(shelf.values(), expected);
    for number in 0..4 {
        let offsets: Vec<i64> =
            shelf.inside().written.iter().filter(|(of, ..)| *of == number).map(|(_, offset, _)| *offset).collect();
        assert!(offsets.is_sorted(), "partition {number}: {offsets:?}");
    }
    assert_eq!(shelf.inside().released.iter().collect::<BTreeSet<_>>().len(), 4);
}

#[test]
fn a_restart_goes_on_at_the_groups_position_or_the_targets() {
    for shelf in [Shelf::default(), Shelf::with_positions()] {
        let log = log();
        let mut expected = send(&log, 0..100);
        let running = sink(&shelf).start(log.clone()).expect("it starts");
        until_written(&shelf, 100);
        running.close().expect("it ends well");
        expected.extend(send(&log, 100..150));
        let running = sink(&shelf).start(log).expect("it starts again");
        until_written(&shelf, 150);
        running.close().expect("it ends well");
        assert_eq!(shelf.values(), expected);
    }
}

#[test]
fn the_targets_position_counts_whatever_the_group_says() {
    let log = log();
    let values = send(&log, 0..100);
    let shelf = Shelf::with_positions();
    let running = sink(&shelf).start(log.clone()).expect("it starts");
    until_written(&shelf, 100);
    running.close().expect("it ends well");
    // Somebody has restored an older backup.
    shelf.inside().written.clear();
    shelf.inside().positions = Some(BTreeMap::new());
    shelf.inside().positions.as_mut().expect("it has some").extend((0..4).map(|number| (number, 0)));
    let running = sink(&shelf).start(log).expect("it starts again");
    until_written(&shelf, 100);
    running.close().expect("it ends well");
    assert_eq!(shelf.values(), values);
}

#[test]
fn a_target_that_is_away_is_waited_for_and_nothing_is_lost_or_doubled() {
    let log = log();
    let values = send(&log, 0..100);
    let shelf = Shelf::default();
    shelf.inside().faults.extend((0..3).map(|_| TargetError::Unavailable("it is painted".to_owned())));
    let running = sink(&shelf).start(log).expect("it starts");
    until("the trouble is told", || running.trouble().is_some_and(|trouble| trouble.reason == "it is painted"));
    until_written(&shelf, 100);
    until("the trouble is over", || running.trouble().is_none());
    assert_eq!(running.written(), 100);
    running.close().expect("it ends well");
    assert_eq!(shelf.values(), values);
}

#[test]
fn a_refused_record_ends_the_sink_unless_something_else_is_wished() {
    let log = log();
    send(&log, 0..20);
    let shelf = Shelf::default();
    shelf.inside().refuses.insert("event-00011".to_owned());
    let error = error_of(sink(&shelf).start(log).expect("it starts")).to_string();
    let begins = "sink `to-shelf`: a shelf refuses the record at offset ";
    assert!(error.starts_with(begins) && error.contains(": `event-00011` is not welcome; "), "{error}");
    assert!(!shelf.values().contains(&"event-00011".to_owned()));
}

#[test]
fn refused_records_are_left_out_and_counted_and_all_others_are_written() {
    let log = log();
    let mut values = send(&log, 0..50);
    let refused = ["event-00003", "event-00004", "event-00049"];
    let shelf = Shelf::default();
    shelf.inside().refuses.extend(refused.map(str::to_owned));
    let running = sink(&shelf).on_refused(OnRefused::Skip).start(log).expect("it starts");
    until_written(&shelf, 47);
    until("all are counted", || running.refused() == 3);
    running.close().expect("it ends well");
    values.retain(|value| !refused.contains(&value.as_str()));
    assert_eq!(shelf.values(), values);
}

#[test]
fn a_refused_record_becomes_a_dead_letter_that_says_where_it_was_and_why() {
    let log = log();
    send(&log, 0..10);
    let shelf = Shelf::default();
    shelf.inside().refuses.insert("event-00007".to_owned());
    let letters = OnRefused::DeadLetter("refused".to_owned());
    let running = sink(&shelf).on_refused(letters).start(log.clone()).expect("it starts");
    until_written(&shelf, 9);
    until("it is counted", || running.refused() == 1);
    running.close().expect("it ends well");
    let client = Client::new(log).expect("a client");
    let letters = client.dead_letters("refused").expect("a topic");
    let page = letters.newest(&Newest { limit: 10, ..Newest::default() }).expect("letters");
    let [letter] = &page.records[..] else { panic!("{:?}", page.records) };
    assert_eq!((letter.node(), letter.reason()), ("to-shelf", "refused"));
    assert_eq!(letter.record.value.as_deref(), Some(&b"event-00007"[..]));
    let origin = letter.origin().expect("an origin");
    assert_eq!(origin.topic, "events");
    // It can be put back like any other.
    let (partition, _) = letters.put_back(letter, 1).expect("it goes back");
    assert_eq!(Some(partition.partition), origin.partition);
}

#[test]
fn a_target_that_cannot_go_on_ends_the_sink() {
    let log = log();
    send(&log, 0..10);
    let shelf = Shelf::default();
    shelf.inside().faults.push_back(TargetError::Fatal("it has no boards".to_owned()));
    let error = error_of(sink(&shelf).start(log).expect("it starts"));
    assert_eq!(error.to_string(), "sink `to-shelf`: a shelf: it has no boards");
}

#[test]
fn whoever_waits_for_a_sink_whose_target_panics_hears_of_it() {
    let log = log();
    send(&log, 0..10);
    let shelf = Shelf::with_positions();
    shelf.inside().panics = true;
    let running = sink(&shelf).start(log).expect("it starts");
    let waited = futures::executor::block_on(running.has_passed(&TopicPartition::new("events", 0), Offset(1_000)));
    assert_eq!(
        waited.expect_err("it has ended").to_string(),
        "sink `to-shelf`: its target has panicked; see what was printed"
    );
}

#[test]
fn two_of_one_name_divide_the_partitions_and_whoever_stays_takes_all() {
    let log = log();
    let shelf = Shelf::with_positions();
    let mut expected = send(&log, 0..200);
    let one = sink(&shelf).start(log.clone()).expect("it starts");
    let two = sink(&shelf).start(log.clone()).expect("it starts");
    until("each has two", || one.positions().len() == 2 && two.positions().len() == 2);
    expected.extend(send(&log, 200..400));
    until_written(&shelf, 400);
    one.close().expect("it ends well");
    until("the other has all", || two.positions().len() == 4);
    expected.extend(send(&log, 400..500));
    until_written(&shelf, 500);
    two.close().expect("it ends well");
    assert_eq!(shelf.values(), expected);
}

#[test]
fn who_was_fenced_and_is_a_member_still_takes_the_partition_again() {
    let log = log();
    let values = send(&log, 0..100);
    let shelf = Shelf::with_positions();
    shelf.inside().faults.push_back(TargetError::Fenced("somebody rebuilds".to_owned()));
    let running = sink(&shelf).start(log).expect("it starts");
    until_written(&shelf, 100);
    running.close().expect("it ends well");
    assert_eq!(shelf.values(), values);
    assert_eq!(shelf.inside().taken.len(), 5, "one partition was taken twice");
}

/// A log whose groups do not answer the first commits.
struct Silent {
    log: Embedded,
    silences: Arc<AtomicU32>,
}

struct SilentMember(Box<dyn Member>, Arc<AtomicU32>);

struct SilentCommitter(Arc<dyn Committer>, Arc<AtomicU32>);

impl Log for Silent {
    fn describe(&self) -> String {
        self.log.describe()
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        self.log.consumer(options, doorbell)
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        self.log.producer(options, doorbell)
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        Ok(Box::new(SilentMember(self.log.member(options, doorbell)?, Arc::clone(&self.silences))))
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        self.log.admin(doorbell)
    }
}

impl Member for SilentMember {
    fn poll(&mut self) -> Option<MemberEvent> {
        self.0.poll()
    }

    fn acknowledge_revoked(&mut self) {
        self.0.acknowledge_revoked();
    }

    fn committer(&self) -> Arc<dyn Committer> {
        Arc::new(SilentCommitter(self.0.committer(), Arc::clone(&self.1)))
    }

    fn leave(&mut self) -> Poll<()> {
        self.0.leave()
    }
}

impl Committer for SilentCommitter {
    fn commit(&self, metadata: &GroupMetadata, offsets: Vec<OffsetToCommit>) -> Reply<CommitOutcome> {
        let less = |silences: u32| silences.checked_sub(1);
        match self.1.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less) {
            Ok(_) => Reply::ready(CommitOutcome::Retriable(LogError::new(LogErrorKind::Timeout, "no answer"))),
            Err(_) => self.0.commit(metadata, offsets),
        }
    }

    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>> {
        self.0.committed(partitions)
    }
}

#[test]
fn while_the_group_does_not_say_whose_a_partition_is_it_is_asked_again() {
    let log = log();
    let values = send(&log, 0..100);
    let shelf = Shelf::with_positions();
    shelf.inside().faults.push_back(TargetError::Fenced("somebody rebuilds".to_owned()));
    let silences = Arc::new(AtomicU32::new(3));
    let running = sink(&shelf).start(Silent { log, silences: Arc::clone(&silences) }).expect("it starts");
    until_written(&shelf, 100);
    running.close().expect("it ends well");
    assert_eq!(shelf.values(), values);
    assert_eq!(silences.load(Ordering::SeqCst), 0, "the group was asked");
}

#[test]
fn a_position_that_the_topic_does_not_have_is_an_error_and_no_silent_beginning() {
    let log = log();
    send(&log, 0..10);
    let shelf = Shelf::with_positions();
    shelf.inside().positions.as_mut().expect("it has some").insert(3, 1_000);
    let error = error_of(sink(&shelf).start(log).expect("it starts")).to_string();
    assert!(
        error.starts_with("sink `to-shelf` is at offset 1000 of events-3, which the topic does not have"),
        "{error}"
    );
}

#[test]
fn a_topic_that_is_not_there_yet_is_waited_for() {
    let log = Embedded::in_memory();
    let shelf = Shelf::default();
    let running = sink(&shelf).start(log.clone()).expect("it starts");
    let says = "there is no topic `events`; it is waited for";
    until("it is told", || running.trouble().is_some_and(|trouble| trouble.reason == says));
    log.create_topic(EVENTS.name(), 1).expect("a topic");
    let values = send(&log, 0..10);
    until_written(&shelf, 10);
    running.close().expect("it ends well");
    assert_eq!(shelf.values(), values);
}

#[test]
fn a_name_that_cannot_be_a_groups_is_refused() {
    let error = Sink::new("to shelf", &EVENTS, Shelf::default()).start(log()).expect_err("it is refused");
    assert!(error.to_string().starts_with("`to shelf` cannot be a sink's name: "), "{error}");
}
