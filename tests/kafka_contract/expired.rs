//! A group whose positions are gone on a real broker, as after `offsets.retention.minutes`.

use millstream_tests::kafka::bootstrap_servers;
use millstream_tests::kafka::delete_group;
use streams_core::log::{Doorbell, LogError};
use streams_core::record::TopicPartition;
use streams_core::runtime::{App, AppError, RestsOn};
use streams_core::testing::log_contract::unique_prefix;
use streams_kafka::Kafka;
use streams_rocksdb::RocksDb;

use crate::bench::{Reader, count, counts, decide, send, topic, writer};

/// Regression: everything was counted again on top of what was there.
#[test]
fn a_group_that_was_deleted_is_an_error_where_state_is_kept_and_where_it_is_not() -> Result<(), LogError> {
    let (kafka, bell) = (Kafka::at(bootstrap_servers()), Doorbell::new());
    for is_kept in [true, false] {
        let [from, to] = [topic(&kafka, 1)?, topic(&kafka, 1)?];
        let mut producer = writer(&kafka, &bell)?;
        let mut write = || -> Result<(), LogError> {
            for _ in 0..5 {
                send(&mut *producer, &bell, &TopicPartition::new(from.as_str(), 0), "line")?;
            }
            decide("flush", &bell, || producer.flush())
        };
        write()?;
        let (id, folder) = (unique_prefix(), tempfile::tempdir().expect("a folder"));
        let app = || {
            let app = App::new(id.as_str(), count(&from, &to)).exactly_once().cache_bytes(0).quiet();
            if is_kept { app.state_in(RocksDb::default()).state_dir(folder.path()) } else { app }
        };
        app().run_until_idle(kafka.clone()).expect("the first run");
        delete_group(&id);
        write()?;
        let error = app().run_until_idle(kafka.clone()).expect_err("positions are gone");
        let AppError::PositionGone { group, rests_on, .. } = &error else { panic!("{error}") };
        assert_eq!(group, &id);
        match &**rests_on {
            RestsOn::State { position, folder: path } => {
                assert!(is_kept && *position >= 5 && path.starts_with(folder.path()), "{error}");
            }
            RestsOn::Changelog(changelog) => assert!(!is_kept && changelog.topic.ends_with("-changelog"), "{error}"),
            _ => panic!("{error}"),
        }
        let mut reader = Reader::new(&kafka, &TopicPartition::new(to.as_str(), 0), None)?;
        reader.until("the end", |reader| reader.end.is_some());
        assert_eq!(reader.values, counts(5), "nothing twice");
    }
    Ok(())
}
