//! `map_values` and `map_values_with_key` of a table.

use std::sync::Arc;

use super::KTable;
use crate::dsl::Shared;
use crate::operators::table_map_values;
use crate::topology::program::{Call, TableOperatorKind};
use crate::wire::{Key, Value};

impl<'t, K, V> KTable<'t, K, V> {
    /// Replaces the value of each row. Deletions are passed on without calling the mapper.
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
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn map_values<V2>(self, mapper: impl Fn(V) -> V2 + Shared) -> KTable<'t, K, V2>
    where
        K: Key,
        V: Value,
        V2: Value,
    {
        self.map_values_with_key(move |_, value| mapper(value))
    }

    /// As [`KTable::map_values`], but the mapper also gets the key.
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn map_values_with_key<V2>(self, mapper: impl Fn(&K, V) -> V2 + Shared) -> KTable<'t, K, V2>
    where
        K: Key,
        V: Value,
        V2: Value,
    {
        let mapper = Arc::new(mapper);
        let for_view = Arc::clone(&mapper);
        let call = Call::TableOperator {
            input: self.step,
            kind: TableOperatorKind::MapValues,
            recipe: Box::new(move |placed| {
                table_map_values::recipe(move |key: &K, value: V| mapper(key, value), placed)
            }),
        };
        self.computed(call, move |parent| {
            let mapper = Arc::clone(&for_view);
            table_map_values::view(parent, move |key: &K, value: V| mapper(key, value))
        })
    }
}
