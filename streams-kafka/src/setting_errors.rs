//! The errors about settings that librdkafka does not accept, and which values may be shown.

use streams_core::config::{client_value_may_be_shown, owned_client_setting};
use streams_core::log::{LogError, LogErrorKind};

/// Values are secret unless they are known not to be.
pub(crate) fn shown_value<'a>(key: &str, value: &'a str) -> &'a str {
    if client_value_may_be_shown(key) || owned_client_setting(key).is_some() { value } else { "***" }
}

/// The error for a setting that librdkafka does not know. It names the setting that was probably meant.
pub(crate) fn unknown_setting(key: &str, known: &[String]) -> LogError {
    // librdkafka lists neither aliases nor settings without a default.
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

/// The error for a setting with an invalid value. librdkafka's text contains the value, which may be secret, followed by
/// what it says about its own build.
pub(crate) fn invalid_setting(key: &str, reason: &str) -> LogError {
    let about_build = reason.rsplit(": ").next().unwrap_or_default();
    let reason = match LIBRARIES.iter().find(|(library, _)| about_build.starts_with(library)) {
        Some((library, feature)) => format!("this program is built without {library}; build with feature `{feature}`"),
        None if shown_value(key, "open") == "open" => reason.to_owned(),
        None => "its value is not valid".to_owned(),
    };
    LogError::new(LogErrorKind::Invalid, format!("the Kafka setting `{key}`: {reason}"))
}

/// The error for settings that contradict each other.
pub(crate) fn no_client(reason: &str) -> LogError {
    let hint = match reason.split_once("No provider for SASL mechanism ") {
        Some((_, mechanism)) if mechanism.starts_with("GSSAPI") => {
            "; for Kerberos build with feature `sasl`, for anything else set `sasl.mechanism`"
        }
        Some(_) => "; build with feature `ssl`",
        None => "",
    };
    LogError::new(LogErrorKind::Invalid, format!("the Kafka client was not created: {reason}{hint}"))
}

/// librdkafka's names of the libraries that it may be built with, and the features that enable them.
const LIBRARIES: [(&str, &str); 3] = [("OpenSSL", "ssl"), ("cyrus-sasl", "sasl"), ("libzstd", "zstd")];

#[cfg(test)]
mod tests {
    use streams_core::log::{Doorbell, Log as _};

    use super::*;
    use crate::Kafka;

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

    /// Regression: TLS in a build without it gave the error "its value is not valid", so people looked for the mistake in
    /// their certificates.
    #[test]
    fn what_this_build_lacks_is_named_with_its_feature() {
        let property = "Configuration property \"ssl.key.pem\" not supported in this build: OpenSSL not available at \
                        build time";
        let value = "Unsupported value \"zstd\" for configuration property \"compression.codec\": libzstd not \
                     available at build time";
        for (key, reason, expected) in [
            ("ssl.key.pem", property, "this program is built without OpenSSL; build with feature `ssl`"),
            ("compression.codec", value, "this program is built without libzstd; build with feature `zstd`"),
            ("ssl.key.pem", "Invalid value: hush", "its value is not valid"),
        ] {
            assert_eq!(invalid_setting(key, reason).message, format!("the Kafka setting `{key}`: {expected}"));
        }
    }

    #[test]
    fn librdkafka_words_what_it_lacks_as_expected() {
        let lacks = |settings: &[(&str, &str)]| {
            let kafka = settings.iter().fold(Kafka::at("h:1"), |kafka, (key, value)| kafka.set(*key, *value));
            kafka.admin(Doorbell::new()).err().map_or(String::new(), |error| error.message)
        };
        let scram = [
            ("security.protocol", "sasl_plaintext"),
            ("sasl.mechanism", "SCRAM-SHA-256"),
            ("sasl.username", "me"),
            ("sasl.password", "hush"),
        ];
        let features = [
            ("`ssl`", cfg!(feature = "ssl") || cfg!(feature = "sasl"), &[("ssl.ca.pem", "hush")][..]),
            ("`ssl`", cfg!(feature = "ssl") || cfg!(feature = "sasl"), &[("security.protocol", "ssl")]),
            ("`ssl`", cfg!(feature = "ssl") || cfg!(feature = "sasl"), &scram),
            ("`sasl`", cfg!(feature = "sasl"), &[("security.protocol", "sasl_plaintext")]),
        ];
        for (feature, is_there, settings) in features {
            let said = lacks(settings);
            assert_eq!(said.contains(&format!("build with feature {feature}")), !is_there, "{settings:?}: {said}");
            assert!(!said.contains("hush"), "{said}");
        }
    }
}
