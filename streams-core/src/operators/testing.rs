//! A test harness for operators: one node between a driver and recording children, with in-memory stores. Tests are
//! timelines of records in and records out.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::handler::{Handling, InFlightBudget};
use super::{
    BuildError, BuiltNode, Collector, Context, Destination, DropReason, Link, Next, NodeId, OperatorError, Recipe,
    SourceNode, StoreId, TaskBuilder, TaskParts, TaskServices, Unaddressed,
};
use crate::clock::ManualClock;
use crate::executor::{SharedExecutor, Stepped};
use crate::log::{BatchBuilder, Doorbell, LogError, TopicHandle};
use crate::random::Seeded;
use crate::record::{Headers, Offset, Partition, Record, TaskId, Timestamp};
use crate::state::kinds::{Table, Windowing};
use crate::state::{
    CacheBudget, Changelog, GlobalStore, KeyRange, Memory, StateBackend, StoreAccess, StoreBatch, StoreError,
    StoreIndex, StoreKind, TaskState,
};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::{DecodeError, EncodeError, Key, Value};

/// A record without headers.
pub(crate) fn at<K, V>(timestamp: i64, key: K, value: V) -> Record<K, V> {
    Record::new(key, value, Timestamp(timestamp))
}

pub(crate) fn headers(name: &str, value: &'static str) -> Headers {
    let mut headers = Headers::new();
    headers.push(name, value);
    headers
}

pub(crate) fn values<K, V: Clone>(records: &[Record<K, V>]) -> Vec<V> {
    records.iter().map(|record| record.value.clone()).collect()
}

/// UTF-8 text.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Word(pub(crate) String);

impl From<&str> for Word {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Value for Word {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        if self.0 == "unencodable" {
            return Err(EncodeError::new::<Self>("it says so"));
        }
        out.extend_from_slice(self.0.as_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Self(text.to_owned())),
            Err(error) => Err(DecodeError::new::<Self>(error.to_string())),
        }
    }
}

impl Key for Word {}

/// A number in Java's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Num(pub(crate) i64);

impl Value for Num {
    fn encode(&self, out: &mut Vec<u8>) -> Result<(), EncodeError> {
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(())
    }

    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let bytes = bytes.try_into().map_err(|_| DecodeError::new::<Self>("not 8 bytes"))?;
        Ok(Self(i64::from_be_bytes(bytes)))
    }
}

impl Key for Num {}

/// A record that the task sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) topic: Arc<str>,
    pub(crate) partition: Partition,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) value: Option<Vec<u8>>,
    pub(crate) timestamp: Timestamp,
    pub(crate) headers: Headers,
}

#[derive(Default)]
struct Outbox {
    sent: Vec<Sent>,
    /// How many partitions topics have that the topology does not name, and whether that is known already.
    partitions: u32,
    known: Known,
    waiting: Vec<Unaddressed>,
}

/// When a topic that the topology does not name is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Known {
    #[default]
    Now,
    Later,
}

impl Outbox {
    fn know(&mut self, known: Known) {
        self.known = known;
        if known == Known::Later {
            return;
        }
        for Unaddressed { topic, node, key, value, timestamp, headers, choose, .. } in std::mem::take(&mut self.waiting)
        {
            let destination = self.destination(&topic).unwrap();
            for partition in choose(&destination, &node, key.as_deref()).unwrap() {
                self.send(&destination, partition, key.as_deref(), value.as_deref(), timestamp, &headers).unwrap();
            }
        }
    }
}

impl Collector for Outbox {
    fn send(
        &mut self,
        destination: &Destination,
        partition: Partition,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), LogError> {
        let (key, value) = (key.map(<[u8]>::to_vec), value.map(<[u8]>::to_vec));
        let topic = Arc::clone(&destination.topic);
        self.sent.push(Sent { topic, partition, key, value, timestamp, headers: headers.clone() });
        Ok(())
    }

    fn destination(&mut self, topic: &str) -> Option<Destination> {
        let (topic, handle, partitions) = (topic.into(), TopicHandle(0), self.partitions);
        (self.known == Known::Now).then_some(Destination { topic, handle, partitions, is_internal: false, marks: None })
    }

    fn send_when_known(&mut self, record: Unaddressed) -> Result<(), LogError> {
        self.waiting.push(record);
        Ok(())
    }
}

/// A changelog record: key, value, timestamp.
pub(crate) type Logged = (Vec<u8>, Option<Vec<u8>>, i64);

#[derive(Default)]
struct Recorder(Vec<(Logged, Headers)>);

impl Changelog for Recorder {
    fn append(
        &mut self,
        key: &[u8],
        value: Option<&[u8]>,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), StoreError> {
        self.0.push(((key.to_vec(), value.map(<[u8]>::to_vec), timestamp.0), headers.clone()));
        Ok(())
    }
}

/// Configures a test's task.
pub(crate) struct Setup {
    pub(crate) cache_bytes: usize,
    pub(crate) old_values: bool,
    pub(crate) partitions: u32,
    /// The stores' names, by number.
    pub(crate) stores: Vec<&'static str>,
    /// The kind of all stores, and the sizes of the windows in their keys.
    pub(crate) kind: Arc<dyn StoreKind>,
    pub(crate) windows: WindowSizes,
    /// Whether the flaws of Kafka Streams are repeated.
    pub(crate) repeats_flaws: bool,
    /// Every global store is this one.
    pub(crate) global: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) children: usize,
    /// Runs handlers.
    pub(crate) executor: SharedExecutor,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            cache_bytes: 0,
            old_values: false,
            partitions: 1,
            stores: vec!["store"],
            kind: Arc::new(Table),
            windows: WindowSizes::NONE,
            repeats_flaws: false,
            global: vec![],
            children: 1,
            executor: Arc::new(Stepped::new(Arc::new(ManualClock::at(Timestamp(0))))),
        }
    }
}

impl Setup {
    /// The same with stores that keep a row per key and window, each for that long.
    pub(crate) fn windowed(self, windows: impl Windowing, retention: Duration) -> Self {
        let kind = windows.kind(retention);
        let windows = kind.window_size().map_or(self.windows, |size| self.windows.within(size));
        Self { kind, windows, ..self }
    }
}

/// The stores and changelogs of a test's task.
pub(crate) struct TestServices {
    setup: Setup,
    state: Rc<RefCell<TaskState>>,
    changelogs: Vec<Rc<RefCell<Recorder>>>,
    outbox: Rc<RefCell<Outbox>>,
    budget: CacheBudget,
}

impl TestServices {
    fn new(setup: Setup) -> Self {
        let names: Vec<_> = setup.stores.iter().map(ToString::to_string).collect();
        let store = Memory.open(Path::new("unused"), &names).unwrap();
        let changelogs = names.iter().map(|_| Rc::default()).collect();
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let budget = CacheBudget::new(setup.cache_bytes);
        let outbox = Outbox { partitions: setup.partitions, ..Outbox::default() };
        Self { setup, state, changelogs, outbox: Rc::new(RefCell::new(outbox)), budget }
    }

    fn index(store: usize) -> StoreIndex {
        StoreIndex(u16::try_from(store + 1).unwrap())
    }
}

impl TaskServices for TestServices {
    fn destination(&mut self, topic: &TopicRef) -> Result<Destination, BuildError> {
        let is_internal = matches!(topic, TopicRef::Internal(_));
        let partitions = self.setup.partitions;
        Ok(Destination { topic: topic.full_name("app"), handle: TopicHandle(0), partitions, is_internal, marks: None })
    }

    fn store(&mut self, store: StoreId) -> Result<StoreAccess, BuildError> {
        let number = store.0 as usize;
        let changelog = Rc::clone(&self.changelogs[number]) as Rc<RefCell<dyn Changelog>>;
        let name = self.setup.stores[number].into();
        let access = StoreAccess::new(name, Self::index(number), Rc::clone(&self.state), Some(changelog));
        let access = access.of(Arc::clone(&self.setup.kind), self.setup.windows);
        Ok(access.repeating_flaws(self.setup.repeats_flaws))
    }

    fn global_store(&mut self, _store: StoreId) -> Result<Arc<GlobalStore>, BuildError> {
        let mut store = Memory.open(Path::new("unused"), &["global".to_owned()]).unwrap();
        let mut batch = StoreBatch::default();
        for (key, value) in &self.setup.global {
            batch.put(StoreIndex(1), key.as_slice(), value.as_slice());
        }
        store.write(batch).unwrap();
        Ok(Arc::new(GlobalStore::new("global", StoreIndex(1), store)))
    }

    fn cache_budget(&self) -> CacheBudget {
        self.budget.clone()
    }

    fn repeats_flaws(&self) -> bool {
        self.setup.repeats_flaws
    }

    fn handling(&self) -> Option<Handling> {
        Some(Handling {
            executor: Arc::clone(&self.setup.executor),
            doorbell: Doorbell::new(),
            random: Arc::new(Seeded::new(1)),
            waits_for_commits: false,
            budget: InFlightBudget::of(usize::MAX),
        })
    }
}

/// One node, its recording children, and the task around it.
pub(crate) struct Chain<K, V, K2, V2> {
    pub(crate) context: Context,
    pub(crate) parts: TaskParts,
    services: TestServices,
    input: Option<Link<K, V>>,
    children: Vec<Received<K2, V2>>,
}

/// The records that a child received.
type Received<K, V> = Arc<Mutex<Vec<Record<K, V>>>>;

struct Child<K, V>(Received<K, V>);

impl<K, V> Next<K, V> for Child<K, V> {
    fn process(&mut self, _context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        self.0.lock().unwrap().push(record);
        Ok(())
    }
}

impl<K, V, K2, V2> Chain<K, V, K2, V2>
where
    K: 'static,
    V: 'static,
    K2: Send + 'static,
    V2: Send + 'static,
{
    pub(crate) fn new(recipe: &Recipe) -> Self {
        Self::with(Setup::default(), recipe)
    }

    pub(crate) fn with_children(recipe: &Recipe, children: usize) -> Self {
        Self::with(Setup { children, ..Setup::default() }, recipe)
    }

    pub(crate) fn try_new(recipe: &Recipe, children: usize) -> Result<Self, BuildError> {
        Self::build(Setup { children, ..Setup::default() }, recipe)
    }

    pub(crate) fn with(setup: Setup, recipe: &Recipe) -> Self {
        Self::build(setup, recipe).unwrap()
    }

    fn build(setup: Setup, recipe: &Recipe) -> Result<Self, BuildError> {
        Self::build_over(TestServices::new(setup), recipe)
    }

    /// Adds a second node to the task, without children.
    pub(crate) fn with_neighbour<K3: 'static, V3: 'static>(
        setup: Setup,
        recipe: &Recipe,
        neighbour: &Recipe,
    ) -> (Self, Link<K3, V3>) {
        let mut found = None;
        let chain = Self::build_beside(TestServices::new(setup), &[recipe], |builder| {
            builder.build(NodeId(1_000), &"NEIGHBOUR".into(), &[], false, neighbour)?;
            found = builder.link(NodeId(1_000));
            Ok(())
        });
        (chain.unwrap(), found.unwrap())
    }

    fn build_over(services: TestServices, recipe: &Recipe) -> Result<Self, BuildError> {
        Self::build_beside(services, &[recipe], |_| Ok(()))
    }

    /// Chains several nodes; only the last one's output is recorded.
    pub(crate) fn in_a_row(setup: Setup, recipes: &[&Recipe]) -> Self {
        Self::build_beside(TestServices::new(setup), recipes, |_| Ok(())).unwrap()
    }

    fn build_beside(
        mut services: TestServices,
        recipes: &[&Recipe],
        beside: impl FnOnce(&mut TaskBuilder<'_>) -> Result<(), BuildError>,
    ) -> Result<Self, BuildError> {
        let task = TaskId { subtopology: 0, partition: Partition(0) };
        let old_values = services.setup.old_values;
        let children: Vec<Received<K2, V2>> = (0..services.setup.children).map(|_| Arc::default()).collect();
        let node = |number: usize| NodeId(u32::try_from(number).unwrap());
        let ids: Vec<_> = (0..services.setup.children).map(|child| node(100 + child)).collect();
        let mut builder = TaskBuilder::new(task, &mut services);
        for (id, child) in ids.iter().zip(&children) {
            let child = Arc::clone(child);
            let recipe = Recipe::new(move |_| Ok(BuiltNode::link(Child(Arc::clone(&child)))));
            builder.build(*id, &"CHILD".into(), &[], false, &recipe)?;
        }
        let mut below = ids;
        for (number, recipe) in recipes.iter().enumerate().rev() {
            builder.build(node(number), &"NODE".into(), &below, old_values, recipe)?;
            below = vec![node(number)];
        }
        let input = builder.link(NodeId(0));
        beside(&mut builder)?;
        let parts = builder.finish();
        let context = Context::new(task, Rc::clone(&services.outbox) as Rc<RefCell<dyn Collector>>);
        Ok(Self { context, parts, services, input, children })
    }

    /// Builds a new task over the committed state, as after a restart.
    pub(crate) fn restarted(self, recipe: &Recipe) -> Self {
        self.retyped(recipe)
    }

    /// As [`Chain::restarted`], with a node of other types.
    pub(crate) fn retyped<K3, V3, K4, V4>(self, recipe: &Recipe) -> Chain<K3, V3, K4, V4>
    where
        K3: 'static,
        V3: 'static,
        K4: Send + 'static,
        V4: Send + 'static,
    {
        self.services.state.borrow_mut().discard();
        Chain::build_over(self.services, recipe).unwrap()
    }

    pub(crate) fn send(&mut self, record: Record<K, V>) {
        self.try_send(record).unwrap();
    }

    pub(crate) fn try_send(&mut self, record: Record<K, V>) -> Result<(), OperatorError> {
        self.context.stream_time = self.context.stream_time.max(record.timestamp);
        let input = self.input.as_ref().expect("a node that takes these types");
        let processed = input.borrow_mut().process(&mut self.context, record);
        self.make_room();
        processed
    }

    /// What the only child received since the last call.
    pub(crate) fn received(&mut self) -> Vec<Record<K2, V2>> {
        self.received_by(0)
    }

    pub(crate) fn received_by(&mut self, child: usize) -> Vec<Record<K2, V2>> {
        std::mem::take(&mut *self.children[child].lock().unwrap())
    }

    /// Flushes the caches, as a commit does.
    pub(crate) fn flush(&mut self) {
        while self.parts.flush(&mut self.context, 3).unwrap() {}
    }

    /// Makes room in the caches, as a worker does between two records.
    pub(crate) fn make_room(&mut self) {
        // The first time round, rows may be marked as used.
        for _ in 0..2 {
            while self.services.budget.is_exceeded() && !self.parts.make_room(&mut self.context, 3).unwrap() {}
        }
    }

    pub(crate) fn cached_bytes(&self) -> usize {
        self.services.budget.held()
    }

    /// Commits the uncommitted writes.
    pub(crate) fn commit(&mut self) {
        self.flush();
        let mut state = self.services.state.borrow_mut();
        let batch = state.pending_batch();
        state.write(batch).unwrap();
    }

    /// Every pair of a store, including uncommitted ones.
    pub(crate) fn stored(&self, store: usize) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut pairs = Vec::new();
        let state = self.services.state.borrow();
        let mut each = |key: &[u8], value: &[u8]| {
            pairs.push((key.to_vec(), value.to_vec()));
            true
        };
        state.scan(TestServices::index(store), KeyRange::ALL, &mut each).unwrap();
        pairs
    }

    /// What was written to a store's changelog since the last call.
    pub(crate) fn logged(&mut self, store: usize) -> Vec<Logged> {
        let without_headers = |(logged, headers): (Logged, Headers)| {
            assert!(headers.is_empty(), "tables' changelogs carry no headers");
            logged
        };
        self.logged_with_headers(store).into_iter().map(without_headers).collect()
    }

    /// As [`Chain::logged`], with the records' headers.
    pub(crate) fn logged_with_headers(&mut self, store: usize) -> Vec<(Logged, Headers)> {
        std::mem::take(&mut self.services.changelogs[store].borrow_mut().0)
    }

    /// Everything the task has sent so far.
    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.services.outbox.borrow().sent.clone()
    }
}

/// A sink under test.
pub(crate) struct SinkChain<K, V>(Chain<K, V, (), ()>);

impl<K: 'static, V: 'static> SinkChain<K, V> {
    pub(crate) fn new(recipe: &Recipe, partitions: u32) -> Self {
        Self(Chain::with(Setup { partitions, children: 0, ..Setup::default() }, recipe))
    }

    pub(crate) fn send(&mut self, record: Record<K, V>) -> Result<(), OperatorError> {
        self.0.try_send(record)
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.0.sent()
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.0.context.dropped(reason)
    }

    /// Says when topics that the topology does not name are known.
    pub(crate) fn know(&self, known: Known) {
        self.0.services.outbox.borrow_mut().know(known);
    }
}

/// A source under test.
pub(crate) struct SourceChain<K, V>(Chain<(), (), K, V>);

impl<K: Send + 'static, V: Send + 'static> SourceChain<K, V> {
    pub(crate) fn new(recipe: &Recipe) -> Self {
        Self(Chain::new(recipe))
    }

    /// A source followed by another node.
    pub(crate) fn over(source: &Recipe, node: &Recipe) -> Self {
        Self::over_with(Setup { cache_bytes: 0, ..Setup::default() }, source, node)
    }

    pub(crate) fn over_with(setup: Setup, source: &Recipe, node: &Recipe) -> Self {
        Self(Chain::in_a_row(setup, &[source, node]))
    }

    pub(crate) fn flush(&mut self) {
        self.0.flush();
    }

    pub(crate) fn feed(
        &mut self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        timestamp: Timestamp,
    ) -> Result<(), OperatorError> {
        let mut batch = BatchBuilder::default();
        batch.push(Offset(0), timestamp, key, value, &Headers::new());
        let batch = batch.finish(Offset(1));
        let source: &Rc<RefCell<dyn SourceNode>> = &self.0.parts.sources[0].1;
        source.borrow_mut().process(&mut self.0.context, batch.get(0).unwrap())
    }

    pub(crate) fn received(&mut self) -> Vec<Record<K, V>> {
        self.0.received()
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.0.sent()
    }

    pub(crate) fn dropped(&self, reason: DropReason) -> u64 {
        self.0.context.dropped(reason)
    }
}
