//! Tests of how a commit flushes caches: in slices, and only as long as the producer takes what they write.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use super::by_hand::{Instance, log};
use super::wrapped_log::{Wrap, WrappedLog};
use crate::dsl::StreamsBuilder;
use crate::log::{
    Admin, CommitOutcome, Doorbell, Embedded, GroupMetadata, Log as _, LogError, OffsetToCommit, OutgoingRecord,
    Producer, SendError, TopicHandle,
};
use crate::record::{Offset, Partition, TopicPartition};
use crate::runtime::worker::Turn;
use crate::runtime::{App, Guarantee, Settings};
use crate::state::{KeyRange, KeyValueStore, StoreIndex};
use crate::topic::Topic;

const WORDS: Topic<String, String> = Topic::new("words");
const COUNTS: Topic<String, i64> = Topic::new("counts");
const STORE: KeyValueStore<String, i64> = KeyValueStore::new("counts");

/// A flushed row is written to the changelog and to the output.
const RECORDS_PER_ROW: usize = 2;

/// No more rows than that are flushed between two looks at the producer.
const ROWS_PER_SLICE: usize = 1_000;

/// How many more records the producer takes, and how many it has taken.
#[derive(Clone, Default)]
struct Room {
    left: Arc<AtomicUsize>,
    taken: Arc<AtomicUsize>,
}

impl Room {
    fn give(&self, records: usize) {
        self.left.store(records, Ordering::SeqCst);
    }

    fn taken(&self) -> usize {
        self.taken.load(Ordering::SeqCst)
    }
}

impl Wrap for Room {
    fn producer(&self, inner: Box<dyn Producer>) -> Box<dyn Producer> {
        Box::new(SmallProducer { inner, room: self.clone() })
    }
}

struct SmallProducer {
    inner: Box<dyn Producer>,
    room: Room,
}

impl Producer for SmallProducer {
    fn topic(&mut self, name: &str) -> TopicHandle {
        self.inner.topic(name)
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        let left = self.room.left.load(Ordering::SeqCst);
        let rest = left.checked_sub(1).ok_or(SendError::Full)?;
        self.inner.send(topic, partition, record)?;
        self.room.give(rest);
        self.room.taken.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }

    fn poll(&mut self) -> Result<(), LogError> {
        self.inner.poll()
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        self.inner.flush()
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }

    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        self.inner.acknowledged(topic, partition)
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        self.inner.init_transactions()
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        self.inner.begin_transaction()
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome> {
        self.inner.send_offsets(offsets, group)
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        self.inner.commit_transaction()
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        self.inner.abort_transaction()
    }
}

/// An instance whose cache holds changed rows, none of which is written.
struct Scene {
    log: Embedded,
    admin: Arc<dyn Admin>,
    room: Room,
    instance: Instance,
}

impl Scene {
    fn new(guarantee: Guarantee, rows: usize) -> Self {
        let (log, clock) = log();
        log.create_topic("words", 1).expect("a topic");
        let builder = StreamsBuilder::new();
        builder.stream(WORDS).group_by_key().count().stored_as(STORE).to_stream().to(COUNTS);
        let topology = builder.build().expect("a topology");
        let room = Room::default();
        let settings = Settings { guarantee: Some(guarantee), ..Settings::default() };
        let wrapped = WrappedLog { log: log.clone(), wrap: room.clone() };
        let mut instance = Instance::start(App::new("app", topology).settings(settings), wrapped, &clock);
        instance.step_until(|instance| instance.running_tasks() == 1);
        let admin = log.admin(Doorbell::new()).expect("an admin");
        let mut scene = Self { log, admin, room, instance };
        scene.send(0..rows);
        scene.instance.step_until(|instance| processed(instance) == rows);
        assert_eq!((scene.flushed(), scene.room.taken()), (0, 0), "everything is in the cache");
        scene
    }

    /// Sends each of these words once.
    fn send(&self, words: std::ops::Range<usize>) {
        for word in words {
            self.log.send(&WORDS, format!("word-{word}"), "").expect("sent");
        }
    }

    fn commit_now(&mut self) {
        self.instance.worker.as_mut().expect("a worker").commit_now();
    }

    /// How many rows have left the cache.
    fn flushed(&self) -> usize {
        let mut rows = 0;
        let mut count = |_: &[u8], _: &[u8]| {
            rows += 1;
            true
        };
        for task in self.instance.workers().flat_map(|worker| worker.slots().running()) {
            let scanned = task.state.borrow().scan(StoreIndex(1), KeyRange::ALL, &mut count);
            scanned.expect("readable");
        }
        rows
    }

    /// How many records wait because the producer is full.
    fn waiting(&self) -> usize {
        self.flushed() * RECORDS_PER_ROW - self.room.taken()
    }

    /// How many words are committed.
    fn committed(&self) -> usize {
        let answer = self.admin.committed("app", vec![TopicPartition::new("words", 0)]).wait();
        let positions = answer.expect("an answer").expect("positions");
        positions[0].as_ref().map_or(0, |position| usize::try_from(position.offset.0).expect("an offset"))
    }
}

fn processed(instance: &Instance) -> usize {
    let tasks = instance.workers().flat_map(|worker| worker.slots().running());
    tasks.map(|task| usize::try_from(task.metrics.processed).expect("few records")).sum()
}

fn check_waiting(guarantee: Guarantee) {
    const ROWS: usize = 3_500;
    const MORE: usize = 10;
    let mut scene = Scene::new(guarantee, ROWS);
    scene.send(ROWS..ROWS + MORE);
    scene.commit_now();
    let (mut gifts, mut most_waiting) = (0, 0);
    loop {
        scene.room.give(300);
        gifts += 1;
        scene.instance.step_worker();
        if scene.committed() > 0 {
            break;
        }
        let seen = |scene: &Scene| (scene.flushed(), scene.room.taken(), processed(&scene.instance));
        let once = seen(&scene);
        most_waiting = most_waiting.max(scene.waiting());
        for _ in 0..3 {
            let turn = scene.instance.step_worker();
            assert!(matches!(turn, Turn::Idle(_)), "there is nothing to do: {turn:?}");
        }
        assert_eq!(seen(&scene), once, "a full producer is waited for");
        assert_eq!((once.1, once.2), (gifts * 300, ROWS), "the producer takes what it can, and nothing is processed");
    }
    assert!((1_000..=ROWS_PER_SLICE * RECORDS_PER_ROW).contains(&most_waiting), "{most_waiting} records waited");
    assert_eq!((gifts, scene.committed()), ((ROWS * RECORDS_PER_ROW).div_ceil(300), ROWS));

    scene.room.give(usize::MAX);
    scene.instance.step_until(|instance| processed(instance) == ROWS + MORE);
    scene.commit_now();
    scene.instance.settle();
    assert_eq!((scene.committed(), scene.room.taken()), (ROWS + MORE, (ROWS + MORE) * RECORDS_PER_ROW));
    let counts = scene.log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value));
    let counts = counts.collect::<Vec<_>>();
    let once: Vec<_> = (0..ROWS + MORE).map(|word| (format!("word-{word}"), 1)).collect();
    assert!(counts == once, "{} counts of {} words", counts.len(), once.len());
}

/// Regression: a commit flushed every cache in one call, and all that the producer refused was held in memory.
#[test]
fn a_commit_flushes_no_more_than_a_slice_ahead_of_the_producer() {
    check_waiting(Guarantee::AtLeastOnce);
    check_waiting(Guarantee::ExactlyOnce);
}

/// Regression: other tasks and the group's commands waited until every row was flushed.
#[test]
fn a_step_flushes_only_some_of_many_rows() {
    const ROWS: usize = 20_000;
    let mut scene = Scene::new(Guarantee::AtLeastOnce, ROWS);
    scene.room.give(usize::MAX);
    scene.commit_now();
    let turn = scene.instance.step_worker();
    assert_eq!((scene.flushed(), turn), (16 * ROWS_PER_SLICE, Turn::Busy));
    scene.instance.step_worker();
    assert_eq!((scene.flushed(), scene.committed()), (ROWS, ROWS));
}
