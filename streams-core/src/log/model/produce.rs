//! Writes and deletes records.

use std::sync::Arc;

use super::partition::PartitionLog;
use super::sequence::{BatchOrigin, Verdict};
use super::topic::ModelTopic;
use super::{Model, ModelChange, Notice, Now, PartitionId, ProducerTag, Refusal};
use crate::log::RecordBatch;
use crate::record::{Offset, TopicPartition};

/// The producer of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Writer<'a> {
    pub(crate) tag: ProducerTag,
    /// Set if the batch belongs to a transaction.
    pub(crate) transactional_id: Option<&'a Arc<str>>,
    /// The number of the batch's first record among all records of this producer for the partition.
    pub(crate) sequence: i32,
}

impl Model {
    /// Writes a batch whose offsets start at 0, and returns the offset of its first record. If the batch has been written
    /// before, that is the offset it got then. A transaction starts with its first batch.
    pub(crate) fn produce(
        &mut self,
        now: Now,
        at: PartitionId,
        writer: &Writer<'_>,
        batch: RecordBatch,
    ) -> Result<i64, Refusal> {
        let topic = self.topics.numbered(at.topic).ok_or(Refusal::TopicGone)?;
        check_records(topic, at, &batch, now)?;
        let origin = BatchOrigin {
            producer: writer.tag.producer,
            epoch: writer.tag.epoch,
            sequence: writer.sequence,
            transactional: writer.transactional_id.is_some(),
        };
        let partition = self.topics.partition(at).ok_or(Refusal::TopicGone)?;
        match partition.check(&origin, batch.len()) {
            Verdict::Write => {}
            Verdict::Duplicate(offset) => return Ok(offset),
            Verdict::Gap => return Err(Refusal::OutOfOrder(self.name_of(at))),
            Verdict::Fenced => {
                let name = writer.transactional_id.map_or_else(|| "".into(), Arc::clone);
                return Err(Refusal::ProducerFenced(name));
            }
        }
        if let Some(id) = writer.transactional_id {
            self.add_to_transaction(now, id, writer.tag, at)?;
        }
        let partition = self.topics.partition_mut(at).ok_or(Refusal::TopicGone)?;
        let bytes = batch.size();
        let base = partition.append(batch, Some(&origin), now.wall.0);
        if self.replicates {
            partition.replicate_to(partition.end());
        }
        self.written_bytes += bytes;
        self.residents.add(at, base, bytes);
        self.changes.push(ModelChange::Entry { at, base, payload: true });
        self.notices.push(Notice::Readable(at));
        Ok(base)
    }

    /// Deletes the records before an offset; a negative offset means all records that are replicated.
    pub(crate) fn delete_records(&mut self, at: PartitionId, before: Offset) -> Result<(), Refusal> {
        let name = self.name_of(at);
        let partition = self.topics.partition_mut(at).ok_or(Refusal::TopicGone)?;
        let end = partition.high_watermark();
        let before = if before.0 < 0 { end } else { before.0 };
        if before > end {
            return Err(Refusal::OffsetOutOfRange { partition: name, offset: before, end });
        }
        self.delete_before(at, before);
        Ok(())
    }

    /// Advances a partition's start.
    pub(super) fn delete_before(&mut self, at: PartitionId, offset: i64) {
        let Some(partition) = self.topics.partition_mut(at) else { return };
        if offset <= partition.start() {
            return;
        }
        let removed = partition.delete_before(offset);
        self.changes.extend(removed.into_iter().map(|base| ModelChange::EntryRemoved { at, base }));
        self.changes.push(ModelChange::Bounds(at));
        // Readers before the new start must learn that they are out of range.
        self.notices.push(Notice::Readable(at));
    }

    /// Writes the marker that ends a producer's transaction in a partition.
    pub(super) fn end_in_partition(&mut self, now: Now, at: PartitionId, tag: ProducerTag, commit: bool) {
        let Some(partition) = self.topics.partition_mut(at) else { return };
        let decided = partition.end_transaction(tag.producer, tag.epoch, commit, now.wall.0);
        if self.replicates {
            partition.replicate_to(partition.end());
        }
        if decided.is_empty() {
            self.changes.push(ModelChange::Bounds(at));
        }
        self.changes.extend(decided.into_iter().map(|base| ModelChange::Entry { at, base, payload: false }));
        self.notices.push(Notice::Readable(at));
    }

    /// The partition with that number, if its topic still exists.
    pub(crate) fn partition(&self, at: PartitionId) -> Option<&PartitionLog> {
        self.topics.partition(at)
    }

    /// The partition's name, for messages.
    pub(crate) fn name_of(&self, at: PartitionId) -> TopicPartition {
        match self.topics.numbered(at.topic) {
            Some(topic) => topic.partition_name(at.partition),
            None => TopicPartition::new("?", i32::try_from(at.partition).unwrap_or(i32::MAX)),
        }
    }
}

fn check_records(topic: &ModelTopic, at: PartitionId, batch: &RecordBatch, now: Now) -> Result<(), Refusal> {
    let name = || topic.partition_name(at.partition);
    let config = &topic.config;
    if batch.size() > config.max_message_bytes
        && let Some(record) = batch.iter().find(|record| record.size() > config.max_message_bytes)
    {
        let (size, max) = (record.size(), config.max_message_bytes);
        return Err(Refusal::TooLarge { partition: name(), size, max });
    }
    if config.compact && batch.iter().any(|record| record.key.is_none()) {
        return Err(Refusal::KeyMissing(name()));
    }
    let earliest = now.wall.0.saturating_sub(config.timestamp_before_max_ms);
    let latest = now.wall.0.saturating_add(config.timestamp_after_max_ms);
    let (has_earliest, has_latest) =
        (config.timestamp_before_max_ms < i64::MAX, config.timestamp_after_max_ms < i64::MAX);
    let is_out = |at: i64| has_latest && at > latest || has_earliest && at < earliest;
    let may_be_out = has_earliest || has_latest && batch.max_timestamp().0 > latest;
    match batch.iter().find(|record| may_be_out && is_out(record.timestamp.0)) {
        Some(record) => Err(Refusal::Timestamp { partition: name(), timestamp: record.timestamp, now: now.wall }),
        None => Ok(()),
    }
}
