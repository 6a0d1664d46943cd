//! The user's program as a graph of plain data.
//!
//! The graph consists of names, kinds and connections, which can be printed and compared; each node has one opaque
//! [`Recipe`](crate::operators::Recipe) that builds its operator for a task. This module runs nothing: no clock, no
//! input or output, no store.
//!
//! The user's calls arrive as a [`program`]; [`expand`](expand::expand) turns it into the [`graph`] and assigns the same
//! [`names`] as Kafka Streams.

mod copartition;
mod describe;
mod difference;
mod dot;
mod error;
pub(crate) mod expand;
mod facts;
mod fingerprint;
mod graph;
mod internal_topic;
mod java_order;
mod json;
mod mermaid;
pub(crate) mod names;
mod picture;
pub(crate) mod program;
mod store_changes;
mod subtopologies;
pub(crate) mod tiles;

pub use crate::config::Optimizations;
pub use crate::operators::{NodeId, StoreId};
pub use difference::Difference;
pub use error::{CallSite, TopologyError};
pub use facts::{StoreFacts, TopicFacts};
pub use fingerprint::Fingerprint;
pub use graph::{Graph, InternalTopic, InternalTopicKind, Node, NodeKind, StoreDefinition, Subtopology, Topology};
pub(crate) use store_changes::{StoreChange, StoreChanges};
pub use tiles::{TileCell, TileFacts, TileKind, TileNumber, TileRow, TileSpan};
