//! `to`.

use super::{KStream, Output};
use crate::dsl::Data;
use crate::operators::sink;
use crate::topic::{Topic, TopicRef};
use crate::topology::program::{Call, TypedTopic};
use crate::wire::{Field, SendAs};

impl<'t, K, V> KStream<'t, K, V> {
    /// Sends the records to a topic, with their timestamps and headers. On Kafka the topic must exist. The key determines
    /// the partition, as in Kafka (murmur2); records without a key are spread over the partitions.
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
    #[track_caller]
    pub fn to<TK, TV>(self, topic: Topic<TK, TV>) -> Output<'t>
    where
        K: SendAs<TK> + Data,
        V: SendAs<TV> + Data,
        TK: Field,
        TV: Field,
    {
        let recipe = sink::recipe::<K, V, TK, TV>(TopicRef::External(topic.name().into()));
        let call = Call::Sink { input: self.step, topic: TypedTopic::of(&topic), recipe };
        Output { builder: self.builder, step: self.builder.add(call) }
    }
}
