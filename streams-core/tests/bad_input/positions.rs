//! Positions that do not exist: the records were deleted, or nothing has been committed yet.

use std::collections::BTreeMap;

use streams_core::config::Layers;
use streams_core::log::Embedded;
use streams_core::runtime::App;
use streams_core::topic::Topic;

use crate::world::{COUNTS, committed, delete_before, error_of, log_with_lines, message_of, send_lines, word_count};

/// The topic with the records on their way to the tasks that count them.
const BY_WORD: Topic<String, String> = Topic::new("words-by-word-repartition");

/// The word count with that `auto.offset.reset`, or without the setting.
fn app(reset: Option<&str>) -> App {
    let layers = Layers::new().set("application.id", "words").set("commit.interval.ms", 100);
    let layers = reset.iter().fold(layers, |layers, reset| layers.set("auto.offset.reset", reset));
    App::configured(&layers.read().unwrap(), word_count()).at_least_once()
}

/// The last count of each word.
fn counts(log: &Embedded) -> BTreeMap<String, i64> {
    log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).collect()
}

#[test]
fn a_committed_position_that_was_deleted_is_an_error_unless_the_setting_says_where_to_go_on() {
    for (reset, goes_on_with) in [
        (None, None),
        (Some("none"), None),
        (Some("earliest"), Some(vec![("a", 1), ("b", 1), ("c", 1), ("f", 1), ("g", 1)])),
        (Some("latest"), Some(vec![("a", 1), ("b", 1), ("c", 1), ("g", 1)])),
    ] {
        let log = log_with_lines(1, &["a", "b", "c"]);
        assert_eq!(error_of(app(None), &log), None);
        assert_eq!(committed(&log, "words", "lines"), Some(3));
        send_lines(&log, &["d", "e", "f"]);
        delete_before(&log, "lines", 5);
        match goes_on_with {
            None => {
                let message = message_of(app(reset), &log);
                for part in ["position 3", "lines-0", "does not exist", "`auto.offset.reset`", "`earliest`"] {
                    assert!(message.contains(part), "{part}: {message}");
                }
                assert_eq!(committed(&log, "words", "lines"), Some(3), "nothing was skipped");
            }
            Some(expected) => {
                let running = app(reset).start(log.clone()).unwrap();
                running.wait_until_running().unwrap();
                wait_for_position(&running, 6);
                send_lines(&log, &["g"]);
                wait_for_position(&running, 7);
                running.close().unwrap();
                let expected: BTreeMap<_, _> =
                    expected.into_iter().map(|(word, count)| (word.to_owned(), count)).collect();
                assert_eq!(error_of(app(reset), &log), None);
                assert_eq!(counts(&log), expected, "{reset:?}");
                assert_eq!(committed(&log, "words", "lines"), Some(7));
            }
        }
    }
}

/// Waits until task 0_0 has reached this position in its only input.
fn wait_for_position(running: &streams_core::runtime::Running, position: i64) {
    let patience = std::time::Instant::now() + std::time::Duration::from_secs(120);
    let at = || running.tasks().values().flat_map(|task| task.positions.clone()).collect::<BTreeMap<_, _>>();
    while !at().iter().any(|(partition, at)| &*partition.topic == "lines" && at.0 >= position) {
        assert!(std::time::Instant::now() < patience, "still at {:?}", at());
        assert_eq!(running.error(), None);
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Records that are lost there cannot be read again from the input, so no setting can allow it.
#[test]
fn a_position_in_an_internal_topic_is_never_reset() {
    for reset in ["earliest", "latest"] {
        let log = log_with_lines(1, &["a", "b", "c"]);
        assert_eq!(error_of(app(None), &log), None);
        for word in ["d", "e"] {
            log.send(&BY_WORD, word, word).unwrap();
        }
        delete_before(&log, BY_WORD.name(), 4);
        let message = message_of(app(Some(reset)), &log);
        for part in ["position 3", "words-by-word-repartition-0", "internal topic", "reset the application"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(!message.contains("set `auto.offset.reset`"), "{message}");
    }
}

#[test]
fn an_input_without_a_position_is_read_from_where_the_setting_says() {
    for (reset, expected) in
        [(None, Some(vec![("a", 2)])), (Some("earliest"), Some(vec![("a", 2)])), (Some("latest"), Some(vec![]))]
    {
        let log = log_with_lines(1, &["a", "a"]);
        assert_eq!(error_of(app(reset), &log), None);
        let found = counts(&log);
        let found: Vec<_> = found.iter().map(|(word, count)| (word.as_str(), *count)).collect();
        assert_eq!(Some(found), expected, "{reset:?}");
    }
    let message = message_of(app(Some("none")), &log_with_lines(1, &["a"]));
    for part in ["lines-0", "the group has committed none", "`auto.offset.reset`"] {
        assert!(message.contains(part), "{part}: {message}");
    }
}

/// They were written for records whose position is committed, so nobody would write them again.
#[test]
fn records_in_an_internal_topic_without_a_position_are_not_skipped() {
    let log = log_with_lines(1, &["skipped"]);
    log.create_topic(BY_WORD.name(), 1).unwrap();
    log.send(&BY_WORD, "a", "a").unwrap();
    assert_eq!(error_of(app(Some("latest")), &log), None);
    assert_eq!(counts(&log), [("a".to_owned(), 1)].into());
}
