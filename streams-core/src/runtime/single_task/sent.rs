//! Keeps what the task sends, in the place of a log.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use crate::log::{
    CommitOutcome, GroupMetadata, LogError, OffsetToCommit, OutgoingRecord, Producer, SendError, TopicHandle,
};
use crate::record::{Headers, Offset, Partition, Timestamp};

/// A record that was sent to a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentRecord {
    /// The topic's full name.
    pub topic: Arc<str>,
    /// The key's bytes; `None` is null.
    pub key: Option<Vec<u8>>,
    /// The value's bytes; `None` is null.
    pub value: Option<Vec<u8>>,
    /// `None` if the log is to set it, which Kafka Streams does for a few changelogs.
    pub timestamp: Option<Timestamp>,
    /// The headers, in order.
    pub headers: Headers,
}

/// The records that were sent.
#[derive(Default)]
pub(super) struct Sent {
    /// Those that nobody has looked at yet.
    new: Arc<Mutex<Vec<SentRecord>>>,
    kept: Vec<SentRecord>,
}

impl Sent {
    /// A producer whose records come here.
    pub(super) fn producer(&self) -> impl Producer + use<> {
        Sender { new: Arc::clone(&self.new), topics: Vec::new() }
    }

    /// Takes the records that were sent since the last call.
    pub(super) fn take_new(&mut self) -> Vec<SentRecord> {
        std::mem::take(&mut *lock(&self.new))
    }

    /// Keeps those records until [`Sent::take`].
    pub(super) fn keep(&mut self, records: Vec<SentRecord>) {
        self.kept.extend(records);
    }

    /// Takes all records since the last call.
    pub(super) fn take(&mut self) -> Vec<SentRecord> {
        let new = self.take_new();
        self.keep(new);
        std::mem::take(&mut self.kept)
    }
}

fn lock(records: &Mutex<Vec<SentRecord>>) -> MutexGuard<'_, Vec<SentRecord>> {
    records.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Sender {
    new: Arc<Mutex<Vec<SentRecord>>>,
    /// The topics by their handles, with the number of records sent to each.
    topics: Vec<(Arc<str>, i64)>,
}

/// Everything is acknowledged at once, and there are no transactions.
impl Producer for Sender {
    fn topic(&mut self, name: &str) -> TopicHandle {
        let index = self.topics.iter().position(|(topic, _)| **topic == *name).unwrap_or_else(|| {
            self.topics.push((name.into(), 0));
            self.topics.len() - 1
        });
        TopicHandle(u32::try_from(index).unwrap_or(u32::MAX))
    }

    fn send(&mut self, topic: TopicHandle, _: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        let Some((topic, count)) = self.topics.get_mut(topic.0 as usize) else { return Ok(()) };
        *count += 1;
        lock(&self.new).push(SentRecord {
            topic: Arc::clone(topic),
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            timestamp: Some(record.timestamp).filter(|timestamp| *timestamp != Timestamp::UNKNOWN),
            headers: record.headers.clone(),
        });
        Ok(())
    }

    fn poll(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        Poll::Ready(Ok(()))
    }

    fn in_flight(&self) -> usize {
        0
    }

    fn acknowledged(&self, topic: TopicHandle, _: Partition) -> Option<Offset> {
        self.topics.get(topic.0 as usize).map(|(_, count)| Offset(*count)).filter(|offset| offset.0 > 0)
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Done)
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        Ok(())
    }

    fn send_offsets(&mut self, _: &[OffsetToCommit], _: &GroupMetadata) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Done)
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Done)
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        Poll::Ready(CommitOutcome::Done)
    }
}
