//! Behaviours with the stores of windowed tables.

use millstream::dsl::processor::ReadOnly;
use millstream::prelude::{Refs, Timestamp};
use millstream::state::{SessionStore, WindowStore};

use super::key_value::with_time;
use super::listed;
use super::stored::{Item, Work};
use crate::behaviour::{Behaviour, Read};
use crate::functions::Nullable;
use crate::text::Text;

/// Stores of tables of windows.
pub(super) struct WindowRows;

impl Work for WindowRows {
    type Store = ReadOnly<WindowStore<Text, Text>>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        let Behaviour::TsWindowLookup { size, read, .. } = does else { return None };
        let (from, to) = match read {
            Read::Point => (item.time, item.time),
            _ => (item.time.saturating_sub(*size).max(0), item.time.saturating_add(*size)),
        };
        let mut found = store.fetch(item.key, Timestamp(from)..=Timestamp(to));
        if *read == Read::Point {
            return Some(Some(with_time(found.pop().map(|(_, row)| row))));
        }
        if *read == Read::BackwardFetch {
            found.reverse();
        }
        let shown = |(start, row)| {
            let (start, row): (Timestamp, _) = (start, with_time(Some(row)));
            format!("{}@{}", row.as_str(), start.0)
        };
        Some(Some(listed(found.into_iter().map(shown))))
    }
}

/// Stores of tables of sessions.
pub(super) struct SessionRows;

impl Work for SessionRows {
    type Store = ReadOnly<SessionStore<Text, Text>>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        let Behaviour::SessionLookup { read, size, .. } = does else { return None };
        let size = size.unwrap_or(0);
        let mut found = match read {
            Read::Find | Read::BackwardFind => store.find(
                item.key,
                Timestamp(item.time.saturating_sub(size)),
                Timestamp(item.time.saturating_add(size)),
            ),
            _ => store.fetch(item.key),
        };
        if matches!(read, Read::BackwardFind | Read::BackwardFetch) {
            found.reverse();
        }
        let key = item.key.as_str();
        let shown = found
            .into_iter()
            .map(|(session, value)| format!("{key}@{}/{}={}", session.start.0, session.end.0, value.as_str()));
        Some(Some(listed(shown)))
    }
}
