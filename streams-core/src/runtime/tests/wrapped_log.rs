//! A log whose clients a test puts something around, and an admin client all of whose questions go one way.

use std::sync::Arc;

use crate::log::{
    Admin, CommittedOffset, Consumer, ConsumerOptions, Doorbell, Embedded, FetchEvent, GroupMemberInfo, Isolation, Log,
    LogError, Member, MemberOptions, NewTopic, Producer, ProducerOptions, Reply, TopicInfo,
};
use crate::record::{Offset, Timestamp, TopicPartition};

/// What a test puts around a log's clients; nothing, unless it says so.
pub(super) trait Wrap: Send + Sync + 'static {
    /// Called before a client is created, with what it is; an error is the log's.
    fn create(&self, _client: &str) -> Result<(), LogError> {
        Ok(())
    }

    fn consumer(&self, inner: Box<dyn Consumer>) -> Box<dyn Consumer> {
        inner
    }

    fn producer(&self, inner: Box<dyn Producer>) -> Box<dyn Producer> {
        inner
    }

    fn member(&self, inner: Box<dyn Member>, _doorbell: Doorbell) -> Box<dyn Member> {
        inner
    }

    /// What a member joins with.
    fn member_options(&self, options: MemberOptions) -> MemberOptions {
        options
    }

    fn admin(&self, inner: Arc<dyn Admin>, _doorbell: Doorbell) -> Arc<dyn Admin> {
        inner
    }

    fn is_exactly_once_by_default(&self) -> Option<bool> {
        None
    }

    fn creates_output_topics(&self) -> Option<bool> {
        None
    }
}

/// The log with what is put around its clients.
pub(super) struct WrappedLog<W> {
    pub(super) log: Embedded,
    pub(super) wrap: W,
}

impl<W: Wrap> Log for WrappedLog<W> {
    fn describe(&self) -> String {
        self.log.describe()
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        self.wrap.create("a consumer")?;
        Ok(self.wrap.consumer(self.log.consumer(options, doorbell)?))
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        self.wrap.create("a producer")?;
        Ok(self.wrap.producer(self.log.producer(options, doorbell)?))
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        self.wrap.create("a member")?;
        let options = self.wrap.member_options(options);
        Ok(self.wrap.member(self.log.member(options, doorbell.clone())?, doorbell))
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        self.wrap.create("an admin client")?;
        Ok(self.wrap.admin(self.log.admin(doorbell.clone())?, doorbell))
    }

    fn creates_output_topics(&self) -> bool {
        self.wrap.creates_output_topics().unwrap_or_else(|| self.log.creates_output_topics())
    }

    fn topic_interval(&self) -> std::time::Duration {
        self.log.topic_interval()
    }

    fn is_exactly_once_by_default(&self) -> bool {
        self.wrap.is_exactly_once_by_default().unwrap_or_else(|| self.log.is_exactly_once_by_default())
    }
}

/// What a consumer does when it fetches.
pub(super) trait Fetch: Send + 'static {
    /// Fetches with the consumer inside, or does not.
    fn fetch(&mut self, inner: &mut dyn Consumer, records_max: usize, events: &mut Vec<FetchEvent>);
}

/// A consumer that fetches as it is told to.
pub(super) struct Fetching<F> {
    pub(super) inner: Box<dyn Consumer>,
    pub(super) fetch: F,
}

impl<F: Fetch> Consumer for Fetching<F> {
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
        self.fetch.fetch(&mut *self.inner, records_max, events);
    }
}

pub(super) type Answer<T> = Reply<Result<T, LogError>>;

/// How an admin client's questions are asked.
pub(super) trait Ask: Send + Sync + 'static {
    /// Asks a question, or does something else; `what` says what it does.
    fn ask<T: Send + 'static>(
        &self,
        what: &'static str,
        question: impl FnOnce(&dyn Admin) -> Answer<T> + Send + 'static,
    ) -> Answer<T>;
}

/// An admin client that asks as it is told to.
pub(super) struct Asking<A>(pub(super) A);

impl<A: Ask> Admin for Asking<A> {
    fn topics(&self, names: Option<Vec<String>>) -> Answer<Vec<TopicInfo>> {
        self.0.ask(TOPICS, move |admin| admin.topics(names))
    }

    fn topic_configs(&self, name: &str) -> Answer<Vec<(String, String)>> {
        let name = name.to_owned();
        self.0.ask("looking up a topic's settings", move |admin| admin.topic_configs(&name))
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> Answer<Vec<Result<(), LogError>>> {
        self.0.ask("creating topics", move |admin| admin.create_topics(topics))
    }

    fn delete_topics(&self, names: Vec<String>) -> Answer<Vec<Result<(), LogError>>> {
        self.0.ask("deleting topics", move |admin| admin.delete_topics(names))
    }

    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Answer<Vec<Offset>> {
        self.0.ask("asking for first offsets", move |admin| admin.start_offsets(partitions))
    }

    fn end_offsets(&self, partitions: Vec<TopicPartition>, isolation: Isolation) -> Answer<Vec<Offset>> {
        self.0.ask("asking for end offsets", move |admin| admin.end_offsets(partitions, isolation))
    }

    fn offsets_at(&self, partitions: Vec<TopicPartition>, time: Timestamp) -> Answer<Vec<Offset>> {
        self.0.ask("asking for the offsets of a time", move |admin| admin.offsets_at(partitions, time))
    }

    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Answer<()> {
        self.0.ask("deleting records", move |admin| admin.delete_records(before))
    }

    fn committed(&self, group: &str, partitions: Vec<TopicPartition>) -> Answer<Vec<Option<CommittedOffset>>> {
        let group = group.to_owned();
        self.0.ask("asking for a group's positions", move |admin| admin.committed(&group, partitions))
    }

    fn group_members(&self, group: &str) -> Answer<Vec<GroupMemberInfo>> {
        let group = group.to_owned();
        self.0.ask(GROUP_MEMBERS, move |admin| admin.group_members(&group))
    }

    fn delete_group(&self, group: &str) -> Answer<()> {
        let group = group.to_owned();
        self.0.ask("forgetting a group", move |admin| admin.delete_group(&group))
    }
}

/// The question which topics there are.
pub(super) const TOPICS: &str = "looking up topics";

/// The question who is in a group.
pub(super) const GROUP_MEMBERS: &str = "asking for a group's members";
