//! Aggregations in session windows.

use std::sync::Arc;

use super::{IntoWindows, reduced};
use crate::dsl::table::{self, KTable};
use crate::dsl::{CogroupedKStream, KGroupedStream, SessionWindowedCogroupedKStream, Shared, handle};
use crate::operators::{Emission, Recipe, StoreId, session_aggregate};
use crate::topology::program::{AggregateKind, AggregateRecipe, Call};
use crate::windows::{Session, SessionWindows, Windowed};
use crate::wire::{Nullable, NullableKey, Value};

/// A stream's records grouped by key and session; created by [`KGroupedStream::windowed_by`].
///
/// A record joins the sessions of its key that are at most the gap away from it, and makes one session of them. Each of the
/// sessions that it joins is deleted: its key, which has its start and its end, gets a tombstone, and the new session gets a
/// row. The row's timestamp is the session's end.
///
/// Records with a null key are dropped and counted, and so are those whose session, together with those that they would join,
/// ended longer ago than the gap and the grace. Null values are included, as in Kafka Streams: `count` counts them, and other
/// aggregations of a stream of `Option<V>` get the `Option`.
#[must_use = "windows do nothing until they are counted, reduced or aggregated"]
pub struct SessionWindowedKStream<'t, K, V> {
    group: KGroupedStream<'t, K, V>,
    windows: SessionWindows,
    emission: Emission,
}

handle::copy!(SessionWindowedKStream);

impl<K, V> std::fmt::Debug for SessionWindowedKStream<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SessionWindowedKStream({:?}, {:?}, {:?})", self.group, self.windows, self.emission)
    }
}

impl IntoWindows for SessionWindows {
    type Stream<'t, K, V> = SessionWindowedKStream<'t, K, V>;

    fn group<'t, K, V>(self, group: KGroupedStream<'t, K, V>) -> Self::Stream<'t, K, V> {
        SessionWindowedKStream { group, windows: self, emission: Emission::OnUpdate }
    }

    type Cogrouped<'t, K, A> = SessionWindowedCogroupedKStream<'t, K, A>;

    fn cogroup<'t, K, A>(self, groups: CogroupedKStream<'t, K, A>) -> Self::Cogrouped<'t, K, A> {
        SessionWindowedCogroupedKStream { groups, windows: self }
    }
}

impl<'t, K, V> SessionWindowedKStream<'t, K, V> {
    /// Sends each session once, when it closes: with the first record whose time is more than the gap and the grace after
    /// the session's end (KIP-825). Sessions that were joined to others are not sent, and there are no tombstones. Without
    /// new records nothing closes.
    ///
    /// Kafka Streams' `EmitStrategy.onWindowClose()`. An index of the sessions that are open is in memory.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_VISIT: Topic<Windowed<String, Session>, Option<i64>> = Topic::new("final-views-per-visit");
    ///
    /// let builder = StreamsBuilder::new();
    /// let visits = Sessions::gap(Duration::from_secs(60)).grace(Duration::from_secs(40));
    /// builder.stream(VIEWS).group_by_key().windowed_by(visits).emit_on_close().count().to_stream().to(PER_VISIT);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, who) in [(0, "ada"), (100, "ada"), (50, "ada"), (200, "bob"), (201, "bob")] {
    ///     driver.pipe_at(&VIEWS, who, "/home", Timestamp(second * 1_000));
    /// }
    /// let visits = driver.read(&PER_VISIT).into_iter();
    /// let visits: Vec<_> = visits.map(|(key, views)| (key.key, key.window.end.0, views)).collect();
    /// assert_eq!(visits, [("ada".to_owned(), 100_000, Some(3))]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("emit_strategy", "on_window_close"))]
    pub const fn emit_on_close(self) -> Self {
        Self { emission: Emission::OnClose, ..self }
    }

    /// Counts the records of each session.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const PER_VISIT: Topic<Windowed<String, Session>, Option<i64>> = Topic::new("views-per-visit");
    ///
    /// let builder = StreamsBuilder::new();
    /// let visits = Sessions::gap(Duration::from_secs(60)).grace(Duration::from_secs(60));
    /// builder.stream(VIEWS).group_by_key().windowed_by(visits).count().to_stream().to(PER_VISIT);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for second in [0, 100, 50] {
    ///     driver.pipe_at(&VIEWS, "ada", "/home", Timestamp(second * 1_000));
    /// }
    /// let visits = driver.read(&PER_VISIT).into_iter();
    /// let visits: Vec<_> = visits.map(|(key, views)| (key.window.start.0, key.window.end.0, views)).collect();
    /// // The last record joins the two visits, which are deleted for it.
    /// let joined = [(0, 0, None), (100_000, 100_000, None), (0, 100_000, Some(3))];
    /// assert_eq!(visits, [&[(0, 0, Some(1)), (100_000, 100_000, Some(1))], &joined[..]].concat());
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn count(self) -> KTable<'t, Windowed<K::Inner, Session>, i64>
    where
        K: NullableKey,
        V: Nullable,
    {
        self.aggregation(AggregateKind::Count, session_aggregate::counting_recipe::<K, V>)
    }

    /// Combines the values of each session: `reducer` gets the result so far and the next value, or the results of two
    /// sessions that become one, the earlier one first.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const SPEEDS: Topic<u64, i64> = Topic::new("speeds");
    /// const TOP_SPEEDS: Topic<Windowed<u64, Session>, i64> = Topic::new("top-speed-per-trip");
    ///
    /// let builder = StreamsBuilder::new();
    /// let trips = Sessions::gap(Duration::from_secs(300)).no_grace();
    /// let tops = builder.stream(SPEEDS).group_by_key().windowed_by(trips).reduce(i64::max);
    /// tops.to_stream().filter_some().to(TOP_SPEEDS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, speed) in [(0, 90), (30, 120), (60, 80), (600, 50)] {
    ///     driver.pipe_at(&SPEEDS, 1_u64, speed, Timestamp(second * 1_000));
    /// }
    /// let tops = driver.read(&TOP_SPEEDS).into_iter();
    /// let tops: Vec<_> = tops.map(|(car, speed)| (car.window.end.0 / 1_000, speed)).collect();
    /// assert_eq!(tops, [(0, 90), (30, 120), (60, 120), (600, 50)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn reduce(self, reducer: impl Fn(V, V) -> V + Shared) -> KTable<'t, Windowed<K::Inner, Session>, V::Inner>
    where
        K: NullableKey,
        V: Nullable,
    {
        let merger = Arc::new(reducer);
        let reducer = Arc::clone(&merger);
        self.update(
            AggregateKind::Reduce,
            move |_, value, result| reduced(&*reducer, result, value),
            move |_, result, other| reduced(&*merger, result, Some(other)),
        )
    }

    /// An aggregate per session, created by `init` and updated by each value. Sessions that become one are combined by
    /// `merge`: it gets the aggregate so far, which is `init`'s at first, and that of the next session, in the order of their
    /// ends.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use millstream::wire::List;
    /// use std::time::Duration;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const PATHS: Topic<Windowed<u64, Session>, List<String>> = Topic::new("path-per-visit");
    ///
    /// let builder = StreamsBuilder::new();
    /// let visits = Sessions::gap(Duration::from_secs(60)).no_grace();
    /// builder
    ///     .stream(CLICKS)
    ///     .group_by_key()
    ///     .windowed_by(visits)
    ///     .aggregate(
    ///         List::default,
    ///         |pages, page| pages.0.push(page),
    ///         |mut pages, later| {
    ///             pages.0.extend(later.0);
    ///             pages
    ///         },
    ///     )
    ///     .to_stream()
    ///     .filter_some()
    ///     .to(PATHS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, page) in [(0, "/home"), (30, "/cart"), (120, "/home")] {
    ///     driver.pipe_at(&CLICKS, 1_u64, page, Timestamp(second * 1_000));
    /// }
    /// let paths = driver.read(&PATHS).into_iter().map(|(_, List(pages))| pages.join(" "));
    /// assert_eq!(paths.collect::<Vec<_>>(), ["/home", "/home /cart", "/home"]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate<A>(
        self,
        init: impl Fn() -> A + Shared,
        apply: impl Fn(&mut A, V) + Shared,
        merge: impl Fn(A, A) -> A + Shared,
    ) -> KTable<'t, Windowed<K::Inner, Session>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        let init = std::sync::Arc::new(init);
        let begin = std::sync::Arc::clone(&init);
        self.aggregate_with(
            move |_, value, aggregate| {
                let mut aggregate = aggregate.unwrap_or_else(|| init());
                apply(&mut aggregate, value);
                Some(aggregate)
            },
            move |_, aggregate, other| Some(merge(aggregate.unwrap_or_else(|| begin()), other)),
        )
    }

    /// The general form of [`SessionWindowedKStream::aggregate`]: aggregator and merger also get the key, and the aggregator
    /// can delete the session by returning `None`. The merger gets `None` for the first of the sessions that a record joins,
    /// of which there is at least one for nearly every record.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const STEPS: Topic<u64, String> = Topic::new("steps");
    /// const OPEN: Topic<Windowed<u64, Session>, Option<i64>> = Topic::new("steps-of-open-dialogues");
    ///
    /// let builder = StreamsBuilder::new();
    /// let dialogues = Sessions::gap(Duration::from_secs(60)).no_grace();
    /// builder
    ///     .stream(STEPS)
    ///     .group_by_key()
    ///     .windowed_by(dialogues)
    ///     .aggregate_with(
    ///         // A dialogue that was ended is not open.
    ///         |_, step, steps: Option<i64>| (step != "end").then(|| steps.unwrap_or(0) + 1),
    ///         |_, steps, others| Some(steps.unwrap_or(0) + others),
    ///     )
    ///     .to_stream()
    ///     .to(OPEN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (second, step) in [(0, "begin"), (30, "ask"), (60, "end")] {
    ///     driver.pipe_at(&STEPS, 1_u64, step, Timestamp(second * 1_000));
    /// }
    /// let open = driver.read(&OPEN).into_iter().map(|(dialogue, steps)| (dialogue.window.end.0 / 1_000, steps));
    /// assert_eq!(open.collect::<Vec<_>>(), [(0, Some(1)), (0, None), (30, Some(2)), (30, None)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate_with<A>(
        self,
        update: impl Fn(&K::Inner, V, Option<A>) -> Option<A> + Shared,
        merge: impl Fn(&K::Inner, Option<A>, A) -> Option<A> + Shared,
    ) -> KTable<'t, Windowed<K::Inner, Session>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        let update = move |key: &K::Inner, value, aggregate| match V::from_option(value) {
            Some(value) => update(key, value, aggregate),
            // A stream whose values cannot be null never gets here.
            None => aggregate,
        };
        self.update(AggregateKind::Aggregate, update, merge)
    }

    #[track_caller]
    fn update<A>(
        self,
        kind: AggregateKind,
        update: impl Fn(&K::Inner, Option<V::Inner>, Option<A>) -> Option<A> + Shared,
        merge: impl Fn(&K::Inner, Option<A>, A) -> Option<A> + Shared,
    ) -> KTable<'t, Windowed<K::Inner, Session>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        let recipe = move |store, windows, emission| {
            session_aggregate::recipe::<K, V, A>(store, windows, emission, update, merge)
        };
        self.aggregation(kind, recipe)
    }

    #[track_caller]
    fn aggregation<A>(
        self,
        kind: AggregateKind,
        recipe: impl FnOnce(StoreId, SessionWindows, Emission) -> Recipe + 'static,
    ) -> KTable<'t, Windowed<K::Inner, Session>, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        let Self { group, windows, emission } = self;
        let recipe: AggregateRecipe = Box::new(move |store| recipe(store, windows, emission));
        let call = Call::Aggregate { group: group.step, windows: Some(Box::new(windows)), kind, recipe };
        KTable::stored(group.builder, group.builder.add(call), table::view_of_sessions)
    }
}
