//! How a topic's records are read: where reading starts, and what time a record without a usable one has.

use std::time::Duration;

use crate::record::{Offset, Timestamp};

/// Where to start reading an input partition for which the group has no position, or whose position no longer exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OffsetReset {
    /// `earliest`: at the first record that the topic still has.
    #[default]
    Earliest,
    /// `latest`: after the last record at that moment.
    Latest,
    /// `by_duration:PT1H`: at the first record that is at most so old at that moment, by its own timestamp; after the last
    /// record if there is none (KIP-1106).
    ByDuration(Duration),
    /// `since:2026-01-31T12:00:00Z`: at the first record whose own timestamp is as late as this; after the last record if
    /// there is none.
    Since(Timestamp),
    /// `offset:42`: at this offset of each partition, or at the nearest one that it has. For a position that no longer exists
    /// it is what `earliest` is, so that nothing is left out that is still there.
    At(Offset),
    /// `none`: nowhere; it is an error.
    None,
}

/// The time of the records of a source for which the application does not extract it with a closure. Kafka Streams has a
/// class for each.
///
/// A timestamp is invalid if it is negative; Kafka uses -1 for records that were written without one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TimestampPolicy {
    /// `fail`: the record's own timestamp. An invalid one is an undecodable record: the application fails, or the record
    /// is skipped and counted, as `deserialization.exception.handler` says. (Java: `FailOnInvalidTimestamp`)
    #[default]
    Fail,
    /// `skip`: the record's own timestamp. A record with an invalid one is skipped and counted. (Java:
    /// `LogAndSkipOnInvalidTimestamp`)
    Skip,
    /// `partition_time`: the record's own timestamp, or if that is invalid, the largest one so far in its partition. As
    /// long as there is none, as with `fail`. (Java: `UsePartitionTimeOnInvalidTimestamp`)
    PartitionTime,
    /// `wall_clock`: the time at which it is processed. (Java: `WallclockTimestampExtractor`)
    WallClock,
}

/// What a source says about how it reads its topics. What it leaves out is up to the application's settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reading {
    /// Where to start.
    pub reset: Option<OffsetReset>,
    /// Which time records have, unless the source extracts it.
    pub timestamps: Option<TimestampPolicy>,
}
