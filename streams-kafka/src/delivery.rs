//! The fate of the records that were sent: how far each partition is acknowledged, and what failed.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use streams_core::log::{LogError, LogErrorKind, TopicHandle};
use streams_core::record::{Offset, Partition, Timestamp};

use crate::errors::{Code, Right};
use crate::native::NotDelivered;
use crate::sizes::{SizeLimits, TooLarge};

/// The ledger of a producer's deliveries, written by the delivery reports.
#[derive(Debug, Default)]
pub(crate) struct Deliveries(Mutex<Ledger>);

#[derive(Debug, Default)]
struct Ledger {
    topics: Vec<TopicAccount>,
    failed: Option<Failed>,
    /// The records of one partition that were refused because of their size.
    too_large: Option<TooLarge>,
    /// Why a partition was refused for the transaction, in librdkafka's words.
    refused: Option<String>,
    /// While a transaction is being aborted, its records fail as intended.
    is_aborting: bool,
}

/// The record to report when records were not delivered.
#[derive(Debug)]
struct Failed {
    partition: String,
    failure: NotDelivered,
}

#[derive(Debug)]
struct TopicAccount {
    name: String,
    /// The offset after the last acknowledged record, by partition; -1 before the first.
    acknowledged: Vec<i64>,
}

impl Deliveries {
    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens an account for a topic and returns its number.
    pub(crate) fn add_topic(&self, name: &str) -> usize {
        let mut ledger = self.lock();
        ledger.topics.push(TopicAccount { name: name.to_owned(), acknowledged: Vec::new() });
        ledger.topics.len() - 1
    }

    /// Enters one delivery report.
    pub(crate) fn report(&self, topic: usize, partition: i32, offset: i64, failure: Option<NotDelivered>) {
        let mut ledger = self.lock();
        let is_aborting = ledger.is_aborting;
        let Some(topic) = ledger.topics.get_mut(topic) else { return };
        let Some(failure) = failure else { return topic.acknowledge(partition, offset) };
        if is_aborting && is_purged(&failure) {
            return;
        }
        let topic = topic.name.clone();
        if failure.code == Code::MSG_SIZE_TOO_LARGE {
            match &mut ledger.too_large {
                Some(told) if told.topic == topic && told.partition == partition => told.add(failure.bytes),
                // It is refused again when the work is done again.
                Some(_) => {}
                None => ledger.too_large = Some(TooLarge::new(&topic, partition, failure.bytes)),
            }
        }
        let partition = format!("{topic}-{partition}");
        match &ledger.failed {
            Some(told) if !is_likelier(&failure, &told.failure, now()) => {}
            _ => ledger.failed = Some(Failed { partition, failure }),
        }
    }

    /// Remembers a line of librdkafka's log about a partition that was refused for the transaction. Other partitions may
    /// be in the same request and are refused only because of that one.
    pub(crate) fn refuse(&self, line: &str) {
        let reason = line.find("Failed to add partition").and_then(|start| line.get(start..)).unwrap_or(line);
        let mut ledger = self.lock();
        if ledger.refused.is_none() || is_about_rights(reason) {
            ledger.refused = Some(reason.to_owned());
        }
    }

    /// The offset after the last acknowledged record.
    pub(crate) fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        let ledger = self.lock();
        let topic = ledger.topics.get(topic.0 as usize)?;
        let offset = *topic.acknowledged.get(usize::try_from(partition.0).ok()?)?;
        (offset >= 0).then_some(Offset(offset))
    }

    /// Whether there is a failure that was not taken yet.
    pub(crate) fn has_failure(&self) -> bool {
        self.lock().failed.is_some()
    }

    /// The first failure since the last call.
    pub(crate) fn take_failure(&self, sizes: &SizeLimits) -> Option<LogError> {
        let mut ledger = self.lock();
        let failed = ledger.failed.take()?;
        if let Some(too_large) = ledger.too_large.take()
            && matches!(failed.failure.code, Code::MSG_SIZE_TOO_LARGE | Code::PURGE_QUEUE | Code::PURGE_INFLIGHT)
        {
            let (TooLarge { topic, partition, .. }, next) = (&too_large, sizes.learn(&too_large));
            let message = format!(
                "a record for {topic}-{partition} was not written: it is larger than the topic accepts \
                 (`max.message.bytes`); {next}"
            );
            return Some(LogError::new(LogErrorKind::Unavailable, message));
        }
        match &ledger.refused {
            Some(reason) if is_purged(&failed.failure) => {
                let advice = if is_about_rights(reason) { Right::Write.on_the_topic() } else { String::new() };
                let message = format!("a record for {} was not written: {reason}{advice}", failed.partition);
                Some(LogError::new(failed.failure.code.kind(), message))
            }
            // What has gone wrong may be told a moment later. If the work is done again, it is told then.
            None if is_purged(&failed.failure) => {
                let message =
                    format!("a record for {} was not written, because its transaction has failed", failed.partition);
                Some(LogError::new(LogErrorKind::Unavailable, message))
            }
            _ => Some(not_written(&failed.partition, &failed.failure, now())),
        }
    }

    /// Starts an abort: from now on, undelivered records are no failures, and earlier failures are forgotten.
    pub(crate) fn begin_abort(&self) {
        let mut ledger = self.lock();
        ledger.is_aborting = true;
        ledger.failed = None;
        ledger.too_large = None;
        ledger.refused = None;
    }

    /// Ends an abort: the transaction is gone, and its failures with it.
    pub(crate) fn end_abort(&self) {
        let mut ledger = self.lock();
        ledger.is_aborting = false;
        ledger.failed = None;
    }
}

/// Whether a record was given up with its transaction, so that another one is at fault.
const fn is_purged(failure: &NotDelivered) -> bool {
    matches!(failure.code, Code::PURGE_QUEUE | Code::PURGE_INFLIGHT)
}

/// Whether a right is missing. There is no code for it, and only the advice depends on this.
fn is_about_rights(reason: &str) -> bool {
    reason.contains("authorization failed")
}

/// Whether an undelivered record is more likely to be at fault than the first one. Brokers accept a batch as a whole. If a
/// broker says which records are at fault, librdkafka gives the others a separate code; if not, all have the same code.
fn is_likelier(this: &NotDelivered, first: &NotDelivered, now: Timestamp) -> bool {
    match (this.code, first.code) {
        _ if is_purged(this) => false,
        _ if is_purged(first) => true,
        (Code::INVALID_DIFFERENT_RECORD, _) => false,
        (_, Code::INVALID_DIFFERENT_RECORD) => true,
        (Code::INVALID_TIMESTAMP, Code::INVALID_TIMESTAMP) => {
            oddness(this.timestamp, now) > oddness(first.timestamp, now)
        }
        (Code::INVALID_RECORD, Code::INVALID_RECORD) => invalidity(this, now) > invalidity(first, now),
        _ => false,
    }
}

/// How likely a record is to be invalid: in compacted topics, one without a key is.
fn invalidity(record: &NotDelivered, now: Timestamp) -> u8 {
    match (oddness(record.timestamp, now).0, record.has_key) {
        (2, _) => 3,
        (_, false) => 2,
        (odd, true) => odd,
    }
}

/// How unusual a record's timestamp is. By default, topics have a limit for timestamps ahead of the clock, but none for
/// those behind it.
fn oddness(timestamp: Timestamp, now: Timestamp) -> (u8, i64) {
    let ahead = timestamp.0.saturating_sub(now.0);
    match ahead {
        CLOCK_DIFFERENCE_MS.. => (2, ahead),
        _ if ahead < -CLOCK_DIFFERENCE_MS => (1, ahead.saturating_neg()),
        _ => (0, 0),
    }
}

/// The maximum difference between clocks.
const CLOCK_DIFFERENCE_MS: i64 = 60_000;

/// The error for a record that was not delivered.
fn not_written(partition: &str, failure: &NotDelivered, now: Timestamp) -> LogError {
    let is_ahead = || failure.timestamp.0.saturating_sub(now.0) >= CLOCK_DIFFERENCE_MS;
    match failure.code {
        Code::INVALID_TIMESTAMP => LogError::refused_timestamp(partition, failure.timestamp, now),
        // One of several faulty records in a batch. Brokers check only keys and timestamps.
        Code::INVALID_RECORD if failure.has_key || is_ahead() => {
            LogError::refused_timestamp(partition, failure.timestamp, now)
        }
        Code::INVALID_RECORD => failure.code.about(format!(
            "a record for {partition} was not written: it has no key though the topic is compacted, or the topic does \
             not accept its timestamp {} (`message.timestamp.before.max.ms`)",
            failure.timestamp
        )),
        code if code.may_be_short_of_replicas() => {
            let error = code.about(format!("a record for {partition} was not written"));
            let message = format!(
                "{error}; its leader may be away, or fewer of its replicas are in sync than the topic's `min.insync.replicas` \
                 asks for"
            );
            LogError::new(error.kind, message)
        }
        code => code.about_a(Right::Write, format!("a record for {partition} was not written")),
    }
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
}

impl TopicAccount {
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
        // An offset that the broker did not report (-1001) changes nothing.
        for (partition, offset) in [(2, 5), (2, 4), (0, 0), (2, -1001)] {
            deliveries.report(topic, partition, offset, None);
        }
        let acknowledged = |partition| deliveries.acknowledged(TopicHandle(0), Partition(partition));
        assert_eq!([0, 1, 2, 3].map(acknowledged), [Some(Offset(1)), None, Some(Offset(6)), None]);
        assert_eq!(deliveries.acknowledged(TopicHandle(1), Partition(0)), None);
    }

    fn failure(code: Code) -> Option<NotDelivered> {
        Some(NotDelivered { code, timestamp: Timestamp(7), has_key: false, bytes: 9 })
    }

    #[test]
    fn the_first_failure_is_told_once_and_an_abort_is_none() {
        let deliveries = Deliveries::default();
        let topic = deliveries.add_topic("t");
        deliveries.report(topic, 1, -1, failure(Code(10)));
        deliveries.report(topic, 2, -1, failure(Code(3)));
        let told = deliveries.take_failure(&SizeLimits::default()).unwrap();
        assert!(told.message.starts_with("a record for t-1 was not written: "), "{told}");
        assert_eq!(deliveries.take_failure(&SizeLimits::default()), None);
        deliveries.begin_abort();
        deliveries.report(topic, 1, -1, failure(Code::PURGE_QUEUE));
        assert_eq!(deliveries.take_failure(&SizeLimits::default()), None);
        deliveries.end_abort();
        deliveries.report(topic, 1, -1, failure(Code::PURGE_QUEUE));
        assert!(deliveries.take_failure(&SizeLimits::default()).is_some());
    }

    /// Regression: the report about a record that was purged came first, and ended the application as if that were at fault.
    #[test]
    fn what_is_purged_with_its_transaction_is_not_at_fault() {
        let deliveries = Deliveries::default();
        let topic = deliveries.add_topic("t");
        deliveries.report(topic, 1, -1, failure(Code::PURGE_QUEUE));
        let told = deliveries.take_failure(&SizeLimits::default()).unwrap();
        assert_eq!(told.message, "a record for t-1 was not written, because its transaction has failed");
        assert!(told.is_transient(), "doing the work again finds the record that is at fault");
        for order in [[Code::PURGE_QUEUE, Code::INVALID_TIMESTAMP], [Code::INVALID_TIMESTAMP, Code::PURGE_INFLIGHT]] {
            order.into_iter().for_each(|code| deliveries.report(topic, 1, -1, failure(code)));
            assert_eq!(
                deliveries.take_failure(&SizeLimits::default()).unwrap().kind,
                LogErrorKind::Timestamp(Timestamp(7)),
                "{order:?}"
            );
        }
    }

    /// Regression: it was told of a record for another topic that it was purged, and neither why nor of the topic.
    #[test]
    fn what_is_purged_with_its_transaction_is_told_with_the_partition_that_was_refused() {
        let deliveries = Deliveries::default();
        let topic = deliveries.add_topic("t");
        let refused = "[thrd:b:1/1]: b:1/1: Failed to add partition \"out\" [0] to transaction: Broker: ";
        deliveries.refuse(&format!("{refused}Operation not attempted"));
        deliveries.refuse(&format!("{refused}Topic authorization failed"));
        deliveries.refuse(&format!("{refused}Operation not attempted"));
        deliveries.report(topic, 1, -1, failure(Code::PURGE_QUEUE));
        assert_eq!(
            deliveries.take_failure(&SizeLimits::default()).unwrap().message,
            "a record for t-1 was not written: Failed to add partition \"out\" [0] to transaction: Broker: Topic \
             authorization failed; this client needs the right (ACL) `Write` on the topic"
        );
        deliveries.begin_abort();
        deliveries.end_abort();
        deliveries.report(topic, 1, -1, failure(Code::PURGE_QUEUE));
        assert!(
            !deliveries.take_failure(&SizeLimits::default()).unwrap().message.contains("out"),
            "that was another transaction"
        );
    }

    /// Regression: the first record was told of, and a time that was not at fault.
    #[test]
    fn a_record_without_a_key_is_told_of_if_all_are_called_invalid() {
        let now = Timestamp(1_000_000_000_000);
        let of = |(has_key, at): (bool, i64)| NotDelivered {
            code: Code::INVALID_RECORD,
            timestamp: Timestamp(now.0 + at),
            has_key,
            bytes: 9,
        };
        for (first, second, is_second) in [
            ((true, 0), (false, 0), true),
            ((false, 0), (true, 0), false),
            ((true, -3_600_000), (false, 0), true),
            ((true, 3_600_000), (false, 0), false),
            ((true, 0), (true, -3_600_000), true),
        ] {
            assert_eq!(is_likelier(&of(second), &of(first), now), is_second, "{first:?} {second:?}");
        }
    }

    /// Takes the codes and timestamps (relative to now) of a batch's records, and returns the one that is reported.
    fn told(batch: &[(Code, i64)]) -> usize {
        let now = Timestamp(1_000_000_000_000);
        let of =
            |(code, at): (Code, i64)| NotDelivered { code, timestamp: Timestamp(now.0 + at), has_key: true, bytes: 9 };
        (1..batch.len()).fold(0, |told, index| match is_likelier(&of(batch[index]), &of(batch[told]), now) {
            true => index,
            false => told,
        })
    }

    #[test]
    fn the_record_that_took_others_along_is_told_of() {
        let (other, time, record) = (Code::INVALID_DIFFERENT_RECORD, Code::INVALID_TIMESTAMP, Code::INVALID_RECORD);
        let (hour, year) = (3_600_000, 31_536_000_000);
        for (batch, expected) in [
            (&[(other, 0), (record, year), (record, 0), (other, 0)][..], 1),
            (&[(other, 0), (other, 0)], 0),
            (&[(time, -year), (time, hour), (time, 0)], 1),
            (&[(time, hour), (time, year)], 1),
            (&[(time, -hour), (time, -year), (time, 100)], 1),
            (&[(time, -100), (time, 5_000)], 0),
            (&[(Code(10), 0), (time, year)], 0),
        ] {
            assert_eq!(told(batch), expected, "{batch:?}");
        }
    }

    #[test]
    fn a_refused_time_is_told_with_the_setting_as_far_as_it_is_known() {
        let now = Timestamp(1_000_000_000_000);
        for (code, at, has_key, is_told) in [
            (Code::INVALID_TIMESTAMP, 7, false, true),
            (Code::INVALID_RECORD, 7, true, true),
            (Code::INVALID_RECORD, 2_000_000_000_000, false, true),
            (Code::INVALID_RECORD, 7, false, false),
        ] {
            let error = not_written("t-3", &NotDelivered { code, timestamp: Timestamp(at), has_key, bytes: 9 }, now);
            let expected = if is_told { LogErrorKind::Timestamp(Timestamp(at)) } else { LogErrorKind::Invalid };
            assert_eq!(error.kind, expected, "{error}");
            assert!(error.message.contains("a record for t-3") && error.message.contains(".max.ms"), "{error}");
        }
    }
}
