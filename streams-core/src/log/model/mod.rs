//! A log as a state machine: topics, transactions and groups without a clock, a thread or a disk.
//!
//! The [`Model`] behaves like Kafka 4.3 with one replica per partition. Its driver passes in the time, decides when
//! replication and transaction markers arrive, stores the reported changes ([`ModelChange`]) and wakes those who have news
//! ([`Notice`]). The embedded log lets everything arrive at once and writes to disk; a simulation lets things arrive
//! late, twice or not at all.
//!
//! The driver is also responsible for producers' buffers, consumers' positions, doorbells, and converting partitions to
//! tasks.
//!
//! Nothing here depends on the order of a hash map, so the same calls always give the same log.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::record::{Timestamp, TopicPartition};

mod compaction;
mod group;
mod maintenance;
mod merge;
mod offsets;
mod partition;
mod produce;
mod range;
mod refusal;
mod restore;
mod rewrite;
mod sequence;
#[cfg(test)]
mod tests;
mod topic;
mod topic_config;
mod transaction;

pub(crate) use group::{GroupMember, MemberNews};
pub(crate) use partition::{Entry, Fate, PartitionLog, Payload, Piece, ReadEnd, ReadLimits};
pub(crate) use produce::Writer;
pub(crate) use refusal::Refusal;
pub(crate) use restore::StoredTopic;
pub(crate) use rewrite::BatchSource;
pub(crate) use sequence::advance as advance_sequence;
pub(crate) use topic::{ModelTopic, PartitionId};
pub(crate) use transaction::{InitProducer, ProducerTag};

use group::Group;
use restore::Residents;
use topic::Topics;
use transaction::Coordinator;

/// The time on the driver's clock.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Now {
    /// Wall-clock time, for retention and compaction.
    pub(crate) wall: Timestamp,
    /// Monotonic time, for sessions, rebalances and transactions.
    pub(crate) monotonic: Duration,
}

/// A change that must be stored so that the log is the same after a restart. It says what to look up in the model. What
/// it refers to may already be gone, in which case there is another change for that.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModelChange {
    /// A topic was created.
    Topic(u32),
    /// A topic was deleted.
    TopicDeleted { number: u32, partitions: u32 },
    /// The partition's start moved, or its end moved without an entry that shows it.
    Bounds(PartitionId),
    /// An entry is new (`payload`: its records too) or has changed.
    Entry { at: PartitionId, base: i64, payload: bool },
    /// An entry is gone.
    EntryRemoved { at: PartitionId, base: i64 },
    /// A group's position for a partition was committed or forgotten.
    Offset { group: Arc<str>, partition: TopicPartition },
    /// A group has a new generation.
    Generation(Arc<str>),
    /// A producer id was assigned.
    ProducerIds,
    /// A transactional id belongs to another producer or epoch, or was forgotten.
    TransactionalId(Arc<str>),
}

/// Those for whom it is worth asking again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Notice {
    /// Readers at the end of the partition.
    Readable(PartitionId),
    /// Readers of a topic that was deleted.
    TopicGone(u32),
    /// The members of the group.
    Members(Arc<str>),
    /// Those who wait until no open transaction can change the group's positions.
    Offsets(Arc<str>),
}

/// The state machine of a log.
#[derive(Debug)]
pub(crate) struct Model {
    /// Distinguishes this log from others; part of topic and member ids.
    identity: u64,
    /// Distinguishes this run of the log from earlier ones; part of member ids.
    session: u64,
    pub(crate) topics: Topics,
    coordinator: Coordinator,
    groups: BTreeMap<Arc<str>, Group>,
    joined_count: u64,
    /// Whether records reach their replicas as soon as they are written.
    replicates: bool,
    /// No session, rebalance or transaction times out before this.
    due: Option<Duration>,
    /// The partition at which the last step of housekeeping ran out of budget.
    maintained: Option<PartitionId>,
    /// The number of bytes written since then.
    written_bytes: usize,
    residents: Residents,
    changes: Vec<ModelChange>,
    notices: Vec<Notice>,
}

impl Model {
    /// An empty log. `identity` should differ between logs, because topics' ids contain it.
    pub(crate) fn new(identity: u64) -> Self {
        Self {
            identity,
            session: identity,
            topics: Topics::default(),
            coordinator: Coordinator::default(),
            groups: BTreeMap::new(),
            joined_count: 0,
            replicates: true,
            due: None,
            maintained: None,
            written_bytes: 0,
            residents: Residents::default(),
            changes: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Advances the time: removes dead members, completes overdue rebalances and aborts overdue transactions. Must be
    /// called before anything else happens at `now`; it is cheap if nothing is due.
    pub(crate) fn tick(&mut self, now: Now) {
        if self.due.is_none_or(|due| now.monotonic < due) {
            return;
        }
        self.due = None;
        self.tick_groups(now);
        self.tick_transactions(now);
    }

    /// Sets whether records reach their replicas as soon as they are written. If so, those that have not yet do now.
    pub(crate) fn set_replicating(&mut self, replicates: bool) {
        if std::mem::replace(&mut self.replicates, replicates) || !replicates {
            return;
        }
        let mut reached = Vec::new();
        for (at, _, partition) in self.topics.partitions_mut() {
            if partition.high_watermark() < partition.end() {
                partition.replicate_to(partition.end());
                reached.push(Notice::Readable(at));
            }
        }
        self.notices.extend(reached);
    }

    /// Takes the changes since the last call, in order.
    pub(crate) fn take_changes(&mut self) -> Vec<ModelChange> {
        std::mem::take(&mut self.changes)
    }

    /// Takes the notices since the last call.
    pub(crate) fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    fn due_at(&mut self, deadline: Duration) {
        self.due = Some(self.due.map_or(deadline, |due| due.min(deadline)));
    }

    /// Creates an empty topic.
    pub(crate) fn create_topic(
        &mut self,
        now: Now,
        name: &str,
        partitions: u32,
        settings: &[(String, String)],
    ) -> Result<u32, Refusal> {
        let topic = self.topics.create(name, partitions, settings, self.identity)?;
        let (number, name) = (topic.number, Arc::clone(&topic.name));
        self.changes.push(ModelChange::Topic(number));
        self.rebalance_subscribers(now, &name);
        Ok(number)
    }

    /// Gives a topic more partitions; `total` is how many it has then.
    pub(crate) fn add_partitions(&mut self, now: Now, name: &str, total: u32) -> Result<(), Refusal> {
        let topic = self.topics.grow(name, total)?;
        let (number, name) = (topic.number, Arc::clone(&topic.name));
        self.changes.push(ModelChange::Topic(number));
        self.rebalance_subscribers(now, &name);
        Ok(())
    }

    /// Deletes a topic, its records and the positions that groups have committed for it.
    pub(crate) fn delete_topic(&mut self, now: Now, name: &str) -> Result<(), Refusal> {
        let topic = self.topics.remove(name)?;
        let partitions = u32::try_from(topic.partitions.len()).unwrap_or(u32::MAX);
        self.changes.push(ModelChange::TopicDeleted { number: topic.number, partitions });
        for (group, state) in &mut self.groups {
            for partition in state.offsets.forget_topic(&topic.name) {
                self.changes.push(ModelChange::Offset { group: Arc::clone(group), partition });
            }
            self.notices.push(Notice::Offsets(Arc::clone(group)));
        }
        self.notices.push(Notice::TopicGone(topic.number));
        self.rebalance_subscribers(now, &topic.name);
        Ok(())
    }
}
