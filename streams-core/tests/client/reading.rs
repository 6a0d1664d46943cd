//! Reading up to the present end.

use streams_core::record::{Offset, TopicPartition};

use super::*;

#[test]
fn a_topic_is_read_partition_by_partition_up_to_its_end() {
    let (log, client) = client();
    client.create_topic(&NUMBERS).partitions(3).create().expect("created");
    assert_eq!(client.read(&NUMBERS), Ok(Vec::new()));
    client.send_all(&NUMBERS, (0..9).map(|n| ((), n))).expect("sent");
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [0, 3, 6, 1, 4, 7, 2, 5, 8]);
    assert_eq!(client.read(&NUMBERS).expect("records"), log.read(&NUMBERS).expect("records"));
    let mut places: Vec<_> = client.records(&NUMBERS).expect("records").map(|item| item.expect("a record")).collect();
    places.sort_by_key(|received| (received.partition.clone(), received.offset));
    let places: Vec<_> = places.into_iter().map(|received| (received.partition, received.offset)).collect();
    let place = |number: i32| (TopicPartition::new("numbers", number / 3), Offset(i64::from(number % 3)));
    assert_eq!(places, (0..9).map(place).collect::<Vec<_>>());
}

/// The end is where it was when reading began, even if the topic grows all the while.
#[test]
fn records_that_come_later_are_not_read() {
    let (_, client) = client();
    client.send_all(&NUMBERS, (0..3).map(|n| ((), n))).expect("sent");
    let records = client.records(&NUMBERS).expect("records");
    client.send_all(&NUMBERS, (3..9).map(|n| ((), n))).expect("sent");
    assert_eq!(told(records), ["0", "1", "2"]);
}

#[test]
fn an_open_transaction_holds_back_what_follows_it_and_an_aborted_one_is_left_out() {
    let (log, client) = client();
    client.send(&NUMBERS, (), 1).expect("sent");
    let mut open = open_transaction(&log);
    write(&mut *open, &2_i64.to_be_bytes());
    client.send(&NUMBERS, (), 3).expect("sent");
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [1]);
    assert_eq!(open.commit_transaction(), Poll::Ready(CommitOutcome::Done));
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [1, 2, 3]);
    open.begin_transaction().expect("a transaction");
    write(&mut *open, &4_i64.to_be_bytes());
    assert_eq!(open.abort_transaction(), Poll::Ready(CommitOutcome::Done));
    // The last things in the topic are now a record that nobody sees and a marker.
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [1, 2, 3]);
}

/// No record leads to the end there.
#[test]
fn a_topic_with_nothing_but_aborted_records_is_read_to_its_end() {
    let (log, client) = client();
    client.create_topic(&NUMBERS).create().expect("created");
    let mut open = open_transaction(&log);
    write(&mut *open, &1_i64.to_be_bytes());
    assert_eq!(open.abort_transaction(), Poll::Ready(CommitOutcome::Done));
    assert_eq!(client.read(&NUMBERS), Ok(Vec::new()));
}

#[test]
fn a_record_of_another_type_is_an_error_behind_which_reading_goes_on() {
    let (log, client) = client();
    client.send(&NUMBERS, (), 1).expect("sent");
    write_bytes(&log, b"two");
    client.send(&NUMBERS, (), 3).expect("sent");
    let sentence = "the value at offset 1 of numbers-0 cannot be read: not a value of type i64: it has 3 bytes, but this \
                    type takes 8; the topic contains another type; read the topic with the types that it was written \
                    with, or leave this record out";
    assert_eq!(told(client.records(&NUMBERS).expect("records")), ["1", sentence, "3"]);
    assert_eq!(client.read(&NUMBERS).expect_err("it is no number").to_string(), sentence);
    assert_eq!(format!("{:?}", client.read(&NUMBERS).expect_err("it is no number")), sentence);
}

#[test]
fn a_topic_that_does_not_exist_is_named_with_the_next_step() {
    let (_, client) = client();
    let sentence = "there is no topic `numbers` on an embedded log in memory: check the name, or create it with \
                    `client.create_topic(..).partitions(..).create()`";
    assert_eq!(client.read(&NUMBERS).expect_err("it is missing").to_string(), sentence);
    assert_eq!(client.tail(&NUMBERS, StartAt::End).expect_err("it is missing").to_string(), sentence);
}

/// Old records are no longer in memory, and their batches come from the disk.
#[test]
fn a_log_on_disk_is_read_after_a_restart() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = || Client::new(Embedded::open(folder.path()).expect("a log")).expect("a client");
    {
        let client = open();
        client.send_all(&NUMBERS, (0..2_500).map(|n| ((), n))).expect("sent");
        client.send(&NUMBERS, (), 2_500).expect("sent");
    }
    let client = open();
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), (0..=2_500).collect::<Vec<_>>());
    let late = client.tail(&NUMBERS, Offset(2_499)).expect("a tail");
    assert_eq!(told(late.take(2)), ["2499", "2500"]);
}
