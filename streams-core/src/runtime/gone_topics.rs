//! Internal topics that are missing although something was written to them.
//!
//! The log does not say what it has deleted. But the tasks that write to a topic commit positions in their inputs, so a
//! position there means that the topic was there once.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::plan::Plan;
use crate::log::{CommittedOffset, NewTopic};
use crate::record::TopicPartition;
use crate::topic::TopicRef;
use crate::topology::{InternalTopicKind, Subtopology};

/// For each missing topic, the input partitions of the tasks that write to it: a committed position there means that
/// the topic was written. (Positions in a repartition topic itself are deleted with it.)
pub(super) fn inputs_of(plan: &Plan, missing: &[NewTopic]) -> Vec<(String, TopicPartition)> {
    let mut inputs = Vec::new();
    for topic in plan.topology.internal_topics() {
        let reference = TopicRef::Internal(Arc::clone(&topic.name));
        let name = reference.full_name(&plan.application_id);
        if !missing.iter().any(|missing| *missing.name == *name) {
            continue;
        }
        let writes = |sub: &&Subtopology| match topic.kind {
            InternalTopicKind::Changelog { store } => sub.stores.contains(&store),
            InternalTopicKind::Repartition { .. } | InternalTopicKind::Retry { .. } => sub.sinks.contains(&reference),
        };
        let sources = plan.topology.subtopologies().iter().filter(writes).flat_map(|sub| &sub.sources);
        for source in sources.flat_map(|source| plan.matched.names(source, &plan.application_id)) {
            let count = plan.partitions.get(&source).copied().unwrap_or(0);
            inputs.extend((0..count).map(|partition| {
                let partition = i32::try_from(partition).unwrap_or(i32::MAX);
                (name.to_string(), TopicPartition::new(Arc::clone(&source), partition))
            }));
        }
    }
    inputs
}

/// The internal topics that are missing although the tasks that write to them have committed before.
pub(super) fn gone_topics(
    plan: &Plan,
    missing: &[NewTopic],
    asked: &[TopicPartition],
    committed: &[Option<CommittedOffset>],
) -> Vec<String> {
    let has_run: BTreeSet<&TopicPartition> = asked
        .iter()
        .zip(committed)
        .filter(|(_, committed)| committed.is_some())
        .map(|(partition, _)| partition)
        .collect();
    let mut gone: Vec<String> = inputs_of(plan, missing)
        .into_iter()
        .filter(|(_, partition)| has_run.contains(partition))
        .map(|(topic, _)| topic)
        .collect();
    gone.dedup();
    gone
}
