//! What is looked for and is not there: joins of streams without a time, `to` on a table, aggregations of what is not
//! grouped, and `filter_map`.
//!
//! The methods exist only so that the compiler can say what to use instead. Each demands something of [`ThisVersion`]
//! that it does not have; with the real operation, its method and trait here are deleted.

use super::stream::Output;
use super::{KStream, KTable, Shared};

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
        message = "two streams are joined within some time: `.join(clicks.within(JoinWindows::of(..).grace(..)), ..)`",
        label = "how far apart in time may two records be?",
        note = "`JoinWindows::of(Duration::from_secs(5)).no_grace()`: at most five seconds, and records wait only for \
                others that come in order",
        note = "`.join(clicks.to_table(), ..)` joins each record with the latest one of the other stream with the same \
                key, however old that is"
    )]
    JoinsStreamsForEver;

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

    #[diagnostic::on_unimplemented(
        message = "a table is grouped before it is aggregated: `.group_by(|key, row| (row.country.clone(), row)).count()`",
        label = "`.group_by(..)` is missing before this",
        note = "its closure returns the group's key and the row in the group; with a constant key, all rows are one group",
        note = "`.to_stream().group_by_key()` aggregates the changes of the rows, and not the rows as they are"
    )]
    AggregatesTablesWithoutGroups;

    #[diagnostic::on_unimplemented(
        message = "`filter_map` is two operations here: `.map_values(..)` to an `Option`, and then `.filter_some()`",
        label = "`.map_values(..).filter_some()`",
        note = "`.flat_map(..)` makes any number of records, with other keys"
    )]
    FiltersAndMaps;
}

#[doc(hidden)]
impl<'t, K, V> KStream<'t, K, V> {
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
impl<'t, K, V> KStream<'t, K, V> {
    pub fn filter_map<R>(self, _mapper: impl Fn(&K, V) -> Option<R> + Shared) -> KStream<'t, K, R>
    where
        ThisVersion: FiltersAndMaps<R>,
    {
        ThisVersion::never()
    }
}

#[doc(hidden)]
impl<'t, K, V> KTable<'t, K, V> {
    pub fn count(self) -> Self
    where
        ThisVersion: AggregatesTablesWithoutGroups<K>,
    {
        ThisVersion::never()
    }

    pub fn reduce(self, _add: impl Fn(V, V) -> V + Shared, _subtract: impl Fn(V, V) -> V + Shared) -> Self
    where
        ThisVersion: AggregatesTablesWithoutGroups<K>,
    {
        ThisVersion::never()
    }

    pub fn to<T>(self, _topic: T) -> Output<'t>
    where
        ThisVersion: SendsTables<T>,
    {
        ThisVersion::never()
    }
}
