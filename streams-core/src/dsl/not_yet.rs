//! What is looked for and is not there: joins other than those of a stream with a table, `to` on a table, and aggregations
//! of a stream that is not grouped.
//!
//! The methods exist only so that the compiler can say what to use instead. Each demands something of [`ThisVersion`]
//! that it does not have; with the real operation, its method and trait here are deleted.

use super::stream::Output;
use super::{GlobalKTable, KStream, KTable, Shared};

/// A table that a stream of keys `K` can be joined with, whose rows are `T`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be joined with a stream whose keys are `{K}`",
    label = "expected a table whose keys are `{K}`",
    note = "a record is joined with the row of the same key: change the stream's key first with `.select_key(..)`, or \
            read the table with `.global_table(..)` and use `.join_global(..)`, which computes a key from each record"
)]
pub trait TableToJoin<'t, K, T> {
    /// The table itself.
    fn into_table(self) -> KTable<'t, K, T>;
}

impl<'t, K, T> TableToJoin<'t, K, T> for KTable<'t, K, T> {
    fn into_table(self) -> Self {
        self
    }
}

impl<'t, K, K2, T> TableToJoin<'t, K, T> for KStream<'t, K2, T>
where
    ThisVersion: JoinsStreams<K>,
{
    fn into_table(self) -> KTable<'t, K, T> {
        ThisVersion::never()
    }
}

impl<'t, K, K2, T> TableToJoin<'t, K, T> for GlobalKTable<'t, K2, T>
where
    ThisVersion: JoinsGlobalTablesByKey<K>,
{
    fn into_table(self) -> KTable<'t, K, T> {
        ThisVersion::never()
    }
}

/// This version of the library.
#[derive(Debug)]
pub struct ThisVersion;

/// What this version does not do, as a bound that never holds.
macro_rules! not_yet {
    ($(#[$message:meta] $can:ident;)+) => { $(
        #[$message]
        pub trait $can<T> {
            /// Stands in for the result.
            fn never<R>() -> R;
        }
    )+ };
}

not_yet! {
    #[diagnostic::on_unimplemented(
        message = "two streams cannot be joined yet: make one of them a table with `.to_table()`",
        label = "a stream, not a table",
        note = "`.join(clicks.to_table(), ..)` joins each record with the latest one of the other stream with the same \
                key; joins of two streams within a window are not there yet"
    )]
    JoinsStreams;

    #[diagnostic::on_unimplemented(
        message = "a global table is joined with `.join_global(..)` or `.left_join_global(..)`",
        label = "a global table",
        note = "`.join_global(prices, |key, order| order.article.clone(), |order, price| ..)`: the first closure computes \
                the row's key from a record, the second one combines the two"
    )]
    JoinsGlobalTablesByKey;

    #[diagnostic::on_unimplemented(
        message = "a table is sent as the stream of its changes: `.to_stream().to(..)`",
        label = "`.to_stream()` is missing before `.to(..)`",
        note = "deletions are sent as tombstones; `.to_stream().filter_some()` leaves them out"
    )]
    SendsTables;

    #[diagnostic::on_unimplemented(
        message = "a stream is grouped before it is aggregated: `.group_by_key().count()`",
        label = "`.group_by_key()` or `.group_by(..)` is missing before this",
        note = "`.group_by(|key, value| ..)` groups by a key that it computes; with a constant key, all records are one group"
    )]
    AggregatesWithoutGroups;
}

#[doc(hidden)]
impl<'t, K, V> KStream<'t, K, V> {
    pub fn outer_join<K2, T, R>(
        self,
        _stream: KStream<'t, K2, T>,
        _joiner: impl Fn(Option<V>, Option<T>) -> R + Shared,
    ) -> KStream<'t, K, R>
    where
        ThisVersion: JoinsStreams<K>,
    {
        ThisVersion::never()
    }

    pub fn count(self) -> KTable<'t, K, i64>
    where
        ThisVersion: AggregatesWithoutGroups<K>,
    {
        ThisVersion::never()
    }

    pub fn reduce(self, _reducer: impl Fn(V, V) -> V + Shared) -> KTable<'t, K, V>
    where
        ThisVersion: AggregatesWithoutGroups<K>,
    {
        ThisVersion::never()
    }

    pub fn aggregate<A>(self, _init: impl Fn() -> A + Shared, _add: impl Fn(A, V) -> A + Shared) -> KTable<'t, K, A>
    where
        ThisVersion: AggregatesWithoutGroups<K>,
    {
        ThisVersion::never()
    }
}

#[doc(hidden)]
impl<'t, K, V> KTable<'t, K, V> {
    pub fn to<T>(self, _topic: T) -> Output<'t>
    where
        ThisVersion: SendsTables<T>,
    {
        ThisVersion::never()
    }
}
