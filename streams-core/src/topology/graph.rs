//! The graph: nodes, stores, internal topics, sub-topologies.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::operators::{NodeId, Recipe, StoreId};
use crate::state::StoreKind;
use crate::topic::TopicRef;
use crate::windows::WindowSizes;

/// What the user's program means. Made by `StreamsBuilder::build`; immutable from then on, shared by
/// all workers.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The nodes and stores.
    graph: Graph,
    /// The parts that share nothing but topics, ascending by number. A sub-topology times a partition
    /// is a task.
    subtopologies: Vec<Subtopology>,
    /// Groups of source topics that must have the same number of partitions, because records of one
    /// key must meet in one task.
    copartitioned: Vec<BTreeSet<TopicRef>>,
    /// The topics the application creates for itself.
    internal_topics: Vec<InternalTopic>,
}

impl Topology {
    pub(crate) const fn new(
        graph: Graph,
        subtopologies: Vec<Subtopology>,
        copartitioned: Vec<BTreeSet<TopicRef>>,
        internal_topics: Vec<InternalTopic>,
    ) -> Self {
        Self { graph, subtopologies, copartitioned, internal_topics }
    }

    /// The nodes and stores.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The parts that share nothing but topics, in ascending order of their numbers.
    #[must_use]
    pub fn subtopologies(&self) -> &[Subtopology] {
        &self.subtopologies
    }

    /// Groups of source topics that must have the same number of partitions.
    #[must_use]
    pub fn copartitioned(&self) -> &[BTreeSet<TopicRef>] {
        &self.copartitioned
    }

    /// The topics that the application creates for itself.
    #[must_use]
    pub fn internal_topics(&self) -> &[InternalTopic] {
        &self.internal_topics
    }
}

/// Nodes and stores by number.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// The nodes; a node's number is its place. Parents come before children.
    pub nodes: Vec<Node>,
    /// The stores; a store's number is its place.
    pub stores: Vec<StoreDefinition>,
}

/// A node: plain data plus the recipe that builds it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Its name, unique in the topology.
    pub name: Arc<str>,
    /// What it is.
    pub kind: NodeKind,
    /// The nodes it gets records from.
    pub parents: Vec<NodeId>,
    /// The nodes it hands records to, in this order.
    pub children: Vec<NodeId>,
    /// The stores it reads or writes.
    pub stores: Vec<StoreId>,
    /// Whether its changes carry old values, because something downstream needs them.
    pub sends_old_values: bool,
    /// How to build it.
    pub(crate) recipe: Recipe,
}

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// Reads topics.
    Source {
        /// Which topics.
        topics: Vec<TopicRef>,
    },
    /// Does something to records.
    Processor,
    /// Writes to a topic.
    Sink {
        /// Which topic.
        topic: TopicRef,
    },
}

/// A store as the topology knows it.
#[derive(Debug, Clone)]
pub struct StoreDefinition {
    /// Its name, unique in the topology.
    pub name: Arc<str>,
    /// What its rows are.
    pub kind: Arc<dyn StoreKind>,
    /// How long the windows of its rows' keys are, which the keys' bytes leave out.
    pub windows: WindowSizes,
    /// The topic that holds its changes, to restore it from: an internal `<store>-changelog`, or the
    /// source topic itself for global tables. `None`: the store is not logged.
    pub changelog: Option<TopicRef>,
    /// Whether it belongs to a global table.
    pub global: bool,
    /// Topic settings for its changelog that the user asked for.
    pub topic_configs: Vec<(String, String)>,
}

/// A topic the application creates for itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalTopic {
    /// Its name without the application's id.
    pub name: Arc<str>,
    /// What it is for.
    pub kind: InternalTopicKind,
}

/// What an internal topic is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InternalTopicKind {
    /// Carries records to the task of their new key.
    Repartition {
        /// How many partitions, if the user said so; otherwise as many as the widest topic upstream.
        partitions: Option<u32>,
    },
    /// Holds a store's changes.
    Changelog {
        /// Whose.
        store: StoreId,
    },
}

/// A part of the topology that shares nothing but topics with the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subtopology {
    /// Its number, as in task ids and in `describe()`.
    pub id: u32,
    /// Its nodes, parents before children.
    pub nodes: Vec<NodeId>,
    /// The topics it reads.
    pub sources: BTreeSet<TopicRef>,
    /// The topics it writes.
    pub sinks: BTreeSet<TopicRef>,
    /// Its stores, ascending.
    pub stores: Vec<StoreId>,
    /// Whether it only keeps a global table up to date: it has no tasks.
    pub global: bool,
}

impl Graph {
    /// The node of that number.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node.0 as usize)
    }

    /// The store of that number.
    #[must_use]
    pub fn store(&self, store: StoreId) -> Option<&StoreDefinition> {
        self.stores.get(store.0 as usize)
    }
}
