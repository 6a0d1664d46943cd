//! A log that does not answer, or not yet.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use streams_core::log::{
    Admin, CommittedOffset, Consumer, ConsumerOptions, FetchEvent, GroupMemberInfo, Isolation, LogError, LogErrorKind,
    Member, MemberOptions, NewTopic, OffsetToCommit, Reply, SendError, TopicHandle, TopicInfo,
};
use streams_core::record::{Offset, TopicPartition};

use super::*;

/// An embedded log that cannot be reached for a number of questions, and whose producer is full for a number of records.
struct Flaky {
    log: Embedded,
    unreachable: Arc<AtomicUsize>,
    /// How many questions for offsets are answered by somebody who does not know the topic yet.
    unaware: Arc<AtomicUsize>,
    full: usize,
    never_acknowledges: bool,
    /// Whether readers are cut off at once.
    cuts_off: bool,
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
        let inner = self.log.consumer(options, doorbell)?;
        Ok(Box::new(Cut { inner, untold: self.cuts_off }))
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        let inner = self.log.producer(options, doorbell)?;
        Ok(Box::new(Slow { inner, full: self.full, left: self.full, never_acknowledges: self.never_acknowledges }))
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        self.log.member(options, doorbell)
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(Asked {
            inner: self.log.admin(doorbell)?,
            unreachable: Arc::clone(&self.unreachable),
            unaware: Arc::clone(&self.unaware),
        }))
    }

    fn creates_output_topics(&self) -> bool {
        true
    }
}

struct Asked {
    inner: Arc<dyn Admin>,
    unreachable: Arc<AtomicUsize>,
    unaware: Arc<AtomicUsize>,
}

type Answer<T> = Reply<Result<T, LogError>>;

impl Asked {
    fn ask<T>(&self, question: impl FnOnce(&dyn Admin) -> Answer<T>) -> Answer<T> {
        if is_over(&self.unreachable) {
            return question(&*self.inner);
        }
        Reply::ready(Err(LogError::new(LogErrorKind::Unavailable, "no broker answers")))
    }

    fn ask_for_offsets(&self, question: impl FnOnce(&dyn Admin) -> Answer<Vec<Offset>>) -> Answer<Vec<Offset>> {
        if is_over(&self.unaware) {
            return self.ask(question);
        }
        Reply::ready(Err(LogError::new(LogErrorKind::UnknownTopic, "this broker knows of no such topic")))
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
        self.ask_for_offsets(|admin| admin.start_offsets(partitions))
    }

    fn end_offsets(&self, partitions: Vec<TopicPartition>, isolation: Isolation) -> Answer<Vec<Offset>> {
        self.ask_for_offsets(|admin| admin.end_offsets(partitions, isolation))
    }

    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Answer<Vec<Offset>> {
        self.ask_for_offsets(|admin| admin.offsets_at(partitions, time))
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

    fn delete_group(&self, group: &str) -> Answer<()> {
        self.ask(|admin| admin.delete_group(group))
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

/// A consumer that tells of a broken connection once.
struct Cut {
    inner: Box<dyn Consumer>,
    untold: bool,
}

impl Consumer for Cut {
    fn add(&mut self, partition: &TopicPartition, from: Offset) {
        self.inner.add(partition, from);
    }

    fn remove(&mut self, partition: &TopicPartition) {
        self.inner.remove(partition);
    }

    fn pause(&mut self, partition: &TopicPartition) {
        self.inner.pause(partition);
    }

    fn resume(&mut self, partition: &TopicPartition) {
        self.inner.resume(partition);
    }

    fn fetch(&mut self, records_max: usize, events: &mut Vec<FetchEvent>) {
        if std::mem::take(&mut self.untold) {
            let error = LogError::new(LogErrorKind::Unavailable, "no broker can be reached");
            events.push(FetchEvent::Error { partition: None, error });
        }
        self.inner.fetch(records_max, events);
    }
}

/// A log that answers, with ways to make it worse.
fn sound() -> Flaky {
    let (unreachable, unaware) = (Arc::default(), Arc::default());
    Flaky { log: Embedded::in_memory(), unreachable, unaware, full: 0, never_acknowledges: false, cuts_off: false }
}

fn client_of(log: Flaky) -> Client {
    Client::new(log).expect("a client")
}

/// What an error says after the time that was waited, which depends on the machine.
fn without_time(error: &ClientError) -> String {
    let text = error.to_string();
    let rest = text.strip_prefix("a log at nowhere:1 has not answered for ").expect("the log's name");
    rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == '.').to_owned()
}

#[test]
fn a_log_that_comes_back_is_waited_for() {
    let log = sound();
    log.unreachable.store(2, Ordering::SeqCst);
    let client = client_of(log);
    client.create_topic(&NUMBERS).create().expect("created");
    client.send(&NUMBERS, (), 1).expect("sent");
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), [1]);
}

/// Nobody waits in silence. The log comes back as soon as something was said of it.
#[test]
fn a_log_that_stays_away_for_some_seconds_is_told_of() {
    let log = sound();
    log.unreachable.store(usize::MAX, Ordering::SeqCst);
    let heard = Heard { text: Arc::default(), unreachable: Arc::clone(&log.unreachable) };
    let client = client_of(log).patience(Duration::from_secs(600));
    let writer = heard.clone();
    let subscriber = tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).finish();
    let sent = tracing::subscriber::with_default(subscriber, || client.send(&NUMBERS, (), 1));
    assert_eq!(sent, Ok((TopicPartition::new("numbers", 0), Offset(0))));
    let text = heard.text.lock().expect("a lock").clone();
    assert!(text.contains("WARN") && text.contains("a log at nowhere:1 has not answered for "), "{text}");
    assert!(text.contains(" s (looking up topic `numbers`); waiting") && text.contains("no broker answers"), "{text}");
}

/// What was logged. Once it is, the log can be reached.
#[derive(Clone)]
struct Heard {
    text: Arc<Mutex<String>>,
    unreachable: Arc<AtomicUsize>,
}

impl std::io::Write for Heard {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.text.lock().expect("a lock").push_str(&String::from_utf8_lossy(bytes));
        self.unreachable.store(0, Ordering::SeqCst);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// Of several brokers, one may not know yet of a topic that was just created.
#[test]
fn a_topic_that_some_broker_does_not_know_yet_is_asked_for_again() {
    let log = sound();
    let unaware = Arc::clone(&log.unaware);
    let client = client_of(log);
    client.send(&NUMBERS, (), 1).expect("sent");
    for start in [StartAt::Beginning, StartAt::Time(Timestamp(0)), StartAt::Offset(Offset(0))] {
        unaware.store(2, Ordering::SeqCst);
        let tail = client.tail(&NUMBERS, start).expect("a tail");
        assert_eq!(told(tail.take(1)), ["1"]);
    }
}

#[test]
fn a_log_that_stays_away_is_named_when_patience_is_over() {
    let log = sound();
    log.unreachable.store(usize::MAX, Ordering::SeqCst);
    let client = client_of(log).patience(Duration::from_millis(300));
    let rest = " s (looking up topic `numbers`): no broker answers; check that it is running and that the address is \
                right, or wait longer with `Client::patience`";
    assert_eq!(without_time(&client.send(&NUMBERS, (), 1).expect_err("it is away")), rest);
    assert_eq!(without_time(&client.read(&NUMBERS).expect_err("it is away")), rest);
    assert_eq!(without_time(&client.tail(&NUMBERS, StartAt::End).expect_err("it is away")), rest);
}

#[test]
fn a_full_queue_is_waited_for_and_order_is_kept() {
    let client = client_of(Flaky { full: 3, ..sound() });
    assert_eq!(client.send_all(&NUMBERS, (0..20).map(|n| ((), n))), Ok(20));
    assert_eq!(values(&client.read(&NUMBERS).expect("records")), (0..20).collect::<Vec<_>>());
}

#[test]
fn records_that_nobody_acknowledges_are_an_error() {
    let client = client_of(Flaky { never_acknowledges: true, ..sound() }).patience(Duration::from_millis(200));
    let rest = " s (writing to topic `numbers`); check that it is running and that the address is right, or wait longer \
                with `Client::patience`";
    assert_eq!(without_time(&client.send(&NUMBERS, (), 1).expect_err("nobody acknowledges")), rest);
    assert_eq!(without_time(&client.send_all(&NUMBERS, [((), 1)]).expect_err("nobody acknowledges")), rest);
}

/// Regression: a copy of a topic ended as if it were complete when the broker was away for longer than records may take.
#[test]
fn silence_is_no_end_while_the_log_cannot_be_reached() {
    for stays_away in [true, false] {
        let log = Flaky { cuts_off: true, ..sound() };
        let unreachable = Arc::clone(&log.unreachable);
        let client = client_of(log).patience(Duration::from_millis(300));
        client.create_topic(&NUMBERS).create().expect("created");
        client.send(&NUMBERS, (), 1).expect("sent");
        let tail = client.tail(&NUMBERS, StartAt::Beginning).expect("a tail").until_idle(Duration::from_millis(50));
        unreachable.store(if stays_away { usize::MAX } else { 0 }, Ordering::SeqCst);
        let items: Vec<_> = tail.map(|item| item.map(|received| received.record.value)).collect();
        assert_eq!(items.first(), Some(&Ok(1)));
        match items.get(1) {
            Some(Err(ClientError::NoAnswer { .. })) => assert!(stays_away && items.len() == 2),
            other => assert!(!stays_away && other.is_none(), "{other:?}"),
        }
    }
}
