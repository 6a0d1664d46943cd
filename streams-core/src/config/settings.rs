//! The table of settings: how the text of each is read and printed. Files, the environment, printing and suggestions
//! all use it.

use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat};

use super::clients::HIDDEN;
use super::errors::{ANSWERS, FUTURES, answer, reasons, show_reasons};
use super::parse::{
    duration, iso_duration, number, positive_duration, show_duration, show_iso_duration, show_size, size, text, word,
    word_of,
};
use super::{
    ApplicationId, CreateInternalTopics, Guarantee, IsolationLevel, OffsetReset, OnChangelogLoss, OnStall,
    RecordingLevel, Secret, StreamsConfig, TimestampPolicy,
};
use crate::record::{Offset, Timestamp};
use crate::topic::{NAME_LENGTH_MAX, check_name};

/// A row of the table.
pub(super) struct Setting {
    /// Kafka Streams' name for it.
    pub(super) name: &'static str,
    /// Parses a text and sets the value.
    pub(super) apply: fn(&mut StreamsConfig, &str) -> Result<(), String>,
    /// The value as text; empty if there is none.
    pub(super) show: fn(&StreamsConfig) -> String,
}

/// Looks a setting up by its name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

const GUARANTEES: &[(&str, Guarantee)] =
    &[("at_least_once", Guarantee::AtLeastOnce), ("exactly_once_v2", Guarantee::ExactlyOnce)];

const RESETS: &[(&str, OffsetReset)] =
    &[("earliest", OffsetReset::Earliest), ("latest", OffsetReset::Latest), ("none", OffsetReset::None)];

const TIMESTAMPS: &[(&str, TimestampPolicy)] = &[
    ("fail", TimestampPolicy::Fail),
    ("skip", TimestampPolicy::Skip),
    ("partition_time", TimestampPolicy::PartitionTime),
    ("wall_clock", TimestampPolicy::WallClock),
];

const ISOLATION: &[(&str, IsolationLevel)] =
    &[("read_uncommitted", IsolationLevel::ReadUncommitted), ("read_committed", IsolationLevel::ReadCommitted)];

const CREATE: &[(&str, CreateInternalTopics)] =
    &[("first_run", CreateInternalTopics::FirstRun), ("always", CreateInternalTopics::Always)];

const LOSS: &[(&str, OnChangelogLoss)] = &[("fail", OnChangelogLoss::Fail), ("rebuild", OnChangelogLoss::Rebuild)];

const SWITCH: &[(&str, bool)] = &[("true", true), ("false", false)];

const LEVELS: &[(&str, RecordingLevel)] = &[("INFO", RecordingLevel::Info), ("DEBUG", RecordingLevel::Debug)];

const STALLS: &[(&str, OnStall)] = &[("warn", OnStall::Warn), ("leave", OnStall::Leave), ("fail", OnStall::Fail)];

/// In the order in which they are printed.
pub(super) const SETTINGS: &[Setting] = &[
    Setting {
        name: "application.id",
        apply: |config, value| {
            config.application_id = ApplicationId::new(value.trim()).map_err(|error| error.to_string())?;
            Ok(())
        },
        show: |config| config.application_id.to_string(),
    },
    Setting {
        name: "client.id",
        apply: |config, value| {
            config.client_id = Some(text(value)?);
            Ok(())
        },
        show: |config| config.client_id.clone().unwrap_or_default(),
    },
    Setting {
        name: "bootstrap.servers",
        apply: |config, value| {
            config.bootstrap_servers = Some(text(value)?);
            Ok(())
        },
        show: |config| config.bootstrap_servers.clone().unwrap_or_default(),
    },
    Setting {
        name: "num.stream.threads",
        apply: |config, value| {
            config.num_stream_threads = number(value, 1..=THREADS_MAX)?;
            Ok(())
        },
        show: |config| config.num_stream_threads.to_string(),
    },
    Setting {
        name: "processing.guarantee",
        apply: |config, value| {
            config.processing_guarantee = Some(guarantee(value)?);
            Ok(())
        },
        show: |config| config.processing_guarantee.map_or_else(left_to_the_log, |chosen| word_of(chosen, GUARANTEES)),
    },
    Setting {
        name: "commit.interval.ms",
        apply: |config, value| {
            config.commit_interval = Some(positive_duration(value)?);
            Ok(())
        },
        show: |config| match config.commit_interval {
            Some(interval) => show_duration(interval),
            None => following(config, |guarantee| show_duration(guarantee.commit_interval())),
        },
    },
    Setting {
        name: "statestore.cache.max.bytes",
        apply: |config, value| {
            config.statestore_cache_max_bytes = size(value)?;
            Ok(())
        },
        show: |config| show_size(config.statestore_cache_max_bytes),
    },
    Setting {
        name: "statestore.uncommitted.max.bytes",
        apply: |config, value| {
            config.statestore_uncommitted_max_bytes = size(value)?;
            Ok(())
        },
        show: |config| show_size(config.statestore_uncommitted_max_bytes),
    },
    Setting {
        name: "state.dir",
        apply: |config, value| {
            config.state_dir = PathBuf::from(text(value)?);
            Ok(())
        },
        show: |config| config.state_dir.display().to_string(),
    },
    Setting {
        name: "max.task.idle.ms",
        apply: |config, value| {
            config.max_task_idle = if value.trim() == "-1" { None } else { Some(duration(value)?) };
            Ok(())
        },
        show: |config| config.max_task_idle.map_or_else(|| "-1".to_owned(), show_duration),
    },
    Setting {
        name: "event.time.alignment",
        apply: |config, value| {
            config.event_time_alignment = duration_or_off(value)?;
            Ok(())
        },
        show: |config| config.event_time_alignment.map_or_else(|| OFF.to_owned(), show_duration),
    },
    Setting {
        name: "buffered.records.per.partition",
        apply: |config, value| {
            config.buffered_records_per_partition = number(value, 1..=RECORDS_MAX)?;
            Ok(())
        },
        show: |config| config.buffered_records_per_partition.to_string(),
    },
    Setting {
        name: "input.buffer.max.bytes",
        apply: |config, value| {
            config.input_buffer_max_bytes = size(value)?;
            Ok(())
        },
        show: |config| show_size(config.input_buffer_max_bytes),
    },
    Setting {
        name: "memory.max.bytes",
        apply: |config, value| {
            config.memory_max_bytes = Some(size(value)?);
            Ok(())
        },
        show: |config| config.memory_max_bytes.map_or_else(|| "the sizes of its parts".to_owned(), show_size),
    },
    Setting {
        name: "poll.ms",
        apply: |config, value| {
            config.poll = duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.poll),
    },
    Setting {
        name: "metadata.max.age.ms",
        apply: |config, value| {
            config.metadata_max_age = Some(positive_duration(value)?);
            Ok(())
        },
        show: |config| {
            let by_the_log = || "decided by the log: 5m on Kafka, 1s on an embedded log".to_owned();
            config.metadata_max_age.map_or_else(by_the_log, show_duration)
        },
    },
    Setting {
        name: "replication.factor",
        apply: |config, value| {
            config.replication_factor =
                if value.trim() == "-1" { None } else { Some(number(value, 1..=REPLICAS_MAX)?) };
            Ok(())
        },
        show: |config| config.replication_factor.map_or_else(|| "-1".to_owned(), |factor| factor.to_string()),
    },
    Setting {
        name: "auto.offset.reset",
        apply: |config, value| {
            config.auto_offset_reset = Some(reset(value)?);
            Ok(())
        },
        show: |config| config.auto_offset_reset.map_or_else(String::new, show_reset),
    },
    Setting {
        name: "default.timestamp.extractor",
        apply: |config, value| {
            config.timestamps = timestamps(value)?;
            Ok(())
        },
        show: |config| word_of(config.timestamps, TIMESTAMPS),
    },
    // In Kafka a setting of the client; here the engine applies it to all input, whatever the log.
    Setting {
        name: "consumer.isolation.level",
        apply: |config, value| {
            config.isolation_level = Some(word(value, ISOLATION)?);
            Ok(())
        },
        show: |config| match config.isolation_level {
            Some(level) => word_of(level, ISOLATION),
            None => following(config, |guarantee| word_of(guarantee.isolation_level(), ISOLATION)),
        },
    },
    Setting {
        name: "internal.topics.create",
        apply: |config, value| {
            config.create_internal_topics = word(value, CREATE)?;
            Ok(())
        },
        show: |config| word_of(config.create_internal_topics, CREATE),
    },
    Setting {
        name: "on.changelog.loss",
        apply: |config, value| {
            config.on_changelog_loss = word(value, LOSS)?;
            Ok(())
        },
        show: |config| word_of(config.on_changelog_loss, LOSS),
    },
    Setting {
        name: "deserialization.exception.handler",
        apply: |config, value| {
            config.errors.undecodable = answer(value)?;
            Ok(())
        },
        show: |config| word_of(config.errors.undecodable, ANSWERS),
    },
    Setting {
        name: "processing.exception.handler",
        apply: |config, value| {
            config.errors.processing = answer(value)?;
            Ok(())
        },
        show: |config| word_of(config.errors.processing, ANSWERS),
    },
    Setting {
        name: "production.exception.handler",
        apply: |config, value| {
            config.errors.production = answer(value)?;
            Ok(())
        },
        show: |config| word_of(config.errors.production, ANSWERS),
    },
    Setting {
        name: "processing.exception.retries",
        apply: |config, value| {
            config.errors.retries = number(value, 0..=u32::MAX)?;
            Ok(())
        },
        show: |config| config.errors.retries.to_string(),
    },
    Setting {
        name: "processing.exception.retry.backoff.ms",
        apply: |config, value| {
            config.errors.retry_backoff = positive_duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.errors.retry_backoff),
    },
    Setting {
        name: "processing.exception.retry.backoff.max.ms",
        apply: |config, value| {
            config.errors.retry_backoff_max = positive_duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.errors.retry_backoff_max),
    },
    Setting {
        name: "errors.dead.letter.queue.topic.name",
        apply: |config, value| {
            config.errors.dead_letter_topic = Some(topic_name(value)?);
            Ok(())
        },
        show: |config| config.errors.dead_letter_topic.clone().unwrap_or_default(),
    },
    Setting {
        name: "errors.dead.letter.queue.drops",
        apply: |config, value| {
            config.errors.dead_letter_drops = reasons(value)?;
            Ok(())
        },
        show: |config| show_reasons(&config.errors.dead_letter_drops),
    },
    Setting {
        name: "timestamp.future.max.ms",
        apply: |config, value| {
            config.errors.future_max = duration_or_off(value)?;
            Ok(())
        },
        show: |config| config.errors.future_max.map_or_else(|| OFF.to_owned(), show_duration),
    },
    Setting {
        name: "timestamp.future.handler",
        apply: |config, value| {
            config.errors.future = word(value, FUTURES)?;
            Ok(())
        },
        show: |config| word_of(config.errors.future, FUTURES),
    },
    Setting {
        name: "session.timeout.ms",
        apply: |config, value| {
            config.session_timeout = positive_duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.session_timeout),
    },
    Setting {
        name: "max.poll.interval.ms",
        apply: |config, value| {
            config.max_poll_interval = positive_duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.max_poll_interval),
    },
    Setting {
        name: "transaction.timeout.ms",
        apply: |config, value| {
            config.transaction_timeout = Some(positive_duration(value)?);
            Ok(())
        },
        show: |config| show_duration(config.transaction_timeout()),
    },
    Setting {
        name: "task.timeout.ms",
        apply: |config, value| {
            config.task_timeout = duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.task_timeout),
    },
    Setting {
        name: "task.stall.timeout.ms",
        apply: |config, value| {
            config.task_stall_timeout = positive_duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.task_stall_timeout),
    },
    Setting {
        name: "task.stall.handler",
        apply: |config, value| {
            config.task_stall = word(value, STALLS)?;
            Ok(())
        },
        show: |config| word_of(config.task_stall, STALLS),
    },
    Setting {
        name: "handler.stop.timeout.ms",
        apply: |config, value| {
            config.handler_stop_timeout = duration(value)?;
            Ok(())
        },
        show: |config| show_duration(config.handler_stop_timeout),
    },
    Setting {
        name: "metrics.recording.level",
        apply: |config, value| {
            config.recording_level = word(&value.to_ascii_uppercase(), LEVELS)?;
            Ok(())
        },
        show: |config| word_of(config.recording_level, LEVELS),
    },
    Setting {
        name: "application.server",
        apply: |config, value| {
            config.application_server = Some(host_and_port(value)?);
            Ok(())
        },
        show: |config| config.application_server.clone().unwrap_or_default(),
    },
    Setting {
        name: "query.server.peers",
        apply: |config, value| {
            config.query_server_peers = list(value);
            Ok(())
        },
        show: |config| config.query_server_peers.join(","),
    },
    Setting {
        name: "query.server.bind",
        apply: |config, value| {
            config.query_server_bind = Some(text(value)?);
            Ok(())
        },
        show: |config| config.query_server_bind.clone().unwrap_or_default(),
    },
    Setting {
        name: "query.server.token",
        apply: |config, value| {
            config.query_server_token = Some(Secret::new(text(value)?));
            Ok(())
        },
        show: |config| config.query_server_token.as_ref().map_or_else(String::new, |_| HIDDEN.to_owned()),
    },
    Setting {
        name: "ui.allow.actions",
        apply: |config, value| {
            config.ui_allow_actions = word(value, SWITCH)?;
            Ok(())
        },
        show: |config| word_of(config.ui_allow_actions, SWITCH),
    },
    Setting {
        name: "ui.enabled",
        apply: |config, value| {
            config.ui_enabled = word(value, SWITCH)?;
            Ok(())
        },
        show: |config| word_of(config.ui_enabled, SWITCH),
    },
    Setting {
        name: "topology.optimization",
        apply: |config, value| {
            config.topology_optimization = value.parse()?;
            Ok(())
        },
        show: |config| config.topology_optimization.to_string(),
    },
];

/// More threads in one process are a typing error.
const THREADS_MAX: usize = 1024;

/// Kafka's type for this setting is a signed 32-bit integer.
const RECORDS_MAX: usize = i32::MAX as usize;

/// Kafka's type for replicas is a signed 16-bit integer.
const REPLICAS_MAX: u16 = i16::MAX.cast_unsigned();

fn guarantee(value: &str) -> Result<Guarantee, String> {
    match value.trim() {
        "exactly_once" | "exactly_once_beta" => {
            Err("Kafka Streams 4.0 has removed that name; write `exactly_once_v2`".to_owned())
        }
        value => word(value, GUARANTEES),
    }
}

/// A duration, or `off`.
fn duration_or_off(value: &str) -> Result<Option<Duration>, String> {
    match value.trim() {
        OFF => Ok(None),
        value => duration(value).map(Some).map_err(|error| format!("{error}, or `{OFF}`")),
    }
}

const OFF: &str = "off";

/// One of the words, or a place: `by_duration:` and a duration, `since:` and a time, `offset:` and a number.
fn reset(value: &str) -> Result<OffsetReset, String> {
    let (kind, place) = value.trim().split_once(':').unwrap_or_default();
    match kind {
        BY_DURATION => iso_duration(place).map(OffsetReset::ByDuration),
        SINCE => time(place).map(OffsetReset::Since),
        AT => match place.parse() {
            Ok(offset) if offset >= 0 => Ok(OffsetReset::At(Offset(offset))),
            _ => Err(format!("`{place}` is not an offset, such as `42`")),
        },
        _ => word(value, RESETS).map_err(|error| {
            format!("{error}, and not `{BY_DURATION}:PT1H`, `{SINCE}:2026-01-31T12:00:00Z` or `{AT}:42` or so")
        }),
    }
}

fn show_reset(reset: OffsetReset) -> String {
    match reset {
        OffsetReset::ByDuration(duration) => format!("{BY_DURATION}:{}", show_iso_duration(duration)),
        OffsetReset::Since(time) => format!("{SINCE}:{}", show_time(time)),
        OffsetReset::At(offset) => format!("{AT}:{}", offset.0),
        reset => word_of(reset, RESETS),
    }
}

const BY_DURATION: &str = "by_duration";
const SINCE: &str = "since";
const AT: &str = "offset";

/// A time with its zone, or milliseconds since 1970.
fn time(value: &str) -> Result<Timestamp, String> {
    let millis = value.strip_suffix("ms").and_then(|millis| millis.parse().ok()).map(Timestamp);
    let in_words = || DateTime::parse_from_rfc3339(value).ok().map(|time| time.to_utc().into());
    millis.or_else(in_words).ok_or_else(|| format!("`{value}` is not a time, such as `2026-01-31T12:00:00Z`"))
}

/// In words, unless the year needs a sign.
fn show_time(time: Timestamp) -> String {
    let words = DateTime::from_timestamp_millis(time.0).map(|time| time.to_rfc3339_opts(SecondsFormat::AutoSi, true));
    words.filter(|words| !words.starts_with(['+', '-'])).unwrap_or_else(|| format!("{}ms", time.0))
}

/// Java takes a class here; for its built-in classes, the error says which word to write.
fn timestamps(value: &str) -> Result<TimestampPolicy, String> {
    let value = value.trim();
    let class = value.rsplit('.').next().unwrap_or(value);
    let answer = match class {
        "FailOnInvalidTimestamp" => "write `fail` instead of Java's class",
        "LogAndSkipOnInvalidTimestamp" => "write `skip` instead of Java's class",
        "UsePartitionTimeOnInvalidTimestamp" => "write `partition_time` instead of Java's class",
        "WallclockTimestampExtractor" => "write `wall_clock` instead of Java's class",
        _ if value.contains('.') => {
            "Java classes cannot be used; an extractor of your own is a closure, `.timestamped_by(..)` after the source"
        }
        _ => return word(value, TIMESTAMPS),
    };
    Err(answer.to_owned())
}

/// What is printed for a guarantee that was not chosen: the configuration does not know the log.
fn left_to_the_log() -> String {
    "decided by the log: exactly_once_v2 on an embedded log, at_least_once on Kafka".to_owned()
}

/// What is printed for a setting that follows the guarantee.
fn following(config: &StreamsConfig, default: fn(Guarantee) -> String) -> String {
    match config.processing_guarantee {
        Some(guarantee) => default(guarantee),
        None => format!(
            "decided by the guarantee: {} under exactly_once_v2, {} under at_least_once",
            default(Guarantee::ExactlyOnce),
            default(Guarantee::AtLeastOnce)
        ),
    }
}

/// The name of a topic.
fn topic_name(value: &str) -> Result<String, String> {
    let name = value.trim();
    check_name(name.as_bytes(), NAME_LENGTH_MAX).map_err(|error| error.to_string())?;
    Ok(name.to_owned())
}

/// Where a program can be reached: `host:port`.
fn host_and_port(value: &str) -> Result<String, String> {
    let value = value.trim();
    let is_host = |host: &str| !host.is_empty() && !host.contains(['/', '@', ' ', '*']);
    let is_it =
        value.rsplit_once(':').is_some_and(|(host, port)| is_host(host) && number(port, 1_u16..=u16::MAX).is_ok());
    if is_it {
        Ok(value.to_owned())
    } else {
        Err(format!("`{value}` is not a host and a port, such as `10.0.0.7:7070`"))
    }
}

/// Parts that are separated by commas.
fn list(value: &str) -> Vec<String> {
    value.split(',').map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
