//! Sub-topologies: the parts of the graph that share only topics.

use std::collections::{BTreeMap, BTreeSet};

use super::graph::{Graph, NodeKind, Subtopology};
use crate::operators::NodeId;

/// Sets of nodes that are connected to each other or to the same store.
#[derive(Default)]
pub(crate) struct ConnectedNodes {
    /// For each node, the next node on the path to its group's representative.
    towards: Vec<usize>,
}

impl ConnectedNodes {
    /// Adds a node as a group of its own. Nodes are added in the order of their numbers.
    pub(crate) fn add(&mut self, node: NodeId) {
        self.towards.push(node.0 as usize);
    }

    /// Merges the groups of two nodes.
    pub(crate) fn unite(&mut self, left: NodeId, right: NodeId) {
        let (left, right) = (self.representative(left), self.representative(right));
        self.towards[right] = left;
    }

    fn representative(&self, node: NodeId) -> usize {
        let mut at = node.0 as usize;
        while self.towards[at] != at {
            at = self.towards[at];
        }
        at
    }

    /// The sub-topologies, numbered in the order in which their first nodes were added, including those of global
    /// tables.
    pub(crate) fn subtopologies(&self, graph: &Graph) -> Vec<Subtopology> {
        let mut groups: Vec<Vec<NodeId>> = Vec::new();
        let mut numbers = BTreeMap::new();
        for (node, _) in (0..).map(NodeId).zip(&graph.nodes) {
            let number = *numbers.entry(self.representative(node)).or_insert(groups.len());
            if number == groups.len() {
                groups.push(Vec::new());
            }
            groups[number].push(node);
        }
        (0..).zip(groups).map(|(id, nodes)| subtopology(id, nodes, graph)).collect()
    }
}

fn subtopology(id: u32, nodes: Vec<NodeId>, graph: &Graph) -> Subtopology {
    let (mut sources, mut sinks, mut stores) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for node in nodes.iter().filter_map(|node| graph.node(*node)) {
        stores.extend(node.stores.iter().copied());
        match &node.kind {
            NodeKind::Source { topics, .. } => sources.extend(topics.iter().cloned()),
            NodeKind::Sink { topic } => {
                sinks.insert(topic.clone());
            }
            NodeKind::Processor | NodeKind::ChosenSink { .. } => {}
        }
    }
    let global = stores.iter().any(|store| graph.store(*store).is_some_and(|store| store.global));
    Subtopology { id, nodes, sources, sinks, stores: stores.into_iter().collect(), global }
}
