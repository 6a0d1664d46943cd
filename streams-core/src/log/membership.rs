//! Membership of a group, which determines who owns which task. It is separate from reading and writing data.
//!
//! A [`Member`] joins the group, is assigned tasks and acknowledges their revocation; it reads no records. Membership is
//! expressed in tasks. A log whose groups assign partitions (Kafka's classic protocol, the embedded log) converts these
//! to tasks with [`tasks_of`].

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::{CommitOutcome, CommittedOffset, LogError, OffsetToCommit, Reply};
use crate::record::{Partition, TaskId, TopicPartition};

/// The options for joining a group.
#[derive(Debug, Clone)]
pub struct MemberOptions {
    /// The application id.
    pub group: String,
    /// The order of members' names determines which partitions they get, so a name that survives restarts brings tasks
    /// back to where their state is.
    pub client_id: String,
    /// If set, the member is static (KIP-345): one that joins with the id of a member that the group still counts on
    /// takes its place. It is assigned the same tasks in the same generation, and the others notice nothing. The one
    /// that was replaced is fenced. It is shared by members that follow one another and want the same topics with the
    /// same numbers of partitions, because a replaced member's tasks are not divided again. Among static members, this
    /// id instead of the client's name determines the order. Only letters, digits, `.`, `_` and `-`.
    pub instance_id: Option<String>,
    /// The sub-topologies and their topics.
    pub plan: GroupPlan,
    /// A member that has not been heard from for this long counts as dead.
    pub session_timeout: Duration,
    /// How long a member may take to give up its tasks in a rebalance.
    pub rebalance_timeout: Duration,
}

/// What is divided among the members of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GroupPlan {
    /// The sub-topologies that have tasks, in ascending order of their numbers.
    pub subtopologies: Vec<PlannedSubtopology>,
}

/// One sub-topology's part of a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedSubtopology {
    /// The number in task ids.
    pub id: u32,
    /// The topics that it reads, with their numbers of partitions.
    pub topics: BTreeMap<Arc<str>, u32>,
}

impl GroupPlan {
    /// All topics that some sub-topology reads.
    #[must_use]
    pub fn topics(&self) -> BTreeSet<Arc<str>> {
        self.subtopologies.iter().flat_map(|sub| sub.topics.keys().cloned()).collect()
    }

    /// All tasks of all sub-topologies.
    #[must_use]
    pub fn tasks(&self) -> BTreeSet<TaskId> {
        self.subtopologies
            .iter()
            .flat_map(|sub| {
                (0..sub.partitions()).map(|partition| TaskId {
                    subtopology: sub.id,
                    partition: Partition(i32::try_from(partition).unwrap_or(i32::MAX)),
                })
            })
            .collect()
    }
}

impl PlannedSubtopology {
    /// How many tasks it has.
    #[must_use]
    pub fn partitions(&self) -> u32 {
        self.topics.values().copied().max().unwrap_or(0)
    }

    /// The topic whose partitions determine who owns this sub-topology's tasks: the one with the most partitions, and
    /// among several of them the first by name.
    #[must_use]
    pub fn widest_topic(&self) -> Option<&Arc<str>> {
        self.topics
            .iter()
            .max_by(|(left_name, left), (right_name, right)| left.cmp(right).then(right_name.cmp(left_name)))
            .map(|(name, _)| name)
    }
}

/// The tasks of a member that holds these partitions. A task goes with its partition of its sub-topology's widest topic;
/// partitions of other topics are ignored, and those that a topic did not have when the plan was made: a plan has no
/// tasks for them.
#[must_use]
pub fn tasks_of(plan: &GroupPlan, held: &[TopicPartition]) -> BTreeSet<TaskId> {
    plan.subtopologies
        .iter()
        .flat_map(|sub| {
            let widest = sub.widest_topic();
            held.iter()
                .filter(move |held| Some(&held.topic) == widest)
                .filter(|held| {
                    sub.topics.get(&held.topic).is_some_and(|count| i64::from(held.partition.0) < i64::from(*count))
                })
                .map(|partition| TaskId { subtopology: sub.id, partition: partition.partition })
        })
        .collect()
}

/// Proof of membership in one generation of a group. Commits carry it, so that a member that has been replaced cannot
/// commit any more (KIP-447).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupMetadata {
    /// The application id.
    pub group: String,
    /// Never negative for a real member.
    pub generation: i32,
    /// Assigned by the group when the member joined.
    pub member_id: String,
}

impl GroupMetadata {
    /// Whether nobody else can have owned the member's tasks between `earlier`, in which it gave them up, and now.
    ///
    /// In Kafka's classic protocol a task has one owner per generation, and a member has one id from when it joins until
    /// it is removed or replaced. So this must be the same member in the very next generation: then it owns its tasks in
    /// both, and nobody else can have owned them in between. A member that comes back later, or under another id, may
    /// have missed an owner of its tasks that committed.
    ///
    /// Static membership (KIP-345) changes two things, but not this rule:
    /// * A generation may begin without a static member that did not give up its tasks in time. The group keeps it as
    ///   the same member and assigns it tasks, which nobody else touches until it hears of them. If it then comes back
    ///   in that generation, what it gave up in the one before is as it left it.
    /// * A static member that takes its predecessor's place owns its tasks in the *same* generation, but under a new id.
    ///   This also happens to a member that has lost its id and replaces itself. An id never returns, so this never
    ///   follows directly. The tasks are opened from what is committed, because the predecessor may have
    ///   done more than the newcomer knows, even if both are the same process.
    #[must_use]
    pub fn directly_follows(&self, earlier: &Self) -> bool {
        self.group == earlier.group
            && self.member_id == earlier.member_id
            && earlier.generation.checked_add(1) == Some(self.generation)
    }
}

/// A change of a member's situation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MemberEvent {
    /// The member now owns exactly these tasks.
    Assigned {
        /// All tasks that it owns, not only new ones.
        tasks: BTreeSet<TaskId>,
        /// The new generation's, for commits from now on.
        metadata: GroupMetadata,
    },
    /// The member must give up these tasks: it commits its work, then calls [`Member::acknowledge_revoked`]. In Kafka's
    /// classic protocol these are all its tasks; most of them come back with the next [`MemberEvent::Assigned`].
    Revoked {
        /// The tasks to give up.
        tasks: BTreeSet<TaskId>,
        /// The old generation's, with which the member may still commit until it has acknowledged.
        metadata: GroupMetadata,
        /// The time left; after that, the tasks are lost.
        deadline: Duration,
    },
    /// The tasks may already belong to somebody else: nothing may be committed any more.
    Lost,
    /// Another member has joined with this one's [`MemberOptions::instance_id`] and has taken its place. It owns nothing
    /// any more, cannot commit, and will never be a member again.
    Replaced,
    /// The member does not work, for now or for good.
    Failed(LogError),
}

/// A member of a group. It stays in the group only while it is polled.
pub trait Member: Send {
    /// The next event since the last call, if there is one.
    fn poll(&mut self) -> Option<MemberEvent>;

    /// Confirms that the tasks have been given up, so that the rebalance can continue.
    fn acknowledge_revoked(&mut self);

    /// A handle that commits positions on the member's behalf, from any thread.
    fn committer(&self) -> Arc<dyn Committer>;

    /// Leaves the group, so that others take over at once, also if it is a static member. Tasks must be committed before
    /// that. Idempotent. To the group, dropping a member without leaving looks like a crash.
    fn leave(&mut self) -> std::task::Poll<()>;
}

/// Reads and writes a group's positions outside transactions.
pub trait Committer: Send + Sync {
    /// Commits input positions, fenced by the generation in `metadata`.
    fn commit(&self, metadata: &GroupMetadata, offsets: Vec<OffsetToCommit>) -> Reply<CommitOutcome>;

    /// The committed positions of these partitions, in the same order, once no open transaction can change them any more
    /// (KIP-447).
    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<Result<Vec<Option<CommittedOffset>>, LogError>>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_member_in_the_very_next_generation_follows_directly() {
        let at = |generation, member_id: &str| GroupMetadata {
            group: "group".into(),
            generation,
            member_id: member_id.into(),
        };
        for (generation, member_id, follows) in [
            (5, "a", true),
            (6, "a", false),
            (4, "a", false),
            // A static member that took its own place, at once or after others had rebalanced.
            (4, "b", false),
            (5, "b", false),
        ] {
            let later = at(generation, member_id);
            assert_eq!(later.directly_follows(&at(4, "a")), follows, "{later:?}");
        }
        assert!(!at(i32::MIN, "a").directly_follows(&at(i32::MAX, "a")));
    }

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
