//! What processors do: the behaviours of `FORMAT.md`.

use serde::{Deserialize, Serialize};

use crate::functions::{KeyMap, Predicate, ValueMap};

/// Declares the behaviours.
macro_rules! behaviours {
    ($($name:ident { $($fields:tt)* })*) => {
        /// What a processor does.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(tag = "f", rename_all = "snake_case")]
        #[allow(missing_docs, reason = "see FORMAT.md")]
        pub enum Behaviour {
            $($name { $($fields)* },)*
        }
    };
}

behaviours! {
    Same {}
    Twice {}
    Only { r#where: Predicate }
    Rekey { key: KeyMap }
    Value { value: ValueMap }
    Shift { by: i64 }
    Clock {}
    Origin {}
    Commit {}
    Farewell {}
    AddHeader { name: String, text: String }
    DropHeader { name: String }
    ReadHeader { name: String }
    ToChild { children: Vec<String> }
    Tick { every: u64, clock: Option<Clock>, start: Option<i64>, times: Option<u64>, late: Option<bool> }
    Hold { store: Option<String>, every: u64, start: Option<i64> }
    HoldWall { store: Option<String>, every: u64, start: Option<i64> }
    Keep { store: Option<String> }
    Tally { store: Option<String> }
    KvPut { store: Option<String>, read: Option<Read>, from: Option<String>, to: Option<String>, prefix: Option<String> }
    KvPutIfAbsent { store: Option<String> }
    KvDelete { store: Option<String>, r#where: Predicate }
    KvLookup { store: Option<String> }
    TsKeep { store: Option<String> }
    TsPut { store: Option<String> }
    TsLookup { store: Option<String> }
    WindowPut { store: Option<String>, size: i64 }
    WindowList { store: Option<String>, size: i64, read: Read, from: Option<String>, to: Option<String> }
    TsWindowList { store: Option<String>, size: i64, read: Read, from: Option<String>, to: Option<String> }
    SessionPut { store: Option<String>, gap: i64 }
    SessionList { store: Option<String>, gap: i64, read: Read, from: Option<String>, to: Option<String>, size: Option<i64> }
    TsWindowLookup { store: Option<String>, size: i64, read: Read }
    SessionLookup { store: Option<String>, read: Read, size: Option<i64> }
    Shelve { store: Option<String> }
    VersionedPut { store: Option<String>, back: Option<i64> }
    VersionedDelete { store: Option<String>, r#where: Predicate }
    VersionedLookup { store: Option<String>, back: Option<i64> }
}

/// The clock that a punctuation follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Clock {
    Stream,
    Wall,
}

/// What is read from a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs, reason = "see FORMAT.md")]
pub enum Read {
    All,
    ReverseAll,
    BackwardAll,
    Range,
    ReverseRange,
    Prefix,
    Point,
    Fetch,
    BackwardFetch,
    Keys,
    BackwardKeys,
    FetchAll,
    BackwardFetchAll,
    Find,
    BackwardFind,
}

impl Behaviour {
    /// The store that it names itself.
    #[must_use]
    pub fn store(&self) -> Option<&String> {
        match self {
            Self::Hold { store, .. }
            | Self::HoldWall { store, .. }
            | Self::Keep { store }
            | Self::Tally { store }
            | Self::KvPut { store, .. }
            | Self::KvPutIfAbsent { store }
            | Self::KvDelete { store, .. }
            | Self::KvLookup { store }
            | Self::TsKeep { store }
            | Self::TsPut { store }
            | Self::TsLookup { store }
            | Self::WindowPut { store, .. }
            | Self::WindowList { store, .. }
            | Self::TsWindowList { store, .. }
            | Self::SessionPut { store, .. }
            | Self::SessionList { store, .. }
            | Self::TsWindowLookup { store, .. }
            | Self::SessionLookup { store, .. }
            | Self::Shelve { store }
            | Self::VersionedPut { store, .. }
            | Self::VersionedDelete { store, .. }
            | Self::VersionedLookup { store, .. } => store.as_ref(),
            _ => None,
        }
    }
}
