//! Clauses about transactions.

use std::task::Poll;
use std::time::Duration;

use super::client::{Bench, TestMember, Writer, position};
use super::{LogUnderTest, Outcome};
use crate::log::{CommitOutcome, CommittedOffset, GroupMetadata, Isolation, LogError, LogErrorKind};
use crate::record::{Offset, TopicPartition};

use Isolation::{ReadCommitted, ReadUncommitted};

/// Clause: `read_committed` readers see nothing of a transaction until it is committed, and then all of it. The
/// marker takes up an offset, and the reader's position ends up after it.
pub fn a_committed_transaction_is_seen_whole(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("committed", 1)?;
    let mut writer = bench.transactional_writer("id")?;
    let mut reader = bench.reader(ReadCommitted)?;
    reader.add(&topic, 0, 0);
    writer.producer.begin_transaction()?;
    writer.write(&topic, 0, &["a", "b"])?;
    reader.until_end(&topic, 0, 0);
    assert!(reader.seen(&topic, 0).is_empty());
    writer.write(&topic, 0, &["c"])?;
    assert_eq!(writer.commit(), CommitOutcome::Done);
    reader.until_end(&topic, 0, 4);
    assert_eq!(reader.values(&topic, 0), ["a", "b", "c"]);
    assert_eq!((bench.end(&topic, 0, ReadCommitted)?, bench.end(&topic, 0, ReadUncommitted)?), (4, 4));
    Ok(())
}

/// Clause: an aborted transaction's records take up offsets, but only `read_uncommitted` readers see them.
pub fn an_aborted_transaction_is_seen_by_nobody_who_reads_committed_records(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("aborted", 1)?;
    let mut writer = bench.transactional_writer("id")?;
    writer.producer.begin_transaction()?;
    writer.write(&topic, 0, &["a", "b"])?;
    assert_eq!(writer.abort(), CommitOutcome::Done);
    writer.write_transaction(&topic, 0, &["c"])?;
    let committed = bench.read(&topic, 0, ReadCommitted)?;
    assert_eq!(committed.iter().map(|seen| (seen.offset, seen.value())).collect::<Vec<_>>(), [(3, "c".to_owned())]);
    assert_eq!(bench.values(&topic, 0, ReadUncommitted)?, ["a", "b", "c"]);
    assert_eq!(bench.end(&topic, 0, ReadCommitted)?, 5);
    Ok(())
}

/// Clause: `read_committed` readers stop where the first open transaction begins, whatever was written after it.
pub fn an_open_transaction_holds_committed_readers_back(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("held", 1)?;
    let (mut writer, mut other) = (bench.transactional_writer("id")?, bench.writer()?);
    other.write(&topic, 0, &["a"])?;
    writer.producer.begin_transaction()?;
    writer.write(&topic, 0, &["b"])?;
    other.write(&topic, 0, &["c", "d"])?;
    assert_eq!((bench.end(&topic, 0, ReadCommitted)?, bench.end(&topic, 0, ReadUncommitted)?), (1, 4));
    let mut reader = bench.reader(ReadCommitted)?;
    reader.add(&topic, 0, 0);
    reader.until_end(&topic, 0, 1);
    assert_eq!(reader.values(&topic, 0), ["a"]);
    assert_eq!(bench.values(&topic, 0, ReadUncommitted)?, ["a", "b", "c", "d"]);
    assert_eq!(writer.abort(), CommitOutcome::Done);
    reader.until_end(&topic, 0, 5);
    assert_eq!(reader.values(&topic, 0), ["a", "c", "d"]);
    Ok(())
}

/// Clause: transactions that are open in one partition at the same time end independently.
pub fn interleaved_transactions_are_kept_apart(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("interleaved", 1)?;
    let (mut first, mut second) = (bench.transactional_writer("first")?, bench.transactional_writer("second")?);
    first.producer.begin_transaction()?;
    second.producer.begin_transaction()?;
    for (writer, value) in [(1, "a1"), (2, "b1"), (1, "a2"), (2, "b2"), (1, "a3")] {
        let writer = if writer == 1 { &mut first } else { &mut second };
        writer.write(&topic, 0, &[value])?;
    }
    assert_eq!(second.commit(), CommitOutcome::Done);
    assert_eq!(bench.end(&topic, 0, ReadCommitted)?, 0, "the first transaction is still open");
    assert_eq!(first.abort(), CommitOutcome::Done);
    assert_eq!(bench.values(&topic, 0, ReadCommitted)?, ["b1", "b2"]);
    assert_eq!(bench.end(&topic, 0, ReadCommitted)?, 7);
    Ok(())
}

/// Clause: a transaction ends in all partitions that it wrote to.
pub fn a_transaction_spans_partitions(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let (first, second) = (bench.topic("first", 3)?, bench.topic("second", 1)?);
    let mut writer = bench.transactional_writer("id")?;
    let places = [(&first, 0), (&first, 2), (&second, 0)];
    writer.producer.begin_transaction()?;
    for (topic, partition) in places {
        writer.write(topic, partition, &["a"])?;
    }
    for (topic, partition) in places {
        assert_eq!(bench.end(topic, partition, ReadCommitted)?, 0);
    }
    assert_eq!(writer.commit(), CommitOutcome::Done);
    for (topic, partition) in places {
        let mut reader = bench.reader(ReadCommitted)?;
        reader.add(topic, partition, 0);
        reader.until_end(topic, partition, 2);
        assert_eq!(reader.values(topic, partition), ["a"], "{topic}-{partition}");
    }
    assert_eq!(bench.end(&first, 1, ReadUncommitted)?, 0, "no marker where nothing was written");
    Ok(())
}

/// Clause: a producer can write one transaction after another.
pub fn one_producer_writes_many_transactions(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("many", 1)?;
    let mut writer = bench.transactional_writer("id")?;
    let mut expected = Vec::new();
    for number in 0..12 {
        let value = number.to_string();
        writer.producer.begin_transaction()?;
        writer.send(&topic, 0, &value)?;
        if number % 3 == 0 {
            assert_eq!(writer.abort(), CommitOutcome::Done);
        } else {
            assert_eq!(writer.commit(), CommitOutcome::Done);
            expected.push(value);
        }
    }
    let end = bench.settled_end(&topic, 0)?;
    let mut reader = bench.reader(ReadCommitted)?;
    reader.add(&topic, 0, 0);
    reader.until_end(&topic, 0, end);
    assert_eq!(reader.values(&topic, 0), expected);
    assert_eq!(reader.ends(&topic, 0).last(), Some(&end), "the last marker is behind the reader");
    Ok(())
}

/// Clause: an empty transaction can be committed and aborted.
pub fn an_empty_transaction_can_be_ended(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("empty", 1)?;
    let mut writer = bench.transactional_writer("id")?;
    writer.producer.begin_transaction()?;
    assert_eq!(writer.commit(), CommitOutcome::Done);
    writer.producer.begin_transaction()?;
    assert_eq!(writer.abort(), CommitOutcome::Done);
    writer.write_transaction(&topic, 0, &["a"])?;
    assert_eq!(bench.values(&topic, 0, ReadCommitted)?, ["a"]);
    Ok(())
}

/// Clause: an abort discards records that are still queued; none of them appears later.
pub fn abort_throws_away_what_is_queued(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("queued", 1)?;
    let mut writer = bench.transactional_writer("id")?;
    writer.producer.begin_transaction()?;
    for number in 0..500 {
        writer.send(&topic, 0, &format!("thrown away {number}"))?;
    }
    assert_eq!(writer.abort(), CommitOutcome::Done);
    assert_eq!(writer.producer.in_flight(), 0);
    writer.write_transaction(&topic, 0, &["kept"])?;
    assert_eq!(bench.values(&topic, 0, ReadCommitted)?, ["kept"]);
    Ok(())
}

/// Clause: outside a transaction, a transactional producer can neither send nor commit nor abort, and it can open
/// only one transaction at a time.
pub fn transactions_are_opened_before_they_are_used(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("strict", 1)?;
    let mut writer = bench.transactional_writer("id")?;
    assert!(writer.send(&topic, 0, "a").is_err(), "no transaction is open");
    writer.producer.begin_transaction()?;
    assert!(writer.producer.begin_transaction().is_err(), "a transaction is already open");
    writer.send(&topic, 0, "b")?;
    assert_eq!(writer.commit(), CommitOutcome::Done);
    assert!(writer.send(&topic, 0, "c").is_err(), "the transaction is over");
    assert_eq!(bench.values(&topic, 0, ReadUncommitted)?, ["b"]);
    Ok(())
}

/// Clause: registering a transactional id fences the previous producer: its open transaction is not committed, and it
/// learns that it was fenced.
pub fn a_newer_producer_fences_the_older_one(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("fenced", 1)?;
    let mut older = bench.transactional_writer("id")?;
    older.producer.begin_transaction()?;
    older.write(&topic, 0, &["lost"])?;
    let mut newer = bench.transactional_writer("id")?;
    let outcome = older.commit();
    assert!(matches!(outcome, CommitOutcome::Fenced(_)), "{outcome:?}");
    newer.write_transaction(&topic, 0, &["kept"])?;
    assert_eq!(bench.values(&topic, 0, ReadCommitted)?, ["kept"]);
    // Between transactions, a producer notices at its next request.
    let _newest = bench.transactional_writer("id")?;
    if newer.producer.begin_transaction().is_ok() {
        let sent = newer.write(&topic, 0, &["never"]);
        let outcome = newer.commit();
        assert!(sent.is_err() || outcome != CommitOutcome::Done, "{outcome:?}");
        assert!(matches!(outcome, CommitOutcome::Fenced(_)), "{outcome:?}");
    }
    assert_eq!(bench.values(&topic, 0, ReadCommitted)?, ["kept"]);
    Ok(())
}

/// Clause: registering a transactional id ends the transaction that a dead predecessor left open, so that readers do
/// not wait for it.
pub fn a_newer_producer_ends_its_predecessors_transaction(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("left", 1)?;
    let mut dead = bench.transactional_writer("id")?;
    dead.producer.begin_transaction()?;
    dead.write(&topic, 0, &["lost"])?;
    drop(dead);
    assert_eq!(bench.end(&topic, 0, ReadCommitted)?, 0);
    let mut successor = bench.transactional_writer("id")?;
    assert_eq!(bench.end(&topic, 0, ReadCommitted)?, 2, "the marker is there when the successor is registered");
    successor.write_transaction(&topic, 0, &["kept"])?;
    assert_eq!(bench.values(&topic, 0, ReadCommitted)?, ["kept"]);
    Ok(())
}

/// Clause: a transaction that stays open beyond its timeout is aborted, and its producer is fenced.
pub fn a_transaction_that_is_open_for_too_long_is_aborted(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("overdue", 1)?;
    let mut writer = bench.transactional_writer_with("id", Duration::from_secs(3))?;
    writer.producer.begin_transaction()?;
    writer.write(&topic, 0, &["lost"])?;
    assert_eq!(bench.end(&topic, 0, ReadCommitted)?, 0);
    bench.wait_for("the transaction to be aborted", || match bench.end(&topic, 0, ReadCommitted) {
        Ok(0) => None,
        end => Some(end),
    })?;
    let outcome = writer.commit();
    assert!(matches!(outcome, CommitOutcome::Fenced(_)), "{outcome:?}");
    assert!(bench.values(&topic, 0, ReadCommitted)?.is_empty());
    Ok(())
}

/// A group with one member, and a transactional writer.
fn group_of_one<'a>(bench: &'a Bench<'a>, topic: &str) -> Result<(TestMember, Writer<'a>, GroupMetadata), LogError> {
    let mut member = bench.member("group", "a", &[(topic, 1)])?;
    bench.settle(&mut [&mut member], &[&["0_0"]]);
    let metadata = member.current()?;
    Ok((member, bench.transactional_writer("id")?, metadata))
}

/// Clause: positions sent in a transaction are committed or discarded with it.
pub fn offsets_are_committed_with_their_transaction(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let (input, output) = (bench.topic("input", 1)?, bench.topic("output", 1)?);
    let (mut member, mut writer, metadata) = group_of_one(&bench, &input)?;
    let partition = TopicPartition::new(input.as_str(), 0);
    let group = bench.name("group");
    writer.producer.begin_transaction()?;
    writer.write(&output, 0, &["a"])?;
    assert_eq!(writer.send_offsets(&[position(&input, 0, 3, "first")], &metadata), CommitOutcome::Done);
    assert_eq!(writer.abort(), CommitOutcome::Done);
    assert_eq!(bench.committed(&group, partition.clone())?, None);
    member.poll();
    writer.producer.begin_transaction()?;
    writer.write(&output, 0, &["b"])?;
    assert_eq!(writer.send_offsets(&[position(&input, 0, 5, "second")], &metadata), CommitOutcome::Done);
    assert_eq!(writer.commit(), CommitOutcome::Done);
    let expected = CommittedOffset { offset: Offset(5), metadata: "second".into() };
    assert_eq!(bench.committed(&group, partition)?, Some(expected));
    assert_eq!(bench.values(&output, 0, ReadCommitted)?, ["b"]);
    Ok(())
}

/// Clause: a request for a position that an open transaction is about to change waits until the transaction has ended
/// (KIP-447); other positions are returned at once.
pub fn asking_for_offsets_waits_for_open_transactions(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let (input, other) = (bench.topic("input", 1)?, bench.topic("other", 1)?);
    let (mut member, mut writer, metadata) = group_of_one(&bench, &input)?;
    let committer = member.member.committer();
    writer.producer.begin_transaction()?;
    assert_eq!(writer.send_offsets(&[position(&input, 0, 7, "")], &metadata), CommitOutcome::Done);
    let mut reply = committer.committed(vec![TopicPartition::new(input.as_str(), 0)]);
    bench.let_pass(Duration::from_millis(700), || {
        member.poll();
        assert!(matches!(reply.poll(), Poll::Pending), "the transaction could still change it");
    });
    let elsewhere = committer.committed(vec![TopicPartition::new(other.as_str(), 0)]);
    assert_eq!(bench.answer("committed", elsewhere)??, [None]);
    assert_eq!(writer.commit(), CommitOutcome::Done);
    let expected = CommittedOffset { offset: Offset(7), metadata: String::new() };
    assert_eq!(bench.answer("committed", reply)??, [Some(expected)]);
    Ok(())
}

/// Checks that positions with this metadata are refused, and that the transaction can then only be aborted and
/// commits nothing.
fn refused(
    bench: &Bench<'_>,
    writer: &mut Writer<'_>,
    topic: &str,
    metadata: &GroupMetadata,
) -> Result<LogErrorKind, LogError> {
    writer.producer.begin_transaction()?;
    writer.write(topic, 0, &["never"])?;
    let kind = match writer.send_offsets(&[position(topic, 0, 1, "")], metadata) {
        CommitOutcome::AbortRequired(error) => Ok(error.kind),
        other => Err(LogError::new(LogErrorKind::Other, format!("expected `AbortRequired`, got {other:?}"))),
    };
    assert_eq!(writer.abort(), CommitOutcome::Done, "the same producer can go on");
    assert_eq!(bench.committed(&bench.name("group"), TopicPartition::new(topic, 0))?, None);
    assert!(bench.values(topic, 0, ReadCommitted)?.is_empty());
    kind
}

/// Clause: positions sent with the metadata of a past or future generation are refused, so a zombie cannot commit.
pub fn offsets_of_an_old_generation_are_refused(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 1)?;
    let (mut member, mut writer, old) = group_of_one(&bench, &topic)?;
    let future = GroupMetadata { generation: old.generation + 7, ..old.clone() };
    assert_eq!(refused(&bench, &mut writer, &topic, &future)?, LogErrorKind::Fenced);
    let mut second = bench.member("group", "b", &[(&topic, 1)])?;
    bench.settle(&mut [&mut member, &mut second], &[&["0_0"], &[]]);
    assert!(member.generation() > Some(old.generation));
    assert_eq!(refused(&bench, &mut writer, &topic, &old)?, LogErrorKind::Fenced);
    Ok(())
}

/// Clause: positions sent with the metadata of a member that left are refused.
pub fn offsets_of_somebody_who_left_are_refused(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 1)?;
    let (mut member, mut writer, metadata) = group_of_one(&bench, &topic)?;
    let mut second = bench.member("group", "b", &[(&topic, 1)])?;
    bench.settle(&mut [&mut member, &mut second], &[&["0_0"], &[]]);
    let left = GroupMetadata { generation: member.current()?.generation, ..metadata };
    bench.wait_for("the member to leave", || member.member.leave().is_ready().then_some(()));
    assert_eq!(refused(&bench, &mut writer, &topic, &left)?, LogErrorKind::Fenced);
    Ok(())
}

/// Clause: metadata that never belonged to a member is refused, although Kafka's broker would accept some of it.
pub fn offsets_with_metadata_of_no_member_are_refused(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("input", 1)?;
    let (_member, mut writer, metadata) = group_of_one(&bench, &topic)?;
    let stranger = GroupMetadata { member_id: "stranger".into(), ..metadata.clone() };
    assert_eq!(refused(&bench, &mut writer, &topic, &stranger)?, LogErrorKind::Fenced);
    let nobody = GroupMetadata { generation: -1, member_id: String::new(), ..metadata };
    assert_eq!(refused(&bench, &mut writer, &topic, &nobody)?, LogErrorKind::Invalid);
    Ok(())
}
