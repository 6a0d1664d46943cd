//! Settings that do not exist and names that cannot be used.

use std::time::Duration;

use streams_core::config::Layers;
use streams_core::log::Embedded;
use streams_core::runtime::App;
use streams_core::state::{KeyValueStore, WindowStore};
use streams_core::testing::KeptState;
use streams_core::topic::Topic;

use crate::world::{InFolders, LINES, message_of, topics, word_count};

/// Names that break a rule, and the rule.
fn bad_names() -> Vec<(String, &'static str)> {
    let letters = "a name may contain only letters, digits, `.`, `_` and `-`";
    [
        ("", "a name cannot be empty"),
        (".", "a name cannot be `.` or `..`"),
        ("..", "a name cannot be `.` or `..`"),
        ("../up", letters),
        ("a/b", letters),
        ("a\\b", letters),
        ("/etc", letters),
        ("a b", letters),
        ("a\0b", letters),
        ("café", letters),
    ]
    .into_iter()
    .map(|(name, rule)| (name.to_owned(), rule))
    .chain([("x".repeat(250), "this one has 250")])
    .collect()
}

#[test]
fn a_setting_that_does_not_exist_is_answered_with_the_one_that_was_meant() {
    let base = || Layers::new().set("application.id", "words");
    for (layers, expected) in [
        (base().set("num.stream.thread", 2), "did you mean `num.stream.threads`?"),
        (base().set("commit.intervall.ms", 2), "did you mean `commit.interval.ms`?"),
        (base().argument("procesing.guarantee=exactly_once_v2"), "did you mean `processing.guarantee`?"),
        (base().environment_of([("KSTREAM_STATE_DIRR", "/tmp")]), "did you mean `KSTREAM_STATE_DIR`?"),
        (base().set("consumer.fetch.min.byte", 1), "did you mean `consumer.fetch.min.bytes`?"),
        (base().set("topic.cleanup.polcy", "compact"), "did you mean `topic.cleanup.policy`?"),
        (base().set("isolation.level", "read_uncommitted"), "it follows from `processing.guarantee`"),
        (base().set("producer.transactional.id", "mine"), "every worker has its own"),
        (base().set("consumer.enable.auto.commit", true), "committed together with the state"),
        (base().set("commit.interval.ms", "soon"), "commit.interval.ms"),
        (base().set("auto.offset.reset", "newest"), "`newest` is not one of `earliest`, `latest`, `none`"),
    ] {
        let message = layers.read().unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_named_before_anything_starts() {
    for (app, expected) in [
        (App::new("words", word_count()).workers(0), "setting num.stream.threads: "),
        (App::new("words", word_count()).commit_interval(Duration::ZERO), "setting commit.interval.ms: "),
        (
            App::new("words", word_count()).exactly_once().commit_interval(Duration::from_secs(60)),
            "below transaction.timeout.ms",
        ),
    ] {
        let log = Embedded::in_memory();
        let message = app.start(log.clone()).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(message.contains(expected), "{expected}: {message}");
        assert_eq!(topics(&log), Vec::<String>::new(), "nothing was created");
    }
}

#[test]
fn a_folder_below_a_tilde_is_refused_by_whoever_would_create_it() {
    let app = App::new("words", word_count()).state_in(InFolders(KeptState::default())).state_dir("~/state");
    let message = message_of(app, &Embedded::in_memory());
    assert!(message.starts_with("the state folder ~/state/words cannot be used: "), "{message}");
    let log = Embedded::open("~/log").err().map(|error| error.to_string()).unwrap_or_default();
    assert!(log.starts_with("the embedded log's folder ~/log cannot be used: "), "{log}");
    for message in [message, log] {
        assert!(message.contains("only a shell expands `~` to your home folder; write the whole path"), "{message}");
    }
    assert!(!std::path::Path::new("~").exists());
}

#[test]
fn an_application_id_that_could_be_a_path_is_refused_and_nothing_is_created() {
    for (id, rule) in bad_names() {
        let configured = Layers::new().set("application.id", &id).read().unwrap_err().to_string();
        assert!(configured.contains("application.id") && configured.contains(rule), "{configured}");

        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("inside");
        let log = Embedded::in_memory();
        let app = App::new(id.clone(), word_count()).state_in(InFolders(KeptState::default())).state_dir(&state);
        let message = message_of(app, &log);
        assert!(message.starts_with(&format!("the application id {id:?} cannot be used")), "{message}");
        assert!(message.contains(rule), "{message}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{id:?}: a folder was created");
        assert_eq!(topics(&log), Vec::<String>::new(), "{id:?}: a topic was created");
    }
}

#[test]
fn names_of_topics_and_stores_follow_the_same_rule() {
    for (name, rule) in bad_names() {
        for message in [
            Topic::<String, String>::named(&name).unwrap_err().to_string(),
            KeyValueStore::<String, String>::named(&name).unwrap_err().to_string(),
            WindowStore::<String, String>::named(&name).unwrap_err().to_string(),
            Embedded::in_memory().create_topic(&name, 1).unwrap_err().to_string(),
        ] {
            assert!(message.contains(rule), "{name:?}: {message}");
        }
    }
    assert!(KeyValueStore::<String, String>::named("x".repeat(151)).is_err(), "its changelog's name needs room");
}

/// Kafka would refuse the topic only when it is created, by a rule that the user does not know.
#[test]
fn internal_topics_must_fit_into_kafkas_limit_together_with_the_application_id() {
    let longest = "-word-counts-changelog".len();
    for (id_length, fits) in [(249 - longest, true), (250 - longest, false), (249, false)] {
        let id = "x".repeat(id_length);
        let log = Embedded::in_memory();
        log.send(&LINES, "k", "word").unwrap();
        let outcome = App::new(&id, word_count()).run_until_idle(log.clone());
        if fits {
            assert_eq!(outcome.map(|summary| summary.records_in), Ok(1));
            continue;
        }
        let message = outcome.unwrap_err().to_string();
        let topic = format!("{id}-word-counts-changelog");
        for part in [&topic, &format!("{} characters", topic.len()), "249", "`application.id`", "word-counts-changelog"]
        {
            assert!(message.contains(part), "{part}: {message}");
        }
        assert_eq!(topics(&log), ["lines"], "nothing was created");
    }
}
