//! Settings, with Kafka Streams' names.
//!
//! [`StreamsConfig`] is a plain struct that a test can build by hand. [`Layers`] builds one from the program's settings,
//! files, the environment and the command line:
//!
//! ```
//! use millstream::config::Guarantee;
//! use millstream::prelude::*;
//! use std::time::Duration;
//!
//! let config = Layers::new()
//!     .set("application.id", "word-count")
//!     .set("commit.interval.ms", 500)
//!     .environment_of([("KSTREAM_PROCESSING_GUARANTEE", "exactly_once_v2")])
//!     .read()?;
//! assert_eq!(config.processing_guarantee, Some(Guarantee::ExactlyOnce));
//! assert_eq!(config.commit_interval, Some(Duration::from_millis(500)));
//!
//! let typo = Layers::new().set("application.id", "word-count").set("num.stream.thread", 2).read();
//! assert!(typo.unwrap_err().to_string().contains("did you mean `num.stream.threads`?"));
//! # Ok::<(), millstream::config::ConfigErrors>(())
//! ```
//!
//! Unknown names are errors, and so are names that only Java knows: a setting is honoured or refused, never ignored.
//! Values that may be secret are never printed: not by `Display`, which prints every setting with its origin, nor by
//! `Debug`, nor in errors.
//!
//! This module starts nothing: the runtime and the adapters read the struct.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::topic::{NAME_LENGTH_MAX, NameError, check_name};
pub use crate::topic::{OffsetReset, TimestampPolicy};

mod clients;
mod effective;
mod environment;
mod error;
mod errors;
#[cfg(feature = "config-files")]
mod file;
mod foreign_names;
mod layers;
mod optimizations;
mod parse;
mod refused;
mod secret;
mod settings;
mod suggest;
#[cfg(test)]
mod tests;
mod topics;

pub use clients::{ClientScope, ClientSettings};
#[doc(hidden)]
pub use clients::{client_value_may_be_shown, owned_client_setting};
pub use effective::EffectiveSetting;
pub(crate) use effective::effective;
pub use error::{ConfigError, ConfigErrors, Origin};
pub use errors::{ErrorSettings, OnError, OnFuture};
pub use layers::Layers;
pub use optimizations::Optimizations;
pub(crate) use parse::show_size;
pub use secret::Secret;
pub use topics::TopicSettings;
pub(crate) use topics::topic_setting_meant;

/// How often a record may take effect if there are failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guarantee {
    /// `at_least_once`: nothing is lost; after a crash, the work since the last commit is repeated.
    #[default]
    AtLeastOnce,
    /// `exactly_once_v2`: nothing is lost or duplicated; input positions, state and output are committed atomically.
    ExactlyOnce,
}

impl Guarantee {
    /// The default commit interval. It is short under exactly-once, because results become visible only with a commit.
    pub(crate) const fn commit_interval(self) -> Duration {
        match self {
            Self::AtLeastOnce => Duration::from_secs(30),
            Self::ExactlyOnce => Duration::from_millis(100),
        }
    }

    /// The default isolation level for input.
    pub(crate) const fn isolation_level(self) -> IsolationLevel {
        match self {
            Self::AtLeastOnce => IsolationLevel::ReadUncommitted,
            Self::ExactlyOnce => IsolationLevel::ReadCommitted,
        }
    }
}

/// Which records of transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// `read_uncommitted`: all, including those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// `read_committed`: those of committed transactions and those outside transactions.
    ReadCommitted,
}

/// When missing internal topics are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CreateInternalTopics {
    /// `first_run`: unless the application has run before. In that case a missing topic used to contain state or
    /// records, and creating it empty would lose them silently (KIP-698). Where the state on disk says that the topology
    /// has only got more topics since, the new ones are created all the same.
    #[default]
    FirstRun,
    /// `always`: even if it has run before, for a topology to which a store or a repartition topic was added. Unset it
    /// once the application has started.
    Always,
}

/// What happens to a store whose changelog has lost what the store needs: it was deleted, created again, or cut off at
/// either end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnChangelogLoss {
    /// `fail`: the application ends with an error that says what is missing.
    #[default]
    Fail,
    /// `rebuild`: the store is built anew from what is left in the changelog. It is counted in
    /// [`TaskMetrics::rebuilt`](crate::runtime::TaskMetrics::rebuilt) and logged as a warning.
    Rebuild,
}

/// What becomes of a task that does not get on, most often because code of the application waits for something that does not
/// come. Such code cannot be interrupted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnStall {
    /// `warn`: that is said, and nothing else. The instance stays in the group, so nobody else gets its tasks.
    #[default]
    Warn,
    /// `leave`: if the code has not come back, the instance also leaves its group, as in Kafka Streams after
    /// `max.poll.interval.ms`, so that other instances take over its tasks. It comes back when the code does; what it was
    /// doing is not committed. Code that is merely slow would make the tasks go round, and nothing would get done.
    Leave,
    /// `fail`: the instance ends with an error that names the task. A thread that does not come back is left to the end of
    /// the process.
    Fail,
}

/// How much detail metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum RecordingLevel {
    /// `INFO`: by topic, sub-topology and worker.
    #[default]
    Info,
    /// `DEBUG`: also by partition, so that the number of time series grows with the number of partitions.
    Debug,
}

/// The id of an application. Its group, its internal topics and its state folder are named after it, so it follows the
/// rule for topic names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId(String);

impl ApplicationId {
    /// An id that follows the rule for names.
    ///
    /// # Errors
    /// The part of the rule that the name breaks.
    pub fn new(id: impl Into<String>) -> Result<Self, NameError> {
        let id = id.into();
        check_name(id.as_bytes(), NAME_LENGTH_MAX)?;
        Ok(Self(id))
    }

    /// A placeholder, for defaults that belong to no application yet.
    pub(crate) const fn unnamed() -> Self {
        Self(String::new())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ApplicationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How an application runs. Names and defaults are Kafka Streams' unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamsConfig {
    /// `application.id`; there is no default.
    pub application_id: ApplicationId,
    /// `client.id`: the prefix of the Kafka clients' names. By default, it is derived from the application id.
    pub client_id: Option<String>,
    /// `bootstrap.servers`: the Kafka cluster's addresses, `host:port` separated by commas. Default: the addresses that
    /// the program connects to.
    pub bootstrap_servers: Option<String>,
    /// `num.stream.threads`: the number of worker threads. Default 1.
    pub num_stream_threads: usize,
    /// `processing.guarantee`: `at_least_once` or `exactly_once_v2`. `None`, the default, leaves it to the log that the
    /// application runs on: exactly-once on an embedded log, at-least-once on Kafka.
    pub processing_guarantee: Option<Guarantee>,
    /// `commit.interval.ms`; `None`, the default, follows the guarantee: 30 seconds, or 100 milliseconds under
    /// exactly-once, where results become visible only with a commit.
    pub commit_interval: Option<Duration>,
    /// `statestore.cache.max.bytes`: the size of the caches that hold updates back, over all workers; 0 forwards every
    /// update at once. Default 10 MiB.
    pub statestore_cache_max_bytes: usize,
    /// `statestore.uncommitted.max.bytes`: uncommitted state that exceeds this, over all workers, is committed early.
    /// Default 64 MiB.
    pub statestore_uncommitted_max_bytes: usize,
    /// `state.dir`: each application has its own folder in it. Default `./state`; Java's default is the temporary
    /// folder, which a reboot may empty.
    pub state_dir: PathBuf,
    /// `max.task.idle.ms`: how long a task with several inputs waits for an input that has been read to its end.
    /// `None` (-1) never waits, not even for records known to be on the broker. Default 0.
    pub max_task_idle: Option<Duration>,
    /// `event.time.alignment`, which Java does not have: how far apart in event time tasks may be while there are records
    /// to catch up with; see [`App::align_event_time`](crate::runtime::App::align_event_time). `None` (`off`), the default,
    /// is Java's rule: every task goes as fast as it can.
    pub event_time_alignment: Option<Duration>,
    /// `buffered.records.per.partition`: a partition with more unprocessed records is paused. Default 1,000.
    pub buffered_records_per_partition: usize,
    /// `input.buffer.max.bytes`, which Java has announced (KIP-770): if the buffers of all partitions hold more unprocessed
    /// bytes, over all workers, partitions are paused. Default 64 MiB.
    pub input_buffer_max_bytes: usize,
    /// `memory.max.bytes`, which Java does not have: what caches, uncommitted state, input buffers, Kafka's clients and
    /// RocksDB may hold together; see [`App::memory_bytes`](crate::runtime::App::memory_bytes). `None`, the default, leaves
    /// it to the sizes of these parts.
    pub memory_max_bytes: Option<usize>,
    /// `poll.ms`: how long an idle worker waits for records. Default 100 milliseconds.
    pub poll: Duration,
    /// `metadata.max.age.ms`: how often to look for new topics that match a pattern of the topology. `None`, the default,
    /// leaves it to the log: every 5 minutes on Kafka, every second on an embedded log.
    pub metadata_max_age: Option<Duration>,
    /// `replication.factor` of internal topics; `None` (-1), the default, leaves it to the broker.
    pub replication_factor: Option<u16>,
    /// `auto.offset.reset`: where to start reading an input partition without a position. `None`, the default, starts at
    /// the earliest record, but a position that is out of range is an error: nothing is skipped unless it was asked for.
    pub auto_offset_reset: Option<OffsetReset>,
    /// `default.timestamp.extractor`: which time records have, for all sources that don't say it themselves: `fail`, the
    /// default, `skip`, `partition_time` or `wall_clock`. Java takes class names here.
    pub timestamps: TimestampPolicy,
    /// `consumer.isolation.level`: `read_uncommitted` or `read_committed`. `None`, the default, follows the
    /// guarantee: only committed records under exactly-once, all records under at-least-once.
    pub isolation_level: Option<IsolationLevel>,
    /// `internal.topics.create`: `first_run`, the default, or `always`.
    pub create_internal_topics: CreateInternalTopics,
    /// `on.changelog.loss`: `fail`, the default, or `rebuild`. Java has no such setting: it goes on with what is left.
    pub on_changelog_loss: OnChangelogLoss,
    /// What becomes of records that cannot be read, processed or written, and of those that operators drop.
    pub errors: ErrorSettings,
    /// `session.timeout.ms`: an instance that has not been heard from for this long counts as dead, and others take over
    /// its tasks; see [`App::session_timeout`](crate::runtime::App::session_timeout). Default 45 seconds.
    pub session_timeout: Duration,
    /// `max.poll.interval.ms`: how long a rebalance waits for this member's commit. Default 5 minutes.
    pub max_poll_interval: Duration,
    /// `transaction.timeout.ms`: the broker aborts a transaction that has been open for this long. `None`, the default, is
    /// 10 seconds, or two thirds of the session timeout if that is less. Read it with
    /// [`StreamsConfig::transaction_timeout`].
    pub transaction_timeout: Option<Duration>,
    /// `task.timeout.ms`: how long a task that is being opened waits for a log that does not answer. Default 5 minutes.
    pub task_timeout: Duration,
    /// `task.stall.timeout.ms`, which Java does not have: how long a task may have records without processing any, or a step
    /// of a worker may take, until that is reported. Default 1 minute.
    pub task_stall_timeout: Duration,
    /// `task.stall.handler`: `warn`, the default, `leave` or `fail`.
    pub task_stall: OnStall,
    /// `handler.stop.timeout.ms`, which Java does not have: how long an instance that stops waits for the handlers of
    /// [`KStream::handle`](crate::dsl::KStream::handle) that are running. Default 10 seconds.
    pub handler_stop_timeout: Duration,
    /// `metrics.recording.level`: `INFO`, the default, or `DEBUG`. It is about what the HTTP server's `/metrics` shows;
    /// counting costs the same.
    pub recording_level: RecordingLevel,
    /// `application.server`: where other instances can ask this one, as in `10.0.0.7:7070`. `None`, the default, is the address
    /// that the HTTP server listens on. It is needed where others know this machine by another address than itself.
    pub application_server: Option<String>,
    /// `query.server.peers`, which Java does not have: to which hosts questions may be carried, beside those of this machine,
    /// separated by commas: names, as in `web-1.example.org`, names' endings, as in `*.example.org`, addresses, and networks, as
    /// in `10.0.0.0/8`. None by default.
    pub query_server_peers: Vec<String>,
    /// `query.server.bind`, which Java does not have: where the HTTP server listens, as in `127.0.0.1:7070`, once the program
    /// starts one. `None`, the default, leaves it to the program.
    pub query_server_bind: Option<String>,
    /// `query.server.token`, which Java does not have: what requests to the HTTP server must send.
    pub query_server_token: Option<Secret>,
    /// `ui.allow.actions`, which Java does not have: whether requests to the HTTP server may pause, resume and stop the
    /// application. Default false.
    pub ui_allow_actions: bool,
    /// `ui.enabled`, which Java does not have: whether the HTTP server also has a page that shows the application in a browser.
    /// Default true.
    pub ui_enabled: bool,
    /// `topology.optimization`: `none`, the default, `all`, or a list of optimisations. The topology must be built with it,
    /// by [`StreamsBuilder::build_with`](crate::dsl::StreamsBuilder::build_with).
    pub topology_optimization: Optimizations,
    /// `topic.*`: settings of all internal topics.
    pub topics: TopicSettings,
    /// `consumer.*`, `producer.*` and so on for some clients; `security.protocol`, `sasl.*` and `ssl.*` for all.
    pub clients: ClientSettings,
    /// Where the values were set, for printing.
    pub origins: Origins,
}

/// Unless the session timeout is too short for it.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// The default of `transaction.timeout.ms` for a session timeout.
pub(crate) fn transaction_timeout_below(session_timeout: Duration) -> Duration {
    TRANSACTION_TIMEOUT.min(session_timeout * 2 / 3)
}

impl StreamsConfig {
    /// The defaults, for an application with this id.
    ///
    /// # Errors
    /// When the id breaks the rule for names.
    pub fn new(application_id: impl Into<String>) -> Result<Self, NameError> {
        ApplicationId::new(application_id).map(Self::defaults_for)
    }

    pub(crate) fn defaults_for(application_id: ApplicationId) -> Self {
        Self {
            application_id,
            client_id: None,
            bootstrap_servers: None,
            num_stream_threads: 1,
            processing_guarantee: None,
            commit_interval: None,
            statestore_cache_max_bytes: 10 * 1024 * 1024,
            statestore_uncommitted_max_bytes: 64 * 1024 * 1024,
            state_dir: PathBuf::from("state"),
            max_task_idle: Some(Duration::ZERO),
            event_time_alignment: None,
            buffered_records_per_partition: 1_000,
            input_buffer_max_bytes: 64 * 1024 * 1024,
            memory_max_bytes: None,
            poll: Duration::from_millis(100),
            metadata_max_age: None,
            replication_factor: None,
            auto_offset_reset: None,
            timestamps: TimestampPolicy::Fail,
            isolation_level: None,
            create_internal_topics: CreateInternalTopics::FirstRun,
            on_changelog_loss: OnChangelogLoss::Fail,
            errors: ErrorSettings::default(),
            session_timeout: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(300),
            transaction_timeout: None,
            task_timeout: Duration::from_secs(300),
            task_stall_timeout: Duration::from_secs(60),
            task_stall: OnStall::Warn,
            handler_stop_timeout: Duration::from_secs(10),
            recording_level: RecordingLevel::Info,
            application_server: None,
            query_server_peers: Vec::new(),
            query_server_bind: None,
            query_server_token: None,
            ui_allow_actions: false,
            ui_enabled: true,
            topology_optimization: Optimizations::NONE,
            topics: TopicSettings::default(),
            clients: ClientSettings::default(),
            origins: Origins::default(),
        }
    }

    /// The transaction timeout that was set, or the default. A transaction must end before its owner counts as dead, so
    /// the default is below the session timeout.
    #[must_use]
    pub fn transaction_timeout(&self) -> Duration {
        self.transaction_timeout.unwrap_or_else(|| transaction_timeout_below(self.session_timeout))
    }

    /// Where a setting's value was set, or which other setting it follows and where that one was set.
    fn explain_origin_of(&self, setting: &settings::Setting) -> String {
        let followed = match setting.name {
            "commit.interval.ms" if self.commit_interval.is_none() => Some("processing.guarantee"),
            "consumer.isolation.level" if self.isolation_level.is_none() => Some("processing.guarantee"),
            "transaction.timeout.ms" if self.transaction_timeout.is_none() => {
                (self.transaction_timeout() < TRANSACTION_TIMEOUT).then_some("session.timeout.ms")
            }
            _ => None,
        };
        let followed = followed.and_then(settings::find);
        match followed.map(|followed| (followed.name, self.origin_of(followed))) {
            Some((_, Origin::Default)) => Origin::Default.to_string(),
            Some((name, origin)) => format!("because of {name}, {origin}"),
            None => self.origin_of(setting).to_string(),
        }
    }

    /// Where a setting's value was set.
    fn origin_of(&self, setting: &settings::Setting) -> Origin {
        let value = (setting.show)(self);
        match self.origins.0.get(setting.name) {
            Some((origin, then)) if *then == value => origin.clone(),
            // No layer set it, or the program has changed it since.
            _ => {
                let defaults = Self::defaults_for(ApplicationId::unnamed());
                if (setting.show)(&defaults) == value { Origin::Default } else { Origin::Code }
            }
        }
    }
}

/// A setting with its value and origin, for printing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownSetting {
    /// Its name.
    pub name: String,
    /// Its value, unless that may be secret.
    pub value: String,
    /// Where it was set, in words.
    pub origin: String,
}

impl StreamsConfig {
    /// Every setting with its value and origin. Values that may be secret are hidden.
    #[must_use]
    pub fn shown(&self) -> Vec<ShownSetting> {
        let own = settings::SETTINGS.iter().map(|setting| ShownSetting {
            name: setting.name.to_owned(),
            value: (setting.show)(self),
            origin: self.explain_origin_of(setting),
        });
        let of_others = self.topics.shown().chain(self.clients.shown()).map(|(name, value, origin)| ShownSetting {
            name,
            value: value.to_owned(),
            origin: origin.to_string(),
        });
        own.chain(of_others).collect()
    }
}

/// Every setting with its value and origin, one per line. Values that may be secret are hidden.
impl fmt::Display for StreamsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ShownSetting { name, value, origin } in self.shown() {
            writeln!(f, "{name} = {value} ({origin})")?;
        }
        Ok(())
    }
}

/// The layer that set each setting.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(BTreeMap<&'static str, (Origin, String)>);
