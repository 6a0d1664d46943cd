//! Grouped tables and their aggregations.

use std::marker::PhantomData;
use std::panic::Location;

use super::table::{self, KTable};
use super::{Shared, StreamsBuilder, handle};
use crate::operators::table_aggregate;
use crate::topology::program::{AggregateKind, AggregateRecipe, Call, CallId};
use crate::wire::{Key, Nullable, Value};

/// A table's rows `V` by the group `K` that they belong to; created by [`KTable::group_by`].
#[must_use = "a group does nothing until it is counted, reduced or aggregated"]
pub struct KGroupedTable<'t, K, V> {
    builder: &'t StreamsBuilder,
    step: CallId,
    types: PhantomData<fn() -> (K, V)>,
}

handle::step!(KGroupedTable);
handle::windows_of!(KGroupedTable, crate::record::Change<V>);

impl<'t, K, V> KGroupedTable<'t, K, V> {
    /// Names the group: its node, and its topic `<application>-<name>-repartition`, which several aggregations of the
    /// group then share.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }

    /// Counts the rows of each group. A group that has lost its last row has count 0; to delete it instead, count with
    /// [`KGroupedTable::aggregate_with`].
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
    /// driver.pipe(&USERS, 2_u64, "Peru");
    /// assert_eq!(driver.read(&COUNTS), [("Peru".to_owned(), 1), ("Peru".to_owned(), 2)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn count(self) -> KTable<'t, K, i64>
    where
        K: Key,
        V: Value,
    {
        let add = |_: &K, _: V, count: Option<i64>| Some(count.unwrap_or(0) + 1);
        let subtract = |_: &K, _: V, count: i64| Some(count - 1);
        self.add(AggregateKind::Count, Box::new(move |store| table_aggregate::recipe(store, add, subtract)))
    }

    /// Combines the rows of each group: `add` adds a row, `subtract` removes one. The first argument of both is the
    /// result so far. A group's first row is its first result. Both may also return an `Option`, where `None` deletes the
    /// result; the group's next row is then its first result again.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const BALANCES: Topic<u64, i64> = Topic::new("balances");
    /// const TOTALS: Topic<u64, i64> = Topic::new("totals");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .table(BALANCES)
    ///     .group_by(|account, cents| (account / 1_000, cents))
    ///     .reduce(|total, cents| total + cents, |total, cents| total - cents)
    ///     .to_stream()
    ///     .to(TOTALS);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn reduce<A, S>(
        self,
        add: impl Fn(V, V) -> A + Shared,
        subtract: impl Fn(V, V) -> S + Shared,
    ) -> KTable<'t, K, V>
    where
        K: Key,
        V: Value,
        A: Nullable<Inner = V>,
        S: Nullable<Inner = V>,
    {
        let add = move |_: &K, row: V, result: Option<V>| match result {
            Some(result) => add(result, row).into_option(),
            None => Some(row),
        };
        let subtract = move |_: &K, row: V, result: V| subtract(result, row).into_option();
        self.add(AggregateKind::Reduce, Box::new(move |store| table_aggregate::recipe(store, add, subtract)))
    }

    /// An aggregate per group, created by `init` and updated by `add` and `subtract`.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use millstream::wire::List;
    ///
    /// const USERS: Topic<u64, String> = Topic::new("countries-of-users");
    /// const MEMBERS: Topic<String, List<u64>> = Topic::new("users-by-country");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .table(USERS)
    ///     .group_by(|id, country| (country, *id))
    ///     .aggregate(List::default, |ids, id| ids.0.push(id), |ids, id| ids.0.retain(|other| *other != id))
    ///     .to_stream()
    ///     .to(MEMBERS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (id, country) in [(1_u64, "Peru"), (2, "Peru"), (1, "Chad")] {
    ///     driver.pipe(&USERS, id, country);
    /// }
    /// let members = [("Peru", vec![1]), ("Peru", vec![1, 2]), ("Peru", vec![2]), ("Chad", vec![1])];
    /// assert_eq!(driver.read(&MEMBERS), members.map(|(country, ids)| (country.to_owned(), List(ids))));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate<A>(
        self,
        init: impl Fn() -> A + Shared,
        add: impl Fn(&mut A, V) + Shared,
        subtract: impl Fn(&mut A, V) + Shared,
    ) -> KTable<'t, K, A>
    where
        K: Key,
        V: Value,
        A: Value,
    {
        let add = move |_: &K, row: V, aggregate: Option<A>| {
            let mut aggregate = aggregate.unwrap_or_else(&init);
            add(&mut aggregate, row);
            Some(aggregate)
        };
        let subtract = move |_: &K, row: V, mut aggregate: A| {
            subtract(&mut aggregate, row);
            Some(aggregate)
        };
        self.add(AggregateKind::Aggregate, Box::new(move |store| table_aggregate::recipe(store, add, subtract)))
    }

    /// The general form of [`KGroupedTable::aggregate`]: the functions also get the group's key, and can delete the
    /// aggregate by returning `None`, after which the group's next row starts a new one.
    ///
    /// If a row changes within its group, its old value is subtracted first, then its new value is added, and both give
    /// a single result. Nothing is subtracted from a group without an aggregate.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const USERS: Topic<u64, String> = Topic::new("countries-of-users");
    /// const COUNTS: Topic<String, Option<i64>> = Topic::new("users-per-country");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .table(USERS)
    ///     .group_by(|id, country| (country, *id))
    ///     .aggregate_with(
    ///         |_, _, count| Some(count.unwrap_or(0) + 1),
    ///         |_, _, count| (count > 1).then_some(count - 1),
    ///     )
    ///     .to_stream()
    ///     .to(COUNTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&USERS, 1_u64, "Peru");
    /// driver.pipe(&USERS, 1_u64, "Chad");
    /// let counts = [("Peru", Some(1)), ("Peru", None), ("Chad", Some(1))];
    /// assert_eq!(driver.read(&COUNTS), counts.map(|(country, count)| (country.to_owned(), count)));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate_with<A>(
        self,
        add: impl Fn(&K, V, Option<A>) -> Option<A> + Shared,
        subtract: impl Fn(&K, V, A) -> Option<A> + Shared,
    ) -> KTable<'t, K, A>
    where
        K: Key,
        V: Value,
        A: Value,
    {
        self.add(AggregateKind::Aggregate, Box::new(move |store| table_aggregate::recipe(store, add, subtract)))
    }

    #[track_caller]
    fn add<A>(self, kind: AggregateKind, recipe: AggregateRecipe) -> KTable<'t, K, A>
    where
        K: Key,
        A: Value,
    {
        let call = Call::TableAggregate { group: self.step, kind, recipe };
        KTable::stored(self.builder, self.builder.add(call), table::view_of_rows)
    }
}
