//! Topics that must have the same number of partitions, because records with the same key must meet in one task.

use std::collections::{BTreeMap, BTreeSet};

use super::error::TopologyError;
use super::graph::{InternalTopic, InternalTopicKind};
use crate::topic::TopicRef;

/// Merges groups that share a topic. A single topic needs no group.
pub(crate) fn groups(copartitioned: Vec<BTreeSet<TopicRef>>) -> Vec<BTreeSet<TopicRef>> {
    let mut groups: Vec<BTreeSet<TopicRef>> = Vec::new();
    for mut group in copartitioned {
        groups.retain(|other| {
            let apart = group.is_disjoint(other);
            if !apart {
                group.extend(other.iter().cloned());
            }
            apart
        });
        groups.push(group);
    }
    groups.retain(|group| group.len() > 1);
    groups
}

/// Checks groups of repartition topics whose partition counts have all been set by the user. A count that is not set is
/// chosen to match when the application starts.
///
/// # Errors
/// When the numbers differ.
pub(crate) fn check(groups: &[BTreeSet<TopicRef>], internal: &[InternalTopic]) -> Result<(), TopologyError> {
    let given: BTreeMap<&str, u32> = internal
        .iter()
        .filter_map(|topic| match topic.kind {
            InternalTopicKind::Repartition { partitions } => partitions.map(|partitions| (&*topic.name, partitions)),
            InternalTopicKind::Retry { .. } | InternalTopicKind::Changelog { .. } => None,
        })
        .collect();
    for group in groups {
        let numbers: Option<Vec<_>> = group
            .iter()
            .map(|topic| match topic {
                TopicRef::Internal(name) => given.get(&**name).map(|partitions| (name, *partitions)),
                TopicRef::External(_) | TopicRef::Matching(_) => None,
            })
            .collect();
        let Some(numbers) = numbers else { continue };
        if numbers.iter().any(|(_, partitions)| *partitions != numbers[0].1) {
            let topics: Vec<_> =
                numbers.iter().map(|(topic, partitions)| format!("`{topic}` ({partitions} partitions)")).collect();
            return Err(TopologyError::Copartition { topics: topics.join(" and ") });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn topics(names: &str) -> BTreeSet<TopicRef> {
        names.split(' ').map(|name| TopicRef::External(name.into())).collect()
    }

    #[test]
    fn groups_that_share_a_topic_are_one() {
        let given = ["a b", "c d", "x", "b c", "e f"].map(topics).to_vec();
        assert_eq!(groups(given), ["a b c d", "e f"].map(topics));
    }
}
