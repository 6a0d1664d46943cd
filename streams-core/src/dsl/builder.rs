//! `StreamsBuilder`: builds topologies.

use std::any::{Any, type_name};
use std::cell::RefCell;
use std::panic::Location;
use std::sync::Arc;

use super::attached::{Attached, Attachments};
use super::processor::ProcessorStore;
use super::{GlobalKTable, KStream, KTable, ProcessorStoreOptions, table};
use crate::operators::source::is_readable;
use crate::operators::timestamps::Extractor;
use crate::operators::{Recipe, global_source, source, table_source};
use crate::topic::{Topic, TopicPattern, TopicRef};
use crate::topology::expand::expand;
use crate::topology::program::{Call, CallId, Options, Program, StoreOption, TypedTopic, TypedTopics, Types};
use crate::topology::{CallSite, Optimizations, Topology, TopologyError};
use crate::windows::WindowSizes;
use crate::wire::{Field, Nullable, NullableKey};

/// Creates streams and tables, and builds a [`Topology`] from the operations on them.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
///
/// const LINES: Topic<(), String> = Topic::new("lines");
/// const COUNTS: Topic<String, i64> = Topic::new("word-counts");
///
/// let builder = StreamsBuilder::new();
/// builder
///     .stream(LINES)
///     .flat_map_values(|line| line.split_whitespace().map(str::to_lowercase).collect())
///     .group_by(|_, word| word.clone())
///     .count()
///     .to_stream()
///     .to(COUNTS);
/// let topology = builder.build()?;
///
/// let mut driver = TestDriver::new(topology);
/// driver.pipe(&LINES, (), "to be or not to be");
/// assert!(driver.read(&COUNTS).contains(&("be".to_owned(), 2)));
/// # Ok::<(), TopologyError>(())
/// ```
///
/// Streams and tables borrow the builder, so they cannot be used after `build()`:
///
/// ```compile_fail,E0505
/// use millstream::prelude::*;
///
/// const LINES: Topic<(), String> = Topic::new("lines");
///
/// let builder = StreamsBuilder::new();
/// let lines = builder.stream(LINES);
/// let topology = builder.build();
/// lines.to(LINES);
/// ```
#[derive(Default)]
pub struct StreamsBuilder {
    program: RefCell<Program>,
    attachments: RefCell<Attachments>,
}

impl StreamsBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A stream of a topic's records, of several topics with the same types (an array or a `Vec`), or of all topics that
    /// match a [`TopicPattern`].
    ///
    /// Two streams of the same topics share one source. A topic cannot be read by one source together with another topic
    /// and by a second source alone, nor by its name and by a pattern; that is an error of `build()`.
    ///
    /// What follows may set how the topics are read: [`KStream::timestamped_by`], [`KStream::timestamps`] and
    /// [`KStream::offset_reset`].
    ///
    /// # Patterns
    /// New topics that match are read soon after they were created: a running application looks for them every five
    /// minutes on Kafka (`metadata.max.age.ms`), and every second on an embedded log. It then commits, and its instances
    /// divide the tasks anew. As long as no topic matches, it runs and has nothing to do. The application's own internal
    /// topics never match, and neither do Kafka's.
    ///
    /// State and repartition topics have as many partitions as the widest topic when they were created; a wider one that
    /// comes later ends an application that has them.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const WEB: Topic<u64, String> = Topic::new("web-views");
    /// const MOBILE: Topic<u64, String> = Topic::new("mobile-views");
    /// const VIEWS: Topic<u64, String> = Topic::new("views");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream([WEB, MOBILE]).filter(|_, page| page != "/health").to(VIEWS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&WEB, 1_u64, "/home");
    /// driver.pipe(&MOBILE, 2_u64, "/cart");
    /// assert_eq!(driver.read(&VIEWS), [(1, "/home".to_owned()), (2, "/cart".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("add_source", "Consumed"))]
    #[track_caller]
    pub fn stream<K, V>(&self, topics: impl Topics<K, V>) -> KStream<'_, K, V>
    where
        K: Field,
        V: Field,
    {
        let topics = match topics.into_topics() {
            TopicsToRead::Named(topics) => TypedTopics::Named(topics.iter().map(TypedTopic::of).collect()),
            TopicsToRead::Matching(pattern) => TypedTopics::Matching(TypedTopic::matching(&pattern)),
        };
        let call = Call::Source { topics, types: Types::of::<K, V>(), recipe: source_recipe::<K, V> };
        KStream::new(self, self.add(call))
    }

    /// A table of a topic's latest values by key. A null value deletes the row; records with a null key are dropped and
    /// counted.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const USERS: Topic<u64, String> = Topic::new("users");
    /// const NAMES: KeyValueStore<u64, String> = KeyValueStore::new("names");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).stored_as(NAMES);
    /// assert!(builder.build()?.describe().contains("Processor: KTABLE-SOURCE-0000000001 (stores: [names])"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn table<K, V>(&self, topic: Topic<K, V>) -> KTable<'_, K::Inner, V::Inner>
    where
        K: NullableKey,
        V: Nullable,
    {
        let call = Call::Table {
            topic: TypedTopic::of(&topic),
            source: source_recipe::<Option<K::Inner>, Option<V::Inner>>,
            is_readable: is_readable::<Option<K::Inner>, Option<V::Inner>>,
            table: Box::new(|store| table_source::recipe::<Option<K::Inner>, Option<V::Inner>>(store, true)),
        };
        KTable::stored(self, self.add(call), table::view_of_rows)
    }

    /// A table of which every instance has a full copy, so that streams can be joined with it by any key; see
    /// [`GlobalKTable`].
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const COUNTRIES: Topic<String, String> = Topic::new("countries");
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const SHIPPED: Topic<u64, String> = Topic::new("shipped-to");
    ///
    /// let builder = StreamsBuilder::new();
    /// let countries = builder.global_table(COUNTRIES);
    /// builder.stream(ORDERS).join_global(countries, |_, code| code.clone(), |_, country| country).to(SHIPPED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&COUNTRIES, "pe", "Peru");
    /// driver.pipe(&ORDERS, 1_u64, "pe");
    /// assert_eq!(driver.read(&SHIPPED), [(1, "Peru".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a global table does nothing until it is joined, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn global_table<K, V>(&self, topic: Topic<K, V>) -> GlobalKTable<'_, K::Inner, V::Inner>
    where
        K: NullableKey,
        V: Nullable,
    {
        let source = global_source::recipe::<K::Inner, V::Inner>(TopicRef::External(topic.name().into()));
        GlobalKTable::new(self, self.add(Call::GlobalTable { topic: TypedTopic::of(&topic), source }))
    }

    /// Sets options of a processors' store. Stores need not be declared, because `.process(STORE, ..)` creates them; by
    /// default they have a changelog without additional settings. Options of a store that no processor uses, or that has
    /// options already, are an error of `build()`.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const NAMES: Topic<u64, String> = Topic::new("names");
    /// const FIRST: Topic<u64, String> = Topic::new("first-names");
    /// const SEEN: KeyValueStore<u64, bool> = KeyValueStore::new("seen");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.store(SEEN).changelog_config("segment.bytes", "1048576");
    /// builder
    ///     .stream(NAMES)
    ///     .process_values(SEEN, |mut seen, id, name, out| {
    ///         if seen.get(id).is_none() {
    ///             seen.put(id, true);
    ///             out.send(name);
    ///         }
    ///     })
    ///     .to(FIRST);
    /// assert!(builder.build()?.describe().contains("(stores: [seen])"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "add_state_store")]
    #[track_caller]
    pub fn store(&self, store: impl ProcessorStore) -> ProcessorStoreOptions<'_> {
        ProcessorStoreOptions { builder: self, step: self.add(Call::Store { store: store.spec() }) }
    }

    /// Builds the topology from all calls.
    ///
    /// # Errors
    /// When it makes no sense: [`TopologyError`] says what is wrong and where in the source.
    pub fn build(self) -> Result<Topology, TopologyError> {
        self.build_with(Optimizations::NONE)
    }

    /// As [`StreamsBuilder::build`], with optimisations. Without them, every operator has the topics and stores that it
    /// would have alone.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const CLICKS: Topic<String, String> = Topic::new("clicks");
    ///
    /// let config = Layers::new().set("application.id", "clicks").set("topology.optimization", "all").read()?;
    /// let builder = StreamsBuilder::new();
    /// builder.stream(CLICKS).group_by(|_, page| page.clone()).count();
    /// let topology = builder.build_with(config.topology_optimization)?;
    /// let app = App::configured(&config, topology);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`StreamsBuilder::build`].
    pub fn build_with(self, optimizations: Optimizations) -> Result<Topology, TopologyError> {
        expand(self.program.into_inner(), optimizations)
    }

    #[track_caller]
    pub(super) fn add(&self, call: Call) -> CallId {
        self.program.borrow_mut().add(call, Location::caller())
    }

    pub(super) fn name(&self, step: CallId, name: String, at: CallSite) {
        self.program.borrow_mut().name(step, name, at);
    }

    pub(super) fn stored_as(&self, step: CallId, store: StoreOption) {
        self.program.borrow_mut().store(step, store);
    }

    pub(super) fn options<R>(&self, step: CallId, change: impl FnOnce(&mut Options) -> R) -> R {
        change(self.program.borrow_mut().options(step))
    }

    /// Keeps a value for a handle.
    pub(super) fn attach<T: 'static>(&self, shared: T) -> Attached<T> {
        self.attachments.borrow_mut().attach(shared)
    }

    /// The value that a handle of this builder shares. If it did not exist, `build()` would return an error.
    pub(super) fn shared<T: Clone + 'static>(&self, attached: Attached<T>) -> Option<T> {
        let shared = self.attachments.borrow().get(attached);
        if shared.is_none() {
            let problem = format!("a handle does not find its {}", type_name::<T>());
            self.complain(TopologyError::Internal(problem));
        }
        shared
    }

    /// Records an error, which `build()` returns if it is the first.
    pub(super) fn complain(&self, problem: TopologyError) {
        self.program.borrow_mut().complain(problem);
    }

    /// Records an error if an operation takes a stream or table of another builder.
    #[track_caller]
    pub(super) fn expect_same(&self, other: &Self) {
        if !std::ptr::eq(self, other) {
            self.complain(TopologyError::TwoBuilders { at: Location::caller() });
        }
    }
}

/// The recipe for a source, which extracts the times of its records if there is an extractor. That is one of these types,
/// because it comes from the source's own handle.
fn source_recipe<K: Field, V: Field>(windows: WindowSizes, extractor: Option<&dyn Any>) -> Recipe {
    match extractor.and_then(<dyn Any>::downcast_ref::<Extractor<K, V>>) {
        Some(extractor) => source::extracting_recipe(windows, Arc::clone(extractor)),
        None => source::recipe::<K, V>(windows),
    }
}

impl std::fmt::Debug for StreamsBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "StreamsBuilder({} calls)", self.program.borrow().calls.len())
    }
}

/// What a stream reads: one topic, several with the same types, or those that match a pattern.
#[diagnostic::on_unimplemented(
    message = "a stream is read from a topic, not from `{Self}`",
    label = "expected a topic's constant, an array of them, a `Vec` or a `TopicPattern`",
    note = "a topic has the types of its keys and values: `const CLICKS: Topic<String, i64> = Topic::new(\"clicks\");`"
)]
pub trait Topics<K, V> {
    /// The topics by their names, or the pattern.
    fn into_topics(self) -> TopicsToRead<K, V>;
}

/// The topics that a stream reads.
#[derive(Debug, Clone)]
pub enum TopicsToRead<K, V> {
    /// These.
    Named(Vec<Topic<K, V>>),
    /// All that match.
    Matching(TopicPattern<K, V>),
}

impl<K, V> Topics<K, V> for Topic<K, V> {
    fn into_topics(self) -> TopicsToRead<K, V> {
        TopicsToRead::Named(vec![self])
    }
}

impl<K, V, const N: usize> Topics<K, V> for [Topic<K, V>; N] {
    fn into_topics(self) -> TopicsToRead<K, V> {
        TopicsToRead::Named(self.into())
    }
}

impl<K, V> Topics<K, V> for Vec<Topic<K, V>> {
    fn into_topics(self) -> TopicsToRead<K, V> {
        TopicsToRead::Named(self)
    }
}

impl<K, V> Topics<K, V> for TopicPattern<K, V> {
    fn into_topics(self) -> TopicsToRead<K, V> {
        TopicsToRead::Matching(self)
    }
}
