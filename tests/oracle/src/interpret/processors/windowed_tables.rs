//! Behaviours with stores of windows and sessions that are only read: those of tables, and global ones.

use std::ops::RangeInclusive;

use millstream::dsl::processor::{ProcessorSessionStore, ProcessorWindowStore, ReadOnly};
use millstream::prelude::{Refs, Timestamp};
use millstream::state::{SessionStore, Timestamped, WindowStore};
use millstream::windows::Window;

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
        windows(does, item, |starts| store.fetch(item.key, starts))
    }
}

/// The same, of which every instance has all.
pub(super) struct GlobalWindows;

impl Work for GlobalWindows {
    type Store = ReadOnly<ProcessorWindowStore<Text, Timestamped<Text>>>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        windows(does, item, |starts| store.fetch(item.key, starts))
    }
}

fn windows(
    does: &Behaviour,
    item: &Item<'_>,
    fetch: impl Fn(RangeInclusive<Timestamp>) -> Vec<(Timestamp, Timestamped<Text>)>,
) -> Option<Nullable> {
    let Behaviour::TsWindowLookup { size, read, .. } = does else { return None };
    let (from, to) = match read {
        Read::Point => (item.time, item.time),
        _ => (item.time.saturating_sub(*size).max(0), item.time.saturating_add(*size)),
    };
    let mut found = fetch(Timestamp(from)..=Timestamp(to));
    if *read == Read::Point {
        return Some(Some(with_time(found.pop().map(|(_, row)| row))));
    }
    if *read == Read::BackwardFetch {
        found.reverse();
    }
    let shown = |(start, row): (Timestamp, _)| format!("{}@{}", with_time(Some(row)).as_str(), start.0);
    Some(Some(listed(found.into_iter().map(shown))))
}

/// Stores of tables of sessions.
pub(super) struct SessionRows;

impl Work for SessionRows {
    type Store = ReadOnly<SessionStore<Text, Text>>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        sessions(does, item, || store.fetch(item.key), |end, start| store.find(item.key, end, start))
    }
}

/// The same, of which every instance has all.
pub(super) struct GlobalSessions;

impl Work for GlobalSessions {
    type Store = ReadOnly<ProcessorSessionStore<Text, Text>>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        sessions(does, item, || store.fetch(item.key), |end, start| store.find(item.key, end, start))
    }
}

type Sessions = Vec<(Window, Text)>;

fn sessions(
    does: &Behaviour,
    item: &Item<'_>,
    fetch: impl Fn() -> Sessions,
    find: impl Fn(Timestamp, Timestamp) -> Sessions,
) -> Option<Nullable> {
    let Behaviour::SessionLookup { read, size, .. } = does else { return None };
    let size = size.unwrap_or(0);
    let mut found = match read {
        Read::Find | Read::BackwardFind => {
            find(Timestamp(item.time.saturating_sub(size)), Timestamp(item.time.saturating_add(size)))
        }
        _ => fetch(),
    };
    if matches!(read, Read::BackwardFind | Read::BackwardFetch) {
        found.reverse();
    }
    let key = item.key.as_str();
    let shown =
        |(session, value): (Window, Text)| format!("{key}@{}/{}={}", session.start.0, session.end.0, value.as_str());
    Some(Some(listed(found.into_iter().map(shown))))
}
