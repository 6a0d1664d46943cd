//! Turns the draft into the topology.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::super::error::TopologyError;
use super::super::graph::{InternalTopic, InternalTopicKind, StoreDefinition, Topology};
use super::super::program::TableRecipe;
use super::super::{Optimizations, copartition};
use super::draft::{Draft, DraftId, DraftKind, JoinSide, RetryTopicDraft};
use super::write::{GraphWriter, NewNode};
use super::{Expansion, TableState};
use crate::operators::handler::retry_topics;
use crate::operators::{NodeId, Recipe, StoreId};
use crate::topic::{Reading, TimestampPolicy, TopicRef};

impl Expansion {
    /// Merges sources and writes the graph.
    pub(super) fn finish(mut self, optimizations: Optimizations) -> Result<Topology, TopologyError> {
        self.check_kept()?;
        let unused = self.processor_stores.unused(&self.stores);
        self.drafts.merge_sources()?;
        if optimizations.reuses_source_topics() {
            self.reuse_source_topics();
        }
        if optimizations.merges_repartition_topics() {
            self.merge_repartition_topics();
        }
        if optimizations.has_single_store_self_joins() {
            let gone = self.make_self_joins();
            self.stores.retire(&gone);
        }
        let tiles = self.finished_tiles()?;
        let order = self.drafts.in_writing_order();
        let keep_null_keys = self.drafts.before_joins_that_keep_null_keys();
        let mut writing = Writing {
            writer: GraphWriter::new(self.stores.definitions),
            tables: self.tables,
            written: HashMap::new(),
            behind_caches: HashSet::new(),
            accepting: HashMap::new(),
        };
        let mut drafts: Vec<_> = self.drafts.all.into_iter().map(Some).collect();
        for id in order {
            if let Some(draft) = drafts.get_mut(id.0).and_then(Option::take) {
                writing.write(id, draft, &keep_null_keys)?;
            }
        }
        let Writing { writer, .. } = writing;
        if writer.graph.nodes.is_empty() {
            return Err(TopologyError::Empty);
        }
        unused?;

        let copartitioned = self.copartitioned.iter().map(|sources| {
            let name = |source: &String| self.drafts.merged_sources.get(source).unwrap_or(source).clone();
            sources.iter().flat_map(|source| writer.topics_of(&name(source)).to_vec()).collect()
        });
        let copartitioned = copartition::groups(copartitioned.collect::<Vec<BTreeSet<TopicRef>>>());
        copartition::check(&copartitioned, &writer.repartition_topics)?;

        let subtopologies = writer.connected.subtopologies(&writer.graph);
        let mut internal_topics = writer.repartition_topics;
        internal_topics.extend(writer.retry_topics);
        internal_topics.extend(changelogs(&writer.graph.stores));
        let topology = Topology::new(writer.graph, subtopologies, copartitioned, internal_topics);
        Ok(topology.with_handlers(writer.handlers).with_tiles(tiles).optimized(optimizations))
    }
}

/// Records of repartition topics have the times that they were given before.
const OF_INTERNAL_TOPICS: Reading = Reading { reset: None, timestamps: Some(TimestampPolicy::Fail) };

struct Writing {
    writer: GraphWriter,
    tables: HashMap<super::CallId, TableState>,
    /// The node that an operation's children are connected to.
    written: HashMap<DraftId, NodeId>,
    /// The nodes whose output may have waited in a cache, their own or another's upstream.
    behind_caches: HashSet<NodeId>,
    /// How the nodes below an operation take its keys, where that is not as they would by themselves.
    accepting: HashMap<DraftId, fn(Recipe) -> Recipe>,
}

impl Writing {
    fn write(&mut self, id: DraftId, draft: Draft, keep_null_keys: &HashSet<DraftId>) -> Result<(), TopologyError> {
        let Draft { name, kind, parents, at, .. } = draft;
        let accepting: Vec<_> = parents.iter().filter_map(|parent| self.accepting.get(parent).copied()).collect();
        let accept = |recipe: Recipe| accepting.iter().fold(recipe, |recipe, accept| accept(recipe));
        let parents: Vec<_> = parents.iter().filter_map(|parent| self.written.get(parent).copied()).collect();
        let node = |recipe| NewNode { name: &name, parents: &parents, recipe: accept(recipe), at };
        let writer = &mut self.writer;
        let (mut is_behind, mut is_cached) = (parents.iter().any(|parent| self.behind_caches.contains(parent)), false);
        let last = match kind {
            DraftKind::Root => return Ok(()),
            DraftKind::NullableKeys { accept } => {
                self.accepting.insert(id, accept);
                *parents.first().ok_or_else(|| TopologyError::Internal(format!("{name} is no stream")))?
            }
            DraftKind::StreamJoin { left, right, merge, .. } => {
                let mut sides = Vec::new();
                for JoinSide { name, parent, recipe, stores } in [left, right] {
                    let parents: Vec<_> = self.written.get(&parent).copied().into_iter().collect();
                    let node = NewNode { name: &name, parents: &parents, recipe, at };
                    sides.push(writer.processor(node, &stores)?);
                }
                writer.processor(NewNode { name: &name, parents: &sides, recipe: merge, at }, &[])?
            }
            DraftKind::Source { topics, recipe, reading, .. } => writer.source(node(recipe), topics, reading.said)?,
            DraftKind::Sink { topic, recipe } => writer.sink(node(recipe), TopicRef::External(topic.into()))?,
            DraftKind::ChosenSink { chooser, recipe } => writer.chosen_sink(node(recipe), chooser)?,
            DraftKind::Processor { recipe, stores, table } => {
                is_cached = table.is_some() && writer.is_cached(stores.first());
                let processor = writer.processor(node(recipe), &stores)?;
                if let Some(table) = table.and_then(|table| self.tables.get(&table)) {
                    writer.graph.nodes[processor.0 as usize].sends_old_values = table.sends_old_values;
                }
                processor
            }
            DraftKind::Handler { facts, recipe, store, retry_topics } => {
                writer.handlers.push(facts);
                let mut parents = parents.clone();
                let mut sinks = Vec::new();
                for RetryTopicDraft { topic, delay, source_name, source, sink_name } in retry_topics {
                    let topic = writer.retry_topic(&topic, delay, at)?;
                    let source = NewNode { name: &source_name, parents: &[], recipe: source, at };
                    parents.push(writer.source(source, vec![topic.clone()], OF_INTERNAL_TOPICS)?);
                    sinks.push((sink_name, topic));
                }
                let node = NewNode { name: &name, parents: &parents, recipe: accept(recipe), at };
                let handler = writer.processor(node, &[store])?;
                for (name, topic) in sinks {
                    let recipe = retry_topics::sink_recipe(topic.clone());
                    writer.sink(NewNode { name: &name, parents: &[handler], recipe, at }, topic)?;
                }
                handler
            }
            DraftKind::InternalSink { topic, recipe } => {
                let topic = writer.repartition_topic(&topic, None, at)?;
                writer.sink(node(recipe(topic.clone())), topic)?
            }
            DraftKind::InternalSource { topic, recipe } => {
                let source = NewNode { name: &name, parents: &[], recipe, at };
                writer.source(source, vec![TopicRef::Internal(topic.into())], Reading::default())?
            }
            DraftKind::TablesJoin { table, this, other, merge, store } => {
                is_cached = writer.is_cached(store.as_ref());
                let sends_old_values = self.tables.get(&table).is_some_and(|table| table.sends_old_values);
                let mut sides = Vec::new();
                for JoinSide { name, parent, recipe, stores } in [&this, &other] {
                    let parents: Vec<_> = self.written.get(parent).copied().into_iter().collect();
                    let node = NewNode { name, parents: &parents, recipe: recipe.clone(), at };
                    sides.push(writer.processor(node, stores)?);
                }
                let merge = NewNode { name: &name, parents: &sides, recipe: merge, at };
                let last = writer.processor(merge, store.as_slice())?;
                for node in sides.into_iter().chain([last]) {
                    writer.graph.nodes[node.0 as usize].sends_old_values = sends_old_values;
                }
                last
            }
            DraftKind::Suppress { recipe, buffer } => {
                let processor = writer.processor(node(recipe(is_behind)), &[buffer])?;
                writer.graph.nodes[processor.0 as usize].sends_old_values = true;
                processor
            }
            DraftKind::LateTable { table, recipe } => {
                is_cached = self.is_cached(table);
                self.late_table(node, table, recipe)?
            }
            DraftKind::TableSource { source_name, topic, source, reading, table, recipe, .. } => {
                let source = NewNode { name: &source_name, parents: &[], recipe: source, at };
                let source = writer.source(source, external([topic]), reading)?;
                let parents = [source];
                is_cached = self.is_cached(table);
                self.late_table(|recipe| NewNode { name: &name, parents: &parents, recipe, at }, table, recipe)?
            }
            DraftKind::GlobalTable { source_name, topic, source, store } => {
                let source = NewNode { name: &source_name, parents: &[], recipe: source, at };
                let source = writer.source(source, external([topic]), Reading::default())?;
                let node = NewNode { name: &name, parents: &[source], recipe: no_task(), at };
                writer.processor(node, &[store])?
            }
            DraftKind::Repartition { names, through, sink, windows, partitions } => {
                let topic = writer.repartition_topic(&names.topic, partitions, at)?;
                let recipe = accept((through.filter)(!keep_null_keys.contains(&id)));
                let filter = writer.processor(NewNode { name: &names.filter, parents: &parents, recipe, at }, &[])?;
                let sink = NewNode { name: &names.sink, parents: &[filter], recipe: sink(topic.clone()), at };
                writer.sink(sink, topic.clone())?;
                is_behind = false;
                let source = NewNode { name: &names.source, parents: &[], recipe: (through.source)(windows), at };
                writer.source(source, vec![topic], OF_INTERNAL_TOPICS)?
            }
            DraftKind::TableRepartition { sink_name, topic, through, windows } => {
                let topic = writer.repartition_topic(&topic, None, at)?;
                let sink = NewNode { name: &sink_name, parents: &parents, recipe: (through.sink)(topic.clone()), at };
                writer.sink(sink, topic.clone())?;
                is_behind = false;
                let source = NewNode { name: &name, parents: &[], recipe: (through.source)(windows), at };
                writer.source(source, vec![topic], OF_INTERNAL_TOPICS)?
            }
        };
        if is_behind || is_cached {
            self.behind_caches.insert(last);
        }
        self.written.insert(id, last);
        Ok(())
    }

    /// Whether a table whose store depends on later calls has one with a cache.
    fn is_cached(&self, table: super::CallId) -> bool {
        self.tables.get(&table).is_some_and(|table| self.writer.is_cached(table.store().as_ref()))
    }

    fn late_table<'a>(
        &mut self,
        node: impl FnOnce(Recipe) -> NewNode<'a>,
        table: super::CallId,
        recipe: TableRecipe,
    ) -> Result<NodeId, TopologyError> {
        let table = self.tables.get(&table).ok_or_else(|| super::not_a("table", table))?;
        let store = table.store();
        let stores: &[StoreId] = store.as_slice();
        let processor = self.writer.processor(node(recipe(store)), stores)?;
        self.writer.graph.nodes[processor.0 as usize].sends_old_values = table.sends_old_values;
        Ok(processor)
    }
}

fn external(topics: impl IntoIterator<Item = String>) -> Vec<TopicRef> {
    topics.into_iter().map(|topic| TopicRef::External(topic.into())).collect()
}

/// For nodes that belong to no task: the runtime fills global tables, using the recipes of their sources.
fn no_task() -> Recipe {
    Recipe::new(|builder| Err(builder.error("a global table has no tasks")))
}

fn changelogs(stores: &[StoreDefinition]) -> impl Iterator<Item = InternalTopic> {
    (0..).map(StoreId).zip(stores).filter_map(|(store, definition)| match &definition.changelog {
        Some(TopicRef::Internal(name)) => {
            Some(InternalTopic { name: name.clone(), kind: InternalTopicKind::Changelog { store } })
        }
        Some(TopicRef::External(_) | TopicRef::Matching(_)) | None => None,
    })
}
