//! What is said about settings that librdkafka does not take, and which values may be shown.

use streams_core::log::{LogError, LogErrorKind};

/// Values are secret unless they are known not to be.
pub(crate) fn shown_value<'a>(key: &str, value: &'a str) -> &'a str {
    const OPEN: [&str; 9] =
        [".ms", ".bytes", ".kbytes", ".messages", ".enable", ".type", ".protocol", ".level", ".max"];
    let is_open =
        OPEN.iter().any(|end| key.ends_with(end)) || ["client.id", "group.id", "debug", "acks"].contains(&key);
    if is_open { value } else { "***" }
}

/// The error for a setting that librdkafka does not know; names the one that was probably meant.
pub(crate) fn unknown_setting(key: &str, known: &[String]) -> LogError {
    // librdkafka lists neither second names nor settings without a default.
    const UNLISTED: [&str; 14] = [
        "linger.ms",
        "retries",
        "compression.type",
        "delivery.timeout.ms",
        "max.in.flight",
        "sasl.mechanism",
        "sasl.username",
        "sasl.password",
        "ssl.ca.location",
        "ssl.ca.pem",
        "ssl.certificate.location",
        "ssl.key.location",
        "ssl.key.password",
        "ssl.key.pem",
    ];
    let names = known.iter().map(String::as_str).chain(UNLISTED).map(|name| (strsim::levenshtein(key, name), name));
    let closest = names.min().filter(|(distance, _)| *distance <= key.len() / 2);
    let hint = closest.map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"));
    LogError::new(LogErrorKind::Invalid, format!("librdkafka has no setting `{key}`{hint}"))
}

/// The error for a setting with a bad value. librdkafka's text holds the value, which may be secret.
pub(crate) fn invalid_setting(key: &str, reason: &str) -> LogError {
    let reason = if shown_value(key, "open") == "open" { reason } else { "its value is not valid" };
    LogError::new(LogErrorKind::Invalid, format!("the Kafka setting `{key}`: {reason}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_gets_the_setting_that_was_meant() {
        let known = ["linger.ms", "fetch.wait.max.ms", "debug"].map(String::from);
        assert_eq!(
            unknown_setting("fetch.max.wait.ms", &known).message,
            "librdkafka has no setting `fetch.max.wait.ms`; did you mean `fetch.wait.max.ms`?"
        );
        assert_eq!(
            unknown_setting("lingre.ms", &known).message,
            "librdkafka has no setting `lingre.ms`; did you mean `linger.ms`?"
        );
        assert_eq!(unknown_setting("zzz", &known).message, "librdkafka has no setting `zzz`");
    }

    #[test]
    fn values_that_may_be_secret_are_not_repeated() {
        assert!(!invalid_setting("sasl.password", "bad value hush").message.contains("hush"));
        assert!(invalid_setting("linger.ms", "bad value 9").message.contains("bad value 9"));
    }
}
