//! Questions to a store with one row per key and session.

use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::key_values::{key, value};
use super::rows::{Read, Rows};
use super::store::AskedStore;
use super::{Asked, QueryError, Queryable, view_settings};
use crate::record::Timestamp;
use crate::state::selection::PageRow;
use crate::state::{SessionStore, StoreFor};
use crate::windows::{Session, Windowed};
use crate::wire::{IntoField, Key, Shapes, Value};

/// Questions to a [`SessionStore`].
///
/// ```
/// use millstream::prelude::*;
/// use millstream::query::QueryError;
/// use millstream::runtime::Handle;
///
/// const VISITS: SessionStore<String, i64> = SessionStore::new("visits");
///
/// /// How often somebody was here, and how long the longest visit was.
/// async fn visits(app: &Handle, user: &str) -> Result<(usize, i64), QueryError> {
///     let visits = app.query(&VISITS)?.of(user, ..).await?;
///     let length = |visit: &Windowed<String, Session>| visit.window.end.0 - visit.window.start.0;
///     Ok((visits.len(), visits.iter().map(|(visit, _)| length(visit)).max().unwrap_or(0)))
/// }
/// ```
pub struct SessionRows<K, V> {
    pub(super) store: AskedStore,
    pub(super) types: PhantomData<fn() -> (K, V)>,
}

view_settings!(SessionRows<K, V>);

impl<K: Key, V: Value> Queryable for SessionStore<K, V> {
    type View = SessionRows<K, V>;

    fn store_name(&self) -> &str {
        self.name()
    }

    fn constant(&self) -> &'static str {
        StoreFor::constant(self)
    }

    fn shapes() -> Shapes {
        Shapes::of::<K, V>()
    }

    fn view(store: Asked) -> Self::View {
        SessionRows { store: store.0, types: PhantomData }
    }
}

impl<K: Key, V: Value> SessionRows<K, V> {
    /// A key's sessions that have a moment in common with a period, those that ended long ago first.
    pub fn of(&self, key: impl IntoField<K>, times: impl RangeBounds<Timestamp>) -> Rows<Windowed<K, Session>, V> {
        Rows::in_times(&self.store, Some(&key.into_field()), &times, Read { key: session, value })
    }

    /// All sessions that have a moment in common with a period: roughly, by whole spans, in the order of their ends.
    pub fn all(&self, times: impl RangeBounds<Timestamp>) -> Rows<Windowed<K, Session>, V> {
        Rows::in_times(&self.store, None::<&K>, &times, Read { key: session, value })
    }
}

fn session<K: Value>(store: &AskedStore, row: &PageRow) -> Result<Windowed<K, Session>, QueryError> {
    let unknown = (Timestamp::UNKNOWN, Timestamp::UNKNOWN);
    let (start, end) = row.window.map_or(unknown, |session| (session.start, session.end));
    Ok(Windowed { key: key(store, row)?, window: Session { start, end } })
}
