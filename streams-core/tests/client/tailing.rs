//! Reading on as records come, with the iterator that blocks.

use std::collections::BTreeMap;
use std::time::Duration;

use streams_core::record::{Offset, TopicPartition};

use super::*;

const SOON: Duration = Duration::from_millis(50);

#[test]
fn a_tail_starts_where_it_is_told() {
    let (_, client) = client();
    for (time, number) in [(10, 1), (30, 2), (20, 3), (40, 4)] {
        client.send_at(&NUMBERS, (), number, Timestamp(time)).expect("sent");
    }
    let time = |ms| chrono::DateTime::from_timestamp_millis(ms).expect("a time");
    for (start, expected) in [
        (StartAt::Beginning, &["1", "2", "3", "4"][..]),
        (StartAt::End, &[]),
        (Offset(2).into(), &["3", "4"]),
        (Offset(4).into(), &[]),
        (Timestamp(15).into(), &["2", "3", "4"]),
        (time(31).into(), &["4"]),
        (Timestamp(41).into(), &[]),
        (BTreeMap::from([(Partition(0), Offset(3))]).into(), &["4"]),
        (BTreeMap::new().into(), &["1", "2", "3", "4"]),
    ] {
        let tail = client.tail(&NUMBERS, start.clone()).expect("a tail");
        assert_eq!(told(tail.until_idle(SOON)), expected, "{start:?}");
    }
}

#[test]
fn a_position_that_is_not_there_is_refused_at_once() {
    let (log, client) = client();
    client.send_all(&NUMBERS, (0..5).map(|n| ((), n))).expect("sent");
    let admin = log.admin(Doorbell::new()).expect("an admin");
    let before = vec![(TopicPartition::new("numbers", 0), Offset(2))];
    assert_eq!(admin.delete_records(before).wait(), Some(Ok(())));
    for offset in [1, 6] {
        let error = client.tail(&NUMBERS, Offset(offset)).expect_err("it is not there").to_string();
        let expected = format!(
            "numbers-0 cannot be read at offset {offset}: its records are at offsets 2 to 5, exclusively; start there"
        );
        assert_eq!(error, expected);
    }
}

/// Positions are looked up before the call returns, so nothing written afterwards is missed.
#[test]
fn a_tail_from_the_end_sees_what_is_written_next() {
    let (_, client) = client();
    client.create_topic(&NUMBERS).partitions(2).create().expect("created");
    client.send(&NUMBERS, (), 0).expect("sent");
    let mut tail = client.tail(&NUMBERS, StartAt::End).expect("a tail");
    client.send(&NUMBERS, (), 1).expect("sent");
    assert_eq!(told(tail.by_ref().take(1)), ["1"]);
    let writer = std::thread::spawn(move || (2..2_000).for_each(|n| drop(client.send(&NUMBERS, (), n).expect("sent"))));
    let mut seen: Vec<i64> = tail.take(1_998).map(|item| item.expect("a record").record.value).collect();
    writer.join().expect("it wrote");
    seen.sort_unstable();
    assert_eq!(seen, (2..2_000).collect::<Vec<_>>());
}

#[test]
fn a_tail_goes_on_where_the_last_one_stopped() {
    let (_, client) = client();
    client.create_topic(&NUMBERS).partitions(2).create().expect("created");
    client.send_all(&NUMBERS, (0..6).map(|n| ((), n))).expect("sent");
    let mut next = BTreeMap::new();
    let mut seen = Vec::new();
    for received in client.tail(&NUMBERS, StartAt::Beginning).expect("a tail").take(4) {
        let received = received.expect("a record");
        next.insert(received.partition.partition, received.offset.next());
        seen.push(received.record.value);
    }
    let rest = client.tail(&NUMBERS, next).expect("a tail").take(2);
    seen.extend(rest.map(|item| item.expect("a record").record.value));
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4, 5]);
}

#[test]
fn an_open_transaction_holds_a_tail_back_until_it_ends() {
    let (log, client) = client();
    client.send(&NUMBERS, (), 1).expect("sent");
    let mut tail = client.tail(&NUMBERS, StartAt::Beginning).expect("a tail").until_idle(SOON);
    let mut open = open_transaction(&log);
    write(&mut *open, &2_i64.to_be_bytes());
    client.send(&NUMBERS, (), 3).expect("sent");
    assert_eq!(told(tail.by_ref()), ["1"]);
    assert_eq!(open.commit_transaction(), Poll::Ready(CommitOutcome::Done));
    assert_eq!(told(tail.by_ref()), ["2", "3"]);
    open.begin_transaction().expect("a transaction");
    write(&mut *open, &4_i64.to_be_bytes());
    client.send(&NUMBERS, (), 5).expect("sent");
    assert_eq!(told(tail.by_ref()), [""; 0]);
    assert_eq!(open.abort_transaction(), Poll::Ready(CommitOutcome::Done));
    assert_eq!(told(tail), ["5"]);
}

#[test]
fn a_topic_that_is_deleted_ends_its_tail_with_an_error() {
    let (log, client) = client();
    client.send(&NUMBERS, (), 1).expect("sent");
    let mut tail = client.tail(&NUMBERS, StartAt::Beginning).expect("a tail");
    assert_eq!(told(tail.by_ref().take(1)), ["1"]);
    let admin = log.admin(Doorbell::new()).expect("an admin");
    assert_eq!(admin.delete_topics(vec!["numbers".into()]).wait(), Some(Ok(vec![Ok(())])));
    let last: Vec<_> = told(tail);
    assert_eq!(last.len(), 1, "{last:?}");
    assert!(last[0].contains("numbers"), "{last:?}");
}

/// Retention has deleted what was to be read next.
#[test]
fn records_that_are_gone_are_an_error_and_other_partitions_go_on() {
    let (log, client) = client();
    client.create_topic(&NUMBERS).partitions(2).create().expect("created");
    client.send_all(&NUMBERS, (0..4).map(|n| ((), n))).expect("sent");
    let tail = client.tail(&NUMBERS, StartAt::Beginning).expect("a tail").until_idle(SOON);
    let admin = log.admin(Doorbell::new()).expect("an admin");
    let before = vec![(TopicPartition::new("numbers", 0), Offset(1))];
    assert_eq!(admin.delete_records(before).wait(), Some(Ok(())));
    let mut told = told(tail);
    told.sort_unstable();
    let sentence = "numbers-0 cannot be read at offset 0: its records before that were deleted while it was read, or it \
                    was created again; start again, for instance at the beginning";
    assert_eq!(told, ["1", "3", sentence]);
}

/// Regression: reading went on at the old position in the new topic, behind records that nobody was told of.
#[test]
fn a_topic_that_is_created_again_ends_its_tail_with_an_error() {
    let (log, client) = client();
    client.send_all(&NUMBERS, (0..3).map(|n| ((), n))).expect("sent");
    let mut tail = client.tail(&NUMBERS, StartAt::Beginning).expect("a tail");
    assert_eq!(told(tail.by_ref().take(3)), ["0", "1", "2"]);
    let admin = log.admin(Doorbell::new()).expect("an admin");
    assert_eq!(admin.delete_topics(vec!["numbers".into()]).wait(), Some(Ok(vec![Ok(())])));
    client.send_all(&NUMBERS, (10..15).map(|n| ((), n))).expect("sent");
    let sentence = "numbers-0 cannot be read at offset 3: its records before that were deleted while it was read, or it \
                    was created again; start again, for instance at the beginning";
    assert_eq!(told(tail), [sentence]);
}

/// Regression: the offset was ignored, and the other partitions were read from their beginning.
#[test]
fn an_offset_of_a_partition_that_does_not_exist_is_refused() {
    let (_, client) = client();
    client.create_topic(&NUMBERS).partitions(2).create().expect("created");
    let offsets = BTreeMap::from([(Partition(0), Offset(0)), (Partition(7), Offset(1))]);
    let error = client.tail(&NUMBERS, offsets).expect_err("there is none").to_string();
    assert!(error.starts_with("partition numbers-7 does not exist, topic `numbers` has 2; "), "{error}");
}
