//! Questions to a store that keeps the versions of its rows.

use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::asked::Query;
use super::key_values::{key, sought, value};
use super::rows::{Read, Rows};
use super::store::AskedStore;
use super::{Asked, QueryError, Queryable, view_settings};
use crate::record::Timestamp;
use crate::state::selection::{Keys, PageRow, Selection};
use crate::state::{KeyOrder, StoreFor, Version, VersionedStore};
use crate::wire::{IntoField, Key, Shapes, Value};

/// Questions to a [`VersionedStore`].
///
/// ```
/// use millstream::prelude::*;
/// use millstream::query::QueryError;
/// use millstream::runtime::Handle;
/// use std::time::Duration;
///
/// const RATES: VersionedStore<String, f64> = VersionedStore::new("rates", Duration::from_secs(24 * 60 * 60));
///
/// /// What a currency was worth then, and what it is worth now.
/// async fn rates(app: &Handle, currency: &str, then: Timestamp) -> Result<(Option<f64>, Option<f64>), QueryError> {
///     let rates = app.query(&RATES)?;
///     let before = rates.as_of(currency, then).await?;
///     Ok((before.map(|rate| rate.value), rates.get(currency).await?.map(|rate| rate.value)))
/// }
/// ```
pub struct VersionRows<K, V> {
    pub(super) store: AskedStore,
    pub(super) types: PhantomData<fn() -> (K, V)>,
}

view_settings!(VersionRows<K, V>);

impl<K: Key, V: Value> Queryable for VersionedStore<K, V> {
    type View = VersionRows<K, V>;

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
        VersionRows { store: store.0, types: PhantomData }
    }
}

impl<K: Key, V: Value> VersionRows<K, V> {
    /// A key's latest version.
    pub fn get(&self, key: impl IntoField<K>) -> Query<Option<Version<V>>> {
        self.look_up(key, None)
    }

    /// The version that a key had at some time. Those that are not the latest are known within the store's history only.
    pub fn as_of(&self, key: impl IntoField<K>, time: Timestamp) -> Query<Option<Version<V>>> {
        self.look_up(key, Some((time, time)))
    }

    fn look_up(&self, key: impl IntoField<K>, times: Option<(Timestamp, Timestamp)>) -> Query<Option<Version<V>>> {
        let (store, sought) = (self.store.clone(), sought(&key.into_field(), times));
        Query::new(async move {
            let (row, position) = store.get(sought?).await?;
            Ok((row.map(|row| version(&store, row)).transpose()?, position))
        })
    }

    /// A key's versions that were valid at some moment of a period, in their order.
    pub fn of(&self, key: impl IntoField<K>, times: impl RangeBounds<Timestamp>) -> Rows<K, Version<V>> {
        let read = Read { key: super::key_values::key, value: version };
        Rows::in_times(&self.store, Some(&key.into_field()), &times, read)
    }

    /// The latest versions of all keys.
    pub fn all(&self) -> Rows<K, Version<V>> {
        let selection = Selection { keys: Keys::All, times: None, order: KeyOrder::Ascending, after: None };
        Rows::new(self.store.clone(), Some(selection), Read { key, value: version })
    }
}

fn version<V: Value>(store: &AskedStore, row: PageRow) -> Result<Version<V>, QueryError> {
    let (from, until) = row.window.map_or((Timestamp::UNKNOWN, None), |valid| {
        (valid.start, Some(valid.end).filter(|end| *end != Timestamp(i64::MAX)))
    });
    Ok(Version { value: value(store, row)?, from, until })
}
