//! `to` and `to_with`.

use std::any::type_name;
use std::cell::RefCell;
use std::panic::Location;
use std::rc::Rc;
use std::sync::Arc;

use super::KStream;
use crate::dsl::attached::Attached;
use crate::dsl::{Data, Shared, StreamsBuilder, handle};
use crate::operators::chosen_sink::{ChosenTopic, RecordContext};
use crate::operators::partitioner::{IntoPartitions, Partitioner, Target};
use crate::operators::{chosen_sink, sink};
use crate::topic::Topic;
use crate::topology::TopologyError;
use crate::topology::program::{Call, CallId, TypedTopic};
use crate::wire::{Field, SendAs};

impl<'t, K, V> KStream<'t, K, V> {
    /// Sends the records to a topic, with their timestamps and headers. On Kafka the topic must exist. The key determines
    /// the partition, as in Kafka (murmur2); records without a key are spread over the partitions. With
    /// [`Sent::partitioned_by`] the application chooses partitions itself.
    ///
    /// The topic's types may allow nulls that the stream does not have, and the other way round: `None` is sent as a
    /// tombstone.
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const LINES: Topic<(), String> = Topic::new("lines");
    /// const COPIES: Topic<(), String> = Topic::new("copies");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(LINES).to(COPIES).named("copy");
    /// assert!(builder.build()?.describe().contains("Sink: copy (topic: copies)"));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("add_sink", "Produced"))]
    #[track_caller]
    pub fn to<TK, TV>(self, topic: Topic<TK, TV>) -> Sent<'t, K, V>
    where
        K: SendAs<TK> + Data,
        V: SendAs<TV> + Data,
        TK: Field,
        TV: Field,
    {
        let chosen = ChosenPartitions::<K, V>::default();
        let partitioner = self.builder.attach(Rc::clone(&chosen));
        let recipe = Box::new(move |topic| sink::partitioned_recipe::<K, V, TK, TV>(topic, chosen.take()));
        let call = Call::Sink { input: self.step, topic: TypedTopic::of(&topic), recipe };
        Sent { builder: self.builder, step: self.builder.add(call), partitioner }
    }

    /// Sends each record to the topic that a closure chooses for it: to one of several constants, which have the same
    /// types, or to a topic whose name is made at run time. This is `to` with Kafka Streams' `TopicNameExtractor`.
    ///
    /// On Kafka the topics must exist: a topic that does not, or a name that breaks Kafka's rule, ends the application
    /// with an error that names it. On an embedded log missing topics are created, with as many partitions as the widest
    /// input has.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, i64> = Topic::new("orders");
    /// const SMALL: Topic<u64, i64> = Topic::new("small-orders");
    /// const LARGE: Topic<u64, i64> = Topic::new("large-orders");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(ORDERS).to_with(|_, cents, _| if *cents < 10_000 { SMALL } else { LARGE });
    ///
    /// let mut driver = TestDriver::new(builder.build()?);
    /// driver.pipe(&ORDERS, 1_u64, 500);
    /// driver.pipe(&ORDERS, 2_u64, 20_000);
    /// assert_eq!(driver.read(&SMALL), [(1, 500)]);
    /// assert_eq!(driver.read(&LARGE), [(2, 20_000)]);
    /// # Ok::<(), TopologyError>(())
    /// ```
    ///
    /// A name made at run time may be no valid name, so that the closure returns the `Result` of [`Topic::named`]:
    ///
    /// ```
    /// use millstream::prelude::*;
    ///
    /// const VISITS: Topic<String, String> = Topic::new("visits");
    ///
    /// let builder = StreamsBuilder::new();
    /// let by_country = builder.stream(VISITS).to_with(|_, country, _| {
    ///     Topic::<String, String>::named(format!("visits-from-{country}"))
    /// });
    /// by_country.named("by-country");
    /// assert!(builder.build()?.describe().contains("Sink: by-country (extractor class: "));
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias = "TopicNameExtractor")]
    #[track_caller]
    pub fn to_with<C, F>(self, choose: F) -> Sent<'t, K, V>
    where
        F: Fn(&K, &V, &RecordContext<'_>) -> C + Shared,
        C: ChosenTopic + 'static,
        K: SendAs<C::Key> + Data,
        V: SendAs<C::Value> + Data,
    {
        let chosen = ChosenPartitions::<K, V>::default();
        let partitioner = self.builder.attach(Rc::clone(&chosen));
        let recipe = Box::new(move || chosen_sink::recipe::<K, V, C>(choose, chosen.take()));
        let call = Call::ChosenSink { input: self.step, chooser: type_name::<F>(), recipe };
        Sent { builder: self.builder, step: self.builder.add(call), partitioner }
    }
}

/// A partitioner, once there is one.
pub(super) type ChosenPartitions<K, V> = Rc<RefCell<Option<Partitioner<K, V>>>>;

/// The end of a stream whose records are sent to a topic; made by [`KStream::to`] and
/// [`KStream::to_with`].
pub struct Sent<'t, K, V> {
    builder: &'t StreamsBuilder,
    step: CallId,
    partitioner: Attached<ChosenPartitions<K, V>>,
}

handle::copy!(Sent);
handle::debug!(Sent);

impl<K: 'static, V: 'static> Sent<'_, K, V> {
    /// Names the node, instead of a generated name such as `KSTREAM-SINK-0000000003`.
    #[track_caller]
    pub fn named(self, name: impl Into<String>) -> Self {
        self.builder.name(self.step, name.into(), Location::caller());
        self
    }

    /// Chooses the partition of each record, or several, all or none of them, instead of murmur2 of the key's bytes: the
    /// closure returns a partition's number or [`Partitions`](crate::dsl::Partitions). This is Kafka Streams'
    /// `StreamPartitioner` (with KIP-837).
    ///
    /// A partition that the topic does not have is an error, which ends the application. A record that goes to none is
    /// dropped and counted. The partitioner should depend on the record alone: others that read the topic by key, such as
    /// a join, find a record only where its key says that it is.
    ///
    /// ```
    /// use millstream::dsl::Partitions;
    /// use millstream::prelude::*;
    /// use millstream::testing::TestDriver;
    ///
    /// const ORDERS: Topic<u64, String> = Topic::new("orders");
    /// const BY_REGION: Topic<u64, String> = Topic::new("orders-by-region");
    ///
    /// let builder = StreamsBuilder::new();
    /// builder.stream(ORDERS).to(BY_REGION).partitioned_by(|_, region, to| match region.as_str() {
    ///     "north" => Partitions::One(0),
    ///     "everywhere" => Partitions::All,
    ///     _ => Partitions::One(i64::from(to.partitions) - 1),
    /// });
    ///
    /// let mut driver = TestDriver::configure(builder.build()?).partitions(2).start();
    /// for (id, region) in [(1_u64, "south"), (2, "north"), (3, "everywhere")] {
    ///     driver.pipe(&ORDERS, id, region);
    /// }
    /// let orders = [(2, "north"), (3, "everywhere"), (1, "south"), (3, "everywhere")];
    /// assert_eq!(driver.read(&BY_REGION), orders.map(|(id, region)| (id, region.to_owned())), "by partition");
    /// # Ok::<(), TopologyError>(())
    /// ```
    #[doc(alias("StreamPartitioner", "with_stream_partitioner"))]
    #[track_caller]
    pub fn partitioned_by<P: IntoPartitions>(self, choose: impl Fn(&K, &V, &Target<'_>) -> P + Shared) -> Self {
        choose_partitions(self.builder, self.partitioner, choose);
        self
    }
}

/// Sets the partitioner of a sink.
#[track_caller]
pub(super) fn choose_partitions<K: 'static, V: 'static, P: IntoPartitions>(
    builder: &StreamsBuilder,
    partitioner: Attached<ChosenPartitions<K, V>>,
    choose: impl Fn(&K, &V, &Target<'_>) -> P + Shared,
) {
    if let Some(partitioner) = builder.shared(partitioner) {
        let choose: Partitioner<K, V> = Arc::new(move |key, value, to| choose(key, value, to).into_partitions());
        if partitioner.replace(Some(choose)).is_some() {
            let reason = "the records have a partitioner already; keep one of the two".to_owned();
            builder.complain(TopologyError::Option { option: ".partitioned_by(..)", reason, at: Location::caller() });
        }
    }
}
