//! `group_by` of a table.

use super::KTable;
use crate::dsl::{KGroupedTable, Shared};
use crate::operators::{change_sink, change_source, table_select};
use crate::topology::program::{Call, ChangeRepartition};
use crate::wire::{Key, Value};

impl<'t, K, V> KTable<'t, K, V> {
    /// Groups the rows by another key, for an aggregation. When a row changes, its old value is removed from its group's
    /// aggregate and the new one is added, so aggregations need a function to subtract as well as one to add.
    ///
    /// The rows always go through a repartition topic, and the table is kept in a store, because the old values must be
    /// known.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const USERS: Topic<u64, String> = Topic::new("countries-of-users");
    /// const COUNTS: Topic<String, i64> = Topic::new("users-per-country");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(USERS).group_by(|id, country| (country, *id)).count().to_stream().to(COUNTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&USERS, 1_u64, "Peru");
    /// driver.pipe(&USERS, 1_u64, "Chad");
    /// let counts = [("Peru", 1), ("Peru", 0), ("Chad", 1)];
    /// assert_eq!(driver.read(&COUNTS), counts.map(|(country, count)| (country.to_owned(), count)));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn group_by<K2, V2>(self, mapper: impl Fn(&K, V) -> (K2, V2) + Shared) -> KGroupedTable<'t, K2, V2>
    where
        K: Key,
        V: Value,
        K2: Key,
        V2: Value,
    {
        let call = Call::TableGroup {
            input: self.step,
            select: table_select::recipe(mapper),
            through: ChangeRepartition {
                sink: change_sink::recipe::<K2, V2>,
                source: change_source::recipe::<K2, V2>,
                windows: K2::WINDOWS,
            },
        };
        KGroupedTable::new(self.builder, self.builder.add(call))
    }
}
