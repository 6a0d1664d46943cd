//! `transform_values` of a table.

use std::cell::OnceCell;
use std::rc::Rc;
use std::sync::Arc;

use super::KTable;
use crate::dsl::processor::{Refs, StoreTuple};
use crate::dsl::{RecordContext, Shared};
use crate::operators::table_transform;
use crate::topology::program::Call;
use crate::wire::{Key, Nullable, Value};

impl<'t, K, V> KTable<'t, K, V> {
    /// Replaces the value of each row by code of your own, which also has stores and sees the record that has changed the row.
    /// Unlike [`KTable::map_values`] it is called for deletions too, with `None`, and may make a row of one. If it returns an
    /// `Option`, `None` means that the result has no such row.
    ///
    /// The stores are constants: `()` for none, one, or a tuple, as in [`KStream::process`](crate::dsl::KStream::process),
    /// with whose processors they can be shared.
    ///
    /// The result is kept only if it is [stored](KTable::stored_as). Otherwise the code is called again where rows are looked
    /// up, by a join for instance, and for the rows that were there before, where an aggregation subtracts them; what it
    /// returns should then depend on the row alone. A lookup has the row's timestamp, -1 if there is no row, and no headers.
    /// This is Kafka Streams' `transformValues` (KIP-292).
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const PRICES: Topic<u64, Option<i64>> = Topic::new("prices");
    /// const NEWS: Topic<u64, String> = Topic::new("price-changes");
    /// const BEFORE: KeyValueStore<u64, i64> = KeyValueStore::new("prices-before");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .table(PRICES)
    ///     .transform_values(BEFORE, |mut before, article, cents, _record| {
    ///         let last = before.get(article).unwrap_or(0);
    ///         before.put(article, cents.unwrap_or(0));
    ///         match cents {
    ///             Some(cents) => format!("{cents} ({:+})", cents - last),
    ///             None => format!("withdrawn at {last}"),
    ///         }
    ///     })
    ///     .to_stream()
    ///     .to(NEWS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for cents in [Some(120), Some(99), None] {
    ///     driver.pipe(&PRICES, 1_u64, cents);
    /// }
    /// let news = ["120 (+120)", "99 (-21)", "withdrawn at 99"];
    /// assert_eq!(driver.read(&NEWS), news.map(|text| (1, text.to_owned())));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn transform_values<S, R>(
        self,
        stores: S,
        transformer: impl Fn(Refs<'_, S>, &K, Option<V>, &RecordContext<'_>) -> R + Shared,
    ) -> KTable<'t, K, R::Inner>
    where
        S: StoreTuple,
        K: Key,
        V: Value,
        R: Nullable,
    {
        let code = move |stores: Refs<'_, S>, key: &K, row: Option<V>, record: &RecordContext<'_>| {
            transformer(stores, key, row, record).into_option()
        };
        let code = Arc::new(code);
        let for_view = Arc::clone(&code);
        let ids = Rc::new(OnceCell::new());
        let ids_for_view = Rc::clone(&ids);
        let call = Call::TransformTable {
            input: self.step,
            stores: stores.specs(),
            recipe: Box::new(move |found, placed| {
                _ = ids.set(found.clone());
                table_transform::recipe::<S, K, V, R::Inner, _>(found, code, placed)
            }),
        };
        self.computed(call, move |parent| {
            let ids = ids_for_view.get().cloned().unwrap_or_default();
            table_transform::view::<S, K, V, R::Inner, _>(parent, ids, Arc::clone(&for_view))
        })
    }
}
