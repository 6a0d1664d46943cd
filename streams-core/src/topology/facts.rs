//! What a topology says of its topics and stores to those who know no Rust types: command lines, servers, pages.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use super::graph::{InternalTopicKind, NodeKind, StoreDefinition, Topology};
use crate::operators::StoreId;
use crate::record::Timestamp;
use crate::state::StoreKind;
use crate::state::kinds::{ChangelogRecord, StoredRow};
use crate::topic::TopicRef;
use crate::windows::Window;
use crate::wire::shape::Form;
use crate::wire::{Shape, ShapeError, Shapes, WindowSize};

/// A topic that an application reads or writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicFacts {
    /// The topic, whose name may begin with the application's id.
    pub topic: TopicRef,
    /// What its keys and values look like.
    pub shapes: Shapes,
    /// Whether the application reads it. Changelogs are read when something is restored, which does not count.
    pub is_read: bool,
    /// Whether the application writes it.
    pub is_written: bool,
    /// Its purpose, if the application creates it.
    pub internal: Option<InternalTopicKind>,
}

impl TopicFacts {
    /// What the topic is to the application, in a word or three for people: `input`, `output`, `input and output`,
    /// `repartition`, `retry` or `changelog`.
    #[must_use]
    pub const fn role(&self) -> &'static str {
        match (&self.internal, self.is_read, self.is_written) {
            (Some(InternalTopicKind::Repartition { .. }), ..) => "repartition",
            (Some(InternalTopicKind::Retry { .. }), ..) => "retry",
            (Some(InternalTopicKind::Changelog { .. }), ..) => "changelog",
            (None, true, true) => "input and output",
            (None, true, false) => "input",
            (None, false, _) => "output",
        }
    }

    /// Whether this is the topic of that full name.
    fn has_name(&self, application_id: &str, name: &str) -> bool {
        match &self.topic {
            TopicRef::Matching(pattern) => pattern.matcher()(name),
            topic => &*topic.full_name(application_id) == name,
        }
    }
}

/// A store of an application.
#[derive(Debug, Clone)]
pub struct StoreFacts {
    /// The number by which the topology's graph knows it.
    pub id: StoreId,
    /// Unique in the topology.
    pub name: Arc<str>,
    /// What its rows are. [`StoreKind::name`] is the name for people.
    pub kind: Arc<dyn StoreKind>,
    /// The sub-topology whose tasks have it; for a global table, the one that fills it.
    pub subtopology: Option<u32>,
    /// What its keys and values look like. Windows that belong to the rows and not to their keys' bytes are told by each row,
    /// so the keys of a table with windows are those inside.
    pub shapes: Shapes,
    /// The topic to restore it from, if it is logged.
    pub changelog: Option<TopicRef>,
    /// Whether every instance has a full copy.
    pub is_global: bool,
}

impl StoreFacts {
    /// A stored row's key as JSON, as in [`StoreFacts::row`].
    ///
    /// # Errors
    /// When the bytes are not of the store's type.
    pub fn key(&self, row: &StoredRow<'_>) -> Result<Json, ShapeError> {
        key_of(&self.shapes.key, row)
    }

    /// A stored row's key and value as JSON. A key with a window is an object, as that of a `Windowed`.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # use serde_json::json;
    /// const LINES: Topic<String, String> = Topic::new("lines");
    ///
    /// let builder = StreamsBuilder::new();
    /// let windows = Tumbling::of(std::time::Duration::from_secs(60)).no_grace();
    /// builder.stream(LINES).group_by_key().windowed_by(windows).count().named("per-minute");
    /// let stores = builder.build()?.stores();
    /// assert_eq!(stores[0].shapes.key.type_name(), "String");
    ///
    /// let window = Window { start: Timestamp(60_000), end: Timestamp(120_000) };
    /// let value = &3_i64.to_be_bytes();
    /// let row = millstream::state::kinds::StoredRow { key: b"ada", window: Some(window), timestamp: None, value };
    /// assert_eq!(stores[0].row(&row)?, (json!({ "key": "ada", "start": 60_000, "end": 120_000 }), json!(3)));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When the bytes are not of the store's types.
    pub fn row(&self, row: &StoredRow<'_>) -> Result<(Json, Json), ShapeError> {
        Ok((key_of(&self.shapes.key, row)?, self.shapes.value.to_json(Some(row.value))?))
    }
}

fn key_of(shape: &Shape, row: &StoredRow<'_>) -> Result<Json, ShapeError> {
    let key = shape.to_json(Some(row.key))?;
    let Some(Window { start, end }) = row.window else { return Ok(key) };
    let end = (end.0 < i64::MAX).then_some(end.0);
    Ok(json!({ "key": key, "start": start.0, "end": end }))
}

impl Topology {
    /// All topics that the application reads or writes, in the order of their names, with the types of their records. Those
    /// that a closure chooses for each record are not known.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const ORDERS: Topic<String, i64> = Topic::new("orders");
    /// const LARGE: Topic<String, i64> = Topic::new("large-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(ORDERS).filter(|_, cents| *cents >= 1_000).to(LARGE);
    ///
    /// let topics = builder.build()?.topics();
    /// assert_eq!(topics[0].topic.short_name(), "large-orders");
    /// assert!(topics[0].is_written && topics[1].is_read);
    /// assert_eq!(topics[1].shapes.value.type_name(), "i64");
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn topics(&self) -> Vec<TopicFacts> {
        let mut found = Found(BTreeMap::new());
        // A topic that is read says how long the windows in its keys are.
        for node in &self.graph().nodes {
            if let NodeKind::Source { topics, .. } = &node.kind {
                topics.iter().for_each(|topic| found.add(topic, node.recipe.topic()).is_read = true);
            }
        }
        for node in &self.graph().nodes {
            if let NodeKind::Sink { topic } = &node.kind {
                found.add(topic, node.recipe.topic()).is_written = true;
            }
        }
        for (_, store) in self.stores_in_use() {
            if let Some(topic @ TopicRef::Internal(_)) = &store.changelog {
                found.add(topic, Some(&of_changelog(store))).is_written = true;
            }
        }
        for topic in self.internal_topics() {
            if let Some(facts) = found.0.get_mut(&TopicRef::Internal(Arc::clone(&topic.name))) {
                facts.internal = Some(topic.kind.clone());
            }
        }
        found.0.into_values().collect()
    }

    /// The topic that somebody means who says `name`, and its full name: internal topics may be named without the
    /// application's id.
    ///
    /// ```
    /// # use millstream::prelude::*;
    /// # const ORDERS: Topic<String, i64> = Topic::new("orders");
    /// let builder = StreamsBuilder::new();
    /// builder.stream(ORDERS).group_by_key().count().stored_as(KeyValueStore::<String, i64>::new("counts"));
    /// let topology = builder.build()?;
    ///
    /// let (name, topic) = topology.topic("shop", "counts-changelog").expect("a topic");
    /// assert_eq!((&*name, topic.role()), ("shop-counts-changelog", "changelog"));
    /// assert!(topology.topic("shop", "clicks").is_none());
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use]
    pub fn topic(&self, application_id: &str, name: &str) -> Option<(String, TopicFacts)> {
        let topics = self.topics();
        let short = |facts: &&TopicFacts| facts.internal.is_some() && facts.topic.short_name() == name;
        match topics.iter().find(|facts| facts.has_name(application_id, name)) {
            Some(facts) => Some((name.to_owned(), facts.clone())),
            None => topics
                .iter()
                .find(short)
                .map(|facts| (facts.topic.full_name(application_id).to_string(), facts.clone())),
        }
    }

    /// All stores, in the order of their numbers, with the types of their rows. Rows that only the engine reads, such as
    /// those of records that wait for others, are bytes.
    #[must_use]
    pub fn stores(&self) -> Vec<StoreFacts> {
        self.stores_in_use().map(|(id, store)| self.facts_of(id, store)).collect()
    }

    fn facts_of(&self, id: StoreId, store: &StoreDefinition) -> StoreFacts {
        let part = self.subtopologies().iter().find(|part| part.stores.contains(&id));
        StoreFacts {
            id,
            name: Arc::clone(&store.name),
            kind: Arc::clone(&store.kind),
            subtopology: part.map(|part| part.id),
            shapes: shapes_of(store),
            changelog: store.changelog.clone(),
            is_global: store.global,
        }
    }

    /// The stores without those that are left over: a self-join's second store may be.
    pub(super) fn stores_in_use(&self) -> impl Iterator<Item = (StoreId, &StoreDefinition)> {
        let is_used = |id: StoreId, store: &StoreDefinition| {
            store.global || self.graph().nodes.iter().any(|node| node.stores.contains(&id))
        };
        (0..).map(StoreId).zip(&self.graph().stores).filter(move |(id, store)| is_used(*id, store))
    }
}

struct Found(BTreeMap<TopicRef, TopicFacts>);

impl Found {
    /// What is known of a topic so far. A use that says nothing of keys or values does not decide what they look like.
    fn add(&mut self, topic: &TopicRef, shapes: Option<&Shapes>) -> &mut TopicFacts {
        let facts = self.0.entry(topic.clone()).or_insert_with(|| TopicFacts {
            topic: topic.clone(),
            shapes: Shapes::of::<(), ()>(),
            is_read: false,
            is_written: false,
            internal: None,
        });
        let unknown = Shape::of::<()>();
        if let Some(Shapes { key, value }) = shapes {
            if facts.shapes.key == unknown {
                facts.shapes.key = key.clone();
            }
            if facts.shapes.value == unknown {
                facts.shapes.value = value.clone();
            }
        }
        facts
    }
}

fn shapes_of(store: &StoreDefinition) -> Shapes {
    let Shapes { key, value } = store.shapes.clone();
    let in_keys = if store.kind.window_size().is_some() { store.windows.inner() } else { store.windows };
    Shapes { key: key.in_windows(in_keys.as_slice()), value }
}

/// A changelog's values are the store's; its keys are in a layout of the kind's own.
fn of_changelog(store: &StoreDefinition) -> Shapes {
    let shapes = shapes_of(store);
    Shapes { key: Shape::with(ChangelogKey { kind: Arc::clone(&store.kind), key: shapes.key }), value: shapes.value }
}

/// The keys of a changelog, which nobody but the store writes.
struct ChangelogKey {
    kind: Arc<dyn StoreKind>,
    key: Shape,
}

impl ChangelogKey {
    fn read(&self, bytes: &[u8]) -> Option<Result<Json, ShapeError>> {
        // The key of a tombstone, too, is found beside some row.
        let record = ChangelogRecord { key: bytes, value: Some(&[]), timestamp: Timestamp(0) };
        let (key, row) = self.kind.to_store(record)?;
        let row = row?;
        Some(key_of(&self.key, &self.kind.read(&key, &row)?))
    }
}

impl Form for ChangelogKey {
    fn type_name(&self) -> &'static str {
        self.key.full_type_name()
    }

    /// Rows that only the engine reads cannot be found beside no value; their keys' bytes are all that is known.
    fn to_json(&self, bytes: &[u8], _windows: &[WindowSize]) -> Result<Json, String> {
        match self.read(bytes) {
            Some(read) => read.map_err(|error| error.reason),
            None => Shape::of::<bytes::Bytes>().to_json(Some(bytes)).map_err(|error| error.reason),
        }
    }

    fn bytes_of_json(&self, _json: &Json) -> Result<Option<Vec<u8>>, String> {
        Err("a changelog is written by its store only".to_owned())
    }

    fn bytes_of_text(&self, text: &str) -> Result<Option<Vec<u8>>, String> {
        self.bytes_of_json(&Json::from(text))
    }

    fn example_text(&self) -> String {
        self.key.example()
    }

    fn partition_bytes<'a>(&self, encoded: &'a [u8]) -> &'a [u8] {
        encoded
    }
}
