//! A session table's typed rows: one per key and session.

use std::marker::PhantomData;
use std::time::Duration;

use super::cached_row::Identity;
use super::kinds::{session, write_session};
use super::runs::{EachPlace, Place, RunLayout, Runs, spanned};
use super::spans::Spans;
use super::timestamped::RowBuffer;
use super::{StoreAccess, StoreError, StoreKind};
use crate::record::Timestamp;
use crate::windows::{Session, Window, WindowSize, Windowed};
use crate::wire::{DecodeError, Key};

/// A session table's rows.
pub(crate) type SessionRows<K, V> = Runs<BySession<K>, V>;

/// Where a session lies in time. Those of a key are in the order of their ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct SessionPlace {
    pub(crate) end: Timestamp,
    pub(crate) start: Timestamp,
}

impl Identity for SessionPlace {}

impl Place for SessionPlace {
    fn time(self) -> Timestamp {
        self.end
    }
}

impl From<Session> for SessionPlace {
    fn from(Session { start, end }: Session) -> Self {
        Self { end, start }
    }
}

impl From<SessionPlace> for Session {
    fn from(SessionPlace { end, start }: SessionPlace) -> Self {
        Self { start, end }
    }
}

/// The layout of [`SessionRows`].
pub(crate) struct BySession<K> {
    spans: Spans,
    key: PhantomData<fn() -> K>,
}

impl<K: Key> RunLayout for BySession<K> {
    type Place = SessionPlace;
    type Key = Windowed<K, Session>;

    fn of(kind: &dyn StoreKind) -> Self {
        Self { spans: Spans::of(kind.retention().unwrap_or(Duration::MAX)), key: PhantomData }
    }

    fn store_key(&self, key: &[u8], place: SessionPlace, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.spans.rows(place.end));
        Self::changelog_key(key, place, out);
    }

    fn changelog_key(key: &[u8], place: SessionPlace, out: &mut Vec<u8>) {
        out.extend_from_slice(key);
        write_session(Window { start: place.start, end: place.end }, out);
    }

    fn split(store_key: &[u8]) -> Option<(&[u8], SessionPlace)> {
        let (key, Window { start, end }) = session::split_stored(store_key)?;
        Some((key, SessionPlace { end, start }))
    }

    fn typed_key(key: &[u8], place: SessionPlace, windows: &[WindowSize]) -> Result<Self::Key, DecodeError> {
        let mut key = K::decode(key)?;
        key.set_window_sizes(windows);
        Ok(Windowed { key, window: place.into() })
    }

    fn stored(encoded: &RowBuffer) -> &[u8] {
        encoded.value()
    }

    fn row(place: SessionPlace, stored: &[u8]) -> Option<(Timestamp, &[u8])> {
        Some((place.end, stored))
    }

    /// Whatever record has changed it.
    fn forwarded(place: SessionPlace, _: Timestamp) -> Timestamp {
        place.end
    }

    fn read(
        &self,
        access: &StoreAccess,
        key: &[u8],
        times: (Timestamp, Timestamp),
        each: &mut EachPlace<'_, SessionPlace>,
    ) -> Result<(), StoreError> {
        spanned::read::<Self>((access, self.spans), key, times, each)
    }

    fn span(&self, time: Timestamp) -> (Timestamp, Timestamp) {
        self.spans.around(time)
    }

    fn floor(&self, time: Timestamp) -> Vec<u8> {
        self.spans.rows(time).to_vec()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::path::Path;
    use std::rc::Rc;
    use std::sync::Arc;

    use super::*;
    use crate::record::Headers;
    use crate::state::kinds::Sessions;
    use crate::state::rows::Cause;
    use crate::state::{CacheBudget, Memory, StateBackend as _, StoreIndex, TaskState};
    use crate::windows::WindowSizes;

    fn rows(cache_bytes: usize) -> SessionRows<String, i64> {
        let store = Memory.open(Path::new("unused"), &["store".to_owned()]).unwrap();
        let state = Rc::new(RefCell::new(TaskState::new(store)));
        let kind = Sessions { retention: Duration::from_secs(600) };
        let access = StoreAccess::new("store".into(), StoreIndex(1), state, None);
        SessionRows::new(access.of(Arc::new(kind), WindowSizes::NONE), CacheBudget::new(cache_bytes))
    }

    #[test]
    fn a_row_can_be_looked_up_as_it_is_and_as_it_was_flushed() {
        let mut rows = rows(1 << 20);
        let (key, cause) = ("k".to_owned(), Cause { timestamp: Timestamp(9), headers: &Headers::new() });
        let place = SessionPlace { end: Timestamp(7), start: Timestamp(5) };
        let mut found = Vec::new();
        let mut look = |rows: &mut SessionRows<String, i64>| {
            let value = |row: Option<(i64, Timestamp)>| row.map(|(value, _)| value);
            found.push((value(rows.peek(&key, place).unwrap()), value(rows.peek_flushed(&key, place).unwrap())));
        };
        look(&mut rows);
        for (value, flushes) in [(Some(1), true), (Some(2), false), (None, false), (Some(3), true), (None, true)] {
            let run = rows.open(&key).unwrap();
            rows.update(run, place, cause, |_| (value, cause.timestamp)).unwrap();
            look(&mut rows);
            if flushes {
                rows.flush(1, None).unwrap();
                look(&mut rows);
            }
        }
        let expected = [
            (None, None),
            (Some(1), None),
            (Some(1), Some(1)),
            (Some(2), Some(1)),
            (None, Some(1)),
            (Some(3), Some(1)),
            (Some(3), Some(3)),
            (None, Some(3)),
            (None, None),
        ];
        assert_eq!(found, expected);
    }
}
