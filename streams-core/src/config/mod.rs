//! Settings, in Kafka Streams' words.
//!
//! [`StreamsConfig`] is a plain struct; a test builds it by hand. [`Layers`] makes one from what the
//! program, files, the environment and the command line say:
//!
//! ```
//! use streams_core::config::{Guarantee, Layers};
//! use std::time::Duration;
//!
//! let config = Layers::new()
//!     .set("application.id", "word-count")
//!     .set("commit.interval.ms", 500)
//!     .environment_of([("KSTREAM_PROCESSING_GUARANTEE", "exactly_once_v2")])
//!     .read()?;
//! assert_eq!(config.processing_guarantee, Guarantee::ExactlyOnce);
//! assert_eq!(config.commit_interval(), Duration::from_millis(500));
//!
//! let typo = Layers::new().set("application.id", "word-count").set("num.stream.thread", 2).read();
//! assert!(typo.unwrap_err().to_string().contains("did you mean `num.stream.threads`?"));
//! # Ok::<(), streams_core::config::ConfigErrors>(())
//! ```
//!
//! A name that is not known is an error, and so is a name that only Java knows: a setting is honoured or
//! refused, never ignored. Values that may be secret are never printed, neither by `Display` (which prints
//! every setting with its origin) nor by `Debug` nor in errors.
//!
//! This module starts nothing: the runtime and the adapters read the struct.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use crate::topic::{NAME_LENGTH_MAX, NameError, check_name};

mod clients;
mod environment;
mod error;
#[cfg(feature = "config-files")]
mod file;
mod layers;
mod names;
mod parse;
mod refused;
mod settings;
mod suggest;
#[cfg(test)]
mod tests;
mod topics;

#[doc(hidden)]
pub use clients::owned_client_setting;
pub use clients::{ClientScope, ClientSettings};
pub use error::{ConfigError, ConfigErrors, Origin};
pub use layers::Layers;
pub use topics::TopicSettings;
pub(crate) use topics::topic_setting_meant;

/// What happens when a failure leaves doubt about what was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Guarantee {
    /// `at_least_once`: nothing is lost; after a crash, work since the last commit is done again.
    #[default]
    AtLeastOnce,
    /// `exactly_once_v2`: nothing is lost and nothing is doubled; input positions, state and output are
    /// committed as one.
    ExactlyOnce,
}

impl Guarantee {
    /// How often work is committed unless something else is set. Under exactly-once results are visible only
    /// after a commit, so there it is short.
    pub(crate) const fn commit_interval(self) -> Duration {
        match self {
            Self::AtLeastOnce => Duration::from_secs(30),
            Self::ExactlyOnce => Duration::from_millis(100),
        }
    }

    /// Which input is read unless something else is set.
    pub(crate) const fn isolation_level(self) -> IsolationLevel {
        match self {
            Self::AtLeastOnce => IsolationLevel::ReadUncommitted,
            Self::ExactlyOnce => IsolationLevel::ReadCommitted,
        }
    }
}

/// Where reading begins in an input partition that the group has no position for, or whose position no
/// longer exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OffsetReset {
    /// `earliest`: at the first record that is kept.
    #[default]
    Earliest,
    /// `latest`: behind the last record there is at that moment.
    Latest,
    /// `none`: nowhere, it is an error.
    None,
}

/// Which records of other programs' transactions are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IsolationLevel {
    /// `read_uncommitted`: all, also those of open and aborted transactions.
    #[default]
    ReadUncommitted,
    /// `read_committed`: those of committed transactions, and those outside of any.
    ReadCommitted,
}

/// Whether internal topics that are missing are created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CreateInternalTopics {
    /// `first_run`: unless the application has run before. A topic that is missing then held state or records,
    /// and creating it empty would lose them silently (KIP-698).
    #[default]
    FirstRun,
    /// `always`: also then, for a topology to which a store or a repartition was added. Take it back once the
    /// application has started.
    Always,
}

/// What happens to a record that cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUndecodable {
    /// `fail`: the task fails, and the application with it.
    #[default]
    Fail,
    /// `skip`: the record is dropped, counted and logged.
    Skip,
}

/// The name of an application. It names its group, its internal topics and its state folder, so it
/// follows the rule for topic names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApplicationId(String);

impl ApplicationId {
    /// Checks the name.
    ///
    /// # Errors
    /// Which part of the rule is broken.
    pub fn new(id: impl Into<String>) -> Result<Self, NameError> {
        let id = id.into();
        check_name(id.as_bytes(), NAME_LENGTH_MAX)?;
        Ok(Self(id))
    }

    /// The name of none: for defaults that no application has yet.
    pub(crate) const fn unnamed() -> Self {
        Self(String::new())
    }

    /// The name as text.
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
    /// `application.id`; has no default.
    pub application_id: ApplicationId,
    /// `client.id`: what the names of the Kafka clients begin with. Default: made from the application id.
    pub client_id: Option<String>,
    /// `bootstrap.servers`: where the Kafka cluster is, `host:port` with commas between. Default: whatever
    /// the program connects to.
    pub bootstrap_servers: Option<String>,
    /// `num.stream.threads`: worker threads. Default 1.
    pub num_stream_threads: usize,
    /// `processing.guarantee`. Default `at_least_once`.
    pub processing_guarantee: Guarantee,
    /// `commit.interval.ms`; `None` is 30 seconds, and 100 milliseconds under exactly-once. Read it with
    /// [`StreamsConfig::commit_interval`].
    pub commit_interval: Option<Duration>,
    /// `statestore.cache.max.bytes`: how much may be held back before it is forwarded, over all workers; 0
    /// forwards every update at once. Default 10 MiB.
    pub statestore_cache_max_bytes: usize,
    /// `statestore.uncommitted.max.bytes`: more uncommitted state than this, over all workers, is committed
    /// early. Default 64 MiB.
    pub statestore_uncommitted_max_bytes: usize,
    /// `state.dir`: each application has a folder of its own in it. Default `./state`, not the temporary
    /// folder as in Java, which a reboot may empty.
    pub state_dir: PathBuf,
    /// `max.task.idle.ms`: how long a task with several inputs waits for one that is caught up but empty.
    /// `None` (-1) never waits, not even for records known to be on the broker. Default 0.
    pub max_task_idle: Option<Duration>,
    /// `buffered.records.per.partition`: above it, a partition is not read any further for now. Default
    /// 1,000.
    pub buffered_records_per_partition: usize,
    /// `poll.ms`: how long a worker that has nothing to do waits for records. Default 100 milliseconds.
    pub poll: Duration,
    /// `replication.factor` of internal topics; `None` (-1) leaves it to the broker, the default.
    pub replication_factor: Option<u16>,
    /// `auto.offset.reset`: where reading begins in an input partition without a position. `None`, the
    /// default, begins at the earliest record, and is an error when a position that was there is out of
    /// range: nothing is skipped unless somebody said so.
    pub auto_offset_reset: Option<OffsetReset>,
    /// `consumer.isolation.level`: `read_uncommitted` or `read_committed`. `None` goes by the guarantee; read it with
    /// [`StreamsConfig::isolation_level`].
    pub isolation_level: Option<IsolationLevel>,
    /// `internal.topics.create`: `first_run`, the default, or `always`.
    pub create_internal_topics: CreateInternalTopics,
    /// `deserialization.exception.handler`: `fail`, the default, or `skip`. Java has class names here.
    pub on_undecodable: OnUndecodable,
    /// `session.timeout.ms`: a member that is not heard of for so long is taken for dead. Default 45
    /// seconds.
    pub session_timeout: Duration,
    /// `max.poll.interval.ms`: how long a rebalance waits for this member's commit. Default 5 minutes.
    pub max_poll_interval: Duration,
    /// `transaction.timeout.ms`: after so long the broker aborts a transaction nobody ended. Default 10
    /// seconds.
    pub transaction_timeout: Duration,
    /// `task.timeout.ms`: how long a task that is being opened waits for a log that does not answer. Default 5
    /// minutes.
    pub task_timeout: Duration,
    /// `topic.*`: settings for all internal topics.
    pub topics: TopicSettings,
    /// `consumer.*`, `producer.*` and so on, and `security.protocol`, `sasl.*`, `ssl.*` for all clients.
    pub clients: ClientSettings,
    /// Where values come from, for printing.
    pub origins: Origins,
}

impl StreamsConfig {
    /// The defaults.
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
            processing_guarantee: Guarantee::AtLeastOnce,
            commit_interval: None,
            statestore_cache_max_bytes: 10 * 1024 * 1024,
            statestore_uncommitted_max_bytes: 64 * 1024 * 1024,
            state_dir: PathBuf::from("state"),
            max_task_idle: Some(Duration::ZERO),
            buffered_records_per_partition: 1_000,
            poll: Duration::from_millis(100),
            replication_factor: None,
            auto_offset_reset: None,
            isolation_level: None,
            create_internal_topics: CreateInternalTopics::FirstRun,
            on_undecodable: OnUndecodable::Fail,
            session_timeout: Duration::from_secs(45),
            max_poll_interval: Duration::from_secs(300),
            transaction_timeout: Duration::from_secs(10),
            task_timeout: Duration::from_secs(300),
            topics: TopicSettings::default(),
            clients: ClientSettings::default(),
            origins: Origins::default(),
        }
    }

    /// How often work is committed. Under exactly-once results are visible only after a commit, so there
    /// the default is short.
    #[must_use]
    pub fn commit_interval(&self) -> Duration {
        self.commit_interval.unwrap_or_else(|| self.processing_guarantee.commit_interval())
    }

    /// Which records are read. Under exactly-once only committed ones, under at-least-once all unless set.
    #[must_use]
    pub fn isolation_level(&self) -> IsolationLevel {
        self.isolation_level.unwrap_or_else(|| self.processing_guarantee.isolation_level())
    }

    /// Where a setting's value comes from.
    fn origin_of(&self, setting: &settings::Setting) -> Origin {
        let value = (setting.show)(self);
        match self.origins.0.get(setting.name) {
            Some((origin, then)) if *then == value => origin.clone(),
            // Not set by a layer, or changed by the program since.
            _ => {
                let defaults = Self::defaults_for(ApplicationId::unnamed());
                if (setting.show)(&defaults) == value { Origin::Default } else { Origin::Code }
            }
        }
    }
}

/// Every setting with its value and origin, one a line; values that may be secret are hidden.
impl fmt::Display for StreamsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for setting in settings::SETTINGS {
            writeln!(f, "{} = {} ({})", setting.name, (setting.show)(self), self.origin_of(setting))?;
        }
        for (name, value, origin) in self.topics.shown().chain(self.clients.shown()) {
            writeln!(f, "{name} = {value} ({origin})")?;
        }
        Ok(())
    }
}

/// Which layer gave each setting its value.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(BTreeMap<&'static str, (Origin, String)>);
