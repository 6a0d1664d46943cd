//! Housekeeping: what falls out of retention is deleted, compacted topics are compacted, small batches
//! are merged, and producers nobody has heard of for long are forgotten.
//!
//! Nothing here runs by itself: the driver calls [`Model::maintain`] now and then, each time with a
//! budget, so that no call takes long.

use super::partition::{Entry, Partition};
use super::rewrite::{BatchSource, Rewritten};
use super::topic_config::TopicConfig;
use super::{Change, Model, Now, PartitionId};

/// Kafka's `producer.id.expiration.ms`.
const PRODUCER_UNUSED_MAX_MS: i64 = 24 * 60 * 60 * 1_000;

/// Compacting reads each new record once and rewrites it with what is as old again; with so many bytes
/// read for each byte written it keeps up with any writer.
const READ_PER_WRITTEN: usize = 4;

/// But no step is larger than this.
const BUDGET_MAX: usize = 8 * 1024 * 1024;

impl Model {
    /// Does some housekeeping, reading about `budget` bytes of records at most, or more if more was written
    /// since the last time. Whether there is more to do right now.
    pub(crate) fn maintain(&mut self, now: Now, source: &dyn BatchSource, budget: usize) -> bool {
        let keep_up = self.written_bytes.saturating_mul(READ_PER_WRITTEN).min(BUDGET_MAX);
        self.written_bytes = 0;
        let mut budget = budget.max(keep_up);
        self.expire_transactional_ids(now);
        let last = self.maintained;
        let (mut deleted, mut rewritten) = (Vec::new(), Vec::new());
        let mut stopped_at = None;
        for (at, config, partition) in self.topics.partitions_mut() {
            partition.forget_producers(now.wall.0.saturating_sub(PRODUCER_UNUSED_MAX_MS));
            if let Some(offset) = partition.out_of_retention(config, now.wall.0) {
                deleted.push((at, offset));
            }
            // Those that had no turn last time come first.
            if last.is_some_and(|last| at <= last) || stopped_at.is_some() {
                continue;
            }
            let mut done = Vec::new();
            let mut pass_ended = false;
            if config.compact {
                let now_ms = now.wall.0;
                pass_ended = partition.compact(at, config, now_ms, source, &mut budget, &mut done);
            }
            if !partition.is_being_compacted() {
                partition.merge_small(at, source, &mut budget, &mut done);
            }
            rewritten.extend(done.into_iter().map(|rewritten| (at, rewritten)));
            if pass_ended {
                rewritten.push((at, Rewritten { removed: Vec::new(), written: None }));
            }
            if budget == 0 {
                stopped_at = Some(at);
            }
        }
        for (at, offset) in deleted {
            self.delete_before(at, offset);
        }
        for (at, rewritten) in rewritten {
            self.note_rewritten(at, rewritten);
        }
        self.maintained = stopped_at;
        stopped_at.is_some() || last.is_some()
    }

    fn note_rewritten(&mut self, at: PartitionId, rewritten: Rewritten) {
        let Rewritten { removed, written } = rewritten;
        self.changes.extend(removed.into_iter().map(|base| Change::EntryRemoved { at, base }));
        if let Some(entry) = written.and_then(|base| self.topics.partition(at)?.entry(base)) {
            self.residents.add(at, entry.base, entry.bytes);
        }
        self.changes.push(match written {
            Some(base) => Change::Entry { at, base, payload: true },
            // The end may have been known by what is gone.
            None => Change::Bounds(at),
        });
    }
}

impl Partition {
    /// Up to where records are older or more than the topic's settings allow.
    ///
    /// Unlike in Kafka, a record is as old as it is beside the partition's newest one, or beside now if that is
    /// earlier. Records of last year are often replayed into this log; by the wall clock the changelog of their
    /// windows would be deleted while it is written, and open windows would be gone after a restart.
    fn out_of_retention(&self, config: &TopicConfig, now_ms: i64) -> Option<i64> {
        if !config.delete {
            return None;
        }
        let (stable, mut bytes) = (self.stable(), self.bytes);
        let is_past = |time_ms: i64, entry: &Entry| {
            config.retention_ms.is_some_and(|retention| time_ms.saturating_sub(entry.max_timestamp) > retention)
        };
        // Only where it can make a difference: usually nothing is old by any clock.
        let time_ms = match self.entries().next() {
            Some(first) if is_past(now_ms, first) => {
                self.entries().map(|entry| entry.max_timestamp).max().map_or(now_ms, |newest| newest.min(now_ms))
            }
            _ => now_ms,
        };
        let mut offset = None;
        for entry in self.entries().take_while(|entry| entry.next <= stable) {
            let expired = is_past(time_ms, entry);
            let rest = bytes - entry.bytes;
            let too_many = config.retention_bytes.is_some_and(|max| rest as u64 >= max);
            if !expired && !too_many {
                break;
            }
            offset = Some(entry.next);
            bytes = rest;
        }
        offset
    }
}
