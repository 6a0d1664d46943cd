//! Steps: the calls of a case's topology. `FORMAT.md` describes each with its fields; an optional field may be left out.

use serde::{Deserialize, Serialize};

use crate::behaviour::Behaviour;
use crate::case::StoreType;
use crate::functions::{Adder, Extractor, Joiner, KeyMap, Partitioner, Predicate, ValueMap};

/// The number of a step, whose result a later step uses.
pub type StepId = usize;

/// Declares the steps. All of them are read and written in the same way, and can be copied and compared.
macro_rules! steps {
    ($($op:ident { $($fields:tt)* })*) => {
        /// One call of the topology.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "op", rename_all = "snake_case")]
        #[allow(missing_docs, reason = "see FORMAT.md")]
        pub enum Step {
            $($op { $($fields)* },)*
        }
    };
}

steps! {
    Stream { topics: Option<Vec<String>>, pattern: Option<String>, name: Option<String>, extractor: Option<Extractor>, reset: Option<Reset> }
    Table { topic: String, name: Option<String>, stored: Option<Stored>, extractor: Option<Extractor>, reset: Option<Reset> }
    GlobalTable { topic: String, name: Option<String>, stored: Option<Stored>, extractor: Option<Extractor> }
    Filter { #[serde(rename = "in")] input: StepId, r#where: Predicate, name: Option<String>, stored: Option<Stored> }
    FilterNot { #[serde(rename = "in")] input: StepId, r#where: Predicate, name: Option<String>, stored: Option<Stored> }
    MapValues { #[serde(rename = "in")] input: StepId, value: ValueMap, with_key: Option<bool>, name: Option<String>, stored: Option<Stored> }
    Map { #[serde(rename = "in")] input: StepId, key: KeyMap, value: ValueMap, name: Option<String> }
    FlatMap { #[serde(rename = "in")] input: StepId, key: KeyMap, value: ValueMap, times: u64, name: Option<String> }
    FlatMapValues { #[serde(rename = "in")] input: StepId, value: ValueMap, times: u64, with_key: Option<bool>, name: Option<String> }
    SelectKey { #[serde(rename = "in")] input: StepId, key: KeyMap, name: Option<String> }
    Peek { #[serde(rename = "in")] input: StepId, name: Option<String> }
    ForEach { #[serde(rename = "in")] input: StepId, name: Option<String> }
    Print { #[serde(rename = "in")] input: StepId, name: Option<String> }
    Merge { #[serde(rename = "in")] input: StepId, other: StepId, name: Option<String> }
    Split { #[serde(rename = "in")] input: StepId, branches: Vec<SplitBranch>, default: bool, default_name: Option<String>, name: Option<String> }
    Branch { #[serde(rename = "in")] input: StepId, index: usize }
    Repartition { #[serde(rename = "in")] input: StepId, name: Option<String>, partitions: Option<u32>, partitioner: Option<Partitioner> }
    To { #[serde(rename = "in")] input: StepId, topic: String, name: Option<String>, partitioner: Option<Partitioner> }
    ToChosen { #[serde(rename = "in")] input: StepId, topics: Vec<String>, name: Option<String>, partitioner: Option<Partitioner> }
    ToTable { #[serde(rename = "in")] input: StepId, name: Option<String>, stored: Option<Stored> }
    Process { #[serde(rename = "in")] input: StepId, does: Behaviour, stores: Option<Vec<String>>, name: Option<String> }
    ProcessValues { #[serde(rename = "in")] input: StepId, does: Behaviour, stores: Option<Vec<String>>, name: Option<String> }
    Store {
        kind: StoreKind, name: String, logging: Option<bool>, caching: Option<bool>,
        size: Option<u64>, retention: Option<u64>, duplicates: Option<bool>, r#type: Option<StoreType>,
    }
    GlobalStore {
        topic: String, does: Behaviour, source: Option<String>, kind: StoreKind, name: String,
        size: Option<u64>, retention: Option<u64>, r#type: Option<StoreType>,
    }
    AddSource { name: String, topics: Option<Vec<String>>, pattern: Option<String>, extractor: Option<Extractor>, reset: Option<Reset> }
    AddProcessor { name: String, parents: Vec<String>, does: Behaviour, stores: Option<Vec<String>> }
    AddSink {
        name: String, topic: Option<String>, topics: Option<Vec<String>>, parents: Vec<String>, partitioner: Option<Partitioner>,
    }
    AddStore {
        kind: StoreKind, name: String, logging: Option<bool>, size: Option<u64>, retention: Option<u64>,
        duplicates: Option<bool>, r#type: Option<StoreType>, processors: Option<Vec<String>>,
    }
    ConnectStore { name: String, stores: Vec<String> }
    GroupByKey { #[serde(rename = "in")] input: StepId, name: Option<String> }
    GroupBy { #[serde(rename = "in")] input: StepId, key: KeyMap, name: Option<String> }
    GroupTable { #[serde(rename = "in")] input: StepId, key: KeyMap, value: ValueMap, no_pair: Option<Predicate>, name: Option<String> }
    Count { #[serde(rename = "in")] input: StepId, #[serde(flatten)] options: Aggregation }
    Reduce { #[serde(rename = "in")] input: StepId, add: Adder, remove: Option<Adder>, #[serde(flatten)] options: Aggregation }
    Aggregate {
        #[serde(rename = "in")] input: StepId, init: Option<String>, add: Adder, remove: Option<Adder>,
        #[serde(flatten)] options: Aggregation,
    }
    Cogroup { groups: Vec<CogroupInput>, init: Option<String>, windows: Option<Windows>, name: Option<String>, stored: Option<Stored> }
    Join {
        kind: JoinKind, #[serde(rename = "in")] input: StepId, other: StepId, before: i64, after: i64, grace: u64,
        joiner: Joiner, name: Option<String>, store: Option<String>, logging: Option<bool>,
        r#type: Option<StoreType>,
    }
    JoinTable {
        kind: JoinKind, #[serde(rename = "in")] input: StepId, other: StepId, joiner: Joiner, name: Option<String>,
        grace: Option<u64>,
    }
    JoinGlobal {
        kind: JoinKind, #[serde(rename = "in")] input: StepId, other: StepId, key: KeyMap, joiner: Joiner,
        name: Option<String>,
    }
    TableJoin {
        kind: JoinKind, #[serde(rename = "in")] input: StepId, other: StepId, joiner: Joiner, name: Option<String>,
        stored: Option<Stored>,
    }
    FkJoin {
        kind: JoinKind, #[serde(rename = "in")] input: StepId, other: StepId, key: KeyMap, joiner: Joiner,
        name: Option<String>, partitioner: Option<Partitioner>, stored: Option<Stored>,
    }
    TransformValues { #[serde(rename = "in")] input: StepId, value: ValueMap, name: Option<String>, stored: Option<Stored> }
    ToStream { #[serde(rename = "in")] input: StepId, key: Option<KeyMap>, name: Option<String> }
    Suppress {
        #[serde(rename = "in")] input: StepId, until: Until, max_records: Option<u64>, max_bytes: Option<u64>,
        full: Option<Full>, logging: Option<bool>, name: Option<String>,
    }
}

impl Step {
    /// What the call is named in a case, such as `fk_join`.
    #[must_use]
    pub fn operator(&self) -> String {
        let json = serde_json::to_value(self).unwrap_or_default();
        json["op"].as_str().unwrap_or_default().to_owned()
    }

    /// The steps whose results it uses.
    #[must_use]
    pub fn inputs(&self) -> Vec<StepId> {
        let json = serde_json::to_value(self).unwrap_or_default();
        let groups = json["groups"].as_array().into_iter().flatten().map(|group| &group["in"]);
        let all = [&json["in"], &json["other"]].into_iter().chain(groups);
        all.filter_map(|input| usize::try_from(input.as_u64()?).ok()).collect()
    }

    /// How the table that it makes is stored, if that is said.
    #[must_use]
    pub const fn stored(&self) -> Option<&Stored> {
        match self {
            Self::Table { stored, .. }
            | Self::GlobalTable { stored, .. }
            | Self::Filter { stored, .. }
            | Self::FilterNot { stored, .. }
            | Self::MapValues { stored, .. }
            | Self::TransformValues { stored, .. }
            | Self::ToTable { stored, .. }
            | Self::Cogroup { stored, .. }
            | Self::TableJoin { stored, .. }
            | Self::FkJoin { stored, .. } => stored.as_ref(),
            Self::Count { options, .. } | Self::Reduce { options, .. } | Self::Aggregate { options, .. } => {
                options.stored.as_ref()
            }
            _ => None,
        }
    }

    /// The name of the store of the table without windows and versions that it makes.
    #[must_use]
    pub fn stored_as(&self) -> Option<&str> {
        self.stored_rows().filter(|stored| stored.versioned.is_none())?.name.as_deref()
    }

    /// The name of the store with versions of the table that it makes, and how many milliseconds of history it has.
    #[must_use]
    pub fn versioned_as(&self) -> Option<(&str, u64)> {
        let stored = self.stored_rows()?;
        Some((stored.name.as_deref()?, stored.versioned?))
    }

    /// The name of the store of the windowed table of texts that it makes, and its windows.
    #[must_use]
    pub fn windowed_as(&self) -> Option<(&str, Windows)> {
        match self {
            Self::Reduce { options, .. } | Self::Aggregate { options, .. } => {
                Some((options.stored.as_ref()?.name.as_deref()?, options.windows?))
            }
            _ => None,
        }
    }

    /// The store of the table of texts without windows that it makes.
    const fn stored_rows(&self) -> Option<&Stored> {
        match self {
            Self::Table { stored, .. }
            | Self::GlobalTable { stored, .. }
            | Self::Filter { stored, .. }
            | Self::FilterNot { stored, .. }
            | Self::MapValues { stored, .. }
            | Self::ToTable { stored, .. } => stored.as_ref(),
            _ => None,
        }
    }
}

/// What `count`, `reduce` and `aggregate` have in common.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Aggregation {
    /// The windows, if there are any.
    pub windows: Option<Windows>,
    /// When results are forwarded.
    pub emit: Option<Emit>,
    /// The node's name.
    pub name: Option<String>,
    /// How the result is stored.
    pub stored: Option<Stored>,
}

/// Where a topic is read from if there is no position yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Reset {
    Policy(String),
    Millis(u64),
}

/// `Materialized`: how a table is stored.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stored {
    /// The store's name.
    pub name: Option<String>,
    /// How long windows are kept, in milliseconds.
    pub retention: Option<u64>,
    /// Whether a cache may hold updates back.
    pub caching: Option<bool>,
    /// Whether there is a changelog.
    pub logging: Option<bool>,
    /// A versioned store that keeps so many milliseconds of history.
    pub versioned: Option<u64>,
    /// What this store is kept in.
    #[serde(rename = "type")]
    pub kind: Option<StoreType>,
}

/// The windows of an aggregation, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Windows {
    Time {
        size: u64,
        advance: Option<u64>,
        #[serde(default)]
        grace: u64,
    },
    Sliding {
        difference: u64,
        #[serde(default)]
        grace: u64,
    },
    Session {
        gap: u64,
        #[serde(default)]
        grace: u64,
    },
    Unlimited {
        #[serde(default)]
        start: u64,
    },
}

/// When a windowed aggregation forwards its results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Emit {
    /// With each update.
    Update,
    /// Once, when the window closes.
    Close,
}

/// The kind of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JoinKind {
    /// Only matches.
    Inner,
    /// All of the left side.
    Left,
    /// All of both sides.
    Outer,
}

/// Until when `suppress` holds updates back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Until {
    /// Until the window closes.
    Close(Closed),
    /// For so many milliseconds.
    Millis(u64),
}

/// The word `close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// `close`
    Close,
}

/// What a full suppression buffer does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Full {
    /// Emits its oldest row.
    Emit,
    /// Ends the application.
    Stop,
}

/// One branch of a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitBranch {
    /// The records that it takes.
    pub r#where: Predicate,
    /// Its name.
    pub name: Option<String>,
}

/// One stream of a cogroup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CogroupInput {
    /// The grouped stream.
    #[serde(rename = "in")]
    pub input: StepId,
    /// How its records are added.
    pub add: Adder,
}

/// The kind of a processors' store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum StoreKind {
    KeyValue,
    Timestamped,
    Window,
    TimestampedWindow,
    Session,
    Versioned,
    Shelf,
}
