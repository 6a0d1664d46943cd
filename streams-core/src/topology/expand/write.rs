//! Writes the graph, node by node.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::super::error::{CallSite, TopologyError};
use super::super::graph::{Graph, HandlerFacts, InternalTopic, InternalTopicKind, Node, NodeKind, StoreDefinition};
use super::super::names;
use super::super::subtopologies::ConnectedNodes;
use crate::operators::{NodeId, Recipe, StoreId};
use crate::topic::{Reading, TopicRef};

/// The part of the graph that has been written.
#[derive(Default)]
pub(super) struct GraphWriter {
    pub(super) graph: Graph,
    pub(super) repartition_topics: Vec<InternalTopic>,
    pub(super) retry_topics: Vec<InternalTopic>,
    pub(super) handlers: Vec<HandlerFacts>,
    /// Groups of nodes that are connected or share a store.
    pub(super) connected: ConnectedNodes,
    places: HashMap<Arc<str>, CallSite>,
    source_topics: HashMap<TopicRef, CallSite>,
    store_users: HashMap<StoreId, NodeId>,
}

/// The properties that all nodes have.
pub(super) struct NewNode<'a> {
    pub(super) name: &'a str,
    pub(super) parents: &'a [NodeId],
    pub(super) recipe: Recipe,
    pub(super) at: CallSite,
}

impl GraphWriter {
    /// Begins a graph with these stores.
    pub(super) fn new(stores: Vec<StoreDefinition>) -> Self {
        Self { graph: Graph { stores, ..Graph::default() }, ..Self::default() }
    }

    pub(super) fn source(
        &mut self,
        node: NewNode<'_>,
        topics: Vec<TopicRef>,
        reading: Reading,
    ) -> Result<NodeId, TopologyError> {
        for topic in &topics {
            self.check_patterns(topic, node.at)?;
            if let Some(first) = self.source_topics.insert(topic.clone(), node.at) {
                return Err(TopologyError::TopicReadTwice {
                    topic: topic.short_name().to_owned(),
                    reason: "a topic has only one source; read it once, and use that stream or table".to_owned(),
                    first,
                    second: node.at,
                });
            }
        }
        self.node(node, NodeKind::Source { topics, reading })
    }

    /// Refuses a topic whose name matches another source's pattern, which would read it as well.
    fn check_patterns(&self, topic: &TopicRef, at: CallSite) -> Result<(), TopologyError> {
        let both = |other: &TopicRef| match (topic, other) {
            (TopicRef::Matching(pattern), TopicRef::External(name))
            | (TopicRef::External(name), TopicRef::Matching(pattern)) => {
                pattern.matcher()(name).then(|| (Arc::clone(name), Arc::clone(pattern.text())))
            }
            _ => None,
        };
        let found = self.source_topics.iter().find_map(|(other, first)| Some((both(other)?, *first)));
        let Some(((topic, pattern), first)) = found else { return Ok(()) };
        let reason =
            format!("by its name, and because it matches the pattern `{pattern}`; leave it out of the pattern");
        Err(TopologyError::TopicReadTwice { topic: topic.to_string(), reason, first, second: at })
    }

    pub(super) fn processor(&mut self, node: NewNode<'_>, stores: &[StoreId]) -> Result<NodeId, TopologyError> {
        let id = self.node(node, NodeKind::Processor)?;
        for store in stores {
            let first_user = *self.store_users.entry(*store).or_insert(id);
            self.connected.unite(first_user, id);
            let stores = &mut self.graph.nodes[id.0 as usize].stores;
            if !stores.contains(store) {
                stores.push(*store);
            }
        }
        Ok(id)
    }

    pub(super) fn sink(&mut self, node: NewNode<'_>, topic: TopicRef) -> Result<NodeId, TopologyError> {
        self.node(node, NodeKind::Sink { topic })
    }

    pub(super) fn chosen_sink(&mut self, node: NewNode<'_>, chooser: &str) -> Result<NodeId, TopologyError> {
        self.node(node, NodeKind::ChosenSink { chooser: chooser.into() })
    }

    pub(super) fn repartition_topic(
        &mut self,
        name: &str,
        partitions: Option<u32>,
        at: CallSite,
    ) -> Result<TopicRef, TopologyError> {
        names::check(name, at)?;
        let name: Arc<str> = name.into();
        let kind = InternalTopicKind::Repartition { partitions };
        self.repartition_topics.push(InternalTopic { name: Arc::clone(&name), kind });
        Ok(TopicRef::Internal(name))
    }

    pub(super) fn retry_topic(&mut self, name: &str, delay: Duration, at: CallSite) -> Result<TopicRef, TopologyError> {
        names::check(name, at)?;
        let name: Arc<str> = name.into();
        self.retry_topics.push(InternalTopic { name: Arc::clone(&name), kind: InternalTopicKind::Retry { delay } });
        Ok(TopicRef::Internal(name))
    }

    /// Whether there is a store, and changes of its rows may wait in a cache.
    pub(super) fn is_cached(&self, store: Option<&StoreId>) -> bool {
        store.and_then(|store| self.graph.store(*store)).is_some_and(|store| store.cached)
    }

    /// The topics that a source reads, by the source's name.
    pub(super) fn topics_of(&self, source: &str) -> &[TopicRef] {
        self.graph.nodes.iter().find(|node| &*node.name == source).map_or(&[], |node| match &node.kind {
            NodeKind::Source { topics, .. } => topics,
            NodeKind::Processor | NodeKind::Sink { .. } | NodeKind::ChosenSink { .. } => &[],
        })
    }

    fn node(&mut self, node: NewNode<'_>, kind: NodeKind) -> Result<NodeId, TopologyError> {
        let NewNode { name, parents, recipe, at } = node;
        names::check(name, at)?;
        let name: Arc<str> = name.into();
        if let Some(first) = self.places.insert(Arc::clone(&name), at) {
            return Err(TopologyError::DuplicateNode { name: name.to_string(), first, second: at });
        }
        let id = u32::try_from(self.graph.nodes.len())
            .map(NodeId)
            .map_err(|_| TopologyError::Internal("more than 4 billion nodes".to_owned()))?;
        self.connected.add(id);
        for parent in parents {
            self.graph.nodes[parent.0 as usize].children.push(id);
            self.connected.unite(*parent, id);
        }
        for (store, shapes) in recipe.stores() {
            if let Some(store) = self.graph.stores.get_mut(store.0 as usize) {
                store.shapes = shapes.clone();
            }
        }
        let parents = parents.to_vec();
        let (children, stores) = (Vec::new(), Vec::new());
        self.graph.nodes.push(Node { name, kind, parents, children, stores, sends_old_values: false, recipe });
        Ok(id)
    }
}
