//! Programs that meet under one application id on a real broker.

use millstream_tests::kafka::bootstrap_servers;
use streams_core::log::{Doorbell, LogError};
use streams_core::record::TopicPartition;
use streams_core::runtime::{App, AppError, AppState};
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;

use crate::bench::{Reader, count, counts, decide, send, topic, writer};

/// Regression: a rolling upgrade to another input was enough: 5 lines of one topic and 10 of the other, then one more,
/// were counted as 5, 15, 16.
#[test]
fn a_program_with_another_topology_leaves_the_group() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let [old, new, out] = [topic(&kafka, 1)?, topic(&kafka, 1)?, topic(&kafka, 1)?];
    let mut producer = writer(&kafka, &bell)?;
    let mut write = |to: &str, lines: usize| -> Result<(), LogError> {
        for _ in 0..lines {
            send(&mut *producer, &bell, &TopicPartition::new(to, 0), "line")?;
        }
        decide("flush", &bell, || producer.flush())
    };
    write(&old, 5)?;
    write(&new, 10)?;
    let id = unique_prefix();
    let app = |from: &str| App::new(id.as_str(), count(from, &out)).at_least_once().cache_bytes(0);
    let running = app(&old).start(kafka.clone()).expect("it starts");
    let mut reader = Reader::new(&kafka, &TopicPartition::new(out.as_str(), 0), None)?;
    reader.until("the first counts", |reader| reader.values.len() >= 5);

    let error = app(&new).start(kafka.clone()).and_then(|running| running.wait()).expect_err("it is not welcome");
    let AppError::OtherTopology { application_id, theirs, ours, member, .. } = &error else { panic!("{error}") };
    let hash = |from: &str| count(from, &out).fingerprint().hash();
    assert_eq!((application_id, theirs, ours), (&id, &hash(&old), &hash(&new)));
    assert!(member.starts_with(&format!("{id}-")) && member.contains(" on "), "{member}");

    write(&old, 1)?;
    reader.until("another count", |reader| reader.values.len() >= 6);
    assert_eq!(reader.values, counts(6));
    assert_eq!((running.state(), running.error()), (AppState::Running, None));
    running.close().expect("no error");
    Ok(())
}

/// Both find an empty group, get tasks at the same time, and learn of each other before the first record.
#[test]
fn of_programs_that_start_at_once_one_stays() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    let [one, two, out] = [topic(&kafka, 1)?, topic(&kafka, 1)?, topic(&kafka, 1)?];
    let mut producer = writer(&kafka, &bell)?;
    for to in [&one, &two] {
        for _ in 0..20 {
            send(&mut *producer, &bell, &TopicPartition::new(to.as_str(), 0), "line")?;
        }
    }
    decide("flush", &bell, || producer.flush())?;
    let id = unique_prefix();
    let mut programs = [&one, &two].map(|from| {
        let app = App::new(id.as_str(), count(from, &out)).at_least_once().cache_bytes(0);
        app.start(kafka.clone()).map(Some).expect("it starts")
    });
    let left = decide("one to leave", &bell, || {
        let left =
            programs.iter().position(|running| running.as_ref().is_some_and(|running| running.state().is_final()));
        left.map_or(std::task::Poll::Pending, std::task::Poll::Ready)
    });
    let ended = programs[left].take().map(|running| running.wait());
    assert!(matches!(ended, Some(Err(AppError::OtherTopology { .. }))), "{ended:?}");
    let mut reader = Reader::new(&kafka, &TopicPartition::new(out.as_str(), 0), None)?;
    reader.until("all counts", |reader| reader.values.len() >= 20);
    assert_eq!(reader.values, counts(20));
    for running in programs.into_iter().flatten() {
        assert_eq!(running.error(), None);
        running.close().expect("no error");
    }
    reader.until("the end", |reader| reader.end.is_some());
    assert_eq!(reader.values, counts(20), "nothing of the other program");
    Ok(())
}
