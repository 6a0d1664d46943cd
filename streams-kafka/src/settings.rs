//! [`Kafka`]: the brokers' addresses and the clients' settings.
//!
//! It sets everything on which correctness or latency depends, passes other settings to librdkafka, and refuses those
//! that the engine must choose itself. It creates no connection; the clients do.

use std::sync::Arc;
use std::time::Duration;

use streams_core::config::{ClientScope, StreamsConfig, owned_client_setting};
use streams_core::log::{
    Admin, ClientMemory, Consumer, ConsumerOptions, ConsumerPurpose, Doorbell, Isolation, Log, LogError, LogErrorKind,
    Member, MemberOptions, Producer, ProducerOptions,
};

use crate::logging::LogLimit;
use crate::setting_errors::shown_value;
use crate::sizes::SizeLimits;

/// Apache Kafka as the log that applications read from and write to.
///
/// Settings have librdkafka's names. A prefix restricts a setting to one kind of client: `consumer.` to those that read
/// and to the group's members, `producer.` to those that write, `admin.` to those that look up and change topics. Among
/// the consumers, `restore.consumer.` is for those that restore state, `main.consumer.` for the others and for members.
/// These override `consumer.`, which overrides settings without a prefix. A setting that librdkafka does not know, or
/// that the engine owns, is an error when the first client is created.
///
/// ```
/// use millstream::prelude::*;
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
    settings: Vec<(ClientScope, String, String)>,
    log: Arc<LogLimit>,
    sizes: Arc<SizeLimits>,
}

impl Kafka {
    /// The brokers to connect to first, as `host:port`, separated by commas. An invalid text is an error when the first
    /// client is created, that is, when an application is started.
    #[must_use]
    pub fn at(bootstrap_servers: impl Into<String>) -> Self {
        Self {
            bootstrap_servers: bootstrap_servers.into(),
            settings: Vec::new(),
            log: Arc::default(),
            sizes: Arc::default(),
        }
    }

    /// Sets one of librdkafka's settings, optionally with one of the prefixes.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        let key = key.into();
        let found = PREFIXED.into_iter().find_map(|scope| Some((scope, key.strip_prefix(scope.prefix())?.to_owned())));
        let (scope, key) = found.unwrap_or((ClientScope::All, key));
        self.settings.push((scope, key, value.into()));
        self
    }

    /// The cluster and the client settings of a configuration.
    ///
    /// # Errors
    /// When `bootstrap.servers` is not set or names no broker.
    pub fn configured(config: &StreamsConfig) -> Result<Self, LogError> {
        let servers = config.bootstrap_servers.as_deref().ok_or_else(|| {
            LogError::new(LogErrorKind::Invalid, "`bootstrap.servers` is not set; set it to `host:port` of a broker")
        })?;
        crate::servers::check(servers)?;
        let mut kafka = Self::at(servers);
        // Every client has one of these scopes, which include the settings for several.
        let clients =
            [ClientScope::MainConsumer, ClientScope::RestoreConsumer, ClientScope::Producer, ClientScope::Admin];
        for scope in clients {
            let settings = config.clients.of(scope).into_iter();
            kafka.settings.extend(settings.map(|(name, value)| (scope, name.to_owned(), value.to_owned())));
        }
        Ok(kafka)
    }

    pub(crate) const fn log_limit(&self) -> &Arc<LogLimit> {
        &self.log
    }

    /// The settings of a client that reads.
    pub(crate) fn consumer_settings(&self, options: &ConsumerOptions) -> Result<Settings, LogError> {
        let isolation = match options.isolation {
            Isolation::ReadUncommitted => "read_uncommitted",
            Isolation::ReadCommitted => "read_committed",
        };
        let prefetch = options.prefetch_bytes.unwrap_or(PREFETCH_BYTES_DEFAULT);
        let scope = match options.purpose {
            ConsumerPurpose::Main => ClientScope::MainConsumer,
            ConsumerPurpose::Restore => ClientScope::RestoreConsumer,
        };
        let mut settings = self.common(&options.client_id, scope);
        settings.owned("group.id", GROUP_OF_NOBODY);
        settings.reader();
        settings.owned("isolation.level", isolation);
        settings.owned("enable.partition.eof", "true");
        settings.owned("check.crcs", "true");
        // A partition that has just been added must wait until the fetch in flight returns.
        settings.default("fetch.wait.max.ms", "10");
        settings.default("fetch.queue.backoff.ms", "5");
        settings.default("fetch.error.backoff.ms", "100");
        // A broker may not know a new topic for this long.
        settings.default("topic.metadata.propagation.max.ms", "5000");
        settings.default("queued.min.messages", "100000");
        settings.default(PREFETCH_SIZE, &(prefetch / 1024).clamp(1, 2_097_151).to_string());
        let fetch = (prefetch / 2).clamp(FETCH_BYTES_MIN, FETCH_BYTES_MAX);
        settings.default("fetch.max.bytes", &fetch.to_string());
        let mut settings = self.finish(settings, scope)?;
        settings.fetches_the_largest_message(fetch);
        Ok(settings)
    }

    /// The settings of a client that writes.
    pub(crate) fn producer_settings(&self, options: &ProducerOptions) -> Result<Settings, LogError> {
        let mut settings = self.common(&options.client_id, ClientScope::Producer);
        settings.owned("enable.idempotence", "true");
        settings.owned("acks", "all");
        settings.default("linger.ms", "5");
        // An idempotent producer has one request per partition in flight. While the next batch is ready, librdkafka's
        // thread checks in a busy loop whether it may be sent (2.12.1, `rd_kafka_toppar_producer_serve`), unless another
        // request waits to be sent. So only few are allowed.
        settings.default("max.in.flight.requests.per.connection", "2");
        settings.default("queue.buffering.max.messages", "500000");
        let queue = options.queue_bytes.unwrap_or(QUEUE_BYTES_DEFAULT);
        settings.default(QUEUE_SIZE, &(queue / 1024).clamp(1, 2_147_483_647).to_string());
        // Directly after a commit, the coordinator is busy with the markers and asks for a retry.
        settings.default("retry.backoff.ms", "10");
        settings.default("topic.metadata.propagation.max.ms", "10000");
        if let Some(id) = &options.transactional_id {
            settings.owned("transactional.id", id);
            settings.owned("transaction.timeout.ms", &options.transaction_timeout_ms.to_string());
            settings.default("message.timeout.ms", &options.transaction_timeout_ms.to_string());
        }
        let mut settings = self.finish(settings, ClientScope::Producer)?;
        settings.holds_the_largest_message(queue)?;
        if let Some(bytes) = self.sizes.batch_bytes() {
            settings.default("batch.size", &bytes.to_string());
        }
        Ok(settings)
    }

    /// What brokers have refused because of its size.
    pub(crate) fn sizes(&self) -> &Arc<SizeLimits> {
        &self.sizes
    }

    /// The settings of a group's member.
    pub(crate) fn member_settings(&self, options: &MemberOptions) -> Result<Settings, LogError> {
        let session_ms = options.session_timeout.as_millis();
        // librdkafka sends this to the broker as the rebalance timeout; it must not be less than the session timeout.
        let rebalance_ms = options.rebalance_timeout.as_millis().max(session_ms);
        let mut settings = self.common(&options.client_id, ClientScope::MainConsumer);
        settings.owned("group.id", &options.group);
        if let Some(id) = &options.instance_id {
            settings.owned("group.instance.id", id);
        }
        settings.owned("group.protocol", "classic");
        settings.owned("partition.assignment.strategy", "range");
        settings.reader();
        // Makes queries for committed positions wait for open transactions.
        settings.owned("isolation.level", "read_committed");
        settings.owned("session.timeout.ms", &session_ms.to_string());
        settings.owned("max.poll.interval.ms", &rebalance_ms.to_string());
        settings.default("heartbeat.interval.ms", &heartbeat_interval(options.session_timeout).as_millis().to_string());
        self.finish(settings, ClientScope::MainConsumer)
    }

    /// The settings of a client that looks up and changes topics.
    pub(crate) fn admin_settings(&self) -> Result<Settings, LogError> {
        let mut settings = self.common("millstream-admin", ClientScope::Admin);
        settings.owned("group.id", GROUP_OF_NOBODY);
        settings.reader();
        // A broker that expects TLS or credentials only closes the connection.
        settings.default("log.connection.close", "true");
        self.finish(settings, ClientScope::Admin)
    }

    fn common(&self, client_id: &str, scope: ClientScope) -> Settings {
        let mut settings = Settings { kafka: self.describe(), scope, entries: Vec::new() };
        settings.owned("bootstrap.servers", &self.bootstrap_servers);
        settings.owned("client.id", client_id);
        // On a broker with Kafka's default `auto.create.topics.enable=true`, a producer of librdkafka's would otherwise
        // create the topics that it asks for. A deleted changelog would come back, with the broker's defaults.
        settings.owned("allow.auto.create.topics", "false");
        settings.default("socket.keepalive.enable", "true");
        settings.default("reconnect.backoff.ms", "100");
        settings.default("reconnect.backoff.max.ms", "2000");
        settings.default("log.connection.close", "false");
        settings
    }

    /// What the user has set for a client, in bytes, if it is a number of KiB.
    fn set_kib(&self, settings: Result<Settings, LogError>, key: &str) -> Option<usize> {
        let set_by_user = self.settings.iter().any(|(_, name, _)| name == key);
        let settings = settings.ok().filter(|_| set_by_user)?;
        let (_, value) = settings.entries.iter().rev().find(|(name, _)| name == key)?;
        value.trim().parse::<usize>().ok()?.checked_mul(1024)
    }

    /// Adds the user's settings, which override our defaults, and of which specific ones override general ones.
    fn finish(&self, mut settings: Settings, scope: ClientScope) -> Result<Settings, LogError> {
        crate::servers::check(&self.bootstrap_servers)?;
        for (for_whom, key, _) in &self.settings {
            if let Some(reason) = owned_client_setting(key) {
                let message = format!("the Kafka setting `{}{key}` cannot be set: {reason}", for_whom.prefix());
                return Err(LogError::new(LogErrorKind::Invalid, message));
            }
        }
        let is_consumer = matches!(scope, ClientScope::MainConsumer | ClientScope::RestoreConsumer);
        let general = [Some(ClientScope::All), is_consumer.then_some(ClientScope::Consumer)];
        for scope in general.into_iter().flatten().chain([scope]) {
            let of_scope = self.settings.iter().filter(|(for_whom, _, _)| *for_whom == scope);
            settings.entries.extend(of_scope.map(|(_, key, value)| (key.clone(), value.clone())));
        }
        Ok(settings)
    }
}

/// The kinds of clients for which settings have prefixes.
const PREFIXED: [ClientScope; 5] = [
    ClientScope::RestoreConsumer,
    ClientScope::MainConsumer,
    ClientScope::Consumer,
    ClientScope::Producer,
    ClientScope::Admin,
];

/// librdkafka requires a group even if none is joined; nothing is ever committed under this name.
const GROUP_OF_NOBODY: &str = "millstream";
const PREFETCH_BYTES_DEFAULT: usize = 32 << 20;
const QUEUE_BYTES_DEFAULT: usize = 64 << 20;
/// librdkafka's names for what a client may hold, in KiB.
const PREFETCH_SIZE: &str = "queued.max.messages.kbytes";
const QUEUE_SIZE: &str = "queue.buffering.max.kbytes";
const LARGEST_MESSAGE: &str = "message.max.bytes";
/// librdkafka requires that a fetch can contain the largest message (`message.max.bytes`).
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
    scope: ClientScope,
    pub(crate) entries: Vec<(String, String)>,
}

impl Settings {
    fn owned(&mut self, key: &str, value: &str) {
        debug_assert!(owned_client_setting(key).is_some(), "users may set `{key}`, too: the core's table lacks it");
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

    /// librdkafka wants a fetch to hold the largest message, whose size the user may have set.
    fn fetches_the_largest_message(&mut self, fetch: usize) {
        let largest = self.number(LARGEST_MESSAGE).filter(|bytes| *bytes > fetch);
        if let Some(largest) = largest.filter(|_| self.number("fetch.max.bytes") == Some(fetch)) {
            self.default("fetch.max.bytes", &largest.to_string());
        }
    }

    /// A producer whose queue is smaller than a message would wait for room for ever.
    fn holds_the_largest_message(&mut self, queue: usize) -> Result<(), LogError> {
        let Some(largest) = self.number(LARGEST_MESSAGE).map(|bytes| bytes.div_ceil(1024)) else { return Ok(()) };
        match self.number(QUEUE_SIZE) {
            Some(kib) if kib >= largest => {}
            Some(kib) if kib == (queue / 1024).max(1) => self.default(QUEUE_SIZE, &largest.to_string()),
            Some(kib) => {
                let message = format!(
                    "the Kafka setting `producer.{QUEUE_SIZE}` is {kib}, so a record as large as `{LARGEST_MESSAGE}` allows \
                     could never be sent: set it to at least {largest}"
                );
                return Err(LogError::new(LogErrorKind::Invalid, message));
            }
            // librdkafka says what is wrong with it.
            None => {}
        }
        Ok(())
    }

    /// The value of a setting that is a number.
    fn number(&self, name: &str) -> Option<usize> {
        let (_, value) = self.entries.iter().rev().find(|(key, _)| key == name)?;
        value.trim().parse().ok()
    }

    /// The maximum time of a request, if the user has set it.
    pub(crate) fn request_timeout(&self) -> Option<Duration> {
        let (_, value) = self.entries.iter().rev().find(|(key, _)| key == "socket.timeout.ms")?;
        value.trim().parse().ok().map(Duration::from_millis)
    }

    /// The brokers' addresses, for messages.
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

    fn client_memory(&self) -> ClientMemory {
        let prefetch = self.set_kib(self.consumer_settings(&ConsumerOptions::default()), PREFETCH_SIZE);
        let queue = self.set_kib(self.producer_settings(&ProducerOptions::default()), QUEUE_SIZE);
        ClientMemory {
            prefetch_bytes: prefetch.unwrap_or(PREFETCH_BYTES_DEFAULT),
            prefetch_is_set: prefetch.is_some(),
            queue_bytes: queue.unwrap_or(QUEUE_BYTES_DEFAULT),
            queue_is_set: queue.is_some(),
        }
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(crate::admin::KafkaAdmin::new(self, &doorbell)?))
    }
}

#[cfg(test)]
mod tests {
    use streams_core::config::Layers;
    use streams_core::log::GroupPlan;

    use super::*;

    fn value<'a>(settings: &'a Settings, key: &str) -> Option<&'a str> {
        settings.entries.iter().rev().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    fn member_options() -> MemberOptions {
        MemberOptions {
            group: "group".into(),
            client_id: "member".into(),
            instance_id: Some("instance".into()),
            plan: GroupPlan::default(),
            session_timeout: Duration::from_secs(6),
            rebalance_timeout: Duration::from_secs(6),
        }
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
        let keys =
            ["acks", "producer.transactional.id", "consumer.auto.offset.reset", "client.id", "consumer.check.crcs"];
        for key in keys {
            let error = Kafka::at("h:1").set(key, "x").admin_settings().unwrap_err();
            assert_eq!(error.kind, LogErrorKind::Invalid);
            assert!(error.message.starts_with(&format!("the Kafka setting `{key}` cannot be set: ")), "{error}");
        }
    }

    /// Regression: `check.crcs` was accepted when settings were read, with a file and line to name, but was refused when
    /// the first client was created.
    #[test]
    fn what_the_engine_sets_itself_is_refused_where_it_is_read() {
        let kafka = Kafka::at("h:1");
        let options = ProducerOptions { transactional_id: Some("t".into()), ..ProducerOptions::default() };
        let all = [
            kafka.consumer_settings(&ConsumerOptions::default()),
            kafka.producer_settings(&options),
            kafka.member_settings(&member_options()),
            kafka.admin_settings(),
        ];
        // `Settings::owned` checks that the core's table, which refuses settings, is complete.
        assert!(all.iter().all(Result::is_ok));
        let read = Layers::new().set("application.id", "a").set("consumer.check.crcs", "false").read();
        assert!(read.unwrap_err().to_string().contains("it is always on"));
    }

    #[test]
    fn a_file_gives_each_kind_of_consumer_its_own() {
        let text = "restore.consumer.fetch.wait.max.ms=4\nmain.consumer.fetch.wait.max.ms=3\n\
                    consumer.fetch.wait.max.ms=2\nrestore.consumer.fetch.min.bytes=5\n\
                    consumer.fetch.error.backoff.ms=6\n";
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("app.properties");
        std::fs::write(&path, format!("application.id=app\nbootstrap.servers=h:1\n{text}")).unwrap();
        let configured = Kafka::configured(&Layers::new().file(&path).read().unwrap()).unwrap();
        let lines = text.lines().filter_map(|line| line.split_once('='));
        let in_code = lines.fold(Kafka::at("h:1"), |kafka, (key, value)| kafka.set(key, value));
        for kafka in [configured, in_code] {
            let of = |purpose| {
                let options = ConsumerOptions { purpose, ..ConsumerOptions::default() };
                kafka.consumer_settings(&options).unwrap()
            };
            let (main, restore) = (of(ConsumerPurpose::Main), of(ConsumerPurpose::Restore));
            let member = kafka.member_settings(&member_options()).unwrap();
            let all = |key| [&main, &restore, &member].map(|settings| value(settings, key));
            assert_eq!(all("fetch.wait.max.ms"), [Some("3"), Some("4"), Some("3")]);
            assert_eq!(all("fetch.min.bytes"), [None, Some("5"), None]);
            assert_eq!(all("fetch.error.backoff.ms"), [Some("6"); 3]);
        }
    }

    /// Regression: no consumer could be created, because of a setting that was not the user's.
    #[test]
    fn a_fetch_holds_the_largest_message_unless_the_user_says_how_large_it_is() {
        let fetch = |kafka: Kafka| {
            let options = ConsumerOptions { prefetch_bytes: Some(4 << 20), ..ConsumerOptions::default() };
            let settings = kafka.consumer_settings(&options).expect("settings");
            value(&settings, "fetch.max.bytes").map(str::to_owned)
        };
        let kafka = |name: &str, value: &str| Kafka::at("h:1").set(name, value);
        for (settings, expected) in [
            (Kafka::at("h:1"), "2097152"),
            (kafka("message.max.bytes", "12000000"), "12000000"),
            (kafka("message.max.bytes", "1000000"), "2097152"),
            (kafka("producer.message.max.bytes", "12000000"), "2097152"),
            (kafka("message.max.bytes", "12000000").set("consumer.fetch.max.bytes", "13000000"), "13000000"),
        ] {
            assert_eq!(fetch(settings).as_deref(), Some(expected));
        }
    }

    /// Regression: the producer's queue was full for ever.
    #[test]
    fn a_queue_holds_the_largest_message_or_the_settings_are_refused() {
        let queue = |kafka: &Kafka| {
            let options = ProducerOptions { queue_bytes: Some(4 << 20), ..ProducerOptions::default() };
            let settings = kafka.producer_settings(&options).map_err(|error| error.to_string())?;
            Ok(value(&settings, "queue.buffering.max.kbytes").map(str::to_owned))
        };
        let largest = Kafka::at("h:1").set("message.max.bytes", "12000000");
        let told = "the Kafka setting `producer.queue.buffering.max.kbytes` is 9, so a record as large as \
                    `message.max.bytes` allows could never be sent: set it to at least 11719";
        for (kafka, expected) in [
            (Kafka::at("h:1"), Ok("4096")),
            (largest.clone(), Ok("11719")),
            (largest.clone().set("producer.queue.buffering.max.kbytes", "20000"), Ok("20000")),
            (largest.set("producer.queue.buffering.max.kbytes", "9"), Err(told)),
        ] {
            let found: Result<Option<String>, String> = queue(&kafka);
            match expected {
                Ok(kib) => assert_eq!(found, Ok(Some(kib.to_owned()))),
                Err(told) => assert!(found.as_ref().is_err_and(|error| error.contains(told)), "{found:?}"),
            }
        }
    }

    #[test]
    fn what_is_held_in_memory_is_told_and_set_by_the_budget_unless_the_user_has_set_it() {
        let kafka = Kafka::at("h:1");
        let defaults = ClientMemory {
            prefetch_bytes: 32 << 20,
            prefetch_is_set: false,
            queue_bytes: 64 << 20,
            queue_is_set: false,
        };
        assert_eq!(kafka.client_memory(), defaults);
        let options = ProducerOptions { queue_bytes: Some(5 << 20), ..ProducerOptions::default() };
        let queue = |kafka: &Kafka| {
            let settings = kafka.producer_settings(&options).expect("settings");
            value(&settings, "queue.buffering.max.kbytes").map(str::to_owned)
        };
        assert_eq!(queue(&kafka).as_deref(), Some("5120"));
        let kafka = kafka.set("consumer.queued.max.messages.kbytes", "7").set("queue.buffering.max.kbytes", "9");
        let set =
            ClientMemory { prefetch_bytes: 7 << 10, prefetch_is_set: true, queue_bytes: 9 << 10, queue_is_set: true };
        assert_eq!((kafka.client_memory(), queue(&kafka).as_deref()), (set, Some("9")));
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
    fn secrets_are_not_shown() {
        let kafka = Kafka::at("h:1").set("sasl.password", "hush").set("ssl.key.pem", "hush").set("linger.ms", "9");
        let shown = format!("{kafka:?} {:?}", kafka.producer_settings(&ProducerOptions::default()).unwrap());
        assert!(!shown.contains("hush") && shown.contains('9'), "{shown}");
    }
}
