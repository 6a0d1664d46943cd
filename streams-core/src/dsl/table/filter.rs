//! `filter` and `filter_not` of a table.

use std::sync::Arc;

use super::KTable;
use crate::dsl::Shared;
use crate::operators::table_filter;
use crate::topology::program::{Call, TableOperatorKind};
use crate::wire::{Key, Value};

impl<'t, K, V> KTable<'t, K, V> {
    /// Keeps the rows for which the predicate is true. A row for which it becomes false is deleted from the result.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const BALANCES: Topic<u64, i64> = Topic::new("balances");
    /// const OVERDRAWN: Topic<u64, Option<i64>> = Topic::new("overdrawn");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(BALANCES).filter(|_, cents| *cents < 0).to_stream().to(OVERDRAWN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&BALANCES, 1_u64, -5);
    /// driver.pipe(&BALANCES, 1_u64, 5);
    /// assert_eq!(driver.read(&OVERDRAWN), [(1, Some(-5)), (1, None)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn filter(self, predicate: impl Fn(&K, &V) -> bool + Shared) -> Self
    where
        K: Key,
        V: Value,
    {
        self.filtered(true, predicate)
    }

    /// Keeps the rows for which the predicate is false.
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn filter_not(self, predicate: impl Fn(&K, &V) -> bool + Shared) -> Self
    where
        K: Key,
        V: Value,
    {
        self.filtered(false, predicate)
    }

    #[track_caller]
    fn filtered(self, keep: bool, predicate: impl Fn(&K, &V) -> bool + Shared) -> Self
    where
        K: Key,
        V: Value,
    {
        let predicate = Arc::new(predicate);
        let for_view = Arc::clone(&predicate);
        let call = Call::TableOperator {
            input: self.step,
            kind: TableOperatorKind::Filter,
            recipe: Box::new(move |placed| {
                table_filter::recipe(keep, move |key: &K, value: &V| predicate(key, value), placed)
            }),
        };
        self.computed(call, move |parent| {
            let predicate = Arc::clone(&for_view);
            table_filter::view(parent, keep, move |key: &K, value: &V| predicate(key, value))
        })
    }
}
