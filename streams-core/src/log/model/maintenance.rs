//! Housekeeping: deletes records whose retention is over, compacts compacted topics, merges small batches, and forgets
//! producers that have not been heard from for a long time.
//!
//! Nothing here runs automatically: the driver calls [`Model::maintain`] regularly, each time with a budget, so that no
//! call takes long.

use super::partition::{Entry, PartitionLog};
use super::rewrite::{BatchSource, Rewritten};
use super::topic_config::TopicConfig;
use super::{Model, ModelChange, Now, PartitionId};

/// Kafka's `producer.id.expiration.ms`.
const PRODUCER_UNUSED_MAX_MS: i64 = 24 * 60 * 60 * 1_000;

/// The number of bytes to read in compaction for each byte that was written, so that compaction keeps up with any
/// writer: it reads each new record once and rewrites it together with as much old data.
const READ_PER_WRITTEN: usize = 4;

/// The largest budget of a step.
const BUDGET_MAX: usize = 8 * 1024 * 1024;

impl Model {
    /// Does some housekeeping. It reads at most about `budget` bytes of records, or more if more has been written since
    /// the last time. Returns whether there is more to do.
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
            // Those that were not reached last time come first.
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
        self.changes.extend(removed.into_iter().map(|base| ModelChange::EntryRemoved { at, base }));
        if let Some(entry) = written.and_then(|base| self.topics.partition(at)?.entry(base)) {
            self.residents.add(at, entry.base, entry.bytes);
        }
        self.changes.push(match written {
            Some(base) => ModelChange::Entry { at, base, payload: true },
            // The end may have been stored only in an entry that is gone.
            None => ModelChange::Bounds(at),
        });
    }
}

impl PartitionLog {
    /// The offset up to which records exceed the topic's limits on age or size.
    ///
    /// Unlike in Kafka, a record's age is measured from the partition's newest record, or from now if that is earlier.
    /// Records of last year are often replayed into this log. By the wall clock, the changelog of their windows would be
    /// deleted while it is written, and open windows would be gone after a restart.
    fn out_of_retention(&self, config: &TopicConfig, now_ms: i64) -> Option<i64> {
        if !config.delete {
            return None;
        }
        let (stable, mut bytes) = (self.stable(), self.bytes);
        let is_past = |time_ms: i64, entry: &Entry| {
            config.retention_ms.is_some_and(|retention| time_ms.saturating_sub(entry.max_timestamp) > retention)
        };
        // Computed only if it can make a difference: usually nothing is old by any clock.
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
