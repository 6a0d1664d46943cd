//! The embedded log passes the contract of logs: in memory, on disk, and on disk after earlier use.
#![allow(clippy::expect_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::time::Duration;

use streams_core::clock::{Clock, ManualClock};
use streams_core::log::{Doorbell, Embedded, Log, ProducerOptions};
use streams_core::record::Timestamp;
use streams_core::testing::log_contract::{LogUnderTest, unique_prefix};
use streams_core::topic::Topic;
use tempfile::TempDir;

mod in_memory {
    streams_core::log_contract!(streams_core::testing::log_contract::InMemory::new());
}

mod on_disk {
    streams_core::log_contract!(super::OnDisk::new());
}

mod on_disk_after_a_life_before {
    streams_core::log_contract!(super::OnDisk::after_a_life_before());
}

/// A durable log on a manual clock.
struct OnDisk {
    log: Embedded,
    clock: ManualClock,
    prefix: String,
    // Last, so that the folder is removed after the log is closed.
    _folder: TempDir,
}

impl OnDisk {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().expect("a folder"))
    }

    fn in_folder(folder: TempDir) -> Self {
        let clock = ManualClock::at(Timestamp(1_700_000_000_000));
        let log = Embedded::open_with_clock(folder.path(), Arc::new(clock.clone())).expect("a log");
        Self { log, clock, prefix: unique_prefix(), _folder: folder }
    }

    /// Topics were created and deleted, a transaction was left open, and the log was opened again.
    fn after_a_life_before() -> Self {
        const WORDS: Topic<String, String> = Topic::new("words");
        let folder = tempfile::tempdir().expect("a folder");
        let before = Embedded::open(folder.path()).expect("a log");
        before.send(&WORDS, "a", "1").expect("sent");
        before.create_topic("gone", 3).expect("created");
        let bell = Doorbell::new();
        let admin = before.admin(bell.clone()).expect("an admin");
        admin.delete_topics(vec!["gone".into()]).wait().expect("an answer").expect("deleted");
        let options = ProducerOptions { transactional_id: Some("id".into()), ..ProducerOptions::default() };
        let mut producer = before.producer(options, bell).expect("a producer");
        while producer.init_transactions().is_pending() {}
        drop((producer, admin, before));
        Self::in_folder(folder)
    }
}

impl LogUnderTest for OnDisk {
    fn log(&self) -> &dyn Log {
        &self.log
    }

    fn prefix(&self) -> &str {
        &self.prefix
    }

    fn pass(&self, time: Duration, doorbell: &Doorbell) {
        // Syncing takes real time; everything else uses the clock.
        doorbell.wait(Duration::from_millis(1));
        self.clock.advance(time);
    }

    fn elapsed(&self) -> Duration {
        self.clock.monotonic()
    }

    fn eager_compaction(&self) -> Option<Vec<(String, String)>> {
        Some(vec![("min.cleanable.dirty.ratio".into(), "0".into())])
    }
}
