//! `Topology::describe()`: the text that Kafka Streams prints, byte for byte.
//!
//! Tools parse this text, so its oddities are kept: the third space before the first sub-topology, the blank line after
//! every sub-topology except those of global tables, and an order of nodes that depends on Java's collections. Nodes
//! with more paths below them come first. But a node's neighbours are sorted by the counts at the time they were added,
//! which happens in the order in which Java's hash set of node names yields them.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use super::graph::{Graph, Node, NodeKind, Subtopology, Topology};
use super::java_order::{TreeSet, copied_hash_set_order, hash_set_order};
use crate::operators::NodeId;
use crate::topic::TopicRef;

impl Topology {
    /// The topology as Kafka Streams' `Topology.describe()` prints it.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(Topic::<(), String>::new("lines")).to(Topic::<(), String>::new("copies"));
    /// assert_eq!(
    ///     builder.build()?.describe(),
    ///     "\
    /// Topologies:
    ///    Sub-topology: 0
    ///     Source: KSTREAM-SOURCE-0000000000 (topics: [lines])
    ///       --> KSTREAM-SINK-0000000001
    ///     Sink: KSTREAM-SINK-0000000001 (topic: copies)
    ///       <-- KSTREAM-SOURCE-0000000000
    ///
    /// "
    /// );
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Topologies:\n ")?;
        self.subtopologies().iter().try_for_each(|part| Description::new(self.graph(), part).write(f, part))
    }
}

/// One sub-topology while it is being printed.
struct Description<'a> {
    graph: &'a Graph,
    nodes: HashMap<NodeId, Described>,
}

/// A node with its neighbours, while it is being printed.
#[derive(Default)]
struct Described {
    /// The number of paths that start here, including the empty one.
    size: usize,
    before: TreeSet<NodeId>,
    after: TreeSet<NodeId>,
}

impl<'a> Description<'a> {
    fn new(graph: &'a Graph, part: &Subtopology) -> Self {
        let nodes = part.nodes.iter().map(|node| (*node, Described { size: 1, ..Described::default() })).collect();
        let mut description = Self { graph, nodes };
        // Java puts the names into a hash set, and from that into a hash map.
        let names = part.nodes.iter().filter_map(|node| graph.node(*node).map(|data| Named { node: *node, data }));
        for Named { node, data } in hash_set_order(hash_set_order(names.collect())) {
            for parent in &data.parents {
                description.connect(*parent, node);
            }
        }
        description
    }

    /// Connects a node to one of its parents, and updates the parent's count.
    fn connect(&mut self, parent: NodeId, child: NodeId) {
        let mut before = std::mem::take(&mut self.described(child).before);
        before.insert(parent, |left, right| self.compare(*left, *right));
        self.described(child).before = before;
        let mut after = std::mem::take(&mut self.described(parent).after);
        after.insert(child, |left, right| self.compare(*left, *right));
        self.described(parent).after = after;
        let size = self.described(child).size;
        self.grow(parent, size);
    }

    /// Adds `size` to a node and, once per path, to everything above it. Parents have smaller numbers, so when nodes are
    /// visited in descending order, all paths to a node are known by then.
    fn grow(&mut self, node: NodeId, size: usize) {
        let mut paths = BTreeMap::from([(node, 1_usize)]);
        while let Some((node, count)) = paths.pop_last() {
            let described = self.described(node);
            described.size = described.size.saturating_add(size.saturating_mul(count));
            for parent in described.before.iter() {
                let paths = paths.entry(*parent).or_default();
                *paths = paths.saturating_add(count);
            }
        }
    }

    /// Larger nodes first, then by name.
    fn compare(&self, left: NodeId, right: NodeId) -> Ordering {
        let size = |node| self.nodes.get(&node).map_or(0, |described| described.size);
        size(right).cmp(&size(left)).then_with(|| self.name(left).cmp(self.name(right)))
    }

    fn described(&mut self, node: NodeId) -> &mut Described {
        self.nodes.entry(node).or_default()
    }

    fn name(&self, node: NodeId) -> &'a str {
        self.graph.node(node).map_or("", |node| &node.name)
    }

    fn names(&self, nodes: &TreeSet<NodeId>) -> String {
        let names: Vec<_> = nodes.iter().map(|node| self.name(*node)).collect();
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, part: &Subtopology) -> fmt::Result {
        let remark = if part.global { " for global store (will not generate tasks)" } else { "" };
        writeln!(f, "  Sub-topology: {}{remark}", part.id)?;
        let mut nodes = part.nodes.clone();
        if !part.global {
            nodes.sort_by(|left, right| self.compare(*left, *right));
        }
        for id in nodes {
            if let (Some(node), Some(described)) = (self.graph.node(id), self.nodes.get(&id)) {
                self.write_node(f, node, described)?;
            }
        }
        if part.global { Ok(()) } else { writeln!(f) }
    }

    fn write_node(&self, f: &mut fmt::Formatter<'_>, node: &Node, described: &Described) -> fmt::Result {
        let (before, after) = (self.names(&described.before), self.names(&described.after));
        match &node.kind {
            NodeKind::Source { topics, .. } => {
                let topics = match topics.as_slice() {
                    [TopicRef::Matching(pattern)] => pattern.text().to_string(),
                    topics => {
                        let topics = hash_set_order(topics.iter().map(TopicRef::short_name).collect());
                        format!("[{}]", copied_hash_set_order(topics).join(", "))
                    }
                };
                writeln!(f, "    Source: {} (topics: {topics})\n      --> {after}", node.name)
            }
            NodeKind::Processor => {
                let stores = node.stores.iter().filter_map(|store| self.graph.store(*store));
                let stores = copied_hash_set_order(hash_set_order(stores.map(|store| &*store.name).collect()));
                let stores = stores.join(", ");
                writeln!(f, "    Processor: {} (stores: [{stores}])\n      --> {after}\n      <-- {before}", node.name)
            }
            NodeKind::ChosenSink { chooser } => {
                writeln!(f, "    Sink: {} (extractor class: {chooser})\n      <-- {before}", node.name)
            }
            NodeKind::Sink { topic } => {
                writeln!(f, "    Sink: {} (topic: {})\n      <-- {before}", node.name, topic.short_name())
            }
        }
    }
}

/// A node that Java's collections order by its name.
struct Named<'a> {
    node: NodeId,
    data: &'a Node,
}

impl AsRef<str> for Named<'_> {
    fn as_ref(&self) -> &str {
        &self.data.name
    }
}
