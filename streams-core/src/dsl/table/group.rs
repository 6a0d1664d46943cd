//! `group_by` of a table.

use super::KTable;
use crate::dsl::{KGroupedTable, Shared};
use crate::operators::{change_sink, change_source, table_select};
use crate::topology::program::{Call, ChangeRepartition};
use crate::wire::{Key, Value};

/// What a closure may return that says to which group a row belongs: the group's key and the row there, or an `Option` of
/// both.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say to which group a row belongs",
    label = "expected a closure that returns the group's key and a row, or an `Option` of both",
    note = "`.group_by(|id, user| (user.country, *id))`; with `None`, the row is in no group"
)]
pub trait GroupedRow {
    /// The group's key.
    type Key: Key;
    /// The row in the group.
    type Row: Value;

    /// Both, or `None` if the row is in no group.
    fn into_pair(self) -> Option<(Self::Key, Self::Row)>;
}

impl<K: Key, V: Value> GroupedRow for (K, V) {
    type Key = K;
    type Row = V;

    fn into_pair(self) -> Option<Self> {
        Some(self)
    }
}

impl<K: Key, V: Value> GroupedRow for Option<(K, V)> {
    type Key = K;
    type Row = V;

    fn into_pair(self) -> Self {
        self
    }
}

impl<'t, K, V> KTable<'t, K, V> {
    /// Groups the rows by another key, for an aggregation. When a row changes, its old value is removed from its group's
    /// aggregate and the new one is added, so aggregations need a function to subtract as well as one to add. The mapper may
    /// also return an `Option`, where `None` means that the row is in no group.
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
    ///
    /// Only some of the rows:
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const TASKS: Topic<u64, String> = Topic::new("assignees-of-tasks");
    /// const LOADS: Topic<String, i64> = Topic::new("tasks-per-assignee");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.table(TASKS).group_by(|id, who| (who != "nobody").then_some((who, *id))).count().to_stream().to(LOADS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for who in ["nobody", "ada", "nobody"] {
    ///     driver.pipe(&TASKS, 1_u64, who);
    /// }
    /// assert_eq!(driver.read(&LOADS), [("ada".to_owned(), 1), ("ada".to_owned(), 0)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn group_by<P>(self, mapper: impl Fn(&K, V) -> P + Shared) -> KGroupedTable<'t, P::Key, P::Row>
    where
        K: Key,
        V: Value,
        P: GroupedRow,
    {
        let call = Call::TableGroup {
            input: self.step,
            select: table_select::recipe(move |key: &K, row: V| mapper(key, row).into_pair()),
            through: ChangeRepartition {
                sink: change_sink::recipe::<P::Key, P::Row>,
                source: change_source::recipe::<P::Key, P::Row>,
                windows: P::Key::WINDOWS,
            },
        };
        KGroupedTable::new(self.builder, self.builder.add(call))
    }
}
