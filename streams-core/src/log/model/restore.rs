//! Restores a model from a stored log, and keeps only recent batches in memory.

use std::collections::VecDeque;

use super::partition::{Entry, PartitionLog, Payload};
use super::topic::ModelTopic;
use super::topic_config::TopicConfig;
use super::{Model, PartitionId};

/// The stored properties of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredTopic {
    pub(crate) number: u32,
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) partitions: u32,
    pub(crate) settings: Vec<(String, String)>,
}

/// The batches in memory, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Residents {
    /// Whether the driver stores batches, so that they may be dropped here.
    tracked: bool,
    order: VecDeque<(PartitionId, i64, usize)>,
    bytes: usize,
}

impl Residents {
    pub(super) fn add(&mut self, at: PartitionId, base: i64, bytes: usize) {
        if self.tracked {
            self.order.push_back((at, base, bytes));
            self.bytes += bytes;
        }
    }
}

impl Model {
    /// Declares that the driver stores batches from now on, so that they may be dropped from memory.
    pub(crate) fn track_residents(&mut self) {
        self.residents.tracked = true;
    }

    /// Drops the oldest batches from memory until about `bytes_max` bytes are left. All changes must have been stored.
    pub(crate) fn drop_residents(&mut self, bytes_max: usize) {
        while self.residents.bytes > bytes_max {
            let Some((at, base, bytes)) = self.residents.order.pop_front() else { return };
            self.residents.bytes -= bytes;
            if let Some(entry) = self.topics.partition_mut(at).and_then(|partition| partition.entry_mut(base)) {
                entry.payload = Payload::Stored;
            }
        }
    }

    /// Restores a topic without its records.
    pub(crate) fn restore_topic(&mut self, stored: &StoredTopic) -> Result<(), String> {
        let topic = ModelTopic {
            number: stored.number,
            name: stored.name.as_str().into(),
            id: stored.id.clone(),
            config: TopicConfig::parse(&stored.settings)?,
            partitions: (0..stored.partitions).map(|_| PartitionLog::default()).collect(),
        };
        self.topics.put(topic);
        Ok(())
    }

    /// Reserves the topic numbers below `next`, which may have been used before.
    pub(crate) fn restore_next_topic(&mut self, next: u32) {
        self.topics.reserve_numbers(next);
    }

    /// Restores a partition's start and end, and how far it is compacted. Its entries must be restored after that.
    pub(crate) fn restore_bounds(&mut self, at: PartitionId, start: i64, end: i64, clean_to: i64) {
        if let Some(partition) = self.topics.partition_mut(at) {
            partition.restore_bounds(start, end, clean_to);
        }
    }

    /// Restores an entry; entries of a partition come in order. Returns whether the partition exists.
    pub(crate) fn restore_entry(&mut self, at: PartitionId, entry: Entry) -> bool {
        let partition = self.topics.partition_mut(at);
        partition.map(|partition| partition.restore(entry)).is_some()
    }

    /// The properties of a topic, to be stored.
    pub(crate) fn stored_topic(&self, number: u32) -> Option<StoredTopic> {
        let topic = self.topics.numbered(number)?;
        Some(StoredTopic {
            number,
            name: topic.name.to_string(),
            id: topic.id.clone(),
            partitions: u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX),
            settings: topic.config.explicit(),
        })
    }

    /// Sets the session number. It must differ from earlier ones, so that no member id is assigned twice.
    pub(crate) fn set_session(&mut self, session: u64) {
        self.session = session;
    }
}
