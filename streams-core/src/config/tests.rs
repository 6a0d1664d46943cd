//! Settings as data: what is set, and what comes of it.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use proptest::prelude::*;

use super::clients::{HIDDEN, owned_names};
use super::environment::{bare_names, in_capitals};
use super::settings::SETTINGS;
use super::*;
use crate::drop_reason::DropReason;

fn read(entries: &[(&str, &str)]) -> Result<StreamsConfig, ConfigErrors> {
    let id = Layers::new().set("application.id", "app");
    entries.iter().fold(id, |layers, (key, value)| layers.set(*key, *value)).read()
}

/// The only problem with the setting.
fn problem(key: &str, value: &str) -> String {
    let errors = read(&[(key, value)]).unwrap_err();
    let [error] = errors.problems() else { panic!("{errors}") };
    assert_eq!(error.subject, key);
    error.problem.clone()
}

#[test]
fn every_setting_reads_what_java_users_write_and_shows_it() {
    // The setting, its text, and how it is printed.
    let rows = [
        ("application.id", "word-count", "word-count"),
        ("client.id", "blue", "blue"),
        ("bootstrap.servers", "a:9092,b:9092", "a:9092,b:9092"),
        ("num.stream.threads", "4", "4"),
        ("processing.guarantee", "exactly_once_v2", "exactly_once_v2"),
        ("processing.guarantee", "at_least_once", "at_least_once"),
        ("commit.interval.ms", "500", "500ms"),
        ("commit.interval.ms", "1m 30s", "1m 30s"),
        ("statestore.cache.max.bytes", "10485760", "10MiB"),
        ("statestore.cache.max.bytes", "0", "0"),
        ("statestore.uncommitted.max.bytes", "1GiB", "1024MiB"),
        ("state.dir", "/var/lib/app", "/var/lib/app"),
        ("max.task.idle.ms", "-1", "-1"),
        ("max.task.idle.ms", "200", "200ms"),
        ("event.time.alignment", "off", "off"),
        ("event.time.alignment", "60000", "1m"),
        ("event.time.alignment", "0", "0s"),
        ("buffered.records.per.partition", "10", "10"),
        ("input.buffer.max.bytes", "32MiB", "32MiB"),
        ("memory.max.bytes", "1GiB", "1024MiB"),
        ("poll.ms", "0", "0s"),
        ("replication.factor", "-1", "-1"),
        ("replication.factor", " 3 ", "3"),
        ("auto.offset.reset", "latest", "latest"),
        ("auto.offset.reset", "none", "none"),
        ("auto.offset.reset", "earliest", "earliest"),
        ("auto.offset.reset", " by_duration:PT1H30M ", "by_duration:PT5400S"),
        ("auto.offset.reset", "by_duration:P1DT0.25S", "by_duration:PT86400.250S"),
        ("auto.offset.reset", "since:2026-01-31T13:00:00.25+01:00", "since:2026-01-31T12:00:00.250Z"),
        ("auto.offset.reset", "since:1700000000000ms", "since:2023-11-14T22:13:20Z"),
        ("auto.offset.reset", "since:-62198755200000ms", "since:-62198755200000ms"),
        ("auto.offset.reset", "offset:42", "offset:42"),
        ("metadata.max.age.ms", "60000", "1m"),
        ("metrics.recording.level", "INFO", "INFO"),
        ("metrics.recording.level", "debug", "DEBUG"),
        ("application.server", " web-1:7070 ", "web-1:7070"),
        ("query.server.peers", "*.example.org, 10.0.0.0/8 ", "*.example.org,10.0.0.0/8"),
        ("query.server.bind", " 0.0.0.0:7070 ", "0.0.0.0:7070"),
        ("query.server.token", "hunter2", "********"),
        ("ui.allow.actions", "true", "true"),
        ("ui.enabled", "false", "false"),
        ("default.timestamp.extractor", "fail", "fail"),
        ("default.timestamp.extractor", "partition_time", "partition_time"),
        ("default.timestamp.extractor", "wall_clock", "wall_clock"),
        ("consumer.isolation.level", "read_committed", "read_committed"),
        ("consumer.isolation.level", "read_uncommitted", "read_uncommitted"),
        ("internal.topics.create", "always", "always"),
        ("internal.topics.create", "first_run", "first_run"),
        ("on.changelog.loss", "rebuild", "rebuild"),
        ("on.changelog.loss", "fail", "fail"),
        ("deserialization.exception.handler", "skip", "skip"),
        ("deserialization.exception.handler", "fail", "fail"),
        ("processing.exception.handler", "dead-letter", "dead-letter"),
        ("production.exception.handler", "skip", "skip"),
        ("processing.exception.retries", "3", "3"),
        ("processing.exception.retry.backoff.ms", "50", "50ms"),
        ("processing.exception.retry.backoff.max.ms", "1m", "1m"),
        ("errors.dead.letter.queue.topic.name", "dead", "dead"),
        ("errors.dead.letter.queue.drops", "late, null-key", "null-key,late"),
        ("timestamp.future.max.ms", "off", "off"),
        ("timestamp.future.max.ms", "1h", "1h"),
        ("timestamp.future.handler", "clamp", "clamp"),
        ("session.timeout.ms", "10000", "10s"),
        ("max.poll.interval.ms", "60000", "1m"),
        ("transaction.timeout.ms", "5s", "5s"),
        ("task.timeout.ms", "0", "0s"),
        ("task.stall.timeout.ms", "5m", "5m"),
        ("task.stall.handler", "leave", "leave"),
        ("task.stall.handler", "fail", "fail"),
        ("handler.stop.timeout.ms", "30s", "30s"),
        ("topology.optimization", "none", "none"),
        ("topology.optimization", "single.store.self.join", "single.store.self.join"),
    ];
    for (key, text, shown) in rows {
        let config = read(&[(key, text)]).unwrap();
        let line = format!("{key} = {shown} (code)");
        assert!(config.to_string().lines().any(|printed| printed == line), "{line} is not in\n{config}");
        // What is printed can be read again, unless it is hidden.
        if shown != HIDDEN {
            assert_eq!(read(&[(key, shown)]).unwrap(), config);
        }
    }
    let covered: BTreeSet<&str> = rows.iter().map(|(key, ..)| *key).collect();
    let all: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(covered, all, "each setting needs a row");
}

#[test]
fn settings_arrive_in_their_fields() {
    let config = read(&[
        ("client.id", "blue"),
        ("bootstrap.servers", "a:9092"),
        ("num.stream.threads", "4"),
        ("processing.guarantee", "exactly_once_v2"),
        ("commit.interval.ms", "1"),
        ("statestore.cache.max.bytes", "2"),
        ("statestore.uncommitted.max.bytes", "3"),
        ("state.dir", "d"),
        ("max.task.idle.ms", "-1"),
        ("event.time.alignment", "12"),
        ("buffered.records.per.partition", "5"),
        ("input.buffer.max.bytes", "18"),
        ("memory.max.bytes", "19"),
        ("poll.ms", "6"),
        ("replication.factor", "7"),
        ("auto.offset.reset", "latest"),
        ("default.timestamp.extractor", "skip"),
        ("metadata.max.age.ms", "13"),
        ("consumer.isolation.level", "read_committed"),
        ("internal.topics.create", "always"),
        ("on.changelog.loss", "rebuild"),
        ("deserialization.exception.handler", "skip"),
        ("processing.exception.handler", "dead-letter"),
        ("production.exception.handler", "skip"),
        ("processing.exception.retries", "14"),
        ("processing.exception.retry.backoff.ms", "15"),
        ("processing.exception.retry.backoff.max.ms", "16"),
        ("errors.dead.letter.queue.topic.name", "dead"),
        ("errors.dead.letter.queue.drops", "late"),
        ("timestamp.future.max.ms", "17"),
        ("timestamp.future.handler", "clamp"),
        ("session.timeout.ms", "8"),
        ("max.poll.interval.ms", "9"),
        ("transaction.timeout.ms", "10"),
        ("task.timeout.ms", "11"),
        ("task.stall.timeout.ms", "19"),
        ("task.stall.handler", "leave"),
        ("handler.stop.timeout.ms", "19"),
        ("metrics.recording.level", "DEBUG"),
        ("application.server", "[::1]:7071"),
        ("query.server.peers", "a,b"),
        ("query.server.bind", "[::1]:7070"),
        ("query.server.token", "hunter2"),
        ("ui.allow.actions", "true"),
        ("ui.enabled", "false"),
        ("topic.min.insync.replicas", "2"),
        ("consumer.fetch.min.bytes", "12"),
    ])
    .unwrap();
    let mut expected = StreamsConfig {
        client_id: Some("blue".to_owned()),
        bootstrap_servers: Some("a:9092".to_owned()),
        num_stream_threads: 4,
        processing_guarantee: Some(Guarantee::ExactlyOnce),
        commit_interval: Some(Duration::from_millis(1)),
        statestore_cache_max_bytes: 2,
        statestore_uncommitted_max_bytes: 3,
        state_dir: PathBuf::from("d"),
        max_task_idle: None,
        event_time_alignment: Some(Duration::from_millis(12)),
        buffered_records_per_partition: 5,
        input_buffer_max_bytes: 18,
        memory_max_bytes: Some(19),
        poll: Duration::from_millis(6),
        replication_factor: Some(7),
        auto_offset_reset: Some(OffsetReset::Latest),
        timestamps: TimestampPolicy::Skip,
        metadata_max_age: Some(Duration::from_millis(13)),
        isolation_level: Some(IsolationLevel::ReadCommitted),
        create_internal_topics: CreateInternalTopics::Always,
        on_changelog_loss: OnChangelogLoss::Rebuild,
        errors: ErrorSettings {
            undecodable: OnError::Skip,
            processing: OnError::DeadLetter,
            production: OnError::Skip,
            retries: 14,
            retry_backoff: Duration::from_millis(15),
            retry_backoff_max: Duration::from_millis(16),
            dead_letter_topic: Some("dead".to_owned()),
            dead_letter_drops: BTreeSet::from([DropReason::Late]),
            future_max: Some(Duration::from_millis(17)),
            future: OnFuture::Clamp,
        },
        session_timeout: Duration::from_millis(8),
        max_poll_interval: Duration::from_millis(9),
        transaction_timeout: Some(Duration::from_millis(10)),
        task_timeout: Duration::from_millis(11),
        task_stall_timeout: Duration::from_millis(19),
        task_stall: OnStall::Leave,
        handler_stop_timeout: Duration::from_millis(19),
        recording_level: RecordingLevel::Debug,
        application_server: Some("[::1]:7071".to_owned()),
        query_server_peers: vec!["a".to_owned(), "b".to_owned()],
        query_server_bind: Some("[::1]:7070".to_owned()),
        query_server_token: Some(Secret::new("hunter2")),
        ui_allow_actions: true,
        ui_enabled: false,
        origins: config.origins.clone(),
        ..StreamsConfig::new("app").unwrap()
    };
    expected.topics.set("min.insync.replicas", "2").unwrap();
    expected.clients.set(ClientScope::Consumer, "fetch.min.bytes", "12").unwrap();
    assert_eq!(config, expected);
}

#[test]
fn values_that_make_no_sense_are_refused_with_a_sentence() {
    for (key, value, expected) in [
        ("application.id", "../x", "a name may contain only letters, digits, `.`, `_` and `-`; byte 2 is none of them"),
        ("application.id", "", "a name cannot be empty"),
        ("num.stream.threads", "0", "`0` is not a whole number from 1 to 1024"),
        ("num.stream.threads", "two", "`two` is not a whole number from 1 to 1024"),
        ("processing.guarantee", "exactly-once", "`exactly-once` is not one of `at_least_once`, `exactly_once_v2`"),
        ("processing.guarantee", "exactly_once", "Kafka Streams 4.0 has removed that name; write `exactly_once_v2`"),
        (
            "commit.interval.ms",
            "soon",
            "`soon` is not a duration; write milliseconds, such as `500`, or a number with its unit, such as `30s`",
        ),
        ("commit.interval.ms", "0", "it must be at least 1 ms"),
        (
            "statestore.cache.max.bytes",
            "-1",
            "`-1` is not a size; write bytes, such as `10485760`, or a number with its unit, such as `10MiB`",
        ),
        ("state.dir", " ", "it is empty"),
        ("application.server", "web-1", "`web-1` is not a host and a port, such as `10.0.0.7:7070`"),
        (
            "application.server",
            "http://web-1:7070",
            "`http://web-1:7070` is not a host and a port, such as `10.0.0.7:7070`",
        ),
        ("replication.factor", "0", "`0` is not a whole number from 1 to 32767"),
        ("replication.factor", "40000", "`40000` is not a whole number from 1 to 32767"),
        (
            "auto.offset.reset",
            "by_duration",
            "`by_duration` is not one of `earliest`, `latest`, `none`, and not `by_duration:PT1H`, \
             `since:2026-01-31T12:00:00Z` or `offset:42` or so",
        ),
        ("auto.offset.reset", "since:yesterday", "`yesterday` is not a time, such as `2026-01-31T12:00:00Z`"),
        ("auto.offset.reset", "since:2026-01-31", "`2026-01-31` is not a time, such as `2026-01-31T12:00:00Z`"),
        ("auto.offset.reset", "offset:-1", "`-1` is not an offset, such as `42`"),
        ("auto.offset.reset", "by_duration:1h", "`1h` is not a duration such as `PT1H30M` or `P7D`"),
        (
            "default.timestamp.extractor",
            "org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp",
            "write `skip` instead of Java's class",
        ),
        (
            "default.timestamp.extractor",
            "com.example.EventTime",
            "Java classes cannot be used; an extractor of your own is a closure, `.timestamped_by(..)` after the source",
        ),
        (
            "default.timestamp.extractor",
            "wallclock",
            "`wallclock` is not one of `fail`, `skip`, `partition_time`, `wall_clock`",
        ),
        ("deserialization.exception.handler", "dlq", "`dlq` is not one of `fail`, `skip`, `dead-letter`"),
        (
            "errors.dead.letter.queue.topic.name",
            "a/b",
            "a name may contain only letters, digits, `.`, `_` and `-`; byte 1 is none of them",
        ),
        (
            "errors.dead.letter.queue.drops",
            "late, gone",
            "`gone` is not one of `null-key`, `null-value`, `late`, `no-partition`, `null-foreign-key`, `expired`, `outdated`",
        ),
        (
            "deserialization.exception.handler",
            "org.apache.kafka.streams.errors.LogAndContinueExceptionHandler",
            "write `skip` or `dead-letter` instead of Java's class",
        ),
        (
            "deserialization.exception.handler",
            "org.apache.kafka.streams.errors.LogAndFailExceptionHandler",
            "write `fail` instead of Java's class",
        ),
        (
            "deserialization.exception.handler",
            "com.example.Mine",
            "Java classes cannot be used; write `fail`, `skip` or `dead-letter`, or give the application a handler with \
             `.handle_errors(..)`",
        ),
    ] {
        assert_eq!(problem(key, value), expected, "{key} = {value}");
    }
}

#[test]
fn typos_are_answered_with_the_name_that_was_meant() {
    for (typo, meant) in [
        ("commit.intervall.ms", "commit.interval.ms"),
        ("commit.interval", "commit.interval.ms"),
        ("num.stream.thread", "num.stream.threads"),
        ("num_stream_threads", "num.stream.threads"),
        ("aplication.id", "application.id"),
        ("procesing.guarantee", "processing.guarantee"),
        ("statestore.cache.max.byte", "statestore.cache.max.bytes"),
        ("stat.dir", "state.dir"),
        ("bootstrap.server", "bootstrap.servers"),
        ("replication.facotr", "replication.factor"),
        ("sassl.password", "sasl.password"),
        ("consumers.fetch.min.bytes", "consumer.fetch.min.bytes"),
    ] {
        assert_eq!(problem(typo, "1"), format!("there is no such setting; did you mean `{meant}`?"));
    }
    for (typo, meant) in [
        ("consumer.fetch.min.byte", "consumer.fetch.min.bytes"),
        ("restore.consumer.fetch.min.bites", "restore.consumer.fetch.min.bytes"),
        ("producer.lingr.ms", "producer.linger.ms"),
        ("sasl.pasword", "sasl.password"),
        ("ssl.ca.locatoin", "ssl.ca.location"),
        ("topic.retention.mss", "topic.retention.ms"),
        ("topic.min.insync.replica", "topic.min.insync.replicas"),
    ] {
        assert_eq!(problem(typo, "1"), format!("did you mean `{meant}`?"));
    }
    for nothing_like_it in ["x", "completely.different", "my.own.namespace.key"] {
        assert_eq!(
            problem(nothing_like_it, "1"),
            "there is no such setting; settings of Kafka clients start with `consumer.`, `producer.` or `admin.`"
        );
    }
}

#[test]
fn names_that_only_newer_clients_and_brokers_know_are_handed_on() {
    let config = read(&[("consumer.brand.new.setting", "1"), ("topic.brand.new.setting", "2")]).unwrap();
    assert_eq!(config.clients.of(ClientScope::MainConsumer)["brand.new.setting"], "1");
    assert_eq!(config.topics.iter().collect::<Vec<_>>(), [("brand.new.setting", "2")]);
}

#[test]
fn what_the_engine_owns_is_refused_for_every_client() {
    let prefixes = ["consumer.", "main.consumer.", "restore.consumer.", "producer.", "admin."];
    let mut refused = 0;
    for name in owned_names() {
        for prefix in prefixes {
            let answer = problem(&format!("{prefix}{name}"), "1");
            assert!(!answer.contains("no such setting") && answer.len() > 15, "{prefix}{name}: {answer}");
            refused += 1;
        }
    }
    assert!(refused > 100, "{refused}");
    for (key, part) in [
        ("consumer.enable.auto.commit", "committed together with the state"),
        ("consumer.auto.offset.reset", "write `auto.offset.reset` without a prefix"),
        ("main.consumer.isolation.level", "follows from `processing.guarantee`"),
        ("producer.enable.idempotence", "always on"),
        ("producer.transactional.id", "fences a zombie"),
        ("consumer.group.id", "it is `application.id`"),
        ("consumer.group.instance.id", "the file `process-id` in the state folder"),
        ("consumer.check.crcs", "always on"),
        ("producer.acks", "every replica in sync"),
        ("producer.partitioner", "murmur2"),
        ("restore.consumer.enable.partition.eof", "caught up"),
        ("enable.auto.commit", "committed together with the state"),
        ("group.id", "it is `application.id`"),
    ] {
        let answer = problem(key, "1");
        assert!(answer.contains(part), "{key}: {answer}");
    }
}

#[test]
fn what_only_java_has_is_refused_with_advice() {
    for (key, part) in [
        ("sasl.jaas.config", "`sasl.username` and `sasl.password`"),
        ("ssl.truststore.location", "`ssl.ca.location`"),
        ("ssl.truststore.password", "`ssl.ca.location`"),
        ("ssl.keystore.type", "`ssl.certificate.location` and `ssl.key.location`"),
        ("consumer.ssl.truststore.location", "`ssl.ca.location`"),
        ("default.key.serde", "types choose the format"),
        ("default.value.serde", "types choose the format"),
        ("rocksdb.config.setter", "chosen in code"),
        ("default.production.exception.handler", "write `production.exception.handler`"),
        ("processing.exception.handler.global.enabled", "a failure in a global processor"),
        ("default.deserialization.exception.handler", "write `deserialization.exception.handler`"),
        ("consumer.max.poll.records", "`buffered.records.per.partition`"),
        ("partition.assignment.strategy", "range assignments"),
        ("upgrade.from", "no older version"),
        ("built.in.metrics.version", "no older version"),
        ("num.standby.replicas", "no standby tasks yet"),
        ("cache.max.bytes.buffering", "`statestore.cache.max.bytes`"),
        ("rack.aware.assignment.non_overlap_cost", "range"),
        ("state.cleanup.delay.ms", "by age"),
        ("consumer.fetch.max.wait.ms", "`fetch.wait.max.ms`"),
        ("producer.buffer.memory", "`queue.buffering.max.kbytes`"),
        ("producer.key.serializer", "types choose the format"),
        ("request.timeout.ms", "write `producer.` before it"),
        ("reconnect.backoff.ms", "`consumer.reconnect.backoff.ms`"),
        ("fetch.min.bytes", "write `consumer.` before it"),
        ("consumer.linger.ms", "write `producer.` before it"),
        ("producer.fetch.min.bytes", "write `consumer.` before it"),
        ("global.consumer.fetch.min.bytes", "write `consumer.`"),
        ("client.tag.zone", "standby"),
    ] {
        let answer = problem(key, "1");
        assert!(answer.contains(part), "{key}: {answer}");
    }
    let answer = problem("ssl.keystore.location", "/etc/kafka/client.JKS");
    assert!(answer.contains("only PKCS#12"), "{answer}");
    assert!(read(&[("ssl.keystore.location", "/etc/kafka/client.p12")]).is_ok());
}

/// A Java user can paste a whole configuration: every name is either accepted or answered with more than "there is no
/// such setting".
#[test]
fn every_name_that_java_knows_is_taken_or_answered() {
    for (prefix, names) in [
        ("", JAVA_STREAMS),
        ("consumer.", JAVA_CONSUMER),
        ("main.consumer.", JAVA_CONSUMER),
        ("producer.", JAVA_PRODUCER),
        ("admin.", JAVA_ADMIN),
    ] {
        for name in names.split_whitespace() {
            let key = format!("{prefix}{name}");
            let mut config = StreamsConfig::new("app").unwrap();
            let taken = if prefix.is_empty() {
                SETTINGS.iter().any(|setting| setting.name == name) || layers::is_security(name)
            } else {
                let scope = ClientScope::PREFIXED.into_iter().find(|scope| scope.prefix() == prefix).unwrap();
                scope.names().any(|known| known == name) && config.clients.set(scope, name, "1").is_ok()
            };
            if !taken {
                let errors = read(&[(&key, "1")]).expect_err(&key);
                assert!(!errors.to_string().contains("no such setting;"), "{errors}");
                assert!(!errors.to_string().contains("did you mean"), "{errors}");
            }
        }
    }
}

#[test]
fn later_layers_win_in_whatever_order_they_are_added() {
    let folder = tempfile::tempdir().unwrap();
    let low = folder.path().join("low.properties");
    let high = folder.path().join("high.toml");
    std::fs::write(&low, "num.stream.threads=3\npoll.ms: 3\ntask.timeout.ms 3\nstate.dir = low\n").unwrap();
    std::fs::write(&high, "num.stream.threads = 4\n[poll]\nms = 4\n[task.timeout]\nms = \"4s\"\n").unwrap();
    let config = Layers::new()
        .argument("num.stream.threads=6")
        .environment_of([("KSTREAM_NUM_STREAM_THREADS", "5"), ("KSTREAM_POLL_MS", "5")])
        .file(&low)
        .file(&high)
        .set("application.id", "app")
        .set("num.stream.threads", 2)
        .set("session.timeout.ms", 2)
        .read()
        .unwrap();
    // The setting for which each layer is the highest, and the origin that is printed for it.
    for (line, from) in [
        ("num.stream.threads = 6", "command line".to_owned()),
        ("poll.ms = 5ms", "KSTREAM_POLL_MS".to_owned()),
        ("task.timeout.ms = 4s", format!("{}:5", high.display())),
        ("state.dir = low", format!("{}:4", low.display())),
        ("session.timeout.ms = 2ms", "code".to_owned()),
        ("max.poll.interval.ms = 5m", "default".to_owned()),
        ("application.id = app", "code".to_owned()),
    ] {
        let line = format!("{line} ({from})");
        assert!(config.to_string().lines().any(|printed| printed == line), "{line} is not in\n{config}");
    }
}

#[test]
fn the_programs_own_struct_is_the_lowest_layer() {
    let built = StreamsConfig { num_stream_threads: 2, ..StreamsConfig::new("app").unwrap() };
    let config = Layers::over(built.clone()).read().unwrap();
    assert_eq!(config, built);
    assert!(config.to_string().contains("num.stream.threads = 2 (code)"));
    let mut config = Layers::over(built)
        .environment_of([("KSTREAM_NUM_STREAM_THREADS", "3"), ("KSTREAM_APPLICATION_ID", "other")])
        .read()
        .unwrap();
    assert_eq!((config.application_id.as_str(), config.num_stream_threads), ("other", 3));
    // The program has the last word, and the origin says so.
    config.num_stream_threads = 9;
    assert!(config.to_string().contains("num.stream.threads = 9 (code)"), "{config}");
}

#[test]
fn the_transaction_timeout_stays_below_the_session_timeout_unless_it_is_set() {
    let session = |value| ("session.timeout.ms", value);
    for (entries, expected) in [
        (&[][..], "10s (default)"),
        (&[session("60s")], "10s (default)"),
        (&[session("6s")], "4s (because of session.timeout.ms, code)"),
        (&[session("6s"), ("transaction.timeout.ms", "5s")], "5s (code)"),
        (&[("transaction.timeout.ms", "20s")], "20s (code)"),
    ] {
        let printed = read(entries).unwrap().to_string();
        let line = printed.lines().find_map(|line| line.strip_prefix("transaction.timeout.ms = "));
        assert_eq!(line, Some(expected), "{entries:?}");
    }
}

/// Regression: a commit interval that nobody had set was said to come from the code. As long as the log is to decide the
/// guarantee, what is printed must be true on any log.
#[test]
fn a_setting_that_follows_the_guarantee_says_so() {
    let guarantee = ("processing.guarantee", "exactly_once_v2");
    let built =
        StreamsConfig { processing_guarantee: Some(Guarantee::ExactlyOnce), ..StreamsConfig::new("app").unwrap() };
    let from_environment = Layers::over(StreamsConfig::new("app").unwrap())
        .environment_of([("KSTREAM_PROCESSING_GUARANTEE", "exactly_once_v2")])
        .read()
        .unwrap();
    for (config, interval, isolation) in [
        (
            read(&[]).unwrap(),
            "decided by the guarantee: 100ms under exactly_once_v2, 30s under at_least_once (default)",
            "decided by the guarantee: read_committed under exactly_once_v2, read_uncommitted under at_least_once (default)",
        ),
        (
            read(&[("processing.guarantee", "at_least_once")]).unwrap(),
            "30s (BECAUSE, code)",
            "read_uncommitted (BECAUSE, code)",
        ),
        (read(&[guarantee]).unwrap(), "100ms (BECAUSE, code)", "read_committed (BECAUSE, code)"),
        (built, "100ms (BECAUSE, code)", "read_committed (BECAUSE, code)"),
        (
            from_environment,
            "100ms (BECAUSE, KSTREAM_PROCESSING_GUARANTEE)",
            "read_committed (BECAUSE, KSTREAM_PROCESSING_GUARANTEE)",
        ),
        (read(&[guarantee, ("commit.interval.ms", "5s")]).unwrap(), "5s (code)", "read_committed (BECAUSE, code)"),
    ] {
        let printed = config.to_string().replace("because of processing.guarantee", "BECAUSE");
        let value = |name: &str| {
            let line = printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(" = "));
            line.unwrap_or_else(|| panic!("{name} is not in\n{printed}")).to_owned()
        };
        assert_eq!(value("commit.interval.ms"), interval, "{printed}");
        assert_eq!(value("consumer.isolation.level"), isolation, "{printed}");
    }
    let unset = "decided by the log: exactly_once_v2 on an embedded log, at_least_once on Kafka (default)";
    let printed = read(&[]).unwrap().to_string();
    assert!(printed.contains(&format!("\nprocessing.guarantee = {unset}\n")), "{printed}");
}

#[test]
fn everything_that_is_wrong_is_told_at_once() {
    let errors = Layers::new()
        .set("num.stream.threads", 0)
        .environment_of([("KSTREAM_POLL_MS", "soon"), ("KSTREAM_POL_MS", "1"), ("PATH", "/bin"), ("KSTREAMS", "x")])
        .argument("nonsense")
        .read()
        .unwrap_err();
    let subjects: Vec<&str> = errors.problems().iter().map(|error| error.subject.as_str()).collect();
    assert_eq!(subjects, ["KSTREAM_POL_MS", "an argument", "application.id", "num.stream.threads", "poll.ms"]);
    let text = errors.to_string();
    assert!(text.contains("\n- poll.ms (KSTREAM_POLL_MS): `soon` is not a duration"), "{text}");
    assert!(text.contains("did you mean `KSTREAM_POLL_MS`?"), "{text}");
}

#[test]
fn the_environment_is_looked_up_among_known_names() {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, " s3cret\r\n").unwrap();
    let secret = secret.display().to_string();
    let config = Layers::new()
        .environment_of([
            ("KSTREAM_APPLICATION_ID", "app"),
            ("KSTREAM_BOOTSTRAP_SERVERS", "a:1"),
            ("KSTREAM_CONSUMER__FETCH_MIN_BYTES", "1"),
            ("KSTREAM_MAIN_CONSUMER__FETCH_MIN_BYTES", "2"),
            ("KSTREAM_PRODUCER__BRAND_NEW", "3"),
            ("KSTREAM_TOPIC__MIN_INSYNC_REPLICAS", "4"),
            ("KSTREAM_SECURITY_PROTOCOL", "sasl_ssl"),
            ("KSTREAM_ENABLE_SSL_CERTIFICATE_VERIFICATION", "false"),
            ("KSTREAM_SASL_OAUTHBEARER_ASSERTION_FILE", "/not/read/by/us"),
            ("KSTREAM_SASL_PASSWORD_FILE", secret.as_str()),
            ("kstream_poll_ms", "not ours"),
        ])
        .read()
        .unwrap();
    assert_eq!(config.bootstrap_servers.as_deref(), Some("a:1"));
    assert_eq!(config.topics.iter().collect::<Vec<_>>(), [("min.insync.replicas", "4")]);
    let main = config.clients.of(ClientScope::MainConsumer);
    assert_eq!(
        main.into_iter().collect::<Vec<_>>(),
        [
            ("enable.ssl.certificate.verification", "false"),
            ("fetch.min.bytes", "2"),
            ("sasl.oauthbearer.assertion.file", "/not/read/by/us"),
            ("sasl.password", " s3cret"),
            ("security.protocol", "sasl_ssl"),
        ]
    );
    assert_eq!(config.clients.of(ClientScope::RestoreConsumer)["fetch.min.bytes"], "1");
    assert_eq!(config.clients.of(ClientScope::Producer)["brand.new"], "3");
    assert!(!config.clients.of(ClientScope::Admin).contains_key("fetch.min.bytes"));
}

#[test]
fn wrong_variables_are_answered() {
    for (name, value, part) in [
        ("KSTREAM_SASL_JAAS_CONFIG", "x", "`sasl.username`"),
        ("KSTREAM_RACK_AWARE_ASSIGNMENT_NON_OVERLAP_COST", "1", "range"),
        ("KSTREAM_CONSUMER__GROUP_ID", "x", "it is `application.id`"),
        ("KSTREAM_GROUP_ID", "x", "it is `application.id`"),
        ("KSTREAM_CONSUMER__MAX_POLL_RECORDS", "1", "`buffered.records.per.partition`"),
        ("KSTREAM_GLOBAL_CONSUMER__FETCH_MIN_BYTES", "1", "write `consumer.`"),
        ("KSTREAM_NUM_STREAM_THREAD", "1", "did you mean `KSTREAM_NUM_STREAM_THREADS`?"),
        ("KSTREAM_CONSUMER_FETCH_MIN_BYTES", "1", "two underscores"),
        ("KSTREAM_CONSUMER__", "1", "no such setting"),
        ("KSTREAM_", "1", "no such setting"),
        ("KSTREAM_SASL_PASSWORD_FILE", "/does/not/exist", "/does/not/exist cannot be read"),
        ("KSTREAM_NONSENSE_FILE", "/dev/null", "no such setting"),
    ] {
        let errors = Layers::new().set("application.id", "app").environment_of([(name, value)]).read().unwrap_err();
        assert!(errors.to_string().contains(part), "{name}: {errors}");
        assert!(errors.to_string().contains(name), "{name}: {errors}");
    }
}

#[test]
fn no_two_names_share_a_variable() {
    let names: BTreeSet<&str> = bare_names().collect();
    let variables: BTreeSet<String> = names.iter().map(|name| in_capitals(name)).collect();
    assert_eq!(names.len(), variables.len());
}

fn read_file(name: &str, text: &[u8]) -> Result<StreamsConfig, ConfigErrors> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    Layers::new().set("application.id", "app").file(&path).read()
}

#[test]
fn properties_are_read_as_java_reads_them() {
    let text = "# comment\n! comment\n\nnum.stream.threads = 3\nclient.id: a\\\n  b\nstate.dir\tx\\u00e9y é\n\
                consumer.client.rack=a=b:c\nsasl.password=tab\\tand\\\\slash \n";
    let config = read_file("app.properties", text.as_bytes()).unwrap();
    assert_eq!(config.num_stream_threads, 3);
    assert_eq!(config.client_id.as_deref(), Some("ab"));
    assert_eq!(config.state_dir, PathBuf::from("xéy é"));
    assert_eq!(config.clients.of(ClientScope::Consumer)["client.rack"], "a=b:c");
    assert_eq!(config.clients.of(ClientScope::Consumer)["sasl.password"], "tab\tand\\slash ");
}

#[test]
fn toml_tables_make_dotted_names() {
    let text = br#"
        bootstrap.servers = ["a:9092", "b:9092"]
        "commit.interval.ms" = 1_000
        statestore = { cache.max.bytes = "1MiB", uncommitted.max.bytes = 0x10 }
        [consumer]
        enable.metrics.push = true
        [sasl]
        password = 'p"w'
    "#;
    let config = read_file("app.toml", text).unwrap();
    assert_eq!(config.bootstrap_servers.as_deref(), Some("a:9092,b:9092"));
    assert_eq!(config.commit_interval, Some(Duration::from_secs(1)));
    assert_eq!(config.statestore_cache_max_bytes, 1024 * 1024);
    assert_eq!(config.statestore_uncommitted_max_bytes, 16);
    assert_eq!(config.clients.of(ClientScope::Consumer)["enable.metrics.push"], "true");
    assert_eq!(config.clients.of(ClientScope::Admin)["sasl.password"], "p\"w");
}

#[test]
fn files_that_cannot_be_used_are_errors_with_a_line() {
    for (name, text, expected) in [
        ("app.yaml", &b"a: b"[..], "app.yaml): its name should end in `.properties` or `.toml`"),
        ("app.properties", b"poll.ms=1\npoll.ms=2", "poll.ms (app.properties:2): it is already set in line 1"),
        ("app.properties", b"\n\npoll.mss=1", "poll.mss (app.properties:3): there is no such setting"),
        ("app.properties", b"client.id=\\u00zz", "the file (app.properties:1): Malformed"),
        ("app.properties", b"client.id=\xff", "the file (app.properties): it cannot be read"),
        ("app.toml", b"poll.ms = 1\n\"poll.ms\" = 2", "poll.ms (app.toml:2): it is already set in line 1"),
        ("app.toml", b"poll.ms = 1\npoll.ms = 2", "the file (app.toml:2): duplicate key"),
        ("app.toml", b"poll.ms = 1\nstate.dir = 2020-01-01", "the file (app.toml:2): `state.dir` is a datetime"),
        (
            "app.toml",
            b"poll.ms = [[1]]",
            "the file (app.toml:1): `poll.ms` is a list of something other than plain values",
        ),
        ("app.toml", b"poll.ms = 1.5", "poll.ms (app.toml:1): `1.5` is not a duration"),
    ] {
        let errors = read_file(name, text).unwrap_err().to_string();
        // The folder's name differs from run to run.
        let told = errors.split('\n').nth(1).unwrap_or_default();
        let (subject, rest) = told.split_once(" (").unwrap();
        let short = format!("{subject} ({}", &rest[rest.find(name).unwrap()..]);
        assert!(short.contains(expected), "{short}");
    }
    let errors = Layers::new().set("application.id", "app").file("/does/not/exist.toml").read().unwrap_err();
    assert!(errors.to_string().contains("the file (/does/not/exist.toml): it cannot be read"), "{errors}");
}

/// However a secret is set, no output shows it.
#[test]
fn secrets_are_never_shown() {
    const CANARY: &str = "canary-7f3a";
    let mut keys: Vec<String> = foreign_names::SECRETS.iter().map(|name| (*name).to_owned()).collect();
    keys.extend(
        ["sasl.brand.new", "consumer.brand.new", "producer.sasl.password", "topic.brand.new"].map(str::to_owned),
    );
    for key in keys {
        let layers = Layers::new().set("application.id", "app").set(&key, CANARY);
        assert!(!format!("{layers:?}").contains(CANARY), "{key}");
        let config = layers.read().unwrap();
        for shown in [config.to_string(), format!("{config:?}"), format!("{config:#?}")] {
            assert!(shown.contains(&key), "{key} is shown");
            assert!(!shown.contains(CANARY), "{key} is shown with its value");
        }
    }
    for (name, text) in [
        ("app.toml", "sasl.password = \"canary-7f3a"),
        ("app.toml", "sasl.password = canary-7f3a"),
        ("app.toml", "[sasl]\npassword = \"a\" canary-7f3a"),
        ("app.toml", "sasl.password = [[\"canary-7f3a\"]]"),
        ("app.toml", "sasl.pasword = \"canary-7f3a\""),
        ("app.properties", "sasl.password = canary-7f3a\\u00zz"),
        ("app.properties", "sasl.jaas.config = canary-7f3a"),
        ("app.properties", "sasl.password = canary-7f3a\nsasl.password = canary-7f3a"),
    ] {
        let errors = read_file(name, text.as_bytes()).unwrap_err();
        assert!(!errors.to_string().contains(CANARY), "{errors}");
        assert!(!format!("{errors:?}").contains(CANARY), "{errors:?}");
    }
    let errors = Layers::new().argument(CANARY).argument("sasl.pasword=canary-7f3a").read().unwrap_err();
    assert!(!errors.to_string().contains(CANARY), "{errors}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(key in "[a-zA-Z._=]{0,30}", value: String, index in 0..SETTINGS.len()) {
        let _ = read(&[(&key, &value), (SETTINGS[index].name, &value)]);
        let _ = Layers::new().environment_of([(format!("KSTREAM_{key}"), value.clone())]).argument(&value).read();
    }

    #[test]
    fn no_file_makes_it_panic(text: String, lines in "([a-z.]{0,9}[=: \\\\\"\\[\\]{}]{0,3}[a-z0-9u\\\\]{0,6}\n?){0,6}") {
        for text in [text, lines] {
            let _ = file::toml(&text);
            let _ = file::properties(&text);
        }
    }
}

/// `StreamsConfig.configDef().names()` of kafka-streams 4.3.1, printed by a small Java program.
const JAVA_STREAMS: &str = "
    acceptable.recovery.lag allow.os.group.write.access application.id application.server bootstrap.servers
    buffered.records.per.partition built.in.metrics.version cache.max.bytes.buffering client.id
    commit.interval.ms config.providers connections.max.idle.ms default.client.supplier
    default.deserialization.exception.handler default.dsl.store default.key.serde
    default.list.key.serde.inner default.list.key.serde.type default.list.value.serde.inner
    default.list.value.serde.type default.production.exception.handler default.timestamp.extractor
    default.value.serde deserialization.exception.handler dsl.store.format dsl.store.suppliers.class
    enable.metrics.push ensure.explicit.internal.resource.naming errors.dead.letter.queue.topic.name
    group.protocol log.summary.interval.ms max.task.idle.ms max.warmup.replicas metadata.max.age.ms
    metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters metrics.num.samples
    metrics.recording.level metrics.sample.window.ms num.standby.replicas num.stream.threads poll.ms
    probing.rebalance.interval.ms processing.exception.handler processing.exception.handler.global.enabled
    processing.guarantee processor.wrapper.class production.exception.handler
    rack.aware.assignment.non_overlap_cost rack.aware.assignment.strategy rack.aware.assignment.tags
    rack.aware.assignment.traffic_cost receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms
    repartition.purge.interval.ms replication.factor request.timeout.ms retry.backoff.ms
    rocksdb.config.setter security.protocol send.buffer.bytes state.cleanup.delay.ms
    state.cleanup.dir.max.age.ms state.dir statestore.cache.max.bytes task.assignor.class task.timeout.ms
    topology.optimization upgrade.from window.size.ms windowed.inner.class.serde
    windowstore.changelog.additional.retention.ms
";

/// `ConsumerConfig.configNames()` of kafka-clients 4.3.1.
const JAVA_CONSUMER: &str = "
    allow.auto.create.topics auto.commit.interval.ms auto.offset.reset bootstrap.servers check.crcs
    client.dns.lookup client.id client.rack config.providers connections.max.idle.ms default.api.timeout.ms
    enable.auto.commit enable.metrics.push exclude.internal.topics fetch.max.bytes fetch.max.wait.ms
    fetch.min.bytes group.id group.instance.id group.protocol group.remote.assignor heartbeat.interval.ms
    interceptor.classes internal.throw.on.fetch.stable.offset.unsupported isolation.level key.deserializer
    max.partition.fetch.bytes max.poll.interval.ms max.poll.records metadata.max.age.ms
    metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters metrics.num.samples
    metrics.recording.level metrics.sample.window.ms partition.assignment.strategy receive.buffer.bytes
    reconnect.backoff.max.ms reconnect.backoff.ms request.timeout.ms retry.backoff.max.ms retry.backoff.ms
    sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.kinit.cmd
    sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter
    sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class sasl.login.class
    sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
    sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
    sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.mechanism
    sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
    sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
    sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
    sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
    sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase
    sasl.oauthbearer.assertion.template.file sasl.oauthbearer.client.credentials.client.id
    sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.clock.skew.seconds
    sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer sasl.oauthbearer.header.urlencode
    sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
    sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope
    sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url
    security.protocol security.providers send.buffer.bytes session.timeout.ms share.acknowledgement.mode
    share.acquire.mode socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
    ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.engine.factory.class
    ssl.key.password ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key
    ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.protocol ssl.provider
    ssl.secure.random.implementation ssl.trustmanager.algorithm ssl.truststore.certificates
    ssl.truststore.location ssl.truststore.password ssl.truststore.type value.deserializer
";

/// `ProducerConfig.configNames()` of kafka-clients 4.3.1.
const JAVA_PRODUCER: &str = "
    acks batch.size bootstrap.servers buffer.memory client.dns.lookup client.id compression.gzip.level
    compression.lz4.level compression.type compression.zstd.level config.providers connections.max.idle.ms
    delivery.timeout.ms enable.idempotence enable.metrics.push interceptor.classes key.serializer linger.ms
    max.block.ms max.in.flight.requests.per.connection max.request.size metadata.max.age.ms
    metadata.max.idle.ms metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy
    metric.reporters metrics.num.samples metrics.recording.level metrics.sample.window.ms
    partitioner.adaptive.partitioning.enable partitioner.availability.timeout.ms partitioner.class
    partitioner.ignore.keys receive.buffer.bytes reconnect.backoff.max.ms reconnect.backoff.ms
    request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms sasl.client.callback.handler.class
    sasl.jaas.config sasl.kerberos.kinit.cmd sasl.kerberos.min.time.before.relogin
    sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter sasl.kerberos.ticket.renew.window.factor
    sasl.login.callback.handler.class sasl.login.class sasl.login.connect.timeout.ms
    sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds sasl.login.refresh.min.period.seconds
    sasl.login.refresh.window.factor sasl.login.refresh.window.jitter sasl.login.retry.backoff.max.ms
    sasl.login.retry.backoff.ms sasl.mechanism sasl.oauthbearer.assertion.algorithm
    sasl.oauthbearer.assertion.claim.aud sasl.oauthbearer.assertion.claim.exp.seconds
    sasl.oauthbearer.assertion.claim.iss sasl.oauthbearer.assertion.claim.jti.include
    sasl.oauthbearer.assertion.claim.nbf.seconds sasl.oauthbearer.assertion.claim.sub
    sasl.oauthbearer.assertion.file sasl.oauthbearer.assertion.private.key.file
    sasl.oauthbearer.assertion.private.key.passphrase sasl.oauthbearer.assertion.template.file
    sasl.oauthbearer.client.credentials.client.id sasl.oauthbearer.client.credentials.client.secret
    sasl.oauthbearer.clock.skew.seconds sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer
    sasl.oauthbearer.header.urlencode sasl.oauthbearer.jwks.endpoint.refresh.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.ms
    sasl.oauthbearer.jwks.endpoint.url sasl.oauthbearer.jwt.retriever.class
    sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope sasl.oauthbearer.scope.claim.name
    sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url security.protocol security.providers
    send.buffer.bytes socket.connection.setup.timeout.max.ms socket.connection.setup.timeout.ms
    ssl.cipher.suites ssl.enabled.protocols ssl.endpoint.identification.algorithm ssl.engine.factory.class
    ssl.key.password ssl.keymanager.algorithm ssl.keystore.certificate.chain ssl.keystore.key
    ssl.keystore.location ssl.keystore.password ssl.keystore.type ssl.protocol ssl.provider
    ssl.secure.random.implementation ssl.trustmanager.algorithm ssl.truststore.certificates
    ssl.truststore.location ssl.truststore.password ssl.truststore.type transaction.timeout.ms
    transaction.two.phase.commit.enable transactional.id value.serializer
";

/// `AdminClientConfig.configNames()` of kafka-clients 4.3.1.
const JAVA_ADMIN: &str = "
    bootstrap.controllers bootstrap.servers client.dns.lookup client.id config.providers
    connections.max.idle.ms default.api.timeout.ms enable.metrics.push metadata.max.age.ms
    metadata.recovery.rebootstrap.trigger.ms metadata.recovery.strategy metric.reporters metrics.num.samples
    metrics.recording.level metrics.sample.window.ms receive.buffer.bytes reconnect.backoff.max.ms
    reconnect.backoff.ms request.timeout.ms retries retry.backoff.max.ms retry.backoff.ms
    sasl.client.callback.handler.class sasl.jaas.config sasl.kerberos.kinit.cmd
    sasl.kerberos.min.time.before.relogin sasl.kerberos.service.name sasl.kerberos.ticket.renew.jitter
    sasl.kerberos.ticket.renew.window.factor sasl.login.callback.handler.class sasl.login.class
    sasl.login.connect.timeout.ms sasl.login.read.timeout.ms sasl.login.refresh.buffer.seconds
    sasl.login.refresh.min.period.seconds sasl.login.refresh.window.factor sasl.login.refresh.window.jitter
    sasl.login.retry.backoff.max.ms sasl.login.retry.backoff.ms sasl.mechanism
    sasl.oauthbearer.assertion.algorithm sasl.oauthbearer.assertion.claim.aud
    sasl.oauthbearer.assertion.claim.exp.seconds sasl.oauthbearer.assertion.claim.iss
    sasl.oauthbearer.assertion.claim.jti.include sasl.oauthbearer.assertion.claim.nbf.seconds
    sasl.oauthbearer.assertion.claim.sub sasl.oauthbearer.assertion.file
    sasl.oauthbearer.assertion.private.key.file sasl.oauthbearer.assertion.private.key.passphrase
    sasl.oauthbearer.assertion.template.file sasl.oauthbearer.client.credentials.client.id
    sasl.oauthbearer.client.credentials.client.secret sasl.oauthbearer.clock.skew.seconds
    sasl.oauthbearer.expected.audience sasl.oauthbearer.expected.issuer sasl.oauthbearer.header.urlencode
    sasl.oauthbearer.jwks.endpoint.refresh.ms sasl.oauthbearer.jwks.endpoint.retry.backoff.max.ms
    sasl.oauthbearer.jwks.endpoint.retry.backoff.ms sasl.oauthbearer.jwks.endpoint.url
    sasl.oauthbearer.jwt.retriever.class sasl.oauthbearer.jwt.validator.class sasl.oauthbearer.scope
    sasl.oauthbearer.scope.claim.name sasl.oauthbearer.sub.claim.name sasl.oauthbearer.token.endpoint.url
    security.protocol security.providers send.buffer.bytes socket.connection.setup.timeout.max.ms
    socket.connection.setup.timeout.ms ssl.cipher.suites ssl.enabled.protocols
    ssl.endpoint.identification.algorithm ssl.engine.factory.class ssl.key.password ssl.keymanager.algorithm
    ssl.keystore.certificate.chain ssl.keystore.key ssl.keystore.location ssl.keystore.password
    ssl.keystore.type ssl.protocol ssl.provider ssl.secure.random.implementation ssl.trustmanager.algorithm
    ssl.truststore.certificates ssl.truststore.location ssl.truststore.password ssl.truststore.type
";
