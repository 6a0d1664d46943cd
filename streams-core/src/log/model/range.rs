//! Kafka's range assignor: consecutive partitions of each topic go to members in the order of their ids.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::record::TopicPartition;

/// Assigns the topics' partitions to members. The members are in the order of their ids, each with the topics that it
/// subscribes to; the result is in the same order.
///
/// Each topic is divided separately among the members that subscribe to it: with `n` partitions and `c` members, the
/// first `n % c` members get one more than the others.
pub(super) fn assign(
    members: &[&BTreeSet<Arc<str>>],
    partitions_of: impl Fn(&str) -> usize,
) -> Vec<Vec<TopicPartition>> {
    let mut assigned = vec![Vec::new(); members.len()];
    let mut subscribers: BTreeMap<&Arc<str>, Vec<usize>> = BTreeMap::new();
    for (member, topics) in members.iter().enumerate() {
        for topic in *topics {
            subscribers.entry(topic).or_default().push(member);
        }
    }
    for (topic, subscribers) in subscribers {
        let partitions = partitions_of(topic);
        let (each, extra) = (partitions / subscribers.len(), partitions % subscribers.len());
        let mut next = 0;
        for (place, member) in subscribers.into_iter().enumerate() {
            let count = each + usize::from(place < extra);
            if let Some(held) = assigned.get_mut(member) {
                held.extend((next..next + count).filter_map(|partition| {
                    Some(TopicPartition::new(Arc::clone(topic), i32::try_from(partition).ok()?))
                }));
            }
            next += count;
        }
    }
    assigned
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes `members` as lists of topics and `topics` as names with numbers of partitions; `expected` is what each
    /// member gets.
    fn check(members: &[&[&str]], topics: &[(&str, usize)], expected: &[&str]) {
        let members: Vec<BTreeSet<Arc<str>>> =
            members.iter().map(|topics| topics.iter().map(|topic| Arc::from(*topic)).collect()).collect();
        let partitions_of =
            |name: &str| topics.iter().find(|(topic, _)| *topic == name).map_or(0, |(_, partitions)| *partitions);
        let assigned: Vec<_> = assign(&members.iter().collect::<Vec<_>>(), partitions_of)
            .iter()
            .map(|held| held.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
            .collect();
        assert_eq!(assigned, expected, "{members:?} {topics:?}");
    }

    /// The cases of Kafka's own `RangeAssignorTest`.
    #[test]
    fn partitions_are_split_as_kafka_splits_them() {
        check(&[&["a"]], &[], &[""]);
        check(&[&["a"]], &[("a", 3)], &["a-0 a-1 a-2"]);
        check(&[&["a"]], &[("a", 3), ("b", 3)], &["a-0 a-1 a-2"]);
        check(&[&["a", "b"]], &[("a", 1), ("b", 2)], &["a-0 b-0 b-1"]);
        check(&[&["a"], &["a"]], &[("a", 1)], &["a-0", ""]);
        check(&[&["a"], &["a"]], &[("a", 2)], &["a-0", "a-1"]);
        check(&[&["a"], &["a", "b"], &["a"]], &[("a", 3), ("b", 2)], &["a-0", "a-1 b-0 b-1", "a-2"]);
        check(&[&["a", "b"], &["a", "b"]], &[("a", 3), ("b", 3)], &["a-0 a-1 b-0 b-1", "a-2 b-2"]);
        check(&[&["a"], &["a"], &["a"]], &[("a", 4)], &["a-0 a-1", "a-2", "a-3"]);
        check(&[], &[("a", 4)], &[]);
    }
}
