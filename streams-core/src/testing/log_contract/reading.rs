//! Clauses about consumers.

use std::time::Duration;

use super::client::Bench;
use super::{LogUnderTest, Outcome};
use crate::log::{Isolation, LogErrorKind};
use crate::record::TopicPartition;

use Isolation::{ReadCommitted, ReadUncommitted};

/// How long nothing may happen before it counts as silence.
const SILENCE: Duration = Duration::from_millis(700);

/// Clause: a consumer starts reading at exactly the given offset.
pub fn reading_begins_where_it_is_told(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("begun", 1)?;
    bench.writer()?.write(&topic, 0, &["a", "b", "c", "d"])?;
    for (from, expected) in [(0, &["a", "b", "c", "d"][..]), (3, &["d"]), (4, &[])] {
        for isolation in [ReadUncommitted, ReadCommitted] {
            let mut reader = bench.reader(isolation)?;
            reader.add(&topic, 0, from);
            reader.until_end(&topic, 0, 4);
            assert_eq!(reader.values(&topic, 0), expected, "from {from}, {isolation:?}");
        }
    }
    Ok(())
}

/// Clause: adding a partition that is already being read moves the reader to the new offset.
pub fn a_partition_added_again_is_moved(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("moved", 1)?;
    bench.writer()?.write(&topic, 0, &["a", "b", "c"])?;
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 1);
    reader.until("b and c", |reader| reader.seen(&topic, 0).len() == 2);
    reader.add(&topic, 0, 0);
    reader.until("a, b and c again", |reader| reader.seen(&topic, 0).len() == 5);
    assert_eq!(reader.values(&topic, 0), ["b", "c", "a", "b", "c"]);
    Ok(())
}

/// Clause: the end is reported with the reader's position once when it is reached, and again each time it is reached
/// after more records.
pub fn the_end_is_told_once_each_time_it_is_reached(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("ended", 1)?;
    let mut writer = bench.writer()?;
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 0);
    reader.until_end(&topic, 0, 0);
    bench.let_pass(SILENCE, || reader.fetch());
    assert_eq!(reader.ends(&topic, 0), [0], "the end of an empty partition is told, once");
    writer.write(&topic, 0, &["a", "b"])?;
    reader.until_end(&topic, 0, 2);
    bench.let_pass(SILENCE, || reader.fetch());
    let ends = reader.ends(&topic, 0);
    assert_eq!(ends.last(), Some(&2));
    assert!(ends.windows(2).all(|pair| pair.first() < pair.last()), "no end is told twice: {ends:?}");
    assert_eq!(reader.values(&topic, 0), ["a", "b"]);
    Ok(())
}

/// Clause: a position beyond the end is out of range; reading stops until the partition is added again.
pub fn a_position_behind_the_end_is_out_of_range(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("short", 1)?;
    bench.writer()?.write(&topic, 0, &["a"])?;
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 7);
    reader.until("the position to be refused", |reader| !reader.out_of_range.is_empty());
    bench.let_pass(SILENCE, || reader.fetch());
    assert_eq!(reader.out_of_range, [(TopicPartition::new(topic.as_str(), 0), 7)], "told once");
    assert!(reader.seen(&topic, 0).is_empty(), "nothing is reset silently");
    reader.add(&topic, 0, 0);
    reader.until_end(&topic, 0, 1);
    assert_eq!(reader.values(&topic, 0), ["a"]);
    Ok(())
}

/// Clause: a position before the first retained record is out of range; other partitions are still read.
pub fn a_position_before_the_start_is_out_of_range(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("cut", 2)?;
    let mut writer = bench.writer()?;
    writer.write(&topic, 0, &["a", "b", "c"])?;
    writer.write(&topic, 1, &["d"])?;
    bench.delete_before(&topic, 0, 2)?;
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 1);
    reader.add(&topic, 1, 0);
    reader.until("the position to be refused", |reader| !reader.out_of_range.is_empty());
    assert_eq!(reader.out_of_range, [(TopicPartition::new(topic.as_str(), 0), 1)]);
    assert!(reader.seen(&topic, 0).is_empty(), "nothing is reset silently");
    reader.until_end(&topic, 1, 1);
    assert_eq!(reader.values(&topic, 1), ["d"]);
    reader.add(&topic, 0, 2);
    reader.until_end(&topic, 0, 3);
    assert_eq!(reader.values(&topic, 0), ["c"]);
    Ok(())
}

/// Clause: a paused partition delivers nothing, keeps its position, and continues when it is resumed. Others are not
/// affected.
pub fn a_paused_partition_is_silent_until_it_is_resumed(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("paused", 2)?;
    let mut writer = bench.writer()?;
    writer.write(&topic, 0, &["a", "b"])?;
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 0);
    reader.add(&topic, 1, 0);
    reader.until_end(&topic, 0, 2);
    let paused = TopicPartition::new(topic.as_str(), 0);
    reader.consumer.pause(&paused);
    writer.write(&topic, 0, &["c"])?;
    writer.write(&topic, 1, &["d"])?;
    reader.until_end(&topic, 1, 1);
    bench.let_pass(SILENCE, || reader.fetch());
    assert_eq!(reader.values(&topic, 0), ["a", "b"]);
    assert_eq!(reader.values(&topic, 1), ["d"]);
    reader.consumer.resume(&paused);
    reader.until_end(&topic, 0, 3);
    assert_eq!(reader.values(&topic, 0), ["a", "b", "c"]);
    Ok(())
}

/// Clause: after a partition is removed there are no more events about it; it can be added again.
pub fn a_removed_partition_is_silent(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("removed", 2)?;
    let mut writer = bench.writer()?;
    let values: Vec<_> = (0..500).map(|number| number.to_string()).collect();
    for value in &values {
        writer.send(&topic, 0, value)?;
        writer.send(&topic, 1, value)?;
    }
    writer.flush()?;
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 0);
    reader.add(&topic, 1, 0);
    bench.wait_for("the first records of both", || {
        reader.fetch_some(10);
        (!reader.seen(&topic, 0).is_empty() && !reader.seen(&topic, 1).is_empty()).then_some(())
    });
    reader.consumer.remove(&TopicPartition::new(topic.as_str(), 0));
    let (seen, ends) = (reader.seen(&topic, 0).len(), reader.ends(&topic, 0).len());
    reader.until_end(&topic, 1, 500);
    assert_eq!((reader.seen(&topic, 0).len(), reader.ends(&topic, 0).len()), (seen, ends));
    assert_eq!(reader.values(&topic, 1), values);
    reader.add(&topic, 0, 499);
    reader.until_end(&topic, 0, 500);
    assert_eq!(reader.values(&topic, 0).last().map(String::as_str), Some("499"));
    assert_eq!(reader.seen(&topic, 0).len(), seen + 1);
    Ok(())
}

/// Clause: reading a topic that does not exist reports an error and does not create the topic.
pub fn an_unknown_topic_cannot_be_read(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.name("nowhere");
    let mut reader = bench.reader(ReadUncommitted)?;
    reader.add(&topic, 0, 0);
    reader.until("an error", |reader| !reader.errors.is_empty());
    assert!(reader.errors.iter().all(|error| error.kind == LogErrorKind::UnknownTopic), "{:?}", reader.errors);
    let topics = bench.answer("topics", bench.admin.topics(Some(vec![topic])))??;
    assert_eq!(topics, [], "the port never creates a topic by itself");
    Ok(())
}

/// Clause: a reader at the end does not have to poll again until its doorbell rings.
pub fn the_doorbell_rings_when_there_is_something_to_read(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("rung", 1)?;
    let mut writer = bench.writer()?;
    // A separate bench has a separate doorbell, which the writer does not ring.
    let reading = Bench::new(under_test)?;
    for (isolation, from) in [(ReadUncommitted, 0), (ReadCommitted, 1)] {
        let mut reader = reading.reader(isolation)?;
        reader.add(&topic, 0, from);
        reader.until_end(&topic, 0, from);
        writer.write(&topic, 0, &["a"])?;
        while reader.seen(&topic, 0).is_empty() {
            assert!(reading.bell.wait(under_test.patience()), "the doorbell rings, {isolation:?}");
            reader.fetch();
        }
    }
    Ok(())
}

/// Clause: a partition with a large backlog does not starve the others.
pub fn every_partition_gets_its_turn(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("turns", 3)?;
    let mut writer = bench.writer()?;
    for number in 0..5_000 {
        writer.send(&topic, 0, &number.to_string())?;
    }
    writer.send(&topic, 1, "a")?;
    writer.send(&topic, 2, "b")?;
    writer.flush()?;
    let mut reader = bench.reader(ReadUncommitted)?;
    for partition in 0..3 {
        reader.add(&topic, partition, 0);
    }
    bench.wait_for("the end of all partitions", || {
        reader.fetch_some(100);
        (reader.seen(&topic, 0).len() == 5_000).then_some(())
    });
    for (partition, position) in [(1, 1), (2, 1)] {
        reader.until_end(&topic, partition, position);
    }
    assert_eq!((reader.values(&topic, 1), reader.values(&topic, 2)), (vec!["a".to_owned()], vec!["b".to_owned()]));
    Ok(())
}
