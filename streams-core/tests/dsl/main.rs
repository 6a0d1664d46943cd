//! The DSL from the outside: the behaviour of programs, and the errors of those that make no sense.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod around_processors;
mod between_operators;
mod cached_processors;
mod calendars;
mod cogroups;
mod custom_stores;
mod distinct;
mod driver;
mod errors;
mod expiry;
mod facts;
mod foreign_key_joins;
mod global_stores;
mod global_windows;
mod groups;
mod history;
mod in_memory;
mod keys;
mod layouts;
mod low_level;
mod on_close;
mod optimizations;
mod processors;
mod properties;
mod refused;
mod restarted_joins;
mod results;
mod row_identity;
mod sessions;
mod sinks;
mod sliding;
mod sources;
mod stream_joins;
mod suppress;
mod table_joins;
mod tables;
mod topology_test_driver;
mod transforms;
mod versioned_processors;
mod versions;
mod windowed_lookups;
mod windows;

use streams_core::dsl::StreamsBuilder;
use streams_core::topic::Topic;
use streams_core::topology::Topology;

const A: Topic<String, String> = Topic::new("a");
const B: Topic<String, String> = Topic::new("b");
const OUT: Topic<String, String> = Topic::new("out");

/// The topology that `write` builds.
fn topology(write: impl FnOnce(&StreamsBuilder)) -> Topology {
    let builder = StreamsBuilder::new();
    write(&builder);
    builder.build().unwrap()
}
