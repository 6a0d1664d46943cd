//! [`Kafka`]: where the brokers are and how the clients are set up.
//!
//! It owns every setting that correctness or latency hangs on, hands the others through to librdkafka, and
//! refuses those that the engine must choose itself. It creates no connection; the clients do.

use std::sync::Arc;
use std::time::Duration;

use streams_core::config::{ClientScope, StreamsConfig};
use streams_core::log::{
    Admin, Consumer, ConsumerOptions, Doorbell, Isolation, Log, LogError, LogErrorKind, Member, MemberOptions,
    Producer, ProducerOptions,
};

use crate::logging::LogLimit;

/// Apache Kafka as the place where records come from and go.
///
/// Settings are librdkafka's, by name. A prefix gives one to a kind of client only: `consumer.` to those that
/// read and to the group's members, `producer.` to those that write, `admin.` to those that look up and
/// change topics. A setting that librdkafka does not know, or that the engine owns, is an error when the
/// first client is created.
///
/// ```
/// use streams_kafka::Kafka;
///
/// let kafka = Kafka::at("localhost:9092")
///     .set("security.protocol", "sasl_ssl")
///     .set("sasl.password", "secret")
///     .set("producer.compression.type", "lz4");
/// assert_eq!(format!("{kafka:?}").contains("secret"), false);
/// ```
#[derive(Clone)]
pub struct Kafka {
    bootstrap_servers: String,
    settings: Vec<(Scope, String, String)>,
    log: Arc<LogLimit>,
}

/// Which clients a setting is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    All,
    Consumer,
    Producer,
    Admin,
}

/// The settings that the engine chooses, and why.
const OWNED: [(&[&str], &str); 9] = [
    (&["bootstrap.servers", "metadata.broker.list"], "it is given to `Kafka::at`"),
    (&["client.id"], "the engine names its clients, and the names decide which member gets which tasks"),
    (
        &["group.id", "group.instance.id", "group.protocol", "group.remote.assignor"],
        "the application's id is the group",
    ),
    (&["partition.assignment.strategy"], "tasks need the partitions of all their topics together"),
    (
        &["enable.auto.commit", "auto.commit.interval.ms", "auto.commit.enable", "enable.auto.offset.store"],
        "positions are committed with the results that belong to them",
    ),
    (&["auto.offset.reset", "topic.auto.offset.reset"], "no position is ever reset silently"),
    (
        &["isolation.level", "enable.partition.eof", "check.crcs", "delivery.report.only.error"],
        "recovery depends on it",
    ),
    (
        &["enable.idempotence", "acks", "request.required.acks", "transactional.id", "transaction.timeout.ms"],
        "the processing guarantee decides it",
    ),
    (
        &["partitioner", "session.timeout.ms", "max.poll.interval.ms", "log.queue"],
        "the engine does this itself; its own configuration has a setting where one is needed",
    ),
];

impl Kafka {
    /// The brokers to begin with, as `host:port`, several separated by commas.
    #[must_use]
    pub fn at(bootstrap_servers: impl Into<String>) -> Self {
        Self { bootstrap_servers: bootstrap_servers.into(), settings: Vec::new(), log: Arc::default() }
    }

    /// Sets one of librdkafka's settings, possibly with the prefix `consumer.`, `producer.` or `admin.`.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        let prefixes = [(Scope::Consumer, "consumer."), (Scope::Producer, "producer."), (Scope::Admin, "admin.")];
        let found = prefixes.iter().find_map(|(scope, prefix)| Some((*scope, key.strip_prefix(prefix)?.to_owned())));
        let (scope, key) = found.unwrap_or((Scope::All, key));
        self.settings.push((scope, key, value.into()));
        self
    }

    /// The cluster and the client settings that a configuration names.
    ///
    /// # Errors
    /// When `bootstrap.servers` is not set.
    pub fn configured(config: &StreamsConfig) -> Result<Self, LogError> {
        let servers = config.bootstrap_servers.as_deref().ok_or_else(|| {
            LogError::new(LogErrorKind::Invalid, "`bootstrap.servers` is not set; set it to `host:port` of a broker")
        })?;
        let mut kafka = Self::at(servers);
        // One consumer configuration serves input and restoring; the more special prefix goes before.
        let scopes = [
            (ClientScope::MainConsumer, Scope::Consumer),
            (ClientScope::Producer, Scope::Producer),
            (ClientScope::Admin, Scope::Admin),
        ];
        for (from, scope) in scopes {
            let settings = config.clients.of(from).into_iter();
            kafka.settings.extend(settings.map(|(name, value)| (scope, name.to_owned(), value.to_owned())));
        }
        Ok(kafka)
    }

    pub(crate) const fn log_limit(&self) -> &Arc<LogLimit> {
        &self.log
    }

    /// Settings of a client that reads.
    pub(crate) fn consumer_settings(&self, options: &ConsumerOptions) -> Result<Settings, LogError> {
        let isolation = match options.isolation {
            Isolation::ReadUncommitted => "read_uncommitted",
            Isolation::ReadCommitted => "read_committed",
        };
        let prefetch = options.prefetch_bytes.unwrap_or(PREFETCH_BYTES_DEFAULT);
        let mut settings = self.common(&options.client_id, Scope::Consumer);
        settings.owned("group.id", GROUP_OF_NOBODY);
        settings.reader();
        settings.owned("isolation.level", isolation);
        settings.owned("enable.partition.eof", "true");
        settings.owned("check.crcs", "true");
        // A partition that was just added waits until the fetch in flight returns.
        settings.default("fetch.wait.max.ms", "10");
        settings.default("fetch.queue.backoff.ms", "5");
        settings.default("fetch.error.backoff.ms", "100");
        // For so long a topic that was just created may still be unknown to a broker.
        settings.default("topic.metadata.propagation.max.ms", "5000");
        settings.default("queued.min.messages", "100000");
        settings.default("queued.max.messages.kbytes", &(prefetch / 1024).clamp(1, 2_097_151).to_string());
        settings.default("fetch.max.bytes", &(prefetch / 2).clamp(FETCH_BYTES_MIN, FETCH_BYTES_MAX).to_string());
        self.finish(settings, Scope::Consumer)
    }

    /// Settings of a client that writes.
    pub(crate) fn producer_settings(&self, options: &ProducerOptions) -> Result<Settings, LogError> {
        let mut settings = self.common(&options.client_id, Scope::Producer);
        settings.owned("enable.idempotence", "true");
        settings.owned("acks", "all");
        settings.default("linger.ms", "5");
        settings.default("queue.buffering.max.messages", "500000");
        settings.default("queue.buffering.max.kbytes", "65536");
        // Right after a commit the coordinator is busy with its markers and asks to try again.
        settings.default("retry.backoff.ms", "10");
        settings.default("topic.metadata.propagation.max.ms", "10000");
        if let Some(id) = &options.transactional_id {
            settings.owned("transactional.id", id);
            settings.owned("transaction.timeout.ms", &options.transaction_timeout_ms.to_string());
            settings.default("message.timeout.ms", &options.transaction_timeout_ms.to_string());
        }
        self.finish(settings, Scope::Producer)
    }

    /// Settings of a group's member.
    pub(crate) fn member_settings(&self, options: &MemberOptions) -> Result<Settings, LogError> {
        let session_ms = options.session_timeout.as_millis();
        // librdkafka tells the broker this as the time a rebalance may take; it may not be below the session's.
        let rebalance_ms = options.rebalance_timeout.as_millis().max(session_ms);
        let mut settings = self.common(&options.client_id, Scope::Consumer);
        settings.owned("group.id", &options.group);
        settings.owned("group.protocol", "classic");
        settings.owned("partition.assignment.strategy", "range");
        settings.reader();
        // Makes the look-up of committed positions wait for open transactions.
        settings.owned("isolation.level", "read_committed");
        settings.owned("session.timeout.ms", &session_ms.to_string());
        settings.owned("max.poll.interval.ms", &rebalance_ms.to_string());
        settings.default("heartbeat.interval.ms", &heartbeat_interval(options.session_timeout).as_millis().to_string());
        self.finish(settings, Scope::Consumer)
    }

    /// Settings of a client that looks up and changes topics.
    pub(crate) fn admin_settings(&self) -> Result<Settings, LogError> {
        let mut settings = self.common("millstream-admin", Scope::Admin);
        settings.owned("group.id", GROUP_OF_NOBODY);
        settings.reader();
        self.finish(settings, Scope::Admin)
    }

    fn common(&self, client_id: &str, scope: Scope) -> Settings {
        let mut settings = Settings { kafka: self.describe(), scope, entries: Vec::new() };
        settings.owned("bootstrap.servers", &self.bootstrap_servers);
        settings.owned("client.id", client_id);
        settings.default("socket.keepalive.enable", "true");
        settings.default("reconnect.backoff.ms", "100");
        settings.default("reconnect.backoff.max.ms", "2000");
        settings.default("log.connection.close", "false");
        settings
    }

    /// Adds the user's settings, which win over our defaults.
    fn finish(&self, mut settings: Settings, scope: Scope) -> Result<Settings, LogError> {
        for (for_whom, key, value) in &self.settings {
            if let Some((_, reason)) = OWNED.iter().find(|(keys, _)| keys.contains(&key.as_str())) {
                let message = format!("the Kafka setting `{key}` cannot be set: {reason}; remove it");
                return Err(LogError::new(LogErrorKind::Invalid, message));
            }
            if *for_whom == Scope::All || *for_whom == scope {
                settings.entries.push((key.clone(), value.clone()));
            }
        }
        Ok(settings)
    }
}

/// librdkafka wants a group even where none is joined; nothing is ever committed under this name.
const GROUP_OF_NOBODY: &str = "millstream";
const PREFETCH_BYTES_DEFAULT: usize = 32 << 20;
/// librdkafka wants a fetch to hold its largest message (`message.max.bytes`).
const FETCH_BYTES_MIN: usize = 1_000_000;
const FETCH_BYTES_MAX: usize = 16 << 20;

/// A member learns of a rebalance with its next heartbeat.
pub(crate) fn heartbeat_interval(session_timeout: Duration) -> Duration {
    (session_timeout / 4).min(Duration::from_millis(500)).max(Duration::from_millis(1))
}

/// The settings of one client, in the order in which they are set.
#[derive(Clone)]
pub(crate) struct Settings {
    kafka: String,
    scope: Scope,
    pub(crate) entries: Vec<(String, String)>,
}

impl Settings {
    fn owned(&mut self, key: &str, value: &str) {
        self.entries.push((key.to_owned(), value.to_owned()));
    }

    fn default(&mut self, key: &str, value: &str) {
        self.entries.push((key.to_owned(), value.to_owned()));
    }

    fn reader(&mut self) {
        self.owned("enable.auto.commit", "false");
        self.owned("enable.auto.offset.store", "false");
        self.owned("auto.offset.reset", "error");
    }

    /// Where the brokers are, for messages.
    pub(crate) fn kafka(&self) -> &str {
        &self.kafka
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.entries.iter().map(|(key, value)| (key, shown_value(key, value)));
        write!(f, "{:?} ", self.scope)?;
        f.debug_map().entries(shown).finish()
    }
}

impl std::fmt::Debug for Kafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let shown = self.settings.iter().map(|(scope, key, value)| ((scope, key), shown_value(key, value)));
        write!(f, "Kafka({:?}) ", self.bootstrap_servers)?;
        f.debug_map().entries(shown).finish()
    }
}

/// Values are secret unless they are known not to be.
fn shown_value<'a>(key: &str, value: &'a str) -> &'a str {
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
    let names = known.iter().map(String::as_str).chain(UNLISTED).map(|name| (distance(key, name), name));
    let closest = names.min().filter(|(distance, _)| *distance <= key.len() / 2);
    let hint = closest.map_or(String::new(), |(_, name)| format!("; did you mean `{name}`?"));
    LogError::new(LogErrorKind::Invalid, format!("librdkafka has no setting `{key}`{hint}"))
}

/// The error for a setting with a bad value. librdkafka's text holds the value, which may be secret.
pub(crate) fn invalid_setting(key: &str, reason: &str) -> LogError {
    let reason = if shown_value(key, "open") == "open" { reason } else { "its value is not valid" };
    LogError::new(LogErrorKind::Invalid, format!("the Kafka setting `{key}`: {reason}"))
}

/// How many characters must be inserted, removed or replaced to turn one text into the other.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, from) in left.chars().enumerate() {
        let mut diagonal = index;
        let mut last = index + 1;
        for (to, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(from != *to);
            diagonal = *cell;
            last = replaced.min(*cell + 1).min(last + 1);
            *cell = last;
        }
        if let Some(first) = row.first_mut() {
            *first = index + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

impl Log for Kafka {
    fn describe(&self) -> String {
        format!("Apache Kafka at {}", self.bootstrap_servers)
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        Ok(Box::new(crate::consumer::KafkaConsumer::new(self, &options, &doorbell)?))
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        Ok(Box::new(crate::producer::KafkaProducer::new(self, &options, &doorbell)?))
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        Ok(Box::new(crate::member::KafkaMember::new(self, options, &doorbell)?))
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(crate::admin::KafkaAdmin::new(self, &doorbell)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
        settings.entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    #[test]
    fn settings_reach_the_clients_they_are_for() {
        let kafka = Kafka::at("h:1").set("consumer.fetch.wait.max.ms", "7").set("debug", "fetch");
        let consumer = kafka.consumer_settings(&ConsumerOptions::default()).unwrap();
        let producer = kafka.producer_settings(&ProducerOptions::default()).unwrap();
        assert_eq!((value(&consumer, "fetch.wait.max.ms"), value(&consumer, "debug")), (Some("7"), Some("fetch")));
        assert_eq!((value(&producer, "fetch.wait.max.ms"), value(&producer, "debug")), (None, Some("fetch")));
    }

    #[test]
    fn settings_of_the_engine_are_refused_with_the_reason() {
        for key in ["acks", "producer.transactional.id", "consumer.auto.offset.reset", "client.id"] {
            let error = Kafka::at("h:1").set(key, "x").admin_settings().unwrap_err();
            let name = key.trim_start_matches("producer.").trim_start_matches("consumer.");
            assert_eq!(error.kind, LogErrorKind::Invalid);
            assert!(error.message.starts_with(&format!("the Kafka setting `{name}` cannot be set: ")), "{error}");
        }
    }

    #[test]
    fn what_is_fetched_ahead_stays_within_the_budget() {
        let kafka = Kafka::at("h:1");
        for (prefetch, queued_kib, fetch) in
            [(Some(8 << 20), "8192", "4194304"), (Some(100), "1", "1000000"), (None, "32768", "16777216")]
        {
            let options = ConsumerOptions { prefetch_bytes: prefetch, ..ConsumerOptions::default() };
            let settings = kafka.consumer_settings(&options).unwrap();
            assert_eq!(value(&settings, "queued.max.messages.kbytes"), Some(queued_kib));
            assert_eq!(value(&settings, "fetch.max.bytes"), Some(fetch));
        }
    }

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
        assert_eq!((distance("", "abc"), distance("kitten", "sitting"), distance("same", "same")), (3, 3, 0));
    }

    #[test]
    fn secrets_are_not_shown() {
        let kafka = Kafka::at("h:1").set("sasl.password", "hush").set("ssl.key.pem", "hush").set("linger.ms", "9");
        let shown = format!("{kafka:?} {:?}", kafka.producer_settings(&ProducerOptions::default()).unwrap());
        assert!(!shown.contains("hush") && shown.contains('9'), "{shown}");
        assert!(!invalid_setting("sasl.password", "bad value hush").message.contains("hush"));
    }
}
