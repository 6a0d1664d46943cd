//! Grouped streams and their aggregations.

use std::marker::PhantomData;
use std::panic::Location;

use super::table::{self, KTable};
use super::{IntoWindows, Shared, StreamsBuilder, handle};
use crate::operators::{Recipe, StoreId, stream_aggregate};
use crate::topology::program::{AggregateKind, AggregateRecipe, Call, CallId};
use crate::wire::{Nullable, NullableKey, Value};

/// A stream's records `V` grouped by their key `K`; created by
/// [`KStream::group_by_key`](super::KStream::group_by_key) and [`KStream::group_by`](super::KStream::group_by).
///
/// Records with a null key or a null value are dropped and counted. An aggregate's timestamp is the largest one of the
/// records in it.
#[must_use = "a group does nothing until it is counted, reduced or aggregated"]
pub struct KGroupedStream<'t, K, V> {
    pub(super) builder: &'t StreamsBuilder,
    pub(super) step: CallId,
    types: PhantomData<fn() -> (K, V)>,
}

handle::step!(KGroupedStream);
handle::windows_of!(KGroupedStream, V);

impl<'t, K, V> KGroupedStream<'t, K, V> {
    /// Names the group: the node that sets the records' key, if there is one, and the topic
    /// `<application>-<name>-repartition`, if one is needed. Several aggregations of the group then share that topic.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }

    /// Counts the records of each key.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const COUNTS: Topic<String, i64> = Topic::new("counts");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(VIEWS).group_by_key().count().to_stream().to(COUNTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&VIEWS, "ada", "/home");
    /// driver.pipe(&VIEWS, "ada", "/cart");
    /// assert_eq!(driver.read(&COUNTS), [("ada".to_owned(), 1), ("ada".to_owned(), 2)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn count(self) -> KTable<'t, K::Inner, i64>
    where
        K: NullableKey,
        V: Nullable,
    {
        self.aggregation(AggregateKind::Count, stream_aggregate::counting_recipe::<K, V>)
    }

    /// Combines the values of each key: `reducer` gets the result so far and the next value. A key's first value is its
    /// first result. A reducer may also return an `Option`, where `None` deletes the result; the key's next value is then its
    /// first one again.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const BIDS: Topic<u64, i64> = Topic::new("bids");
    /// const HIGHEST: Topic<u64, i64> = Topic::new("highest-bids");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(BIDS).group_by_key().reduce(i64::max).to_stream().to(HIGHEST);
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn reduce<R>(self, reducer: impl Fn(V::Inner, V::Inner) -> R + Shared) -> KTable<'t, K::Inner, V::Inner>
    where
        K: NullableKey,
        V: Nullable,
        R: Nullable<Inner = V::Inner>,
    {
        self.update(AggregateKind::Reduce, move |_, value, result| match result {
            Some(result) => reducer(result, value).into_option(),
            None => Some(value),
        })
    }

    /// An aggregate per key, created by `init` and updated by each value.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const WORDS: Topic<u64, String> = Topic::new("words");
    /// const TEXTS: Topic<u64, String> = Topic::new("texts");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(WORDS)
    ///     .group_by_key()
    ///     .aggregate(String::new, |text, word| text.push_str(&word))
    ///     .to_stream()
    ///     .to(TEXTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&WORDS, 7_u64, "up");
    /// driver.pipe(&WORDS, 7_u64, "on");
    /// assert_eq!(driver.read(&TEXTS), [(7, "up".to_owned()), (7, "upon".to_owned())]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate<A>(
        self,
        init: impl Fn() -> A + Shared,
        apply: impl Fn(&mut A, V::Inner) + Shared,
    ) -> KTable<'t, K::Inner, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.update(AggregateKind::Aggregate, move |_, value, aggregate| {
            let mut aggregate = aggregate.unwrap_or_else(&init);
            apply(&mut aggregate, value);
            Some(aggregate)
        })
    }

    /// The general form of [`KGroupedStream::aggregate`]: the aggregator also gets the key, and can delete the row by
    /// returning `None`, after which the key's next record starts a new one.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const STEPS: Topic<u64, String> = Topic::new("steps-of-orders");
    /// const OPEN: Topic<u64, Option<i64>> = Topic::new("open-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(STEPS)
    ///     .group_by_key()
    ///     // With its last step, an order is finished and deleted.
    ///     .aggregate_with(|_, step, done: Option<i64>| (step != "delivered").then(|| done.unwrap_or(0) + 1))
    ///     .to_stream()
    ///     .to(OPEN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for step in ["paid", "packed", "delivered"] {
    ///     driver.pipe(&STEPS, 7_u64, step);
    /// }
    /// assert_eq!(driver.read(&OPEN), [(7, Some(1)), (7, Some(2)), (7, None)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate_with<A>(
        self,
        update: impl Fn(&K::Inner, V::Inner, Option<A>) -> Option<A> + Shared,
    ) -> KTable<'t, K::Inner, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.update(AggregateKind::Aggregate, update)
    }

    /// Groups the records by key and window: [`Tumbling`](crate::windows::Tumbling), [`Hopping`](crate::windows::Hopping) or
    /// [`Sessions`](crate::windows::Sessions).
    ///
    /// The windows must say how long they wait for late records: `Tumbling::of(..)` does not compile without `.grace(..)`
    /// or `.no_grace()`.
    pub fn windowed_by<W: IntoWindows>(self, windows: W) -> W::Stream<'t, K, V> {
        windows.group(self)
    }

    #[track_caller]
    fn update<A>(
        self,
        kind: AggregateKind,
        update: impl Fn(&K::Inner, V::Inner, Option<A>) -> Option<A> + Shared,
    ) -> KTable<'t, K::Inner, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.aggregation(kind, move |store| stream_aggregate::recipe::<K, V, A>(store, update))
    }

    #[track_caller]
    fn aggregation<A>(
        self,
        kind: AggregateKind,
        recipe: impl FnOnce(StoreId) -> Recipe + 'static,
    ) -> KTable<'t, K::Inner, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        let recipe: AggregateRecipe = Box::new(recipe);
        let call = Call::Aggregate { group: self.step, windows: None, kind, recipe };
        KTable::stored(self.builder, self.builder.add(call), table::view_of_rows)
    }
}
