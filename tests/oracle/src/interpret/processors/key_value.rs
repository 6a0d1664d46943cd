//! Behaviours with stores by key.

use std::ops::Bound;

use millstream::dsl::processor::{GlobalStoreRef, ReadOnly, StoreRef};
use millstream::prelude::{Refs, Timestamp};
use millstream::state::Timestamped;

use super::stored::{Item, Work};
use super::{Plain, WithTimes, listed, shown};
use crate::behaviour::{Behaviour, Read};
use crate::functions::{Nullable, cut, number_in};
use crate::text::Text;

/// Stores of values.
pub(super) struct KeyValues;

impl Work for KeyValues {
    type Store = Plain;

    fn work(does: &Behaviour, store: &mut Refs<'_, Plain>, item: &Item<'_>) -> Option<Nullable> {
        let said = |text: Option<Text>| Some(Some(shown(text.as_ref()).into()));
        match does {
            Behaviour::Keep { .. } | Behaviour::Hold { .. } | Behaviour::HoldWall { .. } => {
                put(store, item);
                None
            }
            Behaviour::Tally { .. } => {
                let count: Text = (number_in(&store.get(item.key)) + 1).to_string().into();
                store.put(item.key, count.clone());
                Some(Some(count))
            }
            Behaviour::KvPut { read, from, to, prefix, .. } => {
                put(store, item);
                let bound = |end: &Option<String>| {
                    end.as_deref().map_or(Bound::<Text>::Unbounded, |end| Bound::Included(end.into()))
                };
                let range = (bound(from), bound(to));
                let rows = match read.unwrap_or(Read::All) {
                    Read::All => store.all(),
                    Read::ReverseAll => store.range_reverse(..),
                    Read::Range => store.range(range),
                    Read::ReverseRange => store.range_reverse(range),
                    Read::Prefix => store.prefix(&Text::from(prefix.as_deref().unwrap_or_default())),
                    _ => Vec::new(),
                };
                let rows = rows.into_iter().map(|(key, value)| format!("{}={}", key.as_str(), value.as_str()));
                Some(Some(listed(rows)))
            }
            Behaviour::KvPutIfAbsent { .. } => said(match item.value {
                Some(value) => store.put_if_absent(item.key, value.clone()),
                None => match store.get(item.key) {
                    Some(there) => Some(there),
                    None => store.take(item.key),
                },
            }),
            Behaviour::KvDelete { r#where, .. } if r#where.holds(item.key, item.value) => said(store.take(item.key)),
            Behaviour::KvDelete { .. } => {
                put(store, item);
                Some(item.value.clone())
            }
            Behaviour::KvLookup { .. } => said(store.get(item.key)),
            _ => None,
        }
    }

    fn held(store: &Refs<'_, Plain>) -> Vec<(Text, Text)> {
        store.all()
    }

    fn delete(store: &mut Refs<'_, Plain>, key: &Text) {
        store.delete(key);
    }
}

fn put(store: &mut StoreRef<'_, Text, Text>, item: &Item<'_>) {
    match item.value {
        Some(value) => store.put(item.key, value.clone()),
        None => store.delete(item.key),
    }
}

/// Stores of values with timestamps.
pub(super) struct TimestampedValues;

impl Work for TimestampedValues {
    type Store = WithTimes;

    fn work(does: &Behaviour, store: &mut Refs<'_, WithTimes>, item: &Item<'_>) -> Option<Nullable> {
        match does {
            Behaviour::TsKeep { .. } => {
                put_timestamped(store, item);
                None
            }
            Behaviour::TsPut { .. } => {
                if store.get(item.key).is_none_or(|stored| stored.timestamp.0 <= item.time) {
                    put_timestamped(store, item);
                }
                Some(Some(with_time(store.get(item.key))))
            }
            Behaviour::TsLookup { .. } => Some(Some(with_time(store.get(item.key)))),
            _ => None,
        }
    }
}

fn put_timestamped(store: &mut StoreRef<'_, Text, Timestamped<Text>>, item: &Item<'_>) {
    match item.value {
        Some(value) => store.put(item.key, Timestamped { value: value.clone(), timestamp: Timestamp(item.time) }),
        None => store.delete(item.key),
    }
}

/// Fills a global store.
pub(super) fn fill(does: &Behaviour, store: &mut GlobalStoreRef<'_, Text, Text>, item: &Item<'_>) {
    let is_newer = |stored: Timestamped<Text>| stored.timestamp.0 > item.time;
    if matches!(does, Behaviour::TsPut { .. }) && store.get_timestamped(item.key).is_some_and(is_newer) {
        return;
    }
    match item.value {
        Some(value) => store.put(item.key, value.clone()),
        None => store.delete(item.key),
    }
}

/// How a value with its timestamp is shown.
pub(super) fn with_time(stored: Option<Timestamped<Text>>) -> Text {
    match stored {
        Some(Timestamped { value, timestamp }) => cut(&format!("{}@{}", value.as_str(), timestamp.0)),
        None => "null".into(),
    }
}

/// Stores of tables.
pub(super) struct Rows;

impl Work for Rows {
    type Store = ReadOnly<Plain>;

    fn work(_: &Behaviour, store: &mut Refs<'_, ReadOnly<Plain>>, item: &Item<'_>) -> Option<Nullable> {
        Some(Some(with_time(store.get_timestamped(item.key))))
    }
}
