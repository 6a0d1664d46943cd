//! When transaction markers reach their partitions, and records their replicas.
//!
//! An embedded log has no network, so everything arrives at once. In a simulation, things arrive late, and markers in any
//! order, as in a cluster.

/// Decides what arrives. It is asked each time something happens in the log.
pub(crate) trait Delivery: Send + Sync + 'static {
    /// Which of `waiting` transaction markers arrives next, counted from the oldest. The question is repeated until the
    /// answer is `None`.
    fn next_marker(&self, waiting: usize) -> Option<usize>;

    /// Whether records reach their replicas now. Until then, they are neither acknowledged nor read.
    fn replicates(&self) -> bool;

    /// Whether nothing is ever late.
    fn is_immediate(&self) -> bool {
        false
    }
}

/// Everything arrives at once, in order.
pub(super) struct AtOnce;

impl Delivery for AtOnce {
    fn next_marker(&self, _waiting: usize) -> Option<usize> {
        Some(0)
    }

    fn replicates(&self) -> bool {
        true
    }

    fn is_immediate(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::task::Poll;

    use super::*;
    use crate::clock::ManualClock;
    use crate::log::{
        CommitOutcome, Doorbell, Embedded, Isolation, Log as _, OutgoingRecord, Producer, ProducerOptions, TopicHandle,
    };
    use crate::random::Seeded;
    use crate::record::{Headers, Partition, Timestamp, TopicPartition};

    #[derive(Default)]
    struct Held {
        markers: AtomicBool,
        replicas: AtomicBool,
    }

    impl Delivery for Held {
        fn next_marker(&self, waiting: usize) -> Option<usize> {
            // The newest first.
            (!self.markers.load(Ordering::SeqCst)).then(|| waiting - 1)
        }

        fn replicates(&self) -> bool {
            !self.replicas.load(Ordering::SeqCst)
        }
    }

    fn log() -> (Embedded, Arc<Held>) {
        let held = Arc::new(Held::default());
        let clock = Arc::new(ManualClock::at(Timestamp(0)));
        let log = Embedded::simulated(clock, &Seeded::new(1), Arc::clone(&held) as Arc<dyn Delivery>);
        log.create_topic("events", 2).expect("a topic");
        (log, held)
    }

    fn producer(log: &Embedded, id: Option<&str>) -> (Box<dyn Producer>, TopicHandle) {
        let options = ProducerOptions { transactional_id: id.map(str::to_owned), ..ProducerOptions::default() };
        let mut producer = log.producer(options, Doorbell::new()).expect("a producer");
        let topic = producer.topic("events");
        (producer, topic)
    }

    fn send(producer: &mut dyn Producer, topic: TopicHandle) {
        let headers = Headers::new();
        let record = OutgoingRecord { key: None, value: Some(b"one"), timestamp: Timestamp(0), headers: &headers };
        for partition in 0..2 {
            producer.send(topic, Partition(partition), record).expect("taken");
        }
    }

    fn ends(log: &Embedded, isolation: Isolation) -> Vec<i64> {
        let partitions = [0, 1].map(|partition| TopicPartition::new("events", partition)).to_vec();
        let ends = log.admin(Doorbell::new()).expect("an admin").end_offsets(partitions, isolation).wait();
        ends.expect("an answer").expect("offsets").into_iter().map(|offset| offset.0).collect()
    }

    /// A producer whose first transaction is committed, with its markers held back.
    fn producer_after_a_transaction(log: &Embedded, held: &Held) -> (Box<dyn Producer>, TopicHandle) {
        let (mut producer, topic) = producer(log, Some("id"));
        assert_eq!(producer.init_transactions(), Poll::Ready(CommitOutcome::Done));
        producer.begin_transaction().expect("begun");
        send(&mut *producer, topic);
        held.markers.store(true, Ordering::SeqCst);
        assert_eq!(producer.commit_transaction(), Poll::Ready(CommitOutcome::Done), "it is decided");
        (producer, topic)
    }

    #[test]
    fn what_has_reached_no_replica_is_neither_acknowledged_nor_read() {
        let (log, held) = log();
        let (mut producer, topic) = producer(&log, None);
        held.replicas.store(true, Ordering::SeqCst);
        send(&mut *producer, topic);
        assert_eq!((producer.flush(), producer.in_flight()), (Poll::Pending, 2));
        assert_eq!(ends(&log, Isolation::ReadUncommitted), [0, 0]);
        held.replicas.store(false, Ordering::SeqCst);
        assert_eq!((producer.flush(), producer.in_flight()), (Poll::Ready(Ok(())), 0));
        assert_eq!(ends(&log, Isolation::ReadUncommitted), [1, 1]);
    }

    #[test]
    fn a_transaction_waits_for_the_markers_of_the_one_before() {
        let (log, held) = log();
        let (mut producer, topic) = producer_after_a_transaction(&log, &held);
        assert_eq!(ends(&log, Isolation::ReadCommitted), [0, 0], "and nobody has heard of it");
        producer.begin_transaction().expect("begun");
        send(&mut *producer, topic);
        assert_eq!((producer.flush(), producer.in_flight()), (Poll::Pending, 2));
        assert_eq!(producer.commit_transaction(), Poll::Pending);
        assert_eq!(ends(&log, Isolation::ReadUncommitted), [1, 1], "the second has not begun");
        held.markers.store(false, Ordering::SeqCst);
        assert_eq!(producer.commit_transaction(), Poll::Ready(CommitOutcome::Done));
        assert_eq!(ends(&log, Isolation::ReadCommitted), [4, 4]);
    }

    #[test]
    fn a_full_buffer_that_cannot_be_written_is_back_pressure() {
        let (log, held) = log();
        let (mut producer, topic) = producer_after_a_transaction(&log, &held);
        producer.begin_transaction().expect("begun");
        let headers = Headers::new();
        let large = [b'x'; 1_000];
        let record = OutgoingRecord { key: None, value: Some(&large), timestamp: Timestamp(0), headers: &headers };
        let mut sent = 0;
        while producer.send(topic, Partition(0), record).is_ok() {
            sent += 1;
        }
        assert!((60..80).contains(&sent), "{sent} records of a kilobyte");
        held.markers.store(false, Ordering::SeqCst);
        producer.poll().expect("written");
        producer.send(topic, Partition(0), record).expect("taken");
        assert_eq!(producer.commit_transaction(), Poll::Ready(CommitOutcome::Done));
        assert_eq!(ends(&log, Isolation::ReadCommitted), [1 + 1 + sent + 1 + 1, 2]);
    }
}
