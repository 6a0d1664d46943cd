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
    /// `None` in the changelogs of a few kinds of stores, where it means nothing and Kafka Streams sets none.
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
    /// The topics whose records' timestamps mean nothing.
    timeless: Vec<Arc<str>>,
}

impl Sent {
    /// Nothing yet; the timestamps in some topics mean nothing.
    pub(super) fn new(timeless: Vec<Arc<str>>) -> Self {
        Self { timeless, ..Self::default() }
    }

    /// A producer whose records come here.
    pub(super) fn producer(&self) -> impl Producer + use<> {
        Sender { new: Arc::clone(&self.new), topics: Vec::new(), timeless: self.timeless.clone() }
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
    timeless: Vec<Arc<str>>,
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
            timestamp: Some(record.timestamp).filter(|_| !self.timeless.contains(topic)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_kept_in_order_and_timeless_topics_have_no_timestamps() {
        let mut sent = Sent::new(vec!["b".into()]);
        let mut producer = sent.producer();
        let topics = ["a", "b", "a"].map(|topic| producer.topic(topic));
        for (topic, at) in topics.into_iter().zip([5, 6, 4]) {
            let record = OutgoingRecord { key: None, value: None, timestamp: Timestamp(at), headers: &Headers::new() };
            producer.send(topic, Partition(0), record).unwrap();
        }
        let show = |records: Vec<SentRecord>| {
            let shown =
                records.into_iter().map(|record| format!("{} {:?}", record.topic, record.timestamp.map(|at| at.0)));
            shown.collect::<Vec<_>>().join(", ")
        };
        assert_eq!(show(sent.take()), "a Some(5), b None, a Some(4)");
        assert_eq!(show(sent.take()), "");
        assert_eq!(
            topics.map(|topic| producer.acknowledged(topic, Partition(0))),
            [2, 1, 2].map(|end| Some(Offset(end)))
        );
    }
}
