//! `repartition`.

use std::ops::Deref;
use std::panic::Location;
use std::rc::Rc;

use super::KStream;
use super::to::{ChosenPartitions, choose_partitions};
use crate::dsl::attached::Attached;
use crate::dsl::{Shared, handle, through};
use crate::operators::partitioner::{IntoPartitions, Target};
use crate::operators::sink;
use crate::topology::program::Call;
use crate::wire::{Field, NullableKey};

impl<'t, K, V> KStream<'t, K, V> {
    /// Sends the records through an internal topic, partitioned by their current key.
    ///
    /// Grouping, joins and `to_table` do that automatically if the key may have changed. Do it explicitly to choose the
    /// number of partitions, and with it the number of tasks downstream. Records without a key are dropped here, unless
    /// a left join further down keeps them (KIP-962).
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const EVENTS: Topic<u64, String> = Topic::new("events");
    /// const SPREAD: Topic<u64, String> = Topic::new("spread");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(EVENTS).repartition().partitions(12).named("wide").to(SPREAD);
    /// assert!(builder.build()?.describe().contains("(topic: wide-repartition)"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "through")]
    #[track_caller]
    pub fn repartition(self) -> Repartitioned<'t, K, V>
    where
        K: NullableKey,
        V: Field,
    {
        let chosen = ChosenPartitions::<K, V>::default();
        let partitioner = self.builder.attach(Rc::clone(&chosen));
        let sink = Box::new(move |topic| sink::partitioned_recipe::<K, V, K, V>(topic, chosen.take()));
        let call = Call::Repartition { input: self.step, through: through::<K, V>(), sink };
        Repartitioned { stream: KStream::new(self.builder, self.builder.add(call)), partitioner }
    }
}

/// A stream after a repartition. It dereferences to a [`KStream`], and its topic's partitions can be chosen.
#[must_use = "a stream does nothing until it is sent, stored or acted on"]
pub struct Repartitioned<'t, K, V> {
    stream: KStream<'t, K, V>,
    partitioner: Attached<ChosenPartitions<K, V>>,
}

impl<'t, K, V> Repartitioned<'t, K, V> {
    /// Sets the topic's number of partitions. By default it has as many as the widest topic upstream.
    pub fn partitions(self, partitions: u32) -> Self {
        self.stream.builder.options(self.stream.step, |options| options.partitions = Some(partitions));
        self
    }

    /// Names the repartition and its topic, `<application>-<name>-repartition`.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.stream.builder.name(self.stream.step, name.into(), Location::caller());
        self
    }

    /// Chooses the partition of each record instead of murmur2 of its key, as
    /// [`Sent::partitioned_by`](crate::dsl::Sent::partitioned_by) does for a topic of the application's user.
    ///
    /// What follows by key finds all records of a key in one task only if the partitioner keeps them together.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const READINGS: Topic<u64, i64> = Topic::new("readings");
    /// const COUNTS: Topic<u64, i64> = Topic::new("counts");
    ///
    /// let builder = StreamsBuilder::new();
    /// // Sensors of one site have ids of one thousand, and go to one task.
    /// builder
    ///     .stream(READINGS)
    ///     .repartition()
    ///     .partitioned_by(|sensor, _, to| sensor / 1_000 % u64::from(to.partitions))
    ///     .group_by_key()
    ///     .count()
    ///     .to_stream()
    ///     .to(COUNTS);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&READINGS, 1_007_u64, 20);
    /// assert_eq!(driver.read(&COUNTS), [(1_007, 1)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[track_caller]
    pub fn partitioned_by<P: IntoPartitions>(self, choose: impl Fn(&K, &V, &Target<'_>) -> P + Shared) -> Self
    where
        K: 'static,
        V: 'static,
    {
        choose_partitions(self.stream.builder, self.partitioner, choose);
        self
    }
}

impl<'t, K, V> Deref for Repartitioned<'t, K, V> {
    type Target = KStream<'t, K, V>;

    fn deref(&self) -> &Self::Target {
        &self.stream
    }
}

impl<'t, K, V> From<Repartitioned<'t, K, V>> for KStream<'t, K, V> {
    fn from(repartitioned: Repartitioned<'t, K, V>) -> Self {
        repartitioned.stream
    }
}

handle::copy!(Repartitioned);

impl<K, V> std::fmt::Debug for Repartitioned<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.stream.fmt(f)
    }
}
