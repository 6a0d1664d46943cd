//! Who has which task, and where that one can be asked: what the group says, remembered for a while.
//!
//! What is remembered may be outdated, which the instance that is asked notices: it does not have the task. So whoever hears
//! that looks again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use streams_core::record::TaskId;
use streams_core::runtime::{Handle, Instance};
use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::admin_client::AdminClient;

/// For how long what the group has said is believed, if nobody finds it wrong.
const BELIEVED: Duration = Duration::from_secs(10);

/// How often the group is looked up at most.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Remembers the group.
pub(super) struct Directory {
    app: Handle,
    log: AdminClient,
    /// Whoever has this looks, and the others wait for the answer.
    last: Mutex<Option<(Instant, Arc<Vec<Instance>>)>>,
}

/// The tasks of a question, by those who have them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Owners {
    /// The others that have some, each with its address if it has said that.
    pub(super) others: Vec<(Option<String>, Vec<TaskId>)>,
    /// Those that nobody has, or that this instance is only about to get.
    pub(super) missing: Vec<TaskId>,
}

impl Directory {
    pub(super) fn new(app: Handle) -> Self {
        Self { log: AdminClient::new(app.clone()), app, last: Mutex::default() }
    }

    /// Who has these tasks. `again` if what is remembered has turned out to be wrong.
    pub(super) async fn owners(&self, tasks: &[TaskId], again: bool) -> Result<Owners, String> {
        let instances = if again { self.look_again().await? } else { self.instances(BELIEVED).await? };
        Ok(divided(&instances, tasks))
    }

    /// All instances, as they are now.
    pub(super) async fn look_again(&self) -> Result<Arc<Vec<Instance>>, String> {
        self.instances(LOOK_INTERVAL).await
    }

    async fn instances(&self, age_max: Duration) -> Result<Arc<Vec<Instance>>, String> {
        let mut last = self.last.lock().await;
        if let Some((at, instances)) = &*last
            && at.elapsed() < age_max
        {
            return Ok(Arc::clone(instances));
        }
        let group = self.app.about().application_id().to_owned();
        let members = self.log.ask(|admin| admin.group_members(&group)).await;
        let members = members.map_err(|error| format!("the members of group {group} cannot be looked up: {error}"))?;
        let instances = Arc::new(self.app.instances(&members));
        *last = Some((Instant::now(), Arc::clone(&instances)));
        Ok(instances)
    }
}

fn divided(instances: &[Instance], tasks: &[TaskId]) -> Owners {
    let mut left: BTreeSet<TaskId> = tasks.iter().copied().collect();
    let mut owners = Owners::default();
    for instance in instances.iter().filter(|instance| !instance.is_self) {
        let own: Vec<_> = left.iter().filter(|task| instance.tasks.contains(task)).copied().collect();
        left.retain(|task| !own.contains(task));
        if !own.is_empty() {
            owners.others.push((instance.endpoint.clone(), own));
        }
    }
    owners.missing = left.into_iter().collect();
    owners
}
