//! Grouped streams that are aggregated together: `cogroup`.

use std::marker::PhantomData;
use std::sync::Arc;

mod session;
mod sliding;

pub use session::SessionWindowedCogroupedKStream;
pub use sliding::SlidingWindowedCogroupedKStream;

use super::table::{self, KTable, ViewOfStore};
use super::{IntoWindows, KGroupedStream, Shared, StreamsBuilder};
use crate::operators::{Emission, merge, session_aggregate, sliding_aggregate, stream_aggregate, window_aggregate};
use crate::record::Change;
use crate::topology::program::{AggregateRecipe, Call, CallId, CogroupInput};
use crate::windows::{SessionWindows, SlidingWindows, TimeWindows, Windowed};
use crate::wire::{Key, Nullable, NullableKey, Value};

/// Groups of several streams, whose values may differ in type, that are aggregated into one table with rows `A` by key
/// `K`; created by [`KGroupedStream::cogroup`].
///
/// Each record updates the row of its key, by the function of its stream. So one table is kept, instead of one for each
/// stream and those of the joins between them. A group that is added again has the function that was given last.
#[must_use = "grouped streams do nothing until they are aggregated"]
pub struct CogroupedKStream<'t, K, A> {
    builder: &'t StreamsBuilder,
    /// Aggregations of the same groups share their repartition topics.
    step: CallId,
    inputs: Vec<(CallId, Arc<dyn Input<K, A>>)>,
}

/// Makes a row for a key that has none.
type Init<A> = Arc<dyn Fn() -> A + Send + Sync>;

/// Makes one row of two: those of sessions that a record joins.
type Merge<K, A> = Arc<dyn Fn(&K, A, A) -> A + Send + Sync>;

/// One of the streams, with its function, for rows by keys `K`.
trait Input<K, A> {
    /// Aggregates its records by key.
    fn by_key(&self, init: Init<A>) -> AggregateRecipe;

    /// Aggregates its records by key and time window.
    fn by_time(&self, init: Init<A>, windows: TimeWindows) -> AggregateRecipe;

    /// Aggregates its records by key and session.
    fn by_session(&self, init: Init<A>, merge: Merge<K, A>, windows: SessionWindows) -> AggregateRecipe;

    /// Aggregates its records by key and sliding window.
    fn by_difference(&self, init: Init<A>, windows: SlidingWindows) -> AggregateRecipe;
}

/// A stream of keys `K` and values `V`, with its function.
struct Taken<K, V, F> {
    update: Arc<F>,
    types: PhantomData<fn(K, V)>,
}

impl<K, V, A, F> Input<K::Inner, A> for Taken<K, V, F>
where
    K: NullableKey,
    V: Nullable,
    A: Value,
    F: Fn(&K::Inner, V, A) -> Option<A> + Shared,
{
    fn by_key(&self, init: Init<A>) -> AggregateRecipe {
        let update = Arc::clone(&self.update);
        Box::new(move |store| {
            stream_aggregate::recipe::<K, V, A>(store, move |key, value, aggregate| {
                take::<V, A>(Some(value), aggregate, &*init, |value, aggregate| update(key, value, aggregate))
            })
        })
    }

    fn by_time(&self, init: Init<A>, windows: TimeWindows) -> AggregateRecipe {
        let update = Arc::clone(&self.update);
        Box::new(move |store| {
            window_aggregate::recipe::<K, V, A>(store, windows, Emission::OnUpdate, move |key, value, aggregate| {
                take::<V, A>(value, aggregate, &*init, |value, aggregate| update(key, value, aggregate))
            })
        })
    }

    fn by_session(&self, init: Init<A>, merge: Merge<K::Inner, A>, windows: SessionWindows) -> AggregateRecipe {
        let (update, begin) = (Arc::clone(&self.update), Arc::clone(&init));
        Box::new(move |store| {
            session_aggregate::recipe::<K, V, A>(
                store,
                windows,
                Emission::OnUpdate,
                move |key, value, aggregate| {
                    take::<V, A>(value, aggregate, &*init, |value, aggregate| update(key, value, aggregate))
                },
                move |key, aggregate, other| Some(merge(key, aggregate.unwrap_or_else(&*begin), other)),
            )
        })
    }

    fn by_difference(&self, init: Init<A>, windows: SlidingWindows) -> AggregateRecipe {
        let update = Arc::clone(&self.update);
        Box::new(move |store| {
            sliding_aggregate::recipe::<K, V, A>(store, windows, Emission::OnUpdate, move |key, value, aggregate| {
                take::<V, A>(Some(value), aggregate, &*init, |value, aggregate| update(key, value, aggregate))
            })
        })
    }
}

/// Takes a value into an aggregate, or into a new one.
fn take<V: Nullable, A>(
    value: Option<V::Inner>,
    aggregate: Option<A>,
    init: &dyn Fn() -> A,
    update: impl FnOnce(V, A) -> Option<A>,
) -> Option<A> {
    match V::from_option(value) {
        Some(value) => update(value, aggregate.unwrap_or_else(init)),
        // A stream whose values cannot be null never gets here.
        None => aggregate,
    }
}

impl<'t, K, V> KGroupedStream<'t, K, V> {
    /// Begins to aggregate this group together with others, which [`CogroupedKStream::cogroup`] adds. `apply` takes a
    /// value of this group into the aggregate, whose type it has to name.
    ///
    /// Records with a null key are dropped and counted. So are null values, except in time windows and sessions, where `apply`
    /// gets them if the stream has an `Option`.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const CLICKS: Topic<u64, String> = Topic::new("clicks");
    /// const PAYMENTS: Topic<u64, i64> = Topic::new("payments");
    /// const SCORES: Topic<u64, i64> = Topic::new("scores");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (clicks, payments) = (builder.stream(CLICKS).group_by_key(), builder.stream(PAYMENTS).group_by_key());
    /// clicks
    ///     .cogroup(|score: &mut i64, _page| *score += 1)
    ///     .cogroup(payments, |score, cents| *score += cents)
    ///     .aggregate(|| 0)
    ///     .to_stream()
    ///     .to(SCORES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&CLICKS, 7_u64, "/home");
    /// driver.pipe(&PAYMENTS, 7_u64, 500);
    /// assert_eq!(driver.read(&SCORES), [(7, 1), (7, 501)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn cogroup<A>(self, apply: impl Fn(&mut A, V) + Shared) -> CogroupedKStream<'t, K::Inner, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.begin().cogroup(self, apply)
    }

    /// The general form of [`KGroupedStream::cogroup`]: `update` also gets the key, and can delete the row by returning
    /// `None`.
    #[track_caller]
    pub fn cogroup_with<A>(
        self,
        update: impl Fn(&K::Inner, V, A) -> Option<A> + Shared,
    ) -> CogroupedKStream<'t, K::Inner, A>
    where
        K: NullableKey,
        V: Nullable,
        A: Value,
    {
        self.begin().cogroup_with(self, update)
    }

    #[track_caller]
    fn begin<A>(self) -> CogroupedKStream<'t, K::Inner, A>
    where
        K: NullableKey,
    {
        let Self { builder, .. } = self;
        CogroupedKStream { builder, step: builder.add(Call::Cogroup), inputs: Vec::new() }
    }
}

impl<'t, K: Key, A: Value> CogroupedKStream<'t, K, A> {
    /// Adds another group with the same keys, whose values `apply` takes into the aggregate.
    #[track_caller]
    pub fn cogroup<K2, V>(self, group: KGroupedStream<'t, K2, V>, apply: impl Fn(&mut A, V) + Shared) -> Self
    where
        K2: NullableKey<Inner = K>,
        V: Nullable,
    {
        self.cogroup_with(group, move |_, value, mut aggregate| {
            apply(&mut aggregate, value);
            Some(aggregate)
        })
    }

    /// As [`CogroupedKStream::cogroup`], but `update` also gets the key, and can delete the row by returning `None`. The
    /// key's next record starts a new one.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ADDED: Topic<u64, i64> = Topic::new("added-to-carts");
    /// const PAID: Topic<u64, bool> = Topic::new("paid-carts");
    /// const OPEN: Topic<u64, Option<i64>> = Topic::new("open-carts");
    ///
    /// let builder = StreamsBuilder::new();
    /// let (added, paid) = (builder.stream(ADDED).group_by_key(), builder.stream(PAID).group_by_key());
    /// added
    ///     .cogroup(|cents: &mut i64, price| *cents += price)
    ///     .cogroup_with(paid, |_cart, paid, cents| (!paid).then_some(cents))
    ///     .aggregate(|| 0)
    ///     .to_stream()
    ///     .to(OPEN);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&ADDED, 1_u64, 250);
    /// driver.pipe(&ADDED, 1_u64, 100);
    /// driver.pipe(&PAID, 1_u64, true);
    /// assert_eq!(driver.read(&OPEN), [(1, Some(250)), (1, Some(350)), (1, None)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn cogroup_with<K2, V>(
        mut self,
        group: KGroupedStream<'t, K2, V>,
        update: impl Fn(&K, V, A) -> Option<A> + Shared,
    ) -> Self
    where
        K2: NullableKey<Inner = K>,
        V: Nullable,
    {
        self.builder.expect_same(group.builder);
        let input: Arc<dyn Input<K, A>> = Arc::new(Taken::<K2, V, _> { update: Arc::new(update), types: PhantomData });
        match self.inputs.iter_mut().find(|(known, _)| *known == group.step) {
            Some((_, known)) => *known = input,
            None => self.inputs.push((group.step, input)),
        }
        self
    }

    /// An aggregate per key, created by `init` and updated by the records of all groups. Its timestamp is the largest of
    /// the records in it.
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate(&self, init: impl Fn() -> A + Shared) -> KTable<'t, K, A> {
        let init: Init<A> = Arc::new(init);
        let call = Call::CogroupAggregate {
            cogroup: self.step,
            inputs: self.inputs(|input| input.by_key(Arc::clone(&init))),
            windows: None,
            merge: merge::recipe::<K, Change<A>>(),
        };
        self.table(call, table::view_of_rows)
    }

    /// Aggregates by key and window. The windows must say how long they wait for late records.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const VIEWS: Topic<String, String> = Topic::new("views");
    /// const ERRORS: Topic<String, i64> = Topic::new("errors");
    /// const PER_MINUTE: Topic<Windowed<String>, String> = Topic::new("per-minute").windows_of(Duration::from_secs(60));
    ///
    /// let builder = StreamsBuilder::new();
    /// let (views, errors) = (builder.stream(VIEWS).group_by_key(), builder.stream(ERRORS).group_by_key());
    /// views
    ///     .cogroup(|signs: &mut String, _| signs.push('.'))
    ///     .cogroup(errors, |signs, _| signs.push('!'))
    ///     .windowed_by(Tumbling::of(Duration::from_secs(60)).no_grace())
    ///     .aggregate(String::new)
    ///     .to_stream()
    ///     .to(PER_MINUTE);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe_at(&VIEWS, "/home", "ada", Timestamp(5_000));
    /// driver.pipe_at(&ERRORS, "/home", 404, Timestamp(6_000));
    /// driver.pipe_at(&VIEWS, "/home", "eve", Timestamp(61_000));
    /// let signs = driver.read(&PER_MINUTE).into_iter().map(|(_, signs)| signs);
    /// assert_eq!(signs.collect::<Vec<_>>(), [".", ".!", "."]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    pub fn windowed_by<W: IntoWindows>(&self, windows: W) -> W::Cogrouped<'t, K, A> {
        windows.cogroup(self.clone())
    }

    fn inputs(&self, recipe: impl Fn(&dyn Input<K, A>) -> AggregateRecipe) -> Vec<CogroupInput> {
        self.inputs.iter().map(|(group, input)| CogroupInput { group: *group, recipe: recipe(&**input) }).collect()
    }

    #[track_caller]
    fn table<RK: Key>(&self, call: Call, view: ViewOfStore<RK, A>) -> KTable<'t, RK, A> {
        KTable::stored(self.builder, self.builder.add(call), view)
    }
}

/// Groups of several streams, by key and time window; created by [`CogroupedKStream::windowed_by`].
#[must_use = "windows do nothing until they are aggregated"]
pub struct TimeWindowedCogroupedKStream<'t, K, A> {
    pub(super) groups: CogroupedKStream<'t, K, A>,
    pub(super) windows: TimeWindows,
}

impl<'t, K: Key, A: Value> TimeWindowedCogroupedKStream<'t, K, A> {
    /// An aggregate per key and window, created by `init` and updated by the records of all groups.
    #[must_use = "a table does nothing until it is read, with `.to_stream()` or a join, or kept with `.stored_as(..)`"]
    #[track_caller]
    pub fn aggregate(&self, init: impl Fn() -> A + Shared) -> KTable<'t, Windowed<K>, A> {
        let (init, windows): (Init<A>, _) = (Arc::new(init), self.windows);
        let call = Call::CogroupAggregate {
            cogroup: self.groups.step,
            inputs: self.groups.inputs(|input| input.by_time(Arc::clone(&init), windows)),
            windows: Some(Box::new(windows)),
            merge: merge::recipe::<Windowed<K>, Change<A>>(),
        };
        self.groups.table(call, table::view_of_windows)
    }
}

impl<K, A> Clone for CogroupedKStream<'_, K, A> {
    fn clone(&self) -> Self {
        Self { builder: self.builder, step: self.step, inputs: self.inputs.clone() }
    }
}

impl<K, A> Clone for TimeWindowedCogroupedKStream<'_, K, A> {
    fn clone(&self) -> Self {
        Self { groups: self.groups.clone(), windows: self.windows }
    }
}

impl<K, A> std::fmt::Debug for CogroupedKStream<'_, K, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let groups: Vec<_> = self.inputs.iter().map(|(group, _)| group.0).collect();
        write!(f, "CogroupedKStream({groups:?})")
    }
}

impl<K, A> std::fmt::Debug for TimeWindowedCogroupedKStream<'_, K, A> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "TimeWindowedCogroupedKStream({:?}, {:?})", self.groups, self.windows)
    }
}
