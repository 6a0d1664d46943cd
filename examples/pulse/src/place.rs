//! Where the application runs: on a log inside this process, or on Kafka.
//!
//! No other file knows the difference.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream::client::Client;
use millstream::config::OnError;
use millstream::log::{Admin, Doorbell, Embedded, Log, LogErrorKind, NewTopic};
use millstream::runtime::{App, AppError, Guarantee, Running, Settings};
use millstream::topology::Topology;

use crate::results::output_topics;
use crate::topology::{ALERTS, ALSO_VIEWED, CLICKS, COUNTRY_TOTALS, DEAD_LETTERS, FUNNEL, PAGE_TOTALS, USERS, VIEWS};
use crate::{Failure, answer};

/// The number of partitions of every topic, and of tasks of every sub-topology.
pub const PARTITIONS: u32 = 4;

/// Worker threads.
pub const WORKERS: usize = 2;

/// How often input positions, state and output are committed atomically. Readers see nothing before that.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// How long what is no table is kept, so that a long run does not fill the disk.
const RETENTION: Duration = Duration::from_secs(1_800);

/// A log, and the application's name and settings on it.
pub struct Place {
    log: AnyLog,
    application_id: String,
    /// How long the group takes to notice that an instance was killed. An open transaction of the instance ends slightly
    /// earlier.
    session_timeout: Duration,
    guarantee: Guarantee,
}

enum AnyLog {
    Embedded(Embedded),
    #[cfg(all(feature = "kafka", feature = "rocksdb"))]
    Kafka(millstream::kafka::Kafka),
}

impl Place {
    /// A log inside this process, stored in the run's folder.
    pub fn embedded(folder: &Path) -> Result<Self, Failure> {
        Ok(Self {
            log: AnyLog::Embedded(Embedded::open(folder.join("log"))?),
            application_id: "pulse".to_owned(),
            session_timeout: Duration::from_secs(3),
            guarantee: Guarantee::ExactlyOnce,
        })
    }

    /// A Kafka cluster.
    #[cfg(all(feature = "kafka", feature = "rocksdb"))]
    pub fn kafka(servers: &str, application_id: &str) -> Self {
        Self {
            log: AnyLog::Kafka(millstream::kafka::Kafka::at(servers)),
            application_id: application_id.to_owned(),
            // The minimum that brokers allow by default (`group.min.session.timeout.ms`).
            session_timeout: Duration::from_secs(6),
            guarantee: Guarantee::ExactlyOnce,
        }
    }

    /// Sets another guarantee than exactly-once.
    #[must_use]
    pub fn guarantee(self, guarantee: Guarantee) -> Self {
        Self { guarantee, ..self }
    }

    /// The log to use.
    pub fn log(&self) -> &dyn Log {
        match &self.log {
            AnyLog::Embedded(log) => log,
            #[cfg(all(feature = "kafka", feature = "rocksdb"))]
            AnyLog::Kafka(log) => log,
        }
    }

    /// The place and the guarantee, for people.
    pub fn describe(&self) -> String {
        let guarantee = match self.guarantee {
            Guarantee::ExactlyOnce => "exactly-once",
            Guarantee::AtLeastOnce => "at-least-once",
        };
        format!("{guarantee} on {}", self.log().describe())
    }

    /// A client that looks up and creates topics.
    pub fn admin(&self) -> Result<Arc<dyn Admin>, Failure> {
        Ok(self.log().admin(Doorbell::new())?)
    }

    /// Creates the topics that do not exist yet.
    pub fn create_topics(&self, admin: &dyn Admin) -> Result<(), Failure> {
        let inputs = [VIEWS.name(), CLICKS.name(), USERS.name()].map(str::to_owned);
        let names: Vec<String> = inputs.into_iter().chain(output_topics()).collect();
        let existing = answer(|| admin.topics(Some(names.clone())))?;
        if let Some(other) = existing.iter().find(|topic| topic.partitions != PARTITIONS) {
            let (name, partitions) = (&other.name, other.partitions);
            return Err(format!(
                "topic {name} has {partitions} partitions instead of {PARTITIONS}: delete it, and pulse creates it"
            )
            .into());
        }
        let tables =
            [USERS.name(), PAGE_TOTALS.name(), COUNTRY_TOTALS.name(), FUNNEL.name(), ALSO_VIEWED.name(), ALERTS.name()]
                .map(str::to_owned);
        let missing: Vec<NewTopic> = names
            .into_iter()
            .filter(|name| existing.iter().all(|topic| topic.name != *name))
            .map(|name| {
                let configs = if tables.contains(&name) {
                    vec![("cleanup.policy".to_owned(), "compact".to_owned())]
                } else {
                    vec![("retention.ms".to_owned(), RETENTION.as_millis().to_string())]
                };
                NewTopic { name, partitions: PARTITIONS, replication: None, configs }
            })
            .collect();
        for created in answer(|| admin.create_topics(missing.clone()))? {
            match created {
                Err(error) if error.kind != LogErrorKind::TopicExists => return Err(error.into()),
                _ => {}
            }
        }
        Ok(())
    }

    /// A client that writes and waits for acknowledgements.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(match &self.log {
            AnyLog::Embedded(log) => Client::new(log.clone())?,
            #[cfg(all(feature = "kafka", feature = "rocksdb"))]
            AnyLog::Kafka(log) => Client::new(log.clone())?,
        })
    }

    /// Starts an instance of the application, with its state in this folder.
    pub fn start(&self, topology: &Topology, state: &Path) -> Result<Running, AppError> {
        let settings = Settings {
            workers: WORKERS,
            guarantee: Some(self.guarantee),
            commit_interval: Some(COMMIT_INTERVAL),
            session_timeout: self.session_timeout,
            state_dir: state.to_owned(),
            ..Settings::default()
        };
        let app = App::new(&self.application_id, topology.clone()).settings(settings).quiet();
        let app = app.on_undecodable(OnError::DeadLetter).dead_letters_to(DEAD_LETTERS.name());
        match &self.log {
            AnyLog::Embedded(log) => app.start(log.clone()),
            #[cfg(all(feature = "kafka", feature = "rocksdb"))]
            AnyLog::Kafka(log) => app.state_in(millstream::rocksdb::RocksDb::default()).start(log.clone()),
        }
    }
}
