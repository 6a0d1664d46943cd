//! Records are acknowledged when a call returns, and errors say what was written.

use std::time::Duration;

use streams_core::clock::{Clock, ManualClock};
use streams_core::log::{LogErrorKind, NewTopic};
use streams_core::record::{Header, Offset, TopicPartition};
use streams_core::windows::{Window, Windowed};

use super::*;

const PEOPLE: Topic<String, Option<i64>> = Topic::new("people");

/// The same records in the same places as through the log itself.
#[test]
fn a_record_goes_where_the_log_itself_puts_it() {
    let ((direct, _), (_, client)) = (client(), client());
    direct.create_topic("people", 5).expect("created");
    client.create_topic(&PEOPLE).partitions(5).create().expect("created");
    for name in ["ada", "bob", "cleo", "dan", "eve", "ada", "bob"] {
        let placed = client.send(&PEOPLE, name, 1).expect("sent");
        assert_eq!(placed, direct.send(&PEOPLE, name, 1).expect("sent"), "{name}");
    }
    client.send(&PEOPLE, "ada", None).expect("sent");
    direct.send(&PEOPLE, "ada", None).expect("sent");
    let rows = |records: Vec<Record<String, Option<i64>>>| -> Vec<_> {
        records.into_iter().map(|record| (record.key, record.value)).collect()
    };
    assert_eq!(rows(client.read(&PEOPLE).expect("records")), rows(direct.read(&PEOPLE).expect("records")));
}

#[test]
fn records_without_a_key_take_turns() {
    let (_, client) = client();
    client.create_topic(&NUMBERS).partitions(3).create().expect("created");
    let places: Vec<_> = (0..5).map(|n| client.send(&NUMBERS, (), n).expect("sent")).collect();
    let place = |partition, offset| (TopicPartition::new("numbers", partition), Offset(offset));
    assert_eq!(places, [place(0, 0), place(1, 0), place(2, 0), place(0, 1), place(1, 1)]);
}

#[test]
fn the_time_is_the_logs_unless_it_is_given() {
    let clock = ManualClock::at(Timestamp(5_000));
    let client = Client::new(Embedded::with_clock(Arc::new(clock.clone()))).expect("a client");
    client.send(&NUMBERS, (), 1).expect("sent");
    clock.advance(Duration::from_secs(1));
    client.send_at(&NUMBERS, (), 2, Timestamp(7)).expect("sent");
    let mut with_headers = Record::new((), 4, Timestamp(9));
    with_headers.headers.push_header(Header { name: "trace".into(), value: None });
    assert_eq!(client.send_all(&NUMBERS, [((), 3)]), Ok(1));
    assert_eq!(client.send_all(&NUMBERS, [with_headers.clone()]), Ok(1));
    assert_eq!(client.send_all(&NUMBERS, [((), 5, Timestamp(11))]), Ok(1));
    let records = client.read(&NUMBERS).expect("records");
    let times: Vec<_> = records.iter().map(|record| record.timestamp).collect();
    assert_eq!(times, [Timestamp(5_000), Timestamp(7), clock.now(), Timestamp(9), Timestamp(11)]);
    assert_eq!(records.into_iter().find(|record| record.value == 4), Some(with_headers));
}

#[test]
fn many_records_are_written_in_order() {
    let (_, client) = client();
    client.create_topic(&PEOPLE).partitions(3).create().expect("created");
    let records = (0..30_000).map(|n| (format!("key-{}", n % 7), n));
    assert_eq!(client.send_all(&PEOPLE, records), Ok(30_000));
    for key in 0..7 {
        let of_key = |record: &Record<String, Option<i64>>| record.key == format!("key-{key}");
        let read: Vec<_> = client.read(&PEOPLE).expect("records").into_iter().filter(of_key).collect();
        let expected: Vec<_> = (key..30_000).step_by(7).map(Some).collect();
        assert_eq!(read.into_iter().map(|record| record.value).collect::<Vec<_>>(), expected);
    }
    assert_eq!(client.send_all(&PEOPLE, Vec::<(String, i64)>::new()), Ok(0));
}

/// Regression: on an embedded log, records were visible only when a thousand had come.
#[test]
fn records_of_a_slow_source_are_not_held_back() {
    let (log, client) = client();
    client.create_topic(&PEOPLE).create().expect("created");
    let mut visible = Vec::new();
    let records = (0..3).map(|n| {
        visible.push(log.read(&PEOPLE).expect("records").len());
        std::thread::sleep(Duration::from_millis(150));
        ("ada", n)
    });
    assert_eq!(client.send_all(&PEOPLE, records), Ok(3));
    assert_eq!(visible, [0, 1, 2]);
}

#[test]
fn a_record_that_is_refused_names_itself_and_leaves_those_before_it() {
    const LINES: Topic<(), String> = Topic::new("lines");
    let (_, client) = client();
    client.create_topic(&LINES).set("max.message.bytes", "100").create().expect("created");
    let error = client.send(&LINES, (), "x".repeat(200)).expect_err("it is too long").to_string();
    assert!(error.contains("lines-0") && error.contains("200") && error.contains("max.message.bytes"), "{error}");
    let records = ["a", "b", &"x".repeat(200), "c"].map(|line| ((), line.to_owned()));
    let error = client.send_all(&LINES, records).expect_err("one is too long").to_string();
    let begin = "record 2 of those for topic `lines` and all after it were not written, those before it were: ";
    assert!(error.starts_with(begin) && error.contains("max.message.bytes"), "{error}");
    let lines: Vec<_> = client.read(&LINES).expect("records").into_iter().map(|record| record.value).collect();
    assert_eq!(lines, ["a", "b"]);
    client.send(&LINES, (), "d").expect("the client goes on");
}

/// A client remembers how many partitions a topic has, and must not go by that when the topic is another one.
#[test]
fn a_topic_created_again_is_found() {
    let (log, client) = client();
    client.create_topic(&NUMBERS).create().expect("created");
    client.send(&NUMBERS, (), 1).expect("sent");
    let admin = log.admin(Doorbell::new()).expect("an admin");
    let delete = || admin.delete_topics(vec!["numbers".into()]).wait().expect("an answer").expect("answers");
    assert_eq!(delete(), [Ok(())]);
    assert_eq!(client.send(&NUMBERS, (), 2), Ok((TopicPartition::new("numbers", 0), Offset(0))));
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [2]);
    assert_eq!(delete(), [Ok(())]);
    let topic = NewTopic { name: "numbers".into(), partitions: 2, replication: None, configs: Vec::new() };
    assert_eq!(admin.create_topics(vec![topic]).wait().expect("an answer"), Ok(vec![Ok(())]));
    client.send(&NUMBERS, (), 3).expect("sent");
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [3]);
}

#[test]
fn windowed_keys_are_read_back_whole() {
    const VIEWS: Topic<Windowed<String>, i64> = Topic::new("views").windows_of(Duration::from_secs(60));
    const UNKNOWN: Topic<Windowed<String>, i64> = Topic::new("views");
    let (log, client) = client();
    let key =
        Windowed { key: "/cart".to_owned(), window: Window { start: Timestamp(60_000), end: Timestamp(120_000) } };
    client.send(&VIEWS, &key, 1).expect("sent");
    let keys: Vec<_> = client.read(&VIEWS).expect("records").into_iter().map(|record| record.key).collect();
    assert_eq!(keys, [key]);
    let (theirs, ours) = (log.read(&UNKNOWN).expect_err("unknown"), client.read(&UNKNOWN).expect_err("unknown"));
    assert_eq!(ours, ClientError::Log(theirs.clone()));
    assert_eq!(theirs.kind, LogErrorKind::Invalid);
}

/// Regression: the thread waited for itself for ever.
#[test]
fn an_iterator_of_records_may_send_others() {
    const REJECTED: Topic<(), i64> = Topic::new("rejected");
    let (_, client) = client();
    let (done, is_done) = std::sync::mpsc::channel();
    let writer = client.clone();
    std::thread::spawn(move || {
        let records = (0..4).filter_map(|n| match n % 2 {
            0 => Some(((), n)),
            _ => writer.send(&REJECTED, (), n).map(|_| None).expect("sent"),
        });
        done.send(writer.send_all(&NUMBERS, records)).expect("somebody waits");
    });
    assert_eq!(is_done.recv_timeout(Duration::from_secs(60)), Ok(Ok(2)));
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [0, 2]);
    assert_eq!(values(&client.read(&REJECTED).expect("records")), [1, 3]);
    client.send(&NUMBERS, (), 4).expect("others may write again");
}

/// Regression: what the producer held when the iterator panicked was written by the next call.
#[test]
fn records_before_a_panic_are_not_written_later() {
    let (_, client) = client();
    let writer = client.clone();
    let records = (0..5).map(|n| if n == 3 { panic!("no more records") } else { ((), n) });
    assert!(std::thread::spawn(move || writer.send_all(&NUMBERS, records)).join().is_err());
    // The first record of a call is sent on at once, those that follow soon are held.
    let written = values(&client.read(&NUMBERS).expect("records"));
    assert_eq!(written.first(), Some(&0));
    client.send(&NUMBERS, (), 100).expect("sent");
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [written, vec![100]].concat());
}
