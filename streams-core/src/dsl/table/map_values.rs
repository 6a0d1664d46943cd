//! `map_values` and `map_values_with_key` of a table.

use std::sync::Arc;

use super::KTable;
use crate::dsl::Shared;
use crate::operators::table_map_values;
use crate::topology::program::{Call, TableOperatorKind};
use crate::wire::{Key, Nullable, Value};

impl<'t, K, V> KTable<'t, K, V> {
    /// Replaces the value of each row. Deletions are passed on without calling the mapper. It may also return an `Option`,
    /// where `None` means that the result has no such row.
    ///
    /// The result is kept only if it is [stored](KTable::stored_as); otherwise a join computes the rows that it looks up.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const USERS: Topic<u64, String> = Topic::new("users");
    /// const LENGTHS: Topic<u64, u64> = Topic::new("name-lengths");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).map_values(|name| name.len() as u64).to_stream().to(LENGTHS);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// A row that the mapper makes `None` of is deleted:
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const WEIGHTS: Topic<u64, Option<i64>> = Topic::new("weights");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(ORDERS).map_values(|weight| weight.parse::<i64>().ok()).to_stream().to(WEIGHTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&ORDERS, 1_u64, "12");
    /// driver.pipe(&ORDERS, 1_u64, "unknown");
    /// assert_eq!(driver.read(&WEIGHTS), [(1, Some(12)), (1, None)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn map_values<R>(self, mapper: impl Fn(V) -> R + Shared) -> KTable<'t, K, R::Inner>
    where
        K: Key,
        V: Value,
        R: Nullable,
    {
        self.map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`KTable::map_values`], but the mapper also gets the key.
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn map_values_with_key<R>(self, mapper: impl Fn(&K, V) -> R + Shared) -> KTable<'t, K, R::Inner>
    where
        K: Key,
        V: Value,
        R: Nullable,
    {
        let mapper = Arc::new(mapper);
        let for_view = Arc::clone(&mapper);
        let call = Call::TableOperator {
            input: self.step,
            kind: TableOperatorKind::MapValues,
            recipe: Box::new(move |placed| {
                table_map_values::recipe(move |key: &K, value: V| mapper(key, value).into_option(), placed)
            }),
        };
        self.computed(call, move |parent| {
            let mapper = Arc::clone(&for_view);
            table_map_values::view(parent, move |key: &K, value: V| mapper(key, value).into_option())
        })
    }
}
