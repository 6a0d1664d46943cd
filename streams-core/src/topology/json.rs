//! The topology as JSON, for programs that draw or compare topologies.

use serde_json::{Value, json};

use super::graph::{InternalTopicKind, Node, NodeKind, StoreDefinition, Topology};
use crate::operators::{NodeId, StoreId};
use crate::topic::TopicRef;

impl Topology {
    /// The topology as JSON. The names of internal topics come without the application id.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use serde_json::json;
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(Topic::<(), String>::new("lines")).to(Topic::<(), String>::new("copies"));
    /// let topology = builder.build()?.to_json();
    /// assert_eq!(
    ///     topology["subtopologies"][0]["nodes"][1],
    ///     json!({
    ///         "name": "KSTREAM-SINK-0000000001",
    ///         "type": "sink",
    ///         "topics": ["copies"],
    ///         "stores": [],
    ///         "predecessors": ["KSTREAM-SOURCE-0000000000"],
    ///         "successors": []
    ///     })
    /// );
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn to_json(&self) -> Value {
        let subtopologies = self.subtopologies().iter().map(|part| {
            let nodes = part.nodes.iter().filter_map(|node| self.graph().node(*node));
            json!({
                "id": part.id,
                "global": part.global,
                "nodes": nodes.map(|node| self.node(node)).collect::<Vec<_>>(),
                "stores": self.store_names(&part.stores),
            })
        });
        let internal_topics = self.internal_topics().iter().map(|topic| match topic.kind {
            InternalTopicKind::Repartition { partitions } => {
                json!({ "name": &*topic.name, "type": "repartition", "partitions": partitions })
            }
            InternalTopicKind::Retry { delay } => {
                json!({ "name": &*topic.name, "type": "retry", "delay_ms": delay.as_millis() })
            }
            InternalTopicKind::Changelog { store } => {
                json!({ "name": &*topic.name, "type": "changelog", "store": self.store_names(&[store]).first() })
            }
        });
        let copartitioned = self.copartitioned().iter().map(|group| group.iter().map(TopicRef::short_name).collect());
        let stores = self.stores_in_use().map(|(_, store)| store);
        json!({
            "subtopologies": subtopologies.collect::<Vec<_>>(),
            "stores": stores.map(store).collect::<Vec<_>>(),
            "internal_topics": internal_topics.collect::<Vec<_>>(),
            "copartitioned": copartitioned.collect::<Vec<Vec<_>>>(),
        })
    }

    fn node(&self, node: &Node) -> Value {
        let (kind, topics) = match &node.kind {
            NodeKind::Source { topics, .. } => ("source", topics.iter().map(TopicRef::short_name).collect()),
            NodeKind::Processor => ("processor", Vec::new()),
            NodeKind::ChosenSink { .. } => ("sink", Vec::new()),
            NodeKind::Sink { topic } => ("sink", vec![topic.short_name()]),
        };
        json!({
            "name": &*node.name,
            "type": kind,
            "topics": topics,
            "stores": self.store_names(&node.stores),
            "predecessors": self.node_names(&node.parents),
            "successors": self.node_names(&node.children),
        })
    }

    fn node_names(&self, nodes: &[NodeId]) -> Vec<&str> {
        nodes.iter().filter_map(|node| self.graph().node(*node)).map(|node| &*node.name).collect()
    }

    fn store_names(&self, stores: &[StoreId]) -> Vec<&str> {
        stores.iter().filter_map(|store| self.graph().store(*store)).map(|store| &*store.name).collect()
    }
}

fn store(store: &StoreDefinition) -> Value {
    let mut value = json!({
        "name": &*store.name,
        "type": store.kind.name(),
        "changelog": store.changelog.as_ref().map(TopicRef::short_name),
        "global": store.global,
    });
    for (field, detail) in store.kind.details() {
        value[field] = detail;
    }
    value
}
