//! Checks whether a text names brokers. librdkafka accepts nearly anything, and then tries to connect for ever.

use streams_core::log::{LogError, LogErrorKind};

/// Checks `bootstrap.servers`: `host` or `host:port`, an IPv6 address in brackets, several separated by commas.
pub(crate) fn check(servers: &str) -> Result<(), LogError> {
    let named: Vec<_> = servers.split(',').map(str::trim).filter(|server| !server.is_empty()).collect();
    let problem = match named.iter().find_map(|server| Some((server, problem(server)?))) {
        None if named.is_empty() => "it names no broker".to_owned(),
        None => return Ok(()),
        Some((server, problem)) => format!("`{server}` {problem}"),
    };
    let message = format!(
        "`bootstrap.servers` is `{servers}`: {problem}; write `host:port` of a broker, such as `localhost:9092`, several \
         separated by commas"
    );
    Err(LogError::new(LogErrorKind::Invalid, message))
}

/// What is wrong with a server, if anything is.
fn problem(server: &str) -> Option<&'static str> {
    if server.contains("://") {
        return Some("has a protocol before the host; use the setting `security.protocol` for that");
    }
    let (host, port) = match server.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((host, "")) => (host, None),
            Some((host, port)) => (host, port.strip_prefix(':').or(Some(""))),
            None => return Some("has no `]` after the address"),
        },
        None => match server.split_once(':') {
            Some((_, port)) if port.contains(':') => {
                return Some("has several colons; an IPv6 address must be in brackets");
            }
            Some((host, port)) => (host, Some(port)),
            None => (server, None),
        },
    };
    if host.is_empty() {
        return Some("has no host");
    }
    if let Some(bad) = host.chars().find(|c| c.is_whitespace() || "/\\@?#\"'".contains(*c)) {
        return Some(if bad.is_whitespace() {
            "has a space in its host"
        } else {
            "has an invalid character in its host"
        });
    }
    match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port > 0 => None,
        Some(_) => Some("has a port that is not a number from 1 to 65535"),
    }
}

#[cfg(test)]
mod tests {
    use streams_core::config::Layers;
    use streams_core::dsl::StreamsBuilder;
    use streams_core::log::{Doorbell, Log as _};
    use streams_core::runtime::App;
    use streams_core::topic::Topic;

    use super::check;
    use crate::Kafka;

    #[test]
    fn what_names_brokers_is_taken() {
        for servers in [
            "h:1",
            "localhost",
            "a:9092,b:9092",
            " a:9092 , b:9092 ,",
            "[::1]:9092",
            "[fe80::1%eth0]",
            "10.0.0.1:65535",
        ] {
            assert_eq!(check(servers), Ok(()), "{servers:?}");
        }
    }

    #[test]
    fn what_names_no_broker_is_refused_with_what_is_wrong() {
        for (servers, problem) in [
            ("", "it names no broker"),
            (" , ", "it names no broker"),
            ("kafka://host", "`kafka://host` has a protocol before the host"),
            ("a:1,PLAINTEXT://b:2", "`PLAINTEXT://b:2` has a protocol"),
            (":9092", "`:9092` has no host"),
            ("[]:9092", "`[]:9092` has no host"),
            ("host:", "`host:` has a port that is not a number"),
            ("host:kafka", "`host:kafka` has a port"),
            ("host:0", "`host:0` has a port"),
            ("host:65536", "`host:65536` has a port"),
            ("[::1]9092", "`[::1]9092` has a port"),
            ("[::1", "`[::1` has no `]`"),
            ("::1", "`::1` has several colons"),
            ("a b:1", "`a b:1` has a space in its host"),
            ("a:1;b:2", "`a:1;b:2` has several colons"),
            ("user@host:1", "`user@host:1` has an invalid character in its host"),
        ] {
            let message = check(servers).map_err(|error| error.message).unwrap_err();
            let expected = format!("`bootstrap.servers` is `{servers}`: {problem}");
            assert!(message.starts_with(&expected) && message.contains("`localhost:9092`"), "{message}");
        }
    }

    /// Regression: the application started, and tried to connect to a broker for ever.
    #[test]
    fn an_application_is_refused_at_once() {
        let builder = StreamsBuilder::new();
        builder.stream(Topic::<(), String>::new("in")).to(Topic::<(), String>::new("out"));
        let topology = builder.build().unwrap();
        for servers in ["", "kafka://host"] {
            let error =
                App::new("app", topology.clone()).start(Kafka::at(servers)).err().map(|error| error.to_string());
            let error = error.unwrap_or_default();
            assert!(error.contains(&format!("`bootstrap.servers` is `{servers}`")), "{servers:?}: {error}");
            let config = Layers::new().set("application.id", "app").set("bootstrap.servers", servers).read();
            assert!(config.map_or(true, |config| Kafka::configured(&config).is_err()), "{servers:?}");
            assert!(Kafka::at(servers).admin(Doorbell::new()).is_err(), "{servers:?}");
        }
    }
}
