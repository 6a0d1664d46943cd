//! Kafka passes the same contract as the embedded log.

use std::time::{Duration, Instant};

use millstream_tests::kafka::bootstrap_servers;
use streams_core::log::{Doorbell, Log};
use streams_core::testing::log_contract::{LogUnderTest, unique_prefix};
use streams_kafka::Kafka;

struct RealKafka {
    kafka: Kafka,
    prefix: String,
    started: Instant,
}

impl RealKafka {
    fn new() -> Self {
        Self { kafka: Kafka::at(bootstrap_servers()), prefix: unique_prefix(), started: Instant::now() }
    }
}

impl LogUnderTest for RealKafka {
    fn log(&self) -> &dyn Log {
        &self.kafka
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn pass(&self, time: Duration, doorbell: &Doorbell) {
        doorbell.wait(time);
    }

    fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Kafka compacts a segment only once later records, by their timestamps, have closed it; no setting makes that
    /// happen while a test waits.
    fn eager_compaction(&self) -> Option<Vec<(String, String)>> {
        None
    }
}

streams_core::log_contract!(RealKafka::new());
