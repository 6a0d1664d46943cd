//! Properties of all programs: random ones are built, inspected and run.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use proptest::prelude::*;
use streams_core::dsl::{GlobalKTable, KStream, KTable, StreamsBuilder};
use streams_core::state::KeyValueStore;
use streams_core::testing::TestDriver;
use streams_core::topic::{Topic, TopicRef};
use streams_core::topology::{InternalTopicKind, NodeKind, StoreId, Topology};

/// A call: its kind, the earlier stream or table that it is for, another one to combine with, and whether it gets a name.
type Step = (u8, prop::sample::Index, prop::sample::Index, bool);

fn topic(kind: &str, number: usize) -> Topic<String, String> {
    Topic::named(format!("{kind}{number}")).unwrap()
}

struct Program<'t> {
    builder: &'t StreamsBuilder,
    streams: Vec<KStream<'t, String, String>>,
    tables: Vec<KTable<'t, String, String>>,
    globals: Vec<GlobalKTable<'t, String, String>>,
}

impl<'t> Program<'t> {
    fn apply(&mut self, number: usize, (kind, left, right, named): &Step) {
        let builder = self.builder;
        let (stream, other) = (*left.get(&self.streams), *right.get(&self.streams));
        let (table, other_table) = (*right.get(&self.tables), *left.get(&self.tables));
        let global = *right.get(&self.globals);
        let name = format!("name-{number}");
        let stream_named = |stream: KStream<'t, String, String>| if *named { stream.named(&name) } else { stream };
        match kind % 25 {
            0 => self.streams.push(builder.stream(topic("stream", number))),
            // Sometimes a name that is already used.
            1 => self.streams.push(builder.stream(topic("shared", number % 2))),
            2 => self.tables.push(builder.table(topic("table", number))),
            3 => self.globals.push(builder.global_table(topic("global", number))),
            4 => self.streams.push(stream_named(stream.filter(|_, value| value.len() % 5 != 4))),
            5 => self.streams.push(stream_named(stream.map_values(|value| value + "v"))),
            6 => self.streams.push(stream_named(stream.select_key(|_, value| value.clone()))),
            7 => self.streams.push(stream_named(stream.merge(other))),
            8 => {
                let split = stream.split();
                self.streams.push(stream_named(split.branch(|_, value| value.len().is_multiple_of(2))));
                self.streams.push(split.default_branch());
            }
            9 => self.streams.push(stream.repartition().partitions(1).map_values(|value| value)),
            10 => self.tables.push(stream.to_table()),
            11 => {
                let group = stream.group_by_key();
                let group = if *named { group.named(&name) } else { group };
                self.tables.push(group.reduce(|left, _| left));
                self.tables.push(group.count().map_values(|count| count.to_string()));
            }
            12 => self.tables.push(stream.group_by(|_, value| value.clone()).aggregate(String::new, |_, _| {})),
            13 => self.tables.push(table.filter(|_, value| value.len() % 3 != 2)),
            14 => {
                let mapped = table.map_values(|value| value + "t");
                let store = KeyValueStore::named(format!("store-{number}")).unwrap();
                self.tables.push(if *named { mapped.stored_as(store) } else { mapped });
            }
            15 => self.streams.push(table.to_stream().map_values(Option::unwrap_or_default)),
            16 => {
                let group = table.group_by(|key, value| (value, key.clone()));
                let group = if *named { group.named(&name) } else { group };
                self.tables.push(group.reduce(|left, _| left, |left, _| left));
                self.tables.push(group.count().map_values(|count| count.to_string()));
            }
            17 => self.streams.push(stream_named(stream.join(table, |left, _| left))),
            18 => self.streams.push(stream_named(stream.left_join(table, |left, _| left))),
            19 => self.tables.push(table.join(other_table, |left, right| left + &right)),
            20 => self.tables.push(table.left_join(other_table, |left, _| left).not_cached()),
            21 => {
                let joined = table.outer_join(other_table, Option::or);
                let store = KeyValueStore::named(format!("store-{number}")).unwrap();
                self.tables.push(if *named { joined.stored_as(store) } else { joined });
            }
            22 => self.tables.push(table.join_on(other_table, |_, row| row.clone(), |left, _| left)),
            _ if *named => {
                let joined = table.left_join_on(other_table, |key, _| Some(key.clone()), |left, _| left);
                self.tables.push(joined.named(&name));
            }
            _ => self.streams.push(stream_named(stream.join_global(global, |key, _| key.clone(), |left, _| left))),
        }
    }
}

/// Builds a random program, or returns why it makes no sense.
fn build(steps: &[Step]) -> Result<Topology, streams_core::topology::TopologyError> {
    let builder = StreamsBuilder::new();
    let mut program = Program {
        builder: &builder,
        streams: vec![builder.stream(topic("shared", 0))],
        tables: vec![builder.table(topic("first-table", 0))],
        globals: vec![builder.global_table(topic("first-global", 0))],
    };
    for (number, step) in steps.iter().enumerate() {
        program.apply(number, step);
    }
    let end = *program.streams.last().unwrap();
    end.to(topic("out", 0));
    builder.build()
}

/// Parents and children refer to each other, and parents come first.
fn check_edges(topology: &Topology) {
    let nodes = &topology.graph().nodes;
    let names: HashSet<_> = nodes.iter().map(|node| &node.name).collect();
    assert_eq!(names.len(), nodes.len(), "names are unique");
    for (number, node) in nodes.iter().enumerate() {
        for parent in &node.parents {
            assert!((parent.0 as usize) < number, "{} before its parent", node.name);
            let children = &nodes[parent.0 as usize].children;
            assert_eq!(children.iter().filter(|child| child.0 as usize == number).count(), 1, "{}", node.name);
        }
        assert!(node.parents.is_empty() == matches!(node.kind, NodeKind::Source { .. }), "{}", node.name);
        assert!(node.children.is_empty() || !matches!(node.kind, NodeKind::Sink { .. }), "{}", node.name);
    }
}

/// Each node is in exactly one sub-topology, with its parents and all users of its stores.
fn check_parts(topology: &Topology) {
    let mut part_of = BTreeMap::new();
    let mut store_in: BTreeMap<StoreId, u32> = BTreeMap::new();
    for (number, part) in topology.subtopologies().iter().enumerate() {
        assert_eq!(part.id as usize, number);
        for node in &part.nodes {
            assert_eq!(part_of.insert(*node, part.id), None, "a node has one sub-topology");
            for store in &topology.graph().node(*node).unwrap().stores {
                assert_eq!(*store_in.entry(*store).or_insert(part.id), part.id, "a store has one sub-topology");
            }
        }
        let stores: BTreeSet<_> = store_in.iter().filter(|(_, id)| **id == part.id).map(|(store, _)| *store).collect();
        assert_eq!(part.stores, stores.into_iter().collect::<Vec<_>>());
    }
    assert_eq!(part_of.len(), topology.graph().nodes.len());
    assert_eq!(store_in.len(), topology.graph().stores.len(), "every store has a user");
    for (node, part) in &part_of {
        assert!(topology.graph().node(*node).unwrap().parents.iter().all(|parent| part_of.get(parent) == Some(part)));
    }
}

/// Every internal topic is written by one node and read by one, or belongs to a store.
fn check_internal_topics(topology: &Topology) {
    for internal in topology.internal_topics() {
        let reference = TopicRef::Internal(internal.name.clone());
        match internal.kind {
            InternalTopicKind::Repartition { .. } | InternalTopicKind::Retry { .. } => {
                let writes = |node: &&streams_core::topology::Node| matches!(&node.kind, NodeKind::Sink { topic } if *topic == reference);
                let reads = |node: &&streams_core::topology::Node| matches!(&node.kind, NodeKind::Source { topics, .. } if topics.contains(&reference));
                let nodes = &topology.graph().nodes;
                assert_eq!(
                    (nodes.iter().filter(writes).count(), nodes.iter().filter(reads).count()),
                    (1, 1),
                    "{reference:?}"
                );
            }
            InternalTopicKind::Changelog { store } => {
                assert_eq!(topology.graph().store(store).unwrap().changelog, Some(reference));
            }
        }
    }
    let all: HashSet<_> = topology.internal_topics().iter().map(|topic| &topic.name).collect();
    assert_eq!(all.len(), topology.internal_topics().len(), "topics are made once");
    for group in topology.copartitioned() {
        assert!(group.len() > 1);
        for topic in group {
            assert!(topology.subtopologies().iter().any(|part| part.sources.contains(topic)), "{topic:?} is read");
        }
    }
}

fn check_texts(topology: &Topology) {
    let text = topology.describe();
    let count = |start: &str| text.matches(start).count();
    let nodes = count("    Source: ") + count("    Processor: ") + count("    Sink: ");
    assert_eq!(nodes, topology.graph().nodes.len());
    assert_eq!(text, topology.clone().describe(), "the same text each time");
    let json = topology.to_json();
    assert_eq!(json["subtopologies"].as_array().unwrap().len(), topology.subtopologies().len());
}

fn check_run(topology: Topology) {
    let sources: BTreeSet<_> = topology.subtopologies().iter().flat_map(|part| part.sources.clone()).collect();
    let mut driver = TestDriver::new(topology);
    for value in ["a", "bb", "ccc"] {
        for source in &sources {
            if let TopicRef::External(name) = source {
                driver.pipe(&Topic::<String, String>::named(name.to_string()).unwrap(), "key", value);
            }
        }
    }
    driver.stop();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn every_program_has_a_topology_that_holds_together_and_runs(steps in prop::collection::vec(any::<Step>(), 0..20)) {
        let topology = build(&steps).unwrap();
        check_edges(&topology);
        check_parts(&topology);
        check_internal_topics(&topology);
        check_texts(&topology);
        check_run(topology);
    }
}
