//! Joins of two tables over a foreign key: `join_on` and `left_join_on`.

use super::partitioned::{ForeignTable, Partitioning};
use super::{KTable, view_of_rows};
use crate::dsl::Shared;
use crate::operators::{foreign_key, source, table_source};
use crate::topology::program::{Call, ForeignKeyJoin, Passage, StoreOf};
use crate::wire::foreign_key::{Answer, Subscription};
use crate::wire::{Key, Nullable, Value};

/// What a closure may return that computes a key of a table with keys `F`: such a key, or an `Option` of it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a key of a table whose keys are `{F}`",
    label = "expected a closure that returns `{F}` or `Option<{F}>`",
    note = "the first closure computes from a row the key of the other table's row that it belongs to"
)]
pub trait ForeignKey<F> {
    /// The key, or `None` if the row belongs to no other.
    fn into_key(self) -> Option<F>;
}

impl<F: Key> ForeignKey<F> for F {
    fn into_key(self) -> Option<F> {
        Some(self)
    }
}

impl<F: Key> ForeignKey<F> for Option<F> {
    fn into_key(self) -> Option<F> {
        self
    }
}

impl<'t, K, V> KTable<'t, K, V> {
    /// Joins each row with the row of another table that it refers to. The first closure computes that row's key, the
    /// second one combines the two; the result has this table's keys.
    ///
    /// An update of either table updates the results that it is part of, however many rows refer to one row. Rows whose
    /// key is `None` have no result and are counted as dropped. A deletion may be forwarded where there was no result. A
    /// joiner may also return an `Option`, where `None` means that the two rows have no result.
    ///
    /// The tables may have different numbers of partitions. If the other table's topic is not partitioned by murmur2 of its
    /// keys, [say how](KTable::partitioned_by). They talk through two topics of the application, so results
    /// come a little later, and updates of rows that refer to different keys may overtake each other. A row that has
    /// changed while an answer was on its way ignores it (`stale-answer` in the metrics) and gets another one. This is
    /// Kafka Streams' foreign-key join (KIP-213), with its messages to the byte. A result has the timestamp of the update
    /// that caused it, or that of the other row if that is later and the update was on this side.
    ///
    /// Both tables are kept in stores. The result is kept if it is [stored](KTable::stored_as) or its rows are needed.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const BOOKS: Topic<String, u64> = Topic::new("authors-of-books");
    /// const AUTHORS: Topic<u64, String> = Topic::new("authors");
    /// const SHELF: Topic<String, String> = Topic::new("shelf");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (books, authors) = (builder.table(BOOKS), builder.table(AUTHORS));
    /// books.join_on(authors, |_, author| *author, |_, name| name).to_stream().to(SHELF);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&AUTHORS, 7_u64, "Mary Ann Evans");
    /// driver.pipe(&BOOKS, "Romola", 7_u64);
    /// driver.pipe(&AUTHORS, 7_u64, "George Eliot");
    /// let shelf = ["Mary Ann Evans", "George Eliot"].map(|name| ("Romola".to_owned(), name.to_owned()));
    /// assert_eq!(driver.read(&SHELF), shelf);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "foreign_key_join")]
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn join_on<F, T, X, R>(
        self,
        other: impl ForeignTable<'t, F, T>,
        foreign_key: impl Fn(&K, &V) -> X + Shared,
        joiner: impl Fn(V, T) -> R + Shared,
    ) -> KTable<'t, K, R::Inner>
    where
        K: Key,
        V: Value,
        F: Key,
        T: Value,
        X: ForeignKey<F>,
        R: Nullable,
    {
        let foreign_key = move |key: &K, row: &V| foreign_key(key, row).into_key();
        joined_on((self, None), other, false, foreign_key, move |row, other| joiner(row, other?).into_option())
    }

    /// As [`KTable::join_on`], but each row has a result: with `None` if it refers to no row, or to one that is not there.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const EMPLOYEES: Topic<u64, Option<String>> = Topic::new("employees");
    /// const TEAMS: Topic<String, i64> = Topic::new("rooms-of-teams");
    /// const ROOMS: Topic<u64, Option<i64>> = Topic::new("rooms-of-employees");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (employees, teams) = (builder.table(EMPLOYEES), builder.table(TEAMS));
    /// employees
    ///     .left_join_on(teams, |_, team| Some(team.clone()).filter(|team| team != "none"), |_, room| room.unwrap_or(0))
    ///     .to_stream()
    ///     .to(ROOMS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&TEAMS, "blue", 4);
    /// for (id, team) in [(1_u64, Some("blue")), (2, Some("red")), (3, Some("none")), (1, None)] {
    ///     driver.pipe(&EMPLOYEES, id, team.map(str::to_owned));
    /// }
    /// assert_eq!(driver.read(&ROOMS), [(1, Some(4)), (2, Some(0)), (3, Some(0)), (1, None)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "left_foreign_key_join")]
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn left_join_on<F, T, X, R>(
        self,
        other: impl ForeignTable<'t, F, T>,
        foreign_key: impl Fn(&K, &V) -> X + Shared,
        joiner: impl Fn(V, Option<T>) -> R + Shared,
    ) -> KTable<'t, K, R::Inner>
    where
        K: Key,
        V: Value,
        F: Key,
        T: Value,
        X: ForeignKey<F>,
        R: Nullable,
    {
        let foreign_key = move |key: &K, row: &V| foreign_key(key, row).into_key();
        joined_on((self, None), other, true, foreign_key, move |row, other| joiner(row, other).into_option())
    }
}

/// Joins two tables; this side's topic may be partitioned in a way of its own, and the other's, too.
#[track_caller]
pub(super) fn joined_on<'t, K, V, F, T, R>(
    (table, partitioning): (KTable<'t, K, V>, Option<Partitioning<K>>),
    other: impl ForeignTable<'t, F, T>,
    left: bool,
    foreign_key: impl Fn(&K, &V) -> Option<F> + Shared,
    joiner: impl Fn(V, Option<T>) -> Option<R> + Shared,
) -> KTable<'t, K, R>
where
    K: Key,
    V: Value,
    F: Key,
    T: Value,
    R: Value,
{
    let builder = table.builder;
    let (other, other_partitioning) = other.into_parts();
    builder.expect_same(other.builder);
    let (rows, others) = (table.lookup(), other.lookup());
    let for_doubts = rows.clone();
    let join = ForeignKeyJoin {
        subscribe: Box::new(move |store_of: &StoreOf<'_>, store| {
            let rows = for_doubts?.view(store_of)?;
            Some(foreign_key::subscribe::recipe(foreign_key, rows, (left, store)))
        }),
        registration: Passage {
            sink: Box::new(move |topic, _| foreign_key::subscription_sink_recipe(topic, other_partitioning)),
            source: source::recipe::<Option<F>, Subscription>,
        },
        keep: Box::new(foreign_key::keep::recipe::<F>),
        answer: Box::new(move |store_of: &StoreOf<'_>| {
            Some(foreign_key::answer::recipe::<K, F, T>(others?.view(store_of)?))
        }),
        tell: Box::new(foreign_key::tell::recipe::<K, F, T>),
        response: Passage {
            sink: Box::new(move |topic, windows| foreign_key::sink_recipe::<K>(topic, partitioning, windows)),
            source: source::recipe::<K, Answer<T>>,
        },
        resolve: Box::new(move |store_of: &StoreOf<'_>, store| {
            Some(foreign_key::resolve::recipe::<K, V, T, R>(rows?.view(store_of)?, (left, store), joiner))
        }),
        result: Box::new(|store| table_source::recipe::<K, Option<R>>(store, true)),
    };
    let call = Call::ForeignKeyJoin { left: table.step, right: other.step, join };
    KTable::stored(builder, builder.add(call), view_of_rows)
}
