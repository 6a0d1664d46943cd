//! `repartition`.

use std::ops::Deref;
use std::panic::Location;

use super::KStream;
use crate::dsl::{handle, through};
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
    #[track_caller]
    pub fn repartition(self) -> Repartitioned<'t, K, V>
    where
        K: NullableKey,
        V: Field,
    {
        let call = Call::Repartition { input: self.step, through: through::<K, V>() };
        Repartitioned(KStream::new(self.builder, self.builder.add(call)))
    }
}

/// A stream after a repartition. It dereferences to a [`KStream`], and its topic's number of partitions can be set.
#[must_use = "a stream does nothing until it is sent, stored or acted on"]
pub struct Repartitioned<'t, K, V>(KStream<'t, K, V>);

impl<'t, K, V> Repartitioned<'t, K, V> {
    /// Sets the topic's number of partitions. By default it has as many as the widest topic upstream.
    pub fn partitions(self, partitions: u32) -> Self {
        self.0.builder.options(self.0.step, |options| options.partitions = Some(partitions));
        self
    }

    /// Names the repartition and its topic, `<application>-<name>-repartition`.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.0.builder.name(self.0.step, name.into(), Location::caller());
        self
    }
}

impl<'t, K, V> Deref for Repartitioned<'t, K, V> {
    type Target = KStream<'t, K, V>;

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

impl<'t, K, V> From<Repartitioned<'t, K, V>> for KStream<'t, K, V> {
    fn from(repartitioned: Repartitioned<'t, K, V>) -> Self {
        repartitioned.0
    }
}

handle::copy!(Repartitioned);

impl<K, V> std::fmt::Debug for Repartitioned<'_, K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
