//! Compares the model with naive references, and tests housekeeping by examples.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::transaction::Ended;
use super::*;

mod membership;
mod retention;

use crate::log::{BatchBuilder, Isolation, RecordBatch};
use crate::record::{Headers, Offset};
use Isolation::{ReadCommitted, ReadUncommitted};

/// A record as a reader sees it: offset, key, value.
type Seen = (i64, String, Option<String>);

struct Bench {
    model: Model,
    now_ms: i64,
    plain: Option<ProducerTag>,
    sequences: BTreeMap<(i64, i16, PartitionId), i32>,
}

/// The source of a log that keeps every batch in memory.
struct Nothing;

impl BatchSource for Nothing {
    fn load(&self, _at: PartitionId, _base: i64) -> Option<RecordBatch> {
        None
    }
}

impl Bench {
    fn new() -> Self {
        Self { model: Model::new(7), now_ms: 1_000_000, plain: None, sequences: BTreeMap::new() }
    }

    fn now(&self) -> Now {
        let monotonic = Duration::from_millis(self.now_ms.unsigned_abs());
        Now { wall: Timestamp(self.now_ms), monotonic }
    }

    fn topic(&mut self, name: &str, partitions: u32, settings: &[(&str, &str)]) -> u32 {
        let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        self.model.create_topic(self.now(), name, partitions, &settings).expect("a topic")
    }

    fn transactional(&mut self, id: &Arc<str>) -> ProducerTag {
        loop {
            let init = self.model.init_producer(self.now(), id, Duration::from_secs(60)).expect("registered");
            self.model.deliver_markers(self.now());
            if let InitProducer::Ready(tag) = init {
                return tag;
            }
        }
    }

    /// Writes records as one batch, with the current time.
    fn write_as(
        &mut self,
        tag: ProducerTag,
        id: Option<&Arc<str>>,
        at: PartitionId,
        records: &[(&str, Option<&str>)],
    ) -> Result<i64, Refusal> {
        let mut builder = BatchBuilder::default();
        for (offset, (key, value)) in (0..).zip(records) {
            let value = value.map(str::as_bytes);
            builder.push(Offset(offset), Timestamp(self.now_ms), Some(key.as_bytes()), value, &Headers::new());
        }
        let batch = builder.finish(Offset(records.len() as i64));
        let sequence = self.sequences.entry((tag.producer, tag.epoch, at)).or_default();
        let writer = Writer { tag, transactional_id: id, sequence: *sequence };
        *sequence = advance_sequence(*sequence, records.len());
        let now = Now { wall: Timestamp(self.now_ms), monotonic: Duration::from_millis(self.now_ms.unsigned_abs()) };
        self.model.produce(now, at, &writer, batch)
    }

    fn write(&mut self, at: PartitionId, records: &[(&str, Option<&str>)]) -> i64 {
        let tag = *self.plain.get_or_insert_with(|| self.model.new_producer());
        self.write_as(tag, None, at, records).expect("written")
    }

    fn end(&mut self, id: &Arc<str>, tag: ProducerTag, commit: bool) -> Result<Ended, Refusal> {
        let ended = self.model.end_transaction(self.now(), id, tag, commit);
        self.model.deliver_markers(self.now());
        ended
    }

    fn maintain(&mut self, budget: usize) {
        while self.model.maintain(self.now(), &Nothing, budget) {}
    }

    /// Everything that a reader sees from `position` on, at most `records` at a time, and where it ends up.
    fn read_from(&self, at: PartitionId, isolation: Isolation, position: i64, records: usize) -> (Vec<Seen>, i64) {
        let partition = self.model.partition(at).expect("a partition");
        let (mut seen, mut position) = (Vec::new(), position);
        loop {
            let mut pieces = Vec::new();
            let limits = ReadLimits { isolation, records, bytes: usize::MAX };
            let end = partition.read(position, limits, &mut pieces);
            for piece in pieces {
                let Payload::Resident(batch) = &piece.payload else { panic!("nothing is stored elsewhere") };
                let batch = piece.cut(batch.clone(), position);
                seen.extend(batch.iter().map(|record| {
                    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                    (record.offset.0, text(record.key.expect("a key")), record.value.map(text))
                }));
                assert!(position < batch.next_offset().0, "reading goes on");
                position = batch.next_offset().0;
            }
            match end {
                ReadEnd::OutOfRange => panic!("{position} is out of range"),
                ReadEnd::At { position, end: true } => return (seen, position),
                ReadEnd::At { position: next, .. } => position = next,
            }
        }
    }

    fn read(&self, at: PartitionId, isolation: Isolation) -> Vec<Seen> {
        let start = self.model.partition(at).expect("a partition").start();
        self.read_from(at, isolation, start, usize::MAX).0
    }

    /// Values as `offset:key=value`, for examples.
    fn show(&self, at: PartitionId) -> String {
        let show = |(offset, key, value): &Seen| format!("{offset}:{key}={}", value.as_deref().unwrap_or("-"));
        self.read(at, ReadCommitted).iter().map(show).collect::<Vec<_>>().join(" ")
    }
}

fn at(topic: u32) -> PartitionId {
    PartitionId { topic, partition: 0 }
}

const COMPACT: (&str, &str) = ("cleanup.policy", "compact");
const EAGER: (&str, &str) = ("min.cleanable.dirty.ratio", "0");

#[test]
fn a_topic_has_from_one_to_ten_thousand_partitions() {
    let mut bench = Bench::new();
    for (partitions, expected) in [(0, false), (1, true), (10_000, true), (10_001, false), (u32::MAX, false)] {
        let created = bench.model.create_topic(bench.now(), &format!("t-{partitions}"), partitions, &[]);
        assert_eq!(created.is_ok(), expected, "{partitions}: {created:?}");
        let grown = bench.model.add_partitions(bench.now(), "t-1", partitions);
        assert_eq!(grown.is_ok(), partitions == 10_000, "{partitions}: {grown:?}");
    }
}

#[test]
fn compaction_keeps_last_values_and_the_order_of_offsets() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[COMPACT, EAGER]));
    bench.write(log, &[("a", Some("1")), ("b", Some("1")), ("a", Some("2"))]);
    bench.write(log, &[("c", Some("1")), ("b", Some("2"))]);
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "2:a=2 3:c=1 4:b=2");
    bench.write(log, &[("a", Some("3"))]);
    bench.maintain(1);
    assert_eq!(bench.show(log), "3:c=1 4:b=2 5:a=3", "also in steps of a single batch");
    let partition = bench.model.partition(log).expect("a partition");
    assert_eq!((partition.start(), partition.end(), partition.clean_to()), (0, 6, 6));
}

#[test]
fn a_tombstone_is_kept_for_delete_retention_and_then_goes() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[COMPACT, EAGER, ("delete.retention.ms", "1000")]));
    bench.write(log, &[("a", Some("1")), ("b", Some("1"))]);
    bench.write(log, &[("a", None)]);
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "1:b=1 2:a=-", "readers learn of the deletion");
    bench.now_ms += 999;
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "1:b=1 2:a=-");
    bench.now_ms += 1;
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "1:b=1", "though nothing new was written");
    let partition = bench.model.partition(log).expect("a partition");
    assert_eq!(bench.read_from(log, ReadCommitted, 0, 1).1, 3, "the position counts what is gone");
    assert_eq!(partition.end(), 3);
}

#[test]
fn tombstones_of_later_passes_have_their_own_time() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[COMPACT, EAGER, ("delete.retention.ms", "1000")]));
    bench.write(log, &[("a", None)]);
    bench.maintain(usize::MAX);
    bench.now_ms += 600;
    bench.write(log, &[("b", None)]);
    bench.maintain(usize::MAX);
    bench.now_ms += 400;
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "1:b=-");
    bench.now_ms += 600;
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "");
}

#[test]
fn compaction_leaves_open_transactions_and_young_records_alone() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[COMPACT, EAGER, ("min.compaction.lag.ms", "500")]));
    let id: Arc<str> = "id".into();
    bench.write(log, &[("a", Some("1")), ("a", Some("2"))]);
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "0:a=1 1:a=2", "too young");
    bench.now_ms += 500;
    let tag = bench.transactional(&id);
    bench.write_as(tag, Some(&id), log, &[("a", Some("3"))]).expect("written");
    bench.write(log, &[("a", Some("4"))]);
    bench.now_ms += 500;
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "1:a=2");
    bench.end(&id, tag, false).expect("aborted");
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "3:a=4");
    assert_eq!(bench.read(log, ReadUncommitted).len(), 1, "aborted records are compacted away");
}

#[test]
fn a_little_dirt_is_left_alone() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[COMPACT]));
    bench.write(log, &[("a", Some("1")), ("a", Some("2"))]);
    bench.maintain(usize::MAX);
    assert_eq!(bench.show(log), "0:a=1 1:a=2");
    let padding = "x".repeat(1_000);
    for _ in 0..100 {
        bench.write(log, &[("a", Some(padding.as_str()))]);
    }
    bench.maintain(usize::MAX);
    assert_eq!(bench.read(log, ReadCommitted).len(), 1, "more than half of it was new");
}

#[test]
fn settings_of_a_topic_refuse_records() {
    let mut bench = Bench::new();
    let free = at(bench.topic("free", 1, &[]));
    let settings = [("message.timestamp.after.max.ms", "1000"), ("message.timestamp.before.max.ms", "500")];
    let timed = at(bench.topic("timed", 1, &settings));
    let keyed = at(bench.topic("keyed", 1, &[COMPACT]));
    let small = at(bench.topic("small", 1, &[("max.message.bytes", "100")]));
    let tag = bench.model.new_producer();
    let now = bench.now();
    let mut sequences = BTreeMap::new();
    let mut write = |log: PartitionId, ms: i64, key: Option<&[u8]>, value: &[u8]| {
        let mut builder = BatchBuilder::default();
        builder.push(Offset(0), Timestamp(now.wall.0 + ms), key, Some(value), &Headers::new());
        let sequence: &mut i32 = sequences.entry(log).or_default();
        let writer = Writer { tag, transactional_id: None, sequence: *sequence };
        let written = bench.model.produce(now, log, &writer, builder.finish(Offset(1)));
        *sequence += i32::from(written.is_ok());
        written.map_err(|refusal| refusal.kind())
    };
    use crate::log::LogErrorKind::{Invalid, Timestamp as Time, TooLarge};
    let time = |ms: i64| Err(Time(Timestamp(now.wall.0 + ms)));
    for (log, ms, key, value, expected) in [
        (free, 1_000_000_000, None, &[0u8; 1_000][..], Ok(0)),
        (free, -1_000_000_000, None, b"", Ok(1)),
        (timed, 1_000, None, b"", Ok(0)),
        (timed, 1_001, None, b"", time(1_001)),
        (timed, -500, None, b"", Ok(1)),
        (timed, -501, None, b"", time(-501)),
        (keyed, 0, None, b"", Err(Invalid)),
        (keyed, 0, Some(&b""[..]), b"", Ok(0)),
        (small, 0, Some(b"k"), &[0; 99], Ok(0)),
        (small, 0, Some(b"k"), &[0; 100], Err(TooLarge)),
    ] {
        assert_eq!(write(log, ms, key, value), expected, "{log:?} {ms} {key:?} {}", value.len());
    }
}

#[test]
fn small_batches_are_merged_and_read_as_before() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[]));
    let id: Arc<str> = "id".into();
    let tag = bench.transactional(&id);
    for number in 0..2_000 {
        let value = number.to_string();
        bench.write_as(tag, Some(&id), log, &[("k", Some(value.as_str()))]).expect("written");
        bench.end(&id, tag, number % 500 != 0).expect("ended");
    }
    let (committed, uncommitted) = (bench.read(log, ReadCommitted), bench.read(log, ReadUncommitted));
    assert_eq!((committed.len(), uncommitted.len()), (1_996, 2_000));
    bench.maintain(usize::MAX);
    assert_eq!(bench.read(log, ReadCommitted), committed);
    assert_eq!(bench.read(log, ReadUncommitted), uncommitted);
    let entries = bench.model.partition(log).expect("a partition").entries().count();
    assert!(entries < 300, "2,000 batches became {entries}");
}

#[test]
fn a_lost_answer_is_given_again() {
    let mut bench = Bench::new();
    let log = at(bench.topic("t", 1, &[]));
    let id: Arc<str> = "id".into();
    let tag = bench.transactional(&id);
    bench.write_as(tag, Some(&id), log, &[("a", Some("1"))]).expect("written");
    bench.sequences.clear();
    assert_eq!(bench.write_as(tag, Some(&id), log, &[("a", Some("1"))]), Ok(0), "sent twice, written once");
    assert_eq!(bench.end(&id, tag, true), Ok(Ended::Ending));
    assert_eq!(bench.end(&id, tag, true), Ok(Ended::Done));
    assert!(matches!(bench.end(&id, tag, false), Err(Refusal::TransactionState { .. })), "it was committed");
    assert_eq!(bench.model.partition(log).expect("a partition").end(), 2, "one record, one marker");
}

#[test]
fn markers_may_arrive_at_each_partition_at_another_time() {
    let mut bench = Bench::new();
    let topic = bench.topic("t", 2, &[]);
    let logs = [0, 1].map(|partition| PartitionId { topic, partition });
    let id: Arc<str> = "id".into();
    let tag = bench.transactional(&id);
    for log in logs {
        bench.write_as(tag, Some(&id), log, &[("a", Some("1"))]).expect("written");
    }
    assert_eq!(bench.model.end_transaction(bench.now(), &id, tag, true), Ok(Ended::Ending));
    let first = bench.model.take_marker(0).expect("a marker");
    bench.model.deliver(bench.now(), first);
    assert_eq!((bench.show(logs[0]), bench.show(logs[1])), ("0:a=1".into(), String::new()));
    let refused = bench.write_as(tag, Some(&id), logs[0], &[("b", Some("2"))]);
    assert!(matches!(refused, Err(Refusal::TransactionEnding(_))), "{refused:?}");
    let init = bench.model.init_producer(bench.now(), &id, Duration::from_secs(1));
    assert_eq!(init, Ok(InitProducer::Ending));
    let second = bench.model.take_marker(0).expect("a marker");
    bench.model.deliver(bench.now(), second);
    assert_eq!(bench.show(logs[1]), "0:a=1");
    assert_eq!(bench.end(&id, tag, true), Ok(Ended::Done));
}

#[test]
fn an_epoch_is_never_given_twice() {
    let mut bench = Bench::new();
    let id: Arc<str> = "id".into();
    let first = bench.transactional(&id);
    bench.model.restore_transactional_id(Arc::clone(&id), ProducerTag { epoch: i16::MAX - 1, ..first }, 0);
    let next = bench.transactional(&id);
    assert!(next.producer != first.producer && next.epoch == 0, "{next:?} comes after {first:?}");
}

/// A step of the property below. Producers 0 to 2 write in transactions, the others do not.
#[derive(Debug, Clone)]
enum Step {
    Write { producer: usize, partition: u32, records: usize },
    End { producer: usize, commit: bool },
    Restart { producer: usize },
    DeleteBefore { partition: u32, percent: i64 },
    Maintain { budget: usize },
    Wait { ms: i64 },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (0..5usize, 0..2u32, 1..4usize)
            .prop_map(|(producer, partition, records)| Step::Write { producer, partition, records }),
        3 => (0..3usize, any::<bool>()).prop_map(|(producer, commit)| Step::End { producer, commit }),
        1 => (0..3usize).prop_map(|producer| Step::Restart { producer }),
        1 => (0..2u32, 0..100i64).prop_map(|(partition, percent)| Step::DeleteBefore { partition, percent }),
        1 => prop_oneof![Just(1usize), Just(usize::MAX)].prop_map(|budget| Step::Maintain { budget }),
        1 => (1..30_000i64).prop_map(|ms| Step::Wait { ms }),
    ]
}

/// A partition as a list; `None` is a marker.
#[derive(Default)]
struct Naive {
    log: Vec<Option<(String, usize)>>,
    start: usize,
}

/// All partitions, and how each transaction ended. A transaction's number is the owner of its records; owner 0 writes
/// outside transactions.
#[derive(Default)]
struct Reference {
    partitions: [Naive; 2],
    fates: BTreeMap<usize, Option<bool>>,
    open: BTreeMap<usize, (usize, BTreeSet<usize>, i64)>,
    next_owner: usize,
}

impl Reference {
    fn end(&mut self, producer: usize, commit: bool) {
        if let Some((owner, touched, _)) = self.open.remove(&producer) {
            self.fates.insert(owner, Some(commit));
            for partition in touched {
                self.partitions[partition].log.push(None);
            }
        }
    }

    /// What a reader with that isolation level sees, and where it stops.
    fn read(&self, partition: usize, isolation: Isolation) -> (Vec<(i64, String)>, i64) {
        let Naive { log, start } = &self.partitions[partition];
        let fate = |owner: &usize| if *owner == 0 { Some(true) } else { self.fates[owner] };
        let first_open = log.iter().position(|entry| entry.as_ref().is_some_and(|(_, owner)| fate(owner).is_none()));
        let end = match isolation {
            ReadUncommitted => log.len(),
            ReadCommitted => first_open.unwrap_or(log.len()),
        };
        let seen = (0i64..).zip(log).take(end).skip(*start).filter_map(|(offset, entry)| {
            let (value, owner) = entry.as_ref()?;
            (isolation == ReadUncommitted || fate(owner) == Some(true)).then(|| (offset, value.clone()))
        });
        (seen.collect(), end.max(*start) as i64)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever is written, ended, fenced, deleted and merged, in whatever order: readers of either isolation level see
    /// the same as in a list with markers, from any position and in portions of any size.
    #[test]
    fn readers_see_what_a_naive_log_says(steps in prop::collection::vec(step(), 1..80), portion in 1..5usize) {
        let mut bench = Bench::new();
        let topic = bench.topic("t", 2, &[]);
        let ids: [Arc<str>; 3] = ["a", "b", "c"].map(Into::into);
        let mut tags: Vec<ProducerTag> = ids.iter().map(|id| bench.transactional(id)).collect();
        tags.extend([bench.model.new_producer(), bench.model.new_producer()]);
        let mut reference = Reference { next_owner: 1, ..Reference::default() };
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Write { producer, partition, records } => {
                    let values: Vec<_> = (0..records).map(|record| format!("{number}.{record}")).collect();
                    let batch: Vec<_> = values.iter().map(|value| ("k", Some(value.as_str()))).collect();
                    let written = bench.write_as(tags[producer], ids.get(producer), PartitionId { topic, partition }, &batch);
                    let mut owner = 0;
                    if producer < 3 {
                        let next = reference.next_owner;
                        let deadline = bench.now_ms + 60_000;
                        let entry = reference.open.entry(producer).or_insert_with(|| (next, BTreeSet::new(), deadline));
                        owner = entry.0;
                        entry.1.insert(partition as usize);
                        reference.fates.entry(owner).or_insert(None);
                        reference.next_owner = next.max(owner + 1);
                    }
                    let log = &mut reference.partitions[partition as usize].log;
                    prop_assert_eq!(written, Ok(log.len() as i64));
                    log.extend(values.into_iter().map(|value| Some((value, owner))));
                }
                Step::End { producer, commit } => {
                    let ended = bench.end(&ids[producer], tags[producer], commit);
                    if reference.open.contains_key(&producer) {
                        prop_assert_eq!(ended, Ok(Ended::Ending));
                    }
                    reference.end(producer, commit);
                }
                Step::Restart { producer } => {
                    reference.end(producer, false);
                    tags[producer] = bench.transactional(&ids[producer]);
                }
                Step::DeleteBefore { partition, percent } => {
                    let naive = &mut reference.partitions[partition as usize];
                    let before = naive.log.len() as i64 * percent / 100;
                    bench.model.delete_records(PartitionId { topic, partition }, Offset(before)).expect("deleted");
                    naive.start = naive.start.max(before as usize);
                }
                Step::Maintain { budget } => bench.maintain(budget),
                Step::Wait { ms } => {
                    bench.now_ms += ms;
                    bench.model.tick(bench.now());
                    bench.model.deliver_markers(bench.now());
                    let overdue = |(_, (_, _, deadline)): (&usize, &(usize, BTreeSet<usize>, i64))| *deadline <= bench.now_ms;
                    let overdue: Vec<_> =
                        reference.open.iter().filter(|open| overdue(*open)).map(|(producer, _)| *producer).collect();
                    for producer in overdue {
                        reference.end(producer, false);
                        tags[producer] = bench.transactional(&ids[producer]);
                    }
                }
            }
            for partition in 0..2 {
                let at = PartitionId { topic, partition };
                for isolation in [ReadUncommitted, ReadCommitted] {
                    let (expected, end) = reference.read(partition as usize, isolation);
                    let start = reference.partitions[partition as usize].start as i64;
                    let values = |seen: Vec<Seen>| -> Vec<(i64, String)> {
                        seen.into_iter().map(|(offset, _, value)| (offset, value.unwrap_or_default())).collect()
                    };
                    for from in [start, (start + end) / 2] {
                        let (seen, position) = bench.read_from(at, isolation, from, portion);
                        let expected: Vec<_> = expected.iter().filter(|(offset, _)| *offset >= from).cloned().collect();
                        prop_assert_eq!(values(seen), expected, "{:?} of {} from {}", isolation, partition, from);
                        prop_assert_eq!(position, end);
                    }
                }
            }
        }
    }

    /// However compaction is divided into steps and interleaved with writes: reading the log to its end builds the same
    /// table as reading everything that was written, records never move, and every record was once written.
    #[test]
    fn a_compacted_log_builds_the_same_table(
        writes in prop::collection::vec((0..6u8, prop::option::of(0..100u8), any::<bool>(), 0..4u8), 1..200),
        budget in prop_oneof![Just(1usize), Just(200), Just(usize::MAX)],
    ) {
        let mut bench = Bench::new();
        let log = at(bench.topic("t", 1, &[COMPACT, EAGER, ("delete.retention.ms", "50")]));
        let id: Arc<str> = "id".into();
        let tag = bench.transactional(&id);
        let mut written: BTreeMap<i64, (String, Option<String>)> = BTreeMap::new();
        for (key, value, commit, then) in writes {
            let (key, value) = (key.to_string(), value.map(|value| value.to_string()));
            let offset = bench.write_as(tag, Some(&id), log, &[(&key, value.as_deref())]).expect("written");
            bench.end(&id, tag, commit).expect("ended");
            if commit {
                written.insert(offset, (key, value));
            }
            bench.now_ms += 10;
            if then == 0 {
                let (now, more) = (bench.now(), usize::from(budget == usize::MAX));
                for _ in 0..=more {
                    bench.model.maintain(now, &Nothing, budget);
                }
            }
        }
        bench.now_ms += 1_000;
        for _ in 0..3 {
            bench.maintain(budget);
            bench.now_ms += 1_000;
        }
        let table = |records: &mut dyn Iterator<Item = (String, Option<String>)>| {
            let mut table = BTreeMap::new();
            for (key, value) in records {
                match value {
                    Some(value) => table.insert(key, value),
                    None => table.remove(&key),
                };
            }
            table
        };
        let seen = bench.read(log, ReadCommitted);
        for (offset, key, value) in &seen {
            prop_assert_eq!(written.get(offset), Some(&(key.clone(), value.clone())));
        }
        let expected = table(&mut written.into_values());
        prop_assert_eq!(seen.len(), expected.len(), "only last values are left, and no tombstone");
        prop_assert_eq!(table(&mut seen.into_iter().map(|(_, key, value)| (key, value))), expected);
    }
}
