//! The draft: one entry per operation, before it becomes one or several nodes.
//!
//! Operations are written to the graph by priority, and an operation's priority is a number that it gets whenever it is
//! added under a parent. That order determines the numbers of sub-topologies, so it is exactly Java's.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::time::Duration;

use super::super::error::{CallSite, TopologyError};
use super::super::graph::HandlerFacts;
use super::super::names::RepartitionNames;
use super::super::program::{
    BehindCaches, CallId, ChangeRepartition, Changes, Repartition, SinkRecipe, TableRecipe, Types,
};
use crate::operators::source::IsReadable;
use crate::operators::{Recipe, StoreId};
use crate::topic::{Reading, TopicRef};
use crate::windows::WindowSizes;

/// An operation's index in the draft.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct DraftId(pub(super) usize);

/// The ancestor of all operations.
pub(super) const ROOT: DraftId = DraftId(0);

/// One operation of the program.
pub(super) struct Draft {
    /// The name by which children refer to it: the processor's, or that of a repartition's source.
    pub(super) name: String,
    pub(super) kind: DraftKind,
    pub(super) parents: Vec<DraftId>,
    pub(super) children: Vec<DraftId>,
    /// What it is to the optimisations.
    pub(super) role: Role,
    /// Whether it is a join that keeps null keys (KIP-962).
    pub(super) keeps_null_keys: bool,
    /// How long after their end its windows are closed, if it is an aggregation in windows.
    pub(super) grace: Option<Duration>,
    pub(super) at: CallSite,
    priority: u32,
}

/// What an operation is to the optimisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    ChangesKeys,
    ChangesValues,
    /// A merge of two streams.
    Merge,
    /// A repartition that the library adds because of changed keys.
    Repartition,
    Other,
}

impl From<Changes> for Role {
    fn from(changes: Changes) -> Self {
        match changes {
            Changes::Nothing => Self::Other,
            Changes::Values | Changes::Everything => Self::ChangesValues,
            Changes::Keys => Self::ChangesKeys,
        }
    }
}

/// The nodes that an operation becomes.
pub(super) enum DraftKind {
    /// Nothing: the parent of all sources.
    Root,
    /// A source.
    Source { topics: Vec<TopicRef>, types: Types, windows: WindowSizes, reading: SourceReading, recipe: Recipe },
    /// A source and its table.
    TableSource {
        source_name: String,
        topic: String,
        source: Recipe,
        reading: Reading,
        is_readable: IsReadable,
        /// Whether it extracts the records' times.
        extracts: bool,
        table: CallId,
        recipe: TableRecipe,
    },
    /// The two nodes that represent a global table.
    GlobalTable { source_name: String, topic: String, source: Recipe, store: StoreId },
    /// A processor. Its own stores come first, then those of others that it reads.
    Processor { recipe: Recipe, stores: Vec<StoreId>, table: Option<CallId> },
    /// A handler, and before and behind it the sources and sinks of its retry topics.
    Handler { facts: HandlerFacts, recipe: Recipe, store: StoreId, retry_topics: Vec<RetryTopicDraft> },
    /// A processor with a buffer, which depends on whether its input may wait in caches.
    Suppress { recipe: BehindCaches, buffer: StoreId },
    /// A processor whose store depends on later calls.
    LateTable { table: CallId, recipe: TableRecipe },
    /// The nodes for the updates of a join's two tables, and the one behind both. Each side looks rows up in stores.
    TablesJoin { table: CallId, this: JoinSide, other: JoinSide, merge: Recipe, store: Option<StoreId> },
    /// A filter, and a topic's sink and source.
    Repartition {
        names: RepartitionNames,
        through: Repartition,
        sink: SinkRecipe,
        windows: WindowSizes,
        partitions: Option<u32>,
    },
    /// A topic's sink and source, for a table's changes.
    TableRepartition { sink_name: String, topic: String, through: ChangeRepartition, windows: WindowSizes },
    /// Nothing: the nodes of the operations below also take keys that cannot be null.
    NullableKeys { accept: fn(Recipe) -> Recipe },
    /// A sink to an internal topic, which it creates.
    InternalSink { topic: String, recipe: SinkRecipe },
    /// A source of an internal topic, whose only parent is the sink that creates it.
    InternalSource { topic: String, recipe: Recipe },
    /// The sides of a join of two streams, and their merge. Each side comes after its buffer. If the streams turn out to be
    /// the same, `itself` may do the same with the left side's buffer alone.
    StreamJoin { left: JoinSide, right: JoinSide, merge: Recipe, itself: Option<Recipe> },
    /// A sink to a topic of the user.
    Sink { topic: String, recipe: Recipe },
    /// A sink to topics that the application chooses.
    ChosenSink { chooser: &'static str, recipe: Recipe },
}

/// A topic in which a handler's records wait to be handled again.
pub(super) struct RetryTopicDraft {
    pub(super) topic: String,
    pub(super) delay: Duration,
    pub(super) source_name: String,
    pub(super) source: Recipe,
    pub(super) sink_name: String,
}

/// The node for the updates of one of a join's tables, or for the records of one of its streams.
pub(super) struct JoinSide {
    pub(super) name: String,
    /// The operation that its table comes from, or that keeps its stream's records.
    pub(super) parent: DraftId,
    pub(super) recipe: Recipe,
    /// The stores with the other side's rows.
    pub(super) stores: Vec<StoreId>,
}

/// How a source reads its topics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct SourceReading {
    pub(super) said: Reading,
    /// Whether it extracts the times of its records.
    pub(super) extracts: bool,
}

/// All operations of the program.
pub(super) struct Drafts {
    pub(super) all: Vec<Draft>,
    /// The names of sources that were merged into others, each with the name of the other.
    pub(super) merged_sources: HashMap<String, String>,
    next_priority: u32,
}

impl Drafts {
    pub(super) fn new(at: CallSite) -> Self {
        let root = Draft {
            name: "root".to_owned(),
            kind: DraftKind::Root,
            parents: Vec::new(),
            children: Vec::new(),
            role: Role::Other,
            keeps_null_keys: false,
            grace: None,
            at,
            priority: 0,
        };
        Self { all: vec![root], merged_sources: HashMap::new(), next_priority: 0 }
    }

    /// Adds an operation under a parent.
    pub(super) fn add(&mut self, parent: DraftId, name: String, kind: DraftKind, at: CallSite) -> DraftId {
        let id = self.push(name, kind, at);
        self.connect(parent, id);
        id
    }

    /// Adds an operation under a parent, which comes directly after it in the order.
    pub(super) fn add_behind(&mut self, parent: DraftId, name: String, kind: DraftKind, at: CallSite) -> DraftId {
        let id = self.push(name, kind, at);
        self.link(parent, id);
        self.all[id.0].priority = self.get(parent).priority;
        id
    }

    fn push(&mut self, name: String, kind: DraftKind, at: CallSite) -> DraftId {
        let id = DraftId(self.all.len());
        self.all.push(Draft {
            name,
            kind,
            parents: Vec::new(),
            children: Vec::new(),
            role: Role::Other,
            keeps_null_keys: false,
            grace: None,
            at,
            priority: 0,
        });
        id
    }

    /// Adds an operation under several parents.
    pub(super) fn add_below(&mut self, parents: &[DraftId], name: String, kind: DraftKind, at: CallSite) -> DraftId {
        let id = DraftId(self.all.len());
        let (first, others) = parents.split_first().unwrap_or((&ROOT, &[]));
        self.add(*first, name, kind, at);
        others.iter().for_each(|parent| self.connect(*parent, id));
        id
    }

    /// Puts an operation under another parent, or again under the same one, which moves it back in the order.
    pub(super) fn connect(&mut self, parent: DraftId, child: DraftId) {
        self.link(parent, child);
        self.all[child.0].priority = self.next_priority;
        self.next_priority += 1;
    }

    /// Puts an operation under another parent, and leaves its place in the order.
    pub(super) fn link(&mut self, parent: DraftId, child: DraftId) {
        if !self.all[parent.0].children.contains(&child) {
            self.all[parent.0].children.push(child);
            self.all[child.0].parents.push(parent);
        }
    }

    /// Undoes [`Drafts::link`].
    pub(super) fn unlink(&mut self, parent: DraftId, child: DraftId) {
        self.all[parent.0].children.retain(|other| *other != child);
        self.all[child.0].parents.retain(|other| *other != parent);
    }

    /// Takes an operation out: its children become its parents'.
    pub(super) fn bridge(&mut self, id: DraftId) {
        let parents = self.get(id).parents.clone();
        for child in self.get(id).children.clone() {
            parents.iter().for_each(|parent| self.link(*parent, child));
            self.unlink(id, child);
        }
        parents.iter().for_each(|parent| self.unlink(*parent, id));
    }

    pub(super) fn get(&self, id: DraftId) -> &Draft {
        &self.all[id.0]
    }

    /// Merges sources that read the same topics into the first of them.
    pub(super) fn merge_sources(&mut self) -> Result<(), TopologyError> {
        let mut readers: HashMap<TopicRef, DraftId> = HashMap::new();
        for current in self.all[ROOT.0].children.clone() {
            let DraftKind::Source { topics, .. } = &self.get(current).kind else { continue };
            for topic in topics.clone() {
                let main = *readers.entry(topic.clone()).or_insert(current);
                if main != current {
                    self.check_mergeable(topic.short_name(), main, current)?;
                    self.merge_into(main, current);
                }
            }
        }
        Ok(())
    }

    fn check_mergeable(&self, topic: &str, main: DraftId, other: DraftId) -> Result<(), TopologyError> {
        let (first, second) = (self.get(main), self.get(other));
        let (
            DraftKind::Source { topics, types, windows, reading, .. },
            DraftKind::Source {
                topics: other_topics,
                types: other_types,
                windows: other_windows,
                reading: other_reading,
                ..
            },
        ) = (&first.kind, &second.kind)
        else {
            return Err(TopologyError::Internal(format!("{} and {} are not sources", first.name, second.name)));
        };
        let names = |topics: &[TopicRef]| topics.iter().map(TopicRef::short_name).collect::<Vec<_>>().join(", ");
        let reason = if topics.iter().collect::<BTreeSet<_>>() != other_topics.iter().collect::<BTreeSet<_>>() {
            format!(
                "together with other topics ({} and {}); make one stream per topic, and `.merge(..)` where you need both",
                names(topics),
                names(other_topics)
            )
        } else if types != other_types {
            format!("as {} and as {}; use one constant for both", types.text, other_types.text)
        } else if windows != other_windows {
            format!("with windows of `{windows}` and of `{other_windows}`; use one constant for both")
        } else if reading.said.reset != other_reading.said.reset {
            "with another `.offset_reset(..)`; it has only one position, so say the same at both, or read it once"
                .to_owned()
        } else if reading != other_reading || reading.extracts {
            "with timestamps of its own at one of them; a record has only one, so read it once, and use that stream twice"
                .to_owned()
        } else {
            return Ok(());
        };
        Err(TopologyError::TopicReadTwice { topic: topic.to_owned(), reason, first: first.at, second: second.at })
    }

    fn merge_into(&mut self, main: DraftId, other: DraftId) {
        for child in std::mem::take(&mut self.all[other.0].children) {
            // As in Java, the source that stays is the last of its new child's parents, unless it is one already.
            let parents = &mut self.all[child.0].parents;
            parents.retain(|parent| *parent != other);
            if !parents.contains(&main) {
                parents.push(main);
            }
            if !self.all[main.0].children.contains(&child) {
                self.all[main.0].children.push(child);
            }
        }
        self.all[ROOT.0].children.retain(|child| *child != other);
        self.all[other.0].parents.clear();
        let names = (self.get(other).name.clone(), self.get(main).name.clone());
        self.merged_sources.insert(names.0, names.1);
    }

    /// The operations whose records can reach a join that keeps null keys.
    pub(super) fn before_joins_that_keep_null_keys(&self) -> HashSet<DraftId> {
        let mut before = HashSet::new();
        let mut pending: Vec<_> = (0..self.all.len()).map(DraftId).filter(|id| self.get(*id).keeps_null_keys).collect();
        while let Some(id) = pending.pop() {
            for parent in &self.get(id).parents {
                if before.insert(*parent) {
                    pending.push(*parent);
                }
            }
        }
        before
    }

    /// The order in which the operations are written to the graph: next is always the one with the smallest priority
    /// among the children of those visited so far, provided that all its parents have been written.
    pub(super) fn in_writing_order(&self) -> Vec<DraftId> {
        let mut written = Vec::new();
        let mut is_written = HashSet::from([ROOT]);
        let mut pending: BTreeSet<(u32, DraftId)> = BTreeSet::new();
        let offer = |pending: &mut BTreeSet<_>, id: DraftId| {
            pending.extend(self.get(id).children.iter().map(|child| (self.get(*child).priority, *child)));
        };
        offer(&mut pending, ROOT);
        while let Some((_, id)) = pending.pop_first() {
            if self.get(id).parents.iter().all(|parent| is_written.contains(parent)) && is_written.insert(id) {
                written.push(id);
            }
            offer(&mut pending, id);
        }
        written
    }
}
