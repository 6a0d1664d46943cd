//! Behaviours with window and session stores.

use std::ops::{Bound, RangeInclusive};

use millstream::dsl::processor::{SessionStoreRef, StoreValue, WindowStoreRef};
use millstream::prelude::{Refs, Timestamp};
use millstream::state::Timestamped;
use millstream::windows::Window;

use super::key_value::with_time;
use super::stored::{Item, Work};
use super::{SessionsOf, WindowsOf, listed, shown};
use crate::behaviour::{Behaviour, Read};
use crate::functions::{Nullable, cut};
use crate::text::Text;

/// Window stores of values.
pub(super) struct Windows;

impl Work for Windows {
    type Store = WindowsOf<Text>;

    fn work(does: &Behaviour, store: &mut Refs<'_, WindowsOf<Text>>, item: &Item<'_>) -> Option<Nullable> {
        put(store, item, Clone::clone);
        match does {
            Behaviour::WindowPut { size, .. } => {
                let around = Timestamp(item.time - size)..=Timestamp(item.time.saturating_add(*size));
                Some(Some(store.fetch(item.key, around).len().to_string().into()))
            }
            Behaviour::WindowList { .. } => Some(Some(list(does, store, item, |value| value))),
            _ => None,
        }
    }
}

/// Window stores of values with timestamps.
pub(super) struct TimestampedWindows;

impl Work for TimestampedWindows {
    type Store = WindowsOf<Timestamped<Text>>;

    fn work(does: &Behaviour, store: &mut Refs<'_, Self::Store>, item: &Item<'_>) -> Option<Nullable> {
        put(store, item, |value| Timestamped { value: value.clone(), timestamp: Timestamp(item.time) });
        Some(Some(list(does, store, item, |value| with_time(Some(value)))))
    }
}

fn put<V: StoreValue>(store: &mut WindowStoreRef<'_, Text, V>, item: &Item<'_>, row: impl Fn(&Text) -> V) {
    match item.value {
        Some(value) => store.put(item.key, row(value), Timestamp(item.time)),
        None => store.delete(item.key, Timestamp(item.time)),
    }
}

type Ends = (Bound<Text>, Bound<Text>);

fn ends(from: &Option<String>, to: &Option<String>) -> Ends {
    let bound =
        |end: &Option<String>| end.as_deref().map_or(Bound::<Text>::Unbounded, |end| Bound::Included(end.into()));
    (bound(from), bound(to))
}

/// What a read finds.
fn list<V: StoreValue>(
    does: &Behaviour,
    store: &WindowStoreRef<'_, Text, V>,
    item: &Item<'_>,
    show: impl Fn(V) -> Text,
) -> Text {
    let (Behaviour::WindowList { size, read, from, to, .. } | Behaviour::TsWindowList { size, read, from, to, .. }) =
        does
    else {
        return "?".into();
    };
    let around: RangeInclusive<_> = Timestamp((item.time - size).max(0))..=Timestamp(item.time.saturating_add(*size));
    let of_key = |rows: Vec<(Timestamp, V)>| {
        listed(rows.into_iter().map(|(start, value)| format!("{}@{}", show(value).as_str(), start.0)))
    };
    let of_keys = |rows: Vec<(millstream::windows::Windowed<Text>, V)>| {
        let row = |(key, value): (millstream::windows::Windowed<Text>, V)| {
            format!("{}={}@{}", key.key.as_str(), show(value).as_str(), key.window.start.0)
        };
        listed(rows.into_iter().map(row))
    };
    match read {
        Read::Point => store.get(item.key, Timestamp(item.time)).map_or_else(|| "null".into(), &show),
        Read::Fetch => of_key(store.fetch(item.key, around)),
        Read::BackwardFetch => of_key(store.fetch_reverse(item.key, around)),
        Read::Keys => of_keys(store.fetch_keys(ends(from, to), around)),
        Read::BackwardKeys => of_keys(store.fetch_keys_reverse(ends(from, to), around)),
        Read::FetchAll => of_keys(store.fetch_keys(.., around)),
        Read::BackwardFetchAll => of_keys(store.fetch_keys_reverse(.., around)),
        Read::All => of_keys(store.all()),
        Read::BackwardAll => of_keys(store.all_reverse()),
        _ => "?".into(),
    }
}

/// Session stores.
pub(super) struct Sessions;

impl Work for Sessions {
    type Store = SessionsOf;

    fn work(does: &Behaviour, store: &mut Refs<'_, SessionsOf>, item: &Item<'_>) -> Option<Nullable> {
        Some(Some(match does {
            Behaviour::SessionPut { gap, .. } => put_session(store, item, *gap),
            Behaviour::SessionList { gap, .. } => {
                put_session(store, item, *gap);
                sessions(does, store, item)
            }
            _ => return None,
        }))
    }
}

fn put_session(store: &mut SessionStoreRef<'_, Text, Text>, item: &Item<'_>, gap: i64) -> Text {
    let mut session = Window { start: Timestamp(item.time), end: Timestamp(item.time) };
    let mut parts = Vec::new();
    for (found, value) in store.find(item.key, Timestamp(item.time - gap), Timestamp(item.time.saturating_add(gap))) {
        store.remove(item.key, found);
        parts.push(value.as_str().to_owned());
        session = Window { start: session.start.min(found.start), end: session.end.max(found.end) };
    }
    parts.push(shown(item.value.as_ref()).to_owned());
    let value = cut(&parts.join("+"));
    store.put(item.key, session, value.clone());
    cut(&format!("{}@{}/{}", value.as_str(), session.start.0, session.end.0))
}

fn sessions(does: &Behaviour, store: &SessionStoreRef<'_, Text, Text>, item: &Item<'_>) -> Text {
    let Behaviour::SessionList { read, from, to, size, .. } = does else { return "?".into() };
    let size = size.unwrap_or(0);
    let around = (Timestamp(item.time - size), Timestamp(item.time.saturating_add(size)));
    let row = |(key, session, value): (Text, Window, Text)| {
        format!("{}@{}/{}={}", key.as_str(), session.start.0, session.end.0, value.as_str())
    };
    let own = |rows: Vec<(Window, Text)>| {
        let rows = rows.into_iter().map(|(session, value)| (item.key.clone(), session, value));
        listed(rows.map(row))
    };
    match read {
        Read::Fetch => own(store.fetch(item.key)),
        Read::BackwardFetch => own(store.fetch_reverse(item.key)),
        Read::Keys => listed(store.fetch_keys(ends(from, to)).into_iter().map(row)),
        Read::BackwardKeys => listed(store.fetch_keys_reverse(ends(from, to)).into_iter().map(row)),
        Read::Find => own(store.find(item.key, around.0, around.1)),
        Read::BackwardFind => own(store.find_reverse(item.key, around.0, around.1)),
        _ => "?".into(),
    }
}
