//! Topics that are missing, deleted or created again, or have another shape.

use streams_core::log::Embedded;
use streams_core::runtime::{App, AppError};
use streams_core::state::KeyValueStore;
use streams_core::topic::Topic;

use crate::world::{
    COUNTS, LINES, committed, create_topic_with, delete_topic, error_of, log_with_lines, message_of, send_lines,
    topics, topology, word_count,
};

const USERS: Topic<String, String> = Topic::new("users");
const SITES: Topic<String, String> = Topic::new("sites");
const OUT: Topic<String, String> = Topic::new("out");

fn app() -> App {
    App::new("words", word_count())
}

#[test]
fn input_topics_that_do_not_exist_are_all_named_and_nothing_is_created() {
    let inputs = || {
        topology(|builder| {
            let sites = builder.global_table(SITES);
            let lines = builder.stream(LINES).join(builder.table(USERS), |line, _| line);
            lines.join_global(sites, |_, line| line.clone(), |line, _| line).to(OUT);
        })
    };
    for (existing, missing) in [
        (vec![], vec!["lines", "sites", "users"]),
        (vec!["lines", "sites"], vec!["users"]),
        (vec!["users"], vec!["lines", "sites"]),
    ] {
        let log = Embedded::in_memory();
        existing.iter().for_each(|topic| log.create_topic(topic, 1).unwrap());
        let error = error_of(App::new("app", inputs()), &log);
        let expected = missing.iter().map(ToString::to_string).collect();
        assert_eq!(error, Some(AppError::MissingTopics { topics: expected }));
        let message = error.unwrap().to_string();
        assert!(
            message.contains(&missing.join(", "))
                && message.contains("before the application starts, with `client.create_topic(..)"),
            "{message}"
        );
        assert_eq!(topics(&log), existing, "nothing was created");
    }
}

#[test]
fn topics_that_meet_by_key_must_have_equal_partition_counts() {
    let join = || {
        topology(|builder| {
            builder.stream(LINES).join(builder.table(USERS), |line, _| line).to(OUT);
        })
    };
    let repartitioned = || {
        topology(|builder| {
            let lines = builder.stream(LINES).repartition().named("again").partitions(5);
            lines.join(builder.table(USERS), |line, _| line).to(OUT);
        })
    };
    for (topology, expected) in
        [(join(), "lines (3), users (2)"), (repartitioned(), "users (2), app-again-repartition (5)")]
    {
        let log = Embedded::in_memory();
        log.create_topic("lines", 3).unwrap();
        log.create_topic("users", 2).unwrap();
        let message = message_of(App::new("app", topology), &log);
        assert!(message.contains(expected) && message.contains(".repartition()"), "{message}");
        assert!(!topics(&log).iter().any(|topic| topic.starts_with("app-")), "no internal topic was created");
    }
}

#[test]
fn internal_topics_of_another_shape_are_named_with_both_counts() {
    for (topic, found, needed) in [("words-by-word-repartition", 3, 2), ("words-word-counts-changelog", 1, 2)] {
        let log = log_with_lines(2, &["to", "be"]);
        log.create_topic(topic, found).unwrap();
        let message = message_of(app(), &log);
        for part in [topic, &format!("has {found} partitions"), &format!("needs {needed}"), "reset the application"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(committed(&log, "words", "lines"), None, "nothing was processed");
    }
}

/// The internal topics were created for the old count: what has been counted would be in the wrong partitions.
#[test]
fn more_input_partitions_than_at_the_first_start_are_refused() {
    let log = log_with_lines(1, &["to", "be"]);
    assert_eq!(error_of(app(), &log), None);
    delete_topic(&log, "lines");
    log.create_topic("lines", 2).unwrap();
    let message = message_of(app(), &log);
    assert!(message.contains("has 1 partitions but the application needs 2"), "{message}");
    assert!(message.contains("its inputs have changed"), "{message}");
}

#[test]
fn an_internal_topic_that_was_deleted_between_runs_is_not_created_again() {
    for gone in ["words-word-counts-changelog", "words-by-word-repartition"] {
        let log = log_with_lines(2, &["to", "be", "to"]);
        assert_eq!(error_of(app(), &log), None);
        let before = log.read(&COUNTS).unwrap();
        delete_topic(&log, gone);
        send_lines(&log, &["to"]);
        let error = error_of(app(), &log);
        assert_eq!(error, Some(AppError::InternalTopicGone { topic: gone.to_owned() }));
        let message = error.unwrap().to_string();
        assert!(message.contains("restore the topic, or reset the application"), "{message}");
        assert!(!topics(&log).contains(&gone.to_owned()), "{gone} was created again");
        assert_eq!(log.read(&COUNTS).unwrap(), before, "nothing was counted from zero");
    }
}

#[test]
fn a_topology_may_get_a_new_store_when_the_application_says_so() {
    let before = topology(|builder| {
        builder.stream(LINES).map_values(|_| 0_i64).to(COUNTS);
    });
    let log = log_with_lines(2, &["to", "be"]);
    assert_eq!(error_of(App::new("words", before), &log), None);
    send_lines(&log, &["to", "to"]);
    assert!(matches!(error_of(app(), &log), Some(AppError::InternalTopicGone { .. })));
    assert_eq!(error_of(app().create_new_internal_topics(), &log), None);
    send_lines(&log, &["to"]);
    assert_eq!(error_of(app(), &log), None, "from then on it is there");
    let last = log.read(&COUNTS).unwrap().into_iter().map(|record| (record.key, record.value)).next_back();
    assert_eq!(last, Some(("to".to_owned(), 3)), "what was read before there was a store is not in it");
}

#[test]
fn an_output_topic_takes_records_only_of_its_size() {
    const LONG: Topic<String, String> = Topic::new("long");
    for exactly_once in [false, true] {
        let log = log_with_lines(1, &["short", "x", "short"]);
        create_topic_with(&log, "long", 1, &[("max.message.bytes", "1000")]);
        let grown = topology(|builder| {
            builder.stream(LINES).map_values(|word| if word == "x" { word.repeat(2_000) } else { word }).to(LONG);
        });
        let app = App::new("app", grown);
        let app = if exactly_once { app.exactly_once() } else { app.at_least_once() };
        let message = message_of(app, &log);
        for part in ["task 0_0", "offset 1 of lines-0", "long-0", "2001 bytes", "1000", "max.message.bytes"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert!(committed(&log, "app", "lines").is_none_or(|position| position <= 1), "the record is not behind it");
        if exactly_once {
            assert_eq!(log.read(&LONG).unwrap().len(), 0, "the transaction was aborted as a whole");
        }
    }
}

/// Without state, nothing can be in the wrong partition.
#[test]
fn more_input_partitions_are_read_where_nothing_depends_on_their_number() {
    let copy = || App::new("copy", topology(|builder| _ = builder.stream(LINES).to(OUT)));
    let log = log_with_lines(1, &["a", "b"]);
    assert_eq!(error_of(copy(), &log), None);
    delete_topic(&log, "lines");
    log.create_topic("lines", 4).unwrap();
    send_lines(&log, &["c", "d", "e", "f"]);
    assert_eq!(error_of(copy(), &log), None);
    let mut words: Vec<_> = log.read(&OUT).unwrap().into_iter().map(|record| record.value).collect();
    words.sort();
    assert_eq!(words, ["a", "b", "c", "d", "e", "f"]);
}

/// With a cache, the row is written at the commit, when its record is no longer known.
#[test]
fn a_row_that_is_too_large_for_its_changelog_is_not_committed() {
    for (cache_bytes, place) in [(0, "task 0_0 failed at offset 2 of lines-0"), (1 << 20, "task 0_0 failed: ")] {
        let log = log_with_lines(1, &["k"]);
        let long = "x".repeat(600);
        log.send(&LINES, "k", long.as_str()).unwrap();
        log.send(&LINES, "k", long.as_str()).unwrap();
        create_topic_with(
            &log,
            "app-rows-changelog",
            1,
            &[("max.message.bytes", "1000"), ("cleanup.policy", "compact")],
        );
        let joined = topology(|builder| {
            let joined = builder.stream(LINES).group_by_key().reduce(|left, right| left + &right);
            joined.stored_as(KeyValueStore::new("rows"));
        });
        let message = message_of(App::new("app", joined).cache_bytes(cache_bytes), &log);
        for part in [place, "changelog app-rows-changelog", "1202 bytes", "1000", "max.message.bytes"] {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(committed(&log, "app", "lines"), None);
    }
}
