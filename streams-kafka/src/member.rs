//! Membership of a group, separate from data: a client that joins and is assigned partitions, but reads none.
//!
//! ```text
//!            assigned                    revoked                  acknowledged
//!   joining ----------> owning tasks ---------------> giving up ----------------> joining
//!                            |                            |
//!                            +----------- lost -----------+---------------------> joining
//! ```
//!
//! A static member leaves by unsubscribing, because librdkafka does not tell the group that it is closed (KIP-345).
//!
//! The rebalance waits in librdkafka until the assignment is given back. That happens on the thread of the commits, after
//! them: librdkafka commits with its *current* generation, so a commit in flight must be decided before the next
//! generation can start.

use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use streams_core::log::{
    Committer, Doorbell, GroupMetadata, GroupPlan, LogError, Member, MemberEvent, MemberOptions, Reply, tasks_of,
};
use streams_core::record::{TaskId, TopicPartition};

use crate::committer::KafkaCommitter;
use crate::consumer::broker_trouble;
use crate::errors::Code;
use crate::fencing::Fencing;
use crate::helper::Helper;
use crate::logging::LogLimit;
use crate::native::{Client, Listener, PartitionList, Role};
use crate::reasons::Reasons;
use crate::settings::{Kafka, Settings, heartbeat_interval};

/// The same kind of failure is reported once in this time.
const FAILURE_INTERVAL: Duration = Duration::from_secs(10);

/// The generation in which the member may commit; `None` while it is not a member.
#[derive(Debug, Default)]
pub(crate) struct Generation(Mutex<Option<GroupMetadata>>);

impl Generation {
    pub(crate) fn get(&self) -> Option<GroupMetadata> {
        self.lock().clone()
    }

    /// Whether commits of this generation are accepted.
    pub(crate) fn is(&self, metadata: &GroupMetadata) -> bool {
        self.lock().as_ref() == Some(metadata)
    }

    fn set(&self, metadata: Option<GroupMetadata>) {
        *self.lock() = metadata;
    }

    fn lock(&self) -> MutexGuard<'_, Option<GroupMetadata>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The member's client, which is replaced when it has failed for good although the member has not.
pub(crate) struct CurrentClient(Mutex<Arc<Client>>);

impl CurrentClient {
    pub(crate) fn get(&self) -> Arc<Client> {
        Arc::clone(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, client: Client) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(client);
    }
}

/// What clients of the member are made from.
struct Joining {
    settings: Settings,
    topics: PartitionList,
    log: Arc<LogLimit>,
    doorbell: Doorbell,
    group: String,
}

impl Joining {
    /// Creates a client, which joins the group.
    fn join(&self) -> Result<(Client, Arc<Signals>), LogError> {
        let signals = Arc::new(Signals {
            kafka: self.settings.kafka().to_owned(),
            reasons: Reasons::default(),
            queue: Mutex::default(),
        });
        let listener = Arc::clone(&signals) as Arc<dyn Listener>;
        let client = Client::create(Role::Consumer, &self.settings.entries, &self.log, &self.doorbell, listener)?;
        client.subscribe(&self.topics).map_err(|code| code.about(format!("joining group `{}`", self.group)))?;
        Ok((client, signals))
    }
}

/// A member of a group on Kafka.
pub(crate) struct KafkaMember {
    joining: Joining,
    client: Arc<CurrentClient>,
    signals: Arc<Signals>,
    generation: Arc<Generation>,
    /// Runs commits, and gives assignments back, in order.
    commits: Arc<Helper>,
    committer: Arc<KafkaCommitter>,
    plan: GroupPlan,
    rebalance_timeout: Duration,
    heartbeat: Duration,
    fencing: Fencing,
    standing: Standing,
    /// The tasks of the last assignment.
    tasks: BTreeSet<TaskId>,
    events: VecDeque<MemberEvent>,
    failures_told: Vec<(Code, Instant)>,
}

enum Standing {
    Joining,
    Owning,
    GivingUp { since: Instant },
    Leaving(Reply<()>),
    Left,
}

impl KafkaMember {
    pub(crate) fn new(kafka: &Kafka, options: MemberOptions, doorbell: &Doorbell) -> Result<Self, LogError> {
        let topics: Vec<_> = options.plan.topics().into_iter().map(|topic| TopicPartition::new(topic, -1)).collect();
        let joining = Joining {
            settings: kafka.member_settings(&options)?,
            topics: PartitionList::of(&topics)?,
            log: Arc::clone(kafka.log_limit()),
            doorbell: doorbell.clone(),
            group: options.group.clone(),
        };
        let generation = Arc::<Generation>::default();
        let commits = Arc::new(Helper::start("kafka-commits", doorbell)?);
        let reads = Helper::start("kafka-positions", doorbell)?;
        let (client, signals) = joining.join()?;
        let client = Arc::new(CurrentClient(Mutex::new(Arc::new(client))));
        let committer = KafkaCommitter::new(&client, &generation, &commits, reads, &options.group);
        Ok(Self {
            joining,
            client,
            signals,
            generation,
            commits,
            committer: Arc::new(committer),
            plan: options.plan,
            rebalance_timeout: options.rebalance_timeout,
            heartbeat: heartbeat_interval(options.session_timeout),
            fencing: Fencing::new(options.session_timeout),
            standing: Standing::Joining,
            tasks: BTreeSet::new(),
            events: VecDeque::new(),
            failures_told: Vec::new(),
        })
    }

    fn on_signal(&mut self, signal: Signal) {
        match signal {
            Signal::Assigned(partitions) => self.on_assigned(&partitions),
            Signal::Revoked if self.client.get().is_assignment_lost() => self.on_lost(),
            Signal::Revoked => match self.generation.get() {
                Some(metadata) => {
                    self.standing = Standing::GivingUp { since: Instant::now() };
                    // The member learns of a rebalance with a heartbeat, when the broker's clock is already running.
                    let deadline = self.rebalance_timeout.saturating_sub(self.heartbeat);
                    self.events.push_back(MemberEvent::Revoked { tasks: self.tasks.clone(), metadata, deadline });
                }
                None => self.give_back(),
            },
            Signal::Failed(code, error) => self.on_failure(code, error),
        }
    }

    fn on_assigned(&mut self, partitions: &[TopicPartition]) {
        let is_member = |metadata: &GroupMetadata| metadata.generation >= 0 && !metadata.member_id.is_empty();
        let client = self.client.get();
        let metadata = client.group_metadata().filter(is_member);
        if let Err(code) = client.assign_nothing() {
            self.on_failure(code, code.about(format!("group `{}`: taking the assignment", self.joining.group)));
        }
        // Without a generation or an id, the assignment is already gone; the next signal says why.
        let Some(metadata) = metadata else { return };
        self.generation.set(Some(metadata.clone()));
        self.standing = Standing::Owning;
        self.fencing.assigned(Instant::now());
        self.tasks = tasks_of(&self.plan, partitions);
        self.events.push_back(MemberEvent::Assigned { tasks: self.tasks.clone(), metadata });
    }

    fn on_lost(&mut self) {
        self.fencing.lost();
        if self.generation.get().is_some() {
            self.events.push_back(MemberEvent::Lost);
        }
        self.give_back();
    }

    /// The client has raised a fatal error and gives everything back itself.
    fn on_fenced(&mut self) {
        let was_owning = self.generation.get().is_some();
        self.generation.set(None);
        self.standing = Standing::Joining;
        if !self.fencing.takes_place_back(Instant::now()) {
            self.events.push_back(MemberEvent::Replaced);
            return;
        }
        tracing::warn!(
            group = self.joining.group,
            "a late request of this process has taken the member's place, as another process would have; joining again"
        );
        if was_owning {
            self.events.push_back(MemberEvent::Lost);
        }
        match self.joining.join() {
            Ok((client, signals)) => {
                self.client.set(client);
                self.signals = signals;
            }
            // Nobody else has the place, so the reason is this error.
            Err(error) => self.events.push_back(MemberEvent::Failed(error)),
        }
    }

    /// Lets the rebalance continue, after the commits in flight.
    fn give_back(&mut self) {
        self.generation.set(None);
        self.standing = Standing::Joining;
        let client = self.client.get();
        self.commits.run(move || {
            if let Err(code) = client.unassign() {
                tracing::debug!(%code, "giving the assignment back");
            }
        });
    }

    fn on_failure(&mut self, code: Code, error: LogError) {
        let now = Instant::now();
        self.failures_told.retain(|(_, told)| now.duration_since(*told) < FAILURE_INTERVAL);
        if !self.failures_told.iter().any(|(told, _)| *told == code) {
            self.failures_told.push((code, now));
            self.events.push_back(MemberEvent::Failed(error));
        }
    }

    fn poll_client(&mut self) {
        let client = self.client.get();
        while let Some((code, reason)) = client.poll_member() {
            let fatal = if code == Code::FATAL { client.fatal_error() } else { None };
            let (code, reason) = fatal.unwrap_or((code, reason));
            match code {
                // A member that was not polled for too long gets a separate signal that it has lost its tasks.
                Code::MAX_POLL_EXCEEDED => {}
                Code::FENCED_INSTANCE => return self.on_fenced(),
                code => self.on_failure(code, code.about(format!("group `{}`: {reason}", self.joining.group))),
            }
        }
        while let Some(signal) = self.signals.take() {
            self.on_signal(signal);
        }
        // The broker removes a member that takes too long, and librdkafka reports nothing while it waits itself.
        if let Standing::GivingUp { since } = self.standing
            && (since.elapsed() > self.rebalance_timeout || client.is_assignment_lost())
        {
            self.on_lost();
        }
    }
}

impl Member for KafkaMember {
    fn poll(&mut self) -> Option<MemberEvent> {
        if !matches!(self.standing, Standing::Leaving(_) | Standing::Left) {
            self.poll_client();
        }
        self.events.pop_front()
    }

    fn acknowledge_revoked(&mut self) {
        if matches!(self.standing, Standing::GivingUp { .. }) {
            self.give_back();
        }
    }

    fn committer(&self) -> Arc<dyn Committer> {
        Arc::clone(&self.committer) as Arc<dyn Committer>
    }

    fn leave(&mut self) -> Poll<()> {
        loop {
            match &mut self.standing {
                Standing::Left => return Poll::Ready(()),
                Standing::Leaving(reply) => match reply.poll() {
                    Poll::Pending => return Poll::Pending,
                    Poll::Ready(_) => self.standing = Standing::Left,
                },
                Standing::Joining | Standing::Owning | Standing::GivingUp { .. } => {
                    self.generation.set(None);
                    self.events.clear();
                    let client = self.client.get();
                    self.standing = Standing::Leaving(self.commits.ask(move || {
                        if let Err(code) = client.leave_group() {
                            tracing::debug!(%code, "leaving the group");
                        }
                    }));
                }
            }
        }
    }
}

/// The signals of the client that have not been taken yet.
struct Signals {
    kafka: String,
    reasons: Reasons,
    queue: Mutex<VecDeque<Signal>>,
}

enum Signal {
    Assigned(Vec<TopicPartition>),
    Revoked,
    Failed(Code, LogError),
}

impl Signals {
    fn push(&self, signal: Signal) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(signal);
    }

    fn take(&self) -> Option<Signal> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }
}

impl Listener for Signals {
    fn error(&self, code: Code, reason: &str) {
        if let Some(error) = broker_trouble(code, &self.reasons.best(code, reason), &self.kafka) {
            self.push(Signal::Failed(code, error));
        }
    }

    fn rebalanced(&self, is_assigned: bool, partitions: Vec<TopicPartition>) {
        self.push(if is_assigned { Signal::Assigned(partitions) } else { Signal::Revoked });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
    use streams_core::log::PlannedSubtopology;

    use super::*;

    /// The next event that is no failure. CI may be slow.
    fn next(member: &mut KafkaMember, bell: &Doorbell) -> MemberEvent {
        for _ in 0..1_200 {
            match member.poll() {
                Some(MemberEvent::Failed(_)) => {}
                Some(event) => return event,
                None => drop(bell.wait(Duration::from_millis(50))),
            }
        }
        panic!("no event")
    }

    /// A static member that reads the only partition of `t`.
    fn options(group: &str) -> MemberOptions {
        let topics = BTreeMap::from([(Arc::from("t"), 1)]);
        MemberOptions {
            group: group.into(),
            client_id: "member".into(),
            plan: GroupPlan { subtopologies: vec![PlannedSubtopology { id: 0, topics }] },
            instance_id: Some("instance".into()),
            session_timeout: Duration::from_secs(6),
            rebalance_timeout: Duration::from_secs(6),
        }
    }

    /// Regression: one of many members that left waited for ever, for librdkafka's answer to a question about an assignment
    /// that was already given back.
    #[test]
    fn who_leaves_is_gone_soon() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        let kafka = Kafka::at(cluster.bootstrap_servers());
        let mut all: Vec<_> = (0..32)
            .map(|number| {
                let bell = Doorbell::new();
                (KafkaMember::new(&kafka, options(&format!("g{number}")), &bell).unwrap(), bell)
            })
            .collect();
        for (member, bell) in &mut all {
            assert!(matches!(next(member, bell), MemberEvent::Assigned { .. }));
        }
        // All at once, so that some answers arrive at bad moments.
        for (member, _) in &mut all {
            let _ = member.leave();
        }
        for (number, (member, bell)) in all.iter_mut().enumerate() {
            let since = Instant::now();
            while member.leave().is_pending() {
                assert!(since.elapsed() < Duration::from_secs(60), "{number} does not get away");
                bell.wait(Duration::from_millis(10));
            }
        }
    }

    /// Regression: a member that had lost its connection asked twice to join, the broker took the requests in the other
    /// order, and the process ended because another one had taken its place.
    #[test]
    fn only_who_was_in_the_group_all_the_time_is_replaced_when_it_is_fenced() {
        let (unknown, fenced) =
            (RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID, RDKafkaRespErr::RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
        for was_lost in [true, false] {
            let (cluster, bell) = (MockCluster::new(1).unwrap(), Doorbell::new());
            cluster.create_topic("t", 1, 1).unwrap();
            let mut member = KafkaMember::new(&Kafka::at(cluster.bootstrap_servers()), options("g"), &bell).unwrap();
            assert!(matches!(next(&mut member, &bell), MemberEvent::Assigned { .. }));
            if was_lost {
                cluster.request_errors(RDKafkaApiKey::JoinGroup, &[fenced]);
            }
            cluster.request_errors(RDKafkaApiKey::Heartbeat, &[if was_lost { unknown } else { fenced }]);
            if was_lost {
                assert_eq!(next(&mut member, &bell), MemberEvent::Lost);
                assert!(matches!(next(&mut member, &bell), MemberEvent::Assigned { .. }));
            } else {
                assert_eq!(next(&mut member, &bell), MemberEvent::Replaced);
            }
        }
    }
}
