//! Questions to a store with one row per key and window.

use std::marker::PhantomData;
use std::ops::RangeBounds;

use super::asked::Query;
use super::key_values::{key, sought, value};
use super::rows::{Read, Rows};
use super::store::AskedStore;
use super::{Asked, QueryError, Queryable, view_settings};
use crate::record::Timestamp;
use crate::state::selection::PageRow;
use crate::state::{ProcessorWindowStore, StoreFor, StoreValue, WindowStore};
use crate::windows::{Window, Windowed};
use crate::wire::{IntoField, Key, Shape, Shapes, Value};

/// Questions to a [`WindowStore`], or to a processor's.
///
/// ```
/// use millstream::prelude::*;
/// use millstream::query::QueryError;
/// use millstream::runtime::Handle;
///
/// const PER_MINUTE: WindowStore<String, i64> = WindowStore::new("views-per-minute");
///
/// /// A page's views in each minute of an hour.
/// async fn hour(app: &Handle, page: &str, from: Timestamp) -> Result<Vec<i64>, QueryError> {
///     let minutes = app.query(&PER_MINUTE)?.of(page, from..Timestamp(from.0 + 3_600_000)).await?;
///     Ok(minutes.into_iter().map(|(_, views)| views).collect())
/// }
/// ```
pub struct WindowRows<K, V> {
    pub(super) store: AskedStore,
    pub(super) types: PhantomData<fn() -> (K, V)>,
}

view_settings!(WindowRows<K, V>);

impl<K: Key, V: Value> Queryable for WindowStore<K, V> {
    type View = WindowRows<K, V>;

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
        WindowRows { store: store.0, types: PhantomData }
    }
}

impl<K: Key, V: StoreValue + Send> Queryable for ProcessorWindowStore<K, V> {
    type View = WindowRows<K, V>;

    fn store_name(&self) -> &str {
        self.name()
    }

    fn constant(&self) -> &'static str {
        "ProcessorWindowStore"
    }

    fn shapes() -> Shapes {
        Shapes { key: Shape::of::<K>(), value: V::shape() }
    }

    fn view(store: Asked) -> Self::View {
        WindowRows { store: store.0, types: PhantomData }
    }
}

impl<K: Key, V: StoreValue + Send> WindowRows<K, V> {
    /// A key's value in the window that starts at this time.
    pub fn get(&self, key: impl IntoField<K>, start: Timestamp) -> Query<Option<V>> {
        let (store, sought) = (self.store.clone(), sought(&key.into_field(), Some((start, start))));
        Query::new(async move {
            let (row, position) = store.get(sought?).await?;
            Ok((row.map(|row| value(&store, row)).transpose()?, position))
        })
    }

    /// A key's values in the windows that start in a period, in their order.
    pub fn of(&self, key: impl IntoField<K>, starts: impl RangeBounds<Timestamp>) -> Rows<Windowed<K>, V> {
        Rows::in_times(&self.store, Some(&key.into_field()), &starts, Read { key: windowed, value })
    }

    /// The values of all keys in the windows that start in a period, in the order of time.
    pub fn all(&self, starts: impl RangeBounds<Timestamp>) -> Rows<Windowed<K>, V> {
        Rows::in_times(&self.store, None::<&K>, &starts, Read { key: windowed, value })
    }
}

fn windowed<K: Value>(store: &AskedStore, row: &PageRow) -> Result<Windowed<K>, QueryError> {
    let window = row.window.unwrap_or(Window { start: Timestamp::UNKNOWN, end: Timestamp(i64::MAX) });
    Ok(Windowed { key: key(store, row)?, window })
}
