//! The names of dead letters' headers. `runtime/failures/dead_letters.rs` writes them and says what is in each;
//! `client/dead_letters/` reads them.

/// Those of Kafka Streams (KIP-1034).
pub(crate) const EXCEPTION: &str = "__streams.errors.exception";
pub(crate) const MESSAGE: &str = "__streams.errors.message";
pub(crate) const STACK_TRACE: &str = "__streams.errors.stacktrace";
pub(crate) const TOPIC: &str = "__streams.errors.topic";
pub(crate) const PARTITION: &str = "__streams.errors.partition";
pub(crate) const OFFSET: &str = "__streams.errors.offset";

/// This project's own.
pub(crate) const NODE: &str = "millstream.errors.node";
pub(crate) const REASON: &str = "millstream.errors.reason";
pub(crate) const VIOLATIONS: &str = "millstream.errors.violations";
pub(crate) const ATTEMPTS: &str = "millstream.errors.attempts";
/// The record's time, if a topic would not accept it: then the dead letter has the clock's.
pub(crate) const TIMESTAMP: &str = "millstream.errors.timestamp";
/// How often the record was put back. A record that was put back has this one of all of them.
pub(crate) const REPLAYS: &str = "millstream.errors.replays";

/// What the names of all of them begin with.
pub(crate) const PREFIXES: [&str; 2] = ["__streams.errors.", "millstream.errors."];
