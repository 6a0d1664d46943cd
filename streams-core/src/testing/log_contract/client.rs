//! The tools that clauses are written with: a [`Bench`] creates topics and waits, a [`Reader`] collects a consumer's
//! events, a [`Writer`] drives a producer, [`TestMember`] is a member of a group.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::LogUnderTest;
use crate::log::{
    Admin, CommitOutcome, CommittedOffset, Consumer, ConsumerOptions, Doorbell, FetchEvent, GroupMetadata, GroupPlan,
    Isolation, LogError, LogErrorKind, Member, MemberEvent, MemberOptions, NewTopic, OffsetToCommit, OutgoingRecord,
    PlannedSubtopology, Producer, ProducerOptions, Reply, SendError,
};
use crate::record::{Headers, Offset, Partition, TaskId, Timestamp, TopicPartition};

/// The time between two polls while waiting.
const STEP: Duration = Duration::from_millis(20);

/// The log under test, and one doorbell for everything that a clause does with it.
pub(super) struct Bench<'a> {
    pub(super) under_test: &'a dyn LogUnderTest,
    pub(super) bell: Doorbell,
    pub(super) admin: Arc<dyn Admin>,
}

/// A record as a reader saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) offset: i64,
    pub(super) timestamp: Timestamp,
    pub(super) key: Option<Vec<u8>>,
    pub(super) value: Option<Vec<u8>>,
    pub(super) headers: Headers,
}

impl<'a> Bench<'a> {
    pub(super) fn new(under_test: &'a dyn LogUnderTest) -> Result<Self, LogError> {
        let bell = Doorbell::new();
        let admin = under_test.log().admin(bell.clone())?;
        Ok(Self { under_test, bell, admin })
    }

    /// Makes a name unique to this clause.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}-{name}", self.under_test.prefix())
    }

    /// Polls `ask` until it answers; fails when patience runs out.
    pub(super) fn wait_for<T>(&self, what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
        let begin = self.under_test.elapsed();
        loop {
            if let Some(answer) = ask() {
                return answer;
            }
            let waited = self.under_test.elapsed().saturating_sub(begin);
            assert!(waited < self.under_test.patience(), "waited {waited:?} for {what}, in vain");
            self.under_test.pass(STEP, &self.bell);
        }
    }

    /// Lets time pass while nothing should happen.
    pub(super) fn let_pass(&self, time: Duration, mut meanwhile: impl FnMut()) {
        let begin = self.under_test.elapsed();
        while self.under_test.elapsed().saturating_sub(begin) < time {
            meanwhile();
            self.under_test.pass(STEP, &self.bell);
        }
    }

    pub(super) fn answer<T>(&self, what: &str, mut reply: Reply<T>) -> Result<T, LogError> {
        let answer = self.wait_for(what, || match reply.poll() {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        });
        answer.ok_or_else(|| LogError::new(LogErrorKind::Other, format!("nobody answered: {what}")))
    }

    /// Creates a topic for this clause and waits until it is ready.
    pub(super) fn topic(&self, name: &str, partitions: u32) -> Result<String, LogError> {
        self.topic_with(name, partitions, &[])
    }

    pub(super) fn topic_with(
        &self,
        name: &str,
        partitions: u32,
        configs: &[(String, String)],
    ) -> Result<String, LogError> {
        let name = self.name(name);
        for created in self.create(vec![new_topic(&name, partitions, configs)])? {
            created?;
        }
        self.wait_for("the topic to appear", || {
            let topics = self.answer("topics", self.admin.topics(Some(vec![name.clone()]))).and_then(|topics| topics);
            topics.ok()?.iter().any(|topic| topic.partitions == partitions).then_some(())
        });
        Ok(name)
    }

    pub(super) fn create(&self, topics: Vec<NewTopic>) -> Result<Vec<Result<(), LogError>>, LogError> {
        self.answer("create_topics", self.admin.create_topics(topics))?
    }

    pub(super) fn end(&self, topic: &str, partition: i32, isolation: Isolation) -> Result<i64, LogError> {
        let asked = vec![TopicPartition::new(topic, partition)];
        let ends = self.answer("end_offsets", self.admin.end_offsets(asked, isolation))??;
        first(ends, "an end offset").map(|offset| offset.0)
    }

    /// The end offset, once no transaction is open in the partition and it is the same for all readers. Kafka reports
    /// a transaction as ended a moment before its markers are written.
    pub(super) fn settled_end(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        let ends = || {
            let [stable, end] = [Isolation::ReadCommitted, Isolation::ReadUncommitted]
                .map(|isolation| self.end(topic, partition, isolation));
            Ok((stable?, end?))
        };
        self.wait_for("the markers of transactions", || match ends() {
            Ok((stable, end)) if stable < end => None,
            ends => Some(ends.map(|(_, end)| end)),
        })
    }

    pub(super) fn start(&self, topic: &str, partition: i32) -> Result<i64, LogError> {
        let asked = vec![TopicPartition::new(topic, partition)];
        let starts = self.answer("start_offsets", self.admin.start_offsets(asked))??;
        first(starts, "a start offset").map(|offset| offset.0)
    }

    pub(super) fn delete_before(&self, topic: &str, partition: i32, offset: i64) -> Result<(), LogError> {
        let before = vec![(TopicPartition::new(topic, partition), Offset(offset))];
        self.answer("delete_records", self.admin.delete_records(before))?
    }

    /// What a group has committed for one partition, according to the group's admin client.
    pub(super) fn committed(
        &self,
        group: &str,
        partition: TopicPartition,
    ) -> Result<Option<CommittedOffset>, LogError> {
        let committed = self.answer("committed", self.admin.committed(group, vec![partition]))??;
        first(committed, "a committed offset")
    }

    /// A producer without transactions.
    pub(super) fn writer(&self) -> Result<Writer<'_>, LogError> {
        self.writer_with(ProducerOptions { client_id: self.name("writer"), ..ProducerOptions::default() })
    }

    /// A registered producer with a transactional id.
    pub(super) fn transactional_writer(&self, id: &str) -> Result<Writer<'_>, LogError> {
        self.transactional_writer_with(id, Duration::from_secs(60))
    }

    pub(super) fn transactional_writer_with(&self, id: &str, timeout: Duration) -> Result<Writer<'_>, LogError> {
        let mut writer = self.writer_with(ProducerOptions {
            client_id: self.name("writer"),
            transactional_id: Some(self.name(id)),
            transaction_timeout_ms: u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX),
            ..ProducerOptions::default()
        })?;
        let registered = writer.decide("init_transactions", Producer::init_transactions);
        assert_eq!(registered, CommitOutcome::Done, "a producer can be registered");
        Ok(writer)
    }

    fn writer_with(&self, options: ProducerOptions) -> Result<Writer<'_>, LogError> {
        let producer = self.under_test.log().producer(options, self.bell.clone())?;
        Ok(Writer { bench: self, producer })
    }

    pub(super) fn reader(&self, isolation: Isolation) -> Result<Reader<'_>, LogError> {
        let options = ConsumerOptions { client_id: self.name("reader"), isolation, ..ConsumerOptions::default() };
        let consumer = self.under_test.log().consumer(options, self.bell.clone())?;
        Ok(Reader {
            bench: self,
            consumer,
            seen: BTreeMap::new(),
            ends: BTreeMap::new(),
            out_of_range: Vec::new(),
            errors: Vec::new(),
        })
    }

    /// Everything a reader sees in a partition, from its start to its current end.
    pub(super) fn read(&self, topic: &str, partition: i32, isolation: Isolation) -> Result<Vec<Seen>, LogError> {
        let start = self.start(topic, partition)?;
        let end = match isolation {
            Isolation::ReadUncommitted => self.end(topic, partition, isolation)?,
            Isolation::ReadCommitted => self.settled_end(topic, partition)?,
        };
        let mut reader = self.reader(isolation)?;
        reader.add(topic, partition, start);
        reader.until_end(topic, partition, end);
        Ok(reader.take(topic, partition))
    }

    /// The values a reader sees in a partition.
    pub(super) fn values(&self, topic: &str, partition: i32, isolation: Isolation) -> Result<Vec<String>, LogError> {
        Ok(self.read(topic, partition, isolation)?.iter().map(Seen::value).collect())
    }

    /// A member of a group, with one sub-topology that reads these topics.
    pub(super) fn member(&self, group: &str, client: &str, topics: &[(&str, u32)]) -> Result<TestMember, LogError> {
        let timeout = self.under_test.session_timeout();
        self.member_with(group, client, topics, timeout)
    }

    pub(super) fn member_with(
        &self,
        group: &str,
        client: &str,
        topics: &[(&str, u32)],
        rebalance_timeout: Duration,
    ) -> Result<TestMember, LogError> {
        self.join(MemberOptions { rebalance_timeout, ..self.member_options(group, client, topics) })
    }

    /// A member with these options.
    pub(super) fn join(&self, options: MemberOptions) -> Result<TestMember, LogError> {
        Ok(TestMember::new(self.under_test.log().member(options, self.bell.clone())?))
    }

    /// A member with these options whose connection can be cut.
    pub(super) fn join_from_afar(&self, options: MemberOptions) -> Result<TestMember, LogError> {
        Ok(TestMember::new(self.under_test.distant_log().member(options, self.bell.clone())?))
    }

    /// The options of a dynamic member, with one sub-topology that reads these topics.
    pub(super) fn member_options(&self, group: &str, client: &str, topics: &[(&str, u32)]) -> MemberOptions {
        let topics = topics.iter().map(|(name, partitions)| (Arc::from(*name), *partitions)).collect();
        MemberOptions {
            group: self.name(group),
            client_id: self.name(client),
            instance_id: None,
            plan: GroupPlan { subtopologies: vec![PlannedSubtopology { id: 0, topics }] },
            session_timeout: self.under_test.session_timeout(),
            rebalance_timeout: self.under_test.session_timeout(),
        }
    }

    /// Polls the members until a condition holds.
    pub(super) fn poll_until(
        &self,
        what: &str,
        members: &mut [&mut TestMember],
        mut reached: impl FnMut(&[&mut TestMember]) -> bool,
    ) {
        self.wait_for(what, || {
            for member in members.iter_mut() {
                member.poll();
            }
            reached(members).then_some(())
        });
    }

    /// Polls the members until each has exactly the expected tasks and all are in the same generation.
    pub(super) fn settle(&self, members: &mut [&mut TestMember], expected: &[&[&str]]) {
        self.settle_while(members, expected, || ());
    }

    /// As [`Bench::settle`], but does something else between the polls.
    pub(super) fn settle_while(
        &self,
        members: &mut [&mut TestMember],
        expected: &[&[&str]],
        mut meanwhile: impl FnMut(),
    ) {
        self.poll_until(&format!("tasks to be shared out as {expected:?}"), members, |members| {
            meanwhile();
            let generations: Vec<_> = members.iter().map(|member| member.generation()).collect();
            let settled = generations.windows(2).all(|pair| pair.first() == pair.last());
            settled
                && members
                    .iter()
                    .zip(expected)
                    .all(|(member, expected)| member.metadata.is_some() && member.tasks == *expected)
        });
    }
}

/// Drives a producer.
pub(super) struct Writer<'a> {
    bench: &'a Bench<'a>,
    pub(super) producer: Box<dyn Producer>,
}

impl Writer<'_> {
    /// Sends one value, waiting for room if there is none.
    pub(super) fn send(&mut self, topic: &str, partition: i32, value: &str) -> Result<(), LogError> {
        self.send_keyed(topic, partition, value, Some(value))
    }

    /// Sends a key and perhaps a value.
    pub(super) fn send_keyed(
        &mut self,
        topic: &str,
        partition: i32,
        key: &str,
        value: Option<&str>,
    ) -> Result<(), LogError> {
        let headers = Headers::new();
        let timestamp = Timestamp(1_700_000_000_000);
        let (key, value) = (Some(key.as_bytes()), value.map(str::as_bytes));
        self.send_record(topic, partition, OutgoingRecord { key, value, timestamp, headers: &headers })
    }

    pub(super) fn send_record(
        &mut self,
        topic: &str,
        partition: i32,
        record: OutgoingRecord<'_>,
    ) -> Result<(), LogError> {
        let handle = self.producer.topic(topic);
        self.bench.wait_for("room in the producer's queue", || {
            match self.producer.send(handle, Partition(partition), record) {
                Ok(()) => Some(Ok(())),
                Err(SendError::Refused(error)) => Some(Err(error)),
                Err(SendError::Full) => match self.producer.poll() {
                    Ok(()) => None,
                    Err(error) => Some(Err(error)),
                },
            }
        })
    }

    /// Sends values and waits until they are acknowledged.
    pub(super) fn write(&mut self, topic: &str, partition: i32, values: &[&str]) -> Result<(), LogError> {
        for value in values {
            self.send(topic, partition, value)?;
        }
        self.flush()
    }

    pub(super) fn flush(&mut self) -> Result<(), LogError> {
        self.bench.wait_for("a flush", || match self.producer.flush() {
            Poll::Ready(flushed) => Some(flushed),
            Poll::Pending => None,
        })
    }

    pub(super) fn acknowledged(&mut self, topic: &str, partition: i32) -> Option<i64> {
        let handle = self.producer.topic(topic);
        self.producer.acknowledged(handle, Partition(partition)).map(|offset| offset.0)
    }

    /// Repeats a transactional call until it has succeeded or failed.
    pub(super) fn decide(
        &mut self,
        what: &str,
        mut call: impl FnMut(&mut (dyn Producer + 'static)) -> Poll<CommitOutcome>,
    ) -> CommitOutcome {
        self.bench.wait_for(what, || match call(&mut *self.producer) {
            Poll::Ready(CommitOutcome::Retriable(_)) | Poll::Pending => None,
            Poll::Ready(outcome) => Some(outcome),
        })
    }

    pub(super) fn commit(&mut self) -> CommitOutcome {
        self.decide("commit_transaction", Producer::commit_transaction)
    }

    pub(super) fn abort(&mut self) -> CommitOutcome {
        self.decide("abort_transaction", Producer::abort_transaction)
    }

    pub(super) fn send_offsets(&mut self, offsets: &[OffsetToCommit], metadata: &GroupMetadata) -> CommitOutcome {
        self.decide("send_offsets", |producer| producer.send_offsets(offsets, metadata))
    }

    /// Writes and commits values in one transaction.
    pub(super) fn write_transaction(&mut self, topic: &str, partition: i32, values: &[&str]) -> Result<(), LogError> {
        self.producer.begin_transaction()?;
        for value in values {
            self.send(topic, partition, value)?;
        }
        assert_eq!(self.commit(), CommitOutcome::Done);
        Ok(())
    }
}

/// Collects a consumer's events.
pub(super) struct Reader<'a> {
    bench: &'a Bench<'a>,
    pub(super) consumer: Box<dyn Consumer>,
    seen: BTreeMap<TopicPartition, Vec<Seen>>,
    /// Every end position reported, in order.
    ends: BTreeMap<TopicPartition, Vec<i64>>,
    pub(super) out_of_range: Vec<(TopicPartition, i64)>,
    /// Errors that are not transient.
    pub(super) errors: Vec<LogError>,
}

impl Reader<'_> {
    pub(super) fn add(&mut self, topic: &str, partition: i32, from: i64) {
        self.consumer.add(&TopicPartition::new(topic, partition), Offset(from));
    }

    /// Fetches once.
    pub(super) fn fetch(&mut self) {
        self.fetch_some(1_000);
    }

    pub(super) fn fetch_some(&mut self, records_max: usize) {
        let mut events = Vec::new();
        self.consumer.fetch(records_max, &mut events);
        for event in events {
            self.note(event);
        }
    }

    fn note(&mut self, event: FetchEvent) {
        match event {
            FetchEvent::Records { partition, batch } => {
                let seen = self.seen.entry(partition).or_default();
                for record in batch.iter() {
                    assert!(record.offset < batch.next_offset(), "reading goes on behind the batch's records");
                    seen.push(Seen {
                        offset: record.offset.0,
                        timestamp: record.timestamp,
                        key: record.key.map(<[u8]>::to_vec),
                        value: record.value.map(<[u8]>::to_vec),
                        headers: record.headers(),
                    });
                }
            }
            FetchEvent::End { partition, position } => self.ends.entry(partition).or_default().push(position.0),
            FetchEvent::OutOfRange { partition, position } => self.out_of_range.push((partition, position.0)),
            FetchEvent::Error { error, .. } if error.is_transient() => {}
            FetchEvent::Error { error, .. } => self.errors.push(error),
        }
    }

    /// Fetches until a condition holds.
    pub(super) fn until(&mut self, what: &str, mut reached: impl FnMut(&Self) -> bool) {
        let bench = self.bench;
        bench.wait_for(what, || {
            self.fetch();
            reached(self).then_some(())
        });
    }

    /// Fetches until the partition's end is reported at `position` or later.
    pub(super) fn until_end(&mut self, topic: &str, partition: i32, position: i64) {
        let asked = TopicPartition::new(topic, partition);
        self.until(&format!("the end of {asked} at {position}"), |reader| {
            reader.ends.get(&asked).and_then(|ends| ends.last()).is_some_and(|end| *end >= position)
        });
    }

    pub(super) fn seen(&self, topic: &str, partition: i32) -> &[Seen] {
        self.seen.get(&TopicPartition::new(topic, partition)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn ends(&self, topic: &str, partition: i32) -> &[i64] {
        self.ends.get(&TopicPartition::new(topic, partition)).map_or(&[], Vec::as_slice)
    }

    pub(super) fn values(&self, topic: &str, partition: i32) -> Vec<String> {
        self.seen(topic, partition).iter().map(Seen::value).collect()
    }

    fn take(mut self, topic: &str, partition: i32) -> Vec<Seen> {
        self.seen.remove(&TopicPartition::new(topic, partition)).unwrap_or_default()
    }
}

impl Seen {
    pub(super) fn value(&self) -> String {
        self.value.as_deref().map_or_else(|| "null".to_owned(), |value| String::from_utf8_lossy(value).into_owned())
    }
}

/// A member that gives up its tasks as soon as they are revoked, unless it hesitates.
pub(super) struct TestMember {
    pub(super) member: Box<dyn Member>,
    /// The metadata of the last assignment.
    pub(super) metadata: Option<GroupMetadata>,
    pub(super) tasks: Vec<String>,
    /// How often its tasks were revoked.
    pub(super) revoked: usize,
    /// How often it was told that its tasks are lost.
    pub(super) lost: usize,
    /// Whether another member has taken its place.
    pub(super) was_replaced: bool,
    /// If set, it does not acknowledge revocations.
    pub(super) hesitates: bool,
    /// The membership in which it last gave up its tasks, unless it has been told since that they are lost.
    given_up: Option<GroupMetadata>,
    /// Each membership in which it gave up tasks, paired with the next one in which it was assigned tasks.
    pub(super) came_back: Vec<(GroupMetadata, GroupMetadata)>,
}

impl TestMember {
    fn new(member: Box<dyn Member>) -> Self {
        Self {
            member,
            metadata: None,
            tasks: Vec::new(),
            revoked: 0,
            lost: 0,
            was_replaced: false,
            hesitates: false,
            given_up: None,
            came_back: Vec::new(),
        }
    }

    pub(super) fn poll(&mut self) {
        while let Some(event) = self.member.poll() {
            match event {
                MemberEvent::Assigned { tasks, metadata } => {
                    self.tasks = tasks.iter().map(TaskId::to_string).collect();
                    self.came_back.extend(self.given_up.take().map(|given_up| (given_up, metadata.clone())));
                    self.metadata = Some(metadata);
                }
                MemberEvent::Revoked { metadata, .. } => {
                    assert_eq!(Some(&metadata), self.metadata.as_ref(), "the old generation may still commit");
                    self.revoked += 1;
                    if !self.hesitates {
                        self.give_up();
                    }
                }
                MemberEvent::Lost => {
                    self.lost += 1;
                    self.given_up = None;
                    self.tasks.clear();
                    self.metadata = None;
                }
                MemberEvent::Replaced => {
                    self.was_replaced = true;
                    self.tasks.clear();
                    self.metadata = None;
                }
                MemberEvent::Failed(error) => assert!(error.is_transient(), "the member failed: {error}"),
            }
        }
    }

    pub(super) fn give_up(&mut self) {
        self.tasks.clear();
        self.given_up = self.metadata.take();
        self.member.acknowledge_revoked();
    }

    pub(super) fn generation(&self) -> Option<i32> {
        self.metadata.as_ref().map(|metadata| metadata.generation)
    }

    /// The metadata of its current generation.
    pub(super) fn current(&self) -> Result<GroupMetadata, LogError> {
        self.metadata.clone().ok_or_else(|| LogError::new(LogErrorKind::Other, "the member has no generation"))
    }
}

pub(super) fn new_topic(name: &str, partitions: u32, configs: &[(String, String)]) -> NewTopic {
    NewTopic { name: name.to_owned(), partitions, replication: None, configs: configs.to_vec() }
}

pub(super) fn position(topic: &str, partition: i32, offset: i64, metadata: &str) -> OffsetToCommit {
    OffsetToCommit {
        partition: TopicPartition::new(topic, partition),
        offset: Offset(offset),
        metadata: metadata.to_owned(),
    }
}

fn first<T>(answers: Vec<T>, what: &str) -> Result<T, LogError> {
    assert_eq!(answers.len(), 1, "one question has one answer: {what}");
    answers.into_iter().next().ok_or_else(|| LogError::new(LogErrorKind::Other, what))
}
