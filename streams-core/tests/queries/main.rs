//! Queries to running applications on the embedded log, with production's defaults: caches on, several partitions,
//! exactly-once.
#![allow(clippy::expect_used, clippy::panic, reason = "a test that cannot go on fails")]

use std::time::Duration;

use streams_core::log::Embedded;
use streams_core::prelude::*;
use streams_core::query::Position;
use streams_core::record::{Offset, TopicPartition};
use streams_core::runtime::Running;

mod consistency;
mod everywhere;
mod globals;
mod instances;
mod json;
mod key_values;
mod live;
mod sessions;
mod versions;
mod windows;

const PATIENCE: Duration = Duration::from_secs(60);
const PARTITIONS: u32 = 4;

/// A log with a topic of several partitions.
fn log_with(topic: &str) -> Embedded {
    let log = Embedded::in_memory();
    log.create_topic(topic, PARTITIONS).expect("a topic");
    log
}

/// Starts an application with two workers.
fn start(id: &str, topology: Result<Topology, TopologyError>, log: &Embedded) -> Running {
    start_as(App::new(id, topology.expect("a topology")), log)
}

fn start_as(app: App, log: &Embedded) -> Running {
    let running = app.workers(2).start(log.clone()).expect("it starts");
    running.wait_until_running().expect("it runs");
    running
}

/// The position behind all records of a topic that were sent.
#[derive(Default)]
struct Sent(Position);

impl Sent {
    fn note(&mut self, (partition, offset): (TopicPartition, Offset)) {
        self.0.merge(&Position::behind(partition, offset));
    }
}
