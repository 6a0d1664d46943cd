//! The Processor API: `process`, `process_with`, `process_values` and `process_values_with`.

use super::KStream;
use crate::dsl::processor::{Forward, ForwardValues, Processor, Refs, StoreTuple, ValueProcessor};
use crate::dsl::{Data, Shared};
use crate::operators::process;
use crate::topology::program::{Call, Changes};

impl<'t, K, V> KStream<'t, K, V> {
    /// Calls your own code for each record, for what the other operations cannot express. The code gets its stores, the
    /// record's key and value, and an output to send records to.
    ///
    /// Stores are constants: `()` for none, one, or a tuple. Processors that name the same store share it, and then run
    /// in the same task. The key may change, so the next operation that depends on it sends the records through a
    /// repartition topic first; [`KStream::process_values`] keeps the key.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const PAYMENTS: Topic<u64, i64> = Topic::new("payments");
    /// const ACCEPTED: Topic<u64, i64> = Topic::new("accepted-payments");
    /// const SEEN: KeyValueStore<u64, bool> = KeyValueStore::new("seen");
    /// const TOTALS: KeyValueStore<u64, i64> = KeyValueStore::new("totals");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(PAYMENTS)
    ///     .process((SEEN, TOTALS), |(mut seen, mut totals), id, cents, out| {
    ///         if seen.get(id).is_none() {
    ///             seen.put(id, true);
    ///             let total = totals.get(id).unwrap_or(0) + cents;
    ///             totals.put(id, total);
    ///             out.send(*id, total);
    ///         }
    ///     })
    ///     .to(ACCEPTED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&PAYMENTS, 1_u64, 500);
    /// driver.pipe(&PAYMENTS, 1_u64, 500);
    /// assert_eq!(driver.read(&ACCEPTED), [(1, 500)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// Code that only writes to its stores sends nothing. Then the types of what it could send have to be said, and the
    /// stream behind it goes nowhere:
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const LIMITS: Topic<String, i64> = Topic::new("limits");
    /// const HIGHEST: KeyValueStore<String, i64> = KeyValueStore::new("highest-limits");
    ///
    /// let builder = StreamsBuilder::new();
    /// _ = builder.stream(LIMITS).process(HIGHEST, |mut highest, account, limit, _: &mut Forward<'_, (), ()>| {
    ///     let before = highest.get(account).unwrap_or(limit);
    ///     highest.put(account, limit.max(before));
    /// });
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for limit in [100, 500, 200] {
    ///     driver.pipe(&LIMITS, "ada", limit);
    /// }
    /// assert_eq!(driver.get(&HIGHEST, "ada"), Some(500));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("transform", "flat_transform", "add_processor"))]
    #[track_caller]
    pub fn process<S, K2, V2>(
        self,
        stores: S,
        code: impl Fn(Refs<'_, S>, &K, V, &mut Forward<'_, K2, V2>) + Shared,
    ) -> KStream<'t, K2, V2>
    where
        S: StoreTuple,
        K: Data,
        V: Data,
        K2: Data,
        V2: Data,
    {
        let call = Call::Process {
            input: self.step,
            prefix: "KSTREAM-PROCESSOR-",
            changes: Changes::Everything,
            stores: stores.specs(),
            recipe: Box::new(move |ids| process::recipe::<S, K, V, K2, V2, _>(&stores, ids, code)),
        };
        KStream::new(self.builder, self.builder.add(call))
    }

    /// Passes the records to a [`Processor`]: your own type, which can also be called as time passes (see there). `make`
    /// creates one for each task.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const READINGS: Topic<u64, i64> = Topic::new("readings");
    /// const CHANGES: Topic<u64, i64> = Topic::new("changes");
    ///
    /// /// Leaves out readings that have not changed. Fields are lost when the task moves; state that must be kept
    /// /// belongs in a store.
    /// #[derive(Default)]
    /// struct Changes {
    ///     last: Option<(u64, i64)>,
    /// }
    ///
    /// impl Processor<u64, i64, u64, i64> for Changes {
    ///     type Stores = ();
    ///
    ///     fn process(&mut self, (): Refs<'_, ()>, record: Record<u64, i64>, out: &mut Forward<'_, u64, i64>) {
    ///         let reading = Some((record.key, record.value));
    ///         if self.last != reading {
    ///             self.last = reading;
    ///             out.send_record(record);
    ///         }
    ///     }
    /// }
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(READINGS).process_with((), Changes::default).to(CHANGES);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// for value in [20, 20, 21] {
    ///     driver.pipe(&READINGS, 1_u64, value);
    /// }
    /// assert_eq!(driver.read(&CHANGES), [(1, 20), (1, 21)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("add_processor", "connect_processor_and_state_stores"))]
    #[track_caller]
    pub fn process_with<P, K2, V2>(self, stores: P::Stores, make: impl Fn() -> P + Shared) -> KStream<'t, K2, V2>
    where
        P: Processor<K, V, K2, V2>,
        K: Data,
        V: Data,
        K2: Data,
        V2: Data,
    {
        let call = Call::Process {
            input: self.step,
            prefix: "KSTREAM-PROCESSOR-",
            changes: Changes::Everything,
            stores: stores.specs(),
            recipe: Box::new(move |ids| process::processor_recipe::<P, K, V, K2, V2>(ids, make)),
        };
        KStream::new(self.builder, self.builder.add(call))
    }

    /// As [`KStream::process`], but all output has the record's key, so no repartition topic is needed afterwards. The
    /// code is written in the same way, except that it sends values without keys.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const METERS: Topic<u64, i64> = Topic::new("meters");
    /// const USED: Topic<u64, i64> = Topic::new("used");
    /// const LAST: KeyValueStore<u64, i64> = KeyValueStore::new("last-readings");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder
    ///     .stream(METERS)
    ///     .process_values(LAST, |mut last, meter, reading, out| {
    ///         out.send(reading - last.get(meter).unwrap_or(0));
    ///         last.put(meter, reading);
    ///     })
    ///     .to(USED);
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&METERS, 7_u64, 100);
    /// driver.pipe(&METERS, 7_u64, 130);
    /// assert_eq!(driver.read(&USED), [(7, 100), (7, 30)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("transform_values", "flat_transform_values"))]
    #[track_caller]
    pub fn process_values<S, V2>(
        self,
        stores: S,
        code: impl Fn(Refs<'_, S>, &K, V, &mut ForwardValues<'_, V2>) + Shared,
    ) -> KStream<'t, K, V2>
    where
        S: StoreTuple,
        K: Data,
        V: Data,
        V2: Data,
    {
        let call = Call::Process {
            input: self.step,
            prefix: "KSTREAM-PROCESSVALUES-",
            changes: Changes::Values,
            stores: stores.specs(),
            recipe: Box::new(move |ids| process::values_recipe::<S, K, V, V2, _>(&stores, ids, code)),
        };
        KStream::new(self.builder, self.builder.add(call))
    }

    /// As [`KStream::process_with`] with a [`ValueProcessor`], which keeps every record's key: no repartition topic is
    /// needed afterwards.
    #[track_caller]
    pub fn process_values_with<P, V2>(self, stores: P::Stores, make: impl Fn() -> P + Shared) -> KStream<'t, K, V2>
    where
        P: ValueProcessor<K, V, V2>,
        K: Data,
        V: Data,
        V2: Data,
    {
        let call = Call::Process {
            input: self.step,
            prefix: "KSTREAM-PROCESSVALUES-",
            changes: Changes::Values,
            stores: stores.specs(),
            recipe: Box::new(move |ids| process::value_processor_recipe::<P, K, V, V2>(ids, make)),
        };
        KStream::new(self.builder, self.builder.add(call))
    }
}
