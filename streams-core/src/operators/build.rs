//! Builds a task: turns recipes into linked operators.
//!
//! A topology's nodes are plain data plus one [`Recipe`] each. To build a task, the runtime walks its
//! nodes from sinks to sources and lets each recipe make its node from what [`NodeBuilder`] offers: its
//! children, its stores, the topics it sends to. Nodes find each other and their stores by number, so what they
//! share is [`Untyped`] until then. What the runtime has to drive later (sources, caches, punctuators, stream
//! times) is collected in [`TaskParts`].

use std::any::type_name;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::handler::{Attend, Handling};
use super::meters::SinkMeter;
use super::process::{PunctuationId, ScheduleBook};
use super::untyped::Untyped;
use super::wrapping::{Wrapper, wrapped};
use super::{Address, Context, Destination, Expire, Link, Next, OperatorError, Outputs, Presence, blaming};
use crate::log::RecordRef;
use crate::record::{TaskId, Timestamp};
use crate::state::{CacheBudget, GlobalStore, StoreAccess, StoreView};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::encoded_key::EncodedKey;
use crate::wire::{Field, Shapes};

/// A node's number in its topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u32);

/// A store's number in its topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StoreId(pub u32);

/// How to build a node. Called once per task, on the worker that runs the task.
///
/// It is typed inside only, so it also says what the bytes are that its node reads and writes, for those who have to show
/// them.
#[derive(Clone)]
pub(crate) struct Recipe {
    make: Arc<MakeNode>,
    topic: Option<Shapes>,
    stores: Vec<(StoreId, Shapes)>,
}

type MakeNode = dyn Fn(&mut NodeBuilder<'_>) -> Result<BuiltNode, BuildError> + Send + Sync;

impl Recipe {
    /// Wraps the function that builds the node.
    pub(crate) fn new(
        build: impl Fn(&mut NodeBuilder<'_>) -> Result<BuiltNode, BuildError> + Send + Sync + 'static,
    ) -> Self {
        Self { make: Arc::new(build), topic: None, stores: Vec::new() }
    }

    /// The node reads or writes a topic of such records, whose keys' windows have these sizes.
    pub(crate) fn of_topic<K: Field, V: Field>(self, windows: WindowSizes) -> Self {
        Self { topic: Some(Shapes::of::<K, V>()), ..self }.in_windows(windows)
    }

    /// The windows in the keys of its topic have these sizes.
    pub(crate) fn in_windows(mut self, windows: WindowSizes) -> Self {
        if let Some(Shapes { key, .. }) = &mut self.topic {
            *key = key.clone().in_windows(windows.as_slice());
        }
        self
    }

    /// The node keeps such rows in a store.
    pub(crate) fn of_store<K: Field, V: Field>(self, store: StoreId) -> Self {
        self.of_rows(store, Shapes::of::<K, V>())
    }

    /// As [`Recipe::of_store`], where the types are known as shapes only.
    pub(crate) fn of_rows(mut self, store: StoreId, rows: Shapes) -> Self {
        self.stores.push((store, rows));
        self
    }

    /// The records of its topic are the rows of a store.
    pub(crate) fn of_rows_in_topic(self, store: StoreId) -> Self {
        match self.topic.clone() {
            Some(rows) => self.of_rows(store, rows),
            None => self,
        }
    }

    /// As [`Recipe::of_store`], if there is one.
    pub(crate) fn of_store_if_any<K: Field, V: Field>(self, store: Option<StoreId>) -> Self {
        match store {
            Some(store) => self.of_store::<K, V>(store),
            None => self,
        }
    }

    /// The records of its topic.
    pub(crate) const fn topic(&self) -> Option<&Shapes> {
        self.topic.as_ref()
    }

    /// The rows of its stores.
    pub(crate) fn stores(&self) -> &[(StoreId, Shapes)] {
        &self.stores
    }

    /// The recipe of a node that is made by another one, of the same topic and stores.
    pub(crate) fn around(
        self,
        build: impl Fn(&Self, &mut NodeBuilder<'_>) -> Result<BuiltNode, BuildError> + Send + Sync + 'static,
    ) -> Self {
        let (topic, stores) = (self.topic.clone(), self.stores.clone());
        Self { topic, stores, ..Self::new(move |builder| build(&self, builder)) }
    }

    /// Wraps the recipe, putting something between the node and each of its children.
    pub(crate) fn before_its_children<K: 'static, V: 'static>(
        self,
        between: impl Fn(Link<K, V>) -> Link<K, V> + Send + Sync + 'static,
    ) -> Self {
        self.around(move |inner, builder| {
            // Children that take something else are the node's own, and it says so if they are not.
            let child = |index| match (builder.output(index), builder.children.get(index)) {
                (Ok(link), _) => Some(BuiltLinks::of::<K, V>(between(link))),
                (Err(_), child) => child.cloned(),
            };
            builder.children = (0..builder.children.len()).filter_map(child).collect();
            inner.build(builder)
        })
    }

    /// Builds the node.
    ///
    /// # Errors
    /// When the topology is not what the recipe expects, or the task lacks a topic or store.
    pub(crate) fn build(&self, builder: &mut NodeBuilder<'_>) -> Result<BuiltNode, BuildError> {
        (self.make)(builder)
    }
}

impl std::fmt::Debug for Recipe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipe")
    }
}

/// How parents reach a node that was built.
#[derive(Clone)]
pub(crate) struct BuiltLinks {
    /// The node's object, and those that adapt it to parents that send less or more.
    addresses: Vec<Address>,
    /// A `Link<K, V>`.
    link: Untyped,
    /// A `Link<K, Presence>`, if the node does not read the value.
    presence: Option<Untyped>,
    /// A `Link<Option<EncodedKey>, Presence>`, if the node needs no key either.
    encoded: Option<Untyped>,
    /// If the node takes keys that may be null: a link for parents whose keys cannot be null.
    certain: Option<Untyped>,
    /// The node's name, if closures are to be put around it.
    wrap: Option<Arc<str>>,
}

impl BuiltLinks {
    /// For parents that send records of these types.
    pub(super) fn of<K: 'static, V: 'static>(link: Link<K, V>) -> Self {
        let addresses = vec![Address::of(&link)];
        Self { addresses, link: Untyped::new(link), presence: None, encoded: None, certain: None, wrap: None }
    }

    /// Also for parents that leave out the values.
    pub(super) fn or_without_values<K: 'static>(mut self, link: Link<K, Presence>) -> Self {
        self.addresses.push(Address::of(&link));
        Self { presence: Some(Untyped::new(link)), ..self }
    }

    /// Also for parents that leave out the values and leave the keys encoded.
    pub(super) fn or_with_encoded_keys(mut self, link: Link<Option<EncodedKey>, Presence>) -> Self {
        self.addresses.push(Address::of(&link));
        Self { encoded: Some(Untyped::new(link)), ..self }
    }

    /// Also for parents whose keys cannot be null; `adapt` makes their link.
    pub(super) fn or_with_certain_keys<K: 'static, V: 'static>(
        mut self,
        adapt: impl FnOnce(Link<Option<K>, V>) -> Link<K, V>,
    ) -> Self {
        let certain = self.link.typed().map(adapt);
        self.addresses.extend(certain.as_ref().map(Address::of));
        let certain = certain.map(Untyped::new).or(self.certain);
        Self { certain, ..self }
    }

    /// Closures around the node see whole records.
    fn without_values(&self) -> Option<&Untyped> {
        self.presence.as_ref().filter(|_| self.wrap.is_none())
    }

    fn with_encoded_keys(&self) -> Option<&Untyped> {
        self.encoded.as_ref().filter(|_| self.wrap.is_none())
    }

    /// The link for parents that send records of these types.
    fn typed<K: 'static, V: 'static>(&self) -> Option<Link<K, V>> {
        self.link.typed().or_else(|| self.certain.as_ref()?.typed())
    }
}

/// A node that was built for one task.
pub(crate) enum BuiltNode {
    /// A node that gets records from other nodes.
    Inner(BuiltLinks),
    /// A node that reads a topic's records.
    Source(Rc<RefCell<dyn SourceNode>>),
}

impl BuiltNode {
    /// A node that takes records of these types.
    pub(crate) fn link<K: 'static, V: 'static>(node: impl Next<K, V> + 'static) -> Self {
        let link: Link<K, V> = Rc::new(RefCell::new(node));
        Self::Inner(BuiltLinks::of(link))
    }

    /// As [`BuiltNode::link`], for a node that is already shared, for instance because it also has a cache to flush.
    pub(crate) fn shared<K: 'static, V: 'static, N: Next<K, V> + 'static>(node: &Rc<RefCell<N>>) -> Self {
        Self::Inner(BuiltLinks::of(Rc::clone(node) as Link<K, V>))
    }

    /// A node that reads a topic.
    pub(crate) fn source(node: impl SourceNode + 'static) -> Self {
        Self::Source(Rc::new(RefCell::new(node)))
    }
}

/// A node that decodes a topic's records and forwards them.
pub(crate) trait SourceNode {
    /// Decodes one record and processes it completely.
    ///
    /// # Errors
    /// When the record cannot be read, or an operator fails.
    fn process(&mut self, context: &mut Context, record: RecordRef<'_>) -> Result<(), OperatorError>;

    /// Whether a record can be read, without processing it.
    ///
    /// # Errors
    /// As [`SourceNode::process`], for the record itself.
    fn check(&self, _record: &RecordRef<'_>) -> Result<(), OperatorError> {
        Ok(())
    }

    /// If the source extracts the times of its records: the same source for another input, because it remembers the
    /// next record.
    fn extracting(&self) -> Option<Rc<RefCell<dyn SourceNode>>> {
        None
    }

    /// The time of the record that comes next, for a source that extracts it.
    ///
    /// # Errors
    /// When the record cannot be read, or the application refuses it.
    fn extract(&mut self, record: RecordRef<'_>, _partition_time: Timestamp) -> Result<Timestamp, OperatorError> {
        Ok(record.timestamp)
    }
}

/// A node that holds back updates in a typed cache.
pub trait Flush {
    /// Writes at most `rows_max` dirty rows to the store and the changelog and forwards them, in the order of their
    /// last changes. Returns whether there are more.
    ///
    /// # Errors
    /// As [`Next::process`].
    fn flush(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError>;

    /// Looks at no more than `rows_max` rows and drops those that were not used lately, until the caches keep their
    /// budget; dirty ones are written and forwarded first. Returns whether it has come to the last row: then the
    /// next cache should be asked.
    ///
    /// # Errors
    /// As [`Next::process`].
    fn make_room(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError>;

    /// As [`Flush::make_room`], for a task that may write nothing: drops only rows that are not dirty.
    fn drop_clean(&mut self, rows_max: usize) -> bool;
}

/// A target for punctuations.
pub trait Punctuate {
    /// Called when one of its punctuations is due, with its time.
    ///
    /// # Errors
    /// As [`Next::process`].
    fn punctuate(
        &mut self,
        context: &mut Context,
        punctuation: PunctuationId,
        now: Timestamp,
    ) -> Result<(), OperatorError>;
}

/// A node that is told when its task ends.
pub(crate) trait Close {
    /// Called once.
    fn close(&mut self);
}

/// The nodes to tell when the task ends, whatever the reason: they are told when this is dropped.
#[derive(Default)]
pub(crate) struct Closers(Vec<Rc<RefCell<dyn Close>>>);

impl Drop for Closers {
    fn drop(&mut self) {
        for node in &self.0 {
            // Borrowed only if its own code has panicked.
            if let Ok(mut node) = node.try_borrow_mut() {
                node.close();
            }
        }
    }
}

/// The clock that a punctuation follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PunctuationTime {
    /// The task's stream time, which only records advance. Fires first as soon as stream time is known, then at
    /// multiples of the interval. Missed times are skipped.
    Stream,
    /// Wall-clock time. Fires first one interval after the task started running.
    WallClock,
}

/// A scheduled punctuation.
pub struct Punctuation {
    /// Tells it from others of the task.
    pub id: PunctuationId,
    /// The clock that it follows.
    pub time: PunctuationTime,
    /// The time between two calls.
    pub interval: Duration,
    /// The first of the times at which it is called, if it was said.
    pub start: Option<Timestamp>,
    /// The object to call.
    pub target: Rc<RefCell<dyn Punctuate>>,
}

/// What the runtime drives in a built task.
#[derive(Default)]
pub(crate) struct TaskParts {
    /// The sources, by the node's number.
    pub sources: Vec<(NodeId, Rc<RefCell<dyn SourceNode>>)>,
    /// The caches, in topological order: flushing an earlier one may fill a later one.
    pub caches: Vec<Rc<RefCell<dyn Flush>>>,
    /// The nodes that have handlers running.
    pub attended: Vec<Rc<RefCell<dyn Attend>>>,
    /// The tables whose rows expire, in topological order.
    pub expirers: Vec<Rc<RefCell<dyn Expire>>>,
    /// What the caches may hold, together with others.
    pub cache_budget: CacheBudget,
    /// The cache that is asked next to make room.
    next_cache: usize,
    /// The punctuations, in topological order.
    pub punctuations: Vec<Punctuation>,
    /// What becomes of them later.
    pub schedule: ScheduleBook,
    /// The nodes to tell when the task ends, in topological order.
    pub closers: Closers,
    /// What the operators access their stores through, each store once.
    pub views: Vec<Rc<RefCell<dyn StoreView>>>,
    /// The operators' own stream times by node name, and times that belong to stores. They survive restarts.
    pub stream_times: Vec<(Arc<str>, Rc<Cell<Timestamp>>)>,
    /// What is counted of the records that its sinks send.
    pub meters: Vec<Rc<SinkMeter>>,
    /// Which node an object is, if it panics.
    pub names: HashMap<Address, Arc<str>>,
}

impl TaskParts {
    /// Flushes the caches, at most `rows_max` rows of each. A cache is flushed only when those before it are, which
    /// may fill it. Returns whether there are more rows to flush.
    ///
    /// # Errors
    /// As [`Flush::flush`].
    pub(crate) fn flush(&self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        for cache in &self.caches {
            if blaming(Address::of(cache), || cache.borrow_mut().flush(context, rows_max))? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Deletes the rows that have expired at the context's stream time, and forwards their deletions.
    ///
    /// # Errors
    /// As [`Expire::expire`].
    pub(crate) fn expire(&self, context: &mut Context) -> Result<(), OperatorError> {
        self.expirers.iter().try_for_each(|rows| blaming(Address::of(rows), || rows.borrow_mut().expire(context)))
    }

    /// Makes room in the caches, looking at no more than `rows_max` rows of each. Returns whether it has come to the
    /// last row of the last cache: then the next task should be asked.
    ///
    /// # Errors
    /// As [`Flush::make_room`].
    pub(crate) fn make_room(&mut self, context: &mut Context, rows_max: usize) -> Result<bool, OperatorError> {
        self.ask_caches(|cache| cache.make_room(context, rows_max))
    }

    /// As [`TaskParts::make_room`], for a task that may write nothing: drops only rows that are not dirty.
    pub(crate) fn drop_clean(&mut self, rows_max: usize) -> bool {
        self.ask_caches(|cache| Ok::<_, Infallible>(cache.drop_clean(rows_max))).unwrap_or_else(|never| match never {})
    }

    /// Asks one cache after another, from the one where this ended last, as long as `ask` says that it has come to a
    /// cache's last row. Returns whether it has come to the last cache's.
    fn ask_caches<E>(&mut self, mut ask: impl FnMut(&mut dyn Flush) -> Result<bool, E>) -> Result<bool, E> {
        while let Some(cache) = self.caches.get(self.next_cache) {
            if !blaming(Address::of(cache), || ask(&mut *cache.borrow_mut()))? {
                return Ok(false);
            }
            self.next_cache += 1;
        }
        self.next_cache = 0;
        Ok(true)
    }
}

/// What only the runtime can provide: resolved topics and opened stores.
pub(crate) trait TaskServices {
    /// Resolves a topic to send to.
    ///
    /// # Errors
    /// When the topic does not exist.
    fn destination(&mut self, topic: &TopicRef) -> Result<Destination, BuildError>;

    /// One of the task's stores.
    ///
    /// # Errors
    /// When the task has no such store.
    fn store(&mut self, store: StoreId) -> Result<StoreAccess, BuildError>;

    /// The store of a global table.
    ///
    /// # Errors
    /// When there is no such table.
    fn global_store(&mut self, store: StoreId) -> Result<Arc<GlobalStore>, BuildError>;

    /// What the caches of this task and of all others on its worker may hold.
    fn cache_budget(&self) -> CacheBudget;

    /// Whether what Kafka Streams does wrong is done in the same way.
    fn repeats_flaws(&self) -> bool;

    /// What handlers need to run, where there may be any.
    fn handling(&self) -> Option<Handling> {
        None
    }
}

type SharedView = Rc<RefCell<dyn StoreView>>;

/// What the operators access their stores through, for nodes that only know a store's kind. A view is there when its own
/// node is built.
#[derive(Clone, Default)]
pub(crate) struct OpenViews(Rc<RefCell<HashMap<StoreId, SharedView>>>);

impl OpenViews {
    /// The view of a store.
    pub(super) fn find(&self, store: StoreId) -> Option<SharedView> {
        self.0.borrow().get(&store).map(Rc::clone)
    }

    fn add(&self, store: StoreId, view: SharedView) {
        self.0.borrow_mut().insert(store, view);
    }
}

/// Collects what is built for one task, node by node, from sinks to sources.
pub(crate) struct TaskBuilder<'a> {
    task: TaskId,
    services: &'a mut dyn TaskServices,
    built: HashMap<NodeId, BuiltLinks>,
    names: HashMap<NodeId, Arc<str>>,
    shared: HashMap<StoreId, Untyped>,
    beside: HashMap<StoreId, Untyped>,
    views: OpenViews,
    around: Arc<[Wrapper]>,
    parts: TaskParts,
}

impl<'a> TaskBuilder<'a> {
    /// A builder for a task, with no nodes yet.
    pub(crate) fn new(task: TaskId, services: &'a mut dyn TaskServices) -> Self {
        let parts = TaskParts { cache_budget: services.cache_budget(), ..TaskParts::default() };
        Self {
            task,
            services,
            built: HashMap::new(),
            names: HashMap::new(),
            shared: HashMap::new(),
            beside: HashMap::new(),
            views: OpenViews::default(),
            around: Arc::default(),
            parts,
        }
    }

    /// Puts closures around the processors that are built from now on.
    #[must_use]
    pub(crate) fn around_processors(self, around: &Arc<[Wrapper]>) -> Self {
        Self { around: Arc::clone(around), ..self }
    }

    /// Builds one node, whose children must have been built already.
    ///
    /// # Errors
    /// As [`Recipe::build`].
    pub(crate) fn build(
        &mut self,
        node: NodeId,
        name: &Arc<str>,
        children: &[NodeId],
        sends_old_values: bool,
        recipe: &Recipe,
    ) -> Result<(), BuildError> {
        self.build_node((node, name, false), children, sends_old_values, recipe)
    }

    /// As [`TaskBuilder::build`], for a node that closures are put around, if there are any.
    ///
    /// # Errors
    /// As [`Recipe::build`].
    pub(crate) fn build_processor(
        &mut self,
        node: NodeId,
        name: &Arc<str>,
        children: &[NodeId],
        sends_old_values: bool,
        recipe: &Recipe,
    ) -> Result<(), BuildError> {
        self.build_node((node, name, true), children, sends_old_values, recipe)
    }

    fn build_node(
        &mut self,
        (node, name, is_processor): (NodeId, &Arc<str>, bool),
        children: &[NodeId],
        sends_old_values: bool,
        recipe: &Recipe,
    ) -> Result<(), BuildError> {
        let caches_of_children = self.parts.caches.len();
        let punctuations_of_children = self.parts.punctuations.len();
        let closers_of_children = self.parts.closers.0.len();
        let expirers_of_children = self.parts.expirers.len();
        let child_names = children.iter().filter_map(|child| self.names.get(child).cloned()).collect();
        let children = children.iter().map(|child| self.links(name, *child)).collect::<Result<_, _>>()?;
        self.names.insert(node, Arc::clone(name));
        let (name, around) = (Arc::clone(name), Arc::clone(&self.around));
        let mut builder =
            NodeBuilder { name: Arc::clone(&name), children, child_names, sends_old_values, around, task: self };
        match recipe.build(&mut builder)? {
            BuiltNode::Inner(mut links) => {
                links.wrap = (is_processor && !self.around.is_empty()).then(|| Arc::clone(&name));
                let names = links.addresses.iter().map(|address| (*address, Arc::clone(&name)));
                self.parts.names.extend(names);
                self.built.insert(node, links);
            }
            BuiltNode::Source(source) => {
                self.parts.names.insert(Address::of(&source), name);
                self.parts.sources.push((node, source));
            }
        }
        // Children are built first, but a node's own caches must be flushed before theirs, and its punctuations are
        // scheduled before theirs.
        let own = self.parts.caches.split_off(caches_of_children);
        self.parts.caches.splice(0..0, own);
        let own = self.parts.punctuations.split_off(punctuations_of_children);
        self.parts.punctuations.splice(0..0, own);
        let own = self.parts.closers.0.split_off(closers_of_children);
        self.parts.closers.0.splice(0..0, own);
        let own = self.parts.expirers.split_off(expirers_of_children);
        self.parts.expirers.splice(0..0, own);
        Ok(())
    }

    fn links(&self, parent: &str, child: NodeId) -> Result<BuiltLinks, BuildError> {
        self.built.get(&child).cloned().ok_or_else(|| BuildError {
            node: parent.to_owned(),
            reason: format!("its child, node {}, takes no records or is not built yet", child.0),
        })
    }

    /// A built node's input, for tests that feed it directly.
    #[cfg(test)]
    pub(crate) fn link<K: 'static, V: 'static>(&self, node: NodeId) -> Option<Link<K, V>> {
        self.built.get(&node)?.typed()
    }

    /// The finished task.
    #[must_use]
    pub(crate) fn finish(self) -> TaskParts {
        self.parts
    }
}

/// What a recipe builds its node from.
pub struct NodeBuilder<'a> {
    name: Arc<str>,
    children: Vec<BuiltLinks>,
    child_names: Vec<Arc<str>>,
    sends_old_values: bool,
    around: Arc<[Wrapper]>,
    task: &'a mut dyn BuildTask,
}

/// [`TaskBuilder`] without its lifetime.
trait BuildTask {
    fn task(&self) -> TaskId;
    fn services(&mut self) -> &mut dyn TaskServices;
    fn shared(&mut self) -> &mut HashMap<StoreId, Untyped>;
    fn beside(&mut self) -> &mut HashMap<StoreId, Untyped>;
    fn views(&self) -> &OpenViews;
    fn parts(&mut self) -> &mut TaskParts;
}

impl BuildTask for TaskBuilder<'_> {
    fn task(&self) -> TaskId {
        self.task
    }

    fn services(&mut self) -> &mut dyn TaskServices {
        self.services
    }

    fn shared(&mut self) -> &mut HashMap<StoreId, Untyped> {
        &mut self.shared
    }

    fn beside(&mut self) -> &mut HashMap<StoreId, Untyped> {
        &mut self.beside
    }

    fn views(&self) -> &OpenViews {
        &self.views
    }

    fn parts(&mut self) -> &mut TaskParts {
        &mut self.parts
    }
}

impl NodeBuilder<'_> {
    /// The task being built.
    #[must_use]
    pub fn task(&self) -> TaskId {
        self.task.task()
    }

    /// The node's name.
    #[must_use]
    pub const fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Whether a node downstream needs the old value of each change.
    #[must_use]
    pub const fn sends_old_values(&self) -> bool {
        self.sends_old_values
    }

    /// The names of all children, in their order.
    #[must_use]
    pub(super) fn child_names(&self) -> Vec<Arc<str>> {
        self.child_names.clone()
    }

    /// How many children the node has.
    #[must_use]
    pub const fn children(&self) -> usize {
        self.children.len()
    }

    /// All children, which must accept these types.
    ///
    /// # Errors
    /// When a child accepts other types, which means that the topology was put together wrongly.
    pub fn outputs<K: 'static, V: 'static>(&self) -> Result<Outputs<K, V>, BuildError> {
        (0..self.children.len()).map(|index| self.output(index)).collect::<Result<_, _>>().map(Outputs::new)
    }

    /// As [`NodeBuilder::outputs`], without the first children, which are of another kind.
    ///
    /// # Errors
    /// As [`NodeBuilder::outputs`].
    pub(super) fn outputs_behind<K: 'static, V: 'static>(&self, first: usize) -> Result<Outputs<K, V>, BuildError> {
        (first..self.children.len()).map(|index| self.output(index)).collect::<Result<_, _>>().map(Outputs::new)
    }

    /// One child, which must accept these types.
    ///
    /// # Errors
    /// As [`NodeBuilder::outputs`], and when there is no such child.
    pub fn output<K: 'static, V: 'static>(&self, index: usize) -> Result<Link<K, V>, BuildError> {
        let child = self.children.get(index);
        let link = child.and_then(BuiltLinks::typed).ok_or_else(|| {
            let (key, value) = (type_name::<K>(), type_name::<V>());
            self.error(format!("its child {index} does not take records of {key} and {value}"))
        })?;
        Ok(match child.and_then(|child| child.wrap.as_ref()) {
            Some(name) => wrapped(name, link, &self.around),
            None => link,
        })
    }

    /// All children, if none of them reads values; `None` if one does.
    pub(super) fn outputs_without_values<K: 'static>(&self) -> Option<Outputs<K, Presence>> {
        let presence = |child: &BuiltLinks| child.without_values()?.typed::<Link<K, Presence>>();
        let children = self.children.iter().map(presence).collect::<Option<Vec<_>>>()?;
        (!children.is_empty()).then(|| Outputs::new(children))
    }

    /// All children, if none of them reads values or needs keys; `None` if one does. Whether they take keys of the same
    /// type is for [`NodeBuilder::outputs_without_values`] to check.
    pub(super) fn outputs_with_encoded_keys(&self) -> Option<Outputs<Option<EncodedKey>, Presence>> {
        let encoded = |child: &BuiltLinks| child.with_encoded_keys()?.typed::<Link<Option<EncodedKey>, Presence>>();
        let children = self.children.iter().map(encoded).collect::<Option<Vec<_>>>()?;
        (!children.is_empty()).then(|| Outputs::new(children))
    }

    /// Resolves a topic to send to.
    ///
    /// # Errors
    /// When the topic does not exist.
    pub fn destination(&mut self, topic: &TopicRef) -> Result<Destination, BuildError> {
        self.task.services().destination(topic)
    }

    /// The task's only view of a store. `make` creates it on the first request; all nodes that ask for the store
    /// share it.
    ///
    /// # Errors
    /// When the task has no such store, or another node uses it with another type.
    pub(crate) fn store<S: StoreView>(
        &mut self,
        store: StoreId,
        make: impl FnOnce(StoreAccess) -> S,
    ) -> Result<Rc<RefCell<S>>, BuildError> {
        self.cached_store(store, |access, _| make(access))
    }

    /// As [`NodeBuilder::store`], for rows with a cache: `make` also gets its budget, which is off if the store is to
    /// have none.
    ///
    /// # Errors
    /// As [`NodeBuilder::store`].
    pub(crate) fn cached_store<S: StoreView>(
        &mut self,
        store: StoreId,
        make: impl FnOnce(StoreAccess, CacheBudget) -> S,
    ) -> Result<Rc<RefCell<S>>, BuildError> {
        if let Some(shared) = self.task.shared().get(&store) {
            return shared.typed().ok_or_else(|| {
                self.error(format!("one of its stores is used elsewhere as another type than {}", type_name::<S>()))
            });
        }
        let access = self.task.services().store(store)?;
        let budget = if access.is_cached() { self.task.services().cache_budget() } else { CacheBudget::off() };
        let shared = Rc::new(RefCell::new(make(access, budget)));
        self.task.parts().views.push(Rc::clone(&shared) as _);
        self.task.views().add(store, Rc::clone(&shared) as _);
        self.task.shared().insert(store, Untyped::new(Rc::clone(&shared)));
        Ok(shared)
    }

    /// As [`NodeBuilder::cached_store`], for rows that expire: `make` also gets the time of the newest row that was ever
    /// written, which survives restarts.
    ///
    /// # Errors
    /// As [`NodeBuilder::store`].
    pub(crate) fn timed_store<S: StoreView>(
        &mut self,
        store: StoreId,
        make: impl FnOnce(StoreAccess, CacheBudget, Rc<Cell<Timestamp>>) -> S,
    ) -> Result<Rc<RefCell<S>>, BuildError> {
        self.store_with_time(store, time_of_store, make)
    }

    /// As [`NodeBuilder::timed_store`], but for a time that may also go back: after a restart it is what it was at the last
    /// commit.
    ///
    /// # Errors
    /// As [`NodeBuilder::store`].
    pub(crate) fn marked_store<S: StoreView>(
        &mut self,
        store: StoreId,
        make: impl FnOnce(StoreAccess, Rc<Cell<Timestamp>>) -> S,
    ) -> Result<Rc<RefCell<S>>, BuildError> {
        self.store_with_time(store, mark_of_store, |access, _, time| make(access, time))
    }

    fn store_with_time<S: StoreView>(
        &mut self,
        store: StoreId,
        name: fn(&str) -> String,
        make: impl FnOnce(StoreAccess, CacheBudget, Rc<Cell<Timestamp>>) -> S,
    ) -> Result<Rc<RefCell<S>>, BuildError> {
        let mut kept = None;
        let view = self.cached_store(store, |access, budget| {
            let time = Rc::new(Cell::new(Timestamp::UNKNOWN));
            kept = Some((Arc::from(name(access.name())), Rc::clone(&time)));
            make(access, budget, time)
        })?;
        self.task.parts().stream_times.extend(kept);
        Ok(view)
    }

    /// The store itself, for nodes that leave its rows to others.
    ///
    /// # Errors
    /// When the task has no such store.
    pub(super) fn access(&mut self, store: StoreId) -> Result<StoreAccess, BuildError> {
        self.task.services().store(store)
    }

    /// The views of all stores.
    pub(super) fn open_views(&self) -> OpenViews {
        self.task.views().clone()
    }

    /// How long a store keeps the versions that its rows had, if it does.
    ///
    /// # Errors
    /// When the task has no such store.
    pub(crate) fn history(&mut self, store: StoreId) -> Result<Option<Duration>, BuildError> {
        Ok(self.task.services().store(store)?.kind().history())
    }

    /// How long a store keeps rows, if they are deleted then.
    ///
    /// # Errors
    /// When the task has no such store.
    pub(crate) fn expires_after(&mut self, store: StoreId) -> Result<Option<Duration>, BuildError> {
        Ok(self.task.services().store(store)?.kind().expires_after())
    }

    /// Whether the task has no caches at all.
    pub(crate) fn caches_are_off(&mut self) -> bool {
        self.task.services().cache_budget().is_off()
    }

    /// Whether what Kafka Streams does wrong is done in the same way.
    pub(super) fn repeats_flaws(&mut self) -> bool {
        self.task.services().repeats_flaws()
    }

    /// What several nodes of a task share in memory, besides a store or without one. It is found by a store's number, which
    /// need not be one of the task's.
    ///
    /// # Errors
    /// When another node uses it with another type.
    pub(crate) fn beside<S: Default + 'static>(&mut self, store: StoreId) -> Result<Rc<RefCell<S>>, BuildError> {
        let shared = self.task.beside().entry(store).or_insert_with(|| Untyped::new(Rc::<RefCell<S>>::default()));
        shared.typed().ok_or_else(|| {
            self.error(format!("what it shares with another node is of another type than {}", type_name::<S>()))
        })
    }

    /// The store of a global table.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn global_store(&mut self, store: StoreId) -> Result<Arc<GlobalStore>, BuildError> {
        self.task.services().global_store(store)
    }

    /// This node's own stream time. It survives restarts and is [`Timestamp::UNKNOWN`] at first.
    pub fn stream_time(&mut self) -> Rc<Cell<Timestamp>> {
        let time = Rc::new(Cell::new(Timestamp::UNKNOWN));
        let name = Arc::clone(&self.name);
        self.task.parts().stream_times.push((name, Rc::clone(&time)));
        time
    }

    /// Counts what the node sends to a topic; `None` if the application chooses the topic for each record.
    pub(super) fn meter(&mut self, topic: Option<&Arc<str>>) -> Rc<SinkMeter> {
        let meter = SinkMeter::new(Arc::clone(&self.name), topic.cloned());
        self.task.parts().meters.push(Rc::clone(&meter));
        meter
    }

    /// Registers the node's cache to be flushed at commits.
    pub fn flush_at_commit(&mut self, cache: Rc<RefCell<dyn Flush>>) {
        self.task.parts().caches.push(cache);
    }

    /// What handlers need to run.
    ///
    /// # Errors
    /// When there can be none.
    pub(super) fn handling(&mut self) -> Result<Handling, BuildError> {
        self.task.services().handling().ok_or_else(|| self.error("no handlers can run here"))
    }

    /// Registers a node that has handlers running.
    pub(super) fn attend(&mut self, node: Rc<RefCell<dyn Attend>>) {
        self.task.parts().attended.push(node);
    }

    /// Registers the node's rows to be deleted when they have expired.
    pub(super) fn expire(&mut self, rows: Rc<RefCell<dyn Expire>>) {
        self.task.parts().expirers.push(rows);
    }

    /// Schedules a punctuation.
    pub fn punctuate(&mut self, punctuation: Punctuation) {
        self.task.parts().punctuations.push(punctuation);
    }

    /// Where the task's processors schedule punctuations while it runs.
    pub(super) fn schedule_book(&mut self) -> ScheduleBook {
        self.task.parts().schedule.clone()
    }

    /// Tells the node when the task ends.
    pub(super) fn close_with_task(&mut self, node: Rc<RefCell<dyn Close>>) {
        self.task.parts().closers.0.push(node);
    }

    /// Creates an error that names this node.
    pub fn error(&self, reason: impl Into<String>) -> BuildError {
        BuildError { node: self.name.to_string(), reason: reason.into() }
    }
}

/// Why a task could not be built.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot build node {node}: {reason}")]
pub struct BuildError {
    /// The node that could not be built.
    pub node: String,
    /// What is wrong, and where possible what to do.
    pub reason: String,
}

crate::debug_says_what_display_says!(BuildError);

/// The name under which the time of a store's newest row is kept, beside the times of the nodes: no node has such a name.
pub(crate) fn time_of_store(store: &str) -> String {
    format!("store:{store}")
}

const MARK: &str = "mark:";

/// The name under which a time that belongs to a store and may go back is kept.
pub(crate) fn mark_of_store(store: &str) -> String {
    format!("{MARK}{store}")
}

/// Whether the time of that name may go back, so that the last one counts instead of the largest.
pub(crate) fn is_mark(name: &str) -> bool {
    name.starts_with(MARK)
}
