//! Behaviours with versioned stores.

use millstream::dsl::processor::{ReadOnly, Version, VersionedStoreRef, Written};
use millstream::prelude::{Refs, Timestamp};

use super::VersionsOf;
use super::stored::{Item, Work};
use crate::behaviour::Behaviour;
use crate::functions::{Nullable, cut};
use crate::text::Text;

/// Versioned stores.
pub(super) struct Versions;

/// What Kafka Streams' `put` returns instead of a time.
const NO_END: i64 = -1;
const NOT_PUT: i64 = i64::MIN;

impl Work for Versions {
    type Store = VersionsOf;

    fn work(does: &Behaviour, store: &mut Refs<'_, VersionsOf>, item: &Item<'_>) -> Option<Nullable> {
        let now = Timestamp(item.time);
        Some(Some(match does {
            Behaviour::VersionedPut { back, .. } => {
                let done = put(store, item);
                let before = store.get_as_of(item.key, Timestamp(item.time.saturating_sub(back.unwrap_or(0))));
                cut(&format!("{}|{}", done.as_str(), shown(before).as_str()))
            }
            Behaviour::VersionedDelete { r#where, .. } if r#where.holds(item.key, item.value) => {
                shown(store.delete(item.key, now))
            }
            Behaviour::VersionedDelete { .. } => {
                put(store, item);
                shown(store.get(item.key))
            }
            Behaviour::VersionedLookup { back: Some(back), .. } => {
                shown(store.get_as_of(item.key, Timestamp(item.time.saturating_sub(*back))))
            }
            Behaviour::VersionedLookup { .. } => shown(store.get(item.key)),
            _ => return None,
        }))
    }
}

/// What a write gives back.
fn put(store: &mut VersionedStoreRef<'_, Text, Text>, item: &Item<'_>) -> Text {
    let Some(value) = item.value else { return shown(store.delete(item.key, Timestamp(item.time))) };
    let until = match store.put(item.key, value.clone(), Timestamp(item.time)) {
        Written::Refused => NOT_PUT,
        Written::Latest => NO_END,
        Written::Until(until) => until.0,
    };
    until.to_string().into()
}

/// Kafka Streams' processors never learn when a version has ended.
fn shown(version: Option<Version<Text>>) -> Text {
    let Some(Version { value, from, .. }) = version else { return "null".into() };
    cut(&format!("{}@{}/-", value.as_str(), from.0))
}

/// Versioned stores of tables.
pub(super) struct OfTables;

impl Work for OfTables {
    type Store = ReadOnly<VersionsOf>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        let Behaviour::VersionedLookup { back, .. } = does else { return None };
        Some(Some(shown(match back {
            Some(back) => store.get_as_of(item.key, Timestamp(item.time.saturating_sub(*back))),
            None => store.get(item.key),
        })))
    }
}
