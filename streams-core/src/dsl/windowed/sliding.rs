//! Aggregations in sliding windows.

use super::IntoWindows;
use crate::dsl::table::{self, KTable};
use crate::dsl::{CogroupedKStream, KGroupedStream, Shared, SlidingWindowedCogroupedKStream, handle};
use crate::operators::{Emission, Recipe, StoreId, sliding_aggregate};
use crate::topology::program::{AggregateKind, AggregateRecipe, Call};
use crate::windows::{SlidingWindows, Windowed};
use crate::wire::{Nullable, NullableKey, Value};

/// A stream's records grouped by key and sliding window; created by [`KGroupedStream::windowed_by`].
///
/// Each record is in the window that ends with it, together with all records of its key that are at most the difference
/// older; and in those of records that come after it. A record that comes late changes the windows of others, and there is
/// one that begins just after it. Windows without records, or with the same records as another one, do not exist. No window
/// starts before 0: the records of the first moments share the window that starts there.
///
/// Records with a null key or a null value are dropped and counted, and so are late ones, which stream time is ahead of by
/// more than the difference and the grace. If only some of a record's windows have closed, it is counted for each of them.
#[must_use = "windows do nothing until they are counted, reduced or aggregated"]
pub struct SlidingWindowedKStream<'t, K, V> {
    group: KGroupedStream<'t, K, V>,
    windows: SlidingWindows,
    emission: Emission,
}

handle::copy!(SlidingWindowedKStream);

impl<K, V> std::fmt::Debug for SlidingWindowedKStream<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SlidingWindowedKStream({:?}, {:?}, {:?})", self.group, self.windows, self.emission)
    }
}

impl IntoWindows for SlidingWindows {
    type Stream<'t, K, V> = SlidingWindowedKStream<'t, K, V>;

    fn group<'t, K, V>(self, group: KGroupedStream<'t, K, V>) -> Self::Stream<'t, K, V> {
        SlidingWindowedKStream { group, windows: self, emission: Emission::OnUpdate }
    }

    type Cogrouped<'t, K, A> = SlidingWindowedCogroupedKStream<'t, K, A>;

    fn cogroup<'t, K, A>(self, groups: CogroupedKStream<'t, K, A>) -> Self::Cogrouped<'t, K, A> {
        SlidingWindowedCogroupedKStream { groups, windows: self }
    }
}

impl<'t, K, V> SlidingWindowedKStream<'t, K, V> {
    /// Sends each result once, when its window closes: with the first record whose time is more than the grace after the
    /// window's end (KIP-825). Without new records nothing closes.
    ///
    /// Kafka Streams' `EmitStrategy.onWindowClose()`. An index of the windows that are open is in memory.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const TEN_SECONDS: Duration = Duration::from_secs(10);
    /// const LOGINS: Topic<String, String> = Topic::new("logins");
    /// const BURSTS: Topic<Windowed<String>, Option<i64>> = Topic::new("bursts").windows_of(TEN_SECONDS);
    ///
    /// let builder = StreamsBuilder::new();
    /// let logins = builder.stream(LOGINS).group_by_key().windowed_by(Sliding::of(TEN_SECONDS).no_grace());
    /// logins.emit_on_close().count().to_stream().to(BURSTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for second in [100, 105, 111, 140] {
    ///     driver.pipe_at(&LOGINS, "ada", "failed", Timestamp(second * 1_000));
    /// }
    /// let bursts = driver.read(&BURSTS).into_iter();
    /// let bursts: Vec<_> = bursts.map(|(key, count)| (key.window.end.0, count)).collect();
    /// let expected = [(100_000, Some(1)), (105_000, Some(2)), (110_001, Some(1)), (111_000, Some(2)), (115_001, Some(1))];
    /// assert_eq!(bursts, expected, "five sets of records that are near each other");
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("emit_strategy", "on_window_close"))]
    pub const fn emit_on_close(self) -> Self {
        Self { emission: Emission::OnClose, ..self }
    }

    /// Counts the records of each key in each window.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const TEN_SECONDS: Duration = Duration::from_secs(10);
    /// const LOGINS: Topic<String, String> = Topic::new("logins");
    /// const RECENT: Topic<Windowed<String>, Option<i64>> = Topic::new("recent-logins").windows_of(TEN_SECONDS);
    ///
    /// let builder = StreamsBuilder::new();
    /// let windows = Sliding::of(TEN_SECONDS).grace(Duration::from_secs(60));
    /// builder.stream(LOGINS).group_by_key().windowed_by(windows).count().to_stream().to(RECENT);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for second in [100, 105, 111] {
    ///     driver.pipe_at(&LOGINS, "ada", "failed", Timestamp(second * 1_000));
    /// }
    /// let recent = driver.read(&RECENT).into_iter();
    /// let recent: Vec<_> = recent.map(|(key, count)| (key.window.start.0, key.window.end.0, count)).collect();
    /// let expected = [
    ///     (90_000, 100_000, Some(1)),
    ///     // What comes after the first record, which is only the second one so far; and both.
    ///     (100_001, 110_001, Some(1)),
    ///     (95_000, 105_000, Some(2)),
    ///     // The third one is not within ten seconds of the first.
    ///     (105_001, 115_001, Some(1)),
    ///     (101_000, 111_000, Some(2)),
    /// ];
    /// assert_eq!(recent, expected);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn count(self) -> KTable<'t, Windowed<K::Inner>, i64>
    where
        K: NullableKey,
        V: Nullable,
    {
        self.aggregation(AggregateKind::Count, sliding_aggregate::counting_recipe::<K, V>)
    }

    /// Combines the values of each key in each window: `reducer` gets the result so far and the next value, in the order in
    /// which records arrive. A window that ends with a record begins with the result of one before it, so the reducer is
    /// called only a few times per record.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const SPEEDS: Topic<u64, i64> = Topic::new("speeds");
    ///
    /// let builder = StreamsBuilder::new();
    /// let last_minute = Sliding::of(Duration::from_secs(60)).no_grace();
    /// builder
    ///     .stream(SPEEDS)
    ///     .group_by_key()
    ///     .windowed_by(last_minute)
    ///     .reduce(i64::max)
    ///     .stored_as(WindowStore::new("top-speed"));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn reduce(
        self,
        reducer: impl Fn(V::Inner, V::Inner) -> V::Inner + Shared,
    ) -> KTable<'t, Windowed<K::Inner>, V::Inner>
    where
        K: NullableKey,
        V: Nullable,
    {
        self.update(AggregateKind::Reduce, move |_, value, result| match result {
            Some(result) => Some(reducer(result, value)),
            None => Some(value),
        })
    }

    /// An aggregate per key and window, created by `init` and updated by each value.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::wire::List;
    /// use std::time::Duration;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    ///
    /// let builder = StreamsBuilder::new();
    /// let last_minute = Sliding::of(Duration::from_secs(60)).no_grace();
    /// builder
    ///     .stream(CLICKS)
    ///     .group_by_key()
    ///     .windowed_by(last_minute)
    ///     .aggregate(List::default, |pages: &mut List<String>, page| pages.0.push(page))
    ///     .stored_as(WindowStore::new("recent-pages"));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate<A>(
        self,
        init: impl Fn() -> A + Shared,
        apply: impl Fn(&mut A, V::Inner) + Shared,
    ) -> KTable<'t, Windowed<K::Inner>, A>
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

    /// The general form of [`SlidingWindowedKStream::aggregate`]: the aggregator also gets the key, and can delete the row by
    /// returning `None`.
    ///
    /// Which records are in a window is seen from the rows. Where one was deleted, later windows may lack its records.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const STEPS: Topic<u64, String> = Topic::new("steps");
    ///
    /// let builder = StreamsBuilder::new();
    /// let last_minute = Sliding::of(Duration::from_secs(60)).no_grace();
    /// builder
    ///     .stream(STEPS)
    ///     .group_by_key()
    ///     .windowed_by(last_minute)
    ///     .aggregate_with(|_, step, steps: Option<i64>| (step != "end").then(|| steps.unwrap_or(0) + 1))
    ///     .stored_as(WindowStore::new("recent-steps"));
    /// builder.build()?;
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate_with<A>(
        self,
        update: impl Fn(&K::Inner, V::Inner, Option<A>) -> Option<A> + Shared,
    ) -> KTable<'t, Windowed<K::Inner>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.update(AggregateKind::Aggregate, update)
    }

    #[track_caller]
    fn update<A>(
        self,
        kind: AggregateKind,
        update: impl Fn(&K::Inner, V::Inner, Option<A>) -> Option<A> + Shared,
    ) -> KTable<'t, Windowed<K::Inner>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.aggregation(kind, move |store, windows, emission| {
            sliding_aggregate::recipe::<K, V, A>(store, windows, emission, update)
        })
    }

    #[track_caller]
    fn aggregation<A>(
        self,
        kind: AggregateKind,
        recipe: impl FnOnce(StoreId, SlidingWindows, Emission) -> Recipe + 'static,
    ) -> KTable<'t, Windowed<K::Inner>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        let Self { group, windows, emission } = self;
        let recipe: AggregateRecipe = Box::new(move |store| recipe(store, windows, emission));
        let call = Call::Aggregate { group: group.step, windows: Some(Box::new(windows)), kind, recipe };
        KTable::stored(group.builder, group.builder.add(call), table::view_of_sliding_windows)
    }
}
