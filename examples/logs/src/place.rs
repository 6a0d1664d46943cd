//! Where the application runs: on a log inside this process, or on Kafka. No other file knows the difference.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream::client::Client;
use millstream::config::{OnError, OnFuture};
use millstream::log::{Embedded, Log};
use millstream::runtime::{App, Running, Settings};
use millstream::topic::Topic;

use crate::Failure;
use crate::topology::{
    AHEAD_MAX, ALERTS, Alerting, DEAD_LETTERS, ERRORS_PER_MINUTE, LATENCY_PER_MINUTE, LINES, NOTICES, logs,
};

/// The number of partitions of every topic.
const PARTITIONS: u32 = 3;

/// How far apart in time tasks may be while they catch up, so that what some of them send is not too late for others.
const ALIGNED_WITHIN: Duration = Duration::from_secs(30);

/// How long a run that ends waits for a webhook. An alert that it has then not answered is sent again by the next one.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// How long lines and what is made of them are kept.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// A log, and the application's name and settings on it.
pub struct Place {
    log: Arc<dyn Log>,
    application_id: String,
    state: PathBuf,
    /// How long the group takes to notice that a process was killed.
    session_timeout: Duration,
}

impl Place {
    /// A log inside this process, kept in a folder.
    pub fn embedded(folder: &Path) -> Result<Self, Failure> {
        let log = Embedded::open(folder.join("log"))?;
        let (application_id, session_timeout) = ("logs".to_owned(), Duration::from_secs(3));
        Ok(Self { log: Arc::new(log), application_id, state: folder.join("state"), session_timeout })
    }

    /// A Kafka cluster; state is in RocksDB.
    #[cfg(all(feature = "kafka", feature = "rocksdb"))]
    pub fn kafka(servers: &str, application_id: &str) -> Self {
        let log = Arc::new(millstream::kafka::Kafka::at(servers));
        // The shortest that brokers allow unless told otherwise.
        let session_timeout = Duration::from_secs(6);
        Self { log, application_id: application_id.to_owned(), state: "logs-state".into(), session_timeout }
    }

    /// The log, to ask it.
    pub fn log(&self) -> &dyn Log {
        &*self.log
    }

    /// A client that reads and writes topics.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(Arc::clone(&self.log))?)
    }

    /// Creates the topics that do not exist yet.
    pub fn create_topics(&self) -> Result<(), Failure> {
        let client = self.client()?;
        let kept = KEPT.as_millis().to_string();
        for name in [
            LINES.name(),
            ERRORS_PER_MINUTE.name(),
            LATENCY_PER_MINUTE.name(),
            ALERTS.name(),
            NOTICES.name(),
            DEAD_LETTERS.name(),
        ] {
            let topic = client.create_topic(&Topic::<(), ()>::named(name)?).partitions(PARTITIONS);
            topic.set("retention.ms", &kept).if_missing().create()?;
        }
        Ok(())
    }

    /// Starts the application: exactly-once, and lines that are none are dead letters, as are those from the future.
    pub fn start(&self, alerting: &Alerting) -> Result<Running, Failure> {
        let mut settings = Settings {
            state_dir: self.state.clone(),
            session_timeout: self.session_timeout,
            event_time_alignment: Some(ALIGNED_WITHIN),
            handler_stop_timeout: LAST_ANSWERS,
            ..Settings::default()
        };
        settings.errors.future_max = Some(AHEAD_MAX);
        settings.errors.future = OnFuture::DeadLetter;
        let app = App::new(&self.application_id, logs(alerting)?)
            .settings(settings)
            .exactly_once()
            .on_undecodable(OnError::DeadLetter)
            .on_processing_error(OnError::DeadLetter)
            .dead_letters_to(DEAD_LETTERS.name());
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        let app = app.state_in(millstream::rocksdb::RocksDb::default());
        Ok(app.start(Arc::clone(&self.log))?)
    }
}
