//! Writes to the embedded log. Records are collected by partition and written in batches.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::shared::{Guarded, SharedLog};
use super::syncer::Ticket;
use crate::log::batch::headers_size;
use crate::log::model::{InitProducer, Model, Now, PartitionId, ProducerTag, Refusal, Writer, advance_sequence};
use crate::log::{
    BatchBuilder, CommitOutcome, Doorbell, GroupMetadata, LogError, LogErrorKind, OffsetToCommit, OutgoingRecord,
    Producer, ProducerOptions, SendError, TopicHandle,
};
use crate::record::{Offset, Partition, TopicPartition};

/// A batch of this many bytes is written.
const BATCH_BYTES_MAX: usize = 64 * 1024;
/// A batch of this many records is written.
const BATCH_RECORDS_MAX: usize = 1_000;

/// Kafka's default for `transaction.timeout.ms`, if the options have none.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(60);

pub(super) struct EmbeddedProducer {
    shared: Arc<SharedLog>,
    doorbell: Doorbell,
    transactional: Option<Transactional>,
    /// Set once the log knows this producer.
    tag: Option<ProducerTag>,
    topics: Vec<TargetTopic>,
    handles: BTreeMap<Arc<str>, TopicHandle>,
    /// The buffers that are not empty, by topic and partition.
    filled: Vec<(usize, usize)>,
    /// The number of records in all buffers.
    buffered: usize,
    /// The offsets up to which partitions must be replicated until everything written is acknowledged.
    unreplicated: Vec<(PartitionId, i64)>,
    /// The sync of a committed transaction or of a flush, until it is done.
    syncing: Option<Ticket>,
    /// Whether records were written after the last request to sync.
    unsynced: bool,
    /// The first failed delivery that has not been reported.
    failure: Option<LogError>,
}

/// A producer's transactional side.
struct Transactional {
    id: Arc<str>,
    timeout: Duration,
    phase: Phase,
}

/// ```text
///   New --init--> Ready --begin--> Open --commit, abort--> Ready
///                   \________________\____replaced____> Fenced
/// ```
enum Phase {
    New,
    Ready,
    /// If `touched`, the log knows of the transaction. If `failed`, it can only be aborted.
    Open {
        touched: bool,
        failed: Option<LogError>,
    },
    Fenced(LogError),
}

/// A topic that this producer has a handle for.
struct TargetTopic {
    name: Arc<str>,
    /// Its number and the limits for its records; `None` until the first record.
    known: Option<Known>,
    partitions: Vec<Buffer>,
}

#[derive(Clone, Copy)]
struct Known {
    number: u32,
    partitions: usize,
    record_bytes_max: usize,
    keys_needed: bool,
}

/// The records that have not been written to a partition yet, and how far it has been written.
#[derive(Default)]
struct Buffer {
    records: BatchBuilder,
    sequence: i32,
    acknowledged: Option<Offset>,
}

impl EmbeddedProducer {
    pub(super) fn new(shared: Arc<SharedLog>, options: ProducerOptions, doorbell: Doorbell) -> Self {
        let timeout = match options.transaction_timeout_ms {
            0 => TRANSACTION_TIMEOUT,
            ms => Duration::from_millis(u64::from(ms)),
        };
        let transactional =
            options.transactional_id.map(|id| Transactional { id: id.into(), timeout, phase: Phase::New });
        Self {
            shared,
            doorbell,
            transactional,
            tag: None,
            topics: Vec::new(),
            handles: BTreeMap::new(),
            filled: Vec::new(),
            buffered: 0,
            unreplicated: Vec::new(),
            syncing: None,
            unsynced: false,
            failure: None,
        }
    }

    /// Fails unless records may be sent now.
    fn check_open(&self) -> Result<(), LogError> {
        match self.transactional.as_ref().map(|transactional| &transactional.phase) {
            None | Some(Phase::Open { .. }) => Ok(()),
            Some(Phase::Fenced(error)) => Err(error.clone()),
            Some(Phase::New | Phase::Ready) => Err(invalid(
                "a transactional producer sends only in transactions: \
                                                            call `begin_transaction` first",
            )),
        }
    }

    /// Writes buffers to the log, all in one step. As long as the previous transaction is still being ended, they stay
    /// unchanged.
    fn write(&mut self, buffers: &[(usize, usize)]) {
        if buffers.is_empty() {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let written = shared.run(|Guarded { model, .. }, now| {
            if self.transactional.as_ref().is_some_and(|transactional| model.is_ending(&transactional.id)) {
                self.filled.extend(buffers);
                return;
            }
            for (topic, partition) in buffers {
                if let Err(error) = self.write_one(model, now, *topic, *partition) {
                    self.failed(error);
                }
            }
        });
        if let Err(error) = written {
            self.drop_buffers(buffers);
            self.failed(error);
        }
    }

    /// Writes what is buffered. Returns whether everything is acknowledged.
    fn is_acknowledged(&mut self) -> bool {
        self.write_all();
        if !self.unreplicated.is_empty() {
            let unreplicated = &mut self.unreplicated;
            let looked = self.shared.run(|Guarded { model, .. }, _| {
                unreplicated.retain(|(at, end)| model.partition(*at).is_some_and(|log| log.high_watermark() < *end));
            });
            if let Err(error) = looked {
                self.failed(error);
            }
        }
        let is_acknowledged = self.buffered == 0 && self.unreplicated.is_empty();
        if !is_acknowledged {
            // Nobody else rings when it is.
            self.doorbell.ring();
        }
        is_acknowledged
    }

    /// Drops the contents of the buffers.
    fn drop_buffers(&mut self, buffers: &[(usize, usize)]) {
        for (topic, partition) in buffers {
            if let Some(buffer) = self.topics.get_mut(*topic).and_then(|topic| topic.partitions.get_mut(*partition)) {
                self.buffered -= buffer.records.len();
                buffer.records = BatchBuilder::default();
            }
        }
    }

    /// Writes one buffer, which is empty afterwards in any case.
    fn write_one(&mut self, model: &mut Model, now: Now, topic: usize, partition: usize) -> Result<(), LogError> {
        let tag = *self.tag.get_or_insert_with(|| model.new_producer());
        let Some(topic) = self.topics.get_mut(topic) else { return Ok(()) };
        let Some(buffer) = topic.partitions.get_mut(partition) else { return Ok(()) };
        let fresh = BatchBuilder::with_capacity(buffer.records.len(), buffer.records.bytes());
        let records = std::mem::replace(&mut buffer.records, fresh);
        let count = records.len();
        self.buffered -= count;
        let batch = records.finish(Offset(i64::try_from(count).unwrap_or(i64::MAX)));
        let transactional_id = self.transactional.as_ref().map(|transactional| &transactional.id);
        let writer = Writer { tag, transactional_id, sequence: buffer.sequence };
        let name = TopicPartition::new(Arc::clone(&topic.name), i32::try_from(partition).unwrap_or(i32::MAX));
        let mut at = PartitionId { topic: 0, partition: u32::try_from(partition).unwrap_or(u32::MAX) };
        let mut written = match topic.known {
            Some(known) => {
                at.topic = known.number;
                model.produce(now, at, &writer, batch.clone())
            }
            None => Err(Refusal::TopicGone),
        };
        if written == Err(Refusal::TopicGone) {
            // It may have been created again in the meantime.
            topic.known = None;
            written = model.topics.resolve(&name).and_then(|found| {
                at = found;
                topic.known = Some(Known::of(model, at));
                model.produce(now, at, &writer, batch)
            });
        }
        let base = written.map_err(LogError::from)?;
        buffer.sequence = advance_sequence(buffer.sequence, count);
        self.unsynced = true;
        let end = base + i64::try_from(count).unwrap_or(i64::MAX);
        buffer.acknowledged = Some(Offset(end));
        if model.partition(at).is_some_and(|log| log.high_watermark() < end) {
            self.unreplicated.push((at, end));
        }
        if let Some(Transactional { phase: Phase::Open { touched, .. }, .. }) = &mut self.transactional {
            *touched = true;
        }
        Ok(())
    }

    /// Records a failed delivery: the next poll returns it, and an open transaction can only be aborted.
    fn failed(&mut self, error: LogError) {
        if let Some(transactional) = &mut self.transactional {
            transactional.failed(&error);
        }
        self.failure.get_or_insert(error);
    }

    fn write_all(&mut self) {
        let filled = std::mem::take(&mut self.filled);
        self.write(&filled);
    }

    /// Whether the log knows of the open transaction.
    fn has_touched(&self) -> bool {
        let phase = self.transactional.as_ref().map(|transactional| &transactional.phase);
        matches!(phase, Some(Phase::Open { touched: true, .. }))
    }

    /// Reports a committed transaction once it is on disk.
    fn wait_for_sync(&mut self) -> Poll<CommitOutcome> {
        let (Some(ticket), Some(disk)) = (self.syncing, &self.shared.disk) else {
            return Poll::Ready(CommitOutcome::Done);
        };
        let synced = match disk.syncer.poll(ticket) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => CommitOutcome::Done,
            Poll::Ready(Err(error)) => CommitOutcome::Fatal(error),
        };
        self.syncing = None;
        Poll::Ready(synced)
    }

    /// Ends the open transaction, if the log knows of it.
    fn end(&mut self, commit: bool) -> CommitOutcome {
        let Some(transactional) = &mut self.transactional else { return not_transactional() };
        let touched = match &transactional.phase {
            Phase::Fenced(error) => return CommitOutcome::Fenced(error.clone()),
            Phase::Open { failed: Some(error), .. } if commit => return CommitOutcome::AbortRequired(error.clone()),
            Phase::Open { touched, .. } => *touched,
            Phase::New | Phase::Ready => {
                return CommitOutcome::Fatal(invalid("no transaction is open: call `begin_transaction` first"));
            }
        };
        if let (true, Some(tag)) = (touched, self.tag) {
            let id = &transactional.id;
            match self.shared.run(|guarded, now| guarded.model.end_transaction(now, id, tag, commit)) {
                Ok(Ok(_)) => {}
                Ok(Err(refusal)) => return transactional.refused(refusal),
                // Whether it was written or not, this log cannot be used any more.
                Err(error) => return CommitOutcome::Fatal(error),
            }
        }
        transactional.phase = Phase::Ready;
        CommitOutcome::Done
    }
}

impl Transactional {
    fn failed(&mut self, error: &LogError) {
        if error.kind == LogErrorKind::Fenced {
            self.phase = Phase::Fenced(error.clone());
        } else if let Phase::Open { failed, .. } = &mut self.phase {
            failed.get_or_insert_with(|| error.clone());
        }
    }

    /// The outcome of the transaction when the log refuses a request.
    fn refused(&mut self, refusal: Refusal) -> CommitOutcome {
        let producer_fenced = matches!(refusal, Refusal::ProducerFenced(_));
        let error = LogError::from(refusal);
        if producer_fenced {
            self.phase = Phase::Fenced(error.clone());
            return CommitOutcome::Fenced(error);
        }
        if error.is_transient() {
            return CommitOutcome::Retriable(error);
        }
        match &mut self.phase {
            Phase::Open { failed, .. } => {
                failed.get_or_insert_with(|| error.clone());
                CommitOutcome::AbortRequired(error)
            }
            _ => CommitOutcome::Fatal(error),
        }
    }
}

impl Known {
    fn of(model: &Model, at: PartitionId) -> Self {
        let topic = model.topics.numbered(at.topic);
        Self {
            number: at.topic,
            partitions: topic.map_or(0, |topic| topic.partitions.len()),
            record_bytes_max: topic.map_or(usize::MAX, |topic| topic.config.max_message_bytes),
            keys_needed: topic.is_some_and(|topic| topic.config.compact),
        }
    }
}

impl Buffer {
    fn is_full(&self) -> bool {
        self.records.bytes() >= BATCH_BYTES_MAX || self.records.len() >= BATCH_RECORDS_MAX
    }
}

impl TargetTopic {
    /// The limits for its records; asks the log if the partition is not known yet.
    fn look_up(&mut self, shared: &SharedLog, partition: Partition) -> Result<Known, LogError> {
        let inside = |known: &Known| usize::try_from(partition.0).is_ok_and(|partition| partition < known.partitions);
        if let Some(known) = self.known.filter(inside) {
            return Ok(known);
        }
        let name = TopicPartition::new(Arc::clone(&self.name), partition.0);
        let known = shared.ask(|model, _| model.topics.resolve(&name).map(|at| Known::of(model, at)))?;
        self.known = Some(known);
        if self.partitions.len() < known.partitions {
            self.partitions.resize_with(known.partitions, Buffer::default);
        }
        Ok(known)
    }

    fn check(&self, known: Known, partition: Partition, record: &OutgoingRecord<'_>) -> Result<(), LogError> {
        let name = || TopicPartition::new(Arc::clone(&self.name), partition.0);
        if known.keys_needed && record.key.is_none() {
            return Err(Refusal::KeyMissing(name()).into());
        }
        let fields = record.key.map_or(0, <[u8]>::len) + record.value.map_or(0, <[u8]>::len);
        let size = fields + headers_size(record.headers);
        if size > known.record_bytes_max {
            let refusal = Refusal::TooLarge { partition: name(), size, max: known.record_bytes_max };
            return Err(refusal.into());
        }
        Ok(())
    }
}

impl Producer for EmbeddedProducer {
    fn topic(&mut self, name: &str) -> TopicHandle {
        if let Some(handle) = self.handles.get(name) {
            return *handle;
        }
        let handle = TopicHandle(u32::try_from(self.topics.len()).unwrap_or(u32::MAX));
        let name: Arc<str> = name.into();
        self.topics.push(TargetTopic { name: Arc::clone(&name), known: None, partitions: Vec::new() });
        self.handles.insert(name, handle);
        handle
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        self.check_open()?;
        let topic_index = topic.0 as usize;
        let Some(topic) = self.topics.get_mut(topic_index) else {
            return Err(SendError::Refused(invalid("this topic handle is from another producer")));
        };
        let known = topic.look_up(&self.shared, partition)?;
        topic.check(known, partition, &record)?;
        let partition_index = usize::try_from(partition.0).unwrap_or(usize::MAX);
        let Some(buffer) = topic.partitions.get_mut(partition_index) else {
            return Err(SendError::Refused(invalid("a partition's number cannot be negative")));
        };
        if buffer.is_full() {
            // The buffer could not be written before.
            self.write_all();
            return Err(SendError::Full);
        }
        let position = Offset(i64::try_from(buffer.records.len()).unwrap_or(i64::MAX));
        if buffer.records.is_empty() {
            self.filled.push((topic_index, partition_index));
        }
        buffer.records.push(position, record.timestamp, record.key, record.value, record.headers);
        self.buffered += 1;
        if buffer.is_full() {
            let full = (topic_index, partition_index);
            self.filled.retain(|filled| *filled != full);
            self.write(&[full]);
        }
        Ok(())
    }

    fn poll(&mut self) -> Result<(), LogError> {
        self.write_all();
        self.failure.take().map_or(Ok(()), Err)
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        if !self.is_acknowledged() {
            return Poll::Pending;
        }
        let (Some(disk), None) = (&self.shared.disk, &self.transactional) else {
            // In memory there is nothing to sync. A transaction's records matter only once it is committed, which syncs.
            return Poll::Ready(self.poll());
        };
        if let Some(ticket) = self.syncing {
            match disk.syncer.poll(ticket) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => self.syncing = None,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        if std::mem::take(&mut self.unsynced) {
            self.syncing = Some(disk.syncer.ask(&self.doorbell));
            return Poll::Pending;
        }
        Poll::Ready(self.poll())
    }

    fn in_flight(&self) -> usize {
        self.buffered + self.unreplicated.len()
    }

    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        let topic = self.topics.get(topic.0 as usize)?;
        topic.partitions.get(usize::try_from(partition.0).ok()?)?.acknowledged
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        let Some(transactional) = &mut self.transactional else { return Poll::Ready(not_transactional()) };
        match &transactional.phase {
            Phase::New => {}
            Phase::Ready => return Poll::Ready(CommitOutcome::Done),
            Phase::Fenced(error) => return Poll::Ready(CommitOutcome::Fenced(error.clone())),
            Phase::Open { .. } => {
                return Poll::Ready(CommitOutcome::Fatal(invalid("a transaction is open: end it first")));
            }
        }
        let (id, timeout) = (&transactional.id, transactional.timeout);
        match self.shared.ask(|model, now| model.init_producer(now, id, timeout)) {
            Ok(InitProducer::Ready(tag)) => {
                self.tag = Some(tag);
                transactional.phase = Phase::Ready;
                Poll::Ready(CommitOutcome::Done)
            }
            Ok(InitProducer::Ending) => {
                self.doorbell.ring();
                Poll::Pending
            }
            Err(error) => Poll::Ready(CommitOutcome::Fatal(error)),
        }
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        let Some(transactional) = &mut self.transactional else {
            return Err(invalid("this producer has no transactional id"));
        };
        match &transactional.phase {
            Phase::Ready => {
                transactional.phase = Phase::Open { touched: false, failed: None };
                Ok(())
            }
            Phase::New => Err(invalid("the producer is not registered: call `init_transactions` first")),
            Phase::Open { .. } => Err(invalid("a transaction is already open")),
            Phase::Fenced(error) => Err(error.clone()),
        }
    }

    fn send_offsets(&mut self, offsets: &[OffsetToCommit], group: &GroupMetadata) -> Poll<CommitOutcome> {
        let Some(transactional) = &mut self.transactional else { return Poll::Ready(not_transactional()) };
        let tag = match (&transactional.phase, self.tag) {
            (Phase::Open { failed: Some(error), .. }, _) => {
                return Poll::Ready(CommitOutcome::AbortRequired(error.clone()));
            }
            (Phase::Open { .. }, Some(tag)) => tag,
            (Phase::Fenced(error), _) => return Poll::Ready(CommitOutcome::Fenced(error.clone())),
            _ => return Poll::Ready(CommitOutcome::Fatal(invalid("no transaction is open"))),
        };
        let id = &transactional.id;
        let sent = self.shared.run(|guarded, now| guarded.model.send_offsets(now, id, tag, group, offsets));
        Poll::Ready(match sent {
            Err(error) => CommitOutcome::Fatal(error),
            Ok(Ok(())) => {
                if let Phase::Open { touched, .. } = &mut transactional.phase {
                    *touched = true;
                }
                CommitOutcome::Done
            }
            Ok(Err(refusal)) => transactional.refused(refusal),
        })
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        if self.syncing.is_none() {
            if !self.is_acknowledged() {
                return Poll::Pending;
            }
            let touched = self.has_touched();
            let outcome = self.end(true);
            match &self.shared.disk {
                Some(disk) if touched && outcome == CommitOutcome::Done => {
                    self.syncing = Some(disk.syncer.ask(&self.doorbell));
                }
                _ => return Poll::Ready(outcome),
            }
        }
        self.wait_for_sync()
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        let filled = std::mem::take(&mut self.filled);
        self.drop_buffers(&filled);
        self.unreplicated.clear();
        // The failed delivery belonged to the transaction that is discarded.
        self.failure = None;
        Poll::Ready(self.end(false))
    }
}

fn invalid(message: &str) -> LogError {
    LogError::new(LogErrorKind::Invalid, message)
}

fn not_transactional() -> CommitOutcome {
    CommitOutcome::Fatal(invalid("this producer has no transactional id"))
}
