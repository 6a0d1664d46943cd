//! Tables whose topics are partitioned in a way of their own, for joins over a foreign key.

use std::sync::Arc;

use super::join_on::joined_on;
use super::{ForeignKey, KTable};
use crate::dsl::{IntoPartition, Shared, Target};
use crate::operators::partitioner::Partitioner;
use crate::wire::{Key, Nullable, Value};

/// Finds a key's partition.
pub(super) type Partitioning<K> = Partitioner<K, ()>;

/// A table that another one can be joined with over a foreign key: its keys are `F` and its rows `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined over a foreign key",
    label = "expected a table",
    note = "`.to_table()` makes a table of a stream"
)]
pub trait ForeignTable<'t, F, T> {
    /// The table, and how its topic is partitioned if that is said.
    #[doc(hidden)]
    fn into_parts(self) -> (KTable<'t, F, T>, Option<Partitioning<F>>);
}

impl<'t, F, T> ForeignTable<'t, F, T> for KTable<'t, F, T> {
    fn into_parts(self) -> (Self, Option<Partitioning<F>>) {
        (self, None)
    }
}

impl<'t, F, T> ForeignTable<'t, F, T> for PartitionedTable<'t, F, T> {
    fn into_parts(self) -> (KTable<'t, F, T>, Option<Partitioning<F>>) {
        (self.table, Some(self.partitioning))
    }
}

/// A table and how its topic is partitioned, for a join over a foreign key; made by [`KTable::partitioned_by`].
#[must_use = "it does nothing until it is joined with `.join_on(..)`, or another table with it"]
pub struct PartitionedTable<'t, K, V> {
    table: KTable<'t, K, V>,
    partitioning: Partitioning<K>,
}

impl<K, V> Clone for PartitionedTable<'_, K, V> {
    fn clone(&self) -> Self {
        Self { table: self.table, partitioning: Arc::clone(&self.partitioning) }
    }
}

impl<K, V> std::fmt::Debug for PartitionedTable<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.table.fmt(f)
    }
}

impl<'t, K, V> KTable<'t, K, V> {
    /// Says how the table's topic is partitioned, if not by murmur2 of its keys' bytes, for a [join over a foreign
    /// key](KTable::join_on): the closure returns a partition's number, or `None` of an `Option` for murmur2. It must agree
    /// with whoever writes the topic.
    ///
    /// If it is the other table of the join, rows ask for the row that they refer to in that partition; those that refer to
    /// none ask anywhere. If it is the table itself, the answers to its rows are sent there; without it they go to the
    /// partition that asked, which comes to the same. These are `withOtherPartitioner` and `withPartitioner` of Kafka
    /// Streams' `TableJoined` (KIP-775). A partition that the topic does not have is an error, which ends the application.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, u64> = Topic::new("sites-of-orders");
    /// const SITES: Topic<u64, String> = Topic::new("sites");
    /// const SORTED: Topic<u64, String> = Topic::new("sorted-sites");
    /// const LABELS: Topic<u64, String> = Topic::new("labels");
    ///
    /// let builder = StreamsBuilder::new();
    /// // All sites of one region are in one partition.
    /// builder.stream(SITES).to(SORTED).partitioned_by(|site, _, to| site / 1_000 % u64::from(to.partitions));
    /// let sites = builder.table(SORTED).partitioned_by(|site, to| site / 1_000 % u64::from(to.partitions));
    /// builder.table(ORDERS).join_on(sites, |_, site| *site, |_, name| name).to_stream().to(LABELS);
    ///
    /// let mut driver = TestDriver::configure(builder.build()?).partitions(4).start();
    /// for (site, name) in [(1_001_u64, "Quito"), (2_001, "Lima")] {
    ///     driver.pipe(&SITES, site, name);
    /// }
    /// for (order, site) in [(1_u64, 1_001_u64), (2, 2_001)] {
    ///     driver.pipe(&ORDERS, order, site);
    /// }
    /// let mut labels = driver.read(&LABELS);
    /// labels.sort();
    /// assert_eq!(labels, [(1, "Quito".to_owned()), (2, "Lima".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn partitioned_by<P: IntoPartition>(
        self,
        choose: impl Fn(&K, &Target<'_>) -> P + Shared,
    ) -> PartitionedTable<'t, K, V> {
        let partitioning: Partitioning<K> =
            Arc::new(move |key: &K, (): &(), to: &Target<'_>| choose(key, to).into_partition());
        PartitionedTable { table: self, partitioning }
    }
}

impl<'t, K, V> PartitionedTable<'t, K, V> {
    /// As [`KTable::join_on`].
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
        let this = (self.table, Some(self.partitioning));
        let foreign_key = move |key: &K, row: &V| foreign_key(key, row).into_key();
        joined_on(this, other, false, foreign_key, move |row, other| joiner(row, other?).into_option())
    }

    /// As [`KTable::left_join_on`].
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
        let this = (self.table, Some(self.partitioning));
        let foreign_key = move |key: &K, row: &V| foreign_key(key, row).into_key();
        joined_on(this, other, true, foreign_key, move |row, other| joiner(row, other).into_option())
    }
}
