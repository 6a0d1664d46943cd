//! Clauses about topics, their settings and the retention of their records.

use super::client::{Bench, Seen, new_topic};
use super::{LogUnderTest, Outcome};
use crate::log::{CommitOutcome, Isolation, LogErrorKind, OutgoingRecord};
use crate::record::{Headers, Timestamp, TopicPartition};

use Isolation::{ReadCommitted, ReadUncommitted};

/// Clause: a topic exists as soon as it is created, with the properties it was created with, and cannot be created
/// twice.
pub fn a_topic_is_created_once(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let missing = bench.name("missing");
    let topic = bench.topic("created", 3)?;
    let asked = Some(vec![missing.clone(), topic.clone()]);
    let topics = bench.answer("topics", bench.admin.topics(asked))??;
    let found: Vec<_> = topics.iter().map(|topic| (topic.name.as_str(), topic.partitions)).collect();
    assert_eq!(found, [(topic.as_str(), 3)]);
    let all = bench.answer("topics", bench.admin.topics(None))??;
    assert!(all.iter().any(|known| known.name == topic) && all.iter().all(|known| known.name != missing));
    let again = bench.create(vec![new_topic(&topic, 5, &[])])?;
    assert_eq!(
        again.into_iter().map(|created| created.map_err(|error| error.kind)).collect::<Vec<_>>(),
        [Err(LogErrorKind::TopicExists)]
    );
    Ok(())
}

/// Clause: a topic's settings can be read back, with the log's defaults for those that were not set.
pub fn settings_are_told_back(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let set = [("cleanup.policy", "compact"), ("retention.ms", "123456789"), ("segment.bytes", "52428800")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let topic = bench.topic_with("set", 1, &set)?;
    let configs = bench.answer("topic_configs", bench.admin.topic_configs(&topic))??;
    for setting in &set {
        assert!(configs.contains(setting), "{setting:?} in {configs:?}");
    }
    assert!(configs.iter().any(|(name, _)| name == "max.message.bytes"), "defaults are told too");
    let missing = bench.answer("topic_configs", bench.admin.topic_configs(&bench.name("missing")))?;
    assert_eq!(missing.map_err(|error| error.kind), Err(LogErrorKind::UnknownTopic));
    Ok(())
}

/// Clause: each topic to create or delete gets its own result, in order.
pub fn a_wrong_topic_does_not_spoil_the_others(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let names = ["good", "bad/name", "bad setting", "fine"].map(|name| bench.name(name));
    let [good, bad_name, _, fine] = &names;
    let wrong = [("retention.ms".to_owned(), "soon".to_owned())];
    let bad_setting = bench.name("bad-setting");
    let created = bench.create(vec![
        new_topic(good, 1, &[]),
        new_topic(bad_name, 1, &[]),
        new_topic(&bad_setting, 1, &wrong),
        new_topic(fine, 1, &[]),
    ])?;
    let kinds: Vec<_> = created.into_iter().map(|created| created.map_err(|error| error.kind)).collect();
    assert_eq!(kinds, [Ok(()), Err(LogErrorKind::Invalid), Err(LogErrorKind::Invalid), Ok(())]);
    bench.wait_for("both good topics to appear", || {
        let asked = Some(vec![good.clone(), fine.clone()]);
        let topics = bench.answer("topics", bench.admin.topics(asked)).and_then(|topics| topics).ok()?;
        (topics.len() == 2).then_some(())
    });
    let deleted = bench.answer("delete_topics", bench.admin.delete_topics(vec![bad_setting, good.clone()]))??;
    let kinds: Vec<_> = deleted.into_iter().map(|deleted| deleted.map_err(|error| error.kind)).collect();
    assert_eq!(kinds, [Err(LogErrorKind::UnknownTopic), Ok(())]);
    Ok(())
}

/// Clause: a deleted topic is gone with its records; created again, it is empty and has another id.
pub fn a_topic_created_again_is_another_one(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("again", 1)?;
    let id = |name: &str| {
        let topics = bench.answer("topics", bench.admin.topics(Some(vec![name.to_owned()])))??;
        Ok::<_, crate::log::LogError>(topics.into_iter().next().map(|topic| topic.id))
    };
    let first = id(&topic)?;
    assert!(first.is_some());
    bench.writer()?.write(&topic, 0, &["a", "b"])?;
    for deleted in bench.answer("delete_topics", bench.admin.delete_topics(vec![topic.clone()]))?? {
        deleted?;
    }
    bench.wait_for("the topic to go", || match id(&topic) {
        Ok(None) => Some(Ok(())),
        Ok(Some(_)) => None,
        Err(error) => Some(Err(error)),
    })?;
    bench.topic("again", 1)?;
    let second = id(&topic)?;
    assert!(second != first || second.as_deref() == Some(""), "{second:?} is not {first:?}");
    bench.writer()?.write(&topic, 0, &["c"])?;
    let seen = bench.read(&topic, 0, ReadUncommitted)?;
    assert_eq!(seen.iter().map(|seen| (seen.offset, seen.value())).collect::<Vec<_>>(), [(0, "c".to_owned())]);
    Ok(())
}

/// Clause: start and end offsets match the existing records, and come in the order of the request.
pub fn start_and_end_follow_the_records(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("bounds", 3)?;
    let mut writer = bench.writer()?;
    writer.write(&topic, 0, &["a"])?;
    writer.write(&topic, 2, &["b", "c"])?;
    let asked: Vec<_> = [2, 0, 1].map(|partition| TopicPartition::new(topic.as_str(), partition)).to_vec();
    let ends = bench.answer("end_offsets", bench.admin.end_offsets(asked.clone(), ReadUncommitted))??;
    assert_eq!(ends.iter().map(|offset| offset.0).collect::<Vec<_>>(), [2, 1, 0]);
    let stable = bench.answer("end_offsets", bench.admin.end_offsets(asked.clone(), ReadCommitted))??;
    assert_eq!(stable, ends);
    let starts = bench.answer("start_offsets", bench.admin.start_offsets(asked))??;
    assert_eq!(starts.iter().map(|offset| offset.0).collect::<Vec<_>>(), [0, 0, 0]);
    Ok(())
}

/// Clause: a time is found at the first record that is as late, even if earlier ones follow it; if there is none, the
/// answer is the end. Records of open transactions count, deleted ones do not.
pub fn a_time_is_looked_up_in_each_partition(under_test: &dyn LogUnderTest) -> Outcome {
    const BEGIN: i64 = 1_700_000_000_000;
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("times", 2)?;
    let at = |seconds: i64| Timestamp(BEGIN + 1_000 * seconds);
    let headers = Headers::new();
    let record = |seconds| OutgoingRecord { key: None, value: Some(b"v"), timestamp: at(seconds), headers: &headers };
    let mut writer = bench.writer()?;
    for seconds in [10, 30, 20] {
        writer.send_record(&topic, 0, record(seconds))?;
    }
    writer.flush()?;
    writer.send_record(&topic, 0, record(40))?;
    writer.flush()?;
    let mut open = bench.transactional_writer("open")?;
    open.producer.begin_transaction()?;
    open.send_record(&topic, 0, record(50))?;
    open.flush()?;
    let offsets = |time: Timestamp| -> Result<Vec<i64>, crate::log::LogError> {
        let asked = [1, 0].map(|partition| TopicPartition::new(topic.as_str(), partition)).to_vec();
        let found = bench.answer("offsets_at", bench.admin.offsets_at(asked, time))??;
        Ok(found.into_iter().map(|offset| offset.0).collect())
    };
    for (time, expected) in
        [(Timestamp(0), 0), (at(10), 0), (at(11), 1), (at(20), 1), (at(30), 1), (at(31), 3), (at(41), 4), (at(51), 5)]
    {
        assert_eq!(offsets(time)?, [0, expected], "{time}");
    }
    bench.delete_before(&topic, 0, 2)?;
    for (time, expected) in [(Timestamp(0), 2), (at(20), 2), (at(30), 3)] {
        assert_eq!(offsets(time)?, [0, expected], "{time}, after deletion");
    }
    assert_eq!(open.abort(), CommitOutcome::Done);
    let missing = vec![TopicPartition::new(bench.name("missing"), 0)];
    let missing = bench.answer("offsets_at", bench.admin.offsets_at(missing, at(0)))?;
    assert_eq!(missing.map_err(|error| error.kind), Err(LogErrorKind::UnknownTopic));
    Ok(())
}

/// Clause: deleting the records before an offset moves only the start, and moves it exactly there, even within a
/// batch. An offset beyond the end is refused.
pub fn deleted_records_are_gone(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let topic = bench.topic("deleted", 1)?;
    let mut writer = bench.writer()?;
    writer.write(&topic, 0, &["a", "b", "c", "d", "e"])?;
    bench.delete_before(&topic, 0, 3)?;
    assert_eq!((bench.start(&topic, 0)?, bench.end(&topic, 0, ReadUncommitted)?), (3, 5));
    assert_eq!(bench.values(&topic, 0, ReadUncommitted)?, ["d", "e"]);
    bench.delete_before(&topic, 0, 1)?;
    assert_eq!(bench.start(&topic, 0)?, 3, "the start does not go back");
    assert!(bench.delete_before(&topic, 0, 6).is_err(), "there is no offset 6");
    bench.delete_before(&topic, 0, 5)?;
    assert_eq!(bench.values(&topic, 0, ReadUncommitted)?, Vec::<String>::new());
    writer.write(&topic, 0, &["f"])?;
    let seen = bench.read(&topic, 0, ReadUncommitted)?;
    assert_eq!(seen.iter().map(|seen| (seen.offset, seen.value())).collect::<Vec<_>>(), [(5, "f".to_owned())]);
    Ok(())
}

/// Clause: asking for the offsets of a topic that does not exist is an error that says so.
pub fn offsets_of_an_unknown_topic_are_an_error(under_test: &dyn LogUnderTest) -> Outcome {
    let bench = Bench::new(under_test)?;
    let missing = bench.name("missing");
    for error in [bench.start(&missing, 0).err(), bench.end(&missing, 0, ReadCommitted).err()] {
        assert_eq!(error.as_ref().map(|error| error.kind), Some(LogErrorKind::UnknownTopic), "{error:?}");
    }
    Ok(())
}

/// Clause: compaction keeps the last value of each key at its offset, and never touches uncommitted records.
pub fn compaction_keeps_the_last_value_of_each_key(under_test: &dyn LogUnderTest) -> Outcome {
    let Some(mut settings) = under_test.eager_compaction() else { return Ok(()) };
    let bench = Bench::new(under_test)?;
    settings.push(("cleanup.policy".to_owned(), "compact".to_owned()));
    let topic = bench.topic_with("compacted", 1, &settings)?;
    let mut writer = bench.writer()?;
    for number in 0..900 {
        let key = (number % 3).to_string();
        writer.send_keyed(&topic, 0, &key, Some(&format!("{key} {number}")))?;
        if number % 100 == 0 {
            writer.flush()?;
        }
    }
    writer.flush()?;
    let mut open = bench.transactional_writer("id")?;
    open.producer.begin_transaction()?;
    open.send_keyed(&topic, 0, "0", Some("open"))?;
    open.flush()?;
    let seen = bench.wait_for("the topic to be compacted", || match bench.read(&topic, 0, ReadUncommitted) {
        Ok(seen) if seen.len() > 4 => None,
        seen => Some(seen),
    })?;
    let expected = [(897, "0 897"), (898, "1 898"), (899, "2 899"), (900, "open")];
    let seen: Vec<_> = seen.iter().map(|seen| (seen.offset, Seen::value(seen))).collect();
    assert_eq!(seen, expected.map(|(offset, value)| (offset, value.to_owned())));
    assert_eq!((bench.start(&topic, 0)?, bench.end(&topic, 0, ReadCommitted)?), (0, 900));
    Ok(())
}
