//! Which tasks send to which repartition topic.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::record::{Partition, TaskId};
use crate::runtime::plan::Plan;
use crate::topology::Subtopology;

/// The senders of each repartition topic whose records are aligned, by the topic's full name.
///
/// A topic whose records come back to its senders, such as those of a foreign-key join, is left out: everybody would wait
/// for everybody.
pub(super) fn senders(plan: &Plan) -> BTreeMap<Arc<str>, Vec<TaskId>> {
    let parts: Vec<_> = plan.topology.subtopologies().iter().map(|part| Part::of(plan, part)).collect();
    let mut senders: BTreeMap<Arc<str>, Vec<TaskId>> = BTreeMap::new();
    for topic in parts.iter().flat_map(|part| &part.writes).filter(|topic| plan.is_repartition_topic(topic)) {
        let readers = || parts.iter().filter(|part| part.reads.contains(topic));
        let writers: Vec<_> = parts.iter().filter(|part| part.writes.contains(topic)).collect();
        let comes_back = writers.iter().any(|writer| readers().any(|reader| leads_to(&parts, reader, writer)));
        if !comes_back {
            senders.insert(Arc::clone(topic), writers.iter().flat_map(|writer| tasks(plan, writer.id)).collect());
        }
    }
    senders
}

/// A sub-topology with the full names of its topics.
struct Part {
    id: u32,
    reads: BTreeSet<Arc<str>>,
    writes: BTreeSet<Arc<str>>,
}

impl Part {
    fn of(plan: &Plan, part: &Subtopology) -> Self {
        let names = |topic| plan.matched.names(topic, &plan.application_id);
        let reads = part.sources.iter().flat_map(names).collect();
        Self { id: part.id, reads, writes: part.sinks.iter().flat_map(names).collect() }
    }
}

/// Whether a record of one part can bring about a record of another.
fn leads_to(parts: &[Part], from: &Part, to: &Part) -> bool {
    let (mut seen, mut next) = (BTreeSet::from([from.id]), vec![from]);
    while let Some(part) = next.pop() {
        if part.id == to.id {
            return true;
        }
        let readers = parts.iter().filter(|reader| !reader.reads.is_disjoint(&part.writes));
        next.extend(readers.filter(|reader| seen.insert(reader.id)));
    }
    false
}

/// One task for each partition of the widest topic that the part reads.
fn tasks(plan: &Plan, part: u32) -> impl Iterator<Item = TaskId> {
    let planned = plan.group.subtopologies.iter().find(|planned| planned.id == part);
    let count = planned.and_then(|planned| planned.topics.values().max().copied()).unwrap_or(0);
    (0..count).map(move |number| TaskId { subtopology: part, partition: Partition(number.cast_signed()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dsl::StreamsBuilder;
    use crate::runtime::matching::MatchedTopics;
    use crate::topic::Topic;
    use crate::topology::Topology;

    const A: Topic<String, String> = Topic::new("a");
    const B: Topic<String, String> = Topic::new("b");

    fn senders_of(topology: Topology, counts: &[(&str, u32)]) -> Vec<String> {
        let counts = counts.iter().map(|(topic, count)| (Arc::from(*topic), *count)).collect();
        let plan = Plan::new("app".into(), Arc::new(topology), &counts, MatchedTopics::default()).expect("a plan");
        let shown = |(topic, tasks): (Arc<str>, Vec<TaskId>)| {
            let tasks: Vec<_> = tasks.iter().map(ToString::to_string).collect();
            format!("{topic}: {}", tasks.join(" "))
        };
        senders(&plan).into_iter().map(shown).collect()
    }

    #[test]
    fn every_task_of_the_parts_upstream_sends() {
        let builder = StreamsBuilder::new();
        let (a, b) = (builder.stream(A), builder.stream(B));
        let both = a.select_key(|_, value| value.clone()).merge(b.select_key(|_, value| value.clone()));
        let counts = both.group_by_key().named("first").count().to_stream();
        _ = counts.group_by(|_, count| *count).named("second").count();
        let topology = builder.build().expect("a topology");
        assert_eq!(
            senders_of(topology, &[("a", 2), ("b", 3)]),
            ["app-first-repartition: 0_0 0_1 0_2", "app-second-repartition: 1_0 1_1 1_2"]
        );
    }

    #[test]
    fn what_comes_back_to_its_senders_is_left_out() {
        let builder = StreamsBuilder::new();
        let (left, right) = (builder.table(A), builder.table(B));
        let joined = left.join_on(right, |_, value: &String| value.clone(), |left, right| format!("{left}{right}"));
        _ = joined.to_stream().group_by(|_, value| value.clone()).named("joined").count();
        let topology = builder.build().expect("a topology");
        let senders = senders_of(topology, &[("a", 1), ("b", 1)]);
        assert_eq!(senders.len(), 1, "{senders:?}");
        assert!(senders[0].starts_with("app-joined-repartition: "), "{senders:?}");
    }
}
