//! Who owns which task: membership of a group, apart from reading and writing data.
//!
//! A [`Member`] joins the group, is told its tasks and acknowledges their loss; it reads no records.
//! Membership speaks in tasks. A log whose groups share out partitions (Kafka's classic protocol, the
//! embedded log) turns them into tasks with [`tasks_of`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{CommitOutcome, CommittedOffset, LogError, OffsetToCommit, Reply};
use crate::record::{Partition, TaskId, TopicPartition};

/// How to join a group.
#[derive(Debug, Clone)]
pub struct MemberOptions {
    /// The group's name: the application id.
    pub group: String,
    /// Name of the client. The order of members' names decides which partitions they get, so a name
    /// that survives restarts brings tasks back to where their state is.
    pub client_id: String,
    /// What the application consists of.
    pub plan: GroupPlan,
    /// A member that is not heard of for so long is taken for dead.
    pub session_timeout: Duration,
    /// How long a member may take to give up its tasks in a rebalance.
    pub rebalance_timeout: Duration,
}

/// What the group's members share out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupPlan {
    /// The sub-topologies that have tasks, ascending by number.
    pub subtopologies: Vec<PlannedSubtopology>,
}

/// One sub-topology's part of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSubtopology {
    /// Its number.
    pub id: u32,
    /// The topics it reads, with the number of partitions of each.
    pub topics: BTreeMap<Arc<str>, u32>,
}

impl GroupPlan {
    /// Every topic that some sub-topology reads.
    #[must_use]
    pub fn topics(&self) -> BTreeSet<Arc<str>> {
        self.subtopologies.iter().flat_map(|sub| sub.topics.keys().cloned()).collect()
    }

    /// Every task there is.
    #[must_use]
    pub fn tasks(&self) -> BTreeSet<TaskId> {
        self.subtopologies
            .iter()
            .flat_map(|sub| {
                let partitions = sub.topics.values().copied().max().unwrap_or(0);
                (0..partitions).map(|partition| TaskId {
                    subtopology: sub.id,
                    partition: Partition(i32::try_from(partition).unwrap_or(i32::MAX)),
                })
            })
            .collect()
    }
}

impl PlannedSubtopology {
    /// The topic whose partitions decide who owns this sub-topology's tasks: the one with the most
    /// partitions, the first by name among equals.
    #[must_use]
    pub fn widest_topic(&self) -> Option<&Arc<str>> {
        self.topics
            .iter()
            .max_by(|(left_name, left), (right_name, right)| left.cmp(right).then(right_name.cmp(left_name)))
            .map(|(name, _)| name)
    }
}

/// The tasks that belong to whoever holds these partitions: a task goes with its partition of its
/// sub-topology's widest topic; what is held of the other topics is ignored.
#[must_use]
pub fn tasks_of(plan: &GroupPlan, held: &[TopicPartition]) -> BTreeSet<TaskId> {
    plan.subtopologies
        .iter()
        .flat_map(|sub| {
            let widest = sub.widest_topic();
            held.iter()
                .filter(move |partition| Some(&partition.topic) == widest)
                .map(|partition| TaskId { subtopology: sub.id, partition: partition.partition })
        })
        .collect()
}

/// Proof of membership in one generation of a group: what a commit carries so that a member that has
/// been replaced cannot commit any more (KIP-447).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The group's name.
    pub group: String,
    /// The generation; never negative for a real member.
    pub generation: i32,
    /// The member's id in this generation.
    pub member_id: String,
}

impl GroupMetadata {
    /// Whether nobody else can have owned the member's tasks between `earlier`, in which it gave them up, and now.
    ///
    /// In Kafka's classic protocol every change of owners begins a new generation, so it takes the same member in
    /// the very next one. A member that comes back later, or under another name, has missed a generation in which
    /// somebody else may have had its tasks, and committed.
    #[must_use]
    pub fn directly_follows(&self, earlier: &Self) -> bool {
        self.group == earlier.group
            && self.member_id == earlier.member_id
            && earlier.generation.checked_add(1) == Some(self.generation)
    }
}

/// What happens to a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberEvent {
    /// The member now owns exactly these tasks; `metadata` is of the new generation.
    Assigned {
        /// All tasks it owns, not only new ones.
        tasks: BTreeSet<TaskId>,
        /// To be carried by commits from now on.
        metadata: GroupMetadata,
    },
    /// The member must give up these tasks: commit what was done, then call [`Member::acknowledge_revoked`].
    /// Until then `metadata` (the old generation's) may still commit. In Kafka's classic protocol these are all
    /// its tasks; most of them come back with the next [`MemberEvent::Assigned`].
    Revoked {
        /// What it must give up.
        tasks: BTreeSet<TaskId>,
        /// The generation that still may commit.
        metadata: GroupMetadata,
        /// How long there is; after that the tasks are lost.
        deadline: Duration,
    },
    /// The tasks belong to somebody else already: nothing may be committed any more.
    Lost,
    /// The member cannot do its work for now, or ever.
    Failed(LogError),
}

/// A member of a group. Polling it is what keeps it in the group.
pub trait Member: Send {
    /// What has happened since the last call, if anything.
    fn poll(&mut self) -> Option<MemberEvent>;

    /// The tasks are given up; the rebalance may go on.
    fn acknowledge_revoked(&mut self);

    /// Commits positions on the member's behalf, from any thread.
    fn committer(&self) -> Arc<dyn Committer>;

    /// Leaves the group, so that others take over at once. Tasks must have been committed before.
    /// Idempotent; dropping a member without leaving looks to the group like a crash.
    fn leave(&mut self) -> std::task::Poll<()>;
}

/// Reads and writes a group's positions outside transactions.
pub trait Committer: Send + Sync {
    /// Commits input positions, fenced by the generation in `metadata`.
    fn commit(&self, metadata: &GroupMetadata, offsets: Vec<OffsetToCommit>) -> Reply<CommitOutcome>;

    /// What is committed for these partitions, in order of the question; waits until no open
    /// transaction could still change it (KIP-447).
    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_goes_with_its_partition_of_the_widest_topic() {
        let plan = GroupPlan {
            subtopologies: vec![PlannedSubtopology {
                id: 2,
                topics: [("narrow".into(), 1), ("wide-b".into(), 3), ("wide-a".into(), 3)].into(),
            }],
        };
        let held =
            [TopicPartition::new("wide-a", 1), TopicPartition::new("wide-b", 2), TopicPartition::new("narrow", 0)];
        let tasks: Vec<_> = tasks_of(&plan, &held).iter().map(ToString::to_string).collect();
        assert_eq!(tasks, ["2_1"]);
    }
}
