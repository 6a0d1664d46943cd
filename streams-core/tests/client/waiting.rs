//! A log that does not answer, or not yet.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use streams_core::log::{
    Admin, CommittedOffset, Consumer, ConsumerOptions, GroupMemberInfo, Isolation, LogError, LogErrorKind, Member,
    MemberOptions, NewTopic, OffsetToCommit, Reply, SendError, TopicHandle, TopicInfo,
};
use streams_core::record::{Offset, TopicPartition};

use super::*;

/// An embedded log that cannot be reached for a number of questions, and whose producer is full for a number of records.
struct Flaky {
    log: Embedded,
    unreachable: Arc<AtomicUsize>,
    full: usize,
    never_acknowledges: bool,
}

/// Counts down to 0; returns whether it was there already.
fn is_over(count: &AtomicUsize) -> bool {
    count.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_err()
}

impl Log for Flaky {
    fn describe(&self) -> String {
        "a log at nowhere:1".to_owned()
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        self.log.consumer(options, doorbell)
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        let inner = self.log.producer(options, doorbell)?;
        Ok(Box::new(Slow { inner, full: self.full, left: self.full, never_acknowledges: self.never_acknowledges }))
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        self.log.member(options, doorbell)
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(Asked { inner: self.log.admin(doorbell)?, unreachable: Arc::clone(&self.unreachable) }))
    }

    fn creates_output_topics(&self) -> bool {
        true
    }
}

struct Asked {
    inner: Arc<dyn Admin>,
    unreachable: Arc<AtomicUsize>,
}

type Answer<T> = Reply<Result<T, LogError>>;

impl Asked {
    fn ask<T>(&self, question: impl FnOnce(&dyn Admin) -> Answer<T>) -> Answer<T> {
        if is_over(&self.unreachable) {
            return question(&*self.inner);
        }
        Reply::ready(Err(LogError::new(LogErrorKind::Unavailable, "no broker answers")))
    }
}

impl Admin for Asked {
    fn topics(&self, names: Option<Vec<String>>) -> Answer<Vec<TopicInfo>> {
        self.ask(|admin| admin.topics(names))
    }

    fn topic_configs(&self, name: &str) -> Answer<Vec<(String, String)>> {
        self.ask(|admin| admin.topic_configs(name))
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> Answer<Vec<Result<(), LogError>>> {
        self.ask(|admin| admin.create_topics(topics))
    }

    fn delete_topics(&self, names: Vec<String>) -> Answer<Vec<Result<(), LogError>>> {
        self.ask(|admin| admin.delete_topics(names))
    }

    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Answer<Vec<Offset>> {
        self.ask(|admin| admin.start_offsets(partitions))
    }

    fn end_offsets(&self, partitions: Vec<TopicPartition>, isolation: Isolation) -> Answer<Vec<Offset>> {
        self.ask(|admin| admin.end_offsets(partitions, isolation))
    }

    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Answer<Vec<Offset>> {
        self.ask(|admin| admin.offsets_at(partitions, time))
    }

    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Answer<()> {
        self.ask(|admin| admin.delete_records(before))
    }

    fn committed(&self, group: &str, partitions: Vec<TopicPartition>) -> Answer<Vec<Option<CommittedOffset>>> {
        self.ask(|admin| admin.committed(group, partitions))
    }

    fn group_members(&self, group: &str) -> Answer<Vec<GroupMemberInfo>> {
        self.ask(|admin| admin.group_members(group))
    }
}

/// A producer that is full most of the time: it takes a record only after it has refused it `full` times.
struct Slow {
    inner: Box<dyn Producer>,
    full: usize,
    left: usize,
    never_acknowledges: bool,
}

impl Producer for Slow {
    fn topic(&mut self, name: &str) -> TopicHandle {
        self.inner.topic(name)
    }

    fn send(&mut self, topic: TopicHandle, partition: Partition, record: OutgoingRecord<'_>) -> Result<(), SendError> {
        if self.left > 0 {
            self.left -= 1;
            return Err(SendError::Full);
        }
        self.left = self.full;
        self.inner.send(topic, partition, record)
    }

    fn poll(&mut self) -> Result<(), LogError> {
        self.inner.poll()
    }

    fn flush(&mut self) -> Poll<Result<(), LogError>> {
        if self.never_acknowledges { Poll::Pending } else { self.inner.flush() }
    }

    fn in_flight(&self) -> usize {
        self.inner.in_flight()
    }

    fn acknowledged(&self, topic: TopicHandle, partition: Partition) -> Option<Offset> {
        self.inner.acknowledged(topic, partition)
    }

    fn init_transactions(&mut self) -> Poll<CommitOutcome> {
        self.inner.init_transactions()
    }

    fn begin_transaction(&mut self) -> Result<(), LogError> {
        self.inner.begin_transaction()
    }

    fn send_offsets(
        &mut self,
        offsets: &[OffsetToCommit],
        group: &streams_core::log::GroupMetadata,
    ) -> Poll<CommitOutcome> {
        self.inner.send_offsets(offsets, group)
    }

    fn commit_transaction(&mut self) -> Poll<CommitOutcome> {
        self.inner.commit_transaction()
    }

    fn abort_transaction(&mut self) -> Poll<CommitOutcome> {
        self.inner.abort_transaction()
    }
}

fn flaky(unreachable: usize, full: usize, never_acknowledges: bool) -> (Embedded, Client) {
    let log = Embedded::in_memory();
    let unreachable = Arc::new(AtomicUsize::new(unreachable));
    let client = Client::new(Flaky { log: log.clone(), unreachable, full, never_acknowledges }).expect("a client");
    (log, client)
}

/// What an error says after the time that was waited, which depends on the machine.
fn without_time(error: &ClientError) -> String {
    let text = error.to_string();
    let rest = text.strip_prefix("a log at nowhere:1 has not answered for ").expect("the log's name");
    rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.').to_owned()
}

#[test]
fn a_log_that_comes_back_is_waited_for() {
    let (_, client) = flaky(2, 0, false);
    client.create_topic(&NUMBERS).create().expect("created");
    client.send(&NUMBERS, (), 1).expect("sent");
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [1]);
}

#[test]
fn a_log_that_stays_away_is_named_when_patience_is_over() {
    let (_, client) = flaky(usize::MAX, 0, false);
    let client = client.patience(Duration::from_millis(300));
    let rest = " s (looking up topic `numbers`): no broker answers; check that it is running and that the address is \
                right, or wait longer with `Client::patience`";
    assert_eq!(without_time(&client.send(&NUMBERS, (), 1).expect_err("it is away")), rest);
    assert_eq!(without_time(&client.read(&NUMBERS).expect_err("it is away")), rest);
    assert_eq!(without_time(&client.tail(&NUMBERS, StartAt::End).expect_err("it is away")), rest);
}

#[test]
fn a_full_queue_is_waited_for_and_order_is_kept() {
    let (_, client) = flaky(0, 3, false);
    assert_eq!(client.send_all(&NUMBERS, (0..20).map(|n| ((), n))), Ok(20));
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), (0..20).collect::<Vec<_>>());
}

#[test]
fn records_that_nobody_acknowledges_are_an_error() {
    let (_, client) = flaky(0, 0, true);
    let client = client.patience(Duration::from_millis(200));
    let rest = " s (writing to topic `numbers`); check that it is running and that the address is right, or wait longer \
                with `Client::patience`";
    assert_eq!(without_time(&client.send(&NUMBERS, (), 1).expect_err("nobody acknowledges")), rest);
    assert_eq!(without_time(&client.send_all(&NUMBERS, [((), 1)]).expect_err("nobody acknowledges")), rest);
}
