//! Tests of blocking waits inside an async executor, as in an `async fn main`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::{COUNTS, LINES, word_count};
use crate::log::{
    Admin, CommittedOffset, Consumer, ConsumerOptions, Doorbell, Embedded, GroupMemberInfo, Isolation, Log, LogError,
    Member, MemberOptions, NewTopic, Producer, ProducerOptions, Reply, TopicInfo,
};
use crate::record::{Offset, TopicPartition};
use crate::runtime::{App, AppState};

/// A log that answers asynchronously, as Kafka does.
struct Late(Embedded);

struct LateAdmin {
    admin: Arc<dyn Admin>,
    doorbell: Doorbell,
}

type Answer<T> = Reply<Result<T, LogError>>;

impl LateAdmin {
    fn later<T: Send + 'static>(&self, answer: Answer<T>) -> Answer<T> {
        let (sender, reply) = Reply::later();
        let doorbell = self.doorbell.clone();
        std::thread::spawn(move || {
            let _ = sender.send(answer.wait().expect("an answer"));
            doorbell.ring();
        });
        reply
    }
}

impl Log for Late {
    fn describe(&self) -> String {
        self.0.describe()
    }

    fn consumer(&self, options: ConsumerOptions, doorbell: Doorbell) -> Result<Box<dyn Consumer>, LogError> {
        self.0.consumer(options, doorbell)
    }

    fn producer(&self, options: ProducerOptions, doorbell: Doorbell) -> Result<Box<dyn Producer>, LogError> {
        self.0.producer(options, doorbell)
    }

    fn member(&self, options: MemberOptions, doorbell: Doorbell) -> Result<Box<dyn Member>, LogError> {
        self.0.member(options, doorbell)
    }

    fn admin(&self, doorbell: Doorbell) -> Result<Arc<dyn Admin>, LogError> {
        Ok(Arc::new(LateAdmin { admin: self.0.admin(doorbell.clone())?, doorbell }))
    }

    fn creates_output_topics(&self) -> bool {
        true
    }
}

impl Admin for LateAdmin {
    fn topics(&self, names: Option<Vec<String>>) -> Answer<Vec<TopicInfo>> {
        self.later(self.admin.topics(names))
    }

    fn topic_configs(&self, name: &str) -> Answer<Vec<(String, String)>> {
        self.later(self.admin.topic_configs(name))
    }

    fn create_topics(&self, topics: Vec<NewTopic>) -> Answer<Vec<Result<(), LogError>>> {
        self.later(self.admin.create_topics(topics))
    }

    fn delete_topics(&self, names: Vec<String>) -> Answer<Vec<Result<(), LogError>>> {
        self.later(self.admin.delete_topics(names))
    }

    fn start_offsets(&self, partitions: Vec<TopicPartition>) -> Answer<Vec<Offset>> {
        self.later(self.admin.start_offsets(partitions))
    }

    fn end_offsets(&self, partitions: Vec<TopicPartition>, isolation: Isolation) -> Answer<Vec<Offset>> {
        self.later(self.admin.end_offsets(partitions, isolation))
    }

    fn delete_records(&self, before: Vec<(TopicPartition, Offset)>) -> Answer<()> {
        self.later(self.admin.delete_records(before))
    }

    fn committed(&self, group: &str, partitions: Vec<TopicPartition>) -> Answer<Vec<Option<CommittedOffset>>> {
        self.later(self.admin.committed(group, partitions))
    }

    fn group_members(&self, group: &str) -> Answer<Vec<GroupMemberInfo>> {
        self.later(self.admin.group_members(group))
    }
}

/// Runs a batch job, starts and stops a service, and makes more requests than a tokio task may before it has to
/// yield.
fn wait_for_everything() {
    let log = Embedded::in_memory();
    log.create_topic("lines", 1).expect("a topic");
    for word in ["to", "be", "to"] {
        log.send(&LINES, (), word).expect("sent");
    }
    App::new("batch", word_count()).run_until_idle(Late(log.clone())).expect("no error");
    let counts = log.read(&COUNTS).expect("readable").into_iter().map(|record| (record.key, record.value));
    let counts: BTreeMap<String, i64> = counts.collect();
    assert_eq!(counts, [("be".to_owned(), 1), ("to".to_owned(), 2)].into());

    let running = App::new("service", word_count()).start(Late(log.clone())).expect("started");
    running.wait_until_running().expect("no error");
    assert_eq!(running.state(), AppState::Running);
    running.close().expect("no error");

    let admin = Late(log).admin(Doorbell::new()).expect("an admin client");
    for _ in 0..1_000 {
        let ends = admin.end_offsets(vec![TopicPartition::new("lines", 0)], Isolation::ReadUncommitted);
        assert_eq!(ends.wait(), Some(Ok(vec![Offset(3)])));
    }
}

/// Regression: tokio panicked with "Cannot block the current thread from within a runtime".
#[test]
fn a_batch_job_runs_inside_an_executor() {
    futures::executor::block_on(async { wait_for_everything() });
    let alone = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    alone.block_on(async { wait_for_everything() });
    let many = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().expect("a runtime");
    many.block_on(many.spawn(async { wait_for_everything() })).expect("no panic");
}
