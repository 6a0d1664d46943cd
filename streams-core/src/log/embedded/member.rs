//! Members of the embedded log's groups, and commits on their behalf.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::task::Poll;

use super::shared::{CommittedAnswer, SharedLog};
use crate::log::model::{GroupMember, MemberNews, Refusal};
use crate::log::{
    CommitOutcome, Committer, Doorbell, GroupMetadata, LogError, Member, MemberEvent, MemberOptions, OffsetToCommit,
    Reply, tasks_of,
};
use crate::record::{TaskId, TopicPartition};

pub(super) struct EmbeddedMember {
    shared: Arc<SharedLog>,
    doorbell: Doorbell,
    group: Arc<str>,
    options: MemberOptions,
    standing: Standing,
}

/// ```text
///   Outside --poll joins--> Waiting --assigned--> Owner --gives up--> Waiting
///      ^                       \___removed___________/
///      \-------------------------------/        any --leave--> Left
/// ```
enum Standing {
    /// Not a member yet, or no longer: the next poll joins.
    Outside,
    /// A member without tasks.
    Waiting { id: String },
    /// A member with tasks, perhaps asked to give them up.
    Owner { id: String, tasks: BTreeSet<TaskId> },
    /// Gone for good, because it left, or the group refused it, or another has its instance id.
    Left,
}

impl EmbeddedMember {
    pub(super) fn new(shared: Arc<SharedLog>, options: MemberOptions, doorbell: Doorbell) -> Self {
        // The first poll joins, so the waiting caller must poll.
        doorbell.ring();
        let group = options.group.as_str().into();
        Self { shared, doorbell, group, options, standing: Standing::Outside }
    }

    fn join(&mut self) -> Result<String, LogError> {
        let wish = GroupMember {
            client_id: self.options.client_id.clone(),
            instance_id: self.options.instance_id.clone(),
            topics: self.options.plan.topics(),
            session_timeout: self.options.session_timeout,
            rebalance_timeout: self.options.rebalance_timeout,
        };
        self.shared.run(|guarded, now| {
            let id = guarded.model.join(now, &self.group, wish)?;
            guarded.wake_member(&self.group, &id, &self.doorbell);
            Ok(id)
        })?
    }

    fn heartbeat(&mut self, id: &str) -> Option<MemberEvent> {
        let news = self.shared.run(|guarded, now| {
            let news = guarded.model.heartbeat(now, &self.group, id, self.options.instance_id.as_deref());
            if matches!(news, MemberNews::Unknown | MemberNews::Replaced) {
                guarded.forget_member(&self.group, id);
            }
            news
        });
        match news {
            Err(error) => {
                self.standing = Standing::Left;
                Some(MemberEvent::Failed(error))
            }
            Ok(news) => self.tell(id, news),
        }
    }

    fn tell(&mut self, id: &str, news: MemberNews) -> Option<MemberEvent> {
        match news {
            MemberNews::Nothing => None,
            MemberNews::Assigned { held, metadata } => {
                let tasks = tasks_of(&self.options.plan, &held);
                self.standing = Standing::Owner { id: id.to_owned(), tasks: tasks.clone() };
                Some(MemberEvent::Assigned { tasks, metadata })
            }
            MemberNews::Revoked { metadata, deadline } => {
                let tasks = match &self.standing {
                    Standing::Owner { tasks, .. } => tasks.clone(),
                    _ => BTreeSet::new(),
                };
                Some(MemberEvent::Revoked { tasks, metadata, deadline })
            }
            MemberNews::Lost => {
                let lost = matches!(self.standing, Standing::Owner { .. });
                self.standing = Standing::Waiting { id: id.to_owned() };
                // There may be more news.
                self.doorbell.ring();
                lost.then_some(MemberEvent::Lost)
            }
            MemberNews::Replaced => {
                self.standing = Standing::Left;
                Some(MemberEvent::Replaced)
            }
            MemberNews::Unknown => {
                let lost = matches!(self.standing, Standing::Owner { .. });
                self.standing = Standing::Outside;
                // The next poll joins again.
                self.doorbell.ring();
                lost.then_some(MemberEvent::Lost)
            }
        }
    }

    fn id(&self) -> Option<&str> {
        match &self.standing {
            Standing::Waiting { id } | Standing::Owner { id, .. } => Some(id),
            Standing::Outside | Standing::Left => None,
        }
    }
}

impl Member for EmbeddedMember {
    fn poll(&mut self) -> Option<MemberEvent> {
        match &self.standing {
            Standing::Left => return None,
            Standing::Outside => match self.join() {
                Ok(id) => self.standing = Standing::Waiting { id },
                Err(error) => {
                    self.standing = Standing::Left;
                    return Some(MemberEvent::Failed(error));
                }
            },
            Standing::Waiting { .. } | Standing::Owner { .. } => {}
        }
        let id = self.id()?.to_owned();
        self.heartbeat(&id)
    }

    fn acknowledge_revoked(&mut self) {
        let Standing::Owner { id, .. } = &self.standing else { return };
        let id = id.clone();
        // If the log has failed, the next poll returns the error.
        let _ = self.shared.run(|guarded, now| guarded.model.acknowledge_revoked(now, &self.group, &id));
        self.standing = Standing::Waiting { id };
    }

    fn committer(&self) -> Arc<dyn Committer> {
        Arc::new(EmbeddedCommitter {
            shared: Arc::clone(&self.shared),
            group: Arc::clone(&self.group),
            doorbell: self.doorbell.clone(),
        })
    }

    fn leave(&mut self) -> Poll<()> {
        if let Some(id) = self.id() {
            // If the log has failed, there is nothing to leave.
            let _ = self.shared.run(|guarded, now| {
                guarded.model.leave(now, &self.group, id);
                guarded.forget_member(&self.group, id);
            });
        }
        self.standing = Standing::Left;
        Poll::Ready(())
    }
}

impl Drop for EmbeddedMember {
    /// The group is not told, so to it this is a crash.
    fn drop(&mut self) {
        if let Some(id) = self.id() {
            let _ = self.shared.run(|guarded, _| guarded.forget_member(&self.group, id));
        }
    }
}

struct EmbeddedCommitter {
    shared: Arc<SharedLog>,
    group: Arc<str>,
    doorbell: Doorbell,
}

impl Committer for EmbeddedCommitter {
    fn commit(&self, metadata: &GroupMetadata, offsets: Vec<OffsetToCommit>) -> Reply<CommitOutcome> {
        let committed = match self.shared.run(|guarded, _| guarded.model.commit(metadata, &offsets)) {
            Ok(committed) => committed,
            Err(error) => return Reply::ready(CommitOutcome::Fatal(error)),
        };
        match (committed, &self.shared.disk) {
            (Ok(()), None) => Reply::ready(CommitOutcome::Done),
            (Ok(()), Some(disk)) => {
                let (answer, reply) = Reply::later();
                disk.syncer.answer(&self.doorbell, answer);
                reply
            }
            (Err(refusal @ (Refusal::IllegalGeneration { .. } | Refusal::UnknownMember { .. })), _) => {
                Reply::ready(CommitOutcome::Fenced(refusal.into()))
            }
            (Err(refusal), _) => Reply::ready(CommitOutcome::Fatal(refusal.into())),
        }
    }

    fn committed(&self, partitions: Vec<TopicPartition>) -> Reply<CommittedAnswer> {
        let asked = self.shared.run(|guarded, _| guarded.committed(&self.group, partitions, &self.doorbell));
        asked.unwrap_or_else(|error| Reply::ready(Err(error)))
    }
}
