//! Sinks: they encode typed records and send them to a topic.
//!
//! Unless the application has a [partitioner](super::partitioner), the sink chooses the partition as Java does: by murmur2
//! of the key's bytes, or of the inner key's for windowed keys. Records without a key go to one partition until about a
//! batch's worth has been sent there, then to the next, so that batches stay full.

use std::marker::PhantomData;
use std::rc::Rc;

use smallvec::smallvec;

use super::meters::SinkMeter;
use super::partitioner::{Chosen, Partitioner, Partitions, Target};
use super::{BuiltNode, Context, Destination, DropReason, Next, OperatorError, Recipe, Unaddressed};
use crate::record::{Headers, Partition, Record, Timestamp};
use crate::topic::TopicRef;
use crate::windows::WindowSizes;
use crate::wire::murmur2::partition_of;
use crate::wire::{Field, SendAs};

/// Takes `Record<K, V>` and sends it to a topic of keys `TK` and values `TV`.
#[must_use]
pub(crate) fn recipe<K, V, TK, TV>(topic: TopicRef) -> Recipe
where
    K: SendAs<TK> + 'static,
    V: SendAs<TV> + 'static,
    TK: Field,
    TV: Field,
{
    partitioned_recipe::<K, V, TK, TV>(topic, None)
}

/// As [`recipe`], with the application's choice of partitions, if it has one.
#[must_use]
pub(crate) fn partitioned_recipe<K, V, TK, TV>(topic: TopicRef, partitioner: Option<Partitioner<K, V>>) -> Recipe
where
    K: SendAs<TK> + 'static,
    V: SendAs<TV> + 'static,
    TK: Field,
    TV: Field,
{
    Recipe::new(move |builder| {
        let route = Route::new(builder.destination(&topic)?, builder.task().partition);
        let meter = builder.meter(Some(&route.destination.topic));
        let encoder = Encoder::new(builder.name(), meter);
        let partitioner = partitioner.clone();
        Ok(BuiltNode::link::<K, V>(Sink::<K, V, TK, TV> { encoder, route, partitioner, types: PhantomData }))
    })
    .of_topic::<TK, TV>(WindowSizes::NONE)
}

struct Sink<K, V, TK, TV> {
    encoder: Encoder,
    route: Route,
    partitioner: Option<Partitioner<K, V>>,
    types: PhantomData<fn(TK, TV)>,
}

impl<K, V, TK, TV> Next<K, V> for Sink<K, V, TK, TV>
where
    K: SendAs<TK>,
    V: SendAs<TV>,
    TK: Field,
    TV: Field,
{
    #[inline]
    fn process(&mut self, context: &mut Context, record: Record<K, V>) -> Result<(), OperatorError> {
        let partitions = self.route.choose(self.partitioner.as_ref(), &record);
        self.encoder.encode::<K, V, TK, TV>(&record)?;
        self.encoder.send::<TK>(context, &mut self.route, partitions, record.timestamp, &record.headers)
    }
}

/// How many bytes of records without a key go to one partition before the next. This is Kafka's default batch size,
/// which Kafka's own partitioner uses in the same way.
const STICKY_BYTES: usize = 16_384;

/// A rough estimate of a record's overhead in a batch.
const RECORD_OVERHEAD: usize = 10;

/// A topic to send to, and the partition whose turn it is.
pub(super) struct Route {
    destination: Destination,
    sticky: Partition,
    sticky_bytes: usize,
}

impl Route {
    /// `first` is the first partition for records without a key; it differs between tasks, so that they do not all
    /// start with the same one.
    pub(super) fn new(destination: Destination, first: Partition) -> Self {
        let sticky = Partition(first.0.rem_euclid(count(&destination)));
        Self { destination, sticky, sticky_bytes: 0 }
    }

    #[inline]
    pub(super) fn choose<K, V>(&self, partitioner: Option<&Partitioner<K, V>>, record: &Record<K, V>) -> Partitions {
        let Some(partitioner) = partitioner else { return Partitions::ByKey };
        let Destination { topic, partitions, .. } = &self.destination;
        let Record { key, value, timestamp, headers } = record;
        let target = Target { topic, partitions: *partitions, timestamp: *timestamp, headers };
        partitioner(key, value, &target)
    }

    /// The numbers of the partitions, for a record with these bytes.
    #[inline]
    fn partitions<TK: Field>(
        &mut self,
        node: &str,
        partitions: Partitions,
        key: Option<&[u8]>,
        value_bytes: usize,
    ) -> Result<Chosen, OperatorError> {
        if let Some(chosen) = partitions.chosen(node, &self.destination)? {
            return Ok(chosen);
        }
        Ok(smallvec![match key {
            Some(key) => partition_of(TK::partition_bytes(key), self.destination.partitions),
            None => self.in_turn(value_bytes),
        }])
    }

    /// The partition of a record without a key, whose value has that many bytes.
    fn in_turn(&mut self, bytes: usize) -> Partition {
        if self.sticky_bytes >= STICKY_BYTES {
            self.sticky_bytes = 0;
            self.sticky.0 = (self.sticky.0 + 1).rem_euclid(count(&self.destination));
        }
        self.sticky_bytes += bytes + RECORD_OVERHEAD;
        self.sticky
    }
}

fn count(destination: &Destination) -> i32 {
    i32::try_from(destination.partitions).unwrap_or(i32::MAX).max(1)
}

/// Encodes records into reusable buffers and sends them.
pub(super) struct Encoder {
    node: String,
    key: Vec<u8>,
    value: Vec<u8>,
    has_key: bool,
    has_value: bool,
    meter: Rc<SinkMeter>,
}

impl Encoder {
    pub(super) fn new(node: &str, meter: Rc<SinkMeter>) -> Self {
        Self { node: node.to_owned(), key: Vec::new(), value: Vec::new(), has_key: false, has_value: false, meter }
    }

    #[inline]
    pub(super) fn encode<K, V, TK, TV>(&mut self, record: &Record<K, V>) -> Result<(), OperatorError>
    where
        K: SendAs<TK>,
        V: SendAs<TV>,
        TK: Field,
        TV: Field,
    {
        self.key.clear();
        self.value.clear();
        let key = record.key.write_as(&mut self.key);
        let written = key.and_then(|key| Ok((key, record.value.write_as(&mut self.value)?)));
        match written {
            Ok(written) => (self.has_key, self.has_value) = written,
            Err(error) => return Err(OperatorError::Encode { node: self.node.clone(), error }),
        }
        Ok(())
    }

    /// Sends what was encoded last.
    #[inline]
    pub(super) fn send<TK: Field>(
        &self,
        context: &mut Context,
        route: &mut Route,
        partitions: Partitions,
        timestamp: Timestamp,
        headers: &Headers,
    ) -> Result<(), OperatorError> {
        let chosen = route.partitions::<TK>(&self.node, partitions, self.key(), self.value.len())?;
        if chosen.is_empty() {
            context.drop_record(&self.node, DropReason::NoPartition);
        }
        for partition in chosen {
            let destination = &route.destination;
            context.send(&self.node, destination, partition, self.key(), self.value(), timestamp, headers)?;
            self.meter.note(timestamp, context.wall_clock);
        }
        Ok(())
    }

    /// Sends what was encoded last as soon as its topic is known; `choose` then chooses the partitions.
    pub(super) fn send_when_known<TK: Field>(
        &self,
        context: &mut Context,
        topic: &str,
        (timestamp, headers): (Timestamp, &Headers),
        choose: impl FnOnce(&Route) -> Partitions + 'static,
    ) -> Result<(), OperatorError> {
        let (first, bytes) = (context.task.partition, self.value.len());
        let unaddressed = Unaddressed {
            topic: topic.into(),
            task: context.task,
            node: self.node.as_str().into(),
            position: context.position.clone(),
            key: self.key().map(Into::into),
            value: self.value().map(Into::into),
            timestamp,
            headers: headers.clone(),
            choose: Box::new(move |destination, node, key| {
                let mut route = Route::new(destination.clone(), first);
                let partitions = choose(&route);
                route.partitions::<TK>(node, partitions, key, bytes)
            }),
        };
        context.send_when_known(unaddressed)?;
        self.meter.note(timestamp, context.wall_clock);
        Ok(())
    }

    fn key(&self) -> Option<&[u8]> {
        self.has_key.then_some(self.key.as_slice())
    }

    fn value(&self) -> Option<&[u8]> {
        self.has_value.then_some(self.value.as_slice())
    }

    pub(super) fn node(&self) -> &str {
        &self.node
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::operators::partitioner::{IntoPartitions, Partitioner, Partitions, Target};
    use crate::operators::testing::{SinkChain, Word, at, headers};
    use crate::operators::{DropReason, OperatorError};
    use crate::record::Timestamp;
    use crate::topic::TopicRef;
    use crate::windows::{Window, Windowed};
    use crate::wire::murmur2::partition_of;

    fn topic() -> TopicRef {
        TopicRef::External("out".into())
    }

    #[test]
    fn the_keys_hash_chooses_the_partition_and_timestamp_and_headers_go_along() {
        let mut chain = SinkChain::new(&super::recipe::<Word, Option<Word>, Word, Option<Word>>(topic()), 7);
        let mut record = at(42, Word::from("key"), Some(Word::from("value")));
        record.headers = headers("h", "1");
        chain.send(record).unwrap();
        chain.send(at(43, Word::from("key"), None)).unwrap();
        let sent = chain.sent();
        assert_eq!(sent.len(), 2);
        for (sent, value) in sent.iter().zip([Some(b"value".to_vec()), None]) {
            assert_eq!(sent.partition, partition_of(b"key", 7));
            assert_eq!((sent.key.as_deref(), &sent.value), (Some(&b"key"[..]), &value));
        }
        assert_eq!((sent[0].timestamp, &sent[0].headers), (Timestamp(42), &headers("h", "1")));
        assert_eq!(&*sent[0].topic, "out");
    }

    #[test]
    fn a_windowed_key_goes_where_its_inner_key_goes() {
        type Key = Windowed<Word>;
        let mut chain = SinkChain::new(&super::recipe::<Key, Word, Key, Word>(topic()), 7);
        for start in [0, 60_000, 120_000] {
            let window = Window { start: Timestamp(start), end: Timestamp(start + 60_000) };
            chain.send(at(start, Windowed { key: Word::from("key"), window }, Word::from("value"))).unwrap();
            let sent = chain.sent().pop().unwrap();
            assert_eq!(sent.partition, partition_of(b"key", 7));
            assert_eq!(sent.key.unwrap(), [&b"key"[..], &start.to_be_bytes()].concat());
        }
    }

    #[test]
    fn a_windowed_key_goes_where_its_inner_key_goes_also_if_a_partitioner_leaves_it_to_that() {
        type Key = Windowed<Word>;
        let leave: Partitioner<Key, Word> = Arc::new(|_, _, _| Partitions::ByKey);
        let mut chain = SinkChain::new(&super::partitioned_recipe::<Key, Word, Key, Word>(topic(), Some(leave)), 7);
        for start in [0, 60_000, 120_000] {
            let window = Window { start: Timestamp(start), end: Timestamp(start + 60_000) };
            chain.send(at(start, Windowed { key: Word::from("key"), window }, Word::from("value"))).unwrap();
            assert_eq!(chain.sent().pop().unwrap().partition, partition_of(b"key", 7));
        }
    }

    #[test]
    fn records_without_a_key_stay_in_one_partition_for_a_batch_and_then_move_on() {
        let mut chain = SinkChain::new(&super::recipe::<(), Word, (), Word>(topic()), 3);
        let value = "x".repeat(6_000);
        for _ in 0..9 {
            chain.send(at(0, (), Word::from(value.as_str()))).unwrap();
        }
        let partitions: Vec<_> = chain.sent().iter().map(|sent| sent.partition.0).collect();
        assert_eq!(partitions, [0, 0, 0, 1, 1, 1, 2, 2, 2]);
        assert!(chain.sent().iter().all(|sent| sent.key.is_none()));
    }

    #[test]
    fn a_value_is_sent_to_a_topic_with_nulls_and_back() {
        let mut chain = SinkChain::new(&super::recipe::<Word, Option<Word>, Word, Word>(topic()), 1);
        chain.send(at(0, Word::from("k"), None::<Word>)).unwrap();
        assert_eq!(chain.sent()[0].value, None, "a tombstone");
    }

    fn partitioned(choose: fn(&Word, i64, &Target<'_>) -> Partitions) -> SinkChain<Word, i64> {
        let partitioner: Partitioner<Word, i64> = Arc::new(move |key, value, to| choose(key, *value, to));
        SinkChain::new(&super::partitioned_recipe::<Word, i64, Word, i64>(topic(), Some(partitioner)), 4)
    }

    #[test]
    fn a_partitioner_sends_a_record_to_one_partition_to_several_or_to_none() {
        let mut chain = partitioned(|key, value, to| {
            assert_eq!((to.topic, to.partitions, to.timestamp), ("out", 4, Timestamp(42)));
            match value {
                0..4 => value.into_partitions(),
                4 => Partitions::several([3, 1]),
                5 => Partitions::All,
                6 => Partitions::none(),
                _ => {
                    assert_eq!((key, to.headers), (&Word::from("key"), &headers("h", "1")));
                    Partitions::ByKey
                }
            }
        });
        let expected = partition_of(b"key", 4).0;
        for (value, expected) in
            [(0, vec![0]), (3, vec![3]), (4, vec![1, 3]), (5, vec![0, 1, 2, 3]), (6, vec![]), (7, vec![expected])]
        {
            let before = chain.sent().len();
            let mut record = at(42, Word::from("key"), value);
            record.headers = headers("h", "1");
            chain.send(record).unwrap();
            let sent = chain.sent().split_off(before);
            assert_eq!(sent.iter().map(|sent| sent.partition.0).collect::<Vec<_>>(), expected, "value {value}");
            assert!(sent.iter().all(|sent| sent.value.as_deref() == Some(&value.to_be_bytes())));
        }
        assert_eq!(chain.dropped(DropReason::NoPartition), 1);
    }

    #[test]
    fn a_partition_that_the_topic_does_not_have_is_an_error() {
        let mut chain = partitioned(|_, value, _| value.into_partitions());
        for value in [4, -1] {
            let error = chain.send(at(0, Word::from("key"), value)).unwrap_err();
            let expected =
                OperatorError::Partition { node: "NODE".into(), topic: "out".into(), partition: value, partitions: 4 };
            assert_eq!(error, expected);
        }
        assert_eq!(chain.sent(), []);
    }
}
