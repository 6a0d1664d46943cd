//! `distinct` and `distinct_by`.

use super::KStream;
use crate::dsl::{Shared, through};
use crate::operators::distinct;
use crate::topology::program::Call;
use crate::windows::IntoDistinctSpan;
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
    pub fn distinct(self, within: impl IntoDistinctSpan) -> Self
    where
        K: NullableKey,
        V: Field,
    {
        let span = within.into_distinct_span();
        let recipe = Box::new(move |store| distinct::by_key::<K, V>(store, span));
        let call = Call::Distinct { input: self.step, span, through: through::<K, V>(), recipe };
        KStream::new(self.builder, self.builder.add(call))
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
    pub fn distinct_by<I: Key>(self, within: impl IntoDistinctSpan, id: impl Fn(&K, &V) -> I + Shared) -> Self
    where
        K: NullableKey,
        V: Field,
    {
        let span = within.into_distinct_span();
        let recipe = Box::new(move |store| distinct::by_id::<K, V, I>(store, span, id));
        let call = Call::Distinct { input: self.step, span, through: through::<K, V>(), recipe };
        KStream::new(self.builder, self.builder.add(call))
    }
}
