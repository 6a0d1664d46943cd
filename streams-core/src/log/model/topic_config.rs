//! A topic's settings, with Kafka's names and rules.
//!
//! Every setting of a Kafka topic is accepted and returned, so that a program that sets one also runs here. Settings that
//! are meaningless without brokers and segments have no effect.

use std::collections::BTreeMap;

/// A topic's settings, parsed as far as the model needs them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct TopicConfig {
    /// The settings given when the topic was created.
    explicit: BTreeMap<String, String>,
    /// Whether `cleanup.policy` contains `compact`.
    pub(crate) compact: bool,
    /// Whether `cleanup.policy` contains `delete`.
    pub(crate) delete: bool,
    /// `retention.ms`; `None` keeps records for ever.
    pub(crate) retention_ms: Option<i64>,
    /// `retention.bytes`, per partition; `None` means no limit.
    pub(crate) retention_bytes: Option<u64>,
    /// `min.compaction.lag.ms`: records younger than this are not compacted.
    pub(crate) min_compaction_lag_ms: i64,
    /// `delete.retention.ms`: how long a tombstone is kept after it has been compacted.
    pub(crate) delete_retention_ms: i64,
    /// `min.cleanable.dirty.ratio`: the fraction of a partition that must be new before it is compacted.
    pub(crate) min_cleanable_dirty_ratio: f64,
    /// `max.message.bytes`: the maximum size of a record.
    pub(crate) max_message_bytes: usize,
    /// `message.timestamp.before.max.ms`: how far a record's timestamp may be before now.
    pub(crate) timestamp_before_max_ms: i64,
    /// `message.timestamp.after.max.ms`: how far a record's timestamp may be after now.
    pub(crate) timestamp_after_max_ms: i64,
}

/// The settings of a Kafka 4.3 topic with their defaults, except for two. An embedded log is often the only copy of its
/// records, and programs replay old and simulated times into it. So records are kept for ever unless `retention.ms` is
/// set, and no timestamp is too far in the future unless `message.timestamp.after.max.ms` is set.
const DEFAULTS: &[(&str, &str)] = &[
    ("cleanup.policy", "delete"),
    ("compression.gzip.level", "-1"),
    ("compression.lz4.level", "9"),
    ("compression.type", "producer"),
    ("compression.zstd.level", "3"),
    ("delete.retention.ms", "86400000"),
    ("file.delete.delay.ms", "60000"),
    ("flush.messages", "9223372036854775807"),
    ("flush.ms", "9223372036854775807"),
    ("follower.replication.throttled.replicas", ""),
    ("index.interval.bytes", "4096"),
    ("leader.replication.throttled.replicas", ""),
    ("local.retention.bytes", "-2"),
    ("local.retention.ms", "-2"),
    ("max.compaction.lag.ms", "9223372036854775807"),
    ("max.message.bytes", "1048588"),
    ("message.timestamp.after.max.ms", "9223372036854775807"),
    ("message.timestamp.before.max.ms", "9223372036854775807"),
    ("message.timestamp.type", "CreateTime"),
    ("min.cleanable.dirty.ratio", "0.5"),
    ("min.compaction.lag.ms", "0"),
    ("min.insync.replicas", "1"),
    ("preallocate", "false"),
    ("remote.log.copy.disable", "false"),
    ("remote.log.delete.on.disable", "false"),
    ("remote.storage.enable", "false"),
    ("retention.bytes", "-1"),
    ("retention.ms", "-1"),
    ("segment.bytes", "1073741824"),
    ("segment.index.bytes", "10485760"),
    ("segment.jitter.ms", "0"),
    ("segment.ms", "604800000"),
    ("unclean.leader.election.enable", "false"),
];

impl TopicConfig {
    /// Parses settings; the error says which one is wrong and why.
    pub(crate) fn parse(settings: &[(String, String)]) -> Result<Self, String> {
        let explicit: BTreeMap<String, String> = settings.iter().cloned().collect();
        if let Some(unknown) = explicit.keys().find(|name| !DEFAULTS.iter().any(|(known, _)| known == name)) {
            return Err(format!("Kafka topics have no setting `{unknown}`"));
        }
        if setting(&explicit, "message.timestamp.type") != "CreateTime" {
            return Err("the embedded log keeps the timestamps of records: `message.timestamp.type` can only be \
                        `CreateTime`"
                .to_owned());
        }
        let (compact, delete) = cleanup_policy(setting(&explicit, "cleanup.policy"))?;
        Ok(Self {
            compact,
            delete,
            retention_ms: limit(number(&explicit, "retention.ms", -1)?),
            retention_bytes: limit(number(&explicit, "retention.bytes", -1)?).map(i64::unsigned_abs),
            min_compaction_lag_ms: number(&explicit, "min.compaction.lag.ms", 0)?,
            delete_retention_ms: number(&explicit, "delete.retention.ms", 0)?,
            min_cleanable_dirty_ratio: ratio(&explicit, "min.cleanable.dirty.ratio")?,
            max_message_bytes: usize::try_from(number(&explicit, "max.message.bytes", 0)?).unwrap_or(usize::MAX),
            timestamp_before_max_ms: number(&explicit, "message.timestamp.before.max.ms", 0)?,
            timestamp_after_max_ms: number(&explicit, "message.timestamp.after.max.ms", 0)?,
            explicit,
        })
    }

    /// All settings in the order of their names, with defaults for those that were not set.
    pub(crate) fn all(&self) -> Vec<(String, String)> {
        DEFAULTS.iter().map(|(name, _)| ((*name).to_owned(), setting(&self.explicit, name).to_owned())).collect()
    }

    /// The settings given when the topic was created, to be stored.
    pub(crate) fn explicit(&self) -> Vec<(String, String)> {
        self.explicit.iter().map(|(name, value)| (name.clone(), value.clone())).collect()
    }
}

fn setting<'a>(explicit: &'a BTreeMap<String, String>, name: &str) -> &'a str {
    match explicit.get(name) {
        Some(value) => value,
        None => DEFAULTS.iter().find(|(known, _)| *known == name).map_or("", |(_, default)| default),
    }
}

fn number(explicit: &BTreeMap<String, String>, name: &str, min: i64) -> Result<i64, String> {
    let text = setting(explicit, name);
    match text.trim().parse::<i64>() {
        Ok(number) if number >= min => Ok(number),
        Ok(number) => Err(format!("`{name}` is {number}, but must be at least {min}")),
        Err(_) => Err(format!("`{name}` is `{text}`, which is not a whole number")),
    }
}

fn ratio(explicit: &BTreeMap<String, String>, name: &str) -> Result<f64, String> {
    let text = setting(explicit, name);
    match text.trim().parse::<f64>() {
        Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(ratio),
        _ => Err(format!("`{name}` is `{text}`, but must be a number from 0 to 1")),
    }
}

/// -1 means no limit.
fn limit(number: i64) -> Option<i64> {
    (number >= 0).then_some(number)
}

fn cleanup_policy(text: &str) -> Result<(bool, bool), String> {
    let (mut compact, mut delete) = (false, false);
    for policy in text.split(',').map(str::trim).filter(|policy| !policy.is_empty()) {
        match policy {
            "compact" => compact = true,
            "delete" => delete = true,
            other => {
                return Err(format!("`cleanup.policy` contains `{other}`; only `delete` and `compact` are allowed"));
            }
        }
    }
    Ok((compact, delete))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(settings: &[(&str, &str)]) -> Result<TopicConfig, String> {
        let settings: Vec<_> = settings.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        TopicConfig::parse(&settings)
    }

    #[test]
    fn settings_mean_what_they_mean_to_kafka() {
        let config = parse(&[
            ("cleanup.policy", "compact, delete"),
            ("retention.ms", "1000"),
            ("retention.bytes", "500"),
            ("segment.bytes", "52428800"),
        ])
        .expect("valid");
        assert_eq!((config.compact, config.delete), (true, true));
        assert_eq!((config.retention_ms, config.retention_bytes), (Some(1_000), Some(500)));
        let all = config.all();
        assert!(all.contains(&("segment.bytes".into(), "52428800".into())));
        assert!(all.contains(&("max.message.bytes".into(), "1048588".into())));
    }

    #[test]
    fn wrong_settings_are_named() {
        for (name, value, expected) in [
            ("retention.millis", "1", "Kafka topics have no setting `retention.millis`"),
            ("retention.ms", "soon", "`retention.ms` is `soon`, which is not a whole number"),
            ("retention.ms", "-2", "`retention.ms` is -2, but must be at least -1"),
            ("cleanup.policy", "shred", "`cleanup.policy` contains `shred`; only `delete` and `compact` are allowed"),
            ("min.cleanable.dirty.ratio", "2", "`min.cleanable.dirty.ratio` is `2`, but must be a number from 0 to 1"),
        ] {
            assert_eq!(parse(&[(name, value)]), Err(expected.to_owned()));
        }
    }
}
