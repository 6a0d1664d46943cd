//! Where the application runs: on a log inside this process, or on Kafka. No other file knows the difference.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use millstream::client::ClientError;
use millstream::config::OnError;
use millstream::log::Log;
use millstream::prelude::*;
use millstream::runtime::Running;

use crate::Failure;
use crate::topology::{DEAD_LETTERS, HOURS, MINUTES, READINGS, SECONDS, STATUS, UNITS};

/// The number of partitions of every topic, and of tasks of every sub-topology.
const PARTITIONS: u32 = 4;

/// Worker threads.
const WORKERS: usize = 2;

/// How often positions, state and results are committed in one transaction. Nobody sees a result before that.
const COMMIT_INTERVAL: Duration = Duration::from_millis(200);

/// How long readings and results are kept: a week.
const RETENTION_MS: &str = "604800000";

/// A log, and the application's name on it.
pub struct Place {
    log: Arc<dyn Log>,
    application_id: String,
    #[cfg(all(feature = "kafka", feature = "rocksdb"))]
    is_kafka: bool,
}

impl Place {
    /// A log in memory, or in a folder.
    pub fn embedded(folder: Option<&Path>) -> Result<Self, Failure> {
        let log = match folder {
            Some(folder) => Embedded::open(folder)?,
            None => Embedded::in_memory(),
        };
        Ok(Self {
            log: Arc::new(log),
            application_id: "iot".to_owned(),
            #[cfg(all(feature = "kafka", feature = "rocksdb"))]
            is_kafka: false,
        })
    }

    /// A Kafka cluster.
    #[cfg(all(feature = "kafka", feature = "rocksdb"))]
    pub fn kafka(servers: &str, application_id: &str) -> Self {
        Self { log: Arc::new(Kafka::at(servers)), application_id: application_id.to_owned(), is_kafka: true }
    }

    /// What it is, for people.
    pub fn describe(&self) -> String {
        self.log.describe()
    }

    /// A client that writes and reads topics.
    pub fn client(&self) -> Result<Client, ClientError> {
        Client::new(Arc::clone(&self.log))
    }

    /// Creates the topics that do not exist yet.
    pub fn create_topics(&self, client: &Client) -> Result<(), ClientError> {
        create(client, &READINGS, RETENTION)?;
        create(client, &SECONDS, RETENTION)?;
        create(client, &MINUTES, RETENTION)?;
        create(client, &HOURS, RETENTION)?;
        create(client, &DEAD_LETTERS, RETENTION)?;
        create(client, &STATUS, COMPACTION)?;
        create(client, &UNITS, COMPACTION)
    }

    /// Starts the application.
    pub fn start(&self, topology: Topology) -> Result<Running, AppError> {
        let app = configured(App::new(&self.application_id, topology));
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        let app = if self.is_kafka { app.state_in(RocksDb::default()) } else { app };
        app.start(Arc::clone(&self.log))
    }
}

/// The application's settings, wherever it runs.
pub fn configured(app: App) -> App {
    app.exactly_once()
        .workers(WORKERS)
        .commit_interval(COMMIT_INTERVAL)
        .on_undecodable(OnError::DeadLetter)
        .on_processing_error(OnError::DeadLetter)
        .dead_letters_to(DEAD_LETTERS.name())
}

/// Settings of a topic.
type TopicSetting = (&'static str, &'static str);
const RETENTION: TopicSetting = ("retention.ms", RETENTION_MS);
const COMPACTION: TopicSetting = ("cleanup.policy", "compact");

fn create<K, V>(client: &Client, topic: &Topic<K, V>, (name, value): TopicSetting) -> Result<(), ClientError> {
    client.create_topic(topic).partitions(PARTITIONS).set(name, value).if_missing().create()
}
