//! Processors that keep every record's key (Kafka Streams' `FixedKeyProcessor`).

use std::marker::PhantomData;

use super::forward::{Place, looks};
use super::{Forward, Processor, PunctuationId, Schedule, processor_recipe};
use crate::operators::processor_stores::{Refs, StoreTuple};
use crate::operators::{Recipe, RecordPosition, StoreId};
use crate::record::{Headers, Record, TaskId, Timestamp};

/// A [`Processor`] that keeps every record's key, so that nothing has to be repartitioned behind it.
///
/// ```
/// use millstream::dsl::processor::{ForwardValues, ValueProcessor};
/// use millstream::prelude::*;
/// use millstream::testing::TestDriver;
///
/// const READINGS: Topic<u64, i64> = Topic::new("readings");
/// const NUMBERED: Topic<u64, String> = Topic::new("numbered");
///
/// /// Numbers the records of its task.
/// #[derive(Default)]
/// struct Numbering(u64);
///
/// impl ValueProcessor<u64, i64, String> for Numbering {
///     type Stores = ();
///
///     fn process(&mut self, (): Refs<'_, ()>, record: Record<u64, i64>, out: &mut ForwardValues<'_, String>) {
///         self.0 += 1;
///         out.send(format!("{}: {}", self.0, record.value));
///     }
/// }
///
/// let builder = StreamsBuilder::new();
/// builder.stream(READINGS).process_values_with((), Numbering::default).to(NUMBERED);
///
/// let mut driver = TestDriver::new(builder.build()?);
/// for (meter, value) in [(7, 20), (8, 21)] {
///     driver.pipe(&READINGS, meter, value);
/// }
/// assert_eq!(driver.read(&NUMBERED), [(7, "1: 20".to_owned()), (8, "2: 21".to_owned())]);
/// # Ok::<(), TopologyError>(())
/// ```
#[doc(alias = "FixedKeyProcessor")]
pub trait ValueProcessor<K, V, V2>: 'static {
    /// The stores it uses; see [`Processor::Stores`].
    type Stores: StoreTuple;

    /// As [`Processor::init`].
    fn init(&mut self, schedule: &mut Schedule) {
        let _ = schedule;
    }

    /// As [`Processor::process`].
    fn process(&mut self, stores: Refs<'_, Self::Stores>, record: Record<K, V>, out: &mut ForwardValues<'_, V2>);

    /// As [`Processor::punctuate`], except that there is no record whose key could be sent.
    fn punctuate(
        &mut self,
        punctuation: PunctuationId,
        time: Timestamp,
        stores: Refs<'_, Self::Stores>,
        schedule: &mut Schedule,
    ) {
        let _ = (punctuation, time, stores, schedule);
    }

    /// As [`Processor::close`].
    fn close(&mut self) {}
}

/// [`Forward`] for code that keeps every record's key.
pub struct ForwardValues<'a, V>(&'a mut (dyn KeepKey<V> + 'a));

/// Sends values under the key of the record being processed.
trait KeepKey<V> {
    fn place(&self) -> &Place<'_>;
    fn place_mut(&mut self) -> PlaceMut<'_>;
    fn deliver(&mut self, value: V, timestamp: Timestamp, headers: Headers, child: Option<&str>);
}

/// The parts of a [`Place`] that can be changed.
struct PlaceMut<'a> {
    context: &'a mut crate::operators::Context,
    schedule: &'a mut Schedule,
}

struct Keeper<'k, 'a, K, V> {
    key: K,
    out: &'k mut Forward<'a, K, V>,
}

impl<K: Clone, V: Clone> KeepKey<V> for Keeper<'_, '_, K, V> {
    fn place(&self) -> &Place<'_> {
        &self.out.place
    }

    fn place_mut(&mut self) -> PlaceMut<'_> {
        PlaceMut { context: self.out.place.context, schedule: self.out.place.schedule }
    }

    fn deliver(&mut self, value: V, timestamp: Timestamp, headers: Headers, child: Option<&str>) {
        self.out.deliver(Record { key: self.key.clone(), value, timestamp, headers }, child);
    }
}

impl<V> ForwardValues<'_, V> {
    /// As [`Forward::send`], under the key of the record being processed.
    #[doc(alias = "forward")]
    pub fn send(&mut self, value: V) {
        let (timestamp, headers) = (self.timestamp(), self.headers().clone());
        self.0.deliver(value, timestamp, headers, None);
    }

    /// As [`Forward::send_with`], under the key of the record being processed.
    pub fn send_with(&mut self, value: V, timestamp: Timestamp, headers: Headers) {
        self.0.deliver(value, timestamp, headers, None);
    }

    /// As [`Forward::send_to`], under the key of the record being processed.
    pub fn send_to(&mut self, child: &str, value: V, timestamp: Timestamp, headers: Headers) {
        self.0.deliver(value, timestamp, headers, Some(child));
    }

    looks!(|out| out.0.place(), |out| out.0.place_mut());
}

/// A node that runs a [`ValueProcessor`]. `ids` are the numbers of its stores, in order.
pub(crate) fn value_processor_recipe<P, K, V, V2>(
    ids: Vec<StoreId>,
    make: impl Fn() -> P + Send + Sync + 'static,
) -> Recipe
where
    P: ValueProcessor<K, V, V2>,
    K: Clone + 'static,
    V: 'static,
    V2: Clone + 'static,
{
    processor_recipe(ids, move || KeepsKey { processor: make(), types: PhantomData })
}

/// A processor that sends everything under the key of the record being processed.
struct KeepsKey<P, V> {
    processor: P,
    types: PhantomData<fn(V)>,
}

impl<P, K, V, V2> Processor<K, V, K, V2> for KeepsKey<P, V>
where
    P: ValueProcessor<K, V, V2>,
    K: Clone + 'static,
    V: 'static,
    V2: Clone + 'static,
{
    type Stores = P::Stores;

    fn init(&mut self, schedule: &mut Schedule) {
        self.processor.init(schedule);
    }

    fn process(&mut self, stores: Refs<'_, P::Stores>, record: Record<K, V>, out: &mut Forward<'_, K, V2>) {
        let mut keeper = Keeper { key: record.key.clone(), out };
        self.processor.process(stores, record, &mut ForwardValues(&mut keeper));
    }

    fn punctuate(
        &mut self,
        punctuation: PunctuationId,
        time: Timestamp,
        stores: Refs<'_, P::Stores>,
        out: &mut Forward<'_, K, V2>,
    ) {
        self.processor.punctuate(punctuation, time, stores, out.schedule());
    }

    fn close(&mut self) {
        self.processor.close();
    }
}
