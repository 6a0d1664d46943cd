//! The instances of an application, as the group lists them: who has which tasks, and where each can be reached.

use std::collections::BTreeSet;

use super::app::Handle;
use super::stop_call::is_caller;
use super::whereabouts::told_by;
use crate::log::{GroupMemberInfo, tasks_of};
use crate::record::TaskId;

/// A running instance of an application, as its group knows it.
///
/// ```
/// use millstream::log::{Doorbell, Log as _};
/// use millstream::prelude::*;
///
/// const IN: Topic<String, String> = Topic::new("in");
/// const OUT: Topic<String, String> = Topic::new("out");
///
/// let builder = StreamsBuilder::new();
/// builder.stream(IN).to(OUT);
/// let log = Embedded::in_memory();
/// let running = App::new("copy", builder.build()?).start(log.clone())?;
/// running.announce("127.0.0.1:7070");
///
/// let admin = log.admin(Doorbell::new())?;
/// let members = admin.group_members("copy").wait().expect("an answer")?;
/// for instance in running.instances(&members) {
///     println!("{} has {:?} and is at {:?}", instance.member_id, instance.tasks, instance.endpoint);
/// }
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Instance {
    /// Assigned by the group.
    pub member_id: String,
    /// Where it runs, for people; empty if the log does not know.
    pub host: String,
    /// Where it can be asked, as in `10.0.0.7:7070`; `None` if it does not say, which it does once it is served.
    pub endpoint: Option<String>,
    /// The tasks that the group has assigned to it. During a rebalance there are none.
    pub tasks: BTreeSet<TaskId>,
    /// Whether it is the one that the handle belongs to.
    pub is_self: bool,
}

impl Handle {
    /// Says where this instance can be reached, as in `10.0.0.7:7070`. The group tells it to the other instances, which then
    /// ask there for rows that this one has. Servers such as `streams-http` call this.
    ///
    /// If the instance has joined its group already and is not alone there, it leaves and comes back once, because a member's
    /// name is fixed when it joins.
    pub fn announce(&self, endpoint: &str) {
        self.status().whereabouts.announce(endpoint);
        self.status().doorbell.ring();
    }

    /// The instances among the members of the application's group ([`Admin::group_members`](crate::log::Admin::group_members)).
    /// Until the application has made its plan, nothing is known of their tasks.
    #[must_use]
    pub fn instances(&self, members: &[GroupMemberInfo]) -> Vec<Instance> {
        let plan = self.status().desk.floor().map(|floor| floor.plan.clone()).unwrap_or_default();
        let members = members.iter().filter(|member| !is_caller(member));
        let whereabouts = &self.status().whereabouts;
        let instance = |member: &GroupMemberInfo| {
            let is_self = whereabouts.is_self(member);
            // Nobody else may have been told: a member that is alone does not come back for its address.
            let own = whereabouts.endpoint().filter(|_| is_self).map(|endpoint| endpoint.to_string());
            Instance {
                member_id: member.member_id.clone(),
                host: member.host.clone(),
                endpoint: own.or_else(|| told_by(&member.client_id).1),
                tasks: tasks_of(&plan, &member.assigned),
                is_self,
            }
        };
        members.map(instance).collect()
    }
}
