//! The user's calls: the program that `build()` expands into a graph.
//!
//! Options follow the call that they belong to (`.count().named("views")`), so nothing can be named while the program is
//! being recorded. A program is therefore a list of calls in the order in which they were made, each with the options
//! that followed it; [`super::expand`] reads it from top to bottom, like a sequence of calls to Java's builder. A program
//! has no type parameters: everything typed is in recipes.

use std::any::{Any, TypeId, type_name};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::error::{CallSite, TopologyError};
use super::names;
use super::tiles::TileSpec;
use crate::operators::handler::HandlerOptions;
use crate::operators::processor_stores::StoreSpec;
use crate::operators::source::IsReadable;
use crate::operators::stream_join::{JoinRecipes, JoinStores};
use crate::operators::{JoinKind, Placed, Recipe, StoreId};
use crate::state::kinds::Distinct;
use crate::state::kinds::Windowing;
use crate::state::{StoreFor, StoreKind};
use crate::topic::{Reading, Topic, TopicPattern, TopicRef};
use crate::windows::{DistinctSpan, JoinSpan, WindowSizes};
use crate::wire::Field;

/// A call's index in its program.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct CallId(pub(crate) usize);

/// The recorded calls, in order.
#[derive(Default)]
pub(crate) struct Program {
    pub(crate) calls: Vec<Written>,
    /// The first error found while recording, which `build()` returns.
    pub(crate) problem: Option<TopologyError>,
}

/// One call with its options and its place in the source.
pub(crate) struct Written {
    pub(crate) call: Call,
    pub(crate) options: Options,
    pub(crate) at: CallSite,
}

impl Program {
    /// Appends a call.
    pub(crate) fn add(&mut self, call: Call, at: CallSite) -> CallId {
        self.calls.push(Written { call, options: Options::default(), at });
        CallId(self.calls.len() - 1)
    }

    /// The options of a call.
    pub(crate) fn options(&mut self, step: CallId) -> &mut Options {
        &mut self.calls[step.0].options
    }

    /// Names the result of a call.
    pub(crate) fn name(&mut self, step: CallId, name: String, at: CallSite) {
        let options = self.options(step);
        match &options.name {
            Some((first, _)) => {
                let first = first.clone();
                self.complain(TopologyError::NamedTwice { first, second: name, at });
            }
            None => options.name = Some((name, at)),
        }
    }

    /// Names the store of a call's table.
    pub(crate) fn store(&mut self, step: CallId, store: StoreOption) {
        let options = self.options(step);
        match &options.store {
            Some(first) => {
                let first = first.name.clone();
                self.complain(TopologyError::StoredTwice { first, second: store.name, at: store.at });
            }
            None => options.store = Some(store),
        }
    }

    /// Keeps the error if it is the first one.
    pub(crate) fn complain(&mut self, problem: TopologyError) {
        self.problem.get_or_insert(problem);
    }
}

/// The options that follow a call.
#[derive(Default)]
pub(crate) struct Options {
    name: Option<(String, CallSite)>,
    pub(crate) source: SourceOptions,
    pub(crate) store: Option<StoreOption>,
    pub(crate) not_cached: bool,
    /// Where it was said that a processors' store is to be cached.
    pub(crate) cached: Option<CallSite>,
    pub(crate) keeping: Keeping,
    pub(crate) retention: Option<Duration>,
    /// How long rows are kept, with the place where that was said.
    pub(crate) expiry: Option<(Duration, CallSite)>,
    pub(crate) partitions: Option<u32>,
    pub(crate) windows: Option<SaidWindows>,
    pub(crate) handler: HandlerOptions,
    /// What is shown of its rows while the application runs, each with the place where that was said.
    pub(crate) tiles: Vec<(TileSpec, CallSite)>,
}

impl Options {
    /// The user's name, if there is one.
    ///
    /// # Errors
    /// When it breaks the rule for names.
    pub(crate) fn name(&self) -> Result<Option<&str>, TopologyError> {
        let Some((name, at)) = &self.name else { return Ok(None) };
        names::check(name, at)?;
        Ok(Some(name))
    }

    /// How long the store keeps the versions that its rows had, if the user has named one that does.
    pub(crate) fn history(&self) -> Option<Duration> {
        self.store.as_ref()?.history
    }

    /// Whether there is an option that is part of Java's `Materialized`.
    pub(crate) fn materialized(&self) -> bool {
        self.store.is_some() || self.not_cached || self.keeping != Keeping::default() || self.retention.is_some()
    }
}

/// The options of a source.
#[derive(Default)]
pub(crate) struct SourceOptions {
    pub(crate) reading: Reading,
    /// An [`Extractor`](crate::operators::timestamps::Extractor) of the source's types.
    pub(crate) extractor: Option<Rc<dyn Any>>,
    /// The last of these options, with its place.
    pub(crate) said: Option<(&'static str, CallSite)>,
}

/// A recipe for a source, with its keys' windows and its [`SourceOptions::extractor`].
pub(crate) type SourceRecipe = fn(WindowSizes, Option<&dyn Any>) -> Recipe;

/// The option `.windows_of(..)`.
#[derive(Clone, Copy)]
pub(crate) struct SaidWindows {
    /// The sizes of the keys' windows.
    pub(crate) sizes: WindowSizes,
    /// Makes a node set these sizes in the keys that it forwards.
    pub(crate) give: fn(Recipe, WindowSizes) -> Recipe,
}

/// Where a store's rows are kept, and its changelog.
#[derive(Clone, Default, PartialEq, Eq)]
pub(crate) struct Keeping {
    /// Whether its rows are in memory, even if those of others are on disk.
    pub(crate) in_memory: bool,
    /// Whether there is no changelog.
    pub(crate) not_logged: bool,
    /// Topic settings of the changelog, in the order of the calls.
    pub(crate) configs: Vec<(String, String)>,
}

/// A store that the user named.
pub(crate) struct StoreOption {
    pub(crate) name: String,
    /// The name of the constant's type, as in [`StoreKind::constant`](crate::state::StoreKind::constant).
    pub(crate) constant: &'static str,
    /// How long it keeps the versions that its rows had, if it does.
    pub(crate) history: Option<Duration>,
    pub(crate) at: CallSite,
}

impl StoreOption {
    /// The store that a constant names.
    pub(crate) fn of<K, V>(store: &impl StoreFor<K, V>, at: CallSite) -> Self {
        Self { name: store.store_name().to_owned(), constant: store.constant(), history: store.history(), at }
    }

    /// A store of ids, which nobody else reads.
    pub(crate) fn of_ids(name: String, at: CallSite) -> Self {
        Self { name, constant: Distinct::CONSTANT, history: None, at }
    }
}

/// The Rust types of a topic's or store's keys and values.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Types {
    id: (TypeId, TypeId),
    pub(crate) text: String,
}

impl Repartition {
    /// The node that writes the topic, partitioned by the records' keys.
    pub(crate) fn by_key(self) -> (Self, SinkRecipe) {
        (self, Box::new(self.sink))
    }
}

impl Types {
    /// These types.
    pub(crate) fn of<K: 'static, V: 'static>() -> Self {
        Self {
            id: (TypeId::of::<K>(), TypeId::of::<V>()),
            text: format!("`{}` and `{}`", type_name::<K>(), type_name::<V>()),
        }
    }
}

/// Recipes for sending records through a repartition topic.
#[derive(Clone, Copy)]
pub(crate) struct Repartition {
    /// The node before the topic; `true` drops null keys.
    pub(crate) filter: fn(bool) -> Recipe,
    /// The node that writes the topic.
    pub(crate) sink: fn(TopicRef) -> Recipe,
    /// The node that reads the topic and sets the keys' window sizes.
    pub(crate) source: fn(WindowSizes) -> Recipe,
    /// The number of windows in a key.
    pub(crate) windows: usize,
}

/// Recipes for sending a table's changes through a repartition topic.
#[derive(Clone, Copy)]
pub(crate) struct ChangeRepartition {
    /// The node that writes the topic.
    pub(crate) sink: fn(TopicRef) -> Recipe,
    /// The node that reads the topic and sets the keys' window sizes.
    pub(crate) source: fn(WindowSizes) -> Recipe,
    /// The number of windows in a key.
    pub(crate) windows: usize,
}

/// A topic with the window sizes that its constant declares.
pub(crate) struct TypedTopic {
    pub(crate) name: String,
    /// The number of windows in a key.
    windows: usize,
    /// The sizes that the topic's constant declares, possibly not all of them.
    pub(crate) said: WindowSizes,
}

/// The topics of a stream.
pub(crate) enum TypedTopics {
    Named(Vec<TypedTopic>),
    /// Those that match; the name is the pattern.
    Matching(TypedTopic),
}

impl TypedTopic {
    /// What is known from a topic's constant.
    pub(crate) fn of<K: Field, V>(topic: &Topic<K, V>) -> Self {
        Self { name: topic.name().to_owned(), windows: K::WINDOWS, said: topic.windows() }
    }

    /// What is known from a pattern's constant.
    pub(crate) fn matching<K: Field, V>(pattern: &TopicPattern<K, V>) -> Self {
        Self { name: pattern.text().to_owned(), windows: K::WINDOWS, said: pattern.windows() }
    }

    /// The window sizes of the topic's keys.
    ///
    /// # Errors
    /// When the constant does not declare all of them.
    pub(crate) fn windows(&self, at: CallSite) -> Result<WindowSizes, TopologyError> {
        if self.said.len() == self.windows {
            return Ok(self.said);
        }
        let reason = format!("set it with `Topic::new(\"{}\").windows_of(..)`", self.name);
        Err(TopologyError::WindowSize { what: format!("the topic `{}`", self.name), reason, at })
    }
}

/// Returns a table's own store, if it has one.
pub(crate) type StoreOf<'a> = dyn Fn(CallId) -> Option<StoreId> + 'a;
/// A recipe for the node that writes a topic; it knows the partitioner when the program is complete.
pub(crate) type SinkRecipe = Box<dyn FnOnce(TopicRef) -> Recipe>;
/// A recipe for the source that fills a global store, with the windows in its topic's keys.
pub(crate) type GlobalStoreRecipe = Box<dyn FnOnce((StoreId, WindowSizes)) -> Recipe>;
/// A recipe for a node that keeps its table in a store, if there is one.
pub(crate) type TableRecipe = Box<dyn FnOnce(Option<StoreId>) -> Recipe>;
/// A recipe for an operator on a table.
pub(crate) type TableOperatorRecipe = Box<dyn FnOnce(Placed) -> Recipe>;
/// A recipe for a node that keeps an aggregate in a store.
pub(crate) type AggregateRecipe = Box<dyn FnOnce(StoreId) -> Recipe>;
/// A recipe for a node that has records handled which it keeps in a store, and for some time in retry topics.
pub(crate) type HandleRecipe = Box<dyn FnOnce((StoreId, Vec<(Duration, TopicRef)>), HandlerOptions) -> Recipe>;
/// A recipe for a node that looks up rows of another table; `None` if no store contains them.
pub(crate) type JoinRecipe = Box<dyn FnOnce(&StoreOf<'_>) -> Option<Recipe>>;

/// As [`JoinRecipe`], for a node that also knows a store of its join.
pub(crate) type StoreJoinRecipe = Box<dyn FnOnce(&StoreOf<'_>, StoreId) -> Option<Recipe>>;

/// As [`JoinRecipe`], for a node that also knows the store in which records wait, if they do.
pub(crate) type TableJoinRecipe = Box<dyn FnOnce(&StoreOf<'_>, Option<StoreId>) -> Option<Recipe>>;

/// The recipes of two nodes that look up rows of each other's tables; `None` if no store contains them.
pub(crate) type SidesRecipe = Box<dyn FnOnce(&StoreOf<'_>) -> Option<[Recipe; 2]>>;

/// A join of two tables.
pub(crate) struct TablesJoin {
    pub(crate) kind: JoinKind,
    /// The nodes for the left and the right table's updates.
    pub(crate) sides: SidesRecipe,
    /// The recipe of the node behind both.
    pub(crate) merge: TableRecipe,
}

/// A join of two tables over a foreign key, as the recipes of its nodes.
pub(crate) struct ForeignKeyJoin {
    /// Subscribes the left side's rows.
    pub(crate) subscribe: StoreJoinRecipe,
    /// The topic of the subscriptions.
    pub(crate) registration: Passage,
    /// Keeps the subscriptions in a store.
    pub(crate) keep: AggregateRecipe,
    /// Answers subscriptions with the right side's rows.
    pub(crate) answer: JoinRecipe,
    /// Tells subscribers of updates on the right, from the same store.
    pub(crate) tell: AggregateRecipe,
    /// The topic of the answers.
    pub(crate) response: Passage,
    /// Joins answers with the left side's rows.
    pub(crate) resolve: StoreJoinRecipe,
    /// Makes a table of the results.
    pub(crate) result: TableRecipe,
}

/// The nodes that write and read an internal topic.
pub(crate) struct Passage {
    /// Writes the topic; the keys' window sizes are those of the node that reads it.
    pub(crate) sink: Box<dyn FnOnce(TopicRef, WindowSizes) -> Recipe>,
    /// Reads it and sets the keys' window sizes.
    pub(crate) source: fn(WindowSizes) -> Recipe,
}

/// A recipe for a suppression, given its store, the grace of the windows that it waits for, and whether changes that
/// reach it may have waited in caches.
pub(crate) type SuppressRecipe = Box<dyn FnOnce(StoreId, Duration) -> BehindCaches>;
/// A recipe that depends on whether records reach the node through caches.
pub(crate) type BehindCaches = Box<dyn FnOnce(bool) -> Recipe>;

/// What an operator does to its records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Changes {
    /// It forwards some or all of them as they are.
    Nothing,
    /// Values.
    Values,
    /// Keys, and values perhaps.
    Keys,
    /// Whatever the user's processor changes. As in Kafka Streams, nothing is optimised around it.
    Everything,
}

impl Changes {
    /// Whether records may have other keys afterwards.
    pub(crate) const fn keys(self) -> bool {
        matches!(self, Self::Keys | Self::Everything)
    }

    /// What an operator changes that makes values of type `W` of values of type `V`.
    pub(crate) fn of_values<V: 'static, W: 'static>() -> Self {
        if TypeId::of::<V>() == TypeId::of::<W>() { Self::Nothing } else { Self::Values }
    }
}

/// One of the groups that are aggregated together.
pub(crate) struct CogroupInput {
    pub(crate) group: CallId,
    /// Aggregates its records in the store of all.
    pub(crate) recipe: AggregateRecipe,
}

/// A call to the builder or to one of its streams and tables.
pub(crate) enum Call {
    /// `builder.stream(..)`
    Source { topics: TypedTopics, types: Types, recipe: SourceRecipe },
    /// `builder.table(..)`
    Table { topic: TypedTopic, source: SourceRecipe, is_readable: IsReadable, table: TableRecipe },
    /// `builder.global_table(..)`
    GlobalTable { topic: TypedTopic, source: Recipe },
    /// `builder.global_store(..)`
    GlobalStore { topic: TypedTopic, store: (String, Arc<dyn StoreKind>), recipe: GlobalStoreRecipe },
    /// An operator with one input that needs nothing else.
    Operator { input: CallId, prefix: &'static str, changes: Changes, recipe: Recipe },
    /// `.distinct(..)` and `.distinct_by(..)`
    Distinct { input: CallId, span: DistinctSpan, through: Repartition, recipe: AggregateRecipe },
    /// `.handle(..)` and `.handle_batches(..)`
    Handle { input: CallId, through: Repartition, recipe: HandleRecipe },
    /// `.split()`; the recipe knows the predicates of all branches when the program is complete.
    Split { input: CallId, recipe: Box<dyn FnOnce() -> Recipe> },
    /// `.branch(..)` and `.default_branch()`
    Branch { split: CallId, default: bool, recipe: Recipe },
    /// A stream whose keys are not null becomes one whose keys may be; `accept` makes a node take both.
    NullableKeys { input: CallId, accept: fn(Recipe) -> Recipe },
    /// `.merge(..)`
    Merge { left: CallId, right: CallId, recipe: Recipe },
    /// `.repartition()`
    Repartition { input: CallId, through: Repartition, sink: SinkRecipe },
    /// `.to(..)`
    Sink { input: CallId, topic: TypedTopic, recipe: SinkRecipe },
    /// `.to_with(..)`; `chooser` is the name of the closure's type.
    ChosenSink { input: CallId, chooser: &'static str, recipe: Box<dyn FnOnce() -> Recipe> },
    /// `.to_table()`
    ToTable { input: CallId, through: Repartition, table: TableRecipe },
    /// `.group_by_key()`, and `.group_by(..)` with a recipe for the new key
    Group { input: CallId, select: Option<Recipe>, through: Repartition },
    /// `.count()`, `.reduce(..)` and `.aggregate(..)` of a group of records
    Aggregate { group: CallId, windows: Option<Box<dyn Windowing>>, kind: AggregateKind, recipe: AggregateRecipe },
    /// The first `.cogroup(..)` of a group: makes nothing, but groups together what aggregates the same groups
    Cogroup,
    /// `.aggregate(..)` of several groups of records
    CogroupAggregate { cogroup: CallId, inputs: Vec<CogroupInput>, windows: Option<Box<dyn Windowing>>, merge: Recipe },
    /// `.filter(..)` and `.map_values(..)` of a table
    TableOperator { input: CallId, kind: TableOperatorKind, recipe: TableOperatorRecipe },
    /// `.transform_values(..)` of a table
    TransformTable { input: CallId, stores: Vec<StoreSpec>, recipe: Box<dyn FnOnce(Vec<StoreId>, Placed) -> Recipe> },
    /// `.suppress(..)` of a table
    Suppress { input: CallId, until: SuppressUntil, recipe: SuppressRecipe },
    /// `.to_stream()`, and `.to_stream_by(..)` with a recipe for the new key
    ToStream { input: CallId, recipe: Recipe, select: Option<Recipe> },
    /// `.group_by(..)` of a table
    TableGroup { input: CallId, select: Recipe, through: ChangeRepartition },
    /// `.count()`, `.reduce(..)` and `.aggregate(..)` of a group of rows
    TableAggregate { group: CallId, kind: AggregateKind, recipe: AggregateRecipe },
    /// `.join(..)` and `.left_join(..)` of a stream and a table
    TableJoin(TableJoin),
    /// `.join(..)`, `.left_join(..)` and `.outer_join(..)` of two tables
    TablesJoin { left: CallId, right: CallId, join: TablesJoin },
    /// `.join_on(..)` and `.left_join_on(..)`
    ForeignKeyJoin { left: CallId, right: CallId, join: ForeignKeyJoin },
    /// `.join(..)`, `.left_join(..)` and `.outer_join(..)` of two streams
    StreamJoin(Box<StreamJoin>),
    /// `.process(..)`, `.process_with(..)` and `.process_values(..)`
    Process {
        input: CallId,
        prefix: &'static str,
        changes: Changes,
        stores: Vec<StoreSpec>,
        recipe: Box<dyn FnOnce(Vec<StoreId>) -> Recipe>,
    },
    /// `builder.store(..)`: sets options of a processors' store.
    Store { store: StoreSpec },
    /// `.join_global(..)` and `.left_join_global(..)`
    GlobalJoin {
        input: CallId,
        table: CallId,
        left: bool,
        changes: Changes,
        recipe: Box<dyn FnOnce(StoreId) -> Recipe>,
    },
}

/// A join of a stream and a table.
pub(crate) struct TableJoin {
    pub(crate) input: CallId,
    pub(crate) table: CallId,
    pub(crate) left: bool,
    /// How long the stream's records wait for rows that come late.
    pub(crate) grace: Option<Duration>,
    pub(crate) through: Repartition,
    pub(crate) recipe: TableJoinRecipe,
}

/// A join of two streams.
pub(crate) struct StreamJoin {
    pub(crate) left: CallId,
    pub(crate) right: CallId,
    pub(crate) kind: JoinKind,
    pub(crate) span: JoinSpan,
    pub(crate) stores: JoinStoreOptions,
    /// For the left and the right stream.
    pub(crate) through: (Repartition, Repartition),
    pub(crate) recipes: Box<dyn FnOnce(JoinStores) -> JoinRecipes>,
}

/// The options of the stores of a join of two streams.
#[derive(Default)]
pub(crate) struct JoinStoreOptions {
    /// The name that those of all its stores begin with.
    pub(crate) name: Option<(String, CallSite)>,
    pub(crate) keeping: Keeping,
}

/// What a suppression waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum SuppressUntil {
    /// The end of a window and its grace, which the windowed aggregation upstream tells.
    WindowCloses,
    /// Something that it says itself.
    Elapsed,
}

/// The kind of an aggregation, which determines its prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AggregateKind {
    Count,
    Reduce,
    Aggregate,
}

/// The kind of an operator on a table, which determines its prefix.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum TableOperatorKind {
    Filter,
    MapValues,
}
