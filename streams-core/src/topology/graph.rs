//! The graph: nodes, stores, internal topics, sub-topologies.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::tiles::TileFacts;
use crate::config::Optimizations;
use crate::operators::source::IsReadable;
use crate::operators::wrapping::{ProcessorCall, Wrapper};
use crate::operators::{NodeId, Recipe, StoreId};
use crate::state::StoreKind;
use crate::topic::{Reading, TopicRef};
use crate::windows::WindowSizes;
use crate::wire::Shapes;

/// A program as a graph, built by `StreamsBuilder::build`. It is immutable and shared by all workers.
#[derive(Debug, Clone)]
pub struct Topology {
    graph: Graph,
    subtopologies: Vec<Subtopology>,
    copartitioned: Vec<BTreeSet<TopicRef>>,
    internal_topics: Vec<InternalTopic>,
    optimizations: Optimizations,
    around_processors: Around,
    handlers: Vec<HandlerFacts>,
    pub(super) tiles: Vec<TileFacts>,
}

/// What an application has to know of a handler before it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HandlerFacts {
    pub(crate) node: Arc<str>,
    /// Whether its records are given up as dead letters whatever the settings say.
    pub(crate) wants_dead_letters: bool,
    /// Whether it says how many bytes its records may take.
    pub(crate) has_own_limit: bool,
}

/// The closures around all processors, the first one innermost.
#[derive(Clone, Default)]
struct Around(Arc<[Wrapper]>);

impl fmt::Debug for Around {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} closures", self.0.len())
    }
}

impl Topology {
    pub(crate) fn new(
        graph: Graph,
        subtopologies: Vec<Subtopology>,
        copartitioned: Vec<BTreeSet<TopicRef>>,
        internal_topics: Vec<InternalTopic>,
    ) -> Self {
        let (optimizations, around_processors, handlers) = (Optimizations::NONE, Around::default(), Vec::new());
        let tiles = Vec::new();
        Self { graph, subtopologies, copartitioned, internal_topics, optimizations, around_processors, handlers, tiles }
    }

    /// Puts a closure around all processors, those of the DSL's operations too: it is called with each record on its way
    /// into a node, and lets the node [process](ProcessorCall::process) it. So it can measure, log, trace, change values
    /// and headers, or leave a record out (KIP-1112). Called again, it puts another closure around the first.
    ///
    /// Sources, sinks and the nodes that fill global tables and global stores are not wrapped, nor are punctuations. What a
    /// node sends is seen on its way into the next ones. Records whose values nobody needs are decoded for the closure.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::collections::BTreeMap;
    /// use std::sync::{Arc, Mutex};
    ///
    /// const ORDERS: Topic<String, i64> = Topic::new("orders");
    /// const LARGE: Topic<String, i64> = Topic::new("large-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// let large = builder.stream(ORDERS).filter(|_, cents| *cents >= 1_000).named("large");
    /// large.map_values(|cents| cents / 100).named("euros").to(LARGE);
    ///
    /// let counts: Arc<Mutex<BTreeMap<String, u64>>> = Arc::default();
    /// let counting = Arc::clone(&counts);
    /// let topology = builder.build()?.around_processors(move |call| {
    ///     *counting.lock().unwrap().entry(call.node().to_owned()).or_default() += 1;
    ///     call.process();
    /// });
    ///
    /// let mut driver = TestDriver::new(topology);
    /// for cents in [500, 1_500, 2_500] {
    ///     driver.pipe(&ORDERS, "ada", cents);
    /// }
    /// assert_eq!(driver.read(&LARGE), [("ada".to_owned(), 15), ("ada".to_owned(), 25)]);
    /// let expected = [("large", 3), ("euros", 2)].map(|(node, count)| (node.to_owned(), count));
    /// assert_eq!(*counts.lock().unwrap(), BTreeMap::from(expected));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn around_processors(self, wrapper: impl Fn(&mut ProcessorCall<'_>) + Send + Sync + 'static) -> Self {
        let around = self.around_processors.0.iter().cloned().chain([Arc::new(wrapper) as Wrapper]);
        let around_processors = Around(around.collect());
        Self { around_processors, ..self }
    }

    /// The closures around all processors.
    pub(crate) const fn wrappers(&self) -> &Arc<[Wrapper]> {
        &self.around_processors.0
    }

    pub(crate) fn optimized(self, optimizations: Optimizations) -> Self {
        Self { optimizations, ..self }
    }

    pub(crate) fn with_handlers(self, handlers: Vec<HandlerFacts>) -> Self {
        Self { handlers, ..self }
    }

    pub(crate) fn with_tiles(self, tiles: Vec<TileFacts>) -> Self {
        Self { tiles, ..self }
    }

    /// All handlers.
    pub(crate) fn handlers(&self) -> &[HandlerFacts] {
        &self.handlers
    }

    /// The optimisations that it was built with.
    #[must_use]
    pub const fn optimizations(&self) -> Optimizations {
        self.optimizations
    }

    /// All nodes and stores.
    #[must_use]
    pub const fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The parts that share only topics, in ascending order of their numbers. One partition of a sub-topology is a task.
    #[must_use]
    pub fn subtopologies(&self) -> &[Subtopology] {
        &self.subtopologies
    }

    /// Groups of source topics that must have the same number of partitions, because records with the same key must meet
    /// in one task.
    #[must_use]
    pub fn copartitioned(&self) -> &[BTreeSet<TopicRef>] {
        &self.copartitioned
    }

    /// The same graph in one part, except for global tables.
    pub(crate) fn merged(self) -> Self {
        let (globals, parts): (Vec<_>, Vec<_>) = self.subtopologies.into_iter().partition(|part| part.global);
        let mut whole = Subtopology { id: 0, ..Subtopology::default() };
        for part in parts {
            whole.nodes.extend(part.nodes);
            whole.sources.extend(part.sources);
            whole.sinks.extend(part.sinks);
            whole.stores.extend(part.stores);
        }
        whole.nodes.sort_unstable();
        whole.stores.sort_unstable();
        let globals = (1..).zip(globals).map(|(id, global)| Subtopology { id, ..global });
        Self { subtopologies: std::iter::once(whole).chain(globals).collect(), ..self }
    }

    /// The repartition, retry and changelog topics, which the application creates itself.
    #[must_use]
    pub fn internal_topics(&self) -> &[InternalTopic] {
        &self.internal_topics
    }
}

/// Nodes and stores by number.
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Indexed by a node's number. Parents come before children.
    pub nodes: Vec<Node>,
    /// Indexed by a store's number.
    pub stores: Vec<StoreDefinition>,
}

/// A node: plain data plus the recipe that builds it.
#[derive(Debug, Clone)]
pub struct Node {
    /// Unique in the topology.
    pub name: Arc<str>,
    /// Source, processor or sink.
    pub kind: NodeKind,
    /// The nodes that it gets records from.
    pub parents: Vec<NodeId>,
    /// The nodes that it forwards records to, in this order.
    pub children: Vec<NodeId>,
    /// The stores that it reads or writes.
    pub stores: Vec<StoreId>,
    /// Whether its changes include old values, because something downstream needs them.
    pub sends_old_values: bool,
    /// Builds its operator for a task.
    pub(crate) recipe: Recipe,
}

/// A node's role, with the topics that it reads or writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// Reads topics.
    Source {
        /// At least one.
        topics: Vec<TopicRef>,
        /// What the application says about how they are read.
        reading: Reading,
    },
    /// Transforms records or acts on them.
    Processor,
    /// Writes to a topic.
    Sink {
        /// Of the user, or a repartition topic.
        topic: TopicRef,
    },
    /// Writes each record to the topic that the application chooses for it.
    ChosenSink {
        /// The name of the type that chooses. It changes when code is moved, so topologies that differ in nothing else are
        /// the same.
        chooser: Arc<str>,
    },
}

/// A store in a topology, without its contents.
#[derive(Debug, Clone)]
pub struct StoreDefinition {
    /// Unique in the topology.
    pub name: Arc<str>,
    /// The layout of its rows.
    pub kind: Arc<dyn StoreKind>,
    /// The window sizes of its rows' keys, which the keys' bytes leave out.
    pub windows: WindowSizes,
    /// What its keys and values look like to people.
    pub(crate) shapes: Shapes,
    /// The topic to restore it from: an internal `<store>-changelog`, or the source topic of a global table. `None` if
    /// the store is not logged.
    pub changelog: Option<TopicRef>,
    /// Where a source topic is the changelog: which of its records became rows.
    pub(crate) is_readable: Option<IsReadable>,
    /// Whether it belongs to a global table.
    pub global: bool,
    /// Whether changes of its rows may wait in a cache, as far as the settings allow one.
    pub cached: bool,
    /// Whether its rows are kept in memory wherever those of other stores are.
    pub in_memory: bool,
    /// The user's topic settings for its changelog.
    pub topic_configs: Vec<(String, String)>,
}

/// A topic that the application creates itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalTopic {
    /// The name without the application's id.
    pub name: Arc<str>,
    /// Repartition topic, retry topic or changelog.
    pub kind: InternalTopicKind,
}

/// The purpose of an internal topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InternalTopicKind {
    /// Transfers records to the task of their new key.
    Repartition {
        /// As set by the user; `None` means as many as the widest topic upstream.
        partitions: Option<u32>,
    },
    /// Records of a handler wait there to be handled again.
    Retry {
        /// For how long.
        delay: Duration,
    },
    /// Contains a store's changes.
    Changelog {
        /// The store to restore from it.
        store: StoreId,
    },
}

/// A part of the topology that shares only topics with the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Subtopology {
    /// The number in task ids and in `describe()`.
    pub id: u32,
    /// Parents come before children.
    pub nodes: Vec<NodeId>,
    /// The topics that it reads.
    pub sources: BTreeSet<TopicRef>,
    /// The topics that it writes.
    pub sinks: BTreeSet<TopicRef>,
    /// In ascending order.
    pub stores: Vec<StoreId>,
    /// Whether it only keeps a global table up to date: it has no tasks.
    pub global: bool,
}

impl Graph {
    /// The node with that number; `None` if it is from another graph.
    #[must_use]
    pub fn node(&self, node: NodeId) -> Option<&Node> {
        self.nodes.get(node.0 as usize)
    }

    /// The store with that number; `None` if it is from another graph.
    #[must_use]
    pub fn store(&self, store: StoreId) -> Option<&StoreDefinition> {
        self.stores.get(store.0 as usize)
    }
}
