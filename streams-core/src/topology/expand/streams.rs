//! Streams: sources, operators without state, splits, repartitions and sinks.

use std::collections::BTreeSet;

use super::super::error::TopologyError;
use super::super::names::{RepartitionNames, prefix};
use super::super::plan::{AnyPredicates, Repartition, StepId, Types};
use super::draft::{DraftId, DraftKind, ROOT};
use super::{At, Expansion};
use crate::operators::Recipe;

/// A stream while the plan is read.
#[derive(Clone)]
pub(super) struct StreamState {
    /// The node it comes from.
    pub(super) name: String,
    /// The sources its records came in by since the last topic, by name.
    pub(super) sources: BTreeSet<String>,
    /// Whether its key may not be the one its records are partitioned by.
    pub(super) key_changed: bool,
    /// The operation it comes from.
    pub(super) node: DraftId,
    /// Its repartition for joins; they share it.
    pub(super) join_repartition: Option<DraftId>,
}

impl StreamState {
    pub(super) fn new(name: String, sources: BTreeSet<String>, key_changed: bool, node: DraftId) -> Self {
        Self { name, sources, key_changed, node, join_repartition: None }
    }
}

/// A split while the plan is read.
pub(super) struct SplitState {
    input: StreamState,
    name: String,
    node: DraftId,
    /// How many branches it has.
    branches: usize,
    has_default: bool,
}

/// A processor without stores.
pub(super) fn stateless(recipe: Recipe) -> DraftKind {
    DraftKind::Processor { recipe, stores: Vec::new(), table: None, not_cached: false }
}

impl Expansion {
    pub(super) fn source(
        &mut self,
        at: &At<'_>,
        topics: Vec<String>,
        types: Types,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        if topics.is_empty() {
            return Err(TopologyError::NoTopics { at: at.site });
        }
        let mut unique = BTreeSet::new();
        let topics = topics.into_iter().filter(|topic| unique.insert(topic.clone())).collect();
        let name = self.names.node(at.options.name()?, prefix::SOURCE);
        let kind = DraftKind::Source { topics, types, recipe };
        let node = self.drafts.add(ROOT, name.clone(), kind, at.site);
        self.streams.insert(at.step, StreamState::new(name.clone(), BTreeSet::from([name]), false, node));
        Ok(())
    }

    pub(super) fn operator(
        &mut self,
        at: &At<'_>,
        input: StepId,
        prefix: &str,
        changes_key: bool,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let name = self.names.node(at.options.name()?, prefix);
        let node = self.drafts.add(input.node, name.clone(), stateless(recipe), at.site);
        let stream = StreamState::new(name, input.sources, input.key_changed || changes_key, node);
        self.streams.insert(at.step, stream);
        Ok(())
    }

    pub(super) fn split(
        &mut self,
        at: &At<'_>,
        input: StepId,
        predicates: &AnyPredicates,
        recipe: fn(&AnyPredicates) -> Option<Recipe>,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let name = self.names.node(at.options.name()?, prefix::BRANCH);
        let recipe = recipe(predicates)
            .ok_or_else(|| TopologyError::Internal(format!("the predicates of {name} have other types")))?;
        let node = self.drafts.add(input.node, name.clone(), stateless(recipe), at.site);
        self.splits.insert(at.step, SplitState { input, name, node, branches: 0, has_default: false });
        Ok(())
    }

    pub(super) fn branch(
        &mut self,
        at: &At<'_>,
        split: StepId,
        default: bool,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        let split = self.splits.get_mut(&split).ok_or_else(|| super::not_a("split", split))?;
        if split.has_default {
            return Err(TopologyError::BranchAfterDefault { split: split.name.clone(), at: at.site });
        }
        split.branches += 1;
        split.has_default = default;
        let number = if default { 0 } else { split.branches };
        let name = match at.options.name()? {
            Some(branch) => format!("{}{branch}", split.name),
            None => format!("{}{number}", split.name),
        };
        self.names.burn();
        let node = self.drafts.add(split.node, name.clone(), stateless(recipe), at.site);
        let stream = StreamState::new(name, split.input.sources.clone(), split.input.key_changed, node);
        self.streams.insert(at.step, stream);
        Ok(())
    }

    pub(super) fn merge(
        &mut self,
        at: &At<'_>,
        left: StepId,
        right: StepId,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        let (left, right) = (self.stream(left)?.clone(), self.stream(right)?.clone());
        let name = self.names.node(at.options.name()?, prefix::MERGE);
        let node = self.drafts.add(left.node, name.clone(), stateless(recipe), at.site);
        self.drafts.connect(right.node, node);
        let sources = left.sources.union(&right.sources).cloned().collect();
        let key_changed = left.key_changed || right.key_changed;
        self.streams.insert(at.step, StreamState::new(name, sources, key_changed, node));
        Ok(())
    }

    pub(super) fn repartition(
        &mut self,
        at: &At<'_>,
        input: StepId,
        through: Repartition,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let base = match at.options.name()? {
            Some(name) => name.to_owned(),
            None => self.names.node(None, prefix::REPARTITION),
        };
        if at.options.partitions == Some(0) {
            return Err(TopologyError::NoPartitions { node: base, at: at.site });
        }
        let names = self.names.repartition(&base);
        let name = names.source.clone();
        let node = self.repartition_draft(at, input.node, names, through, at.options.partitions);
        self.streams.insert(at.step, StreamState::new(name.clone(), BTreeSet::from([name]), false, node));
        Ok(())
    }

    /// Adds a repartition.
    pub(super) fn repartition_draft(
        &mut self,
        at: &At<'_>,
        parent: DraftId,
        names: RepartitionNames,
        through: Repartition,
        partitions: Option<u32>,
    ) -> DraftId {
        let name = names.source.clone();
        self.drafts.add(parent, name, DraftKind::Repartition { names, through, partitions }, at.site)
    }

    pub(super) fn sink(
        &mut self,
        at: &At<'_>,
        input: StepId,
        topic: String,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        let parent = self.stream(input)?.node;
        let name = self.names.node(at.options.name()?, prefix::SINK);
        self.drafts.add(parent, name, DraftKind::Sink { topic, recipe }, at.site);
        Ok(())
    }
}
