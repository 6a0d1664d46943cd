//! Replaces adjacent batches with one: the common part of compaction and merging.

use super::partition::{Entry, Fate, PartitionLog, Payload};
use crate::log::{BatchBuilder, RecordBatch, RecordRef};
use crate::record::Offset;

/// The size at which a rewritten batch is finished.
pub(super) const BATCH_BYTES: usize = 64 * 1024;

/// Batches of this size are large enough to be left unchanged.
pub(super) const LARGE_BYTES: usize = BATCH_BYTES / 2;

/// Loads the records of batches that are not in memory.
pub(crate) trait BatchSource {
    /// The records stored under an entry's base offset; `None` if they cannot be read, in which case the entry stays
    /// unchanged.
    fn load(&self, at: super::PartitionId, base: i64) -> Option<RecordBatch>;
}

/// Consecutive entries that become one.
#[derive(Debug, Default)]
pub(super) struct Rewrite {
    records: BatchBuilder,
    /// Base offsets of the entries that are replaced.
    replaced: Vec<i64>,
    /// The offset after the last of them.
    next: i64,
    /// Whether the result differs from the entry, if it is only one.
    changed: bool,
    tombstones_until_ms: Option<i64>,
}

/// What a rewrite did to a partition.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rewritten {
    /// The base offsets of removed entries.
    pub(super) removed: Vec<i64>,
    /// The base offset of the entry with the records that are left.
    pub(super) written: Option<i64>,
}

impl Rewrite {
    pub(super) fn bytes(&self) -> usize {
        self.records.bytes()
    }

    pub(super) fn entries(&self) -> usize {
        self.replaced.len()
    }

    /// Whether an entry whose tombstones may be deleted at that time can join.
    pub(super) fn takes(&self, tombstones_until_ms: Option<i64>) -> bool {
        match (self.tombstones_until_ms, tombstones_until_ms) {
            (Some(one), Some(other)) => one == other,
            _ => true,
        }
    }

    /// Adds an entry with those of its records that are kept.
    pub(super) fn add<'a>(
        &mut self,
        entry: &Entry,
        kept: impl Iterator<Item = RecordRef<'a>>,
        tombstones_until_ms: Option<i64>,
    ) {
        let before = self.records.len();
        kept.for_each(|record| self.records.push_copy(&record));
        let all_kept = self.records.len() - before == entry.records;
        self.changed |= !all_kept || tombstones_until_ms != entry.tombstones_until_ms;
        self.replaced.push(entry.base);
        self.next = entry.next;
        self.tombstones_until_ms = self.tombstones_until_ms.or(tombstones_until_ms);
    }

    /// Replaces the entries in their partition, if that changes anything, and resets this rewrite.
    pub(super) fn finish(&mut self, partition: &mut PartitionLog) -> Option<Rewritten> {
        let Self { records, replaced, next, changed, tombstones_until_ms } = std::mem::take(self);
        let first = *replaced.first()?;
        if replaced.len() == 1 && !changed {
            return None;
        }
        let index = partition.entries.partition_point(|entry| entry.base < first);
        let gone: usize = partition.entries.drain(index..index + replaced.len()).map(|entry| entry.bytes).sum();
        partition.bytes -= gone;
        if records.is_empty() {
            return Some(Rewritten { removed: replaced, written: None });
        }
        let batch = records.finish(Offset(next));
        partition.bytes += batch.size();
        partition.entries.insert(
            index,
            Entry {
                base: first,
                next,
                max_timestamp: batch.max_timestamp().0,
                records: batch.len(),
                bytes: batch.size(),
                fate: Fate::Visible,
                tombstones_until_ms,
                payload: Payload::Resident(batch),
            },
        );
        let removed = replaced.into_iter().skip(1).collect();
        Some(Rewritten { removed, written: Some(first) })
    }
}

impl Entry {
    /// The entry's records, wherever they are.
    pub(super) fn records(&self, at: super::PartitionId, source: &dyn BatchSource) -> Option<RecordBatch> {
        match &self.payload {
            Payload::Resident(batch) => Some(batch.clone()),
            Payload::Stored => source.load(at, self.base),
        }
    }
}
