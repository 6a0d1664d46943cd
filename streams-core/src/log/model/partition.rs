//! A partition: batches in order, and how far readers may read.
//!
//! ```text
//!  start              stable (LSO)      high watermark    end
//!    |--------------------|------------------|--------------|
//!      read committed       read uncommitted   not yet replicated
//! ```
//!
//! Batches are kept whole and shared. The marker that ends a transaction takes an offset, as in Kafka, but nothing is
//! stored for it: the fate of the transaction's batches is set, and the offset becomes a gap after the last batch. A
//! compacted record leaves a gap, too. So an [`Entry`] has the offset at which reading continues, which is all that
//! readers need.

use std::collections::{BTreeMap, VecDeque};

use super::compaction::Cleaning;
use super::sequence::{BatchOrigin, Sequences, Verdict};
use crate::log::{Isolation, RecordBatch};
use crate::record::{Offset, Timestamp};

/// A stored batch.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    /// The offset of its first record when it was written.
    pub(crate) base: i64,
    /// The offset at which reading continues: after its last record and any gap that follows.
    pub(crate) next: i64,
    /// The largest timestamp of its records.
    pub(crate) max_timestamp: i64,
    /// The number of records.
    pub(crate) records: usize,
    /// The size of the records in bytes.
    pub(crate) bytes: usize,
    /// Whether and how its transaction, if it has one, has ended.
    pub(crate) fate: Fate,
    /// When its tombstones may be deleted, in milliseconds; set by the first compaction that sees them.
    pub(crate) tombstones_until_ms: Option<i64>,
    /// The records, or where they are.
    pub(crate) payload: Payload,
}

/// Whether readers may see a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Outside transactions, or committed: everybody sees it.
    Visible,
    /// In an open transaction of this producer.
    Open(i64),
    /// In an aborted transaction.
    Aborted,
}

/// Where a batch's records are.
#[derive(Debug, Clone)]
pub(crate) enum Payload {
    /// In memory.
    Resident(RecordBatch),
    /// With the driver, under the entry's base offset.
    Stored,
}

/// What a reader may see, and how much it asks for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ReadLimits {
    pub(crate) isolation: Isolation,
    /// The approximate maximum number of records.
    pub(crate) records: usize,
    /// The approximate maximum number of bytes.
    pub(crate) bytes: usize,
}

/// A batch for a reader. It may contain records before the reader's position.
#[derive(Debug, Clone)]
pub(crate) struct Piece {
    pub(crate) base: i64,
    /// The offset at which reading continues; it may skip aborted batches.
    pub(crate) next: i64,
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) payload: Payload,
}

/// How a read ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadEnd {
    /// The position is before the start or after the end.
    OutOfRange,
    /// The reader's new position, and whether that is the end.
    At { position: i64, end: bool },
}

#[derive(Debug, Default)]
pub(crate) struct PartitionLog {
    pub(super) entries: VecDeque<Entry>,
    pub(super) start: i64,
    pub(super) end: i64,
    pub(super) high_watermark: i64,
    /// The producers with an open transaction here, and the offsets at which these start.
    open: BTreeMap<i64, i64>,
    sequences: Sequences,
    /// The size of all entries.
    pub(super) bytes: usize,
    pub(super) cleaning: Cleaning,
    /// Small batches before this offset have been merged.
    pub(super) merged_to: i64,
}

impl PartitionLog {
    /// The lowest offset that can be read; a record with that offset need not exist.
    pub(crate) const fn start(&self) -> i64 {
        self.start
    }

    /// The offset that the next record gets.
    pub(crate) const fn end(&self) -> i64 {
        self.end
    }

    /// The first offset that is not replicated yet.
    pub(crate) const fn high_watermark(&self) -> i64 {
        self.high_watermark
    }

    /// The last stable offset: where the first open transaction starts, or the high watermark.
    pub(crate) fn stable(&self) -> i64 {
        let first_open = self.open.values().copied().min();
        first_open.map_or(self.high_watermark, |first| first.max(self.start).min(self.high_watermark))
    }

    /// The entry whose base offset is exactly `base`, if there is one.
    pub(crate) fn entry(&self, base: i64) -> Option<&Entry> {
        let index = self.entries.partition_point(|entry| entry.base < base);
        self.entries.get(index).filter(|entry| entry.base == base)
    }

    pub(super) fn entry_mut(&mut self, base: i64) -> Option<&mut Entry> {
        let index = self.entries.partition_point(|entry| entry.base < base);
        self.entries.get_mut(index).filter(|entry| entry.base == base)
    }

    /// All entries, in order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    pub(super) fn check(&self, origin: &BatchOrigin, records: usize) -> Verdict {
        self.sequences.check(origin, records)
    }

    /// Writes a batch whose offsets start at 0, and returns the offset of its first record.
    pub(super) fn append(&mut self, batch: RecordBatch, origin: Option<&BatchOrigin>, now_ms: i64) -> i64 {
        let base = self.end;
        let batch = batch.shifted(base);
        let fate = match origin {
            Some(origin) => {
                self.sequences.written(origin, batch.len(), base, now_ms);
                if origin.transactional {
                    self.open.entry(origin.producer).or_insert(base);
                    Fate::Open(origin.producer)
                } else {
                    Fate::Visible
                }
            }
            None => Fate::Visible,
        };
        self.end = batch.next_offset().0;
        self.bytes += batch.size();
        self.entries.push_back(Entry {
            base,
            next: self.end,
            max_timestamp: batch.max_timestamp().0,
            records: batch.len(),
            bytes: batch.size(),
            fate,
            tombstones_until_ms: None,
            payload: Payload::Resident(batch),
        });
        base
    }

    /// Marks everything before `offset` as replicated, so that it can be read.
    pub(super) fn replicate_to(&mut self, offset: i64) {
        self.high_watermark = self.high_watermark.max(offset.min(self.end));
    }

    /// Writes the marker that ends a producer's transaction here, and returns the base offsets of the transaction's
    /// entries.
    pub(super) fn end_transaction(&mut self, producer: i64, epoch: i16, commit: bool, now_ms: i64) -> Vec<i64> {
        self.sequences.fence(producer, epoch, now_ms);
        let mut decided = Vec::new();
        if let Some(first) = self.open.remove(&producer) {
            let index = self.entries.partition_point(|entry| entry.base < first);
            for entry in self.entries.range_mut(index..).filter(|entry| entry.fate == Fate::Open(producer)) {
                entry.fate = if commit { Fate::Visible } else { Fate::Aborted };
                decided.push(entry.base);
            }
        }
        self.end += 1;
        if let Some(last) = self.entries.back_mut() {
            last.next = self.end;
            if decided.last() != Some(&last.base) {
                decided.push(last.base);
            }
        }
        decided
    }

    /// The producers whose transactions are open here.
    pub(super) fn open_producers(&self) -> impl Iterator<Item = i64> {
        self.open.keys().copied()
    }

    /// Reads from `position` and appends batches to `pieces`.
    pub(crate) fn read(&self, position: i64, limits: ReadLimits, pieces: &mut Vec<Piece>) -> ReadEnd {
        if position < self.start || position > self.end {
            return ReadEnd::OutOfRange;
        }
        let limit = match limits.isolation {
            Isolation::ReadUncommitted => self.high_watermark,
            Isolation::ReadCommitted => self.stable(),
        };
        if position >= limit {
            return ReadEnd::At { position, end: true };
        }
        let pieces_before = pieces.len();
        let (mut position, mut records, mut bytes) = (position, 0, 0);
        let first = self.entries.partition_point(|entry| entry.next <= position);
        for entry in self.entries.range(first..).take_while(|entry| entry.base < limit) {
            let skip = limits.isolation == Isolation::ReadCommitted && entry.fate == Fate::Aborted;
            if !skip {
                if records >= limits.records || bytes >= limits.bytes {
                    return ReadEnd::At { position, end: false };
                }
                records += entry.records;
                bytes += entry.bytes;
                pieces.push(entry.piece());
            }
            position = entry.next;
            if let Some(piece) = pieces.get_mut(pieces_before..).and_then(<[Piece]>::last_mut) {
                piece.next = position;
            }
        }
        if let Some(piece) = pieces.get_mut(pieces_before..).and_then(<[Piece]>::last_mut) {
            piece.next = limit;
        }
        ReadEnd::At { position: limit, end: true }
    }

    /// The offset of the first record that is as late as `time`, or the high watermark. `stored` reads the batch with that
    /// base offset; `None` if it is gone.
    pub(crate) fn offset_at<E>(
        &self,
        time: Timestamp,
        stored: impl Fn(i64) -> Result<Option<RecordBatch>, E>,
    ) -> Result<Offset, E> {
        let readable = self.entries.iter().take_while(|entry| entry.base < self.high_watermark);
        for entry in readable.filter(|entry| entry.max_timestamp >= time.0) {
            let batch = match &entry.payload {
                Payload::Resident(batch) => Some(batch.clone()),
                Payload::Stored => stored(entry.base)?,
            };
            // Deleting records leaves the rest of a batch as it is, and compaction may have taken the latest record.
            let batch = batch.map(|batch| batch.starting_at(Offset(self.start)).ending_before(Offset(entry.next)));
            let found = batch.as_ref().and_then(|batch| batch.iter().find(|record| record.timestamp >= time));
            if let Some(record) = found {
                return Ok(record.offset);
            }
        }
        Ok(Offset(self.high_watermark))
    }

    /// Deletes the records before `offset` and returns the base offsets of the removed entries.
    pub(super) fn delete_before(&mut self, offset: i64) -> Vec<i64> {
        let mut removed = Vec::new();
        while self.entries.front().is_some_and(|entry| entry.next <= offset) {
            if let Some(entry) = self.entries.pop_front() {
                self.bytes -= entry.bytes;
                removed.push(entry.base);
            }
        }
        self.start = self.start.max(offset);
        removed
    }

    pub(super) const fn is_being_compacted(&self) -> bool {
        self.cleaning.is_active()
    }

    /// All records before this offset have been compacted.
    pub(crate) const fn clean_to(&self) -> i64 {
        self.cleaning.clean_to
    }

    pub(super) fn forget_producers(&mut self, before_ms: i64) {
        let open = &self.open;
        self.sequences.forget(before_ms, |producer| open.contains_key(&producer));
    }

    /// Restores an entry from storage; entries come in order.
    pub(super) fn restore(&mut self, entry: Entry) {
        if let Fate::Open(producer) = entry.fate {
            self.open.entry(producer).or_insert(entry.base);
        }
        self.bytes += entry.bytes;
        self.end = self.end.max(entry.next);
        self.high_watermark = self.end;
        self.entries.push_back(entry);
    }

    /// Restores the bounds; must be called before the entries are restored.
    pub(super) fn restore_bounds(&mut self, start: i64, end: i64, clean_to: i64) {
        (self.start, self.end, self.high_watermark) = (start, end, end);
        self.cleaning.clean_to = clean_to;
    }
}

impl Entry {
    fn piece(&self) -> Piece {
        Piece {
            base: self.base,
            next: self.next,
            records: self.records,
            bytes: self.bytes,
            payload: self.payload.clone(),
        }
    }
}

impl Piece {
    /// The records of this piece from `position` on, as a reader gets them. The batch stored under its base offset may
    /// contain more by now, because later batches, which are separate pieces here, have been merged into it.
    pub(crate) fn cut(&self, batch: RecordBatch, position: i64) -> RecordBatch {
        batch.starting_at(Offset(position)).ending_before(Offset(self.next))
    }
}
