//! Ids that were seen: one row for each record that `distinct` has let through, without its value.
//!
//! The layout is a [`JoinBuffer`]'s: ids lie in spans of time, so that those that have expired are one range, and those of one
//! id that are close in time are a short range in each of a few spans. Kafka Streams has nothing like it.

use std::time::Duration;

use super::{ChangelogRecord, Detail, JoinBuffer, StoreKind, StoreRow, StoredRow};
use crate::record::Timestamp;
use crate::windows::DistinctSpan;

/// The ids of records that were let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Distinct(JoinBuffer);

impl Distinct {
    /// There is no constant; the operator names it.
    pub(crate) const CONSTANT: &str = "operator's name";

    /// The store of a `distinct`.
    #[must_use]
    pub(crate) fn of(span: DistinctSpan) -> Self {
        let duration = |ms: i64| Duration::from_millis(u64::try_from(ms).unwrap_or(0));
        Self(JoinBuffer { size: duration(span.size_ms), retention: duration(span.retention_ms()) })
    }

    #[cfg(test)]
    pub(super) const fn example() -> Self {
        Self(JoinBuffer::example())
    }

    /// How its rows lie.
    pub(crate) const fn layout(self) -> JoinBuffer {
        self.0
    }
}

impl StoreKind for Distinct {
    fn name(&self) -> &'static str {
        "distinct"
    }

    fn layout(&self) -> String {
        format!("{} as {}", self.name(), self.0.layout())
    }

    fn constant(&self) -> &'static str {
        Self::CONSTANT
    }

    fn details(&self) -> Vec<(&'static str, Detail)> {
        self.0.details()
    }

    fn retention(&self) -> Option<Duration> {
        self.0.retention()
    }

    fn over_below(&self, time: Timestamp) -> Option<Vec<u8>> {
        self.0.over_below(time)
    }

    fn changelog_settings(&self, additional_retention: Duration) -> Vec<(&'static str, String)> {
        self.0.changelog_settings(additional_retention)
    }

    fn to_store(&self, record: ChangelogRecord<'_>) -> Option<StoreRow> {
        self.0.to_store(record)
    }

    fn changelog_key(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.0.changelog_key(key)
    }

    fn read<'a>(&self, key: &'a [u8], row: &'a [u8]) -> Option<StoredRow<'a>> {
        self.0.read(key, row)
    }
}
