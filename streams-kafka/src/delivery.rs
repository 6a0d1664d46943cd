//! What has become of the records that were sent: how far each partition is acknowledged, and what failed.

use std::sync::{Mutex, MutexGuard, PoisonError};

use streams_core::log::{LogError, TopicHandle};
use streams_core::record::{Offset, Partition};

use crate::errors::Code;

/// The ledger of one producer's deliveries; written by the delivery reports.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    topics: Vec<Topic>,
    failed: Option<LogError>,
    /// While a transaction is thrown away, records of it fail as they should.
    is_aborting: bool,
}

#[derive(Debug)]
struct Topic {
    name: String,
    /// The offset after the last acknowledged record, by partition; -1 before the first.
    acknowledged: Vec<i64>,
}

impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the account of a topic and gives its number.
    pub(crate) fn add_topic(&self, name: &str) -> usize {
        let mut ledger = self.lock();
        ledger.topics.push(Topic { name: name.to_owned(), acknowledged: Vec::new() });
        ledger.topics.len() - 1
    }

    /// Enters one delivery report.
    pub(crate) fn report(&self, topic: usize, partition: i32, offset: i64, failure: Option<Code>) {
        let mut ledger = self.lock();
        let is_aborting = ledger.is_aborting;
        let Some(topic) = ledger.topics.get_mut(topic) else { return };
        match failure {
            None => topic.acknowledge(partition, offset),
            Some(Code::PURGE_QUEUE | Code::PURGE_INFLIGHT) if is_aborting => {}
            Some(code) => {
                let error = code.about(format!("a record for {}-{partition} was not written", topic.name));
                ledger.failed.get_or_insert(error);
            }
        }
    }

    /// The offset after the last acknowledged record.
    pub(crate) fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        let ledger = self.lock();
        let topic = ledger.topics.get(topic.0 as usize)?;
        let offset = *topic.acknowledged.get(usize::try_from(partition.0).ok()?)?;
        (offset >= 0).then_some(Offset(offset))
    }

    /// The first failure since the last call.
    pub(crate) fn take_failure(&self) -> Option<LogError> {
        self.lock().failed.take()
    }

    /// From now on, records that are thrown away are no failures; what has failed so far is forgotten.
    pub(crate) fn begin_abort(&self) {
        let mut ledger = self.lock();
        ledger.is_aborting = true;
        ledger.failed = None;
    }

    /// The transaction is gone, with its failures.
    pub(crate) fn end_abort(&self) {
        let mut ledger = self.lock();
        ledger.is_aborting = false;
        ledger.failed = None;
    }
}

impl Topic {
    fn acknowledge(&mut self, partition: i32, offset: i64) {
        let Ok(index) = usize::try_from(partition) else { return };
        if index >= self.acknowledged.len() {
            self.acknowledged.resize(index + 1, -1);
        }
        if let Some(next) = self.acknowledged.get_mut(index) {
            *next = (*next).max(offset.saturating_add(1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledgements_move_forward_only_and_per_partition() {
        let deliveries = Deliveries::default();
        let topic = deliveries.add_topic("t");
        // An offset that the broker did not tell (-1001) changes nothing.
        for (partition, offset) in [(2, 5), (2, 4), (0, 0), (2, -1001)] {
            deliveries.report(topic, partition, offset, None);
        }
        let acknowledged = |partition| deliveries.acknowledged(TopicHandle(0), Partition(partition));
        assert_eq!([0, 1, 2, 3].map(acknowledged), [Some(Offset(1)), None, Some(Offset(6)), None]);
        assert_eq!(deliveries.acknowledged(TopicHandle(1), Partition(0)), None);
    }

    #[test]
    fn the_first_failure_is_told_once_and_an_abort_is_none() {
        let deliveries = Deliveries::default();
        let topic = deliveries.add_topic("t");
        deliveries.report(topic, 1, -1, Some(Code(10)));
        deliveries.report(topic, 2, -1, Some(Code(3)));
        let failure = deliveries.take_failure().unwrap();
        assert!(failure.message.starts_with("a record for t-1 was not written: "), "{failure}");
        assert_eq!(deliveries.take_failure(), None);
        deliveries.begin_abort();
        deliveries.report(topic, 1, -1, Some(Code::PURGE_QUEUE));
        assert_eq!(deliveries.take_failure(), None);
        deliveries.end_abort();
        deliveries.report(topic, 1, -1, Some(Code::PURGE_QUEUE));
        assert!(deliveries.take_failure().is_some());
    }
}
