//! Aggregations in tumbling, hopping and unlimited windows.

use std::sync::Arc;
use std::time::Duration;

use super::{IntoWindows, reduced};
use crate::dsl::table::{self, KTable};
use crate::dsl::{CogroupedKStream, KGroupedStream, Shared, TimeWindowedCogroupedKStream, handle};
use crate::operators::{Emission, Recipe, StoreId, window_aggregate};
use crate::state::StoreKind;
use crate::state::kinds::Windowing;
use crate::topology::program::{AggregateKind, AggregateRecipe, Call};
use crate::windows::{TimeWindows, Windowed};
use crate::wire::{Nullable, NullableKey, Value};

/// A stream's records grouped by key and time window; created by [`KGroupedStream::windowed_by`].
///
/// Records with a null key are dropped and counted, and so is a record for each of its windows whose grace is over. Null
/// values are included, as in Kafka Streams: `count` counts them, and other aggregations of a stream of `Option<V>` get
/// the `Option`.
#[must_use = "windows do nothing until they are counted, reduced or aggregated"]
pub struct TimeWindowedKStream<'t, K, V> {
    group: KGroupedStream<'t, K, V>,
    windows: TimeWindows,
    emission: Emission,
}

handle::copy!(TimeWindowedKStream);

impl<K, V> std::fmt::Debug for TimeWindowedKStream<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TimeWindowedKStream({:?}, {:?}, {:?})", self.group, self.windows, self.emission)
    }
}

/// Windows whose results are sent at some time.
struct Emitted {
    windows: TimeWindows,
    emission: Emission,
}

impl Windowing for Emitted {
    fn check(&self) -> Result<(), String> {
        if self.windows.unlimited_from.is_some() && self.emission == Emission::OnClose {
            return Err(
                "an unlimited window never closes, so nothing would be sent; leave out `.emit_on_close()`".to_owned()
            );
        }
        self.windows.check()
    }

    fn closes_after(&self) -> Duration {
        self.windows.closes_after()
    }

    fn changing_for(&self) -> Duration {
        self.windows.changing_for()
    }

    fn kind(&self, retention: Duration) -> Arc<dyn StoreKind> {
        self.windows.kind(retention)
    }
}

impl IntoWindows for TimeWindows {
    type Stream<'t, K, V> = TimeWindowedKStream<'t, K, V>;

    fn group<'t, K, V>(self, group: KGroupedStream<'t, K, V>) -> Self::Stream<'t, K, V> {
        TimeWindowedKStream { group, windows: self, emission: Emission::OnUpdate }
    }

    type Cogrouped<'t, K, A> = TimeWindowedCogroupedKStream<'t, K, A>;

    fn cogroup<'t, K, A>(self, groups: CogroupedKStream<'t, K, A>) -> Self::Cogrouped<'t, K, A> {
        TimeWindowedCogroupedKStream { groups, windows: self }
    }
}

impl<'t, K, V> TimeWindowedKStream<'t, K, V> {
    /// Sends each result once, when its window closes: with the first record with which stream time reaches the window's
    /// end and the grace (KIP-825). Without new records nothing closes.
    ///
    /// Kafka Streams' `EmitStrategy.onWindowClose()`. What
    /// [`Suppress::until_window_closes`](crate::dsl::Suppress::until_window_closes) holds back in memory is read from the
    /// aggregation's own store here, so nothing is kept twice.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_MINUTE: Topic<Windowed<String>, Option<i64>> =
    ///     Topic::new("final-views-per-minute").windows_of(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
    /// builder.stream(VIEWS).group_by_key().windowed_by(minutes).emit_on_close().count().to_stream().to(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for second in [0, 59, 65, 50, 69] {
    ///     driver.pipe_at(&VIEWS, "ada", "/home", Timestamp(second * 1_000));
    /// }
    /// assert_eq!(driver.read(&PER_MINUTE), []);
    /// driver.pipe_at(&VIEWS, "bob", "/home", Timestamp(70_000));
    /// let counts = driver.read(&PER_MINUTE).into_iter();
    /// let counts: Vec<_> = counts.map(|(key, count)| (key.key, key.window.start.0, count)).collect();
    /// assert_eq!(counts, [("ada".to_owned(), 0, Some(3))]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("emit_strategy", "EmitStrategy", "on_window_close"))]
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
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_MINUTE: Topic<Windowed<String>, i64> = Topic::new("views-per-minute").windows_of(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).grace(Duration::from_secs(10));
    /// builder.stream(VIEWS).group_by_key().windowed_by(minutes).count().to_stream().to(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for second in [0, 59, 60, 49] {
    ///     driver.pipe_at(&VIEWS, "ada", "/home", Timestamp(second * 1_000));
    /// }
    /// // The last one is late, but its window is still in its grace period.
    /// let counts = driver.read(&PER_MINUTE).into_iter();
    /// let counts: Vec<_> = counts.map(|(key, count)| (key.window.start.0 / 60_000, count)).collect();
    /// assert_eq!(counts, [(0, 1), (0, 2), (1, 1), (0, 3)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn count(self) -> KTable<'t, Windowed<K::Inner>, i64>
    where
        K: NullableKey,
        V: Nullable,
    {
        self.aggregation(AggregateKind::Count, window_aggregate::counting_recipe::<K, V>)
    }

    /// Combines the values of each key in each window: `reducer` gets the result so far and the next value.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const SPEEDS: Topic<u64, i64> = Topic::new("speeds");
    /// const TOP_SPEEDS: Topic<Windowed<u64>, i64> = Topic::new("top-speeds").windows_of(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).no_grace();
    /// builder.stream(SPEEDS).group_by_key().windowed_by(minutes).reduce(i64::max).to_stream().to(TOP_SPEEDS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, speed) in [(0, 90), (30, 120), (60, 80)] {
    ///     driver.pipe_at(&SPEEDS, 1_u64, speed, Timestamp(second * 1_000));
    /// }
    /// let tops = driver.read(&TOP_SPEEDS).into_iter().map(|(car, speed)| (car.window.start.0 / 60_000, speed));
    /// assert_eq!(tops.collect::<Vec<_>>(), [(0, 90), (0, 120), (1, 80)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn reduce(self, reducer: impl Fn(V, V) -> V + Shared) -> KTable<'t, Windowed<K::Inner>, V::Inner>
    where
        K: NullableKey,
        V: Nullable,
    {
        self.update(AggregateKind::Reduce, move |_, value, result| reduced(&reducer, result, value))
    }

    /// An aggregate per key and window, created by `init` and updated by each value.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use millstream::wire::List;
    /// use std::time::Duration;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const PATHS: Topic<Windowed<u64>, List<String>> = Topic::new("paths").windows_of(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).no_grace();
    /// builder
    ///     .stream(CLICKS)
    ///     .group_by_key()
    ///     .windowed_by(minutes)
    ///     .aggregate(List::default, |pages, page| pages.0.push(page))
    ///     .to_stream()
    ///     .to(PATHS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, page) in [(0, "/home"), (30, "/cart"), (60, "/home")] {
    ///     driver.pipe_at(&CLICKS, 1_u64, page, Timestamp(second * 1_000));
    /// }
    /// let paths = driver.read(&PATHS).into_iter().map(|(user, List(pages))| (user.window.start.0, pages.join(" ")));
    /// let expected = [(0, "/home"), (0, "/home /cart"), (60_000, "/home")];
    /// assert_eq!(paths.collect::<Vec<_>>(), expected.map(|(start, pages)| (start, pages.to_owned())));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate<A>(
        self,
        init: impl Fn() -> A + Shared,
        apply: impl Fn(&mut A, V) + Shared,
    ) -> KTable<'t, Windowed<K::Inner>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.aggregate_with(move |_, value, aggregate| {
            let mut aggregate = aggregate.unwrap_or_else(&init);
            apply(&mut aggregate, value);
            Some(aggregate)
        })
    }

    /// The general form of [`TimeWindowedKStream::aggregate`]: the aggregator also gets the key, and can delete the row
    /// by returning `None`, after which the window's next record starts a new one.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const BEATS: Topic<u64, String> = Topic::new("beats");
    /// const FAILURES: Topic<Windowed<u64>, Option<i64>> = Topic::new("failures").windows_of(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let minutes = Tumbling::of(Duration::from_secs(60)).no_grace();
    /// builder
    ///     .stream(BEATS)
    ///     .group_by_key()
    ///     .windowed_by(minutes)
    ///     // A host that is up again has no failures in this minute.
    ///     .aggregate_with(|_, state, failures: Option<i64>| (state != "up").then(|| failures.unwrap_or(0) + 1))
    ///     .to_stream()
    ///     .to(FAILURES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, state) in [(0, "down"), (30, "up"), (60, "down")] {
    ///     driver.pipe_at(&BEATS, 1_u64, state, Timestamp(second * 1_000));
    /// }
    /// let failures = driver.read(&FAILURES).into_iter().map(|(host, count)| (host.window.start.0, count));
    /// assert_eq!(failures.collect::<Vec<_>>(), [(0, Some(1)), (0, None), (60_000, Some(1))]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate_with<A>(
        self,
        update: impl Fn(&K::Inner, V, Option<A>) -> Option<A> + Shared,
    ) -> KTable<'t, Windowed<K::Inner>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.update(AggregateKind::Aggregate, move |key, value, aggregate| match V::from_option(value) {
            Some(value) => update(key, value, aggregate),
            // A stream whose values cannot be null never gets here.
            None => aggregate,
        })
    }

    #[track_caller]
    fn update<A>(
        self,
        kind: AggregateKind,
        update: impl Fn(&K::Inner, Option<V::Inner>, Option<A>) -> Option<A> + Shared,
    ) -> KTable<'t, Windowed<K::Inner>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.aggregation(kind, move |store, windows, emission| {
            window_aggregate::recipe::<K, V, A>(store, windows, emission, update)
        })
    }

    #[track_caller]
    fn aggregation<A>(
        self,
        kind: AggregateKind,
        recipe: impl FnOnce(StoreId, TimeWindows, Emission) -> Recipe + 'static,
    ) -> KTable<'t, Windowed<K::Inner>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        let Self { group, windows, emission } = self;
        let recipe: AggregateRecipe = Box::new(move |store| recipe(store, windows, emission));
        let windows = Emitted { windows, emission };
        let call = Call::Aggregate { group: group.step, windows: Some(Box::new(windows)), kind, recipe };
        KTable::stored(group.builder, group.builder.add(call), table::view_of_windows)
    }
}
