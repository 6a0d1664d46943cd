//! A topology as it runs in one application on one log: with full topic names and partition counts.
//!
//! This is pure computation on the topics' descriptions. `preparation.rs` looks topics up and creates them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use super::AppError;
use super::internal_topics::internal_topic;
use super::matching::MatchedTopics;
use super::replicas::Replicas;
use crate::log::{GroupPlan, NewTopic, PlannedSubtopology, TopicInfo};
use crate::operators::{NodeId, StoreId};
use crate::record::TaskId;
use crate::topic::{OffsetReset, Reading, TopicRef};
use crate::topology::{Fingerprint, InternalTopic, InternalTopicKind, NodeKind, Topology};

/// Full names, partition counts and tasks.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) application_id: Arc<str>,
    pub(crate) topology: Arc<Topology>,
    /// Partition counts of every topic the application reads or writes, by full name.
    pub(crate) partitions: BTreeMap<Arc<str>, u32>,
    /// The ids of those topics, if the log has topic ids.
    pub(crate) ids: BTreeMap<Arc<str>, String>,
    /// How often they are stored.
    pub(crate) replicas: Replicas,
    /// The tasks that the group's members divide.
    pub(crate) group: GroupPlan,
    /// The topics that are read because they match a pattern.
    pub(crate) matched: MatchedTopics,
}

/// The user's topics that a topology reads and writes by name, by full name.
pub(crate) struct ExternalTopics {
    pub(crate) sources: BTreeSet<Arc<str>>,
    pub(crate) sinks: BTreeSet<Arc<str>>,
}

/// Finds the user's topics in a topology.
pub(crate) fn external_topics(topology: &Topology) -> ExternalTopics {
    let mut topics = ExternalTopics { sources: BTreeSet::new(), sinks: BTreeSet::new() };
    for node in &topology.graph().nodes {
        match &node.kind {
            NodeKind::Source { topics: read, .. } => {
                topics.sources.extend(read.iter().filter_map(|topic| match topic {
                    TopicRef::External(name) => Some(Arc::clone(name)),
                    TopicRef::Internal(_) | TopicRef::Matching(_) => None,
                }));
            }
            NodeKind::Sink { topic: TopicRef::External(name) } => {
                topics.sinks.insert(Arc::clone(name));
            }
            NodeKind::Sink { .. } | NodeKind::ChosenSink { .. } | NodeKind::Processor => {}
        }
    }
    topics
}

impl Plan {
    /// Derives all partition counts from those of the user's topics.
    pub(crate) fn new(
        application_id: Arc<str>,
        topology: Arc<Topology>,
        external: &BTreeMap<Arc<str>, u32>,
        matched: MatchedTopics,
    ) -> Result<Self, AppError> {
        let mut known = external.clone();
        known.extend(matched.topics().map(|(topic, partitions)| (Arc::clone(topic), partitions)));
        let mut counts = Counts { application_id: &application_id, topology: &topology, matched: &matched, known };
        counts.repartition_topics();
        counts.check_copartitioned()?;
        counts.topics_of_tasks();
        let partitions = counts.known;
        Ok(Self::with(application_id, topology, partitions, matched))
    }

    /// A plan in which every topic has one partition, whatever the user's program says.
    pub(crate) fn with_one_partition(application_id: Arc<str>, topology: Arc<Topology>) -> Self {
        let ExternalTopics { mut sources, sinks } = external_topics(&topology);
        sources.extend(sinks);
        let internal = topology.internal_topics().iter().map(|topic| TopicRef::Internal(Arc::clone(&topic.name)));
        sources.extend(internal.map(|topic| topic.full_name(&application_id)));
        let matched = MatchedTopics::themselves(&topology);
        sources.extend(matched.topics().map(|(topic, _)| Arc::clone(topic)));
        let partitions = sources.into_iter().map(|topic| (topic, 1)).collect();
        Self::with(application_id, topology, partitions, matched)
    }

    fn with(
        application_id: Arc<str>,
        topology: Arc<Topology>,
        partitions: BTreeMap<Arc<str>, u32>,
        matched: MatchedTopics,
    ) -> Self {
        let subtopologies = topology
            .subtopologies()
            .iter()
            .filter(|sub| !sub.global)
            .map(|sub| PlannedSubtopology {
                id: sub.id,
                topics: sub
                    .sources
                    .iter()
                    .flat_map(|topic| matched.names(topic, &application_id))
                    .filter_map(|name| {
                        Some((Arc::clone(&name), partitions.get(&name).copied().filter(|count| *count > 0)?))
                    })
                    .collect(),
            })
            .collect();
        let (ids, replicas, group) = (BTreeMap::new(), Replicas::default(), GroupPlan { subtopologies });
        Self { application_id, topology, partitions, ids, replicas, group, matched }
    }

    /// Stores what the log says of the topics that the plan was made for.
    pub(crate) fn note_topics(&mut self, found: &[TopicInfo]) {
        self.replicas.note(found.iter().filter(|topic| self.partitions.contains_key(&*topic.name)));
        self.ids.extend(found.iter().map(|topic| (Arc::from(topic.name.as_str()), topic.id.clone())));
    }

    /// The internal topics that the application needs. As long as no topic matches a pattern, those behind it are not
    /// needed, and it is not known how many partitions they will have.
    pub(crate) fn internal_topics(&self, replication: Option<u16>, extra: &[(String, String)]) -> Vec<NewTopic> {
        let topics = self.topology.internal_topics().iter();
        let topics = topics.filter_map(|topic| internal_topic(self, topic, replication, extra));
        topics.filter(|topic| topic.partitions > 0).collect()
    }

    /// Whether a topic is the application's own.
    pub(crate) fn is_internal(&self, name: &str) -> bool {
        let names = self.topology.internal_topics().iter().map(|topic| TopicRef::Internal(Arc::clone(&topic.name)));
        names.into_iter().any(|topic| *topic.full_name(&self.application_id) == *name)
    }

    /// The purpose of the application's own topic with that full name.
    fn internal_kind(&self, name: &str) -> Option<&InternalTopicKind> {
        let short = name.strip_prefix(&*self.application_id)?.strip_prefix('-')?;
        let mut topics = self.topology.internal_topics().iter();
        topics.find(|topic| *topic.name == *short).map(|topic| &topic.kind)
    }

    /// Whether the topic with that full name is a repartition topic.
    pub(crate) fn is_repartition_topic(&self, name: &str) -> bool {
        matches!(self.internal_kind(name), Some(InternalTopicKind::Repartition { .. }))
    }

    /// Whether the application's tasks write and read the topic with that full name, as they do repartition topics and retry
    /// topics: what is in it is on its way.
    pub(crate) fn is_read_back(&self, name: &str) -> bool {
        self.is_repartition_topic(name) || self.retry_delay(name).is_some()
    }

    /// How long records wait in the retry topic with that full name; `None` if it is another topic.
    pub(crate) fn retry_delay(&self, name: &str) -> Option<Duration> {
        match self.internal_kind(name) {
            Some(InternalTopicKind::Retry { delay }) => Some(*delay),
            _ => None,
        }
    }

    /// The node of a sub-topology that reads a topic, by the topic's full name, and how it reads it.
    pub(crate) fn source_of(&self, subtopology: u32, topic: &str) -> Option<(NodeId, Reading)> {
        let sub = self.topology.subtopologies().iter().find(|sub| sub.id == subtopology)?;
        sub.nodes.iter().find_map(|id| match &self.topology.graph().node(*id)?.kind {
            NodeKind::Source { topics, reading } => {
                let names = |source| self.matched.names(source, &self.application_id);
                let reads = topics.iter().any(|source| names(source).iter().any(|name| **name == *topic));
                reads.then_some((*id, *reading))
            }
            _ => None,
        })
    }

    /// Where the source of a topic says that reading starts, by the topic's full name.
    pub(crate) fn reset_of(&self, topic: &str) -> Option<OffsetReset> {
        let parts = self.topology.subtopologies().iter();
        parts.filter_map(|sub| self.source_of(sub.id, topic)).find_map(|(_, reading)| reading.reset)
    }

    /// The number of partitions of the widest topic of the user that is read.
    pub(crate) fn widest_input(&self) -> u32 {
        let sources = external_topics(&self.topology).sources;
        let named = sources.iter().filter_map(|input| self.partitions.get(input)).copied();
        named.chain(self.matched.topics().map(|(_, partitions)| partitions)).max().unwrap_or(1)
    }

    /// The full name of a store's changelog topic, if it has one.
    pub(crate) fn changelog(&self, store: StoreId) -> Option<Arc<str>> {
        let definition = self.topology.graph().store(store)?;
        definition.changelog.as_ref().map(|topic| topic.full_name(&self.application_id))
    }

    /// The same for all members that divide the same tasks; `None` if nothing can change that while they run. Patterns may
    /// match other topics. And where a sub-topology without state reads several topics, the one with the most partitions
    /// decides who has which task, and another one may have become that. (Everywhere else more partitions either leave the
    /// owners of the tasks as they were, or are an error.)
    pub(crate) fn seen(&self) -> Option<u64> {
        let mut text = self.matched.text();
        let merging = self.topology.subtopologies().iter().filter(|sub| sub.stores.is_empty()).map(|sub| sub.id);
        let merging: BTreeSet<_> = merging.collect();
        for sub in self.group.subtopologies.iter().filter(|sub| sub.topics.len() > 1 && merging.contains(&sub.id)) {
            for (topic, partitions) in &sub.topics {
                let _ = writeln!(text, "{} {topic} {partitions}", sub.id);
            }
        }
        (!text.is_empty()).then(|| Fingerprint::hash_of(&text))
    }

    /// The names of a task's stores that nothing could be restored from.
    pub(crate) fn unlogged_stores(&self, task: TaskId) -> Vec<&str> {
        let graph = self.topology.graph();
        let subs = self.topology.subtopologies().iter().filter(|sub| sub.id == task.subtopology);
        let stores = subs.flat_map(|sub| &sub.stores).filter_map(|store| graph.store(*store));
        stores.filter(|store| store.changelog.is_none() && !store.in_memory).map(|store| &*store.name).collect()
    }

    /// The changelogs of a task's stores.
    pub(crate) fn changelogs(&self, task: TaskId) -> Vec<Arc<str>> {
        let subs = self.topology.subtopologies().iter().filter(|sub| sub.id == task.subtopology);
        subs.flat_map(|sub| &sub.stores).filter_map(|store| self.changelog(*store)).collect()
    }

    /// The input topics of a task: those of its sub-topology that have its partition.
    pub(crate) fn inputs(&self, task: TaskId) -> Vec<Arc<str>> {
        self.group
            .subtopologies
            .iter()
            .filter(|sub| sub.id == task.subtopology)
            .flat_map(|sub| &sub.topics)
            .filter(|(_, count)| i64::from(task.partition.0) < i64::from(**count))
            .map(|(name, _)| Arc::clone(name))
            .collect()
    }
}

struct Counts<'a> {
    application_id: &'a str,
    topology: &'a Topology,
    matched: &'a MatchedTopics,
    known: BTreeMap<Arc<str>, u32>,
}

impl Counts<'_> {
    /// The partition count of a topic, or of the widest that matches.
    fn count(&self, topic: &TopicRef) -> Option<u32> {
        let names = self.matched.names(topic, self.application_id);
        names.iter().filter_map(|name| self.known.get(name)).max().copied()
    }

    /// A repartition topic has as many partitions as the user requested, otherwise as many as the widest topic
    /// upstream. That may itself be a repartition topic, so this repeats until nothing changes. Co-partitioned topics
    /// follow their group.
    fn repartition_topics(&mut self) {
        loop {
            let before = self.known.clone();
            for topic in self.topology.internal_topics() {
                let InternalTopicKind::Repartition { partitions } = topic.kind else { continue };
                let reference = TopicRef::Internal(Arc::clone(&topic.name));
                let upstream = self
                    .topology
                    .subtopologies()
                    .iter()
                    .filter(|sub| sub.sinks.contains(&reference))
                    .flat_map(|sub| &sub.sources)
                    .filter_map(|source| self.count(source))
                    .max();
                if let Some(count) = partitions.or(upstream) {
                    let known = self.known.entry(reference.full_name(self.application_id)).or_insert(count);
                    *known = (*known).max(count);
                }
            }
            for group in self.topology.copartitioned() {
                let given =
                    group.iter().filter(|topic| self.is_given(topic)).filter_map(|topic| self.count(topic)).max();
                let Some(count) = given.or_else(|| group.iter().filter_map(|topic| self.count(topic)).max()) else {
                    continue;
                };
                let ours = group.iter().filter(|topic| !self.is_given(topic)).collect::<Vec<_>>();
                for topic in ours {
                    self.known.insert(topic.full_name(self.application_id), count);
                }
            }
            if self.known == before {
                return;
            }
        }
    }

    /// Whether a topic's partition count is fixed from outside.
    fn is_given(&self, topic: &TopicRef) -> bool {
        match topic {
            TopicRef::External(_) | TopicRef::Matching(_) => true,
            TopicRef::Internal(name) => self.topology.internal_topics().iter().any(|internal| {
                internal.name == *name
                    && matches!(internal.kind, InternalTopicKind::Repartition { partitions: Some(_) })
            }),
        }
    }

    fn check_copartitioned(&self) -> Result<(), AppError> {
        for group in self.topology.copartitioned() {
            let names = group.iter().flat_map(|topic| self.matched.names(topic, self.application_id));
            let counts: Vec<_> = names.filter_map(|name| Some((self.known.get(&name).copied()?, name))).collect();
            let mut different = counts.iter().map(|(count, _)| count).collect::<BTreeSet<_>>();
            if different.len() > 1 {
                different.clear();
                let topics =
                    counts.iter().map(|(count, topic)| format!("{topic} ({count})")).collect::<Vec<_>>().join(", ");
                return Err(AppError::NotCopartitioned { topics });
            }
        }
        Ok(())
    }

    /// A changelog has one partition per task of its store's sub-topology, and so has a retry topic, which each task writes
    /// and reads for itself.
    fn topics_of_tasks(&mut self) {
        for sub in self.topology.subtopologies().iter().filter(|sub| !sub.global) {
            let tasks = sub.sources.iter().filter_map(|topic| self.count(topic)).max().unwrap_or(0);
            let retry = |topic: &&InternalTopic| matches!(topic.kind, InternalTopicKind::Retry { .. });
            let retry_topics = self.topology.internal_topics().iter().filter(retry);
            for topic in retry_topics.map(|topic| TopicRef::Internal(Arc::clone(&topic.name))) {
                if sub.sources.contains(&topic) {
                    self.known.insert(topic.full_name(self.application_id), tasks);
                }
            }
            for store in &sub.stores {
                if let Some(definition) = self.topology.graph().store(*store)
                    && let Some(changelog @ TopicRef::Internal(_)) = &definition.changelog
                {
                    self.known.insert(changelog.full_name(self.application_id), tasks);
                }
            }
        }
    }
}
