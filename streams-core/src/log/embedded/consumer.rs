//! Reads the embedded log. A fetch takes the lock once, and batches are shared rather than copied.

use std::sync::Arc;

use super::shared::{Guarded, SharedLog};
use crate::log::model::{PartitionId, Payload, Piece, ReadEnd, ReadLimits};
use crate::log::{Consumer, ConsumerOptions, Doorbell, FetchEvent, Isolation, LogError, RecordBatch};
use crate::record::{Offset, TopicPartition};

/// The approximate maximum number of bytes per fetch, unless the options set another.
const FETCH_BYTES_MAX: usize = 8 * 1024 * 1024;

pub(super) struct EmbeddedConsumer {
    shared: Arc<SharedLog>,
    doorbell: Doorbell,
    isolation: Isolation,
    bytes_max: usize,
    /// Its number among the waiting readers.
    reader: u64,
    partitions: Vec<Reading>,
    /// The partition to start with next time, so that none starves.
    turn: usize,
}

/// A partition that is being read, with its position.
struct Reading {
    name: TopicPartition,
    at: Option<PartitionId>,
    position: i64,
    paused: bool,
    /// Out of range or deleted: nothing is read until it is added again.
    stopped: bool,
    /// The position at which its end was reported.
    end_told: Option<i64>,
}

/// What was found in a partition under the lock.
enum Found {
    Piece { partition: usize, at: PartitionId, piece: Piece },
    End { partition: usize, position: i64 },
    Event(FetchEvent),
}

impl EmbeddedConsumer {
    pub(super) fn new(shared: Arc<SharedLog>, options: &ConsumerOptions, doorbell: Doorbell) -> Result<Self, LogError> {
        let reader = shared.run(|guarded, _| guarded.new_reader())?;
        Ok(Self {
            shared,
            doorbell,
            isolation: options.isolation,
            bytes_max: options.prefetch_bytes.unwrap_or(FETCH_BYTES_MAX).max(1),
            reader,
            partitions: Vec::new(),
            turn: 0,
        })
    }

    fn reading(&mut self, partition: &TopicPartition) -> Option<&mut Reading> {
        self.partitions.iter_mut().find(|reading| reading.name == *partition)
    }

    fn forget(&self, partitions: impl IntoIterator<Item = PartitionId>) {
        let reader = self.reader;
        // If the log has failed, it wakes nobody.
        let _ = self.shared.run(|guarded, _| {
            for at in partitions {
                guarded.forget_reader(at, reader);
            }
        });
    }

    /// Looks through the partitions in turn until enough is found. Returns whether there is more.
    fn find(&mut self, guarded: &mut Guarded, records_max: usize, found: &mut Vec<Found>) -> bool {
        let (mut records, mut bytes) = (records_max, self.bytes_max);
        let mut pieces = Vec::new();
        let mut more = false;
        let count = self.partitions.len();
        for partition in (self.turn..count).chain(0..self.turn) {
            let Some(reading) = self.partitions.get_mut(partition) else { continue };
            if reading.paused || reading.stopped {
                continue;
            }
            if records == 0 || bytes == 0 {
                return true;
            }
            let at = match reading.locate(guarded) {
                Ok(at) => at,
                Err(event) => {
                    found.push(Found::Event(event));
                    continue;
                }
            };
            let limits = ReadLimits { isolation: self.isolation, records, bytes };
            let end = guarded.model.partition(at).map(|log| log.read(reading.position, limits, &mut pieces));
            for piece in pieces.drain(..) {
                records = records.saturating_sub(piece.records);
                bytes = bytes.saturating_sub(piece.bytes);
                found.push(Found::Piece { partition, at, piece });
            }
            match end {
                Some(ReadEnd::At { position, end: true }) => {
                    found.push(Found::End { partition, position });
                    guarded.wake_reader(at, self.reader, self.isolation, position, &self.doorbell);
                }
                Some(ReadEnd::At { .. }) => more = true,
                Some(ReadEnd::OutOfRange) | None => found.push(Found::Event(reading.out_of_range())),
            }
        }
        more
    }

    /// Turns what was found into events. Returns whether something is left.
    fn deliver(&mut self, found: Vec<Found>, records_max: usize, events: &mut Vec<FetchEvent>) -> bool {
        let mut records = records_max;
        let mut skipped = None;
        let mut left = false;
        for found in found {
            match found {
                Found::Event(event) => events.push(event),
                Found::Piece { partition, .. } | Found::End { partition, .. } if skipped == Some(partition) => {}
                Found::Piece { partition, at, piece } => {
                    let batch = match self.records_of(at, &piece) {
                        Ok(Some(batch)) => batch,
                        Ok(None) => {
                            // Compacted or deleted in the meantime: the next fetch finds what is left.
                            (skipped, left) = (Some(partition), true);
                            continue;
                        }
                        Err(error) => {
                            skipped = Some(partition);
                            events.extend(self.unreadable(partition, error));
                            continue;
                        }
                    };
                    let Some(reading) = self.partitions.get_mut(partition) else { continue };
                    let batch = piece.cut(batch, reading.position).take(records);
                    if batch.next_offset().0 < piece.next {
                        (skipped, left) = (Some(partition), true);
                    }
                    reading.position = batch.next_offset().0;
                    records -= batch.len();
                    if !batch.is_empty() {
                        events.push(FetchEvent::Records { partition: reading.name.clone(), batch });
                    }
                }
                Found::End { partition, position } => {
                    let Some(reading) = self.partitions.get_mut(partition) else { continue };
                    reading.position = position;
                    if reading.end_told != Some(position) {
                        reading.end_told = Some(position);
                        events.push(FetchEvent::End { partition: reading.name.clone(), position: Offset(position) });
                    }
                }
            }
        }
        left
    }

    /// The piece's records, read from disk if they are no longer in memory; `None` if they are gone.
    fn records_of(&self, at: PartitionId, piece: &Piece) -> Result<Option<RecordBatch>, LogError> {
        match (&piece.payload, &self.shared.disk) {
            (Payload::Resident(batch), _) => Ok(Some(batch.clone())),
            (Payload::Stored, Some(disk)) => disk.storage.read(at, piece.base),
            (Payload::Stored, None) => Ok(None),
        }
    }

    /// Stops reading a partition whose records are damaged.
    fn unreadable(&mut self, partition: usize, error: LogError) -> Option<FetchEvent> {
        let reading = self.partitions.get_mut(partition)?;
        reading.stopped = true;
        let message = format!("{} cannot be read at offset {}: {error}", reading.name, reading.position);
        let error = LogError::new(error.kind, message);
        Some(FetchEvent::Error { partition: Some(reading.name.clone()), error })
    }
}

impl Reading {
    /// The partition in the log, or an event that says that it does not exist.
    fn locate(&mut self, guarded: &Guarded) -> Result<PartitionId, FetchEvent> {
        if let Some(at) = self.at.filter(|at| guarded.model.partition(*at).is_some()) {
            return Ok(at);
        }
        match guarded.model.topics.resolve(&self.name) {
            // The topic was created again: the position is one in the topic that is gone.
            Ok(_) if self.at.is_some() => Err(self.out_of_range()),
            Ok(at) => {
                self.at = Some(at);
                Ok(at)
            }
            Err(refusal) => {
                self.stopped = true;
                let error = LogError::from(refusal);
                Err(FetchEvent::Error { partition: Some(self.name.clone()), error })
            }
        }
    }

    fn out_of_range(&mut self) -> FetchEvent {
        self.stopped = true;
        FetchEvent::OutOfRange { partition: self.name.clone(), position: Offset(self.position) }
    }
}

impl Consumer for EmbeddedConsumer {
    fn add(&mut self, partition: &TopicPartition, from: Offset) {
        let reading = Reading {
            name: partition.clone(),
            at: None,
            position: from.0,
            paused: false,
            stopped: false,
            end_told: None,
        };
        match self.reading(partition) {
            Some(known) => *known = reading,
            None => self.partitions.push(reading),
        }
        self.doorbell.ring();
    }

    fn remove(&mut self, partition: &TopicPartition) {
        let Some(index) = self.partitions.iter().position(|reading| reading.name == *partition) else { return };
        let removed = self.partitions.swap_remove(index);
        self.forget(removed.at);
    }

    fn pause(&mut self, partition: &TopicPartition) {
        if let Some(reading) = self.reading(partition) {
            reading.paused = true;
        }
    }

    fn resume(&mut self, partition: &TopicPartition) {
        if let Some(reading) = self.reading(partition) {
            reading.paused = false;
            self.doorbell.ring();
        }
    }

    fn fetch(&mut self, records_max: usize, events: &mut Vec<FetchEvent>) {
        if self.partitions.is_empty() {
            return;
        }
        let records_max = records_max.max(1);
        self.turn = (self.turn + 1) % self.partitions.len();
        let shared = Arc::clone(&self.shared);
        let mut found = Vec::new();
        let more = match shared.run(|guarded, _| self.find(guarded, records_max, &mut found)) {
            Ok(more) => more,
            Err(error) => {
                events.push(FetchEvent::Error { partition: None, error });
                return;
            }
        };
        let left = self.deliver(found, records_max, events);
        if more || left {
            self.doorbell.ring();
        }
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        let partitions: Vec<_> = self.partitions.iter().filter_map(|reading| reading.at).collect();
        self.forget(partitions);
    }
}
