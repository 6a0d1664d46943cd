//! Joins of two tables by their common key: `join`, `left_join` and `outer_join`.

use std::sync::Arc;

use super::{KTable, Lookup, view_of_rows};
use crate::dsl::Shared;
use crate::operators::{JoinKind, table_join, table_merge};
use crate::topology::program::{Call, StoreOf, TablesJoin};
use crate::wire::{Key, Nullable, Value};

/// A table that a table of keys `K` can be joined with, whose rows are `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined with a table whose keys are `{K}`",
    label = "expected a table whose keys are `{K}`",
    note = "rows of the same key are joined; `.to_table()` makes a table of a stream"
)]
pub trait OtherTable<'t, K, T> {
    /// The table itself.
    fn into_table(self) -> KTable<'t, K, T>;
}

impl<'t, K, T> OtherTable<'t, K, T> for KTable<'t, K, T> {
    fn into_table(self) -> Self {
        self
    }
}

impl<'t, K, V> KTable<'t, K, V> {
    /// A table of the rows that this table and another one both have, joined by their common key.
    ///
    /// An update of either table updates the result, which has the later timestamp of its two rows. When a row is deleted
    /// on one side, its result is deleted; that is forwarded even if there was none. A joiner may also return an `Option`,
    /// where `None` means that the two rows have no result.
    ///
    /// Both tables are kept in stores. The result is kept only if it is [stored](KTable::stored_as); otherwise its rows
    /// are computed from both tables' where they are needed. The tables' topics need the same number of partitions, which
    /// is checked at startup.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const NAMES: Topic<u64, String> = Topic::new("names");
    /// const CITIES: Topic<u64, Option<String>> = Topic::new("cities");
    /// const PEOPLE: Topic<u64, Option<String>> = Topic::new("people");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (names, cities) = (builder.table(NAMES), builder.table(CITIES));
    /// names.join(cities, |name, city| format!("{name} of {city}")).to_stream().to(PEOPLE);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&NAMES, 1_u64, "Ada");
    /// driver.pipe(&CITIES, 1_u64, Some("London".to_owned()));
    /// driver.pipe(&NAMES, 1_u64, "Ada King");
    /// driver.pipe(&CITIES, 1_u64, None);
    /// let people = [Some("Ada of London"), Some("Ada King of London"), None];
    /// assert_eq!(driver.read(&PEOPLE), people.map(|text| (1, text.map(str::to_owned))));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn join<T, R>(
        self,
        other: impl OtherTable<'t, K, T>,
        joiner: impl Fn(V, T) -> R + Shared,
    ) -> KTable<'t, K, R::Inner>
    where
        K: Key,
        V: Value,
        T: Value,
        R: Nullable,
    {
        self.joined(JoinKind::Inner, other.into_table(), move |left, right| match (left, right) {
            (Some(left), Some(right)) => joiner(left, right).into_option(),
            _ => None,
        })
    }

    /// As [`KTable::join`], but each of this table's rows has a result: with `None` if the other table has no row of the
    /// same key.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ARTICLES: Topic<u64, String> = Topic::new("articles");
    /// const STOCKS: Topic<u64, i64> = Topic::new("stocks");
    /// const OFFERS: Topic<u64, String> = Topic::new("offers");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (articles, stocks) = (builder.table(ARTICLES), builder.table(STOCKS));
    /// articles
    ///     .left_join(stocks, |article, stock| format!("{article}: {}", stock.unwrap_or(0)))
    ///     .to_stream()
    ///     .to(OFFERS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&STOCKS, 2_u64, 3);
    /// driver.pipe(&ARTICLES, 1_u64, "tea");
    /// driver.pipe(&STOCKS, 1_u64, 7);
    /// let offers = driver.read(&OFFERS);
    /// assert_eq!(offers, [(1, "tea: 0".to_owned()), (1, "tea: 7".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn left_join<T, R>(
        self,
        other: impl OtherTable<'t, K, T>,
        joiner: impl Fn(V, Option<T>) -> R + Shared,
    ) -> KTable<'t, K, R::Inner>
    where
        K: Key,
        V: Value,
        T: Value,
        R: Nullable,
    {
        self.joined(JoinKind::Left, other.into_table(), move |left, right| joiner(left?, right).into_option())
    }

    /// As [`KTable::join`], but each row of either table has a result: with `None` in place of the row that is missing.
    /// At least one of the joiner's arguments is a row.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const DEBTS: Topic<u64, i64> = Topic::new("debts");
    /// const CREDITS: Topic<u64, i64> = Topic::new("credits");
    /// const BALANCES: Topic<u64, i64> = Topic::new("balances");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (credits, debts) = (builder.table(CREDITS), builder.table(DEBTS));
    /// credits
    ///     .outer_join(debts, |credit, debt| credit.unwrap_or(0) - debt.unwrap_or(0))
    ///     .to_stream()
    ///     .to(BALANCES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&DEBTS, 1_u64, 30);
    /// driver.pipe(&CREDITS, 2_u64, 50);
    /// driver.pipe(&CREDITS, 1_u64, 40);
    /// assert_eq!(driver.read(&BALANCES), [(1, -30), (2, 50), (1, 10)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn outer_join<T, R>(
        self,
        other: impl OtherTable<'t, K, T>,
        joiner: impl Fn(Option<V>, Option<T>) -> R + Shared,
    ) -> KTable<'t, K, R::Inner>
    where
        K: Key,
        V: Value,
        T: Value,
        R: Nullable,
    {
        self.joined(JoinKind::Outer, other.into_table(), move |left, right| {
            if left.is_none() && right.is_none() {
                return None;
            }
            joiner(left, right).into_option()
        })
    }

    /// `joiner` returns `None` if the two rows have no result, as two missing rows never have.
    #[track_caller]
    fn joined<T, R>(
        self,
        kind: JoinKind,
        other: KTable<'t, K, T>,
        joiner: impl Fn(Option<V>, Option<T>) -> Option<R> + Shared,
    ) -> KTable<'t, K, R>
    where
        K: Key,
        V: Value,
        T: Value,
        R: Value,
    {
        let builder = self.builder;
        builder.expect_same(other.builder);
        let (left, right, joiner) = (self.lookup(), other.lookup(), Arc::new(joiner));
        let (left_lookup, right_lookup, for_nodes) = (left.clone(), right.clone(), Arc::clone(&joiner));
        let sides = move |store_of: &StoreOf<'_>| {
            let (this, that) = (Arc::clone(&for_nodes), for_nodes);
            let (rights, lefts) = (right_lookup?.view(store_of)?, left_lookup?.view(store_of)?);
            let of_left = table_join::recipe(rights, kind.needs_right(), move |left, right| this(left, right));
            let of_right = table_join::recipe(lefts, kind.needs_left(), move |right, left| that(left, right));
            Some([of_left, of_right])
        };
        let merge = Box::new(|store| table_merge::recipe::<K, R>(store));
        let join = TablesJoin { kind, sides: Box::new(sides), merge };
        let step = builder.add(Call::TablesJoin { left: self.step, right: other.step, join });
        let lookup = Lookup::joined(step, view_of_rows, left, right, move |left, right| {
            let joiner = Arc::clone(&joiner);
            table_join::view(left, right, kind.needs_left(), move |left, right| joiner(left, right))
        });
        KTable { builder, step, lookup: builder.attach(lookup) }
    }
}
