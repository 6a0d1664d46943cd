//! The tasks of a log on disk: survive crashes, lock out other processes, and stay small in memory.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

mod child;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Child;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use child::{child_folder, spawn};
use streams_core::clock::ManualClock;
use streams_core::log::{
    Admin, CommitOutcome, CommittedOffset, ConsumerOptions, Doorbell, Embedded, FetchEvent, GroupPlan, Isolation, Log,
    LogErrorKind, Member, MemberEvent, MemberOptions, NewTopic, OffsetToCommit, OutgoingRecord, PlannedSubtopology,
    Producer, ProducerOptions, TopicInfo,
};
use streams_core::record::{Headers, Offset, Partition, Timestamp, TopicPartition};
use streams_core::topic::Topic;

use Isolation::{ReadCommitted, ReadUncommitted};

const NUMBERS: Topic<(), i64> = Topic::new("numbers");

fn open(folder: &Path) -> Embedded {
    Embedded::open(folder).expect("a log")
}

fn admin(log: &Embedded) -> Arc<dyn Admin> {
    log.admin(Doorbell::new()).expect("an admin")
}

fn create(log: &Embedded, name: &str, partitions: u32, configs: &[(&str, &str)]) {
    let configs = configs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let topic = NewTopic { name: name.into(), partitions, replication: None, configs };
    for created in admin(log).create_topics(vec![topic]).wait().expect("an answer").expect("answers") {
        created.expect("created");
    }
}

fn topics(log: &Embedded) -> Vec<TopicInfo> {
    admin(log).topics(None).wait().expect("an answer").expect("topics")
}

fn end(log: &Embedded, topic: &str, isolation: Isolation) -> i64 {
    let asked = vec![TopicPartition::new(topic, 0)];
    admin(log).end_offsets(asked, isolation).wait().expect("an answer").expect("ends")[0].0
}

fn start(log: &Embedded, topic: &str) -> i64 {
    admin(log).start_offsets(vec![TopicPartition::new(topic, 0)]).wait().expect("an answer").expect("starts")[0].0
}

fn committed(log: &Embedded, group: &str, topic: &str) -> Option<CommittedOffset> {
    let asked = vec![TopicPartition::new(topic, 0)];
    admin(log).committed(group, asked).wait().expect("an answer").expect("positions").remove(0)
}

fn transactional(log: &Embedded, id: &str) -> Box<dyn Producer> {
    let options = ProducerOptions { transactional_id: Some(id.into()), ..ProducerOptions::default() };
    let mut producer = log.producer(options, Doorbell::new()).expect("a producer");
    assert_eq!(decide(|| producer.init_transactions()), CommitOutcome::Done);
    producer
}

fn decide(mut call: impl FnMut() -> Poll<CommitOutcome>) -> CommitOutcome {
    loop {
        if let Poll::Ready(outcome) = call() {
            return outcome;
        }
        std::thread::yield_now();
    }
}

fn send(producer: &mut dyn Producer, topic: &str, value: &str) {
    let topic = producer.topic(topic);
    let headers = Headers::new();
    let (key, value) = (Some(&b"key"[..]), Some(value.as_bytes()));
    let record = OutgoingRecord { key, value, timestamp: Timestamp(5), headers: &headers };
    producer.send(topic, Partition(0), record).expect("sent");
}

fn flush(producer: &mut dyn Producer) {
    loop {
        match producer.flush() {
            Poll::Ready(flushed) => return flushed.expect("flushed"),
            Poll::Pending => std::thread::yield_now(),
        }
    }
}

/// The offsets and values that a reader sees in a topic's first partition.
fn read(log: &Embedded, topic: &str, isolation: Isolation) -> Vec<(i64, String)> {
    let options = ConsumerOptions { isolation, ..ConsumerOptions::default() };
    let mut consumer = log.consumer(options, Doorbell::new()).expect("a consumer");
    consumer.add(&TopicPartition::new(topic, 0), Offset(start(log, topic)));
    let (mut seen, mut events) = (Vec::new(), Vec::new());
    loop {
        consumer.fetch(500, &mut events);
        for event in events.drain(..) {
            match event {
                FetchEvent::Records { batch, .. } => seen.extend(batch.iter().map(|record| {
                    let value = record.value.map_or_else(String::new, |value| String::from_utf8_lossy(value).into());
                    (record.offset.0, value)
                })),
                FetchEvent::End { .. } => return seen,
                other => panic!("{other:?}"),
            }
        }
    }
}

fn member(log: &Embedded, topic: &str) -> (Box<dyn Member>, streams_core::log::GroupMetadata) {
    let topics = BTreeMap::from([(Arc::from(topic), 1)]);
    let options = MemberOptions {
        group: "group".into(),
        client_id: "client".into(),
        instance_id: None,
        plan: GroupPlan { subtopologies: vec![PlannedSubtopology { id: 0, topics }] },
        session_timeout: Duration::from_secs(60),
        rebalance_timeout: Duration::from_secs(60),
    };
    let mut member = log.member(options, Doorbell::new()).expect("a member");
    let Some(MemberEvent::Assigned { metadata, .. }) = member.poll() else { panic!("not assigned") };
    (member, metadata)
}

#[test]
fn everything_is_there_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    create(&log, "kept", 2, &[("cleanup.policy", "compact"), ("segment.bytes", "1000000")]);
    create(&log, "cut", 1, &[]);
    create(&log, "gone", 1, &[]);
    let mut producer = transactional(&log, "id");
    for (value, commit) in [("a", true), ("b", false), ("c", true), ("d", false)] {
        producer.begin_transaction().expect("begun");
        send(&mut *producer, "kept", value);
        let outcome = if commit {
            decide(|| producer.commit_transaction())
        } else {
            flush(&mut *producer);
            decide(|| producer.abort_transaction())
        };
        assert_eq!(outcome, CommitOutcome::Done);
    }
    let mut plain = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    for value in ["x", "y", "z"] {
        send(&mut *plain, "cut", value);
    }
    flush(&mut *plain);
    let before = vec![(TopicPartition::new("cut", 0), Offset(2))];
    admin(&log).delete_records(before).wait().expect("an answer").expect("deleted");
    admin(&log).delete_topics(vec!["gone".into()]).wait().expect("an answer").expect("deleted");
    let (mut first, metadata) = member(&log, "kept");
    let position = |offset| OffsetToCommit {
        partition: TopicPartition::new("kept", 0),
        offset: Offset(offset),
        metadata: "text".into(),
    };
    let commit = first.committer().commit(&metadata, vec![position(3)]);
    assert_eq!(commit.wait(), Some(CommitOutcome::Done));
    let known = topics(&log);
    drop((producer, plain, first.leave(), first, log));

    let log = open(folder.path());
    assert_eq!(topics(&log), known, "topics, partitions and ids");
    let configs = admin(&log).topic_configs("kept").wait().expect("an answer").expect("configs");
    assert!(configs.contains(&("segment.bytes".into(), "1000000".into())));
    assert_eq!(read(&log, "kept", ReadCommitted), [(0, "a".to_owned()), (4, "c".to_owned())]);
    assert_eq!(read(&log, "kept", ReadUncommitted).len(), 4);
    assert_eq!((end(&log, "kept", ReadCommitted), end(&log, "kept", ReadUncommitted)), (8, 8), "the last marker too");
    assert_eq!((start(&log, "cut"), read(&log, "cut", ReadUncommitted)), (2, vec![(2, "z".to_owned())]));
    let expected = CommittedOffset { offset: Offset(3), metadata: "text".into() };
    assert_eq!(committed(&log, "group", "kept"), Some(expected));
    let (second, next) = member(&log, "kept");
    assert!(next.generation > metadata.generation && next.member_id != metadata.member_id, "{next:?} {metadata:?}");
    let zombie = second.committer().commit(&metadata, vec![position(9)]);
    assert!(matches!(zombie.wait(), Some(CommitOutcome::Fenced(_))));
    create(&log, "gone", 1, &[]);
    let ids: Vec<_> = topics(&log).into_iter().map(|topic| topic.id).collect();
    assert_eq!(ids.iter().collect::<std::collections::BTreeSet<_>>().len(), 3, "no id is given twice: {ids:?}");
}

#[test]
fn added_partitions_are_there_after_reopening() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    create(&log, "numbers", 1, &[]);
    log.send(&NUMBERS, (), 1).expect("sent");
    log.add_partitions("numbers", 3).expect("grown");
    drop(log);
    let log = open(folder.path());
    assert_eq!(topics(&log)[0].partitions, 3);
    let mut producer = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    let topic = producer.topic("numbers");
    let headers = Headers::new();
    let record =
        OutgoingRecord { key: None, value: Some(&2_i64.to_be_bytes()), timestamp: Timestamp(1), headers: &headers };
    producer.send(topic, Partition(2), record).expect("room");
    flush(&mut *producer);
    drop((producer, log));
    let values: Vec<_> = open(folder.path()).read(&NUMBERS).expect("readable").into_iter().map(|r| r.value).collect();
    assert_eq!(values, [1, 2]);
}

#[test]
fn an_emptied_partition_keeps_its_end() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    for number in 0..3 {
        log.send(&NUMBERS, (), number).expect("sent");
    }
    let before = vec![(TopicPartition::new("numbers", 0), Offset(-1))];
    admin(&log).delete_records(before).wait().expect("an answer").expect("deleted");
    drop(log);
    let log = open(folder.path());
    assert_eq!((start(&log, "numbers"), end(&log, "numbers", ReadCommitted)), (3, 3));
    let (_, offset) = log.send(&NUMBERS, (), 4).expect("sent");
    assert_eq!(offset, Offset(3));
}

#[test]
fn what_a_dead_process_left_open_is_aborted() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    create(&log, "output", 1, &[]);
    create(&log, "input", 1, &[]);
    let (owner, metadata) = member(&log, "input");
    let mut producer = transactional(&log, "id");
    producer.begin_transaction().expect("begun");
    send(&mut *producer, "output", "lost");
    flush(&mut *producer);
    let partition = TopicPartition::new("input", 0);
    let position = OffsetToCommit { partition, offset: Offset(7), metadata: String::new() };
    assert_eq!(decide(|| producer.send_offsets(std::slice::from_ref(&position), &metadata)), CommitOutcome::Done);
    drop((producer, owner, log));

    let log = open(folder.path());
    assert_eq!(end(&log, "output", ReadCommitted), 2, "nobody waits for it");
    assert_eq!(read(&log, "output", ReadCommitted), []);
    assert_eq!(committed(&log, "group", "input"), None, "asked without waiting");
    drop(log);
    let log = open(folder.path());
    assert_eq!(end(&log, "output", ReadUncommitted), 2, "it is aborted once");
    let mut successor = transactional(&log, "id");
    successor.begin_transaction().expect("begun");
    send(&mut *successor, "output", "kept");
    assert_eq!(decide(|| successor.commit_transaction()), CommitOutcome::Done);
    assert_eq!(read(&log, "output", ReadCommitted), [(2, "kept".to_owned())]);
}

/// Sends a line to the parent.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\nchild: {line}").and_then(|()| out.flush()).expect("the parent listens");
}

/// The lines that a child sends.
fn listen(child: &mut Child) -> impl Iterator<Item = String> + use<> {
    let out = child.stdout.take().expect("a pipe");
    BufReader::new(out).lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("child: ").map(str::to_owned))
}

/// The child writes batches outside transactions and reports when each is acknowledged, until it is killed.
#[test]
fn acknowledged_records_survive_kill_9() {
    if let Some(folder) = child_folder() {
        let log = open(&folder);
        create(&log, "output", 1, &[]);
        let mut producer = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
        for batch in 0.. {
            for record in 0..10 {
                send(&mut *producer, "output", &format!("{batch}.{record}"));
            }
            flush(&mut *producer);
            tell(&((batch + 1) * 10).to_string());
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let mut child = spawn("acknowledged_records_survive_kill_9", folder.path());
    let acknowledged = listen(&mut child).nth(40).expect("progress").parse::<usize>().expect("a number");
    child.kill().expect("killed");
    child.wait().expect("dead");
    let log = open(folder.path());
    let seen = read(&log, "output", ReadUncommitted);
    assert!(acknowledged >= 400 && seen.len() >= acknowledged, "{} of {acknowledged}", seen.len());
    for (place, (offset, value)) in seen.iter().enumerate() {
        assert_eq!((*offset, value.as_str()), (place as i64, &*format!("{}.{}", place / 10, place % 10)));
    }
    assert_eq!(end(&log, "output", ReadUncommitted), seen.len() as i64);
}

/// Records that were acknowledged but not synced are gone after a power cut, although local state that was derived from
/// them may exist. So a flush syncs the disk, once for all records.
#[test]
fn a_flush_waits_until_the_records_are_on_disk() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    create(&log, "output", 1, &[]);
    let bell = Doorbell::new();
    let mut producer = log.producer(ProducerOptions::default(), bell.clone()).expect("a producer");
    assert_eq!(producer.flush(), Poll::Ready(Ok(())), "there is nothing to wait for");
    for value in ["a", "b"] {
        send(&mut *producer, "output", value);
        assert!(producer.poll().is_ok());
        assert_eq!(producer.flush(), Poll::Pending, "{value} is not on disk");
        flush(&mut *producer);
    }
    send(&mut *producer, "output", "c");
    assert_eq!(producer.flush(), Poll::Pending);
    send(&mut *producer, "output", "d");
    let mut asked = 0;
    while producer.flush() == Poll::Pending {
        asked += 1;
        assert!(bell.wait(Duration::from_secs(120)), "it rings when asking again may help");
    }
    assert!(asked > 0, "the last record came after the first question");
    assert_eq!(producer.flush(), Poll::Ready(Ok(())), "all of it is on disk already");
    assert_eq!(end(&log, "output", ReadUncommitted), 4);
}

/// The child advances its position by one with each record that it writes, in one transaction.
#[test]
fn committed_transactions_survive_kill_9_whole() {
    if let Some(folder) = child_folder() {
        let log = open(&folder);
        let (_owner, metadata) = member(&log, "input");
        let mut producer = transactional(&log, "id");
        let from = committed(&log, "group", "input").map_or(0, |position| position.offset.0);
        for number in from.. {
            producer.begin_transaction().expect("begun");
            send(&mut *producer, "output", &number.to_string());
            let partition = TopicPartition::new("input", 0);
            let position = OffsetToCommit { partition, offset: Offset(number + 1), metadata: String::new() };
            let offsets = [position];
            assert_eq!(decide(|| producer.send_offsets(&offsets, &metadata)), CommitOutcome::Done);
            assert_eq!(decide(|| producer.commit_transaction()), CommitOutcome::Done);
            tell(&(number + 1).to_string());
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    create(&log, "input", 1, &[]);
    create(&log, "output", 1, &[]);
    drop(log);
    let mut told = 0;
    for _ in 0..4 {
        let mut child = spawn("committed_transactions_survive_kill_9_whole", folder.path());
        told = listen(&mut child).nth(15).expect("progress").parse::<i64>().expect("a number");
        child.kill().expect("killed");
        child.wait().expect("dead");
    }
    let log = open(folder.path());
    let position = committed(&log, "group", "input").expect("a position").offset.0;
    assert!(told >= 64 && position >= told, "{position} of {told}");
    let seen: Vec<_> = read(&log, "output", ReadCommitted).into_iter().map(|(_, value)| value).collect();
    let expected: Vec<_> = (0..position).map(|number| number.to_string()).collect();
    assert_eq!(seen, expected, "each once, none without its position");
}

#[test]
fn a_folder_in_use_is_refused_with_the_name_of_its_user() {
    if let Some(folder) = child_folder() {
        match Embedded::open(&folder) {
            Ok(_) => tell("opened"),
            Err(error) => tell(&format!("{:?} {error}", error.kind)),
        }
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    let mut child = spawn("a_folder_in_use_is_refused_with_the_name_of_its_user", folder.path());
    let answer = listen(&mut child).next().expect("an answer");
    child.wait().expect("an end");
    assert!(answer.starts_with("InUse "), "{answer}");
    for part in [folder.path().display().to_string(), format!("process {}", std::process::id())] {
        assert!(answer.contains(&part), "{part} in {answer}");
    }
    let again = Embedded::open(folder.path()).expect_err("this process has it open already");
    assert_eq!(again.kind, LogErrorKind::InUse);
    assert!(again.message.contains("this process"), "{again}");
    drop(log);
    open(folder.path());
}

#[test]
fn a_folder_that_is_no_folder_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    std::fs::write(&file, "").expect("a file");
    let error = Embedded::open(&file).expect_err("a file is no folder");
    assert!(error.message.contains(&file.display().to_string()), "{error}");
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_look_into_the_folder() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a").join("log");
    let _log = open(&path);
    let mode = |path: &Path| std::fs::metadata(path).expect("metadata").permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(&path.join("lock"))), (0o700, 0o600));
}

/// Copies a folder to the state in which a crash of the machine would leave it.
fn image(folder: &Path) -> tempfile::TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir_all(to).expect("a folder");
        for entry in std::fs::read_dir(from).expect("a folder") {
            let entry = entry.expect("an entry");
            let target = to.join(entry.file_name());
            if entry.file_type().expect("a type").is_dir() {
                copy(&entry.path(), &target);
            } else {
                std::fs::copy(entry.path(), &target).expect("copied");
            }
        }
    }
    let copied = tempfile::tempdir().expect("a folder");
    copy(folder, copied.path());
    copied
}

/// The journal's last bytes did not reach the disk: only the last steps are lost, and each of them completely.
#[test]
fn a_torn_journal_loses_a_tail_and_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    create(&log, "output", 1, &[]);
    let mut producer = transactional(&log, "id");
    for number in 0..50 {
        producer.begin_transaction().expect("begun");
        send(&mut *producer, "output", &format!("{number}a"));
        send(&mut *producer, "output", &format!("{number}b"));
        assert_eq!(decide(|| producer.commit_transaction()), CommitOutcome::Done);
    }
    let mut lost_some = false;
    for torn in [1, 40, 300, 2_000] {
        let image = image(folder.path());
        let journal = std::fs::read_dir(image.path().join("data"))
            .expect("a folder")
            .filter_map(|entry| Some(entry.ok()?.path()))
            .find(|path| path.extension().is_some_and(|extension| extension == "jnl"))
            .expect("a journal");
        let mut bytes = std::fs::read(&journal).expect("bytes");
        let written = bytes.iter().rposition(|byte| *byte != 0).expect("content") + 1;
        bytes[written - torn..written].fill(0);
        std::fs::write(&journal, bytes).expect("written");
        let log = open(image.path());
        let seen: Vec<_> = read(&log, "output", ReadCommitted).into_iter().map(|(_, value)| value).collect();
        let expected: Vec<_> =
            (0..seen.len() / 2).flat_map(|number| [format!("{number}a"), format!("{number}b")]).collect();
        assert_eq!(seen, expected, "whole transactions, in order; torn by {torn}");
        lost_some |= seen.len() < 100;
        let ends = [ReadCommitted, ReadUncommitted].map(|isolation| end(&log, "output", isolation));
        assert_eq!(ends[0], ends[1], "nothing is left open");
    }
    assert!(lost_some, "the journal was really torn");
}

#[test]
fn a_log_of_a_later_format_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    drop(open(folder.path()));
    let store = fjall::Database::builder(folder.path().join("data")).open().expect("a store");
    let meta = store.keyspace("meta", fjall::KeyspaceCreateOptions::default).expect("a keyspace");
    meta.insert("a", "2").expect("written");
    drop((meta, store));
    let error = Embedded::open(folder.path()).expect_err("format 2 is not known");
    assert_eq!(error.kind, LogErrorKind::Invalid);
    assert!(error.message.contains("format 2"), "{error}");
}

#[test]
fn damaged_entries_are_an_error_and_not_a_panic() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    log.send(&NUMBERS, (), 1).expect("sent");
    log.send(&NUMBERS, (), 2).expect("sent");
    drop(log);
    let damage = |keyspace: &str, value: &[u8]| {
        let store = fjall::Database::builder(folder.path().join("data")).open().expect("a store");
        let keyspace = store.keyspace(keyspace, fjall::KeyspaceCreateOptions::default).expect("a keyspace");
        let (key, before) = keyspace.iter().next_back().expect("an entry").into_inner().expect("key and value");
        keyspace.insert(key, value).expect("written");
        before.to_vec()
    };
    damage("records", b"no batch");
    let error = open(folder.path()).read(&NUMBERS).expect_err("the second record is damaged");
    assert_eq!(error.kind, LogErrorKind::Corrupt);
    assert!(error.message.contains("numbers-0") && error.message.contains("offset 1"), "{error}");
    damage("index", b"no entry");
    let error = Embedded::open(folder.path()).expect_err("the index is damaged");
    assert_eq!(error.kind, LogErrorKind::Corrupt);
}

/// More bytes than the log keeps in memory.
#[test]
fn records_that_left_memory_are_read_from_disk_and_compacted_there() {
    let folder = tempfile::tempdir().expect("a folder");
    let clock = ManualClock::at(Timestamp(1_000_000));
    let log = Embedded::open_with_clock(folder.path(), Arc::new(clock.clone())).expect("a log");
    create(&log, "plain", 1, &[]);
    create(&log, "compacted", 1, &[("cleanup.policy", "compact")]);
    let mut producer = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    let padding = "x".repeat(20_000);
    for number in 0..1_000 {
        send(&mut *producer, "plain", &format!("{number} {padding}"));
        send(&mut *producer, "compacted", &format!("{number} {padding}"));
    }
    flush(&mut *producer);
    let numbers = |topic| -> Vec<i64> {
        let number = |(_, value): (i64, String)| value.split(' ').next().and_then(|number| number.parse().ok());
        read(&log, topic, ReadUncommitted).into_iter().filter_map(number).collect()
    };
    assert_eq!(numbers("plain"), (0..1_000).collect::<Vec<_>>());
    let mut steps = 0;
    while numbers("compacted").len() > 1 {
        clock.advance(Duration::from_secs(1));
        steps += 1;
        assert!(steps < 1_000, "compaction does not end");
    }
    assert_eq!(numbers("compacted"), [999]);
    drop((producer, log));
    let log = open(folder.path());
    assert_eq!(read(&log, "plain", ReadUncommitted).len(), 1_000);
    assert_eq!(read(&log, "compacted", ReadUncommitted).len(), 1);
    assert_eq!(end(&log, "compacted", ReadUncommitted), 1_000);
}

/// Regression: housekeeping merged small batches between the moment a reader found them and the moment it read them from
/// disk, so the reader got the records of the later ones twice.
#[test]
fn batches_that_are_merged_while_they_are_read_are_read_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let log = open(folder.path());
    create(&log, "small", 1, &[]);
    let mut producer = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
    for number in 0..1_000 {
        send(&mut *producer, "small", &number.to_string());
        flush(&mut *producer);
    }
    drop((producer, log));

    // Nothing is in memory any more, and the first fetch triggers merging.
    let clock = ManualClock::at(Timestamp(1_000_000));
    let log = Embedded::open_with_clock(folder.path(), Arc::new(clock.clone())).expect("a log");
    let mut consumer = log.consumer(ConsumerOptions::default(), Doorbell::new()).expect("a consumer");
    consumer.add(&TopicPartition::new("small", 0), Offset(0));
    let (mut offsets, mut events, mut is_at_end) = (Vec::new(), Vec::new(), false);
    while !is_at_end {
        clock.advance(Duration::from_secs(2));
        consumer.fetch(10_000, &mut events);
        for event in events.drain(..) {
            match event {
                FetchEvent::Records { batch, .. } => offsets.extend(batch.iter().map(|record| record.offset.0)),
                event => is_at_end = matches!(event, FetchEvent::End { .. }),
            }
        }
    }
    assert_eq!(offsets, (0..1_000).collect::<Vec<_>>());
}

/// Producers and consumers on separate threads, all with clones of one handle.
#[test]
fn many_threads_share_one_log() {
    let folder = tempfile::tempdir().expect("a folder");
    for log in [Embedded::in_memory(), open(folder.path())] {
        create(&log, "shared", 1, &[]);
        let writers: Vec<_> = (0..4)
            .map(|writer| {
                let log = log.clone();
                std::thread::spawn(move || {
                    let mut producer = log.producer(ProducerOptions::default(), Doorbell::new()).expect("a producer");
                    for number in 0..1_000 {
                        send(&mut *producer, "shared", &format!("{writer} {number}"));
                        if number % 37 == 0 {
                            producer.poll().expect("polled");
                        }
                    }
                    flush(&mut *producer);
                })
            })
            .collect();
        let bell = Doorbell::new();
        let mut consumer = log.consumer(ConsumerOptions::default(), bell.clone()).expect("a consumer");
        consumer.add(&TopicPartition::new("shared", 0), Offset(0));
        let mut next = BTreeMap::new();
        let (mut seen, mut events) = (0, Vec::new());
        while seen < 4_000 {
            assert!(bell.wait(Duration::from_secs(60)), "the doorbell rings, after {seen}");
            consumer.fetch(100, &mut events);
            for event in events.drain(..) {
                let FetchEvent::Records { batch, .. } = event else { continue };
                for record in batch.iter() {
                    let value = String::from_utf8_lossy(record.value.expect("a value")).into_owned();
                    let (writer, number) = value.split_once(' ').expect("two parts");
                    let expected = next.entry(writer.to_owned()).or_insert(0);
                    assert_eq!((record.offset.0, number.parse()), (seen, Ok(*expected)), "writer {writer}");
                    *expected += 1;
                    seen += 1;
                }
            }
        }
        for writer in writers {
            writer.join().expect("a writer");
        }
    }
}

/// After a restart, batches are on the disk only.
#[test]
fn a_time_is_found_in_batches_that_are_no_longer_in_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    {
        let log = open(folder.path());
        for seconds in [10, 30, 20, 40] {
            log.send_at(&NUMBERS, (), seconds, Timestamp(seconds * 1_000)).expect("sent");
        }
    }
    let log = open(folder.path());
    let at = |seconds: i64| {
        let asked = vec![TopicPartition::new("numbers", 0)];
        admin(&log).offsets_at(asked, Timestamp(seconds * 1_000)).wait().expect("an answer").expect("offsets")[0].0
    };
    assert_eq!([0, 11, 31, 41].map(at), [0, 1, 3, 4]);
}
