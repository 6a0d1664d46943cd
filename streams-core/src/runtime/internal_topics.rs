//! Creating the topics an application needs for itself.

use super::plan::Plan;
use crate::log::NewTopic;
use crate::topic::TopicRef;
use crate::topology::InternalTopic;

/// The topic to create, with what the user set for all internal topics (`for_all`).
pub(crate) fn internal_topic(
    plan: &Plan,
    topic: &InternalTopic,
    replication: Option<u16>,
    for_all: &[(String, String)],
) -> NewTopic {
    let name = TopicRef::Internal(topic.name.clone()).full_name(&plan.application_id);
    let partitions = plan.partitions.get(&name).copied().unwrap_or(1);
    let settings = topic.settings(&plan.topology.graph, for_all, InternalTopic::WINDOW_ADDITIONAL_RETENTION);
    NewTopic { name: name.to_string(), partitions, replication, configs: settings.into_iter().collect() }
}
