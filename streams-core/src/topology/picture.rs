//! The topology as boxes and arrows, for any format: topics outside, nodes and stores in their sub-topologies.

use std::collections::BTreeSet;

use super::graph::{Node, NodeKind, StoreDefinition, Subtopology, Topology};
use crate::operators::{NodeId, StoreId};
use crate::topic::TopicRef;

/// The contents of a drawing.
pub(super) struct Picture<'a> {
    topology: &'a Topology,
    topics: Vec<&'a TopicRef>,
}

/// A box in a drawing. Prints as an identifier.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Topic(usize),
    Node(NodeId),
    Store(StoreId),
}

/// An arrow between two boxes, for records or for access to state.
pub(super) struct Arrow {
    pub(super) from: Place,
    pub(super) to: Place,
    /// Whether it connects a node with a store, rather than showing where records go.
    pub(super) state: bool,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Topic(number) => write!(f, "topic{number}"),
            Self::Node(node) => write!(f, "node{}", node.0),
            Self::Store(store) => write!(f, "store{}", store.0),
        }
    }
}

impl<'a> Picture<'a> {
    pub(super) fn of(topology: &'a Topology) -> Self {
        let topics: BTreeSet<_> = topology.graph().nodes.iter().flat_map(topics_of).collect();
        Self { topology, topics: topics.into_iter().collect() }
    }

    /// The topics, each with its name.
    pub(super) fn topics(&self) -> impl Iterator<Item = (Place, &'a TopicRef)> {
        self.topics.iter().enumerate().map(|(number, topic)| (Place::Topic(number), *topic))
    }

    /// The caption of a sub-topology.
    pub(super) fn title(part: &Subtopology) -> String {
        if part.global { "global table".to_owned() } else { format!("sub-topology {}", part.id) }
    }

    /// The boxes of a sub-topology's nodes.
    pub(super) fn nodes(&self, part: &'a Subtopology) -> impl Iterator<Item = (Place, &'a Node)> {
        let graph = self.topology.graph();
        part.nodes.iter().filter_map(move |id| graph.node(*id).map(|node| (Place::Node(*id), node)))
    }

    /// The boxes of a sub-topology's stores.
    pub(super) fn stores(&self, part: &'a Subtopology) -> impl Iterator<Item = (Place, &'a StoreDefinition)> {
        let graph = self.topology.graph();
        part.stores.iter().filter_map(move |id| graph.store(*id).map(|store| (Place::Store(*id), store)))
    }

    /// All arrows: first those for records, in the order of the nodes, then those for state.
    pub(super) fn arrows(&self) -> Vec<Arrow> {
        let mut arrows = Vec::new();
        let mut state = Vec::new();
        for (id, node) in (0..).map(NodeId).zip(&self.topology.graph().nodes) {
            let place = Place::Node(id);
            for topic in topics_of(node) {
                let topic = Place::Topic(self.topics.binary_search(&topic).unwrap_or_else(|place| place));
                let (from, to) = match node.kind {
                    NodeKind::Sink { .. } | NodeKind::ChosenSink { .. } => (place, topic),
                    NodeKind::Source { .. } | NodeKind::Processor => (topic, place),
                };
                arrows.push(Arrow { from, to, state: false });
            }
            let children = node.children.iter().map(|child| Place::Node(*child));
            arrows.extend(children.map(|to| Arrow { from: place, to, state: false }));
            state.extend(node.stores.iter().map(|store| Arrow { from: place, to: Place::Store(*store), state: true }));
        }
        arrows.append(&mut state);
        arrows
    }
}

fn topics_of(node: &Node) -> &[TopicRef] {
    match &node.kind {
        NodeKind::Source { topics, .. } => topics,
        NodeKind::Sink { topic } => std::slice::from_ref(topic),
        NodeKind::Processor | NodeKind::ChosenSink { .. } => &[],
    }
}
