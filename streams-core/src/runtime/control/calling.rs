//! Calls all other instances of the application to stop, after this one has ended with an error of which the
//! application's handler says so. See `stop_call.rs`.
//!
//! The instance has left its group by then. It comes back as a member without work, with the call in its client name,
//! until those have left whom it has found, or for as long as it takes them to look. All that may fail; then that is said,
//! and the instance ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::log::{Admin, Doorbell, GroupMemberInfo, Log, LogError, Member, MemberEvent, MemberOptions};
use crate::runtime::fellows::Identity;
use crate::runtime::inquiry::Inquiry;
use crate::runtime::voice::PEOPLE;

/// How long the whole call may take. The others look the group up in the rebalance that it starts, which is a matter of
/// seconds even if some of them are busy with a commit.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long the caller waits for the group's answer that it has left.
const LEAVE_PATIENCE: Duration = Duration::from_secs(5);

/// The caller's session, at most: if it dies, the group is rid of it that soon.
const SESSION_MAX: Duration = Duration::from_secs(10);

/// An instance that calls the others.
pub(super) struct Calling {
    log: Arc<dyn Log>,
    admin: Arc<dyn Admin>,
    identity: Arc<Identity>,
    doorbell: Doorbell,
    options: MemberOptions,
    inquiry: Inquiry<Vec<GroupMemberInfo>>,
    since: Duration,
    /// Those who are called and have not left yet, with their client names by their ids.
    others: BTreeMap<String, String>,
    member: Option<Box<dyn Member>>,
    leaving_since: Option<Duration>,
}

impl Calling {
    /// `options` are those of the member that has left, and `reason` is why it has failed.
    pub(super) fn new(
        log: Arc<dyn Log>,
        (admin, identity, doorbell): (Arc<dyn Admin>, Arc<Identity>, Doorbell),
        options: MemberOptions,
        (name, reason): (&str, &str),
        now: Duration,
    ) -> Self {
        let session_timeout = options.session_timeout.min(SESSION_MAX);
        let client_id = identity.calling_client_id(name, reason);
        let options = MemberOptions { client_id, instance_id: None, session_timeout, ..options };
        let mut inquiry = Inquiry::idle();
        inquiry.begin(now);
        let others = BTreeMap::new();
        Self { log, admin, identity, doorbell, options, inquiry, since: now, others, member: None, leaving_since: None }
    }

    /// Goes on with it. Returns whether that is over.
    pub(super) fn step(&mut self, now: Duration) -> bool {
        if let Some(since) = self.leaving_since {
            let has_left = self.member.as_mut().is_none_or(|member| member.leave().is_ready());
            return has_left || now.saturating_sub(since) > LEAVE_PATIENCE;
        }
        if let Err(error) = self.be_a_member() {
            self.give_up(now, Some(&error));
        } else if now.saturating_sub(self.since) > PATIENCE {
            self.give_up(now, None);
        } else {
            match self.inquiry.step(now, || self.admin.group_members(&self.options.group)) {
                Some(Ok(members)) => self.look_at(&members, now),
                Some(Err(error)) if error.is_transient() => self.inquiry.again(now),
                Some(Err(error)) => self.give_up(now, Some(&error)),
                None => {}
            }
        }
        false
    }

    /// Takes part in rebalances without delaying them.
    fn be_a_member(&mut self) -> Result<(), LogError> {
        let Some(member) = &mut self.member else { return Ok(()) };
        match member.poll() {
            Some(MemberEvent::Revoked { .. }) => member.acknowledge_revoked(),
            Some(MemberEvent::Failed(error)) if !error.is_transient() => return Err(error),
            Some(_) | None => {}
        }
        Ok(())
    }

    fn look_at(&mut self, members: &[GroupMemberInfo], now: Duration) {
        if self.member.is_some() {
            self.others.retain(|id, _| members.iter().any(|member| member.member_id == *id));
        } else {
            let fellows = members.iter().filter(|member| self.identity.is_fellow(member));
            self.others = fellows.map(|member| (member.member_id.clone(), member.client_id.clone())).collect();
        }
        if self.others.is_empty() {
            self.leaving_since = Some(now);
            return;
        }
        if self.member.is_none() {
            match self.log.member(self.options.clone(), self.doorbell.clone()) {
                Ok(member) => self.member = Some(member),
                Err(error) => return self.give_up(now, Some(&error)),
            }
            let number = self.others.len();
            tracing::warn!(target: PEOPLE, number, "the other instances of the application, {number}, are called to stop, too");
        }
        self.inquiry.again(now);
    }

    fn give_up(&mut self, now: Duration, error: Option<&LogError>) {
        self.leaving_since = Some(now);
        let (names, seconds) = (self.others.values().cloned().collect::<Vec<_>>().join(", "), PATIENCE.as_secs());
        match error {
            Some(error) => tracing::warn!(
                target: PEOPLE, %error,
                "the other instances of the application could not be called to stop, so stop them by hand: {error}"
            ),
            None if self.member.is_none() => tracing::warn!(
                target: PEOPLE, seconds,
                "the other instances of the application could not be called to stop, because the log has not told within \
                 {seconds} s which there are; stop them by hand"
            ),
            None => tracing::warn!(
                target: PEOPLE, names, seconds,
                "these instances were called to stop and have not left the group within {seconds} s: {names}; see what \
                 they say, and stop them by hand if they go on"
            ),
        }
    }
}
