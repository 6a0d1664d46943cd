//! Clauses about producers outside of transactions.

use super::client::{Bench, Seen};
use super::{LogUnderTest, Outcome};
use crate::log::{Isolation, LogErrorKind, OutgoingRecord, SendError};
use crate::record::{Header, Headers, Partition, Timestamp, TopicPartition};

use Isolation::ReadUncommitted;

/// Key, value, timestamp and headers of a record.
type Sent<'a> = (Option<&'a [u8]>, Option<&'a [u8]>, i64, Headers);

/// Clause: key, value, timestamp and headers are read as they were sent; null and empty are different.
pub fn a_record_comes_back_as_it_was_sent(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("records", 1)?;
    let mut headers = Headers::new();
    headers.push("trace", "abc");
    headers.push("trace", "");
    headers.push_header(Header { name: "null".into(), value: None });
    let sent: [Sent<'_>; 5] = [
        (Some(b"key"), Some(b"value"), 1_700_000_000_123, headers),
        (None, Some(b"no key"), 1_700_000_000_001, Headers::new()),
        (Some(b"no value"), None, 1_700_000_000_000, Headers::new()),
        (Some(b""), Some(b""), 1_700_000_000_002, Headers::new()),
        (None, None, 1_700_000_000_003, Headers::new()),
    ];
    let mut writer = bench.writer()?;
    for (key, value, timestamp, headers) in &sent {
        let record = OutgoingRecord { key: *key, value: *value, timestamp: Timestamp(*timestamp), headers };
        writer.send_record(&topic, 0, record)?;
    }
    writer.flush()?;
    let expected: Vec<_> = (0..)
        .zip(sent)
        .map(|(offset, (key, value, timestamp, headers))| Seen {
            offset,
            timestamp: Timestamp(timestamp),
            key: key.map(<[u8]>::to_vec),
            value: value.map(<[u8]>::to_vec),
            headers,
        })
        .collect();
    assert_eq!(bench.read(&topic, 0, ReadUncommitted)?, expected);
    assert_eq!(bench.read(&topic, 0, Isolation::ReadCommitted)?, expected);
    Ok(())
}

/// Clause: a partition's offsets count up from 0 in the order of sending.
pub fn offsets_count_up_in_the_order_of_sending(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("ordered", 1)?;
    let mut writer = bench.writer()?;
    let sent: Vec<_> = (0..2_500).map(|number| number.to_string()).collect();
    for (number, value) in sent.iter().enumerate() {
        writer.send(&topic, 0, value)?;
        if number % 400 == 0 {
            writer.flush()?;
        }
    }
    writer.flush()?;
    let seen = bench.read(&topic, 0, ReadUncommitted)?;
    assert_eq!(seen.iter().map(Seen::value).collect::<Vec<_>>(), sent);
    assert!((0..).zip(&seen).all(|(offset, seen)| seen.offset == offset));
    Ok(())
}

/// Clause: a record goes to the partition that it was sent to and to no other, whatever its key.
pub fn partitions_are_apart(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let (first, second) = (bench.topic("first", 3)?, bench.topic("second", 1)?);
    let mut writer = bench.writer()?;
    for (topic, partition, value) in [(&first, 2, "a"), (&first, 0, "b"), (&second, 0, "c"), (&first, 2, "d")] {
        writer.send_keyed(topic, partition, "the same key", Some(value))?;
    }
    writer.flush()?;
    for (topic, partition, expected) in
        [(&first, 0, &["b"][..]), (&first, 1, &[]), (&first, 2, &["a", "d"]), (&second, 0, &["c"])]
    {
        assert_eq!(bench.values(topic, partition, ReadUncommitted)?, expected, "{topic}-{partition}");
    }
    Ok(())
}

/// Clause: equal names give equal handles, different names different ones.
pub fn a_topic_has_one_handle(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let (first, second) = (bench.topic("first", 1)?, bench.topic("second", 1)?);
    let mut writer = bench.writer()?;
    let handle = writer.producer.topic(&first);
    assert_ne!(writer.producer.topic(&second), handle);
    assert_eq!(writer.producer.topic(&first), handle);
    Ok(())
}

/// Clause: a full queue refuses a record and accepts it later; nothing is lost or reordered.
pub fn back_pressure_loses_nothing(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("pressed", 1)?;
    let mut writer = bench.writer()?;
    let padding = "x".repeat(100);
    let count = 20_000;
    for number in 0..count {
        writer.send(&topic, 0, &format!("{number} {padding}"))?;
    }
    writer.flush()?;
    assert_eq!(writer.producer.in_flight(), 0);
    assert_eq!(writer.acknowledged(&topic, 0), Some(count));
    let seen = bench.values(&topic, 0, ReadUncommitted)?;
    let expected = (0..count).map(|number| format!("{number} {padding}"));
    assert!(seen.into_iter().eq(expected), "every record once, in order");
    Ok(())
}

/// Clause: after a flush, `acknowledged` is the offset after this producer's last record in the partition, even if
/// others write there too.
pub fn acknowledged_is_the_offset_behind_the_last_record(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("acknowledged", 2)?;
    let (mut writer, mut other) = (bench.writer()?, bench.writer()?);
    assert_eq!(writer.acknowledged(&topic, 0), None);
    writer.write(&topic, 0, &["a", "b"])?;
    assert_eq!(writer.acknowledged(&topic, 0), Some(2));
    other.write(&topic, 0, &["c", "d", "e"])?;
    assert_eq!((writer.acknowledged(&topic, 0), other.acknowledged(&topic, 0)), (Some(2), Some(5)));
    writer.write(&topic, 0, &["f"])?;
    assert_eq!((writer.acknowledged(&topic, 0), writer.acknowledged(&topic, 1)), (Some(6), None));
    Ok(())
}

/// Clause: polling the producer is enough to get records written; no flush is needed.
pub fn polling_is_enough_to_be_seen(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("polled", 1)?;
    let mut writer = bench.writer()?;
    writer.send(&topic, 0, "a")?;
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 0);
    bench.wait_for("a record that was never flushed", || {
        if let Err(error) = writer.producer.poll() {
            return Some(Err(error));
        }
        reader.fetch();
        (!reader.seen(&topic, 0).is_empty()).then_some(Ok(()))
    })?;
    bench.wait_for("its acknowledgement", || {
        let polled = writer.producer.poll();
        (polled.is_err() || writer.producer.in_flight() == 0).then_some(polled)
    })?;
    assert_eq!(reader.values(&topic, 0), ["a"]);
    Ok(())
}

/// Clause: a record larger than `max.message.bytes` (1 MiB by default) is refused as too large, and others are still
/// written. A record just below the limit is accepted.
pub fn a_record_larger_than_the_topic_takes_is_refused(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("large", 1)?;
    let mut writer = bench.writer()?;
    let (large, too_large) = ("x".repeat(900_000), "x".repeat(2 * 1024 * 1024));
    writer.send_keyed(&topic, 0, "large", Some(&large))?;
    let refused = writer.send_keyed(&topic, 0, "too large", Some(&too_large)).and_then(|()| writer.flush());
    assert_eq!(refused.map_err(|error| error.kind), Err(LogErrorKind::TooLarge));
    writer.send_keyed(&topic, 0, "small", Some("small"))?;
    writer.flush()?;
    assert!(bench.values(&topic, 0, ReadUncommitted)?.into_iter().eq([large, "small".to_owned()]));
    Ok(())
}

/// Clause: a record whose timestamp is further from now than its topic allows is an error that names the partition,
/// the timestamp and the topic's setting, even if it was sent between others.
pub fn a_time_that_the_topic_does_not_take_is_refused_by_its_name(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let (day, years) = ("86400000", "631152000000");
    let limits = [("message.timestamp.after.max.ms", day), ("message.timestamp.before.max.ms", years)];
    let limits = limits.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let topic = bench.topic_with("timed", 1, &limits)?;
    const TAKEN: i64 = 1_700_000_000_000;
    const FUTURE: i64 = 4_102_444_800_000;
    for (times, refused, setting) in [
        (&[FUTURE][..], FUTURE, "`message.timestamp.after.max.ms`"),
        (&[TAKEN, TAKEN, FUTURE, TAKEN], FUTURE, "`message.timestamp.after.max.ms`"),
        (&[TAKEN, FUTURE + 1, FUTURE, TAKEN], FUTURE + 1, "`message.timestamp.after.max.ms`"),
        (&[TAKEN, 1_000], 1_000, "`message.timestamp.before.max.ms`"),
    ] {
        let mut writer = bench.writer()?;
        let headers = Headers::new();
        let mut sent = Ok(());
        for time in times {
            let timestamp = Timestamp(*time);
            let record = OutgoingRecord { key: None, value: Some(b"v"), timestamp, headers: &headers };
            sent = sent.and_then(|()| writer.send_record(&topic, 0, record));
        }
        let error = sent.and_then(|()| writer.flush()).err();
        let kind = error.as_ref().map(|error| error.kind);
        assert_eq!(kind, Some(LogErrorKind::Timestamp(Timestamp(refused))), "{times:?}: {error:?}");
        let message = error.map(|error| error.message).unwrap_or_default();
        let named = [format!("{topic}-0"), refused.to_string(), setting.to_owned()];
        assert!(named.iter().all(|part| message.contains(part)), "{named:?} in {message}");
    }
    Ok(())
}

/// Clause: writing to a topic that does not exist fails, at once or on delivery, and does not create the topic.
pub fn an_unknown_topic_cannot_be_written(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.name("nowhere");
    let mut writer = bench.writer()?;
    let refused = writer.send(&topic, 0, "a").and_then(|()| writer.flush());
    assert_eq!(refused.map_err(|error| error.kind), Err(LogErrorKind::UnknownTopic));
    let topics = bench.answer("topics", bench.admin.topics(Some(vec![topic])))??;
    assert_eq!(topics, [], "the port never creates a topic by itself");
    Ok(())
}

/// Clause: writing to a partition that the topic does not have fails, at once or on delivery.
pub fn a_partition_that_does_not_exist_cannot_be_written(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("narrow", 2)?;
    let mut writer = bench.writer()?;
    writer.write(&topic, 1, &["a"])?;
    let refused = writer.send(&topic, 2, "b").and_then(|()| writer.flush());
    let error = refused.err().map(|error| (error.kind, error.message));
    let names_it = error.as_ref().is_some_and(|(_, message)| {
        message.contains(&TopicPartition::new(topic.as_str(), 2).to_string()) || message.contains(&topic)
    });
    assert_eq!(error.as_ref().map(|(kind, _)| *kind), Some(LogErrorKind::UnknownTopic), "{error:?}");
    assert!(names_it, "the error names the topic: {error:?}");
    let handle = writer.producer.topic(&topic);
    let headers = Headers::new();
    let record = OutgoingRecord { key: None, value: None, timestamp: Timestamp(0), headers: &headers };
    let negative = writer.producer.send(handle, Partition(-1), record);
    assert!(matches!(negative, Err(SendError::Refused(_))), "a negative partition is refused at once: {negative:?}");
    Ok(())
}
