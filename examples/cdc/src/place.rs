//! Where the application runs: on a log inside this process, or on Kafka. No other file knows the difference.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use millstream::client::Client;
use millstream::config::OnError;
use millstream::log::{Embedded, Log};
use millstream::runtime::{App, Running};

use crate::Failure;
use crate::feed::POSITION;
use crate::topology::{CUSTOMERS, DEAD_LETTERS, ENRICHED_ORDERS, ORDERS, PRODUCTS, cdc};

/// The number of partitions of every topic.
const PARTITIONS: u32 = 3;

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
        let (application_id, session_timeout) = ("cdc".to_owned(), Duration::from_secs(3));
        Ok(Self { log: Arc::new(log), application_id, state: folder.join("state"), session_timeout })
    }

    /// A Kafka cluster; state is in RocksDB.
    #[cfg(all(feature = "kafka", feature = "rocksdb"))]
    pub fn kafka(servers: &str, application_id: &str) -> Self {
        let log = Arc::new(millstream::kafka::Kafka::at(servers));
        // The shortest that brokers allow unless told otherwise.
        let session_timeout = Duration::from_secs(6);
        Self { log, application_id: application_id.to_owned(), state: "cdc-state".into(), session_timeout }
    }

    /// The log, to ask it.
    pub fn log(&self) -> &dyn Log {
        &*self.log
    }

    /// A client that reads and writes topics.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(Client::new(Arc::clone(&self.log))?)
    }

    /// Creates the topics that do not exist yet. Debezium would create the first three.
    pub fn create_topics(&self) -> Result<(), Failure> {
        let client = self.client()?;
        for changes in [CUSTOMERS.name(), PRODUCTS.name(), ORDERS.name(), DEAD_LETTERS.name()] {
            let topic =
                client.create_topic(&millstream::topic::Topic::<(), ()>::named(changes)?).partitions(PARTITIONS);
            topic.set("retention.ms", "-1").if_missing().create()?;
        }
        client
            .create_topic(&ENRICHED_ORDERS)
            .partitions(PARTITIONS)
            .set("cleanup.policy", "compact")
            .if_missing()
            .create()?;
        Ok(client.create_topic(&POSITION).partitions(1).set("cleanup.policy", "compact").if_missing().create()?)
    }

    /// Starts the application: exactly-once, and records that cannot be read or make no sense are dead letters.
    pub fn start(&self) -> Result<Running, Failure> {
        let app = App::new(&self.application_id, cdc()?)
            .exactly_once()
            .on_undecodable(OnError::DeadLetter)
            .on_processing_error(OnError::DeadLetter)
            .dead_letters_to(DEAD_LETTERS.name())
            .state_dir(&self.state)
            .session_timeout(self.session_timeout);
        #[cfg(all(feature = "kafka", feature = "rocksdb"))]
        let app = app.state_in(millstream::rocksdb::RocksDb::default());
        Ok(app.start(Arc::clone(&self.log))?)
    }
}
