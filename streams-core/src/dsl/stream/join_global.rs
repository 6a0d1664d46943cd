//! Joins of a stream with a global table: `join_global` and `left_join_global`.

use super::KStream;
use crate::dsl::{Data, GlobalKTable, Shared};
use crate::operators::global_join;
use crate::topology::program::{Call, Changes};
use crate::wire::{Key, MaybeNull, NullableKey, Value};

impl<'t, K, V> KStream<'t, K, V> {
    /// Joins each record with the row of a global table whose key is computed from the record; records without a row are
    /// left out.
    ///
    /// The stream need not be partitioned by that key, because every instance has the whole table, and its values need
    /// no wire format (see [`MaybeNull`]). Records with a null value are dropped and counted, and so are those for which
    /// `key` returns `None`.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const PRICES: Topic<String, i64> = Topic::new("prices");
    /// const PRICED: Topic<u64, i64> = Topic::new("priced-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.global_table(PRICES);
    /// builder.stream(ORDERS).join_global(prices, |_, article| article.clone(), |_, cents| cents).to(PRICED);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn join_global<GK, T, R, M>(
        self,
        table: GlobalKTable<'t, GK, T>,
        key: impl Fn(&K, &V::Inner) -> M + Shared,
        joiner: impl Fn(V::Inner, T) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: Data,
        V: MaybeNull,
        M: NullableKey<Inner = GK>,
        GK: Key,
        T: Value,
        R: Data,
    {
        self.join_global_table(table, key, false, move |_, value, row| row.map(|row| joiner(value, row)))
    }

    /// As [`KStream::join_global`], with a joiner that also sees the stream's key.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const PRICES: Topic<String, i64> = Topic::new("prices");
    /// const BILLS: Topic<u64, String> = Topic::new("bills");
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.global_table(PRICES);
    /// builder
    ///     .stream(ORDERS)
    ///     .join_global_with_key(prices, |_, article| article.clone(), |id, article, cents| format!("{id}: {article}, {cents}"))
    ///     .to(BILLS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&PRICES, "pen", 120);
    /// driver.pipe(&ORDERS, 1_u64, "pen");
    /// driver.pipe(&ORDERS, 2_u64, "ink");
    /// assert_eq!(driver.read(&BILLS), [(1, "1: pen, 120".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn join_global_with_key<GK, T, R, M>(
        self,
        table: GlobalKTable<'t, GK, T>,
        key: impl Fn(&K, &V::Inner) -> M + Shared,
        joiner: impl Fn(&K, V::Inner, T) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: Data,
        V: MaybeNull,
        M: NullableKey<Inner = GK>,
        GK: Key,
        T: Value,
        R: Data,
    {
        self.join_global_table(table, key, false, move |key, value, row| row.map(|row| joiner(key, value, row)))
    }

    /// Joins each record with the row of a global table whose key is computed from the record, or with `None` if there
    /// is no row or no key.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const PRICES: Topic<String, i64> = Topic::new("prices");
    /// const PRICED: Topic<u64, i64> = Topic::new("priced-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.global_table(PRICES);
    /// builder
    ///     .stream(ORDERS)
    ///     .left_join_global(prices, |_, article| article.clone(), |_, cents| cents.unwrap_or(-1))
    ///     .to(PRICED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&PRICES, "pen", 120);
    /// driver.pipe(&ORDERS, 1_u64, "pen");
    /// driver.pipe(&ORDERS, 2_u64, "ink");
    /// assert_eq!(driver.read(&PRICED), [(1, 120), (2, -1)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn left_join_global<GK, T, R, M>(
        self,
        table: GlobalKTable<'t, GK, T>,
        key: impl Fn(&K, &V::Inner) -> M + Shared,
        joiner: impl Fn(V::Inner, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: Data,
        V: MaybeNull,
        M: NullableKey<Inner = GK>,
        GK: Key,
        T: Value,
        R: Data,
    {
        self.join_global_table(table, key, true, move |_, value, row| Some(joiner(value, row)))
    }

    /// As [`KStream::left_join_global`], with a joiner that also sees the stream's key.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const PRICES: Topic<String, i64> = Topic::new("prices");
    /// const BILLS: Topic<u64, String> = Topic::new("bills");
    ///
    /// let builder = StreamsBuilder::new();
    /// let prices = builder.global_table(PRICES);
    /// builder
    ///     .stream(ORDERS)
    ///     .left_join_global_with_key(prices, |_, article| article.clone(), |id, article, cents| match cents {
    ///         Some(cents) => format!("{id}: {article}, {cents}"),
    ///         None => format!("{id}: no {article}"),
    ///     })
    ///     .to(BILLS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&PRICES, "pen", 120);
    /// driver.pipe(&ORDERS, 1_u64, "pen");
    /// driver.pipe(&ORDERS, 2_u64, "ink");
    /// assert_eq!(driver.read(&BILLS), [(1, "1: pen, 120".to_owned()), (2, "2: no ink".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn left_join_global_with_key<GK, T, R, M>(
        self,
        table: GlobalKTable<'t, GK, T>,
        key: impl Fn(&K, &V::Inner) -> M + Shared,
        joiner: impl Fn(&K, V::Inner, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        K: Data,
        V: MaybeNull,
        M: NullableKey<Inner = GK>,
        GK: Key,
        T: Value,
        R: Data,
    {
        self.join_global_table(table, key, true, move |key, value, row| Some(joiner(key, value, row)))
    }

    #[track_caller]
    fn join_global_table<GK, T, R, M>(
        self,
        table: GlobalKTable<'t, GK, T>,
        key: impl Fn(&K, &V::Inner) -> M + Shared,
        left: bool,
        joiner: impl Fn(&K, V::Inner, Option<T>) -> Option<R> + Shared,
    ) -> KStream<'t, K, R>
    where
        K: Data,
        V: MaybeNull,
        M: NullableKey<Inner = GK>,
        GK: Key,
        T: Value,
        R: Data,
    {
        self.builder.expect_same(table.builder);
        let mapper = move |record_key: &K, value: &V::Inner| key(record_key, value).into_option();
        let call = Call::GlobalJoin {
            input: self.step,
            table: table.step,
            left,
            changes: Changes::of_values::<V, R>(),
            recipe: Box::new(move |store| global_join::recipe::<K, V, GK, T, R>(store, mapper, left, joiner)),
        };
        KStream::new(self.builder, self.builder.add(call))
    }
}
