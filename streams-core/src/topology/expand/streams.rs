//! Streams: sources, stateless operators, splits, repartitions and sinks.

use std::collections::BTreeSet;

use super::super::error::{CallSite, TopologyError};
use super::super::names::{RepartitionNames, prefix};
use super::super::program::{
    CallId, Changes, Repartition, SinkRecipe, SourceOptions, SourceRecipe, TypedTopic, TypedTopics, Types,
};
use super::draft::{DraftId, DraftKind, ROOT, Role, SourceReading};
use super::key_windows::{KeyWindows, ReadBack};
use super::{At, Expansion};
use crate::operators::Recipe;
use crate::topic::{Pattern, TopicRef};
use crate::windows::WindowSizes;

/// What is known of a stream while the program is read.
#[derive(Clone)]
pub(super) struct StreamState {
    /// The name of the node that it comes from.
    pub(super) name: String,
    /// The names of the sources that its records came from.
    pub(super) sources: BTreeSet<String>,
    pub(super) windows: KeyWindows,
    /// Whether its records may be partitioned by another key.
    pub(super) key_changed: bool,
    /// The operation that it comes from.
    pub(super) node: DraftId,
    /// The repartition that its joins share, with the window sizes of the keys.
    pub(super) join_repartition: Option<(DraftId, WindowSizes)>,
}

impl StreamState {
    pub(super) fn new(
        name: String,
        sources: BTreeSet<String>,
        windows: KeyWindows,
        key_changed: bool,
        node: DraftId,
    ) -> Self {
        Self { name, sources, windows, key_changed, node, join_repartition: None }
    }
}

/// What is known of a split while the program is read.
pub(super) struct SplitState {
    input: StreamState,
    name: String,
    node: DraftId,
    /// The number of branches so far.
    branches: usize,
    has_default: bool,
}

/// A processor without stores.
pub(super) fn stateless(recipe: Recipe) -> DraftKind {
    DraftKind::Processor { recipe, stores: Vec::new(), table: None }
}

impl Expansion {
    pub(super) fn source(
        &mut self,
        at: &At<'_>,
        topics: TypedTopics,
        types: Types,
        recipe: SourceRecipe,
    ) -> Result<(), TopologyError> {
        let (windows, topics) = match topics {
            TypedTopics::Named(topics) => {
                let windows = windows_of_topics(&topics, at.site)?;
                let mut unique = BTreeSet::new();
                let names = topics.into_iter().map(|topic| topic.name).filter(|topic| unique.insert(topic.clone()));
                (windows, names.map(|name| TopicRef::External(name.into())).collect())
            }
            TypedTopics::Matching(pattern) => {
                let windows = pattern.windows(at.site)?;
                let pattern = Pattern::new(&pattern.name).map_err(|reason| TopologyError::Pattern {
                    pattern: pattern.name,
                    reason,
                    at: at.site,
                })?;
                (windows, vec![TopicRef::Matching(pattern)])
            }
        };
        let name = self.names.node(at.options.name()?, prefix::SOURCE);
        let (recipe, reading) = at.options.source.applied_to(recipe, windows);
        let kind = DraftKind::Source { topics, types, windows, reading, recipe };
        let node = self.drafts.add(ROOT, name.clone(), kind, at.site);
        let (sources, windows) = (BTreeSet::from([name.clone()]), KeyWindows::known(windows));
        self.streams.insert(at.step, StreamState::new(name, sources, windows, false, node));
        Ok(())
    }

    pub(super) fn operator(
        &mut self,
        at: &At<'_>,
        input: CallId,
        prefix: &str,
        changes: Changes,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let name = self.names.node(at.options.name()?, prefix);
        let node = self.drafts.add(input.node, name.clone(), stateless(recipe), at.site);
        self.drafts.all[node.0].role = changes.into();
        let windows = if changes.keys() { KeyWindows::made(at.site) } else { input.windows };
        let stream = StreamState::new(name, input.sources, windows, input.key_changed || changes.keys(), node);
        self.streams.insert(at.step, stream);
        Ok(())
    }

    pub(super) fn split(&mut self, at: &At<'_>, input: CallId, recipe: Recipe) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let name = self.names.node(at.options.name()?, prefix::BRANCH);
        let node = self.drafts.add(input.node, name.clone(), stateless(recipe), at.site);
        self.splits.insert(at.step, SplitState { input, name, node, branches: 0, has_default: false });
        Ok(())
    }

    pub(super) fn branch(
        &mut self,
        at: &At<'_>,
        split: CallId,
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
        let StreamState { sources, windows, key_changed, .. } = split.input.clone();
        let stream = StreamState::new(name, sources, windows, key_changed, node);
        self.streams.insert(at.step, stream);
        Ok(())
    }

    /// Lets the next operations see a stream's keys as nullable; no node comes of it.
    pub(super) fn nullable_keys(
        &mut self,
        at: &At<'_>,
        input: CallId,
        accept: fn(Recipe) -> Recipe,
    ) -> Result<(), TopologyError> {
        let input = self.stream(input)?.clone();
        let node = self.drafts.add(input.node, input.name.clone(), DraftKind::NullableKeys { accept }, at.site);
        // The nodes below it have keys of another type than those above.
        self.drafts.all[node.0].role = Role::ChangesValues;
        self.streams.insert(at.step, StreamState { node, join_repartition: None, ..input });
        Ok(())
    }

    pub(super) fn merge(
        &mut self,
        at: &At<'_>,
        left: CallId,
        right: CallId,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        let (left, right) = (self.stream(left)?.clone(), self.stream(right)?.clone());
        let name = self.names.node(at.options.name()?, prefix::MERGE);
        let node = self.drafts.add(left.node, name.clone(), stateless(recipe), at.site);
        self.drafts.connect(right.node, node);
        self.drafts.all[node.0].role = Role::Merge;
        let sources = left.sources.union(&right.sources).cloned().collect();
        let key_changed = left.key_changed || right.key_changed;
        let windows = left.windows.or(&right.windows);
        self.streams.insert(at.step, StreamState::new(name, sources, windows, key_changed, node));
        Ok(())
    }

    pub(super) fn repartition(
        &mut self,
        at: &At<'_>,
        input: CallId,
        through: Repartition,
        sink: SinkRecipe,
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
        let (node, windows) =
            self.repartition_draft(at, (input.node, &input.windows), names, (through, sink), at.options.partitions)?;
        // It stays where the user put it.
        self.drafts.all[node.0].role = Role::Other;
        let (sources, windows) = (BTreeSet::from([name.clone()]), KeyWindows::known(windows));
        self.streams.insert(at.step, StreamState::new(name, sources, windows, false, node));
        Ok(())
    }

    /// Adds a repartition of keys with these windows, and returns their sizes.
    pub(super) fn repartition_draft(
        &mut self,
        at: &At<'_>,
        (parent, windows): (DraftId, &KeyWindows),
        names: RepartitionNames,
        (through, sink): (Repartition, SinkRecipe),
        partitions: Option<u32>,
    ) -> Result<(DraftId, WindowSizes), TopologyError> {
        let what = format!("the topic `{}`", names.topic);
        let windows = windows.only(&ReadBack { what: &what, windows: through.windows, at: at.site })?;
        let (name, kind) = (names.source.clone(), DraftKind::Repartition { names, through, sink, windows, partitions });
        let node = self.drafts.add(parent, name, kind, at.site);
        self.drafts.all[node.0].role = Role::Repartition;
        Ok((node, windows))
    }

    pub(super) fn sink(
        &mut self,
        at: &At<'_>,
        input: CallId,
        topic: TypedTopic,
        recipe: SinkRecipe,
    ) -> Result<(), TopologyError> {
        let StreamState { node: parent, windows, .. } = self.stream(input)?.clone();
        let TypedTopic { name: topic, said, .. } = topic;
        if let Some(known) = windows.contradicts(said) {
            let reason = format!(
                "`{topic}` was declared with windows of `{said}`, but windows of `{known}` are sent to it; give its \
                 constant their length, or send them to another topic"
            );
            return Err(TopologyError::WindowSize { what: format!("the topic `{topic}`"), reason, at: at.site });
        }
        let name = self.names.node(at.options.name()?, prefix::SINK);
        let sizes = if said.is_empty() { windows.sole() } else { said };
        let recipe = recipe(TopicRef::External(topic.as_str().into())).in_windows(sizes);
        self.drafts.add(parent, name, DraftKind::Sink { topic, recipe }, at.site);
        Ok(())
    }

    pub(super) fn chosen_sink(
        &mut self,
        at: &At<'_>,
        input: CallId,
        chooser: &'static str,
        recipe: Recipe,
    ) -> Result<(), TopologyError> {
        let parent = self.stream(input)?.node;
        let name = self.names.node(at.options.name()?, prefix::SINK);
        self.drafts.add(parent, name, DraftKind::ChosenSink { chooser, recipe }, at.site);
        Ok(())
    }
}

impl SourceOptions {
    /// The source's recipe, and how it reads.
    pub(super) fn applied_to(&self, recipe: SourceRecipe, windows: WindowSizes) -> (Recipe, SourceReading) {
        let extractor = self.extractor.as_deref();
        (recipe(windows, extractor), SourceReading { said: self.reading, extracts: extractor.is_some() })
    }
}

/// The window sizes of the keys of topics that one source reads, which must be the same.
fn windows_of_topics(topics: &[TypedTopic], at: CallSite) -> Result<WindowSizes, TopologyError> {
    let (first, others) = topics.split_first().ok_or(TopologyError::NoTopics { at })?;
    let windows = first.windows(at)?;
    for other in others {
        let (what, others) = (format!("the topic `{}`", other.name), other.windows(at)?);
        if windows != others {
            let reason = format!(
                "they are `{others}` long, but those of `{}` are `{windows}` long; read each topic as a separate stream",
                first.name
            );
            return Err(TopologyError::WindowSize { what, reason, at });
        }
    }
    Ok(windows)
}
