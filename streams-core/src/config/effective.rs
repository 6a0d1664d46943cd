//! The settings that a running application has, each with where it comes from, for those who ask from outside.

use super::{StreamsConfig, settings};

/// A setting of a running application.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EffectiveSetting {
    /// Its name in Kafka Streams, or ours.
    pub name: String,
    /// Its value as text, or asterisks if it may be secret. Empty if there is none.
    pub value: String,
    /// Where the value comes from, for people: `default`, `code`, `shop.properties:7`, an environment variable's name,
    /// `command line`, or which other setting it follows.
    pub origin: String,
}

/// What has become of the settings that were asked for: the log has decided what was left to it, and
/// `memory.max.bytes` was divided.
pub(crate) fn effective(asked: &StreamsConfig, now: &StreamsConfig) -> Vec<EffectiveSetting> {
    let own = settings::SETTINGS.iter().map(|setting| {
        let (then, value) = ((setting.show)(asked), (setting.show)(now));
        let origin = match setting.name {
            _ if then == value => asked.explain_origin_of(setting),
            "processing.guarantee" => "decided by the log".to_owned(),
            name if FOLLOW_THE_GUARANTEE.contains(&name) => "because of processing.guarantee".to_owned(),
            _ => "because of memory.max.bytes".to_owned(),
        };
        EffectiveSetting { name: setting.name.to_owned(), value, origin }
    });
    let passed_on = now.topics.shown().chain(now.clients.shown()).map(|(name, value, origin)| EffectiveSetting {
        name,
        value: value.to_owned(),
        origin: origin.to_string(),
    });
    own.chain(passed_on).collect()
}

/// Unless they are set.
const FOLLOW_THE_GUARANTEE: [&str; 2] = ["commit.interval.ms", "consumer.isolation.level"];

#[cfg(test)]
mod tests {
    use super::effective;
    use crate::config::{Guarantee, Layers, StreamsConfig};

    fn origin_of(name: &str, asked: &StreamsConfig, now: &StreamsConfig) -> (String, String) {
        let found = effective(asked, now).into_iter().find(|setting| setting.name == name);
        found.map(|setting| (setting.value, setting.origin)).expect("a setting")
    }

    #[test]
    fn each_setting_says_where_its_value_comes_from() {
        let asked = Layers::new()
            .set("application.id", "shop")
            .argument("num.stream.threads=3")
            .environment_of([("KSTREAM_SASL_PASSWORD", "hunter2"), ("KSTREAM_MEMORY_MAX_BYTES", "64 MiB")])
            .read()
            .expect("a configuration");
        let decided = StreamsConfig {
            processing_guarantee: Some(Guarantee::ExactlyOnce),
            input_buffer_max_bytes: 1 << 20,
            ..asked.clone()
        };
        for (name, value, origin) in [
            ("num.stream.threads", "3", "command line"),
            ("poll.ms", "100ms", "default"),
            ("processing.guarantee", "exactly_once_v2", "decided by the log"),
            ("commit.interval.ms", "100ms", "because of processing.guarantee"),
            ("input.buffer.max.bytes", "1MiB", "because of memory.max.bytes"),
            ("memory.max.bytes", "64MiB", "KSTREAM_MEMORY_MAX_BYTES"),
            ("sasl.password", "********", "KSTREAM_SASL_PASSWORD"),
        ] {
            assert_eq!(origin_of(name, &asked, &decided), (value.to_owned(), origin.to_owned()), "{name}");
        }
    }
}
