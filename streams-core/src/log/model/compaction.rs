//! Compaction: of all records with the same key, the last is kept, at its offset.
//!
//! As with Kafka's log cleaner, there are two phases over the records below the last stable offset. First the new
//! ("dirty") part is read to find each key's last offset. Then everything is rewritten without aborted records and those
//! that a later one replaces. A tombstone is kept for `delete.retention.ms` after the first pass that sees it, so that
//! readers that are not too slow learn of the deletion.
//!
//! A pass advances in small steps; between two steps, the log is written and read as usual.

use hashbrown::HashMap;
use smallvec::SmallVec;

use super::PartitionId;
use super::partition::{Entry, Fate, PartitionLog};
use super::rewrite::{BATCH_BYTES, BatchSource, LARGE_BYTES, Rewrite, Rewritten};
use super::topic_config::TopicConfig;
use crate::log::RecordRef;

/// The approximate maximum size of the keys that a pass remembers; what follows has to wait for the next pass.
const KEYS_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The amount of new data that makes a pass worthwhile, unless the topic's dirty ratio is 0.
const DIRTY_BYTES_MIN: usize = 64 * 1024;

/// A key; short keys need no allocation.
type Key = SmallVec<[u8; 32]>;

/// The progress of a partition's compaction.
#[derive(Debug, Default)]
pub(super) struct Cleaning {
    /// Everything before this offset has been compacted.
    pub(super) clean_to: i64,
    /// When the first tombstone before that may be deleted, in milliseconds.
    tombstones_due_ms: Option<i64>,
    pass: Option<Pass>,
}

/// A pass that has not finished.
#[derive(Debug)]
struct Pass {
    /// The offset at which the pass ends.
    dirty_end: i64,
    /// When tombstones that this pass is the first to see may be deleted.
    tombstones_until_ms: i64,
    now_ms: i64,
    /// The offset at which this phase continues.
    next: i64,
    phase: Phase,
    /// Each key's last offset in the dirty part. Never iterated, so its order does not matter.
    latest: HashMap<Key, i64>,
    latest_bytes: usize,
    /// When the first tombstone that is kept may be deleted.
    tombstones_due_ms: Option<i64>,
}

#[derive(Debug, PartialEq, Eq)]
enum Phase {
    /// Finds each key's last offset.
    Mapping,
    /// Rewrites the records that are kept.
    Rewriting,
}

impl Cleaning {
    pub(super) const fn is_active(&self) -> bool {
        self.pass.is_some()
    }
}

impl PartitionLog {
    /// Advances compaction by reading about `budget` bytes, which are deducted from it, and starts a pass if one is due.
    /// Returns whether a pass has ended.
    pub(super) fn compact(
        &mut self,
        at: PartitionId,
        config: &TopicConfig,
        now_ms: i64,
        source: &dyn BatchSource,
        budget: &mut usize,
        rewritten: &mut Vec<Rewritten>,
    ) -> bool {
        let pass = self.cleaning.pass.take().or_else(|| self.begin_pass(config, now_ms));
        let Some(mut pass) = pass else { return false };
        if pass.phase == Phase::Mapping {
            self.map(at, &mut pass, source, budget);
        }
        if pass.phase == Phase::Rewriting {
            self.rewrite(at, &mut pass, source, budget, rewritten);
        }
        if pass.phase == Phase::Rewriting && pass.next >= pass.dirty_end {
            self.cleaning.clean_to = pass.dirty_end;
            self.cleaning.tombstones_due_ms = pass.tombstones_due_ms;
            return true;
        }
        self.cleaning.pass = Some(pass);
        false
    }

    fn begin_pass(&self, config: &TopicConfig, now_ms: i64) -> Option<Pass> {
        let cleaning = &self.cleaning;
        let settled_before_ms = now_ms.saturating_sub(config.min_compaction_lag_ms);
        let stable = self.stable();
        let first = self.entries.partition_point(|entry| entry.next <= cleaning.clean_to);
        let (mut dirty_end, mut dirty_bytes) = (cleaning.clean_to, 0);
        for entry in self.entries.range(first..) {
            let settled = config.min_compaction_lag_ms == 0 || entry.max_timestamp <= settled_before_ms;
            if entry.next > stable || !settled {
                break;
            }
            dirty_end = entry.next;
            dirty_bytes += entry.bytes;
        }
        #[allow(clippy::cast_precision_loss, reason = "a ratio need not be exact")]
        let ratio = dirty_bytes as f64 / self.bytes.max(1) as f64;
        let least = if config.min_cleanable_dirty_ratio > 0.0 { DIRTY_BYTES_MIN } else { 1 };
        let dirty_enough = dirty_bytes >= least && ratio >= config.min_cleanable_dirty_ratio;
        let tombstones_due = cleaning.tombstones_due_ms.is_some_and(|due| due <= now_ms);
        (dirty_enough || tombstones_due).then(|| Pass {
            dirty_end,
            tombstones_until_ms: now_ms.saturating_add(config.delete_retention_ms),
            now_ms,
            next: cleaning.clean_to,
            phase: Phase::Mapping,
            latest: HashMap::new(),
            latest_bytes: 0,
            tombstones_due_ms: None,
        })
    }

    fn map(&self, at: PartitionId, pass: &mut Pass, source: &dyn BatchSource, budget: &mut usize) {
        let first = self.entries.partition_point(|entry| entry.next <= pass.next);
        let dirty_end = pass.dirty_end;
        for entry in self.entries.range(first..).take_while(|entry| entry.base < dirty_end) {
            if *budget == 0 {
                return;
            }
            if pass.latest_bytes >= KEYS_BYTES_MAX {
                pass.dirty_end = pass.next;
                break;
            }
            if entry.fate != Fate::Aborted {
                *budget = budget.saturating_sub(entry.bytes);
                let Some(batch) = entry.records(at, source) else {
                    // It cannot be read now: only what precedes it is compacted.
                    pass.dirty_end = pass.next;
                    break;
                };
                batch.iter().for_each(|record| pass.note(&record));
            }
            pass.next = entry.next;
        }
        pass.phase = Phase::Rewriting;
        pass.next = self.start;
    }

    fn rewrite(
        &mut self,
        at: PartitionId,
        pass: &mut Pass,
        source: &dyn BatchSource,
        budget: &mut usize,
        rewritten: &mut Vec<Rewritten>,
    ) {
        let mut group = Rewrite::default();
        while *budget > 0 && pass.next < pass.dirty_end {
            let index = self.entries.partition_point(|entry| entry.next <= pass.next);
            let Some(entry) = self.entries.get(index).filter(|entry| entry.base < pass.dirty_end) else {
                pass.next = pass.dirty_end;
                break;
            };
            *budget = budget.saturating_sub(entry.bytes.max(1));
            let next = entry.next;
            let batch = if entry.fate == Fate::Aborted { None } else { entry.records(at, source) };
            let (unreadable, records) = match &batch {
                Some(batch) => (false, batch.iter().filter(|record| pass.keeps(entry, record)).collect()),
                None => (entry.fate != Fate::Aborted, Vec::new()),
            };
            let tombstones = records.iter().any(|record: &RecordRef<'_>| record.value.is_none());
            let until = tombstones.then(|| entry.tombstones_until_ms.unwrap_or(pass.tombstones_until_ms));
            let untouched = records.len() == entry.records && until == entry.tombstones_until_ms;
            if unreadable || untouched && entry.bytes >= LARGE_BYTES {
                // Stays unchanged; entries before and after it cannot be combined.
                pass.kept_until(entry.tombstones_until_ms);
                rewritten.extend(group.finish(self));
            } else {
                if !group.takes(until) || group.bytes() + entry.bytes > BATCH_BYTES {
                    let entry = entry.clone();
                    rewritten.extend(group.finish(self));
                    group.add(&entry, records.into_iter(), until);
                } else {
                    group.add(entry, records.into_iter(), until);
                }
                pass.kept_until(until);
            }
            pass.next = next;
        }
        rewritten.extend(group.finish(self));
    }
}

impl Pass {
    fn note(&mut self, record: &RecordRef<'_>) {
        let Some(key) = record.key else { return };
        match self.latest.get_mut(key) {
            Some(latest) => *latest = record.offset.0,
            None => {
                let key = Key::from_slice(key);
                let allocated = if key.spilled() { key.len() } else { 0 };
                self.latest_bytes += allocated + size_of::<(Key, i64)>();
                self.latest.insert(key, record.offset.0);
            }
        }
    }

    /// Whether a record is kept.
    fn keeps(&self, entry: &Entry, record: &RecordRef<'_>) -> bool {
        let Some(key) = record.key else { return true };
        let replaced = self.latest.get(key).is_some_and(|latest| *latest > record.offset.0);
        let gone = record.value.is_none() && entry.tombstones_until_ms.is_some_and(|until| until <= self.now_ms);
        !replaced && !gone
    }

    fn kept_until(&mut self, until_ms: Option<i64>) {
        self.tombstones_due_ms = match (self.tombstones_due_ms, until_ms) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
    }
}
