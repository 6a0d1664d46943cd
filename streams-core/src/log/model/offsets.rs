//! The positions that a group has committed, and those that open transactions are about to commit.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::log::{CommittedOffset, OffsetToCommit};
use crate::record::TopicPartition;

/// Kafka's `offset.metadata.max.bytes`.
pub(super) const METADATA_BYTES_MAX: usize = 4_096;

/// One group's positions.
#[derive(Debug, Default)]
pub(crate) struct Offsets {
    committed: BTreeMap<TopicPartition, CommittedOffset>,
    /// By producer id, the positions that are committed together with its transaction.
    pending: BTreeMap<i64, BTreeMap<TopicPartition, CommittedOffset>>,
}

impl Offsets {
    pub(super) fn commit(&mut self, offset: &OffsetToCommit) {
        self.committed.insert(offset.partition.clone(), offset.into());
    }

    /// Keeps positions until the producer's transaction ends.
    pub(super) fn commit_later(&mut self, producer: i64, offsets: &[OffsetToCommit]) {
        let pending = self.pending.entry(producer).or_default();
        pending.extend(offsets.iter().map(|offset| (offset.partition.clone(), offset.into())));
    }

    /// Ends the producer's transaction and returns the partitions whose positions changed.
    pub(super) fn end_transaction(&mut self, producer: i64, commit: bool) -> Vec<TopicPartition> {
        let pending = self.pending.remove(&producer).unwrap_or_default();
        if !commit {
            return Vec::new();
        }
        let changed = pending.keys().cloned().collect();
        self.committed.extend(pending);
        changed
    }

    /// Removes the positions of a deleted topic and returns the partitions that had one.
    pub(super) fn forget_topic(&mut self, topic: &Arc<str>) -> Vec<TopicPartition> {
        for pending in self.pending.values_mut() {
            pending.retain(|partition, _| partition.topic != *topic);
        }
        let gone: Vec<_> = self.committed.keys().filter(|partition| partition.topic == *topic).cloned().collect();
        for partition in &gone {
            self.committed.remove(partition);
        }
        gone
    }

    /// Removes all positions and returns the partitions that had one.
    pub(super) fn forget(&mut self) -> Vec<TopicPartition> {
        self.pending.clear();
        std::mem::take(&mut self.committed).into_keys().collect()
    }

    /// The committed position of a partition.
    pub(crate) fn committed(&self, partition: &TopicPartition) -> Option<&CommittedOffset> {
        self.committed.get(partition)
    }

    /// Whether an open transaction may still change this partition's position (KIP-447).
    pub(crate) fn is_pending(&self, partition: &TopicPartition) -> bool {
        self.pending.values().any(|pending| pending.contains_key(partition))
    }

    pub(super) fn restore(&mut self, partition: TopicPartition, offset: CommittedOffset) {
        self.committed.insert(partition, offset);
    }
}

impl From<&OffsetToCommit> for CommittedOffset {
    fn from(offset: &OffsetToCommit) -> Self {
        Self { offset: offset.offset, metadata: offset.metadata.clone() }
    }
}
