//! Groups: members, generations and rebalances, as in Kafka's classic protocol.
//!
//! Rebalances are eager: every member gives up what it holds, then all get their share in the next generation.
//!
//! ```text
//!   join --> Joined --all members are--> Owner --somebody joins or goes--> Revoking --gives up--> Joined
//!                                                                             \--takes too long--> removed
//! ```
//!
//! Until the next generation starts, the old one may still commit.
//!
//! A static member (KIP-345) that joins with the instance id of another takes that one's place and share, without a
//! rebalance. And if it takes too long to give up its share, the next generation begins without it, but counts on it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::offsets::Offsets;
use super::{Model, ModelChange, Notice, Now, Refusal, range};
use crate::log::{CommittedOffset, GroupMetadata, OffsetToCommit};
use crate::record::TopicPartition;

/// A member's options.
#[derive(Debug, Clone)]
pub(crate) struct GroupMember {
    /// The start of its member id, which determines the order in which partitions are assigned; unless it has an
    /// instance id.
    pub(crate) client_id: String,
    /// That of a static member. No two members of a group have the same.
    pub(crate) instance_id: Option<String>,
    /// The topics that it subscribes to.
    pub(crate) topics: BTreeSet<Arc<str>>,
    /// If it is not heard from for this long, it counts as dead.
    pub(crate) session_timeout: Duration,
    /// How long it may take to give up its partitions.
    pub(crate) rebalance_timeout: Duration,
}

/// The answer to a member's heartbeat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MemberNews {
    Nothing,
    /// It holds exactly these partitions.
    Assigned {
        held: Vec<TopicPartition>,
        metadata: GroupMetadata,
    },
    /// It must give up its partitions before a deadline.
    Revoked {
        metadata: GroupMetadata,
        deadline: Duration,
    },
    /// It took too long to give up its partitions, so they may belong to others; it is still a member.
    Lost,
    /// It is not a member: it must join again, and its partitions belong to others.
    Unknown,
    /// Another has joined with its instance id.
    Replaced,
}

/// A group: its current members and its committed positions.
#[derive(Debug, Default)]
pub(super) struct Group {
    generation: i32,
    members: BTreeMap<String, Member>,
    pub(super) offsets: Offsets,
}

#[derive(Debug)]
struct Member {
    wish: GroupMember,
    heard: Duration,
    standing: Standing,
    /// Whether a generation has begun before it gave up its partitions, and it does not know.
    is_late: bool,
}

#[derive(Debug)]
enum Standing {
    /// Holds nothing and waits for the next generation.
    Joined,
    /// Holds its share of the current generation; `told` if it knows.
    Owner { held: Vec<TopicPartition>, told: bool },
    /// Must give up what it holds; `told` if it knows.
    Revoking { deadline: Duration, told: bool },
}

impl Model {
    /// Adds a member to the group and starts a rebalance, unless it takes another's place. Returns the member's id.
    pub(crate) fn join(&mut self, now: Now, group: &Arc<str>, wish: GroupMember) -> Result<String, Refusal> {
        let refuse = |reason| Err(Refusal::MemberSetting { group: Arc::clone(group), reason });
        if group.is_empty() {
            return refuse("a group needs a name");
        }
        if wish.session_timeout.is_zero() || wish.rebalance_timeout.is_zero() {
            return refuse("session timeout and rebalance timeout must be more than 0");
        }
        self.joined_count += 1;
        let suffix = uuid::Uuid::from_u64_pair(self.session, self.joined_count);
        let id = format!("{}-{suffix}", wish.instance_id.as_ref().unwrap_or(&wish.client_id));
        self.due_at(now.monotonic.saturating_add(wish.session_timeout));
        let known = self.groups.entry(Arc::clone(group)).or_default();
        let predecessor = wish.instance_id.as_deref().and_then(|instance| known.remove_instance(instance));
        let member = Member { wish, heard: now.monotonic, standing: Standing::Joined, is_late: false };
        match predecessor {
            None => {
                known.members.insert(id.clone(), member);
                self.rebalance(now, group);
            }
            Some(predecessor) => {
                known.members.insert(id.clone(), member.in_place_of(predecessor));
                self.notices.push(Notice::Members(Arc::clone(group)));
                self.complete_rebalance(group);
            }
        }
        Ok(id)
    }

    /// Keeps a member in the group, and returns its news. A static member also says its instance id.
    pub(crate) fn heartbeat(
        &mut self,
        now: Now,
        group: &Arc<str>,
        member_id: &str,
        instance_id: Option<&str>,
    ) -> MemberNews {
        let Some(known) = self.groups.get_mut(group) else { return MemberNews::Unknown };
        let metadata = known.metadata(group, member_id);
        if !known.members.contains_key(member_id) {
            let is_replaced = instance_id.is_some_and(|instance| known.id_of_instance(instance).is_some());
            return if is_replaced { MemberNews::Replaced } else { MemberNews::Unknown };
        }
        let Some(member) = known.members.get_mut(member_id) else { return MemberNews::Unknown };
        member.heard = now.monotonic;
        if std::mem::take(&mut member.is_late) {
            return MemberNews::Lost;
        }
        match &mut member.standing {
            Standing::Owner { held, told } if !*told => {
                *told = true;
                MemberNews::Assigned { held: held.clone(), metadata }
            }
            Standing::Revoking { deadline, told } if !*told => {
                *told = true;
                MemberNews::Revoked { metadata, deadline: deadline.saturating_sub(now.monotonic) }
            }
            _ => MemberNews::Nothing,
        }
    }

    /// Records that the member has given up its partitions.
    pub(crate) fn acknowledge_revoked(&mut self, now: Now, group: &Arc<str>, member_id: &str) {
        let Some(member) = self.groups.get_mut(group).and_then(|known| known.members.get_mut(member_id)) else {
            return;
        };
        member.heard = now.monotonic;
        if let Standing::Revoking { .. } = member.standing {
            member.standing = Standing::Joined;
            self.complete_rebalance(group);
        }
    }

    /// Removes the member; its partitions are divided among the others.
    pub(crate) fn leave(&mut self, now: Now, group: &Arc<str>, member_id: &str) {
        let Some(known) = self.groups.get_mut(group) else { return };
        if known.members.remove(member_id).is_some() {
            self.rebalance(now, group);
        }
    }

    /// Commits positions outside transactions, fenced by the generation.
    pub(crate) fn commit(&mut self, metadata: &GroupMetadata, offsets: &[OffsetToCommit]) -> Result<(), Refusal> {
        self.check_member(metadata)?;
        let group: Arc<str> = metadata.group.as_str().into();
        self.check_offsets(&group, offsets)?;
        if let Some(known) = self.groups.get_mut(&group) {
            for offset in offsets {
                known.offsets.commit(offset);
                let partition = offset.partition.clone();
                self.changes.push(ModelChange::Offset { group: Arc::clone(&group), partition });
            }
        }
        Ok(())
    }

    /// The group's committed positions; `None` while an open transaction may still change them.
    pub(crate) fn committed(&self, group: &str, partitions: &[TopicPartition]) -> Option<Vec<Option<CommittedOffset>>> {
        let Some(known) = self.groups.get(group) else { return Some(vec![None; partitions.len()]) };
        if partitions.iter().any(|partition| known.offsets.is_pending(partition)) {
            return None;
        }
        Some(partitions.iter().map(|partition| known.offsets.committed(partition).cloned()).collect())
    }

    /// The ids of a group's members in order, each with its client's name and, unless the group rebalances, its share.
    pub(crate) fn members_of<'a>(
        &'a self,
        group: &str,
    ) -> impl Iterator<Item = (&'a str, &'a str, &'a [TopicPartition])> {
        let members = self.groups.get(group).into_iter().flat_map(|known| &known.members);
        members.map(|(id, member)| {
            let held = if let Standing::Owner { held, .. } = &member.standing { held.as_slice() } else { &[] };
            (id.as_str(), member.wish.client_id.as_str(), held)
        })
    }

    /// Forgets the positions of a group without members.
    pub(crate) fn forget_group(&mut self, group: &str) -> Result<(), Refusal> {
        let Some(known) = self.groups.get_mut(group) else { return Ok(()) };
        let group: Arc<str> = group.into();
        if !known.members.is_empty() {
            return Err(Refusal::GroupNotEmpty { group, members: known.members.len() });
        }
        for partition in known.offsets.forget() {
            self.changes.push(ModelChange::Offset { group: Arc::clone(&group), partition });
        }
        self.notices.push(Notice::Offsets(group));
        Ok(())
    }

    /// The committed position of one partition, to be stored.
    pub(crate) fn committed_offset(&self, group: &str, partition: &TopicPartition) -> Option<&CommittedOffset> {
        self.groups.get(group)?.offsets.committed(partition)
    }

    /// The group's generation, to be stored.
    pub(crate) fn generation(&self, group: &str) -> i32 {
        self.groups.get(group).map_or(0, |known| known.generation)
    }

    /// Restores a generation from storage: the group is empty, but its next generation will be a later one.
    pub(crate) fn restore_generation(&mut self, group: Arc<str>, generation: i32) {
        self.groups.entry(group).or_default().generation = generation;
    }

    /// Restores a position from storage.
    pub(crate) fn restore_offset(&mut self, group: Arc<str>, partition: TopicPartition, offset: CommittedOffset) {
        self.groups.entry(group).or_default().offsets.restore(partition, offset);
    }

    /// Refuses metadata that does not belong to a member of the current generation.
    pub(super) fn check_member(&self, metadata: &GroupMetadata) -> Result<(), Refusal> {
        let GroupMetadata { group, generation, member_id } = metadata;
        if *generation < 0 || member_id.is_empty() {
            return Err(Refusal::NeverAMember(group.as_str().into()));
        }
        let unknown = || Refusal::UnknownMember { group: group.as_str().into(), member: member_id.clone() };
        let known = self.groups.get(group.as_str()).ok_or_else(unknown)?;
        if !known.members.contains_key(member_id) {
            return Err(unknown());
        }
        if *generation != known.generation {
            let (given, current) = (*generation, known.generation);
            return Err(Refusal::IllegalGeneration { group: group.as_str().into(), given, current });
        }
        Ok(())
    }

    /// Rebalances the groups that subscribe to a topic which has been created or deleted.
    pub(super) fn rebalance_subscribers(&mut self, now: Now, topic: &Arc<str>) {
        let subscribes = |group: &Group| group.members.values().any(|member| member.wish.topics.contains(topic));
        let groups: Vec<_> =
            self.groups.iter().filter(|(_, group)| subscribes(group)).map(|(name, _)| Arc::clone(name)).collect();
        for group in groups {
            self.rebalance(now, &group);
        }
    }

    pub(super) fn tick_groups(&mut self, now: Now) {
        let (mut shrunk, mut ready) = (Vec::new(), Vec::new());
        let mut deadlines = Vec::new();
        for (name, group) in &mut self.groups {
            let before = group.members.len();
            group.members.retain(|_, member| !member.is_dead(now.monotonic));
            let late = group.members.values_mut().filter(|member| member.is_slow(now.monotonic));
            let late = late.map(Member::give_up_late).count();
            deadlines.extend(group.members.values().map(Member::deadline));
            match group.members.len() < before {
                true => shrunk.push(Arc::clone(name)),
                false if late > 0 => ready.push(Arc::clone(name)),
                false => {}
            }
        }
        for deadline in deadlines {
            self.due_at(deadline);
        }
        for group in shrunk {
            self.rebalance(now, &group);
        }
        for group in ready {
            self.complete_rebalance(&group);
        }
    }

    /// Starts a rebalance: members that hold partitions must give them up.
    fn rebalance(&mut self, now: Now, group: &Arc<str>) {
        let Some(known) = self.groups.get_mut(group) else { return };
        // As in Kafka, the longest timeout of all members applies.
        let timeout = known.members.values().map(|member| member.wish.rebalance_timeout).max().unwrap_or_default();
        let deadline = now.monotonic.saturating_add(timeout);
        for member in known.members.values_mut() {
            match member.standing {
                Standing::Owner { told: true, .. } => {
                    member.standing = Standing::Revoking { deadline, told: false };
                }
                // It does not know of its partitions yet, so it has nothing to give up.
                Standing::Owner { told: false, .. } => member.standing = Standing::Joined,
                Standing::Joined | Standing::Revoking { .. } => {}
            }
        }
        self.due_at(deadline);
        self.notices.push(Notice::Members(Arc::clone(group)));
        self.complete_rebalance(group);
    }

    /// Starts the next generation if every member is ready for it.
    fn complete_rebalance(&mut self, group: &Arc<str>) {
        let Some(known) = self.groups.get_mut(group) else { return };
        if !known.members.values().all(|member| matches!(member.standing, Standing::Joined)) {
            return;
        }
        known.generation = known.generation.checked_add(1).unwrap_or(1);
        let wishes: Vec<_> = known.members.values().map(|member| &member.wish.topics).collect();
        let partitions_of = |name: &str| self.topics.named(name).map_or(0, |topic| topic.partitions.len());
        let shares = range::assign(&wishes, partitions_of);
        for (member, held) in known.members.values_mut().zip(shares) {
            member.standing = Standing::Owner { held, told: false };
        }
        self.changes.push(ModelChange::Generation(Arc::clone(group)));
        self.notices.push(Notice::Members(Arc::clone(group)));
    }
}

impl Group {
    fn metadata(&self, group: &str, member_id: &str) -> GroupMetadata {
        GroupMetadata { group: group.to_owned(), generation: self.generation, member_id: member_id.to_owned() }
    }

    fn id_of_instance(&self, instance: &str) -> Option<&String> {
        let of_instance = |member: &Member| member.wish.instance_id.as_deref() == Some(instance);
        self.members.iter().find(|(_, member)| of_instance(member)).map(|(id, _)| id)
    }

    fn remove_instance(&mut self, instance: &str) -> Option<Member> {
        let id = self.id_of_instance(instance)?.clone();
        self.members.remove(&id)
    }
}

impl Member {
    fn session_end(&self) -> Duration {
        self.heard.saturating_add(self.wish.session_timeout)
    }

    /// Until when something must be heard from the member.
    fn deadline(&self) -> Duration {
        match self.standing {
            Standing::Revoking { deadline, .. } => self.session_end().min(deadline),
            _ => self.session_end(),
        }
    }

    /// Whether the group does not count on it any more.
    fn is_dead(&self, now: Duration) -> bool {
        self.session_end() <= now || (self.is_slow(now) && self.wish.instance_id.is_none())
    }

    /// Whether the group has waited in vain for its partitions.
    fn is_slow(&self, now: Duration) -> bool {
        matches!(self.standing, Standing::Revoking { deadline, .. } if deadline <= now)
    }

    /// The next generation takes its partitions, although it has not given them up.
    fn give_up_late(&mut self) {
        (self.standing, self.is_late) = (Standing::Joined, true);
    }

    /// This member with the share of its predecessor, who can no longer commit, and to which nobody needs to listen.
    fn in_place_of(mut self, predecessor: Self) -> Self {
        if let Standing::Owner { held, .. } = predecessor.standing {
            self.standing = Standing::Owner { held, told: false };
        }
        self.wish.client_id = predecessor.wish.client_id;
        self
    }
}
