//! Checks whether the other members of the group run the same topology.
//!
//! Members divide tasks by number and find state by name, so two programs with one application id would use each
//! other's state. Each member's client name therefore ends with the hash of its topology, after the process id, which
//! determines the order of assignment. A member looks the group up before it creates topics and joins, and again
//! after each assignment before it processes the first record.
//!
//! A member that has once seen only members with its own topology is settled, and stays for as long as it keeps its
//! member id. All others are newcomers, and leave when there is a member with another topology. Where only newcomers
//! meet, those with the smallest hash stay: they wait for the others to leave, and leave too if the others do not.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::directory::StateDirectory;
use super::inquiry::Inquiry;
use super::stop_call::{StopCalls, calling_name, is_caller};
use super::voice::PEOPLE;
use super::whereabouts::{Whereabouts, telling_name, told_by};
use crate::log::{Admin, GroupMemberInfo, GroupPlan, LogError};
use crate::topology::{Fingerprint, StoreChanges};

/// Marks the hash in a client's name. The number is the version of the fingerprint's rules; hashes made by other
/// rules cannot be compared.
const MARK: &str = "t1.";

/// How long a newcomer waits for others to leave, which they do as soon as they have looked.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the group may not be looked up until that is told.
const TELL_AFTER: Duration = Duration::from_secs(10);

/// What tells this program from others in its group.
pub(crate) struct Identity {
    group: Arc<str>,
    process_id: String,
    fingerprint: Fingerprint,
    hash: u64,
    /// A text that describes the topology that created the state in this process's folder.
    noted: Option<String>,
    /// Whose calls to stop it heeds.
    calls: StopCalls,
}

impl Identity {
    pub(crate) fn new(group: &Arc<str>, process_id: &str, fingerprint: Fingerprint, noted: Option<String>) -> Self {
        let hash = fingerprint.hash();
        let (group, process_id, calls) = (Arc::clone(group), process_id.to_owned(), StopCalls::default());
        Self { group, process_id, fingerprint, hash, noted, calls }
    }

    /// The member's client name, which begins with `name`. It also tells what the member sees ([`Plan::seen`]), and where it
    /// can be reached.
    ///
    /// [`Plan::seen`]: super::plan::Plan::seen
    pub(crate) fn client_id(&self, name: &str, seen: Option<u64>, endpoint: Option<&str>) -> String {
        let topics = seen.map_or_else(String::new, |hash| format!(".{hash:016x}"));
        let name = format!("{name}-{}-{MARK}{:016x}{topics}", self.process_id, self.hash);
        endpoint.map_or_else(|| name.clone(), |endpoint| telling_name(&name, endpoint))
    }

    /// The client name of the member that calls all others to stop, see `stop_call.rs`.
    pub(super) fn calling_client_id(&self, name: &str, reason: &str) -> String {
        calling_name(&self.client_id(name, None, None), reason)
    }

    /// An error if one of the group's members has called all others to stop since the first look at the group.
    fn heed_calls(&self, members: &[GroupMemberInfo]) -> Result<(), AppError> {
        self.calls.heard(&self.group, members)
    }

    /// Whether a member is another process of the application that has work to do.
    pub(super) fn is_fellow(&self, member: &GroupMemberInfo) -> bool {
        !is_caller(member) && !member.client_id.contains(&self.process_mark())
    }

    /// What the names of this process's clients contain, and those of its predecessors with the same state.
    fn process_mark(&self) -> String {
        format!("-{}-{MARK}", self.process_id)
    }

    /// The id as a static member, if the process id lasts: one that is restarted with the same state takes its
    /// predecessor's place in the group, and gets its tasks at once.
    ///
    /// A place that is taken over keeps its share, and the group even goes on to list its first client's name. So the id
    /// changes with everything that share and name depend on: the topology, and the topics with their numbers of
    /// partitions. Otherwise tasks that are new would belong to nobody, and another topology would go unnoticed.
    pub(crate) fn instance_id(&self, plan: &GroupPlan) -> String {
        let mut text = format!("{:016x}", self.hash);
        for sub in &plan.subtopologies {
            for (topic, partitions) in &sub.topics {
                let _ = write!(text, "\n{} {topic} {partitions}", sub.id);
            }
        }
        format!("{}-{MARK}{:016x}", self.process_id, Fingerprint::hash_of(&text))
    }

    /// The topology as text, to be stored with the state.
    pub(crate) fn text(&self) -> &str {
        self.fingerprint.text()
    }

    /// The text of the topology that created the state on disk.
    pub(super) fn noted(&self) -> Option<&str> {
        self.noted.as_deref()
    }

    /// What has become of the stores of the topology that created the state on disk.
    pub(super) fn stores(&self) -> Option<StoreChanges> {
        self.fingerprint.stores_since(self.noted.as_deref()?)
    }

    /// How this topology differs from the one that created the state on disk.
    pub(crate) fn changes(&self) -> Option<String> {
        self.fingerprint.changes_since(self.noted.as_deref()?)
    }

    /// Called before joining. An error if a member of the group has another topology, or has called all to stop. This process's predecessor does
    /// not count; it may still be listed until its session times out.
    pub(super) fn may_join(&self, members: &[GroupMemberInfo]) -> Result<(), AppError> {
        self.heed_calls(members)?;
        let predecessor = self.process_mark();
        let mut others = self.others(members).filter(|(member, _)| !member.client_id.contains(&predecessor));
        others.next().map_or(Ok(()), |(member, hash)| Err(self.error(member, hash)))
    }

    /// The other members with a different topology, each with its hash.
    fn others<'a>(&self, members: &'a [GroupMemberInfo]) -> impl Iterator<Item = (&'a GroupMemberInfo, u64)> {
        let of_other = |member: &'a GroupMemberInfo| hash_of(&member.client_id).map(|hash| (member, hash));
        members.iter().filter(|member| !is_caller(member)).filter_map(of_other).filter(|(_, hash)| *hash != self.hash)
    }

    fn error(&self, member: &GroupMemberInfo, theirs: u64) -> AppError {
        let changes = self.noted.as_deref().filter(|noted| Fingerprint::hash_of(noted) == theirs);
        let changes = changes.and_then(|noted| self.fingerprint.changes_since(noted));
        AppError::OtherTopology {
            application_id: self.group.to_string(),
            member: match &*member.host {
                "" => member.member_id.clone(),
                host => format!("{} on {host}", member.member_id),
            },
            theirs,
            ours: self.hash,
            changes: changes.map_or_else(String::new, |changes| format!(" ({changes})")),
        }
    }
}

/// The hash of a client's topology, if its name tells it.
pub(super) fn hash_of(client_id: &str) -> Option<u64> {
    u64::from_str_radix(hashes_of(told_by(client_id).0)?.0, 16).ok()
}

/// Whether a name ends with the hash of a topology, and perhaps what the client sees.
pub(super) fn has_hash(name: &str) -> bool {
    hashes_of(name).is_some_and(|(hash, _)| u64::from_str_radix(hash, 16).is_ok())
}

/// The hash of what a client sees, if its name tells it.
fn topics_of(client_id: &str) -> Option<u64> {
    u64::from_str_radix(hashes_of(told_by(client_id).0)?.1, 16).ok()
}

fn hashes_of(client_id: &str) -> Option<(&str, &str)> {
    let (_, mark) = client_id.rsplit_once('-')?;
    let hashes = mark.strip_prefix(MARK)?;
    Some(hashes.split_once('.').unwrap_or((hashes, "")))
}

/// Looks at the group after each assignment.
pub(super) struct Fellows {
    admin: Arc<dyn Admin>,
    identity: Arc<Identity>,
    directory: Arc<StateDirectory>,
    whereabouts: Arc<Whereabouts>,
    /// The version that the group was last looked up for.
    known_whereabouts: u64,
    /// Whether the member has to leave and come back, so that others learn where it can be reached.
    must_return: bool,
    /// This member's id in the current assignment.
    member_id: String,
    /// The member id with which it settled; with that id it is no longer a newcomer.
    settled_as: Option<String>,
    inquiry: Inquiry<Vec<GroupMemberInfo>>,
    /// A look at the group during a rebalance: somebody may have joined to call all others to stop.
    listening: Inquiry<Vec<GroupMemberInfo>>,
    /// What this member sees of the topics, where others may see something else, and whether all members of this
    /// generation see the same.
    topics: Option<u64>,
    topics_are_the_same: bool,
    others_see_other_topics: bool,
    /// Since when it has been waiting for others to leave.
    waiting_since: Option<Duration>,
    /// Since when the group cannot be looked up.
    trouble_since: Option<Duration>,
    /// What has been logged already.
    logged: Logged,
}

#[derive(Default)]
struct Logged {
    no_answer: bool,
    cannot_look: bool,
    unmarked: bool,
    other_topics: bool,
}

impl Fellows {
    pub(super) fn new(
        admin: Arc<dyn Admin>,
        identity: Arc<Identity>,
        directory: Arc<StateDirectory>,
        whereabouts: Arc<Whereabouts>,
        seen: Option<u64>,
    ) -> Self {
        Self {
            admin,
            identity,
            directory,
            known_whereabouts: whereabouts.version(),
            whereabouts,
            must_return: false,
            member_id: String::new(),
            settled_as: None,
            inquiry: Inquiry::idle(),
            listening: Inquiry::idle(),
            topics: seen,
            topics_are_the_same: false,
            others_see_other_topics: false,
            waiting_since: None,
            trouble_since: None,
            logged: Logged::default(),
        }
    }

    /// Call this when the group has assigned tasks to this member.
    pub(super) fn begin(&mut self, now: Duration, member_id: &str) {
        member_id.clone_into(&mut self.member_id);
        self.whereabouts.set_member_id(member_id);
        self.topics_are_the_same = self.topics.is_none();
        self.inquiry.begin(now);
    }

    /// Call this when a rebalance begins.
    pub(super) fn listen(&mut self, now: Duration) {
        self.listening.begin(now);
    }

    /// Looks at the group if that is due. An error if this member has to leave.
    pub(super) fn step(&mut self, now: Duration) -> Result<(), AppError> {
        match self.listening.step(now, || self.admin.group_members(&self.identity.group)) {
            Some(Ok(members)) => self.identity.heed_calls(&members)?,
            Some(Err(error)) if error.is_transient() => self.listening.again(now),
            // After the rebalance, the next look says what is wrong.
            Some(Err(_)) | None => {}
        }
        let version = self.whereabouts.version();
        if std::mem::replace(&mut self.known_whereabouts, version) != version && !self.member_id.is_empty() {
            self.inquiry.begin(now);
        }
        match self.inquiry.step(now, || self.admin.group_members(&self.identity.group)) {
            Some(Ok(members)) => {
                self.trouble_since = None;
                self.logged.no_answer = false;
                self.judge(&members, now)?;
                self.must_return |= self.whereabouts.must_return(&members, |member| self.identity.is_fellow(member));
                Ok(())
            }
            Some(Err(error)) if error.is_transient() => {
                self.tell_of_no_answer(&error, now);
                self.inquiry.again(now);
                Ok(())
            }
            Some(Err(error)) => self.do_without(&error),
            None => Ok(()),
        }
    }

    /// Whether records may be processed.
    pub(super) fn is_settled(&self) -> bool {
        self.topics_are_the_same && self.settled_as.as_deref() == Some(&*self.member_id)
    }

    /// Whether members of the group see other topics or partitions; tells that once for each look at the group.
    pub(super) fn take_others_see_other_topics(&mut self) -> bool {
        std::mem::take(&mut self.others_see_other_topics)
    }

    /// Whether the member has to leave the group and come back, so that others learn where it can be reached; tells that
    /// once.
    pub(super) fn take_must_return(&mut self) -> bool {
        std::mem::take(&mut self.must_return)
    }

    fn judge(&mut self, members: &[GroupMemberInfo], now: Duration) -> Result<(), AppError> {
        self.identity.heed_calls(members)?;
        // The log may answer with the group from before the assignment.
        let is_missing = members.iter().all(|member| member.member_id != self.member_id);
        if is_missing && !self.inquiry.believes_a_miss(now) {
            return Ok(());
        }
        self.tell_of_unmarked(members);
        self.compare_topics(members, now);
        let Some((member, hash)) = self.identity.others(members).min_by_key(|(_, hash)| *hash) else {
            return self.settle();
        };
        if self.settled_as.as_deref() == Some(&*self.member_id) {
            let member = &member.member_id;
            tracing::warn!(
                member,
                topology = format!("{hash:016x}"),
                "a program with another topology has joined; it is to leave"
            );
            return Ok(());
        }
        let is_patient = now.saturating_sub(*self.waiting_since.get_or_insert(now)) < PATIENCE;
        if hash < self.identity.hash || !is_patient {
            return Err(self.identity.error(member, hash));
        }
        // The group is not uniform yet.
        self.inquiry.again(now);
        Ok(())
    }

    /// Members that see other topics or partitions would divide other tasks. Each of them looks again, and who has missed
    /// some comes back with a new plan. Until then nobody processes anything.
    fn compare_topics(&mut self, members: &[GroupMemberInfo], now: Duration) {
        let differs = |member: &&GroupMemberInfo| {
            !is_caller(member)
                && hash_of(&member.client_id) == Some(self.identity.hash)
                && topics_of(&member.client_id) != self.topics
        };
        let Some(other) = members.iter().find(differs) else {
            self.topics_are_the_same = true;
            self.logged.other_topics = false;
            return;
        };
        if !std::mem::replace(&mut self.logged.other_topics, true) {
            let member = &other.member_id;
            tracing::info!(
                member,
                "a member of the group sees other topics or partitions; waiting until all see the same"
            );
        }
        self.others_see_other_topics = true;
        self.inquiry.again(now);
    }

    /// Stores this topology as the owner of the state.
    fn settle(&mut self) -> Result<(), AppError> {
        self.directory.note_topology(self.identity.text())?;
        self.settled_as = Some(self.member_id.clone());
        self.waiting_since = None;
        Ok(())
    }

    /// Nothing is processed until the group is known, so nobody should have to guess why.
    fn tell_of_no_answer(&mut self, error: &LogError, now: Duration) {
        let since = *self.trouble_since.get_or_insert(now);
        let lasts = now.saturating_sub(since);
        if lasts < TELL_AFTER || self.is_settled() || std::mem::replace(&mut self.logged.no_answer, true) {
            return;
        }
        let (group, seconds) = (&*self.identity.group, lasts.as_secs());
        tracing::warn!(
            target: PEOPLE, group, %error, seconds,
            "the members of group {group} cannot be looked up, for {seconds} s now, and records wait until they can: {error}"
        );
    }

    /// A client may be allowed to join a group but not to describe it.
    fn do_without(&mut self, error: &LogError) -> Result<(), AppError> {
        self.topics_are_the_same = true;
        if !std::mem::replace(&mut self.logged.cannot_look, true) {
            tracing::warn!(
                %error,
                "the group's members cannot be looked up, so nobody would notice a program with another topology under \
                 this application id, or that another instance calls all to stop; allow `Describe` on the group"
            );
        }
        self.settle()
    }

    fn tell_of_unmarked(&mut self, members: &[GroupMemberInfo]) {
        let is_unmarked = |member: &&GroupMemberInfo| !is_caller(member) && hash_of(&member.client_id).is_none();
        let Some(member) = members.iter().find(is_unmarked) else { return };
        if !std::mem::replace(&mut self.logged.unmarked, true) {
            let (group, member) = (&*self.identity.group, &member.member_id);
            tracing::warn!(
                group,
                member,
                "a member of the group does not say which topology it has: it runs another version of this library, or \
                 another program"
            );
        }
    }
}
