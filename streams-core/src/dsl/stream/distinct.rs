//! `distinct` and `distinct_by`.

use std::ops::Deref;
use std::panic::Location;

use super::KStream;
use crate::dsl::{Shared, handle, through};
use crate::operators::distinct;
use crate::topology::program::{AggregateRecipe, Call, StoreOption};
use crate::windows::{DistinctSpan, IntoDistinctSpan};
use crate::wire::{Field, Key, NullableKey};

/// Operations that let each record through once. Kafka Streams has no such methods.
impl<'t, K, V> KStream<'t, K, V> {
    /// Lets only the first record of each key through, and drops those that repeat it within a time.
    ///
    /// A record is a duplicate if one with the same key was let through whose timestamp is less than that time away, in
    /// either direction. So the first record goes on at once, later ones with the key do not, and once the time is over the
    /// next one is a first one again: time is counted from the record that was let through, not from its duplicates.
    ///
    /// Which of several records comes first is a matter of their order in the topic, not of their timestamps. Records that
    /// come after the time plus the grace has passed in stream time are late: they are dropped and counted, because what
    /// they may repeat is forgotten. Records with a null key are dropped and counted.
    ///
    /// The keys that were let through are in a store with a changelog. So a duplicate is still one after a restart or on
    /// another machine. If the key may have changed, the records go through a repartition topic first.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// const ALARMS: Topic<String, String> = Topic::new("alarms");
    /// const CALLS: Topic<String, String> = Topic::new("calls");
    ///
    /// let builder = StreamsBuilder::new();
    /// let ten_minutes = DistinctWindows::of(Duration::from_secs(600)).no_grace();
    /// builder.stream(ALARMS).distinct(ten_minutes).to(CALLS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for (seconds, door) in [(0, "front"), (30, "front"), (40, "back"), (599, "front"), (600, "front")] {
    ///     let record = Record::new(door.to_owned(), format!("at {seconds} s"), Timestamp(seconds * 1_000));
    ///     driver.pipe_record(&ALARMS, record);
    /// }
    /// let calls = [("front", "at 0 s"), ("back", "at 40 s"), ("front", "at 600 s")];
    /// assert_eq!(driver.read(&CALLS), calls.map(|(door, time)| (door.to_owned(), time.to_owned())));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn distinct(self, within: impl IntoDistinctSpan) -> Distinct<'t, K, V>
    where
        K: NullableKey,
        V: Field,
    {
        let span = within.into_distinct_span();
        self.only_first(span, Box::new(move |store| distinct::by_key::<K, V>(store, span)))
    }

    /// As [`KStream::distinct`], but only records with the same key and the same id are duplicates.
    ///
    /// Records with the same id and different keys are different, wherever they are. If ids are unique without the key,
    /// make them the key: `.select_key(..)`, then `.distinct(..)`.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    /// use std::time::Duration;
    ///
    /// // An account's payments, with their numbers: `17:30`.
    /// const PAYMENTS: Topic<String, String> = Topic::new("payments");
    /// const BOOKED: Topic<String, String> = Topic::new("booked");
    ///
    /// let builder = StreamsBuilder::new();
    /// let day = DistinctWindows::of(Duration::from_secs(24 * 60 * 60)).no_grace();
    /// let number = |_: &String, payment: &String| payment.split(':').next().unwrap_or_default().to_owned();
    /// builder.stream(PAYMENTS).distinct_by(day, number).to(BOOKED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for payment in ["17:30", "18:30", "17:30"] {
    ///     driver.pipe(&PAYMENTS, "ada", payment);
    /// }
    /// driver.pipe(&PAYMENTS, "bob", "17:5");
    /// let booked = [("ada", "17:30"), ("ada", "18:30"), ("bob", "17:5")];
    /// assert_eq!(driver.read(&BOOKED), booked.map(|(account, payment)| (account.to_owned(), payment.to_owned())));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn distinct_by<I: Key>(
        self,
        within: impl IntoDistinctSpan,
        id: impl Fn(&K, &V) -> I + Shared,
    ) -> Distinct<'t, K, V>
    where
        K: NullableKey,
        V: Field,
    {
        let span = within.into_distinct_span();
        self.only_first(span, Box::new(move |store| distinct::by_id::<K, V, I>(store, span, id)))
    }

    #[track_caller]
    fn only_first(self, span: DistinctSpan, recipe: AggregateRecipe) -> Distinct<'t, K, V>
    where
        K: NullableKey,
        V: Field,
    {
        let call = Call::Distinct { input: self.step, span, through: through::<K, V>(), recipe };
        Distinct { stream: KStream::new(self.builder, self.builder.add(call)) }
    }
}

/// A stream without the duplicates of its records. It dereferences to a [`KStream`]; the options here are about the store of
/// what was seen.
#[must_use = "a stream does nothing until it is sent, stored or acted on"]
pub struct Distinct<'t, K, V> {
    stream: KStream<'t, K, V>,
}

impl<K, V> Distinct<'_, K, V> {
    /// Names the node and, unless [`Distinct::store_named`] does, its store: `<name>-store`.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.stream.builder.name(self.stream.step, name.into(), Location::caller());
        self
    }

    /// Names the store, so that its changelog, `<application>-<name>-changelog`, keeps its name when the program changes.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use std::time::Duration;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const ONCE: Topic<u64, String> = Topic::new("orders-once");
    ///
    /// let builder = StreamsBuilder::new();
    /// let day = DistinctWindows::of(Duration::from_secs(86_400)).no_grace();
    /// builder.stream(ORDERS).distinct(day).store_named("seen-orders").to(ONCE);
    /// assert!(builder.build()?.describe().contains("(stores: [seen-orders])"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn store_named(self, name: impl Into<String>) -> Self {
        self.stream.builder.stored_as(self.stream.step, StoreOption::of_ids(name.into(), Location::caller()));
        self
    }

    /// Keeps what was seen in memory, even if the application keeps its state on disk; see
    /// [`KTable::in_memory`](crate::dsl::KTable::in_memory).
    pub fn in_memory(self) -> Self {
        self.stream.builder.options(self.stream.step, |options| options.keeping.in_memory = true);
        self
    }

    /// Keeps no changelog: what was seen is lost with the machine, and an instance that takes over a task starts with what
    /// is on its own disk, perhaps nothing. It then lets duplicates through.
    pub fn not_logged(self) -> Self {
        self.stream.builder.options(self.stream.step, |options| options.keeping.not_logged = true);
        self
    }

    /// A topic setting for the changelog, such as `("segment.bytes", "1048576")`. A name that looks like a typo is an error
    /// of `build()`; the broker checks other unknown names.
    pub fn changelog_config(self, setting: impl Into<String>, value: impl Into<String>) -> Self {
        let config = (setting.into(), value.into());
        self.stream.builder.options(self.stream.step, |options| options.keeping.configs.push(config));
        self
    }
}

impl<'t, K, V> Deref for Distinct<'t, K, V> {
    type Target = KStream<'t, K, V>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<'t, K, V> From<Distinct<'t, K, V>> for KStream<'t, K, V> {
    fn from(distinct: Distinct<'t, K, V>) -> Self {
        distinct.stream
    }
}

handle::copy!(Distinct);

impl<K, V> std::fmt::Debug for Distinct<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stream.fmt(f)
    }
}
