//! Questions to stores on disk.

#![allow(clippy::expect_used, reason = "helpers of tests")]

use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use millstream::prelude::*;
use millstream::query::Position;
use millstream::rocksdb::RocksDb;

const VIEWS: Topic<String, String> = Topic::new("views");
const COUNTS: KeyValueStore<String, i64> = KeyValueStore::new("counts");
const PATIENCE: Duration = Duration::from_secs(60);

/// Committed rows are read beside the worker: also while it is stuck in a record.
#[test]
fn committed_rows_are_answered_while_the_worker_is_busy() {
    let (release, released) = channel::<()>();
    let released = Mutex::new(released);
    let builder = StreamsBuilder::new();
    let views = builder.stream(VIEWS).peek(move |_, page| {
        if page == "/slow" {
            // Ends when the test does, whatever happens.
            let _ = released.lock().map(|released| released.recv());
        }
    });
    views.group_by_key().count().stored_as(COUNTS);
    let log = Embedded::in_memory();
    log.create_topic("views", 1).expect("a topic");
    let state = tempfile::tempdir().expect("a folder");
    let app =
        App::new("busy", builder.build().expect("a topology")).state_dir(state.path()).state_in(RocksDb::default());
    let running = app.start(log.clone()).expect("it starts");
    let counts = running.query(&COUNTS).expect("a view").committed();

    let mut position = Position::default();
    for user in ["ada", "grace", "ada"] {
        let (partition, offset) = log.send(&VIEWS, user, "/").expect("sent");
        position.merge(&Position::behind(partition, offset));
    }
    assert_eq!(counts.clone().at_least(&position).waiting(PATIENCE).get("ada").wait(), Ok(Some(2)));
    log.send(&VIEWS, "ada", "/slow").expect("sent");
    for _ in 0..100 {
        // Answered at once, by this thread.
        assert_eq!(counts.get("ada").wait(), Ok(Some(2)));
        let (rows, reached) = counts.all().with_position().wait().expect("rows");
        assert_eq!(rows, [("ada".to_owned(), 2), ("grace".to_owned(), 1)]);
        assert_eq!(reached, position);
    }
    drop(release);
    running.close().expect("a clean end");
}
